"""The midnight sweep 零点巡检: every plan that is due is judged once, under its own key, in order of its due moment.

A check that comes late steps through the missed midnights one by one, so its events have the ids and the times that a
punctual one would have given them. Where a new grade table begins, or the rules became others while the service was
down, the whole county is looked at: the few standings that people share are judged once, and only whom that concerns
goes the way of everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Final

from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Database, Tx
from tuoqi.visits import store
from tuoqi.visits.domain.days import day_of, midnight_of
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.grades import VisitPolicy
from tuoqi.visits.domain.looks import CountyLook
from tuoqi.visits.handlers.plans import on_midnight, on_rules_changed
from tuoqi.visits.jobs.fence import RegistryFence
from tuoqi.visits.store import Look, Seen

ACTOR: Final = "clock:midnight"
AT_ONCE: Final = 2
"""Transactions under way: while PostgreSQL writes one, the next is being judged."""
MakeCall = Callable[[str], Call]


class MidnightSweep:
    """The timer of visit plans."""

    def __init__(
        self,
        commander: Commander,
        database: Database,
        policy: VisitPolicy,
        chunk: int,
        fence: RegistryFence | None = None,
    ) -> None:
        self._commander = commander
        self._database = database
        self._policy = policy
        self._chunk = chunk
        self._fence = fence
        self._rules = sha256(repr(policy).encode()).hexdigest()

    async def next_due(self, tx: Tx) -> datetime | None:
        """The earliest midnight at which a plan has something to do."""
        moments = [await store.next_due(tx), self._table_after(await store.rules_seen(tx))]
        known = [moment for moment in moments if moment is not None]
        return min(known) if known and await store.anybody(tx) else None

    async def run(self, until: datetime) -> int:
        """Judge every plan due up to and at this moment; how many times a plan was judged."""
        if self._fence is not None and await self._due(until) is not None:
            await self._fence.wait(until)
        done = 0
        while (due := await self._due(until)) is not None:
            moment, seen, table_begins = due
            done += await self._judge(moment)
            if table_begins:
                done += await self._look(
                    CountyLook(self._policy, day_of(moment), (day_of(moment),)), moment, seen, _midnight(moment)
                )
        return done + await self._see_rules(until)

    async def _due(self, until: datetime) -> tuple[datetime, Seen, bool] | None:
        """The earliest moment of all up to `until`, the last look at the county, and whether a table begins then."""
        async with self._database.begin() as tx:
            own, seen = await store.next_due(tx), await store.rules_seen(tx)
        table = self._table_after(seen)
        moment = min((one for one in (own, table) if one is not None), default=None)
        return None if moment is None or moment > until else (moment, seen, moment == table)

    def _table_after(self, seen: Seen) -> datetime | None:
        """The midnight at which the next grade table begins for all; None where other rules are to be seen first."""
        if seen.looked_at is None or seen.version != self._rules:
            return None
        day = self._policy.next_table(day_of(seen.looked_at))
        return None if day is None else midnight_of(day)

    async def _judge(self, moment: datetime) -> int:
        """Everybody whose plan is due at this moment."""
        return await self._apply(self._pages(moment), _midnight(moment))

    async def _pages(self, moment: datetime) -> AsyncGenerator[Sequence[str]]:
        last = ""
        while True:
            async with self._database.begin() as tx:
                people = await store.due_plans(tx, moment, last, self._chunk)
            if not people:
                return
            yield people
            last = people[-1]

    async def _apply(self, pages: AsyncGenerator[Sequence[str]], call: MakeCall) -> int:
        """A call for everybody, a page in a transaction; how many."""
        done, running = 0, set[asyncio.Task[object]]()
        try:
            async with aclosing(pages):
                async for people in pages:
                    if len(running) == AT_ONCE:
                        ended, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                        await asyncio.gather(*ended)
                    running.add(asyncio.create_task(self._commander.run(VisitFile, [call(one) for one in people])))
                    done += len(people)
            await asyncio.gather(*running)
        finally:
            # Where one failed the other comes to its end first: nothing goes on behind the caller's back.
            await asyncio.gather(*running, return_exceptions=True)
        return done

    async def _see_rules(self, at: datetime) -> int:
        """Look at every plan again where the grade tables changed while the service was down."""
        async with self._database.begin() as tx:
            seen = await store.rules_seen(tx)
        if seen.version == self._rules:
            return 0
        tables = tuple(self._policy.tables_until(day_of(at)))
        return await self._look(
            CountyLook(self._policy, day_of(at), tables, by_other_rules=True),
            at,
            seen,
            lambda person_id: Call(
                person_id, on_rules_changed, self._rules, f"rules:{person_id}:{self._rules}", at, ACTOR
            ),
        )

    async def _look(self, look: CountyLook, at: datetime, seen: Seen, call: MakeCall) -> int:
        """Everybody whom the look concerns, until it concerns nobody; then it counts for all."""
        done, held = 0, False
        asked = Look(at, look.births(), look.days(), look.ages())
        while True:
            async with self._database.begin() as tx:
                if held:
                    await store.hold_plans(tx)
                concerned = [
                    group
                    for group in await store.groups(tx, asked, seen)
                    if look.concerns(
                        group.standing,
                        group.grade,
                        group.birth_date,
                        group.looked_on,
                        due_too_late=group.due_too_late,
                    )
                ]
                if held and not concerned:
                    await store.see_rules(tx, replace(seen, version=self._rules, looked_at=at))
                    return done
            if concerned:
                done += await self._apply(self._people(asked, seen, concerned), call)
            held = True

    async def _people(self, look: Look, seen: Seen, chosen: Sequence[store.Group]) -> AsyncGenerator[Sequence[str]]:
        async with self._database.begin() as tx:
            async for people in store.people_of(tx, look, seen, chosen, self._chunk):
                yield people


def _midnight(moment: datetime) -> MakeCall:
    day = day_of(moment)
    return lambda person_id: Call(person_id, on_midnight, day, f"midnight:{person_id}:{day}", moment, ACTOR)
