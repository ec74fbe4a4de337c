"""An alert as a row of `alerts`, and back."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from tuoqi.alerts.domain.alert import Alert
from tuoqi.alerts.domain.parts import Cause, Done, Escalation, Evidence, Proposal
from tuoqi.alerts.domain.rules import Severity

COLUMNS = {
    "alert_id": "text",
    "book": "text",
    "subject_kind": "text",
    "subject_id": "text",
    "region": "text",
    "restricted": "boolean",
    "reporters": "text",
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
    "acts": "text",
    "proposal": "text",
    "escalations": "text",
    "reopened_at": "timestamptz",
    "closed_at": "timestamptz",
    "closed_as": "text",
    "due_at": "timestamptz",
}
"""Each column with the type of the array that carries it; the JSON ones travel as text."""
AS_JSON = ("reporters", "causes", "acts", "proposal", "escalations")
FIXED = (
    "alert_id", "book", "subject_kind", "subject_id", "region", "restricted", "kind", "raised_at", "rules_from",
    "rules_version",
)  # fmt: skip
"""What an alert is raised with and keeps."""

FIELDS = ", ".join(f"CAST(a.{c} AS text) AS {c}" if c in AS_JSON else f"a.{c}" for c in COLUMNS)
SELECT = f"SELECT {FIELDS} FROM alerts a"
UPSERT = (
    f"INSERT INTO alerts ({', '.join(COLUMNS)})"
    f" SELECT {', '.join(f'CAST({c} AS jsonb)' if c in AS_JSON else c for c in COLUMNS)}"
    f" FROM unnest({', '.join(f'CAST(:{c} AS {kind}[])' for c, kind in COLUMNS.items())}) AS n ({', '.join(COLUMNS)})"
    f" ON CONFLICT (alert_id) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in COLUMNS if c not in FIXED)}"
)


def row_of(book: str, alert: Alert) -> tuple[Any, ...]:
    """An alert of a book in the order of COLUMNS."""
    offer = alert.proposal
    return (
        alert.alert_id,
        book,
        alert.subject_kind,
        alert.subject_id,
        alert.region,
        alert.restricted,
        _compact(alert.reporters),
        alert.kind,
        alert.severity.name,
        alert.raised_at,
        alert.severity_since,
        alert.rules_from,
        alert.rules_version,
        alert.joined,
        _compact([_cause_row(cause) for cause in alert.causes]),
        alert.acknowledged_at,
        alert.acknowledged_by,
        _compact([[act.what, act.at.isoformat(), act.by, _evidence_rows(act.evidence)] for act in alert.acts]),
        _compact(offer and [offer.outcome, offer.by, offer.at.isoformat(), _evidence_rows(offer.evidence)]),
        _compact([[step.step, step.at.isoformat()] for step in alert.escalations]),
        alert.reopened_at,
        alert.closed_at,
        alert.closed_as,
        alert.due_at,
    )


def alert_of(row: Any) -> Alert:
    """The alert of a row of SELECT."""
    return Alert(
        alert_id=row.alert_id,
        kind=row.kind,
        severity=Severity[row.severity],
        raised_at=row.raised_at,
        severity_since=row.severity_since,
        rules_from=row.rules_from,
        rules_version=row.rules_version,
        subject_kind=row.subject_kind,
        subject_id=row.subject_id,
        region=row.region,
        restricted=row.restricted,
        reporters=tuple(json.loads(row.reporters)),
        joined=row.joined,
        causes=tuple(_cause(*entry) for entry in json.loads(row.causes)),
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        acts=tuple(_done(*entry) for entry in json.loads(row.acts)),
        proposal=_proposal(*offer) if (offer := json.loads(row.proposal)) else None,
        escalations=tuple(Escalation(step, datetime.fromisoformat(at)) for step, at in json.loads(row.escalations)),
        reopened_at=row.reopened_at,
        closed_at=row.closed_at,
        closed_as=row.closed_as,
        due_at=row.due_at,
    )


def _cause_row(cause: Cause) -> list[Any]:
    entry = [cause.deadline.isoformat(), cause.is_open]
    return [*entry, cause.ref] if cause.ref else entry


def _cause(deadline: str, is_open: bool, ref: str = "") -> Cause:  # noqa: FBT001  the fields of a stored row
    return Cause(date.fromisoformat(deadline), is_open, ref)


def _done(what: str, at: str, by: str, evidence: list[list[str]]) -> Done:
    return Done(what, datetime.fromisoformat(at), by, _evidence(evidence))


def _proposal(outcome: str, by: str, at: str, evidence: list[list[str]]) -> Proposal:
    return Proposal(outcome, by, datetime.fromisoformat(at), _evidence(evidence))


def _evidence_rows(evidence: tuple[Evidence, ...]) -> list[list[str]]:
    return [[one.kind, one.ref] for one in evidence]


def _evidence(rows: list[list[str]]) -> tuple[Evidence, ...]:
    return tuple(Evidence(kind, ref) for kind, ref in rows)


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
