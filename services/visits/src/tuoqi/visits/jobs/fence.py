"""Before deadlines are judged on a live clock: what the registry knew before midnight must have arrived.

Else somebody who died in the evening raises an alarm at midnight. A registry that is away is waited for so long and no
longer: people found a minute late are better than people not found.
"""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from typing import Final

from tuoqi.kit import metrics
from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.database import Database
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.logs import get_logger
from tuoqi.visits import store
from tuoqi.visits.domain.days import ONE_DAY, day_of, midnight_of
from tuoqi.visits.peers import Fence, Fencing

WAIT_S: Final = 60.0
"""How long a sweep waits for the registry, at most, in seconds of the system clock."""
LOOK_S: Final = 0.1
ASK_AGAIN_S: Final = 1.0
PEER: Final = "registry"
logger = get_logger(room="sweep")


class RegistryFence:
    """The registry's fence at the last midnight, waited for once a day. On a settable clock the driver keeps order."""

    def __init__(self, registry: Fencing, database: Database, clock: BusinessClock, wait_s: float = WAIT_S) -> None:
        self._registry = registry
        self._database = database
        self._clock = clock
        self._wait_s = wait_s
        self._passed: date | None = None

    async def wait(self, until: datetime) -> None:
        """Return when all facts known before the last midnight are applied here, or the time is over."""
        day = day_of(until)
        if self._clock.settable or day == self._passed:
            return
        try:
            async with asyncio.timeout(self._wait_s):
                await self._arrived(await self._asked(midnight_of(day)))
        except TimeoutError:
            metrics.FENCES.labels(PEER, "missed").inc()
            logger.warning("deadlines are judged without the registry's fence", day=f"{day}", waited_s=self._wait_s)
        else:
            metrics.FENCES.labels(PEER, "passed").inc()
        self._passed = day

    async def _asked(self, cutoff: datetime) -> Fence:
        """The fence, asked for until the registry gives it: it may be away, or its clock a little behind."""
        while True:
            try:
                return await self._registry.fence(cutoff)
            except TuoqiError as refusal:
                logger.info("the registry gives no fence yet", reason=refusal.slug)
            await asyncio.sleep(ASK_AGAIN_S)

    async def _arrived(self, fence: Fence) -> None:
        while True:
            async with self._database.begin() as tx:
                missing = fence.places - await store.fenced_places(tx, fence.fence_id)
                if not missing:
                    await store.forget_fences(tx, fence.cutoff - ONE_DAY)
                    return
            await asyncio.sleep(LOOK_S)
