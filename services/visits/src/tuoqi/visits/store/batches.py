"""Batches of extra tasks, whom they concern, and which of them are over."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Change, expect_rows
from tuoqi.visits.domain.batches import Scope, TaskBatch

COLUMNS: Final = (
    ("cause_id", "text"), ("version", "bigint"), ("kind", "text"), ("source", "text"), ("regions", "text"),
    ("grades", "text"), ("categories", "text"), ("persons", "text"), ("opened_at", "timestamptz"),
    ("due_at", "timestamptz"), ("late_hours", "int"), ("ends_at", "timestamptz"), ("ordered_by", "text"),
    ("ended_at", "timestamptz"), ("filled", "boolean"), ("settled_at", "timestamptz"), ("done", "int"),
    ("ended", "int"),
)  # fmt: skip
_NAMES: Final = ", ".join(name for name, _ in COLUMNS)
_ARRAYS: Final = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in COLUMNS)
_INSERT: Final = f"INSERT INTO task_batches ({_NAMES}) SELECT * FROM unnest({_ARRAYS}) ON CONFLICT DO NOTHING"
_UPDATE: Final = f"""
UPDATE task_batches b SET {", ".join(f"{name} = t.{name}" for name, _ in COLUMNS if name != "cause_id")}
FROM unnest({_ARRAYS}, CAST(:loaded AS bigint[])) AS t({_NAMES}, loaded)
WHERE b.cause_id = t.cause_id AND b.version = t.loaded
"""
_IN_REGIONS: Final = "p.region LIKE ANY(CAST(:regions AS text[]))"
_ORDERED: Final = f"""
SELECT p.person_id FROM plans p
WHERE {_IN_REGIONS} AND p.birth_date IS NOT NULL AND p.person_id > :after
  AND CASE WHEN cardinality(CAST(:grades AS text[])) > 0 THEN p.grade = ANY(CAST(:grades AS text[]))
           ELSE CAST(:anybody AS boolean) OR p.grade IS NOT NULL END
  AND NOT EXISTS (SELECT FROM extra_tasks t WHERE t.cause_id = :cause AND t.person_id = p.person_id)
ORDER BY p.person_id LIMIT CAST(:at_most AS int)
"""
_MISSING: Final = f"""
SELECT p.person_id FROM plans p
WHERE {_IN_REGIONS} AND p.grade = ANY(CAST(:grades AS text[]))
  AND NOT EXISTS (SELECT FROM extra_tasks t WHERE t.cause_id = :cause AND t.person_id = p.person_id)
ORDER BY p.person_id LIMIT CAST(:at_most AS int)
"""
# A batch has work to do: people to be given a task, tasks to be taken back, or its end to be told.
_WAITING: Final = """
SELECT cause_id, CASE WHEN b.ended_at IS NOT NULL THEN b.ended_at ELSE b.opened_at END AS moment FROM task_batches b
WHERE b.settled_at IS NULL AND (NOT b.filled OR NOT EXISTS (
        SELECT FROM extra_tasks t WHERE t.cause_id = b.cause_id AND t.state = 'OPEN'))
UNION
SELECT cause_id, b.ended_at FROM task_batches b WHERE b.ended_at IS NOT NULL AND EXISTS (
    SELECT FROM extra_tasks t WHERE t.cause_id = b.cause_id AND t.state = 'OPEN')
UNION
SELECT cause_id, b.opened_at FROM task_batches b WHERE b.source = 'warning' AND b.ended_at IS NULL AND EXISTS (
    SELECT FROM plans p
    WHERE p.region LIKE ANY(string_to_array(b.regions, ' ')) AND p.grade = ANY(string_to_array(b.grades, ' '))
      AND NOT EXISTS (SELECT FROM extra_tasks t WHERE t.cause_id = b.cause_id AND t.person_id = p.person_id))
ORDER BY 2, 1
"""
_SUMS: Final = """
SELECT count(*) FILTER (WHERE state = 'OPEN') AS open, count(*) FILTER (WHERE state = 'DONE') AS done,
       count(*) FILTER (WHERE state IN ('CANCELLED', 'WITHDRAWN')) AS ended,
       count(*) FILTER (WHERE state <> 'NOT_NEEDED') AS tasks, max(settled_at) AS last
FROM extra_tasks WHERE cause_id = :cause
"""


class TaskBatchStore:
    """The only SQL about batches as aggregates."""

    async def load(self, tx: Tx, keys: Collection[str]) -> dict[str, TaskBatch]:
        """The batches that exist, their rows locked in key order."""
        rows = await tx.fetch(
            f"SELECT {_NAMES} FROM task_batches WHERE cause_id = ANY(CAST(:keys AS text[])) ORDER BY cause_id FOR UPDATE",
            keys=list(keys),
        )
        return {row.cause_id: _batch(row) for row in rows}

    async def save(self, tx: Tx, changes: Sequence[Change[TaskBatch]]) -> None:
        """Write batches. Raises Conflict where someone else was first."""
        new = [change for change in changes if change.loaded_version is None]
        known = [change for change in changes if change.loaded_version is not None]
        if new:
            expect_rows(await tx.execute(_INSERT, **_arrays(new)), len(new))
        if known:
            loaded = [change.loaded_version for change in known]
            expect_rows(await tx.execute(_UPDATE, **_arrays(known), loaded=loaded), len(known))


def _arrays(changes: Sequence[Change[TaskBatch]]) -> dict[str, list[Any]]:
    rows = [_row(change.state) for change in changes]
    return {name: list(column) for (name, _), column in zip(COLUMNS, zip(*rows, strict=True), strict=True)}


def _row(one: TaskBatch) -> tuple[Any, ...]:
    scope = one.scope
    return (
        one.cause_id, one.version, one.kind, one.source, " ".join(f"{code}%" for code in scope.regions),
        " ".join(scope.grades), " ".join(scope.categories), json.dumps(scope.persons), one.opened_at, one.due_at,
        one.late_hours, one.ends_at, one.ordered_by, one.ended_at, one.filled, one.settled_at, one.done, one.ended,
    )  # fmt: skip


def _batch(row: Any) -> TaskBatch:
    return TaskBatch(
        cause_id=row.cause_id,
        kind=row.kind,
        source=row.source,
        scope=Scope(
            regions=tuple(code.rstrip("%") for code in row.regions.split(" ")) if row.regions else (),
            grades=tuple(row.grades.split()),
            categories=tuple(row.categories.split()),
            persons=tuple(json.loads(row.persons)),
        ),
        opened_at=row.opened_at,
        due_at=row.due_at,
        late_hours=row.late_hours,
        ends_at=row.ends_at,
        ordered_by=row.ordered_by,
        version=row.version,
        ended_at=row.ended_at,
        filled=row.filled,
        settled_at=row.settled_at,
        done=row.done,
        ended=row.ended,
    )


class Sums:
    """How the tasks of a cause stand."""

    def __init__(self, row: Any) -> None:
        self.open: int = row.open
        self.done: int = row.done
        self.ended: int = row.ended
        self.tasks: int = row.tasks
        self.last: datetime | None = row.last
        """When the last of those that are over was settled."""


async def batch_sums(tx: Tx, cause_id: str) -> Sums:
    """Counted from the tasks themselves, so no update can be lost."""
    (row,) = await tx.fetch(_SUMS, cause=cause_id)
    return Sums(row)


async def waiting_batches(tx: Tx) -> list[tuple[str, datetime]]:
    """Causes that have something to do, and since when, the earliest first."""
    return [(row.cause_id, row.moment) for row in await tx.fetch(_WAITING)]


async def concerned(tx: Tx, batch: TaskBatch, at_most: int) -> list[str]:
    """The next people of an order in order of their ids; `filled_up_to` says where the last run ended."""
    scope = batch.scope
    rows = await tx.fetch(
        _ORDERED,
        regions=[f"{code}%" for code in scope.regions],
        grades=list(scope.grades),
        anybody=bool(scope.categories),
        cause=batch.cause_id,
        after=await filled_up_to(tx, batch.cause_id),
        at_most=at_most,
    )
    return [row.person_id for row in rows]


async def not_yet_told(tx: Tx, batch: TaskBatch, at_most: int) -> list[str]:
    """People whom a warning concerns and who have no task of it yet."""
    scope = batch.scope
    rows = await tx.fetch(
        _MISSING,
        regions=[f"{code}%" for code in scope.regions],
        grades=list(scope.grades),
        cause=batch.cause_id,
        at_most=at_most,
    )
    return [row.person_id for row in rows]


async def filled_up_to(tx: Tx, cause_id: str) -> str:
    """The last person whom an order has reached."""
    (row,) = await tx.fetch("SELECT fill_after FROM task_batches WHERE cause_id = :cause", cause=cause_id)
    return str(row.fill_after)


async def fill_up_to(tx: Tx, cause_id: str, person_id: str) -> None:
    """An order has reached this person."""
    await tx.execute(
        "UPDATE task_batches SET fill_after = :person WHERE cause_id = :cause", cause=cause_id, person=person_id
    )


async def people_in(tx: Tx, person_ids: Collection[str]) -> dict[str, str]:
    """Person → village, of those whom visits knows."""
    rows = await tx.fetch(
        "SELECT person_id, region FROM plans WHERE birth_date IS NOT NULL AND person_id = ANY(CAST(:keys AS text[]))",
        keys=sorted(person_ids),
    )
    return {row.person_id: row.region for row in rows}


async def all_in(tx: Tx, batch: TaskBatch, regions: Sequence[str]) -> bool:
    """Whether all that a batch concerns lies within these prefixes of region codes."""
    scope = batch.scope
    if scope.regions:
        return all(code.startswith(tuple(regions)) for code in scope.regions)
    (row,) = await tx.fetch(
        "SELECT count(*) AS outside FROM extra_tasks t JOIN plans p USING (person_id)"
        " WHERE t.cause_id = :cause AND NOT p.region LIKE ANY(CAST(:regions AS text[]))",
        cause=batch.cause_id,
        regions=[f"{prefix}%" for prefix in regions],
    )
    return not row.outside
