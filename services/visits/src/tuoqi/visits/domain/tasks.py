"""Extra tasks 临时任务 of one person beside the plan: somebody must see this person by a moment.

Plain values; who orders them stands in `batches`. A task is settled once and for all: a record that comes after a task
was taken back changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TaskState(StrEnum):
    """What became of a task."""

    OPEN = "OPEN"
    DONE = "DONE"  # a successful visit 已完成
    CANCELLED = "CANCELLED"  # taken back, or the warning ended 已取消
    WITHDRAWN = "WITHDRAWN"  # dead, away or in a facility 已撤销
    NOT_NEEDED = "NOT_NEEDED"  # looked at and never opened: nobody is to be visited there


@dataclass(frozen=True, slots=True)
class ExtraTask:
    """One open task. `overdue` says that its moment passed and was told of."""

    task_id: str
    kind: str
    cause_id: str
    opened_at: datetime
    due_at: datetime
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class TaskNews:
    """What became of a task since the file was loaded, and when; for the table of tasks."""

    task: ExtraTask
    state: TaskState
    at: datetime


@dataclass(frozen=True, slots=True)
class TaskOrder:
    """What is ordered for a person; `categories` are statuses of which one must be in force, none named = anybody."""

    kind: str
    cause_id: str
    due_at: datetime
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Split:
    """Open tasks told apart: those that go on, and those that something settles."""

    left: tuple[ExtraTask, ...]
    hit: tuple[ExtraTask, ...]


def fulfilled(tasks: Iterable[ExtraTask], seen_at: datetime) -> Split:
    """A successful visit counts for every task that was open when it was made, however late its record arrives."""
    tasks = tuple(tasks)
    hit = tuple(task for task in tasks if task.opened_at <= seen_at)
    return Split(tuple(task for task in tasks if task not in hit), hit)


def of_cause(tasks: Iterable[ExtraTask], cause_id: str) -> Split:
    """The tasks that one cause ordered."""
    tasks = tuple(tasks)
    return Split(
        tuple(task for task in tasks if task.cause_id != cause_id),
        tuple(task for task in tasks if task.cause_id == cause_id),
    )
