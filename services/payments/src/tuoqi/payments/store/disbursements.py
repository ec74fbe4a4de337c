"""Lines that other systems submitted: written once by COPY, released as grants, and followed to the account.

Where a line is now is worked out from cycles, lines, money and instructions as they stand; only what its submitter was
told last is kept (`told`), so that nothing is told twice and nothing is forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.grants import UNDER_WAY, Batch, Known, Line, MonthSum, Taken, is_id

_COLUMNS = (
    "batch_no",
    "ordinal",
    "client",
    "line_ref",
    "person_id",
    "programme",
    "benefit_month",
    "amount_fen",
)

_TAKEN = """
SELECT d.line_ref, d.person_id, d.programme, d.benefit_month, d.amount_fen, b.batch_id
FROM disbursements d JOIN disbursement_batches b USING (batch_no)
WHERE d.client = :client AND d.line_ref = ANY(CAST(:refs AS text[]))
"""

# Only who is unknown or dead comes back: of an ordinary batch nobody.
_STRANGE = """
SELECT t.person_id, f.died_on
FROM unnest(CAST(:ids AS text[])) AS t(person_id)
LEFT JOIN LATERAL (
    SELECT p.person_id, p.died_on FROM person_facts p WHERE p.person_id = t.person_id ORDER BY p.version DESC LIMIT 1
) f ON true
WHERE f.person_id IS NULL OR f.died_on IS NOT NULL
"""

_SUMS = """
SELECT d.person_id, d.programme, d.benefit_month, CAST(sum(d.amount_fen) AS bigint) AS amount_fen,
       min(d.line_ref) AS line_ref,
       CAST(coalesce((SELECT sum(g.amount_fen) FROM grants g WHERE g.person_id = d.person_id
                      AND g.programme = d.programme AND g.benefit_month = d.benefit_month AND g.voided_at IS NULL), 0)
            AS bigint) AS before_fen
FROM disbursements d WHERE d.batch_no = :batch_no AND d.told = 'ACCEPTED' GROUP BY 1, 2, 3 ORDER BY 5
"""

_GRANTED_NEAR = """
SELECT d.line_ref FROM disbursements d
WHERE d.batch_no = :batch_no AND d.told = 'ACCEPTED' AND d.programme = :programme AND d.benefit_month BETWEEN :first
      AND :last
  AND (EXISTS (SELECT FROM grants g WHERE g.person_id = d.person_id AND g.programme = d.programme
               AND g.voided_at IS NULL AND g.benefit_month BETWEEN :first AND :last)
       OR EXISTS (SELECT FROM disbursements e WHERE e.batch_no = d.batch_no AND e.person_id = d.person_id
                  AND e.programme = d.programme AND e.told = 'ACCEPTED' AND e.ordinal < d.ordinal
                  AND e.benefit_month BETWEEN :first AND :last))
ORDER BY d.ordinal
"""

_RELEASE = """
WITH released AS (
    UPDATE disbursements SET told = 'RELEASED' WHERE batch_no = :batch_no AND told = 'ACCEPTED'
    RETURNING ordinal, person_id, programme, benefit_month, amount_fen
), granted AS (
    INSERT INTO grants (grant_id, person_id, programme, benefit_month, amount_fen, known_at)
    SELECT CAST(:batch_id AS text) || '.' || ordinal, person_id, programme, benefit_month, amount_fen,
           CAST(:at AS timestamptz)
    FROM released
    RETURNING amount_fen
)
SELECT count(*) AS lines, CAST(coalesce(sum(amount_fen), 0) AS bigint) AS fen FROM granted
"""

_VOID = """
UPDATE disbursements SET told = 'VOIDED', voided_because = :reason
WHERE batch_no = :batch_no AND told <> 'VOIDED' AND (CAST(:every AS boolean) OR line_ref = ANY(CAST(:refs AS text[])))
RETURNING line_ref, ordinal
"""

_NOW = """
WITH merged AS MATERIALIZED (
    SELECT p.person_id, p.merged_into FROM (SELECT DISTINCT person_id FROM person_facts WHERE merged_into <> '') ever
    JOIN LATERAL (SELECT * FROM person_facts f WHERE f.person_id = ever.person_id ORDER BY f.version DESC LIMIT 1) p
         ON true
    WHERE p.merged_into <> ''
), placed AS (
    SELECT d.batch_no, d.ordinal, b.batch_id, d.line_ref, d.person_id, d.programme, d.benefit_month, d.amount_fen,
           d.told, coalesce(line.cycle_id, first.cycle_id, '') AS cycle_id,
           coalesce(line.name, first.name, '') AS cycle_name, coalesce(money.waits_for, '') AS waits_for,
           CASE WHEN d.told IN ('ACCEPTED', 'VOIDED') THEN d.told
                WHEN first.cycle_id IS NULL THEN 'RELEASED'
                WHEN line.cycle_id IS NULL THEN 'NOT_PAID'
                WHEN money.pieces = 0 THEN 'NETTED'
                WHEN money.returned THEN 'RETURNED'
                WHEN money.waiting THEN 'WAITING'
                WHEN money.in_cycle THEN 'IN_CYCLE'
                WHEN money.settled THEN 'SETTLED'
                ELSE 'INSTRUCTED' END AS state
    FROM disbursements d
    JOIN disbursement_batches b USING (batch_no)
    LEFT JOIN merged m ON m.person_id = d.person_id
    LEFT JOIN grants g ON g.grant_id = b.batch_id || '.' || d.ordinal
    LEFT JOIN LATERAL (
        SELECT c.cycle_id, c.name, c.seq FROM cycles c
        WHERE c.cut_off >= g.known_at AND c.state NOT IN ('DRAFT', 'CANCELLED') AND d.told NOT IN ('ACCEPTED', 'VOIDED')
        ORDER BY c.seq LIMIT 1
    ) first ON true
    LEFT JOIN LATERAL (
        SELECT l.cycle_id, l.person_id, c.name FROM payment_lines l JOIN cycles c USING (cycle_id)
        WHERE l.person_id IN (d.person_id, coalesce(m.merged_into, d.person_id)) AND l.programme = d.programme
          AND l.benefit_month = d.benefit_month AND l.amount_fen > 0 AND NOT l.cancelled AND c.seq >= first.seq
        ORDER BY c.seq LIMIT 1
    ) line ON true
    LEFT JOIN LATERAL (
        SELECT count(*) AS pieces, bool_or(o.state = 'RETURNED') AS returned, bool_or(o.state = 'WAITING') AS waiting,
               bool_or(o.state = 'TO_INSTRUCT') AS in_cycle, bool_and(i.state = 'SUCCESS') AS settled,
               max(CASE WHEN o.state = 'WAITING' THEN o.reason END) AS waits_for
        FROM outgoing o LEFT JOIN instructions i ON i.instruction_id = o.instruction_id
        WHERE o.person_id = line.person_id AND o.cycle_id = line.cycle_id AND o.programme = d.programme
          AND o.benefit_month = d.benefit_month AND o.amount_fen > 0
    ) money ON true
    WHERE {which}
)
"""
_OF_BATCH = "d.batch_no = :batch_no AND d.ordinal > :after"
_OF_LINE = "d.client = :client AND d.line_ref = :line_ref"
_IN_STATES = ", ".join(f"'{one}'" for one in UNDER_WAY)
_STILL = f"d.batch_no = ANY(CAST(:numbers AS bigint[])) AND d.told IN ({_IN_STATES})"
_PAGE = (
    _NOW.format(which=_OF_BATCH)
    + "SELECT * FROM placed WHERE (CAST(:state AS text) = '' OR state = :state) ORDER BY ordinal"
    + " LIMIT CAST(:size AS int)"
)
_COUNTS = _NOW.format(which=_OF_BATCH) + "SELECT state, count(*) AS n FROM placed GROUP BY 1 ORDER BY 1"
_ONE = _NOW.format(which=_OF_LINE) + "SELECT * FROM placed"
_MOVED = _NOW.format(which=_STILL) + "SELECT * FROM placed WHERE state <> told ORDER BY batch_no, ordinal"
_NUMBERS = f"""
SELECT DISTINCT batch_no FROM disbursements WHERE told IN ({_IN_STATES})
ORDER BY batch_no
"""

# Whoever moves money books it, and draws this number while he holds the money's lock; a cycle's version rises with
# every act. Together they stand still exactly while no money moves.
_STANDING = """
SELECT (SELECT coalesce(sum(version), 0) FROM cycles) || '|' || last_ledger_posting() AS standing,
       (SELECT standing FROM disbursements_followed) AS followed
"""


@dataclass(frozen=True, slots=True)
class Moved:
    """A line that is elsewhere than its submitter was told last."""

    batch_no: int
    ordinal: int
    batch_id: str
    line_ref: str
    state: str
    cycle_id: str
    cycle_name: str


async def read_known(tx: Tx, client: str, lines: Sequence[Line]) -> Known:
    """What the walls ask about lines: references taken before, people unknown, deaths."""
    taken = {
        row.line_ref: Taken((row.person_id, row.programme, row.benefit_month, row.amount_fen), row.batch_id)
        for row in await tx.fetch(_TAKEN, client=client, refs=[line.line_ref for line in lines])
    }
    ids = {line.person_id for line in lines}
    # What has not the shape of an id may hold anything, also what a database does not take.
    malformed = {one for one in ids if not is_id(one)}
    rows = await tx.fetch(_STRANGE, ids=sorted(ids - malformed))
    strangers = malformed | {row.person_id for row in rows if row.died_on is None}
    return Known(taken, frozenset(strangers), {row.person_id: row.died_on for row in rows if row.died_on is not None})


async def write_lines(tx: Tx, batch_no: int, client: str, lines: Sequence[Line]) -> None:
    """Write accepted lines. Raises Conflict where another batch has just taken one of the references.

    In the order of the references, so that two batches with the same ones wait for each other and never cross.
    """
    rows = [
        (batch_no, one.ordinal, client, one.line_ref, one.person_id, one.programme, one.benefit_month, one.amount_fen)
        for one in sorted(lines, key=lambda line: line.line_ref)
    ]
    await tx.copy_new("disbursements", _COLUMNS, rows)


async def read_sums(tx: Tx, batch_no: int) -> list[MonthSum]:
    """What people would be granted by month with a batch, and what stands there already."""
    rows = await tx.fetch(_SUMS, batch_no=batch_no)
    return [MonthSum(**row._mapping) for row in rows]  # noqa: SLF001 -- SQLAlchemy's public name for it


async def granted_between(tx: Tx, batch_no: int, programme: str, first: str, last: str) -> list[str]:
    """References of a batch's lines of a programme whose people have another grant of it between two months."""
    rows = await tx.fetch(_GRANTED_NEAR, batch_no=batch_no, programme=programme, first=first, last=last)
    return [row.line_ref for row in rows]


async def months_of(tx: Tx, batch_no: int) -> list[tuple[str, str]]:
    """The programmes and months of a batch's lines."""
    rows = await tx.fetch(
        "SELECT DISTINCT programme, benefit_month FROM disbursements WHERE batch_no = :batch_no AND told = 'ACCEPTED'"
        " ORDER BY 1, 2",
        batch_no=batch_no,
    )
    return [(row.programme, row.benefit_month) for row in rows]


async def release_lines(tx: Tx, batch: Batch, at: datetime) -> tuple[int, int]:
    """Make grants of a batch's lines; how many, and their sum."""
    (row,) = await tx.fetch(_RELEASE, batch_no=batch.batch_no, batch_id=batch.batch_id, at=at)
    return row.lines, row.fen


async def void_lines(tx: Tx, batch: Batch, refs: Sequence[str], reason: str) -> tuple[list[str], list[str]]:
    """Take lines back, all where no reference is given: the references of those that were not yet, and their grants."""
    rows = await tx.fetch(_VOID, batch_no=batch.batch_no, every=not refs, refs=list(refs), reason=reason)
    ordered = sorted(rows, key=lambda row: row.ordinal)
    return [row.line_ref for row in ordered], [f"{batch.batch_id}.{row.ordinal}" for row in ordered]


async def known_refs(tx: Tx, batch_no: int, refs: Sequence[str]) -> set[str]:
    """Which of these references are lines of a batch."""
    rows = await tx.fetch(
        "SELECT line_ref FROM disbursements WHERE batch_no = :batch_no AND line_ref = ANY(CAST(:refs AS text[]))",
        batch_no=batch_no,
        refs=list(refs),
    )
    return {row.line_ref for row in rows}


async def page_of_disbursements(tx: Tx, batch_no: int, *, after: int, state: str, size: int) -> Sequence[Any]:
    """A run of a batch's lines with where they are now, after the given place."""
    return await tx.fetch(_PAGE, batch_no=batch_no, after=after, state=state, size=size)


async def count_states(tx: Tx, batch_no: int) -> dict[str, int]:
    """How many of a batch's lines are where now."""
    return {row.state: row.n for row in await tx.fetch(_COUNTS, batch_no=batch_no, after=0)}


async def find_disbursement(tx: Tx, client: str, line_ref: str) -> Any | None:
    """One line of a client with where it is now."""
    rows = await tx.fetch(_ONE, client=client, line_ref=line_ref)
    return rows[0] if rows else None


async def read_standing(tx: Tx) -> tuple[str, str | None]:
    """How far money has moved, and how far it had moved when submitters were told last."""
    (row,) = await tx.fetch(_STANDING)
    return row.standing, row.followed


async def write_followed(tx: Tx, standing: str) -> None:
    """Submitters know everything up to here."""
    await tx.execute(
        "INSERT INTO disbursements_followed (standing) VALUES (:standing)"
        " ON CONFLICT (only_row) DO UPDATE SET standing = excluded.standing",
        standing=standing,
    )


async def batches_under_way(tx: Tx) -> list[int]:
    """The numbers of batches with lines that may still move."""
    return [row.batch_no for row in await tx.fetch(_NUMBERS)]


async def any_under_way(tx: Tx) -> bool:
    """Whether any line may still move."""
    rows = await tx.fetch(f"SELECT EXISTS ({_NUMBERS}) AS any")
    return bool(rows[0].any)


async def read_moved(tx: Tx, numbers: Sequence[int]) -> list[Moved]:
    """The lines of batches that are elsewhere than was told last, in the order of the batches."""
    rows = await tx.fetch(_MOVED, numbers=list(numbers))
    return [
        Moved(row.batch_no, row.ordinal, row.batch_id, row.line_ref, row.state, row.cycle_id, row.cycle_name)
        for row in rows
    ]


async def write_told(tx: Tx, moved: Sequence[Moved]) -> None:
    """Keep what submitters are told with this transaction."""
    await tx.execute(
        "UPDATE disbursements d SET told = t.state"
        " FROM unnest(CAST(:numbers AS bigint[]), CAST(:ordinals AS int[]), CAST(:states AS text[]))"
        " AS t(batch_no, ordinal, state) WHERE d.batch_no = t.batch_no AND d.ordinal = t.ordinal",
        numbers=[one.batch_no for one in moved],
        ordinals=[one.ordinal for one in moved],
        states=[one.state for one in moved],
    )
