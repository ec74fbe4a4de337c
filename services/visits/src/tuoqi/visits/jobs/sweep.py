"""The midnight sweep 零点巡检: every plan that is due is judged once, under its own key, in order of its due moment.

A check that comes late steps through the missed midnights one by one, so its events have the ids and the times that a
punctual one would have given them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Database, Tx
from tuoqi.visits import store
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.grades import VisitPolicy
from tuoqi.visits.handlers.plans import on_midnight, on_rules_changed

ACTOR: Final = "clock:midnight"


class MidnightSweep:
    """The timer of visit plans."""

    def __init__(self, commander: Commander, database: Database, policy: VisitPolicy, chunk: int) -> None:
        self._commander = commander
        self._database = database
        self._chunk = chunk
        self._rules = sha256(repr(policy).encode()).hexdigest()
        self._rules_are_seen = False

    async def next_due(self, tx: Tx) -> datetime | None:
        """The earliest midnight at which a plan has something to do."""
        return await store.next_due(tx)

    async def run(self, until: datetime) -> int:
        """Judge every plan due up to and at this moment; how many times a plan was judged."""
        done = 0
        while due := await self._due(until):
            await self._commander.run(VisitFile, [_call(person_id, moment) for person_id, moment in due])
            done += len(due)
        if not self._rules_are_seen:
            done += await self._see_rules(until)
            self._rules_are_seen = True
        return done

    async def _due(self, until: datetime) -> Sequence[tuple[str, datetime]]:
        async with self._database.begin() as tx:
            return await store.due_plans(tx, until, self._chunk)

    async def _see_rules(self, at: datetime) -> int:
        """Look at every plan again where the grade tables changed while the service was down."""
        done, last = 0, ""
        while people := await self._unseen(last):
            calls = [
                Call(person_id, on_rules_changed, self._rules, f"rules:{person_id}:{self._rules}", at, ACTOR)
                for person_id in people
            ]
            await self._commander.run(VisitFile, calls)
            done, last = done + len(people), people[-1]
        async with self._database.begin() as tx:
            await store.see_rules(tx, self._rules)
        return done

    async def _unseen(self, last: str) -> Sequence[str]:
        async with self._database.begin() as tx:
            if await store.rules_seen(tx) == self._rules:
                return ()
            return await store.people_after(tx, last, self._chunk)


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
