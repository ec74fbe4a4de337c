"""Who reported what, once for each key of his."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import expect_rows


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A report as taken."""

    by: str
    key: str
    alert_id: str
    kind: str
    cause: str
    reported_at: datetime


@dataclass(frozen=True, slots=True)
class ReportState:
    """A report and how its alert stands."""

    report: ReportRow
    acknowledged: bool
    closed: bool


_COLUMNS = "r.by_user, r.report_key, r.alert_id, r.kind, r.cause, r.reported_at"


async def find_report(tx: Tx, by: str, key: str) -> ReportRow | None:
    """What was taken under a key before."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM alert_reports r WHERE by_user = :by AND report_key = :key", by=by, key=key
    )
    return _report(rows[0]) if rows else None


async def keep_report(tx: Tx, report: ReportRow) -> None:
    """Write a report. Raises Conflict where the same one came at the same time."""
    added = await tx.execute(
        "INSERT INTO alert_reports (by_user, report_key, alert_id, kind, cause, reported_at)"
        " VALUES (:by, :key, :alert_id, :kind, :cause, :at) ON CONFLICT DO NOTHING",
        by=report.by,
        key=report.key,
        alert_id=report.alert_id,
        kind=report.kind,
        cause=report.cause,
        at=report.reported_at,
    )
    expect_rows(added, 1)


async def reports_by(tx: Tx, by: str, limit: int, before: tuple[datetime, str] | None) -> list[ReportState]:
    """What somebody reported, the newest first."""
    where = "" if before is None else " AND (r.reported_at, r.report_key) < (:at, :key)"
    values = {} if before is None else {"at": before[0], "key": before[1]}
    rows = await tx.fetch(
        f"SELECT {_COLUMNS}, a.acknowledged_at IS NOT NULL AS acknowledged, a.closed_at IS NOT NULL AS closed"
        f" FROM alert_reports r JOIN alerts a ON a.alert_id = r.alert_id WHERE r.by_user = :by{where}"
        " ORDER BY r.reported_at DESC, r.report_key DESC LIMIT CAST(:top AS int)",
        by=by,
        top=limit,
        **values,
    )
    return [ReportState(_report(row), row.acknowledged, row.closed) for row in rows]


def _report(row: Any) -> ReportRow:
    return ReportRow(row.by_user, row.report_key, row.alert_id, row.kind, row.cause, row.reported_at)
