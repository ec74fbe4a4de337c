"""The lines of a frozen sample with what checks found. Findings are only added; the latest of a line counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.verification import Checked
from tuoqi.payments.store.verification import TOWNSHIP_DIGITS

_LATEST = """
SELECT DISTINCT ON (position) * FROM verification_findings
WHERE sample_id = :sample_id ORDER BY position, revision DESC
"""
_ITEMS = f"""
SELECT i.*, c.name AS cycle, f.finding, f.right_fen, f.checked_by, f.checked_on, f.method, f.evidence
FROM verification_items i JOIN cycles c USING (cycle_id) LEFT JOIN ({_LATEST}) f USING (position)
WHERE i.sample_id = :sample_id
"""
_FINDING_COLUMNS = (
    "sample_id", "position", "revision", "finding", "right_fen", "checked_by", "checked_on", "method", "evidence",
    "recorded_by", "recorded_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewFinding:
    """What is to be kept of one line."""

    position: int
    finding: str
    right_fen: int
    checked_by: str
    checked_on: date
    method: str
    evidence: str


async def page_of_items(
    tx: Tx, sample_id: str, *, after: int, size: int, unchecked_only: bool, regions: Sequence[str]
) -> Sequence[Any]:
    """Drawn lines with their latest finding, in the sample's order, within the given beginnings of regions."""
    return await tx.fetch(
        f"{_ITEMS} AND i.position > :after AND i.region LIKE ANY(CAST(:regions AS text[]))"
        " AND (f.finding IS NULL OR NOT CAST(:unchecked_only AS boolean)) ORDER BY i.position LIMIT CAST(:size AS int)",
        sample_id=sample_id,
        after=after,
        size=size,
        unchecked_only=unchecked_only,
        regions=[f"{one}%" for one in regions],
    )


async def items_at(tx: Tx, sample_id: str, positions: Sequence[int]) -> dict[int, Any]:
    """Drawn lines by place, with their latest finding; their rows are locked."""
    await tx.fetch(
        "SELECT position FROM verification_items WHERE sample_id = :sample_id"
        " AND position = ANY(CAST(:positions AS int[])) ORDER BY position FOR UPDATE",
        sample_id=sample_id,
        positions=list(positions),
    )
    rows = await tx.fetch(
        f"{_ITEMS} AND i.position = ANY(CAST(:positions AS int[]))", sample_id=sample_id, positions=list(positions)
    )
    return {row.position: row for row in rows}


async def write_findings(tx: Tx, sample_id: str, findings: Sequence[NewFinding], *, by: str, at: datetime) -> None:
    """Add findings; the latest of a line counts."""
    positions = [one.position for one in findings]
    rows = await tx.fetch(
        "SELECT position, max(revision) AS last FROM verification_findings WHERE sample_id = :sample_id"
        " AND position = ANY(CAST(:positions AS int[])) GROUP BY 1",
        sample_id=sample_id,
        positions=positions,
    )
    last = {row.position: row.last for row in rows}
    values = []
    for one in findings:
        last[one.position] = last.get(one.position, 0) + 1
        values.append(
            (
                sample_id, one.position, last[one.position], one.finding, one.right_fen, one.checked_by,
                one.checked_on, one.method, one.evidence, by, at,
            )
        )  # fmt: skip
    await tx.copy("verification_findings", _FINDING_COLUMNS, values)


async def read_checked(tx: Tx, sample_id: str, part: str) -> list[Checked]:
    """The lines of one part of a sample with what was found."""
    rows = await tx.fetch(f"{_ITEMS} AND i.part = :part ORDER BY i.position", sample_id=sample_id, part=part)
    return [
        Checked(row.programme, row.region[:TOWNSHIP_DIGITS], row.amount_fen, row.finding or "", row.right_fen or 0)
        for row in rows
    ]


async def officers_of(tx: Tx, cycle_ids: Sequence[str]) -> dict[str, list[str]]:
    """Cycle → who reviewed and who approved it."""
    rows = await tx.fetch(
        "SELECT cycle_id, reviewed_by, approved_by FROM cycles WHERE cycle_id = ANY(CAST(:ids AS text[]))",
        ids=sorted(set(cycle_ids)),
    )
    return {row.cycle_id: [row.reviewed_by, *json.loads(row.approved_by)] for row in rows}
