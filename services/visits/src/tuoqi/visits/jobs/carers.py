"""The death of a carer 照料人去世: whoever was looked after must be seen within 24 hours (data).

A death is looked at again and again while it is recent, so that a guardianship or a household that becomes known after
the death still brings its task, once. A death that is withdrawn takes its tasks back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import groupby

from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Database, Tx
from tuoqi.visits.domain.batches import CARER, Scope, TaskBatch
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.task_rules import CarerRule
from tuoqi.visits.domain.tasks import TaskOrder
from tuoqi.visits.handlers.batches import Filled, on_filled, on_ordered, on_taken_back
from tuoqi.visits.handlers.tasks import on_task_ordered
from tuoqi.visits.jobs.ordering import ACTOR, RUN, since_day
from tuoqi.visits.store import carers as store
from tuoqi.visits.store.carers import LeftAlone


class CarerDeaths:
    """The timer that finds whom a death left alone."""

    def __init__(self, commander: Commander, database: Database, rule: CarerRule, clock: BusinessClock) -> None:
        self._commander = commander
        self._database = database
        self._rule = rule
        self._clock = clock

    async def next_due(self, tx: Tx) -> datetime | None:
        """When the first became known that waits."""
        left = await store.left_alone(tx, self._since(self._clock.now()), self._rule.household_grades, 1)
        back = await store.carers_alive_again(tx)
        return min([one.known_at for one in left] + [at for _, at in back], default=None)

    async def run(self, until: datetime) -> int:
        """Order a task for everybody left alone, take back those of a death that was withdrawn."""
        done = 0
        while left := await self._left(until):
            for carer, people in groupby(left, key=lambda one: one.carer):
                done += await self._order(carer, list(people))
        async with self._database.begin() as tx:
            back = await store.carers_alive_again(tx)
        for cause_id, at in back:
            call = Call(cause_id, on_taken_back, at, f"lives:{cause_id}", at, ACTOR)
            await self._commander.run(TaskBatch, [call])
        return done + len(back)

    async def _left(self, until: datetime) -> Sequence[LeftAlone]:
        async with self._database.begin() as tx:
            found = await store.left_alone(tx, self._since(until), self._rule.household_grades, RUN)
        return [one for one in found if one.known_at <= until]

    async def _order(self, carer: str, left: Sequence[LeftAlone]) -> int:
        first = left[0]
        cause_id = cause_of(carer, first)
        batch = TaskBatch(
            cause_id=cause_id,
            kind=self._rule.kind,
            source=CARER,
            scope=Scope(persons=(carer,)),
            opened_at=first.known_at,
            due_at=first.known_at + timedelta(hours=self._rule.hours),
            late_hours=self._rule.hours,
        )

        async def act(tx: Tx) -> None:
            known = await self._commander.within(
                tx, TaskBatch, [Call(cause_id, on_ordered, batch, cause_id, first.known_at, ACTOR)]
            )
            # Told of later, the 24 hours begin later: nobody is overdue before anybody could know.
            at = max(self._clock.now(), first.known_at) if known[cause_id].filled else first.known_at
            order = TaskOrder(batch.kind, cause_id, at + timedelta(hours=self._rule.hours))
            calls = [
                Call(one.person_id, on_task_ordered, order, f"task:{cause_id}:{one.person_id}", at, ACTOR)
                for one in left
            ]
            files: dict[str, VisitFile] = await self._commander.within(tx, VisitFile, calls)
            tasks = sum(any(task.cause_id == cause_id for task in file.tasks) for file in files.values())
            filled = Call(cause_id, on_filled, Filled(tasks), f"filled:{cause_id}", first.known_at, ACTOR)
            await self._commander.within(tx, TaskBatch, [filled])

        await self._commander.transaction(act)
        return len(left)

    def _since(self, at: datetime) -> date:
        return since_day(at, self._rule.within_days)


def cause_of(carer: str, left: LeftAlone) -> str:
    """The name of what a death orders: it says nothing of who died."""
    return "carer:" + hashlib.md5(f"{carer}{left.died_on}".encode(), usedforsecurity=False).hexdigest()
