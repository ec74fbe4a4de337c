"""Records for people: a person's list, one whole, and the chain of corrections it stands in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from tuoqi.kit.database import Tx

_SHOWN: Final = """
r.visit_id, r.person_id, r.started_at, r.ended_at, r.arrived_at, r.counts_on, r.counts, r.not_counted_because,
r.channel, r.result, r.visitor_role, r.findings, r.services, r.grade, r.plan_number, r.created_offline, r.clock_ahead,
r.clock_behind, r.way, r.uploaded_by, coalesce(r.corrects, '') AS corrects, coalesce(r.corrected_by, '') AS corrected_by,
coalesce(p.region, '') AS region
"""
_OF_PERSON: Final = f"""
SELECT {_SHOWN} FROM visit_records r LEFT JOIN plans p USING (person_id)
WHERE r.person_id = :person
  AND (CAST(:before_day AS date) IS NULL OR (r.counts_on, r.arrival) < (CAST(:before_day AS date), :before_arrival))
ORDER BY r.counts_on DESC, r.arrival DESC LIMIT CAST(:page AS int)
"""
_ONE: Final = f"""
SELECT {_SHOWN}, r.sealed FROM visit_records r LEFT JOIN plans p USING (person_id) WHERE r.visit_id = :visit
"""
# A chain has no branches: each record is corrected at most once.
_CHAIN: Final = f"""
WITH RECURSIVE back AS (
    SELECT visit_id, corrects, 0 AS place FROM visit_records WHERE visit_id = :visit
    UNION ALL
    SELECT v.visit_id, v.corrects, back.place - 1 FROM back JOIN visit_records v ON v.visit_id = back.corrects
), forth AS (
    SELECT visit_id, corrected_by, 0 AS place FROM visit_records WHERE visit_id = :visit
    UNION ALL
    SELECT v.visit_id, v.corrected_by, forth.place + 1
    FROM forth JOIN visit_records v ON v.visit_id = forth.corrected_by
), chain AS (SELECT visit_id, place FROM back UNION SELECT visit_id, place FROM forth)
SELECT {_SHOWN} FROM chain JOIN visit_records r USING (visit_id) LEFT JOIN plans p USING (person_id)
ORDER BY chain.place
"""


async def region_of(tx: Tx, person_id: str) -> str | None:
    """Where a person lives; None where visits does not know him."""
    rows = await tx.fetch("SELECT region FROM plans WHERE person_id = :person", person=person_id)
    return str(rows[0].region) if rows else None


async def records_of(tx: Tx, person_id: str, *, before: tuple[date, int] | None, page: int) -> Sequence[Any]:
    """A person's records, those that count last first; `arrival` of the last one is where the next page begins."""
    day, arrival = before or (None, 0)
    shown = _OF_PERSON.replace("SELECT ", "SELECT r.arrival, ", 1)
    return await tx.fetch(shown, person=person_id, before_day=day, before_arrival=arrival, page=page)


async def record_whole(tx: Tx, visit_id: str) -> Any | None:
    """One record with its sealed part."""
    rows = await tx.fetch(_ONE, visit=visit_id)
    return rows[0] if rows else None


async def chain_of(tx: Tx, visit_id: str) -> Sequence[Any]:
    """All records that correct one another, the oldest first."""
    return await tx.fetch(_CHAIN, visit=visit_id)
