"""SQL of the rebuild of `person_search`: how far it has come, and whom it takes next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tuoqi.kit.database import Tx

_BEGIN = """
INSERT INTO person_reindex (after_id, done, begun_at) VALUES ('', 0, :now)
ON CONFLICT (only_row) DO UPDATE
SET after_id = '', done = 0, begun_at = EXCLUDED.begun_at, finished_at = NULL
WHERE :anew OR person_reindex.finished_at IS NOT NULL
"""
_CATEGORIES = """
UPDATE person_search s SET categories = held.categories
FROM (SELECT one.person_id, coalesce(array_agg(DISTINCT i.category ORDER BY i.category)
                                     FILTER (WHERE i.category IS NOT NULL), '{}') AS categories
      FROM unnest(CAST(:ids AS text[])) AS one(person_id) LEFT JOIN person_statuses i USING (person_id)
      GROUP BY one.person_id) AS held
WHERE s.person_id = held.person_id AND s.categories <> held.categories
"""


async def begin_reindex(tx: Tx, now: datetime, *, anew: bool) -> tuple[str, int, int]:
    """The last person done, how many were, and how many there are in all; a broken rebuild is gone on with."""
    await tx.execute(_BEGIN, now=now, anew=anew)
    (row,) = await tx.fetch("SELECT after_id, done, (SELECT count(*) FROM persons) AS total FROM person_reindex")
    return row.after_id, row.done, row.total


async def next_persons(tx: Tx, after: str, size: int) -> list[str]:
    """The next persons by id."""
    rows = await tx.fetch(
        "SELECT person_id FROM persons WHERE person_id > :after ORDER BY person_id LIMIT :size", after=after, size=size
    )
    return [row.person_id for row in rows]


async def set_categories(tx: Tx, ids: Sequence[str]) -> None:
    """Let people be found by the categories that they have or had, and by no others."""
    await tx.execute(_CATEGORIES, ids=list(ids))


async def mark_reindex(tx: Tx, after: str, done: int) -> None:
    """Up to this person it is done."""
    await tx.execute("UPDATE person_reindex SET after_id = :after, done = :done", after=after, done=done)


async def finish_reindex(tx: Tx, now: datetime) -> None:
    """It is whole; the planner is told what stands there now."""
    await tx.execute("UPDATE person_reindex SET finished_at = :now", now=now)
    await tx.fetch("SELECT analyze_person_search()")
