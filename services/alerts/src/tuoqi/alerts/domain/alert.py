"""One alert 预警: raised, joined by further causes, acknowledged, escalated step by step, closed.

Every function takes the alert before and gives the alert after and what happened, in order. Whatever comes, the steps
due by then are taken first, each with its own due time: a run that comes late finds what a punctual one would have
found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from tuoqi.alerts.domain.happenings import (
    Acknowledged,
    ActDone,
    AlertClosedError,
    AlertRefusedError,
    Closed,
    ClosingProposed,
    ClosingSentBack,
    Escalated,
    Happening,
    Joined,
    Raised,
    Reopened,
    Reported,
)
from tuoqi.alerts.domain.parts import FACILITY, PERSON, Cause, Done, Escalation, Evidence, Proposal, Subject
from tuoqi.alerts.domain.rules import AlertPolicy, AlertRules, KindRule, Severity
from tuoqi.alerts.domain.terms import COUNTY_ZONE

__all__ = [
    "CLOSED_AS",
    "TWO_FAILED_TRIES",
    "VISIT_OVERDUE",
    "Acknowledged",
    "ActDone",
    "Alert",
    "AlertClosedError",
    "AlertRefusedError",
    "Cause",
    "Closed",
    "ClosingProposed",
    "ClosingSentBack",
    "Done",
    "Escalated",
    "Escalation",
    "Evidence",
    "Happening",
    "Joined",
    "Proposal",
    "Raised",
    "Reopened",
    "Reported",
    "Subject",
]

VISIT_OVERDUE = "visit_overdue"
TWO_FAILED_TRIES = "two_failed_tries"
# How an alert closes after what its overdue visit became.
CLOSED_AS = {"MADE_UP": "visited", "CLEARED": "late_record", "WITHDRAWN": "withdrawn", "ENDED": "plan_ended"}


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert about one subject (a person, a facility, a water point, …).

    `raised_at` starts all clocks, after a re-opening `reopened_at`; `severity_since` is the later
    moment from which the shorter terms of a risen severity hold. `rules_from` names the rules it was raised by,
    `rules_version` the county files they stood in. `version` and `due_at`, when its next step is due, belong to whoever
    stores and emits.
    """

    alert_id: str
    kind: str
    severity: Severity
    raised_at: datetime
    severity_since: datetime
    rules_from: date
    version: int = 0
    subject_kind: str = "person"
    subject_id: str = ""
    region: str = ""  # of a subject that is no person
    restricted: bool = False
    reporters: tuple[str, ...] = ()
    joined: int = 0
    causes: tuple[Cause, ...] = ()
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    acts: tuple[Done, ...] = ()
    proposal: Proposal | None = None
    escalations: tuple[Escalation, ...] = ()
    reopened_at: datetime | None = None
    closed_at: datetime | None = None
    closed_as: str = ""
    rules_version: str = ""
    due_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing has closed it yet."""
        return self.closed_at is None

    @property
    def person_id(self) -> str:
        """The person it is about; empty where it is about none."""
        return self.subject_id if self.subject_kind == PERSON else ""

    @property
    def facility(self) -> str:
        """The facility it is about; empty where it is about none."""
        return self.subject_id if self.subject_kind == FACILITY else ""

    @property
    def opened_at(self) -> datetime:
        """From when its terms run: the raise, or the last re-opening."""
        return self.reopened_at or self.raised_at

    @property
    def done(self) -> frozenset[str]:
        """The acts recorded since then."""
        return frozenset(act.what for act in self.acts if act.at >= self.opened_at)


Outcome = tuple[Alert, tuple[Happening, ...]]


def raise_alert(
    alert_id: str,
    kind: str,
    at: datetime,
    policy: AlertPolicy,
    *,
    subject: Subject,
    grade: str = "",
    deadline: date | None = None,
    ref: str = "",
    cause: str = "",
    by: str = "",
) -> Outcome:
    """A new alert, its severity by its kind and the person's grade.

    `deadline` (and `ref`) name the missed visit behind it, `cause` the county's code of what was reported `by` somebody.
    """
    rules = policy.knowing(kind, at.astimezone(COUNTY_ZONE).date())
    alert = Alert(
        alert_id=alert_id,
        kind=kind,
        severity=rules.kind(kind).severity_of(grade),
        raised_at=at,
        severity_since=at,
        rules_from=rules.effective_from,
        rules_version=policy.county_version,
        subject_kind=subject.kind,
        subject_id=subject.id,
        region=subject.region,
        restricted=rules.kind(kind).restricted,
        reporters=(by,) if by else (),
        causes=() if deadline is None else (Cause(deadline, ref=ref),),
    )
    return alert, (Raised(alert_id, at, cause, by),)


def join(
    alert: Alert,
    at: datetime,
    policy: AlertPolicy,
    *,
    grade: str = "",
    deadline: date | None = None,
    ref: str = "",
    cause: str = "",
    by: str = "",
) -> Outcome:
    """A further cause joins: the severity may rise, the clocks of the first go on; a proposal to close falls."""
    alert, taken = escalate(still_open(alert), at, policy)
    severity = max(alert.severity, _rules(alert, policy).kind(alert.kind).severity_of(grade))
    alert = replace(
        alert,
        joined=alert.joined + 1,
        severity=severity,
        severity_since=at if severity > alert.severity else alert.severity_since,
        causes=alert.causes if deadline is None else (*alert.causes, Cause(deadline, ref=ref)),
        reporters=(*alert.reporters, by) if by and by not in alert.reporters else alert.reporters,
        proposal=None,
    )
    alert, at_once = escalate(alert, at, policy)
    return alert, (*taken, Joined(alert.alert_id, at, severity, cause, by), *at_once)


def causes_changed(
    alert: Alert, changes: Sequence[tuple[date | str, str]], at: datetime, policy: AlertPolicy
) -> Outcome:
    """What one moment made of missed visits (deadline or task, state now); those of other alerts are passed over.

    The alert closes when none of its visits is open any more, as the latest deadline among those changed now says.
    """
    told = {str(name): state for name, state in changes}
    changed = [one for one in alert.causes if one.name in told]
    if not changed or not alert.is_open:
        return alert, ()
    alert, taken = escalate(alert, at, policy)
    alert = replace(alert, causes=tuple(replace(one, is_open=_open_now(one, told)) for one in alert.causes))
    if any(one.is_open for one in alert.causes):
        return alert, taken
    last = max(changed, key=lambda one: one.deadline)
    alert, closed = close(alert, at, CLOSED_AS[told[last.name]], policy)
    return alert, (*taken, *closed)


def acknowledge(alert: Alert, by: str, at: datetime, policy: AlertPolicy) -> Outcome:
    """Somebody takes the alert on: from now nobody is told for want of that. A second time changes nothing.

    Raises AlertRefusedError alerts.acknowledged_by_act where only an act, like the report to the police, counts.
    """
    alert, taken = escalate(still_open(alert), at, policy)
    if alert.acknowledged_at is not None:
        return alert, taken
    needed = rule_of(alert, policy).acknowledged_by
    if needed and not any(act.what == needed for act in alert.acts):
        raise AlertRefusedError("alerts.acknowledged_by_act", act=needed)
    return replace(alert, acknowledged_at=at, acknowledged_by=by), (*taken, Acknowledged(alert.alert_id, at, by))


def escalate(alert: Alert, until: datetime, policy: AlertPolicy) -> Outcome:
    """Every step due by `until`, that moment included, in order of time and each once in the alert's life."""
    due = [Escalation(step, at) for step, at in _ahead(alert, policy) if at <= until]
    if not due:
        return alert, ()
    said = tuple(Escalated(alert.alert_id, one.at, one.step) for one in due)
    return replace(alert, escalations=(*alert.escalations, *due)), said


def close(
    alert: Alert, at: datetime, closed_as: str, policy: AlertPolicy, *, by: str = "", note: bytes = b""
) -> Outcome:
    """Closes the alert, after the steps due by then; it escalates no further."""
    alert, taken = escalate(still_open(alert), at, policy)
    closed = replace(alert, closed_at=at, closed_as=closed_as, proposal=None)
    return closed, (*taken, Closed(alert.alert_id, at, closed_as, by, note))


def next_due(alert: Alert, policy: AlertPolicy) -> datetime | None:
    """When the next step is due; None for a closed alert and after the last step."""
    return next((at for _, at in _ahead(alert, policy)), None)


def moments_due(alert: Alert, until: datetime, policy: AlertPolicy) -> list[datetime]:
    """The moments up to `until` at which steps not yet taken are due, in order of time."""
    return [at for _, at in _ahead(alert, policy) if at <= until]


def acknowledge_by(alert: Alert, policy: AlertPolicy) -> datetime:
    """Until when the alert should be acknowledged."""
    rules = _rules(alert, policy)
    return rules.kind(alert.kind).at(alert.severity).acknowledge.end(alert.opened_at, rules.calendar)


def _ahead(alert: Alert, policy: AlertPolicy) -> Iterator[tuple[str, datetime]]:
    """The steps not yet taken with their due times, in order.

    Where both ladders name a step the earlier time holds. Counted from the raise or the last re-opening; one
    that a risen severity put into the past is due at the moment of the rise, in the order of its own time.
    """
    if not alert.is_open:
        return
    rules = _rules(alert, policy)
    steps = list(rules.acting(alert.kind, alert.severity, alert.opened_at, alert.done))
    if alert.acknowledged_at is None:
        steps = [*rules.acknowledging(alert.severity, alert.opened_at), *steps]
    taken = {one.step for one in alert.escalations}
    for step, at in sorted(steps, key=lambda entry: entry[1]):
        if step not in taken:
            taken.add(step)
            yield step, max(at, alert.severity_since)


def rule_of(alert: Alert, policy: AlertPolicy) -> KindRule:
    """What its kind demands, by the rules it was raised by."""
    return _rules(alert, policy).kind(alert.kind)


def _rules(alert: Alert, policy: AlertPolicy) -> AlertRules:
    return policy.on(alert.rules_from)


def _open_now(cause: Cause, states: dict[str, str]) -> bool:
    return cause.is_open and states.get(cause.name, "OPEN") == "OPEN"


def still_open(alert: Alert) -> Alert:
    """The same alert. Raises AlertClosedError."""
    if not alert.is_open:
        raise AlertClosedError(alert.alert_id)
    return alert
