"""Sharing out 分工 as a job: after plans and posts change, and at the midnight when a post begins or ends.

Township by township: what is decided is written in runs of a thousand, each a transaction of its own; a township that
was broken off is taken up again. Between two looks lies at least a quarter of an hour of the county's time (data), so
that a day of imports is shared out once and not person by person.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Final

from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Database, Tx
from tuoqi.visits.domain.days import COUNTY_ZONE, day_of, midnight_of
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.sharing import CLOSED, Move, Posts, share
from tuoqi.visits.domain.task_rules import HUNDRED, TaskRules
from tuoqi.visits.handlers.tasks import Assignment, on_assigned
from tuoqi.visits.store import assignments as store

ACTOR: Final = "clock:sharing"
RUN: Final = 1_000
"""Decisions in one transaction."""


class Sharing:
    """The timer that shares people out among workers."""

    def __init__(self, commander: Commander, database: Database, rules: TaskRules, clock: BusinessClock) -> None:
        self._commander = commander
        self._database = database
        self._rules = rules
        self._clock = clock

    async def next_due(self, tx: Tx) -> datetime | None:
        """The next quarter of an hour where something changed, else the next midnight at which a post turns."""
        return await self._due(tx, self._clock.now()) if self._rules.duties else None

    async def run(self, until: datetime) -> int:
        """Share out what is due; how many decisions were made, at least one where anything was looked at."""
        if not self._rules.duties:
            return 0
        async with self._database.begin() as tx:
            due = await self._due(tx, until)
        return 0 if due is None or due > until else max(1, await self.share_out(until))

    async def _due(self, tx: Tx, now: datetime) -> datetime | None:
        """The due moment. News that nobody saw before gets its moment by where the clock stands now.

        So it is the same however often and whenever anybody looks while the clock stands still.
        """
        known = await store.assignment_clock(tx)
        clock = known or store.Clock(None, day_of(now))
        if clock.due_at is None and await store.anything_to_share(tx):
            clock = clock._replace(due_at=self._after(now))
        if clock != known:
            await store.set_assignment_clock(tx, clock)
        turn = await store.next_turn(tx, clock.looked_on)
        return min(filter(None, (clock.due_at, midnight_of(turn) if turn else None)), default=None)

    async def share_out(self, at: datetime) -> int:
        """Share out all that changed so far, at this moment; how many decisions were made."""
        day = day_of(at)
        async with self._database.begin() as tx:
            clock = await store.assignment_clock(tx)
            await store.note_turns(tx, clock.looked_on if clock else day, day)
            units = await store.take_units(tx)
            # What is not finished stands in the units, and is due again.
            await store.set_assignment_clock(tx, store.Clock(None, max(day, clock.looked_on) if clock else day))
        return sum([await self._share_unit(unit, at) for unit in units])

    async def _share_unit(self, unit: str, at: datetime) -> int:
        async with self._database.begin() as tx:
            members = await store.members_of(tx, unit)
            workers = {one.worker_id for one in members if one.worker_id}
            holders = await store.holders_of(tx, unit, day_of(at), workers)
            outside = await store.loads_outside(
                tx, unit, {one.worker_id for one in holders}, self._rules.weights, HUNDRED
            )
        moves = await asyncio.to_thread(share, members, Posts(holders), self._rules, outside)
        done = 0
        for first in range(0, len(moves), RUN):
            run = moves[first : first + RUN]
            done += await self._commander.transaction(partial(self.write, moves=run, at=at, actor=ACTOR))
        async with self._database.begin() as tx:
            await store.finish_unit(tx, unit)
        return done

    async def write(self, tx: Tx, moves: Sequence[Move], at: datetime, actor: str) -> int:
        """Keep and tell decisions; one whose person changed since it was made waits for the next sharing out."""
        places = await store.lock_places(tx, [move.member.person_id for move in moves])
        standing = [move for move in moves if _still_so(move, places.get(move.member.person_id))]
        calls = [_call(move, at, actor) for move in standing if move.reason != CLOSED]
        if calls:
            await self._commander.within(tx, VisitFile, calls)
        if standing:
            await store.write_assignments(tx, standing, closed=CLOSED, at=at)
        return len(standing)

    def _after(self, moment: datetime) -> datetime:
        """The next full quarter of an hour (data) later than a moment."""
        step = timedelta(minutes=self._rules.share_every_minutes)
        begin = datetime.combine(day_of(moment), time(), COUNTY_ZONE)
        return (begin + ((moment - begin) // step + 1) * step).astimezone(UTC)


def _still_so(move: Move, place: store.Place | None) -> bool:
    member = move.member
    return place is not None and (place.region, place.grade, place.seq) == (member.region, member.grade, member.seq)


def _call(move: Move, at: datetime, actor: str) -> Call:
    member = move.member
    return Call(
        key=member.person_id,
        handler=on_assigned,
        message=Assignment(move.worker_id, move.reason),
        cause=f"assign:{member.person_id}:{member.seq + 1}",
        at=at,
        actor=actor,
    )
