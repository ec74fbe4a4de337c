"""What a worker's day is made of: missed visits, open extra tasks, windows that end soon, and when somebody was seen."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from tuoqi.kit.database import Tx
from tuoqi.visits.domain.daylist import Reason

_MINE: Final = """
WITH mine AS (
    SELECT p.person_id, p.region, p.grade, p.window_first, p.deadline FROM plans p
    LEFT JOIN assignments a ON a.person_id = p.person_id AND a.active
    WHERE p.region LIKE ANY(CAST(:regions AS text[])) AND p.region LIKE :below
      AND (CAST(:worker AS text) = '' OR a.worker_id = :worker)
)
"""
_REASONS: Final = f"""
{_MINE}
SELECT m.person_id, m.region, coalesce(m.grade, '') AS grade, r.rank, r.kind, r.due_on, r.due_at
FROM mine m CROSS JOIN LATERAL (
    SELECT 0 AS rank, '' AS kind, min(o.deadline) AS due_on, CAST(NULL AS timestamptz) AS due_at
    FROM overdues o WHERE o.person_id = m.person_id AND o.state = 'OPEN' HAVING count(*) > 0
    UNION ALL
    SELECT 1, t.kind, CAST(t.due_at AT TIME ZONE 'Asia/Shanghai' AS date), t.due_at
    FROM extra_tasks t WHERE t.person_id = m.person_id AND t.state = 'OPEN'
    UNION ALL
    SELECT 2, '', m.deadline, NULL
    WHERE m.grade IS NOT NULL AND m.window_first <= :day AND m.deadline <= :near
) AS r
ORDER BY r.rank, r.due_on, r.due_at, m.person_id LIMIT CAST(:at_most AS int)
"""
_LAST_SEEN: Final = """
SELECT person_id, max(counts_on) AS day FROM visit_records
WHERE person_id = ANY(CAST(:keys AS text[])) AND counts GROUP BY person_id
"""
_LOADS: Final = """
SELECT a.worker_id, p.grade, count(*) AS people FROM plans p LEFT JOIN assignments a ON a.person_id = p.person_id
    AND a.active
WHERE p.grade IS NOT NULL AND p.region LIKE ANY(CAST(:regions AS text[])) AND p.region LIKE :below GROUP BY 1, 2
"""
_ASSIGNED: Final = """
SELECT p.person_id, p.region, p.grade, coalesce(a.worker_id, '') AS worker_id, coalesce(a.reason, '') AS reason,
       coalesce(a.by_hand, false) AS by_hand
FROM plans p LEFT JOIN assignments a ON a.person_id = p.person_id AND a.active
WHERE p.grade IS NOT NULL AND p.region LIKE ANY(CAST(:regions AS text[])) AND p.region LIKE :below
  AND (CAST(:worker AS text) = '' OR a.worker_id = :worker)
  AND (NOT CAST(:unassigned AS boolean) OR coalesce(a.worker_id, '') = '')
  AND p.person_id > :after
ORDER BY p.person_id LIMIT CAST(:page AS int)
"""


class Assigned(NamedTuple):
    """Who looks after a person; `reason` is empty where nothing was decided yet."""

    person_id: str
    region: str
    grade: str
    worker_id: str
    reason: str
    by_hand: bool


async def reasons_of(
    tx: Tx, *, regions: Sequence[str], below: str, worker: str, day: date, near: date, at_most: int
) -> list[Reason]:
    """Why somebody is to be visited on a day, missed visits first, then extra tasks, then windows that end soon."""
    rows = await tx.fetch(
        _REASONS,
        regions=[f"{prefix}%" for prefix in regions],
        below=f"{below}%",
        worker=worker,
        day=day,
        near=near,
        at_most=at_most,
    )
    return [Reason(row.person_id, row.region, row.grade, row.rank, row.kind, row.due_on, row.due_at) for row in rows]


async def last_seen(tx: Tx, person_ids: Collection[str]) -> Mapping[str, date]:
    """The last day on which each was met, of those who ever were."""
    rows = await tx.fetch(_LAST_SEEN, keys=sorted(person_ids))
    return {row.person_id: row.day for row in rows}


async def people_by_worker(tx: Tx, *, regions: Sequence[str], below: str) -> list[tuple[str, str, int]]:
    """(worker, grade, people); the empty worker stands for people whom nobody looks after."""
    rows = await tx.fetch(_LOADS, regions=[f"{prefix}%" for prefix in regions], below=f"{below}%")
    return [(row.worker_id or "", row.grade, row.people) for row in rows]


async def list_assigned(
    tx: Tx, *, regions: Sequence[str], below: str, worker: str, unassigned: bool, after: str, page: int
) -> list[Assigned]:
    """People with a plan and who looks after them, by person id."""
    rows = await tx.fetch(
        _ASSIGNED,
        regions=[f"{prefix}%" for prefix in regions],
        below=f"{below}%",
        worker=worker,
        unassigned=unassigned,
        after=after,
        page=page,
    )
    return [Assigned._make(row) for row in rows]
