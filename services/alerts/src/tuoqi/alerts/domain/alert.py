"""One alert 预警: raised, joined by further causes, acknowledged, escalated step by step, closed.

Every function takes the alert before and gives the alert after and what happened, in order. Whatever comes, the steps
due by then are taken first, each with its own due time: a run that comes late finds what a punctual one would have
found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from tuoqi.alerts.domain.rules import AlertPolicy, AlertRules, Severity
from tuoqi.alerts.domain.terms import COUNTY_ZONE

VISIT_OVERDUE = "visit_overdue"
TWO_FAILED_TRIES = "two_failed_tries"
# How an alert closes after what its overdue visit became.
CLOSED_AS = {"MADE_UP": "visited", "CLEARED": "late_record", "WITHDRAWN": "withdrawn", "ENDED": "plan_ended"}


class AlertClosedError(Exception):
    """The alert is closed already; nothing more can be done with it."""

    slug = "alerts.closed"


@dataclass(frozen=True, slots=True)
class Cause:
    """One overdue visit behind an alert, named by its deadline."""

    deadline: date
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class Escalation:
    """One step that was taken, and when it was due."""

    step: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert about one subject (a person, a facility, a water point).

    `raised_at` starts all clocks; `severity_since` is the later moment from which the shorter terms of a risen severity
    hold. `rules_from` names the rules it was raised by, `rules_version` the county files they stood in. `version` and
    `due_at`, when its next step is due, belong to whoever stores and emits.
    """

    alert_id: str
    kind: str
    severity: Severity
    raised_at: datetime
    severity_since: datetime
    rules_from: date
    version: int = 0
    person_id: str = ""
    facility: str = ""
    joined: int = 0
    causes: tuple[Cause, ...] = ()
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    escalations: tuple[Escalation, ...] = ()
    closed_at: datetime | None = None
    closed_as: str = ""
    rules_version: str = ""
    due_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing has closed it yet."""
        return self.closed_at is None


@dataclass(frozen=True, slots=True)
class Raised:
    """The alert was raised."""

    alert_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Joined:
    """A further cause joined; `severity` is the one it has now."""

    alert_id: str
    at: datetime
    severity: Severity


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Somebody took the alert on."""

    alert_id: str
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Escalated:
    """The next step was due and taken."""

    alert_id: str
    at: datetime
    step: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The alert is over."""

    alert_id: str
    at: datetime
    closed_as: str


Happening = Raised | Joined | Acknowledged | Escalated | Closed
Outcome = tuple[Alert, tuple[Happening, ...]]


def raise_alert(
    alert_id: str,
    kind: str,
    at: datetime,
    policy: AlertPolicy,
    *,
    person_id: str = "",
    facility: str = "",
    grade: str = "",
    deadline: date | None = None,
) -> Outcome:
    """A new alert, its severity by its kind and the person's grade; `deadline` names the overdue visit behind it."""
    rules = policy.on(at.astimezone(COUNTY_ZONE).date())
    alert = Alert(
        alert_id=alert_id,
        kind=kind,
        severity=rules.kind(kind).severity_of(grade),
        raised_at=at,
        severity_since=at,
        rules_from=rules.effective_from,
        rules_version=policy.county_version,
        person_id=person_id,
        facility=facility,
        causes=() if deadline is None else (Cause(deadline),),
    )
    return alert, (Raised(alert_id, at),)


def join(alert: Alert, at: datetime, policy: AlertPolicy, *, grade: str = "", deadline: date | None = None) -> Outcome:
    """A further cause joins: the severity may rise, the clocks of the first go on."""
    alert, taken = escalate(_still_open(alert), at, policy)
    severity = max(alert.severity, _rules(alert, policy).kind(alert.kind).severity_of(grade))
    alert = replace(
        alert,
        joined=alert.joined + 1,
        severity=severity,
        severity_since=at if severity > alert.severity else alert.severity_since,
        causes=alert.causes if deadline is None else (*alert.causes, Cause(deadline)),
    )
    alert, at_once = escalate(alert, at, policy)
    return alert, (*taken, Joined(alert.alert_id, at, severity), *at_once)


def causes_changed(alert: Alert, changes: Sequence[tuple[date, str]], at: datetime, policy: AlertPolicy) -> Outcome:
    """What one moment made of overdue visits (deadline, state now); changes of other alerts' visits are passed over.

    The alert closes when none of its visits is open any more, as the latest deadline among those changed now says.
    """
    states = {deadline: state for deadline, state in changes if any(one.deadline == deadline for one in alert.causes)}
    if not states or not alert.is_open:
        return alert, ()
    alert, taken = escalate(alert, at, policy)
    alert = replace(alert, causes=tuple(replace(one, is_open=_open_now(one, states)) for one in alert.causes))
    if any(one.is_open for one in alert.causes):
        return alert, taken
    alert, closed = close(alert, at, CLOSED_AS[states[max(states)]], policy)
    return alert, (*taken, *closed)


def acknowledge(alert: Alert, by: str, at: datetime, policy: AlertPolicy) -> Outcome:
    """Somebody takes the alert on: from now nobody is told for want of that. A second time changes nothing."""
    alert, taken = escalate(_still_open(alert), at, policy)
    if alert.acknowledged_at is not None:
        return alert, taken
    return replace(alert, acknowledged_at=at, acknowledged_by=by), (*taken, Acknowledged(alert.alert_id, at, by))


def escalate(alert: Alert, until: datetime, policy: AlertPolicy) -> Outcome:
    """Every step due by `until`, that moment included, in order of time and each once in the alert's life."""
    due = [Escalation(step, at) for step, at in _ahead(alert, policy) if at <= until]
    if not due:
        return alert, ()
    said = tuple(Escalated(alert.alert_id, one.at, one.step) for one in due)
    return replace(alert, escalations=(*alert.escalations, *due)), said


def close(alert: Alert, at: datetime, closed_as: str, policy: AlertPolicy) -> Outcome:
    """Closes the alert, after the steps due by then; it escalates no further."""
    alert, taken = escalate(_still_open(alert), at, policy)
    return replace(alert, closed_at=at, closed_as=closed_as), (*taken, Closed(alert.alert_id, at, closed_as))


def next_due(alert: Alert, policy: AlertPolicy) -> datetime | None:
    """When the next step is due; None for a closed alert and after the last step."""
    return next((at for _, at in _ahead(alert, policy)), None)


def moments_due(alert: Alert, until: datetime, policy: AlertPolicy) -> list[datetime]:
    """The moments up to `until` at which steps not yet taken are due, in order of time."""
    return [at for _, at in _ahead(alert, policy) if at <= until]


def acknowledge_by(alert: Alert, policy: AlertPolicy) -> datetime:
    """Until when the alert should be acknowledged."""
    rules = _rules(alert, policy)
    return rules.kind(alert.kind).at(alert.severity).acknowledge.end(alert.raised_at, rules.calendar)


def _ahead(alert: Alert, policy: AlertPolicy) -> Iterator[tuple[str, datetime]]:
    """The steps not yet taken with their due times, in order.

    Where both ladders name a step the earlier time holds. Counted from the raise; one that a risen severity put into
    the past is due at the moment of the rise, in the order of its own time.
    """
    if not alert.is_open:
        return
    rules = _rules(alert, policy)
    steps = list(rules.acting(alert.kind, alert.severity, alert.raised_at))
    if alert.acknowledged_at is None:
        steps = [*rules.acknowledging(alert.severity, alert.raised_at), *steps]
    taken = {one.step for one in alert.escalations}
    for step, at in sorted(steps, key=lambda entry: entry[1]):
        if step not in taken:
            taken.add(step)
            yield step, max(at, alert.severity_since)


def _rules(alert: Alert, policy: AlertPolicy) -> AlertRules:
    return policy.on(alert.rules_from)


def _open_now(cause: Cause, states: dict[date, str]) -> bool:
    return cause.is_open and states.get(cause.deadline, "OPEN") == "OPEN"


def _still_open(alert: Alert) -> Alert:
    if not alert.is_open:
        raise AlertClosedError(alert.alert_id)
    return alert
