"""An alert and its history as the contracts write them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tuoqi.alerts.domain.parts import Evidence
from tuoqi.alerts.store import NoteSeal, Seen
from tuoqi.alerts.store.history import Entry
from tuoqi.contracts.alerts.v1 import alerts_service_pb2 as pb
from tuoqi.kit.stamps import stamp_of


def alert_message(seen: Seen) -> pb.Alert:
    """All that stands of an alert."""
    alert = seen.alert
    steps = sorted(alert.escalations, key=lambda step: step.at)
    return pb.Alert(
        alert_id=alert.alert_id,
        kind=alert.kind,
        severity=alert.severity.name,
        person_id=seen.person_id,
        raised_at=stamp_of(alert.raised_at),
        joined=alert.joined,
        escalations=[pb.Escalation(step=step.step, at=stamp_of(step.at)) for step in steps],
        acknowledged_at=stamp_of(alert.acknowledged_at),
        closed_at=stamp_of(alert.closed_at),
        closed_as=alert.closed_as,
        subject_kind=alert.subject_kind,
        subject_id=alert.subject_id,
        region=seen.region,
        restricted=alert.restricted,
        done=[act.what for act in alert.acts if act.at >= alert.opened_at],
        proposed_outcome=alert.proposal.outcome if alert.proposal else "",
        reopened_at=stamp_of(alert.reopened_at),
        due_at=stamp_of(alert.due_at),
    )


def state_message(seen: Seen) -> pb.Alert:
    """What its own reporter is told of an alert of restricted view: that it exists and how it stands."""
    alert = seen.alert
    return pb.Alert(
        alert_id=alert.alert_id,
        kind=alert.kind,
        raised_at=stamp_of(alert.raised_at),
        acknowledged_at=stamp_of(alert.acknowledged_at),
        closed_at=stamp_of(alert.closed_at),
        restricted=True,
        state_only=True,
    )


def history_messages(entries: Sequence[Entry], book: str, seal: NoteSeal) -> list[pb.Happening]:
    """Everything that happened, with what was written opened."""
    return [
        pb.Happening(
            at=stamp_of(one.at),
            what=one.what,
            by=one.by,
            codes=one.codes,
            evidence=[pb.Evidence(kind=piece.kind, ref=piece.ref) for piece in one.evidence],
            note=seal.open(book, one.note),
        )
        for one in entries
    ]


def evidence_of(pieces: Iterable[pb.Evidence]) -> tuple[Evidence, ...]:
    """Evidence as a command carries it."""
    return tuple(Evidence(one.kind, one.ref) for one in pieces)
