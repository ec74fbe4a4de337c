"""Frozen reports: kept once, never changed; the table refuses it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from tuoqi.kit.database import Tx


@dataclass(frozen=True, slots=True)
class Report:
    """A frozen report as it is stored; `content` is the answer as it was given, hex."""

    report_id: str
    kind: str
    title: str
    first_day: date
    last_day: date
    broken_down_by: str
    frozen_at: datetime
    frozen_by: str
    definitions_hash: str
    content_hash: str
    content: str


async def keep_report(tx: Tx, report: Report) -> None:
    """Keeps a report."""
    names = Report.__slots__
    await tx.copy_new("frozen_reports", names, [tuple(getattr(report, name) for name in names)])


async def find_report(tx: Tx, kind: str, report_id: str) -> Report | None:
    """A report by id."""
    rows = await tx.fetch(
        "SELECT * FROM frozen_reports WHERE kind = :kind AND report_id = :report_id", kind=kind, report_id=report_id
    )
    return Report(**rows[0]._mapping) if rows else None  # noqa: SLF001 -- SQLAlchemy's public name for it


async def newest_reports(tx: Tx, kind: str, limit: int) -> list[Report]:
    """The last ones of a kind, newest first."""
    rows = await tx.fetch(
        "SELECT * FROM frozen_reports WHERE kind = :kind ORDER BY frozen_at DESC, report_id DESC"
        " LIMIT CAST(:limit AS int)",
        kind=kind,
        limit=limit,
    )
    return [Report(**row._mapping) for row in rows]  # noqa: SLF001 -- SQLAlchemy's public name for it
