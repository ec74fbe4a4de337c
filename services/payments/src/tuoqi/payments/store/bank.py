"""What was handed to the bank, every answer that it gave, and answers that belong to no instruction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import expect_rows


@dataclass(frozen=True, slots=True)
class Unmatched:
    """An answer of the bank that was not taken 未匹配回盘: UNKNOWN, AMOUNT or CONTRADICTION says why."""

    result_id: str
    why: str
    instruction_id: str
    result: str
    settled_on: date | None
    amount_fen: int | None
    return_reason: str
    source: str
    row_number: int
    taken_at: datetime
    taken_by: str
    state: str = "OPEN"
    decided_at: datetime | None = None
    decided_by: str = ""
    assigned_to: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True)
class Export:
    """One batch of instructions handed to the bank in one format."""

    cycle_id: str
    export_no: int
    format: str
    instructions: int
    amount_fen: int
    rule_version: str
    made_at: datetime
    made_by: str
    manifest_hash: str = ""
    """SHA-256 of the manifest as it was first written; empty before that."""


async def note_answers(
    tx: Tx, answers: Sequence[tuple[str, str, date | None]], *, source: str, at: datetime, by: str
) -> None:
    """Keep what the bank said of instructions: rows of id, result, day."""
    await tx.execute(
        "INSERT INTO bank_answers (instruction_id, result, settled_on, source, taken_at, taken_by)"
        " SELECT t.*, :source, :at, :by FROM unnest(CAST(:ids AS text[]), CAST(:results AS text[]),"
        " CAST(:days AS date[])) AS t(instruction_id, result, settled_on)",
        ids=[one for one, _, _ in answers],
        results=[result for _, result, _ in answers],
        days=[day for _, _, day in answers],
        source=source,
        at=at,
        by=by,
    )


_KEEP = """
INSERT INTO unmatched_results (result_id, why, instruction_id, result, settled_on, amount_fen, return_reason, source,
                               row_number, taken_at, taken_by)
SELECT DISTINCT ON (t.why, t.instruction_id, t.result, t.settled_on, t.amount_fen)
    t.result_id, t.why, t.instruction_id, t.result, t.settled_on, t.amount_fen, t.return_reason, t.source,
    t.row_number, t.taken_at, t.taken_by
FROM unnest(CAST(:result_id AS text[]), CAST(:why AS text[]), CAST(:instruction_id AS text[]), CAST(:result AS text[]),
            CAST(:settled_on AS date[]), CAST(:amount_fen AS bigint[]), CAST(:return_reason AS text[]),
            CAST(:source AS text[]), CAST(:row_number AS int[]), CAST(:taken_at AS timestamptz[]),
            CAST(:taken_by AS text[]))
     AS t(result_id, why, instruction_id, result, settled_on, amount_fen, return_reason, source, row_number, taken_at,
          taken_by)
WHERE NOT EXISTS (
    SELECT FROM unmatched_results u WHERE u.state = 'OPEN' AND u.instruction_id = t.instruction_id AND u.why = t.why
      AND u.result = t.result AND u.settled_on IS NOT DISTINCT FROM t.settled_on
      AND u.amount_fen IS NOT DISTINCT FROM t.amount_fen)
ORDER BY t.why, t.instruction_id, t.result, t.settled_on, t.amount_fen, t.row_number
ON CONFLICT DO NOTHING
"""
_KEPT = (
    "result_id", "why", "instruction_id", "result", "settled_on", "amount_fen", "return_reason", "source",
    "row_number", "taken_at", "taken_by",
)  # fmt: skip


async def keep_unmatched(tx: Tx, found: Sequence[Unmatched]) -> int:
    """Keep answers that were not taken; one that stands open already is kept once. How many are new."""
    if not found:
        return 0
    return await tx.execute(_KEEP, **{name: [getattr(one, name) for one in found] for name in _KEPT})


async def list_unmatched(tx: Tx, state: str, after: str, size: int) -> list[Unmatched]:
    """Answers that were not taken, by id; of one state or of all."""
    rows = await tx.fetch(
        "SELECT * FROM unmatched_results WHERE (CAST(:state AS text) = '' OR state = :state) AND result_id > :after"
        " ORDER BY result_id LIMIT CAST(:size AS int)",
        state=state,
        after=after,
        size=size,
    )
    return [Unmatched(**row._mapping) for row in rows]  # noqa: SLF001 -- SQLAlchemy's public name for it


async def find_unmatched(tx: Tx, result_id: str) -> Unmatched | None:
    """One of them."""
    rows = await tx.fetch("SELECT * FROM unmatched_results WHERE result_id = :result_id", result_id=result_id)
    return Unmatched(**rows[0]._mapping) if rows else None  # noqa: SLF001 -- SQLAlchemy's public name for it


async def decide_unmatched(
    tx: Tx, result_id: str, state: str, *, by: str, at: datetime, assigned_to: str = "", because: str = ""
) -> None:
    """End one that is open. Raises Conflict where somebody has just decided it."""
    touched = await tx.execute(
        "UPDATE unmatched_results SET state = :state, decided_by = :by, decided_at = :at, assigned_to = :assigned_to,"
        " because = :because WHERE result_id = :result_id AND state = 'OPEN'",
        state=state,
        by=by,
        at=at,
        assigned_to=assigned_to,
        because=because,
        result_id=result_id,
    )
    expect_rows(touched, 1)


async def next_export(tx: Tx, cycle_id: str, made: Export) -> Export | None:
    """Put all open instructions of a cycle that no file carries yet into a new batch; None where there are none."""
    (row,) = await tx.fetch(
        "SELECT coalesce(max(export_no), 0) + 1 AS no FROM bank_exports WHERE cycle_id = :cycle_id", cycle_id=cycle_id
    )
    rows = await tx.fetch(
        "UPDATE instructions SET export_no = :no, exported_at = coalesce(exported_at, :at)"
        " WHERE cycle_id = :cycle_id AND state = 'OPEN' AND export_no = 0 RETURNING amount_fen",
        no=row.no,
        at=made.made_at,
        cycle_id=cycle_id,
    )
    if not rows:
        return None
    export = Export(
        cycle_id=cycle_id,
        export_no=row.no,
        format=made.format,
        instructions=len(rows),
        amount_fen=sum(one.amount_fen for one in rows),
        rule_version=made.rule_version,
        made_at=made.made_at,
        made_by=made.made_by,
    )
    await tx.copy(
        "bank_exports",
        ("cycle_id", "export_no", "format", "instructions", "amount_fen", "rule_version", "made_at", "made_by"),
        [
            (
                cycle_id, export.export_no, export.format, export.instructions, export.amount_fen,
                export.rule_version, export.made_at, export.made_by,
            )
        ],
    )  # fmt: skip
    return export


async def undo_export(tx: Tx, export: Export) -> None:
    """Take a batch back that was never written, because its template cannot hold it."""
    key = {"cycle_id": export.cycle_id, "no": export.export_no}
    await tx.execute(
        "UPDATE instructions SET export_no = 0, exported_at = nullif(exported_at, :at)"
        " WHERE cycle_id = :cycle_id AND export_no = :no",
        **key,
        at=export.made_at,
    )
    await tx.execute("DELETE FROM bank_exports WHERE cycle_id = :cycle_id AND export_no = :no", **key)


async def keep_manifest(tx: Tx, export: Export, manifest_hash: str) -> bool:
    """Keep the hash of a batch's manifest; False where another one was kept before."""
    touched = await tx.execute(
        "UPDATE bank_exports SET manifest_hash = :hash"
        " WHERE cycle_id = :cycle_id AND export_no = :no AND manifest_hash IN ('', :hash)",
        hash=manifest_hash,
        cycle_id=export.cycle_id,
        no=export.export_no,
    )
    return touched == 1


async def exports_of(tx: Tx, cycle_id: str) -> list[Export]:
    """The batches of a cycle, in their order."""
    rows = await tx.fetch("SELECT * FROM bank_exports WHERE cycle_id = :cycle_id ORDER BY export_no", cycle_id=cycle_id)
    return [Export(**row._mapping) for row in rows]  # noqa: SLF001 -- SQLAlchemy's public name for it


async def page_of_export(tx: Tx, cycle_id: str, export_no: int, after: tuple[str, str], size: int) -> Sequence[Any]:
    """A run of a batch's instructions by programme key and id, after the given place."""
    return await tx.fetch(
        "SELECT * FROM instructions WHERE cycle_id = :cycle_id AND export_no = :no"
        " AND (programme, instruction_id) > (:programme, :id)"
        " ORDER BY programme, instruction_id LIMIT CAST(:size AS int)",
        cycle_id=cycle_id,
        no=export_no,
        programme=after[0],
        id=after[1],
        size=size,
    )


async def mark_handed_out(tx: Tx, ids: Sequence[str], at: datetime) -> None:
    """Note that a list with these instructions left the house: none of them can be stopped from now on."""
    await tx.execute(
        "UPDATE instructions SET exported_at = :at"
        " WHERE instruction_id = ANY(CAST(:ids AS text[])) AND state = 'OPEN' AND exported_at IS NULL",
        ids=list(ids),
        at=at,
    )
