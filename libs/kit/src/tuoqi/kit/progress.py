"""Whether a service gets on with its work; what it answers to whoever asks for its health.

Health means progress: a service whose events wait unsent while none is sent, whose subscription is stopped, or whose
database does not answer, does not serve, however alive its process is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from sqlalchemy.exc import DBAPIError

from tuoqi.kit import metrics, outbox
from tuoqi.kit.clock import system_seconds
from tuoqi.kit.consumer import Consumer
from tuoqi.kit.database import Database
from tuoqi.kit.logs import get_logger
from tuoqi.kit.relay import Relay

WATCH_S = 5.0
STALL_S = 60.0
"""The oldest event has waited so long, and for so long none was acknowledged: the relay stands still."""
logger = get_logger(room="progress")


class Progress:
    """Watches one service. `watch()` tells each change of the answer, and lives as long as the process."""

    def __init__(self, database: Database, relay: Relay, consumers: Sequence[Consumer]) -> None:
        self._database = database
        self._relay = relay
        self._consumers = consumers
        self._sent = relay.sent
        self._moved_at = system_seconds()

    async def watch(self, tell: Callable[[bool], None]) -> None:
        """Look every 5 s; `tell(False)` when it stops getting on, `tell(True)` when it does again."""
        serving = True
        while True:
            await asyncio.sleep(WATCH_S)
            trouble = await self.trouble()
            if serving != (not trouble):
                serving = not trouble
                tell(serving)
                logger.warning("serving again" if serving else "not serving", why=trouble)

    async def trouble(self) -> str:
        """What keeps the service from getting on; empty where nothing does. Also sets the outbox's metrics."""
        try:
            async with self._database.begin() as tx:
                waiting, age_s = await outbox.pending(tx)
        except (DBAPIError, OSError, TimeoutError) as fault:
            return f"the database does not answer: {type(fault).__name__}"
        metrics.OUTBOX_PENDING.set(waiting)
        metrics.OUTBOX_OLDEST_AGE.set(age_s)
        if self._relay.sent != self._sent or not waiting:
            self._sent, self._moved_at = self._relay.sent, system_seconds()
        if age_s > STALL_S and system_seconds() - self._moved_at > STALL_S:
            return f"{waiting} events wait unsent, the oldest for {age_s:.0f} s"
        return next(
            (f"{one.name} is stopped: {one.stopped_reason}" for one in self._consumers if one.stopped_reason), ""
        )
