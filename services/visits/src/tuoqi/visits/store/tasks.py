"""Extra tasks as a table for lists and timers; the open ones of a person stand in the visit file too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Change, expect_rows
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.tasks import TaskNews, TaskState

_SAVE: Final = """
INSERT INTO extra_tasks (task_id, person_id, cause_id, kind, opened_at, due_at, state, overdue, settled_at)
SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:persons AS text[]), CAST(:causes AS text[]), CAST(:kinds AS text[]),
                     CAST(:opened AS timestamptz[]), CAST(:due AS timestamptz[]), CAST(:states AS text[]),
                     CAST(:overdue AS boolean[]), CAST(:settled AS timestamptz[]))
ON CONFLICT (task_id) DO UPDATE SET state = excluded.state, overdue = excluded.overdue,
    settled_at = excluded.settled_at
WHERE extra_tasks.state = 'OPEN'
"""
_DUE: Final = """
SELECT task_id, person_id, due_at FROM extra_tasks
WHERE state = 'OPEN' AND NOT overdue
  AND due_at = (SELECT min(due_at) FROM extra_tasks WHERE state = 'OPEN' AND NOT overdue AND due_at <= :until)
ORDER BY person_id, task_id LIMIT CAST(:at_most AS int)
"""
_LIST: Final = """
SELECT t.task_id, t.person_id, t.cause_id, t.kind, t.opened_at, t.due_at, t.state, t.overdue, t.settled_at, p.region,
       coalesce(a.worker_id, '') AS worker_id
FROM extra_tasks t JOIN plans p USING (person_id) LEFT JOIN assignments a ON a.person_id = t.person_id AND a.active
WHERE p.region LIKE ANY(CAST(:regions AS text[])) AND p.region LIKE :below AND t.state <> 'NOT_NEEDED'
  AND (CAST(:state AS text) = '' OR t.state = :state) AND (CAST(:cause AS text) = '' OR t.cause_id = :cause)
  AND (CAST(:person AS text) = '' OR t.person_id = :person)
  AND (CAST(:after_at AS timestamptz) IS NULL OR (t.due_at, t.task_id) > (CAST(:after_at AS timestamptz), :after_id))
ORDER BY t.due_at, t.task_id LIMIT CAST(:page AS int)
"""


class TaskRow(NamedTuple):
    """One extra task as listed."""

    task_id: str
    person_id: str
    cause_id: str
    kind: str
    opened_at: datetime
    due_at: datetime
    state: str
    overdue: bool
    settled_at: datetime | None
    region: str
    worker_id: str


async def save_task_news(tx: Tx, changes: Sequence[Change[VisitFile]]) -> None:
    """Write what became of extra tasks; the last news of a task counts. Raises Conflict where a settled one changes."""
    last: dict[str, tuple[str, TaskNews]] = {}
    for change in changes:
        for news in change.state.task_news:
            last[news.task.task_id] = (change.key, news)
    if not last:
        return
    rows = [_row(person_id, news) for person_id, news in last.values()]
    names = ("ids", "persons", "causes", "kinds", "opened", "due", "states", "overdue", "settled")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    expect_rows(await tx.execute(_SAVE, **columns), len(rows))


def _row(person_id: str, news: TaskNews) -> tuple[Any, ...]:
    task = news.task
    settled = None if news.state is TaskState.OPEN else news.at
    return (
        task.task_id, person_id, task.cause_id, task.kind, task.opened_at, task.due_at, news.state.value, task.overdue,
        settled,
    )  # fmt: skip


async def next_task_due(tx: Tx) -> datetime | None:
    """The earliest moment that passes with a task still open and untold."""
    (row,) = await tx.fetch("SELECT min(due_at) AS moment FROM extra_tasks WHERE state = 'OPEN' AND NOT overdue")
    moment: datetime | None = row.moment
    return moment


async def due_tasks(tx: Tx, until: datetime, at_most: int) -> list[tuple[str, str, datetime]]:
    """(task, person, moment) of the earliest moment up to `until` that passed with open tasks."""
    return [(row.task_id, row.person_id, row.due_at) for row in await tx.fetch(_DUE, until=until, at_most=at_most)]


async def open_tasks_of(tx: Tx, cause_id: str, at_most: int) -> list[str]:
    """People with an open task of this cause, in order."""
    rows = await tx.fetch(
        "SELECT person_id FROM extra_tasks WHERE cause_id = :cause AND state = 'OPEN'"
        " ORDER BY person_id LIMIT CAST(:at_most AS int)",
        cause=cause_id,
        at_most=at_most,
    )
    return [row.person_id for row in rows]


async def list_extra_tasks(
    tx: Tx,
    *,
    regions: Sequence[str],
    below: str,
    state: str,
    cause: str,
    person: str,
    after: tuple[datetime, str] | None,
    page: int,
) -> list[TaskRow]:
    """Extra tasks by due moment. `regions` and `below` are prefixes of region codes."""
    at, name = after or (None, "")
    rows = await tx.fetch(
        _LIST,
        regions=[f"{prefix}%" for prefix in regions],
        below=f"{below}%",
        state=state,
        cause=cause,
        person=person,
        after_at=at,
        after_id=name,
        page=page,
    )
    return [TaskRow._make(row) for row in rows]


async def task_place(tx: Tx, task_id: str) -> tuple[str, str, str] | None:
    """(person, village, cause) of a task."""
    rows = await tx.fetch(
        "SELECT t.person_id, p.region, t.cause_id FROM extra_tasks t JOIN plans p USING (person_id)"
        " WHERE t.task_id = :task",
        task=task_id,
    )
    return (rows[0].person_id, rows[0].region, rows[0].cause_id) if rows else None
