"""What becomes of a person's extra tasks 临时任务, and who looks after the person; as events of the visit file.

All of them are told in one sequence with the plan's and the records' events, so that nobody hears them out of order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tuoqi.contracts.visits.v1 import task_pb2
from tuoqi.kit.context import Context
from tuoqi.kit.stamps import stamp_of
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.plan import SUCCESSES
from tuoqi.visits.domain.records import VisitForm
from tuoqi.visits.domain.tasks import ExtraTask, Split, TaskNews, TaskOrder, TaskState, fulfilled, of_cause


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who looks after a person from now on; `worker_id` is empty where nobody does."""

    worker_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class TaskDue:
    """The moment of a task has come."""

    task_id: str


@dataclass(frozen=True, slots=True)
class TaskCancel:
    """The tasks of a cause are taken back."""

    cause_id: str


def close_tasks(file: VisitFile, form: VisitForm, ctx: Context) -> VisitFile:
    """The file after the tasks that this visit fulfils: a late record counts by its own time."""
    if not file.tasks or form.result not in SUCCESSES:
        return file
    return _settle(file, fulfilled(file.tasks, form.record.counts_at(ctx.at)), TaskState.DONE, ctx)


def withdraw_tasks(file: VisitFile, ctx: Context) -> VisitFile:
    """The file after its tasks were withdrawn, where nobody can be visited: dead, away, in a facility, or merged."""
    if not file.tasks or file.plan is None:
        return file
    facts, day = file.plan.facts, day_of(ctx.at)
    if not facts.excuses(day) and not facts.merged:
        return file
    return _settle(file, Split((), file.tasks), TaskState.WITHDRAWN, ctx)


def on_task_ordered(file: VisitFile | None, order: TaskOrder, ctx: Context) -> VisitFile | None:
    """Somebody must see this person by a moment; nobody need see the dead, and once for a cause is enough."""
    if file is None or file.plan is None or of_cause(file.tasks, order.cause_id).hit:
        return file
    facts, day = file.plan.facts, day_of(ctx.at)
    if order.categories and not any(facts.in_force(category, day) for category in order.categories):
        return file
    task = ExtraTask(ctx.new_id(), order.kind, order.cause_id, ctx.at, order.due_at)
    if facts.excuses(day) or facts.not_visited(day):
        return _with_news(file, [TaskNews(task, TaskState.NOT_NEEDED, ctx.at)])
    ctx.emit(
        task_pb2.ExtraTaskOpened(
            task_id=task.task_id,
            person_id=file.person_id,
            kind=task.kind,
            cause_id=task.cause_id,
            due_at=stamp_of(task.due_at),
        )
    )
    file = replace(file, tasks=(*file.tasks, task))
    return _with_news(file, [TaskNews(task, TaskState.OPEN, ctx.at)])


def on_task_cancelled(file: VisitFile | None, cancel: TaskCancel, ctx: Context) -> VisitFile | None:
    """What a cause ordered is taken back, or the warning is over."""
    if file is None:
        return None
    return _settle(file, of_cause(file.tasks, cancel.cause_id), TaskState.CANCELLED, ctx)


def on_task_due(file: VisitFile | None, due: TaskDue, ctx: Context) -> VisitFile | None:
    """The moment passed and nobody had seen the person: told once."""
    if file is None:
        return None
    passed = next((task for task in file.tasks if task.task_id == due.task_id and not task.overdue), None)
    if passed is None:
        return file
    told = _tell_overdue(file, passed, ctx)
    file = replace(file, tasks=tuple(told if task is passed else task for task in file.tasks))
    return _with_news(file, [TaskNews(told, TaskState.OPEN, ctx.at)])


def on_assigned(file: VisitFile | None, assignment: Assignment, ctx: Context) -> VisitFile | None:
    """Who looks after the person is told; it is kept in a table of its own, in the same transaction."""
    if file is None:
        return None
    ctx.emit(task_pb2.VisitAssigned(person_id=file.person_id, worker_id=assignment.worker_id, reason=assignment.reason))
    return file


def _settle(file: VisitFile, split: Split, state: TaskState, ctx: Context) -> VisitFile:
    """End tasks. One whose moment had passed is told to be overdue first, as a punctual clock would have told it."""
    if not split.hit:
        return file
    hit = [_tell_overdue(file, task, ctx) if task.due_at <= ctx.at and not task.overdue else task for task in split.hit]
    for task in hit:
        ctx.emit(
            task_pb2.ExtraTaskSettled(
                task_id=task.task_id, person_id=file.person_id, cause_id=task.cause_id, state=state.value
            )
        )
    return _with_news(replace(file, tasks=split.left), (TaskNews(task, state, ctx.at) for task in hit))


def _tell_overdue(file: VisitFile, task: ExtraTask, ctx: Context) -> ExtraTask:
    """The task, told of at its own moment, however late anybody looks."""
    ctx.emit(
        task_pb2.ExtraTaskOverdue(
            task_id=task.task_id, person_id=file.person_id, kind=task.kind, due_at=stamp_of(task.due_at)
        ),
        at=task.due_at,
    )
    return replace(task, overdue=True)


def _with_news(file: VisitFile, news: Iterable[TaskNews]) -> VisitFile:
    return replace(file, task_news=(*file.task_news, *news))
