"""What people do about an alert 处置: acts, proposing and deciding its closing, opening it again. Rules are the kind's."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tuoqi.alerts.domain import alert as alerts
from tuoqi.alerts.domain.alert import Alert, Outcome, escalate, rule_of, still_open
from tuoqi.alerts.domain.happenings import (
    Acknowledged,
    ActDone,
    AlertRefusedError,
    ClosingProposed,
    ClosingSentBack,
    Reopened,
)
from tuoqi.alerts.domain.parts import Done, Evidence, Proposal
from tuoqi.alerts.domain.rules import AlertPolicy, KindRule

BY_VISITS = frozenset({"overdue_visits", "visit", "extra_tasks"})
BY_WARNING = "tasks_done_or_warning_ended"
NOT_ITS_REPORTER = "not_its_reporter"
SECOND_PERSON = "second_person"
WITH_EVIDENCE = "second_person_with_evidence"
DEPARTMENT = "inspecting_department"
CLOSE_RULES = BY_VISITS | {BY_WARNING, NOT_ITS_REPORTER, SECOND_PERSON, WITH_EVIDENCE, DEPARTMENT}


@dataclass(frozen=True, slots=True)
class Hand:
    """Who acts, and what comes with the act. `inspects`: he has the right of the inspecting department."""

    by: str
    at: datetime
    evidence: tuple[Evidence, ...] = ()
    note: bytes = b""
    inspects: bool = False


def record_act(alert: Alert, what: str, hand: Hand, policy: AlertPolicy) -> Outcome:
    """An act that the kind demands was done; whoever acts has also taken the alert on.

    Where only one act acknowledges (the report to the police), no other one does. Raises AlertRefusedError.
    """
    alert, taken = escalate(still_open(alert), hand.at, policy)
    rule = _by_people(alert, policy)
    if what not in rule.acts:
        raise AlertRefusedError("alerts.unknown_act", act=what, allowed="、".join(sorted(rule.acts)) or "无")
    done = Done(what, hand.at, hand.by, hand.evidence)
    said = (*taken, ActDone(alert.alert_id, hand.at, hand.by, what, hand.evidence, hand.note))
    alert = replace(alert, acts=(*alert.acts, done))
    if alert.acknowledged_at is None and rule.acknowledged_by in {"", what}:
        alert = replace(alert, acknowledged_at=hand.at, acknowledged_by=hand.by)
        said = (*said, Acknowledged(alert.alert_id, hand.at, hand.by))
    return alert, said


def close_by_hand(alert: Alert, outcome: str, hand: Hand, policy: AlertPolicy) -> Outcome:
    """Somebody closes the alert, or proposes to where a second person decides. Raises AlertRefusedError."""
    alert, taken = escalate(still_open(alert), hand.at, policy)
    rule = _by_people(alert, policy)
    if outcome not in {one.code for one in rule.outcomes}:
        raise AlertRefusedError(
            "alerts.unknown_outcome", outcome=outcome, allowed="、".join(one.code for one in rule.outcomes)
        )
    _nothing_missing(alert, rule)
    if rule.closes == WITH_EVIDENCE and not (hand.evidence or any(act.evidence for act in _acts_now(alert))):
        raise AlertRefusedError("alerts.needs_evidence")
    if rule.closes in {SECOND_PERSON, WITH_EVIDENCE}:
        proposal = Proposal(outcome, hand.by, hand.at, hand.evidence)
        said = ClosingProposed(alert.alert_id, hand.at, hand.by, outcome, hand.evidence, hand.note)
        return replace(alert, proposal=proposal), (*taken, said)
    if rule.closes == NOT_ITS_REPORTER and hand.by in alert.reporters:
        raise AlertRefusedError("alerts.closed_by_its_reporter")
    if rule.closes == DEPARTMENT and not hand.inspects:
        raise AlertRefusedError("alerts.inspecting_department")
    alert, closed = alerts.close(alert, hand.at, outcome, policy, by=hand.by, note=hand.note)
    return alert, (*taken, *closed)


def decide_closing(alert: Alert, hand: Hand, policy: AlertPolicy, *, agreed: bool) -> Outcome:
    """The second person confirms the proposed closing, or sends it back. Raises AlertRefusedError.

    Nobody confirms his own work: neither the proposal nor the acts that it rests on.
    """
    alert, taken = escalate(still_open(alert), hand.at, policy)
    proposal = alert.proposal
    if proposal is None:
        raise AlertRefusedError("alerts.no_proposal")
    if hand.by == proposal.by or (agreed and hand.by in {act.by for act in _acts_now(alert)}):
        raise AlertRefusedError("alerts.own_work")
    if not agreed:
        sent_back = ClosingSentBack(alert.alert_id, hand.at, hand.by, hand.note)
        return replace(alert, proposal=None), (*taken, sent_back)
    alert, closed = alerts.close(alert, hand.at, proposal.outcome, policy, by=hand.by, note=hand.note)
    return alert, (*taken, *closed)


def reopen(alert: Alert, hand: Hand, policy: AlertPolicy, *, within: timedelta) -> Outcome:
    """A closed alert is open again: acknowledging is asked for anew and its terms run from now; steps are not repeated.

    Raises AlertRefusedError where it is open, closes by events, or was closed longer than `within` ago.
    """
    if alert.closed_at is None:
        raise AlertRefusedError("alerts.still_open", alert=alert.alert_id)
    _by_people(alert, policy)
    if hand.at - alert.closed_at > within:
        raise AlertRefusedError("alerts.reopen_too_late", days=within.days)
    opened = replace(
        alert,
        closed_at=None,
        closed_as="",
        acknowledged_at=None,
        acknowledged_by="",
        proposal=None,
        reopened_at=hand.at,
        severity_since=hand.at,
    )
    return opened, (Reopened(alert.alert_id, hand.at, hand.by, hand.note),)


def _by_people(alert: Alert, policy: AlertPolicy) -> KindRule:
    """What the kind demands, if people act on it. Raises AlertRefusedError for one that events alone settle."""
    rule = rule_of(alert, policy)
    if rule.closes in BY_VISITS:
        raise AlertRefusedError("alerts.settled_by_visits")
    if rule.closes == BY_WARNING:
        raise AlertRefusedError("alerts.settled_by_warning")
    return rule


def _nothing_missing(alert: Alert, rule: KindRule) -> None:
    """Raises AlertRefusedError for an act that closing needs; the acknowledging one counts for the alert's whole life."""
    ever = {act.what for act in alert.acts if act.what == rule.acknowledged_by}
    if missing := [what for what in rule.needs if what not in alert.done | ever]:
        raise AlertRefusedError("alerts.needs_act", act="、".join(missing))


def _acts_now(alert: Alert) -> list[Done]:
    return [act for act in alert.acts if act.at >= alert.opened_at]
