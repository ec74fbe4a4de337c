"""Making, taking back and closing batches of extra tasks 批量任务, in runs that resume; and the moments of single tasks.

A batch's row is locked before people's rows, always in this order. A batch that is still being made is never told to be
over: it is over when it is filled, and no task counted from the table is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Database, Tx
from tuoqi.visits.domain.batches import WARNING, TaskBatch
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.tasks import TaskOrder
from tuoqi.visits.handlers.batches import Filled, Settled, on_filled, on_settled
from tuoqi.visits.handlers.tasks import TaskCancel, TaskDue, on_task_cancelled, on_task_due, on_task_ordered
from tuoqi.visits.store import batches as store
from tuoqi.visits.store import tasks as task_store

ACTOR: Final = "clock:tasks"
RUN: Final = 1_000
"""People in one transaction."""


class TaskDeadlines:
    """Tells of each task whose moment passes while it is open; late looks tell the same."""

    def __init__(self, commander: Commander, database: Database) -> None:
        self._commander = commander
        self._database = database

    async def next_due(self, tx: Tx) -> datetime | None:
        """The earliest moment of an open task."""
        return await task_store.next_task_due(tx)

    async def run(self, until: datetime) -> int:
        """Tell of all moments up to and at this one, in order."""
        done = 0
        while due := await self._due(until):
            calls = [
                Call(person_id, on_task_due, TaskDue(task_id), f"task-due:{task_id}", moment, ACTOR)
                for task_id, person_id, moment in due
            ]
            await self._commander.run(VisitFile, calls)
            done += len(calls)
        return done

    async def _due(self, until: datetime) -> Sequence[tuple[str, str, datetime]]:
        async with self._database.begin() as tx:
            return await task_store.due_tasks(tx, until, RUN)


class TaskOrders:
    """The timer that carries batches out: also what a warning asks for, and for whom it asks later."""

    def __init__(self, commander: Commander, database: Database) -> None:
        self._commander = commander
        self._database = database

    async def next_due(self, tx: Tx) -> datetime | None:
        """Since when the first batch waits for something to be done."""
        return next((moment for _, moment in await store.waiting_batches(tx)), None)

    async def run(self, until: datetime) -> int:
        """Carry out whatever waits; how many people and batches were dealt with."""
        async with self._database.begin() as tx:
            waiting = await store.waiting_batches(tx)
        return sum([await self.carry_out(cause_id, until) for cause_id, moment in waiting if moment <= until])

    async def carry_out(self, cause_id: str, at: datetime) -> int:
        """Make a batch's tasks, or take them back, then tell where it is over; goes on where it was broken off."""
        done = 0
        while more := await self._commander.transaction(lambda tx: self._fill(tx, cause_id, at)):
            done += more
        while more := await self._commander.transaction(lambda tx: self._take_back(tx, cause_id)):
            done += more
        settled: int = await self._commander.transaction(lambda tx: self._settle(tx, cause_id))
        return done + settled

    async def _fill(self, tx: Tx, cause_id: str, at: datetime) -> int:
        """The next run of people, and when there is none the word that all are told; 0 where nothing was to be done."""
        batch = await self._locked(tx, cause_id)
        if batch is None or batch.source not in (WARNING, "order") or (batch.filled and batch.source != WARNING):
            return 0
        people: Sequence[str] = ()
        if batch.ended_at is None:
            people = await self._concerned(tx, batch)
        if people:
            await self._order(tx, batch, people, at)
            return len(people)
        if batch.filled:
            return 0
        sums = await store.batch_sums(tx, cause_id)
        filled = Call(cause_id, on_filled, Filled(sums.tasks), f"filled:{cause_id}", batch.opened_at, ACTOR)
        await self._commander.within(tx, TaskBatch, [filled])
        return 1

    async def _concerned(self, tx: Tx, batch: TaskBatch) -> Sequence[str]:
        if batch.source == WARNING:
            return await store.not_yet_told(tx, batch, RUN)
        if batch.scope.persons:
            after = await store.filled_up_to(tx, batch.cause_id)
            return [one for one in sorted(batch.scope.persons) if one > after][:RUN]
        return await store.concerned(tx, batch, RUN)

    async def _order(self, tx: Tx, batch: TaskBatch, people: Sequence[str], at: datetime) -> None:
        """One run. Whoever comes to be concerned after the batch was told has a moment of his own."""
        opened_at = at if batch.filled else batch.opened_at
        order = TaskOrder(batch.kind, batch.cause_id, batch.due_from(opened_at), batch.scope.categories)
        actor = batch.ordered_by or ACTOR
        calls = [
            Call(person_id, on_task_ordered, order, f"task:{batch.cause_id}:{person_id}", opened_at, actor)
            for person_id in people
        ]
        await self._commander.within(tx, VisitFile, calls)
        await store.fill_up_to(tx, batch.cause_id, people[-1])

    async def _take_back(self, tx: Tx, cause_id: str) -> int:
        batch = await self._locked(tx, cause_id)
        if batch is None or batch.ended_at is None:
            return 0
        people = await task_store.open_tasks_of(tx, cause_id, RUN)
        cancel = TaskCancel(cause_id)
        calls = [
            Call(person_id, on_task_cancelled, cancel, f"cancel:{cause_id}:{person_id}", batch.ended_at, ACTOR)
            for person_id in people
        ]
        if calls:
            await self._commander.within(tx, VisitFile, calls)
        return len(calls)

    async def _settle(self, tx: Tx, cause_id: str) -> int:
        batch = await self._locked(tx, cause_id)
        if batch is None or batch.settled_at is not None or not batch.filled:
            return 0
        sums = await store.batch_sums(tx, cause_id)
        if sums.open:
            return 0
        at = max(filter(None, (batch.opened_at, sums.last, batch.ended_at)))
        settled = Settled(sums.done, sums.ended)
        await self._commander.within(
            tx, TaskBatch, [Call(cause_id, on_settled, settled, f"settled:{cause_id}", at, ACTOR)]
        )
        return 1

    @staticmethod
    async def _locked(tx: Tx, cause_id: str) -> TaskBatch | None:
        return (await store.TaskBatchStore().load(tx, [cause_id])).get(cause_id)


def since_day(at: datetime, days: int) -> date:
    """The first day that lies within so many days before a moment."""
    return day_of(at - timedelta(days=days))
