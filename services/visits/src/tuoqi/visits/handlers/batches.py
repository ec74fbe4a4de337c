"""What becomes of extra tasks that are ordered together: ordered, all made, taken back, all over.

The tasks themselves stand in the people's visit files; how many are open is counted from them, never kept here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from tuoqi.contracts.alerts.v1 import warning_pb2
from tuoqi.contracts.visits.v1 import task_pb2
from tuoqi.kit.context import Context
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.handlers import Handlers
from tuoqi.visits.domain.batches import WARNING, Scope, TaskBatch
from tuoqi.visits.domain.task_rules import TaskRules


@dataclass(frozen=True, slots=True)
class Filled:
    """Everybody concerned has a task by now: so many."""

    tasks: int


@dataclass(frozen=True, slots=True)
class Settled:
    """None of the cause's tasks is open any more."""

    done: int
    ended: int


def on_ordered(batch: TaskBatch | None, order: TaskBatch, ctx: Context) -> TaskBatch:
    """Tasks are ordered. The same order again is the first one; another under its name is refused."""
    if batch is None:
        return order
    if not batch.asks_the_same(order):
        raise TuoqiError("visits.order_differs", cause=ctx.key)
    return batch


def on_warning_issued(
    batch: TaskBatch | None, event: warning_pb2.WeatherWarningIssued, ctx: Context
) -> TaskBatch | None:
    """A weather warning upon which people must be seen; issued again it may concern more of them."""
    rules: TaskRules = ctx.policy.tasks
    if not event.HasField("tasks_due_at") or not rules.weather_grades:
        return batch
    regions = tuple(sorted({prefix_of_code(code) for code in event.regions}))
    scope = Scope(regions=regions, grades=rules.weather_grades)
    due_at = event.tasks_due_at.ToDatetime(UTC)
    ends_at = event.ends_at.ToDatetime(UTC) if event.HasField("ends_at") else None
    if batch is not None:
        return replace(batch, scope=scope, due_at=due_at, ends_at=ends_at)
    return TaskBatch(
        cause_id=event.warning_id,
        kind=rules.weather_kind,
        source=WARNING,
        scope=scope,
        opened_at=ctx.at,
        due_at=due_at,
        late_hours=rules.weather_late_hours,
        ends_at=ends_at,
    )


def on_warning_ended(
    batch: TaskBatch | None, event: warning_pb2.WeatherWarningEnded, _ctx: Context
) -> TaskBatch | None:
    """The warning is over: what is still open is taken back."""
    return None if batch is None else batch.end(event.ended_at.ToDatetime(UTC))


def on_taken_back(batch: TaskBatch | None, at: datetime, ctx: Context) -> TaskBatch:
    """An order is taken back. What a warning ordered ends with the warning, not by hand."""
    if batch is None:
        raise TuoqiError("visits.unknown_batch", cause=ctx.key)
    if batch.source == WARNING:
        raise TuoqiError("visits.batch_of_warning")
    return batch.end(at)


def on_filled(batch: TaskBatch | None, filled: Filled, ctx: Context) -> TaskBatch | None:
    """Everybody concerned has a task: told once."""
    if batch is None or batch.filled:
        return batch
    ctx.emit(task_pb2.TaskBatchOrdered(cause_id=batch.cause_id, kind=batch.kind, tasks=filled.tasks))
    return replace(batch, filled=True)


def on_settled(batch: TaskBatch | None, settled: Settled, ctx: Context) -> TaskBatch | None:
    """None is open any more: told once, whoever comes to be concerned later."""
    if batch is None or batch.settled_at is not None:
        return batch
    ctx.emit(task_pb2.TaskBatchSettled(cause_id=batch.cause_id, done=settled.done, ended=settled.ended))
    return replace(batch, settled_at=ctx.at, done=settled.done, ended=settled.ended)


def prefix_of_code(code: str) -> str:
    """The digits that all regions below a code share with it: `990101001000` → `990101001`."""
    for begin, nothing in ((9, "000"), (6, "000"), (4, "00"), (2, "00")):
        if code[begin:] != nothing:
            break
        code = code[:begin]
    return code


def _warning(event: Any) -> str:
    warning_id: str = event.warning_id
    return warning_id


WARNING_HANDLERS = Handlers(
    state=TaskBatch,
    key=_warning,
    on={
        warning_pb2.WeatherWarningIssued: on_warning_issued,
        warning_pb2.WeatherWarningEnded: on_warning_ended,
    },
)
