"""One person's month as it lies in the books: facts as known at a moment, lines, and where their money is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tuoqi.kit.database import Tx

_PERSON = """
SELECT p.*, coalesce(s.intervals, '[]') AS intervals FROM person_facts p
LEFT JOIN LATERAL (SELECT * FROM status_facts f WHERE f.person_id = p.person_id AND f.known_at <= :at
                   ORDER BY f.version DESC LIMIT 1) s ON true
WHERE p.person_id = :person_id AND p.known_at <= :at ORDER BY p.version DESC LIMIT 1
"""

_LINES = """
SELECT l.*, c.name AS cycle, c.seq FROM payment_lines l JOIN cycles c USING (cycle_id)
WHERE l.person_id = ANY(CAST(:files AS text[])) AND l.benefit_month = :month AND NOT l.cancelled
  AND c.seq <= CAST(:seq AS int)
ORDER BY c.seq, l.programme, l.person_id
"""

_MONEY = """
SELECT o.cycle_id, o.person_id, o.programme, o.part, o.amount_fen, o.state, o.reason, o.instruction_id,
       i.state AS instruction_state, i.settled_on
FROM outgoing o LEFT JOIN instructions i ON i.instruction_id = o.instruction_id AND o.instruction_id <> ''
WHERE o.person_id = ANY(CAST(:files AS text[])) AND o.benefit_month = :month AND o.state <> 'CANCELLED' AND o.amount_fen > 0
ORDER BY o.cycle_id, o.programme, o.person_id, o.part
"""

_STEPS = """
SELECT s.*, coalesce(f.name, '') AS from_cycle FROM cash_steps s JOIN cycles c USING (cycle_id)
LEFT JOIN cycles f ON f.cycle_id = s.from_cycle_id AND s.from_cycle_id <> ''
WHERE s.person_id = ANY(CAST(:files AS text[])) AND c.state <> 'CANCELLED'
  AND coalesce(nullif(s.other_month, ''), s.benefit_month) = :month
ORDER BY c.seq, s.person_id, s.ordinal
"""


async def read_person(tx: Tx, person_id: str, at: datetime) -> Any | None:
    """A person as known at a moment, for `store.facts.decode`; None where nobody was told of him by then."""
    rows = await tx.fetch(_PERSON, person_id=person_id, at=at)
    return rows[0] if rows else None


async def lines_of_month(tx: Tx, files: Sequence[str], month: str, seq_max: int) -> Sequence[Any]:
    """The lines of a person's files for a month in live cycles up to one, oldest first, with the cycle's name."""
    return await tx.fetch(_LINES, files=list(files), month=month, seq=seq_max)


async def money_of_month(tx: Tx, files: Sequence[str], month: str) -> Sequence[Any]:
    """The pieces of money of a person's files for a month, with their instructions."""
    return await tx.fetch(_MONEY, files=list(files), month=month)


async def steps_of_month(tx: Tx, files: Sequence[str], month: str) -> Sequence[Any]:
    """The steps of cash in live cycles that are about the lines of a person's files for a month."""
    return await tx.fetch(_STEPS, files=list(files), month=month)


async def owed_of_month(tx: Tx, files: Sequence[str], month: str) -> dict[str, int]:
    """What is still owed for a month, fen by programme."""
    rows = await tx.fetch(
        "SELECT programme, CAST(sum(amount_fen) AS bigint) AS fen FROM recovery_cases"
        " WHERE person_id = ANY(CAST(:files AS text[])) AND benefit_month = :month GROUP BY 1",
        files=list(files),
        month=month,
    )
    return {row.programme: row.fen for row in rows if row.fen}
