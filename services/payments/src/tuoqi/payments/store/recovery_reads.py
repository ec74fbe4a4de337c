"""What people look up about recoveries: pages, totals, history, and whose facts are newer than the last cycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tuoqi.kit.database import Tx

# Overdue as the domain says it: an instalment whose day has passed uncovered, or a notice's term with nothing agreed.
_OVERDUE = """
f.state IN ('OPEN', 'NOTICED', 'AGREED') AND ((f.state = 'NOTICED' AND f.due_on < :today)
  OR EXISTS (SELECT FROM recovery_instalments p WHERE p.recovery_id = f.recovery_id AND p.due_on < :today
             AND p.upto_fen > f.plan_paid_fen))
"""

_PAGE = f"""
SELECT f.*, (SELECT count(*) FROM recovery_items i WHERE i.recovery_id = f.recovery_id) AS items, {_OVERDUE} AS overdue
FROM recovery_files f
WHERE (CAST(:state AS text) = '' OR f.state = :state)
  AND (CAST(:person_id AS text) = '' OR f.person_id = :person_id)
  AND f.owed_fen >= :owed_from AND (:owed_to = 0 OR f.owed_fen <= :owed_to)
  AND (CAST(:programme AS text) = '' OR EXISTS (SELECT FROM recovery_items i WHERE i.recovery_id = f.recovery_id
       AND i.programme = :programme AND i.owed_fen > 0))
  AND (NOT CAST(:overdue AS boolean) OR ({_OVERDUE}))
  AND (CAST(:after_day AS date) IS NULL OR (f.opened_on, f.recovery_id) < (:after_day, :after_id))
ORDER BY f.opened_on DESC, f.recovery_id DESC LIMIT CAST(:size AS int)
"""

_ONE = f"""
SELECT f.*, (SELECT count(*) FROM recovery_items i WHERE i.recovery_id = f.recovery_id) AS items, {_OVERDUE} AS overdue
FROM recovery_files f WHERE f.recovery_id = :recovery_id
"""

_ITEMS = """
SELECT i.*, coalesce(c.name, '') AS cycle, l.line_type, l.amount_fen, l.entitled_fen, l.paid_fen, l.facts,
       l.rule_version, l.facility
FROM recovery_items i LEFT JOIN cycles c USING (cycle_id)
LEFT JOIN payment_lines l ON l.cycle_id = i.cycle_id AND l.programme = i.programme AND l.person_id = i.person_id
     AND l.benefit_month = i.benefit_month AND l.line_type = 'RECOVERY'
WHERE i.recovery_id = ANY(CAST(:ids AS text[])) ORDER BY i.recovery_id, i.benefit_month, i.programme, i.person_id
"""

_SUMS = """
SELECT programme, age, count(*) AS items, count(DISTINCT person_id) AS persons, sum(owed_fen) AS owed_fen FROM (
    SELECT *, CASE WHEN CAST(:today AS date) - opened_on <= 30 THEN 1 WHEN CAST(:today AS date) - opened_on <= 90 THEN 2
                   WHEN CAST(:today AS date) - opened_on <= 180 THEN 3
                   WHEN CAST(:today AS date) - opened_on <= 365 THEN 4 ELSE 5 END AS age
    FROM recovery_items WHERE owed_fen > 0) i
GROUP BY 1, 2 ORDER BY 1, 2
"""
AGES = {1: "0-30", 2: "31-90", 3: "91-180", 4: "181-365", 5: "366-"}
"""Number of an age of debt → days since it was found."""

# People of whom anything became known since the last computed cycle, and who were ever paid.
_NEWS = """
SELECT DISTINCT person_id FROM (
    SELECT person_id FROM person_facts WHERE known_at > :since AND known_at <= :now
    UNION ALL SELECT person_id FROM status_facts WHERE known_at > :since AND known_at <= :now
    UNION ALL SELECT person_id FROM grants WHERE voided_at > :since AND voided_at <= :now
) news
WHERE person_id > :after
  AND EXISTS (SELECT FROM payment_lines l WHERE l.person_id = news.person_id AND NOT l.cancelled)
ORDER BY person_id LIMIT CAST(:size AS int)
"""

_FACTS = """
SELECT one.id AS person_id, coalesce(s.intervals, '[]') AS intervals, p.birth_date, p.died_on, p.absences, p.hukou
FROM unnest(CAST(:ids AS text[])) AS one(id)
JOIN LATERAL (SELECT * FROM person_facts f WHERE f.person_id = one.id AND f.known_at <= :now
              ORDER BY f.version DESC LIMIT 1) p ON true
LEFT JOIN LATERAL (SELECT * FROM status_facts f WHERE f.person_id = one.id AND f.known_at <= :now
              ORDER BY f.version DESC LIMIT 1) s ON true
ORDER BY one.id
"""

_NOTICES = """
SELECT f.*, 0 AS items, false AS overdue FROM recovery_files f
WHERE f.state IN ('NOTICED', 'AGREED') AND f.notice_no > 0 AND f.recovery_id > :after
ORDER BY f.recovery_id LIMIT CAST(:size AS int)
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What narrows a list."""

    state: str = ""
    overdue: bool = False
    programme: str = ""
    person_id: str = ""
    owed_from: int = 0
    owed_to: int = 0


async def page_of_files(
    tx: Tx, wanted: Wanted, *, today: date, after: tuple[date | None, str], size: int
) -> Sequence[Any]:
    """A page, the newest first, after the given place."""
    return await tx.fetch(
        _PAGE,
        state=wanted.state,
        overdue=wanted.overdue,
        programme=wanted.programme,
        person_id=wanted.person_id,
        owed_from=wanted.owed_from,
        owed_to=wanted.owed_to,
        today=today,
        after_day=after[0],
        after_id=after[1],
        size=size,
    )


async def one_file(tx: Tx, recovery_id: str, today: date) -> Any:
    """One file's row; None where there is none."""
    rows = await tx.fetch(_ONE, recovery_id=recovery_id, today=today)
    return rows[0] if rows else None


async def items_of(tx: Tx, recovery_ids: Sequence[str]) -> Sequence[Any]:
    """The cases of files, each with the line that found it."""
    return await tx.fetch(_ITEMS, ids=list(recovery_ids))


async def instalments_of(tx: Tx, recovery_id: str) -> Sequence[Any]:
    """The plan of a file by day."""
    return await tx.fetch(
        "SELECT * FROM recovery_instalments WHERE recovery_id = :recovery_id ORDER BY nth", recovery_id=recovery_id
    )


async def history_of(tx: Tx, recovery_id: str) -> Sequence[Any]:
    """Who did what when, oldest first."""
    return await tx.fetch(
        "SELECT * FROM recovery_acts WHERE recovery_id = :recovery_id ORDER BY nth", recovery_id=recovery_id
    )


async def sums(tx: Tx, today: date) -> Sequence[Any]:
    """What is owed by programme and age."""
    return await tx.fetch(_SUMS, today=today)


async def people_with_news(tx: Tx, since: datetime, now: datetime, after: str, size: int) -> list[str]:
    """People who were paid and of whom something became known since a moment, by id."""
    rows = await tx.fetch(_NEWS, since=since, now=now, after=after, size=size)
    return [row.person_id for row in rows]


async def facts_of(tx: Tx, person_ids: Sequence[str], now: datetime) -> Sequence[Any]:
    """Facts of people as known now; to be decoded by `store.facts.decode`."""
    return await tx.fetch(_FACTS, ids=list(person_ids), now=now)


async def page_of_notices(tx: Tx, after: str, size: int) -> Sequence[Any]:
    """Files with a notice in force, by id."""
    return await tx.fetch(_NOTICES, after=after, size=size)
