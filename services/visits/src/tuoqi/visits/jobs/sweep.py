"""The midnight sweep 零点巡检: every plan that is due is judged once, under its own key, in order of its due moment.

A check that comes late steps through the missed midnights one by one, so its events have the ids and the times that a
punctual one would have given them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Database, Tx
from tuoqi.visits import store
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.handlers import on_midnight

ACTOR: Final = "clock:midnight"


class MidnightSweep:
    """The timer of visit plans."""

    def __init__(self, commander: Commander, database: Database, chunk: int) -> None:
        self._commander = commander
        self._database = database
        self._chunk = chunk

    async def next_due(self, tx: Tx) -> datetime | None:
        """The earliest midnight at which a plan has something to do."""
        return await store.next_due(tx)

    async def run(self, until: datetime) -> int:
        """Judge every plan due up to and at this moment; how many times a plan was judged."""
        done = 0
        while due := await self._due(until):
            await self._commander.run(VisitFile, [_call(person_id, moment) for person_id, moment in due])
            done += len(due)
        return done

    async def _due(self, until: datetime) -> Sequence[tuple[str, datetime]]:
        async with self._database.begin() as tx:
            return await store.due_plans(tx, until, self._chunk)


def _call(person_id: str, moment: datetime) -> Call:
    day = day_of(moment)
    return Call(
        key=person_id,
        handler=on_midnight,
        message=day,
        cause=f"midnight:{person_id}:{day}",
        at=moment,
        actor=ACTOR,
    )
