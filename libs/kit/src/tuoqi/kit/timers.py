"""Timed work: what is due by the business clock, done in order of time, each due row once under its own key.

Missed time is caught up, never skipped. On a settable clock `Advance` drives it; on a live one a loop does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from tuoqi.kit.clock import BusinessClock, SettableClock
from tuoqi.kit.database import Conflict, Database, Tx, blames_infrastructure
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.logs import get_logger

LOOK_S = 30.0
"""How often a live clock looks for due work, at the latest."""
logger = get_logger(room="timers")


class Timer(Protocol):
    """One kind of timed work of a service."""

    async def next_due(self, tx: Tx) -> datetime | None:
        """The earliest moment at which there is something to do; None where there never is."""
        ...

    async def run(self, until: datetime) -> int:
        """Do everything due up to and at this moment, in order of time; the number of pieces done."""
        ...


class Timers:
    """A service's timers, in the order in which they act at one moment, and its business clock."""

    def __init__(self, timers: Sequence[Timer], clock: BusinessClock, database: Database) -> None:
        self.running = False
        self._timers = timers
        self._clock = clock
        self._database = database
        self._turn = asyncio.Lock()

    async def next_due(self) -> datetime | None:
        """The earliest due moment of all timers."""
        async with self._database.begin() as tx:
            moments = [await timer.next_due(tx) for timer in self._timers]
        return min((moment for moment in moments if moment is not None), default=None)

    async def advance(self, to: datetime) -> int:
        """Move a settable clock and do what is due. Raises clock.not_settable, clock.backwards."""
        if not isinstance(self._clock, SettableClock):
            raise TuoqiError("clock.not_settable")
        async with self._turn:
            if to < self._clock.now():
                raise TuoqiError("clock.backwards", now=self._clock.now().isoformat())
            # Written first: a service that dies in the middle stands at the new time and catches up.
            async with self._database.begin() as tx:
                await tx.execute(
                    "INSERT INTO clock (now) VALUES (:now) ON CONFLICT (only_row) DO UPDATE SET now = excluded.now",
                    now=to,
                )
            self._clock.move_to(to)
            return await self._run(to)

    async def live(self) -> None:
        """The loop of a live clock, and of a settable one that was killed before its due work was done."""
        while True:
            try:
                async with self._turn:
                    await self._run(self._clock.now())
            except Conflict as race:
                logger.info("timed work begins again", race=str(race)[:200])
            except Exception as fault:
                if not blames_infrastructure(fault):
                    raise
                logger.warning("timed work waits", fault=f"{type(fault).__name__}"[:200])
            await asyncio.sleep(LOOK_S)

    async def _run(self, until: datetime) -> int:
        self.running = True
        try:
            return sum([await timer.run(until) for timer in self._timers])
        finally:
            self.running = False


async def stored_clock(database: Database) -> datetime | None:
    """Where a settable clock stood when the service last ran."""
    async with database.begin() as tx:
        rows = await tx.fetch("SELECT now FROM clock")
    return rows[0].now if rows else None
