"""The only SQL about alerts. Closed alerts stay in the table for ever and are never loaded into a book again."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tuoqi.alerts.domain.alert import Alert, Cause, Escalation
from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.domain.rules import Severity
from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Change, expect_rows

COLUMNS = {
    "alert_id": "text",
    "person_id": "text",
    "facility": "text",
    "kind": "text",
    "severity": "text",
    "raised_at": "timestamptz",
    "severity_since": "timestamptz",
    "rules_from": "date",
    "rules_version": "text",
    "joined": "int",
    "causes": "text",
    "acknowledged_at": "timestamptz",
    "acknowledged_by": "text",
    "escalations": "text",
    "closed_at": "timestamptz",
    "closed_as": "text",
    "due_at": "timestamptz",
}
"""Each column with the type of the array that carries it; the JSON ones travel as text."""
AS_JSON = ("causes", "escalations")
FIXED = ("alert_id", "person_id", "facility", "kind", "raised_at", "rules_from", "rules_version")
"""What an alert is raised with and keeps."""

SELECT = "SELECT " + ", ".join(f"CAST({c} AS text) AS {c}" if c in AS_JSON else c for c in COLUMNS) + " FROM alerts"
UPSERT = (
    f"INSERT INTO alerts ({', '.join(COLUMNS)})"
    f" SELECT {', '.join(f'CAST({c} AS jsonb)' if c in AS_JSON else c for c in COLUMNS)}"
    f" FROM unnest({', '.join(f'CAST(:{c} AS {kind}[])' for c, kind in COLUMNS.items())}) AS n ({', '.join(COLUMNS)})"
    f" ON CONFLICT (alert_id) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in COLUMNS if c not in FIXED)}"
)


class AlertBookStore:
    """Loads and saves the books of many people in one statement each."""

    async def load(self, tx: Tx, keys: Collection[str]) -> dict[str, AlertBook]:
        """The books that exist, locked in key order, each with its open alerts in order of their raise.

        Two statements, not one join: a lock that had to wait returns the newest version of the book, but a join would
        still show the alerts as they were before the wait.
        """
        rows = await tx.fetch(
            "SELECT person_id, version FROM alert_books WHERE person_id = ANY(CAST(:keys AS text[]))"
            " ORDER BY person_id FOR UPDATE",
            keys=list(keys),
        )
        if not rows:
            return {}
        opened: dict[str, list[Alert]] = {}
        for row in await tx.fetch(
            f"{SELECT} WHERE person_id = ANY(CAST(:keys AS text[])) AND closed_at IS NULL ORDER BY raised_at, alert_id",
            keys=[row.person_id for row in rows],
        ):
            opened.setdefault(row.person_id, []).append(_alert(row))
        return {
            row.person_id: AlertBook(row.person_id, row.version, tuple(opened.get(row.person_id, ()))) for row in rows
        }

    async def save(self, tx: Tx, changes: Sequence[Change[AlertBook]]) -> None:
        """Write books and their alerts. Raises Conflict where someone else changed a book first."""
        fresh = [change for change in changes if change.loaded_version is None]
        known = [change for change in changes if change.loaded_version is not None]
        if fresh:
            inserted = await tx.execute(
                "INSERT INTO alert_books (person_id, version)"
                " SELECT * FROM unnest(CAST(:keys AS text[]), CAST(:versions AS bigint[])) ON CONFLICT DO NOTHING",
                keys=[change.key for change in fresh],
                versions=[change.state.version for change in fresh],
            )
            expect_rows(inserted, len(fresh))
        if known:
            updated = await tx.execute(
                "UPDATE alert_books b SET version = n.version FROM unnest(CAST(:keys AS text[]),"
                " CAST(:loaded AS bigint[]), CAST(:versions AS bigint[])) AS n (person_id, loaded, version)"
                " WHERE b.person_id = n.person_id AND b.version = n.loaded",
                keys=[change.key for change in known],
                loaded=[change.loaded_version for change in known],
                versions=[change.state.version for change in known],
            )
            expect_rows(updated, len(known))
        rows = [_row(alert) for change in changes for alert in change.state.alerts]
        if rows:
            await tx.execute(
                UPSERT,
                **{column: list(values) for column, values in zip(COLUMNS, zip(*rows, strict=True), strict=True)},
            )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of alerts ended, or begins."""

    raised_at: datetime
    alert_id: str


async def next_due(tx: Tx) -> datetime | None:
    """When the next step of any alert is due."""
    rows = await tx.fetch("SELECT min(due_at) AS due_at FROM alerts WHERE due_at IS NOT NULL")
    moment: datetime | None = rows[0].due_at
    return moment


async def due_people(tx: Tx, until: datetime, limit: int) -> list[str]:
    """People whose alerts have steps due by `until`, the earliest first, at most `limit`."""
    rows = await tx.fetch(
        "SELECT person_id FROM alerts WHERE due_at <= :until ORDER BY due_at, person_id LIMIT CAST(:top AS int)",
        until=until,
        top=limit,
    )
    return list(dict.fromkeys(row.person_id for row in rows))


async def newest(
    tx: Tx, limit: int, *, before: Place | None = None, only_open: bool = False, person_id: str = "", kind: str = ""
) -> list[Alert]:
    """Alerts, the newest first, from just behind `before` on."""
    wanted: dict[str, dict[str, Any]] = {}
    if before is not None:
        wanted["(raised_at, alert_id) < (:raised_at, :alert_id)"] = {
            "raised_at": before.raised_at,
            "alert_id": before.alert_id,
        }
    if only_open:
        wanted["closed_at IS NULL"] = {}
    if person_id:
        wanted["person_id = :person_id"] = {"person_id": person_id}
    if kind:
        wanted["kind = :kind"] = {"kind": kind}
    values = {name: value for given in wanted.values() for name, value in given.items()}
    rows = await tx.fetch(
        f"{SELECT} WHERE {' AND '.join(wanted) or 'true'} ORDER BY raised_at DESC, alert_id DESC"
        " LIMIT CAST(:top AS int)",
        top=limit,
        **values,
    )
    return [_alert(row) for row in rows]


async def oldest(tx: Tx, limit: int, after: Place | None = None) -> list[Alert]:
    """All alerts in order of their raise, from just behind `after` on."""
    where = "" if after is None else " WHERE (raised_at, alert_id) > (:raised_at, :alert_id)"
    values = {} if after is None else {"raised_at": after.raised_at, "alert_id": after.alert_id}
    rows = await tx.fetch(f"{SELECT}{where} ORDER BY raised_at, alert_id LIMIT CAST(:top AS int)", top=limit, **values)
    return [_alert(row) for row in rows]


async def one(tx: Tx, alert_id: str) -> Alert | None:
    """The alert of this id, open or closed."""
    rows = await tx.fetch(f"{SELECT} WHERE alert_id = :alert_id", alert_id=alert_id)
    return _alert(rows[0]) if rows else None


async def open_by_severity(tx: Tx) -> dict[str, int]:
    """How many alerts are open in all, by severity."""
    rows = await tx.fetch("SELECT severity, count(*) AS n FROM alerts WHERE closed_at IS NULL GROUP BY severity")
    return {row.severity: row.n for row in rows}


def _row(alert: Alert) -> tuple[Any, ...]:
    """An alert in the order of COLUMNS."""
    return (
        alert.alert_id,
        alert.person_id,
        alert.facility,
        alert.kind,
        alert.severity.name,
        alert.raised_at,
        alert.severity_since,
        alert.rules_from,
        alert.rules_version,
        alert.joined,
        _compact([cause.deadline.isoformat(), cause.is_open] for cause in alert.causes),
        alert.acknowledged_at,
        alert.acknowledged_by,
        _compact([step.step, step.at.isoformat()] for step in alert.escalations),
        alert.closed_at,
        alert.closed_as,
        alert.due_at,
    )


def _compact(entries: Iterable[list[Any]]) -> str:
    return json.dumps(list(entries), ensure_ascii=False, separators=(",", ":"))


def _alert(row: Any) -> Alert:
    return Alert(
        alert_id=row.alert_id,
        kind=row.kind,
        severity=Severity[row.severity],
        raised_at=row.raised_at,
        severity_since=row.severity_since,
        rules_from=row.rules_from,
        rules_version=row.rules_version,
        person_id=row.person_id,
        facility=row.facility,
        joined=row.joined,
        causes=tuple(Cause(date.fromisoformat(day), is_open) for day, is_open in json.loads(row.causes)),
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        escalations=tuple(Escalation(step, datetime.fromisoformat(at)) for step, at in json.loads(row.escalations)),
        closed_at=row.closed_at,
        closed_as=row.closed_as,
        due_at=row.due_at,
    )
