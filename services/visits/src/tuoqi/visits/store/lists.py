"""Lists for people: running windows and missed visits, page by page, within the regions of whoever asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Final, NamedTuple

from tuoqi.kit.database import Tx

_TASKS: Final = """
SELECT person_id, grade, window_first, deadline, region FROM plans
WHERE grade IS NOT NULL AND region LIKE ANY(CAST(:regions AS text[])) AND region LIKE :below
  AND (CAST(:due_by AS date) IS NULL OR deadline <= :due_by)
  AND (CAST(:after_day AS date) IS NULL OR (deadline, person_id) > (CAST(:after_day AS date), :after_person))
ORDER BY deadline, person_id LIMIT CAST(:page AS int)
"""
_MINE: Final = """
FROM overdues AS o JOIN plans AS p USING (person_id)
WHERE p.region LIKE ANY(CAST(:regions AS text[])) AND (CAST(:person AS text) = '' OR person_id = :person)
"""
_OVERDUES: Final = f"""
SELECT overdue_id, person_id, o.grade, o.deadline, o.state {_MINE}
  AND (CAST(:state AS text) = '' OR o.state = :state)
  AND (CAST(:before_day AS date) IS NULL OR (o.deadline, overdue_id) < (CAST(:before_day AS date), :before_id))
ORDER BY o.deadline DESC, overdue_id DESC LIMIT CAST(:page AS int)
"""
_COUNTS: Final = f"SELECT o.state, count(*) AS found {_MINE} GROUP BY o.state"
_IN_ORDER: Final = f"""
SELECT overdue_id, person_id, o.grade, o.deadline, o.state {_MINE} ORDER BY o.deadline, person_id
"""


class Task(NamedTuple):
    """A running window."""

    person_id: str
    grade: str
    window_first: date
    deadline: date
    region: str


class Missed(NamedTuple):
    """A missed visit as it stands now."""

    overdue_id: str
    person_id: str
    grade: str
    deadline: date
    state: str


def _below(prefixes: Sequence[str]) -> list[str]:
    """Prefixes of region codes, digits only, as LIKE patterns; the empty one lets everything pass."""
    return [f"{prefix}%" for prefix in prefixes]


async def list_tasks(
    tx: Tx, *, regions: Sequence[str], below: str, due_by: date | None, after: tuple[date, str] | None, page: int
) -> Sequence[Task]:
    """Running windows, the earliest deadline first. `regions` and `below` are prefixes of region codes."""
    day, person = after or (None, "")
    rows = await tx.fetch(
        _TASKS,
        regions=_below(regions),
        below=f"{below}%",
        due_by=due_by,
        after_day=day,
        after_person=person,
        page=page,
    )
    return [Task._make(row) for row in rows]


async def list_overdues(
    tx: Tx, *, regions: Sequence[str], state: str, person: str, before: tuple[date, str] | None, page: int
) -> Sequence[Missed]:
    """Missed visits, the newest deadline first."""
    day, name = before or (None, "")
    rows = await tx.fetch(
        _OVERDUES, regions=_below(regions), state=state, person=person, before_day=day, before_id=name, page=page
    )
    return [Missed._make(row) for row in rows]


async def overdue_counts(tx: Tx, *, regions: Sequence[str], person: str) -> dict[str, int]:
    """How many missed visits there are, by state."""
    rows = await tx.fetch(_COUNTS, regions=_below(regions), person=person)
    return {row.state: row.found for row in rows}


async def overdues_in_order(tx: Tx, *, regions: Sequence[str], size: int) -> AsyncIterator[Sequence[Missed]]:
    """All missed visits by deadline and person, in runs."""
    async for rows in tx.stream(_IN_ORDER, size=size, regions=_below(regions), person=""):
        yield [Missed._make(row) for row in rows]
