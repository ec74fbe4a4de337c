"""Lists as they were posted, and objections to them. A posted line is written once and never changed."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.posting import Objection

# Where somebody lives is asked of the facts at the cut-off, and of the register where nobody said. Recoveries are between
# the county and the person.
_FREEZE = """
INSERT INTO posted_lines (cycle_id, region, position, programme, person_id, months, amount_fen)
SELECT :cycle_id, coalesce(nullif(p.residence, ''), p.hukou::jsonb -> -1 ->> 1, ''), o.position, l.programme, l.person_id,
       l.months, l.fen
FROM (SELECT programme, person_id, count(DISTINCT benefit_month)::int AS months, sum(amount_fen)::bigint AS fen
      FROM payment_lines
      WHERE cycle_id = :cycle_id AND may_be_posted AND amount_fen > 0
        AND person_id <> ALL(CAST(:hidden AS text[])) GROUP BY 1, 2) l
JOIN unnest(CAST(:programmes AS text[])) WITH ORDINALITY AS o(programme, position) USING (programme)
JOIN LATERAL (SELECT * FROM person_facts f WHERE f.person_id = l.person_id AND f.known_at <= :cut_off
              ORDER BY f.version DESC LIMIT 1) p ON true
"""

# Only people who ever stood in one of the categories can stand in a child programme now; of them few are of age.
_OF_AGE_WITH = """
WITH postable AS (
    SELECT person_id, array_agg(DISTINCT benefit_month) AS months FROM payment_lines
    WHERE cycle_id = :cycle_id AND may_be_posted AND amount_fen > 0 GROUP BY 1
)
SELECT s.person_id, s.intervals, p.birth_date, p.died_on, p.absences, p.hukou, postable.months
FROM postable
JOIN LATERAL (SELECT * FROM status_facts f WHERE f.person_id = postable.person_id AND f.known_at <= :cut_off
              ORDER BY f.version DESC LIMIT 1) s ON true
JOIN LATERAL (SELECT * FROM person_facts f WHERE f.person_id = postable.person_id AND f.known_at <= :cut_off
              ORDER BY f.version DESC LIMIT 1) p ON true
WHERE s.intervals LIKE ANY(CAST(:patterns AS text[]))
ORDER BY s.person_id
"""

_PAGE = """
SELECT * FROM posted_lines
WHERE cycle_id = :cycle_id AND region LIKE :under AND (region, position, person_id) > (:region, :position, :person_id)
ORDER BY region, position, person_id LIMIT CAST(:size AS int)
"""

_OBJECTIONS = """
SELECT o.*, c.name AS cycle FROM objections o JOIN cycles c USING (cycle_id)
WHERE (CAST(:cycle_id AS text) = '' OR o.cycle_id = :cycle_id) AND (NOT :only_open OR o.outcome = '')
  AND (o.recorded_at, o.objection_id) > (CAST(:after_at AS timestamptz), :after_id)
ORDER BY o.recorded_at, o.objection_id LIMIT CAST(:size AS int)
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A row's place on the lists of a cycle: region, the programme's position in the county's order, person."""

    region: str = ""
    position: int = 0
    person_id: str = ""


async def freeze(
    tx: Tx, cycle_id: str, cut_off: datetime, *, programmes: Sequence[str], hidden: Collection[str]
) -> None:
    """Write a cycle's lists as they are posted; nobody of `hidden` stands on them."""
    await tx.execute(_FREEZE, cycle_id=cycle_id, cut_off=cut_off, programmes=list(programmes), hidden=sorted(hidden))


async def people_with(tx: Tx, cycle_id: str, cut_off: datetime, categories: Collection[str]) -> Sequence[Any]:
    """People who could be posted and ever stood in one of the categories, as `store.facts.decode` reads them."""
    patterns = [f"%{json.dumps(category)}%" for category in sorted(categories)]
    return await tx.fetch(_OF_AGE_WITH, cycle_id=cycle_id, cut_off=cut_off, patterns=patterns)


async def page_of_posted(tx: Tx, cycle_id: str, under: str, after: Place, size: int) -> Sequence[Any]:
    """A run of a cycle's lists by region, programme and person, after the given place."""
    return await tx.fetch(
        _PAGE,
        cycle_id=cycle_id,
        under=f"{under}%",
        region=after.region,
        position=after.position,
        person_id=after.person_id,
        size=size,
    )


async def count_posted(tx: Tx, cycle_id: str, under: str) -> Sequence[Any]:
    """The lists of a cycle: region, rows, fen."""
    return await tx.fetch(
        "SELECT region, count(*) AS rows, CAST(sum(amount_fen) AS bigint) AS fen FROM posted_lines"
        " WHERE cycle_id = :cycle_id AND region LIKE :under GROUP BY 1 ORDER BY 1",
        cycle_id=cycle_id,
        under=f"{under}%",
    )


async def count_not_posted(tx: Tx, cycle_id: str) -> int:
    """Lines of a cycle that are on no list."""
    (row,) = await tx.fetch(
        "SELECT (SELECT count(*) FROM payment_lines WHERE cycle_id = :cycle_id)"
        " - (SELECT coalesce(sum(months), 0) FROM posted_lines WHERE cycle_id = :cycle_id) AS lines",
        cycle_id=cycle_id,
    )
    return int(row.lines)


async def is_posted(tx: Tx, cycle_id: str, person_id: str, programme: str) -> bool:
    """Whether a person's money of a programme stands on a list of the cycle."""
    return bool(
        await tx.fetch(
            "SELECT 1 FROM posted_lines WHERE cycle_id = :cycle_id AND person_id = :person_id AND programme = :programme",
            cycle_id=cycle_id,
            person_id=person_id,
            programme=programme,
        )
    )


async def add_objection(tx: Tx, one: Objection, *, note: str, posted: bool, at: datetime) -> None:
    """Record an objection. What was said stands here and nowhere else."""
    await tx.execute(
        "INSERT INTO objections (objection_id, cycle_id, person_id, programme, category, note, posted, recorded_by,"
        " recorded_at) VALUES (:objection_id, :cycle_id, :person_id, :programme, :category, :note, :posted, :by, :at)",
        objection_id=one.objection_id,
        cycle_id=one.cycle_id,
        person_id=one.person_id,
        programme=one.programme,
        category=one.category,
        note=note,
        posted=posted,
        by=one.recorded_by,
        at=at,
    )


async def end_objection(tx: Tx, one: Objection, *, note: str, by: str, at: datetime) -> None:
    """Write how an objection was decided."""
    await tx.execute(
        "UPDATE objections SET outcome = :outcome, reason = :reason, follow_up = :follow_up, decision_note = :note,"
        " decided_by = :by, decided_at = :at WHERE objection_id = :objection_id AND outcome = ''",
        objection_id=one.objection_id,
        outcome=one.outcome,
        reason=one.reason,
        follow_up=one.follow_up,
        note=note,
        by=by,
        at=at,
    )


async def find_objection(tx: Tx, objection_id: str) -> Objection | None:
    """An objection by id."""
    row = await read_objection(tx, objection_id)
    return None if row is None else Objection(**{field.name: row[field.name] for field in fields(Objection)})


async def read_objection(tx: Tx, objection_id: str) -> Mapping[str, Any] | None:
    """All that is kept of an objection, with the cycle's name."""
    rows = await tx.fetch(
        "SELECT o.*, c.name AS cycle FROM objections o JOIN cycles c USING (cycle_id) WHERE objection_id = :id",
        id=objection_id,
    )
    return rows[0]._asdict() if rows else None


async def page_of_objections(
    tx: Tx, cycle_id: str, *, only_open: bool, after: tuple[datetime, str], size: int
) -> Sequence[Mapping[str, Any]]:
    """A run of objections with the cycle's name, oldest first; of all cycles where none is named."""
    rows = await tx.fetch(
        _OBJECTIONS, cycle_id=cycle_id, only_open=only_open, after_at=after[0], after_id=after[1], size=size
    )
    return [row._asdict() for row in rows]


async def region_of(tx: Tx, person_id: str) -> str | None:
    """Where somebody lives as known now, else his register's region; None where nobody was ever told of him."""
    rows = await tx.fetch(
        "SELECT coalesce(nullif(residence, ''), hukou::jsonb -> -1 ->> 1, '') AS region FROM person_facts"
        " WHERE person_id = :person_id ORDER BY version DESC LIMIT 1",
        person_id=person_id,
    )
    return str(rows[0].region) if rows else None
