"""One alert: severity, terms, steps of escalation, acknowledging, closing."""

from datetime import date, datetime, timedelta

import pytest

from tuoqi.alerts.domain import acts
from tuoqi.alerts.domain import alert as alerts
from tuoqi.alerts.domain.alert import (
    TWO_FAILED_TRIES,
    VISIT_OVERDUE,
    Acknowledged,
    Alert,
    AlertClosedError,
    Closed,
    Escalated,
    Joined,
    Raised,
    Subject,
)
from tuoqi.alerts.domain.rules import AlertPolicy, Severity
from tuoqi.alerts.domain.terms import COUNTY_ZONE

RAISED = datetime(2025, 5, 1, 0, 0, tzinfo=COUNTY_ZONE)  # a holiday, which stops nobody
DEADLINE = date(2025, 4, 30)


def after(hours: float = 0, days: float = 0) -> datetime:
    return RAISED + timedelta(hours=hours, days=days)


def an_alert(policy: AlertPolicy, grade: str = "HIGH", kind: str = VISIT_OVERDUE) -> Alert:
    deadline = DEADLINE if kind == VISIT_OVERDUE else None
    return alerts.raise_alert(
        "alert-1", kind, RAISED, policy, subject=Subject("person", "p"), grade=grade, deadline=deadline
    )[0]


def steps(alert: Alert) -> list[tuple[str, float]]:
    """The steps taken, with the hours since the raise."""
    return [(one.step, (one.at - RAISED).total_seconds() / 3600) for one in alert.escalations]


@pytest.mark.parametrize(
    ("grade", "severity"), [("HIGH", "HIGH"), ("RED", "HIGH"), ("YELLOW", "MEDIUM"), ("LOW", "MEDIUM")]
)
def test_an_overdue_visit_is_as_severe_as_the_grade(policy: AlertPolicy, grade: str, severity: str) -> None:
    alert, said = alerts.raise_alert(
        "a", VISIT_OVERDUE, RAISED, policy, subject=Subject("person", "p"), grade=grade, deadline=DEADLINE
    )
    assert (alert.severity.name, said, alert.rules_from) == (severity, (Raised("a", RAISED),), date(2024, 1, 1))


def test_a_high_alert_that_nobody_takes_on_climbs_both_ladders_each_step_once(policy: AlertPolicy) -> None:
    """Acknowledging: 4, 8, 24 h. Acting within 24 h: 7 and 15 days after that; two were told already."""
    alert, _ = alerts.escalate(an_alert(policy), after(days=60), policy)
    assert steps(alert) == [
        ("township", 4),
        ("county", 8),
        ("leaders", 24),
        ("letter", 8 * 24),
        ("government", 16 * 24),
    ]
    assert alerts.next_due(alert, policy) is None


def test_a_medium_alert_has_the_longer_terms(policy: AlertPolicy) -> None:
    alert, _ = alerts.escalate(an_alert(policy, "BLUE"), after(days=60), policy)
    days = [(step, hours / 24) for step, hours in steps(alert)]
    assert days == [("township", 1), ("county", 2), ("leaders", 3), ("letter", 14), ("government", 22)]


def test_failed_tries_have_no_term_to_act(policy: AlertPolicy) -> None:
    alert, _ = alerts.escalate(an_alert(policy, kind=TWO_FAILED_TRIES), after(days=60), policy)
    assert steps(alert) == [("township", 4), ("county", 8), ("leaders", 24)]


def test_a_critical_alert_climbs_after_1_4_and_24_hours(policy: AlertPolicy) -> None:
    alert = an_alert(policy, kind="child_missing")
    alert, _ = alerts.escalate(alert, after(hours=24), policy)
    assert steps(alert) == [("township", 1), ("county", 4), ("leaders", 24)]


def test_where_several_things_are_to_be_done_the_first_term_starts_the_ladder(policy: AlertPolicy) -> None:
    hand = acts.Hand("w1", RAISED)
    alert, _ = acts.record_act(an_alert(policy, kind="mandatory_report"), "police", hand, policy)
    assert alerts.next_due(alert, policy) == after(hours=48)


def test_acknowledged_it_still_climbs_for_want_of_acting_from_the_raise(policy: AlertPolicy) -> None:
    alert, said = alerts.acknowledge(an_alert(policy), "w1", after(hours=2), policy)
    assert said == (Acknowledged("alert-1", after(hours=2), "w1"),)
    alert, _ = alerts.escalate(alert, after(days=60), policy)
    assert steps(alert) == [("township", 48), ("county", 96), ("letter", 8 * 24), ("government", 16 * 24)]


def test_a_step_due_at_the_moment_of_acknowledging_is_taken_first(policy: AlertPolicy) -> None:
    alert, said = alerts.acknowledge(an_alert(policy), "w1", after(hours=4), policy)
    assert [type(one) for one in said] == [Escalated, Acknowledged]
    assert alerts.next_due(alert, policy) == after(hours=96)
    again, said = alerts.acknowledge(alert, "w2", after(hours=5), policy)
    assert (again, said) == (alert, ())


def test_escalating_late_gives_the_same_as_at_each_due_moment_and_twice_gives_nothing(policy: AlertPolicy) -> None:
    punctual = an_alert(policy)
    while (due := alerts.next_due(punctual, policy)) is not None:
        punctual, said = alerts.escalate(punctual, due, policy)
        assert [one.at for one in said if isinstance(one, Escalated)] == [due]
    late, _ = alerts.escalate(an_alert(policy), after(days=90), policy)
    assert late == punctual
    assert alerts.escalate(late, after(days=91), policy) == (late, ())


def test_a_step_is_due_at_its_minute_not_before(policy: AlertPolicy) -> None:
    assert steps(alerts.escalate(an_alert(policy), after(hours=4) - timedelta(minutes=1), policy)[0]) == []
    assert steps(alerts.escalate(an_alert(policy), after(hours=4), policy)[0]) == [("township", 4)]


def test_joining_goes_on_with_the_clocks_of_the_first(policy: AlertPolicy) -> None:
    alert, said = alerts.join(an_alert(policy), after(days=7), policy, grade="BLUE", deadline=date(2025, 5, 7))
    assert [type(one) for one in said] == [Escalated, Escalated, Escalated, Joined]
    assert (alert.joined, alert.severity, alert.raised_at) == (1, Severity.HIGH, RAISED)
    assert alerts.next_due(alert, policy) == after(days=8)


def test_a_severity_that_rises_takes_the_shorter_terms_and_what_has_passed_is_due_at_once(policy: AlertPolicy) -> None:
    """By 36 h a medium alert told the township; as a high one county and leaders are late, the letter is not."""
    alert, said = alerts.join(an_alert(policy, "LOW"), after(hours=36), policy, grade="RED", deadline=date(2025, 5, 1))
    assert steps(alert) == [("township", 24), ("county", 36), ("leaders", 36)]
    assert [type(one) for one in said] == [Escalated, Joined, Escalated, Escalated]
    assert (alert.severity, alert.raised_at) == (Severity.HIGH, RAISED)
    assert alerts.next_due(alert, policy) == after(days=8)


def test_a_late_rise_sends_the_letter_of_the_shorter_term_at_once_too(policy: AlertPolicy) -> None:
    alert = alerts.join(an_alert(policy, "LOW"), after(days=10), policy, grade="HIGH", deadline=date(2025, 5, 10))[0]
    assert steps(alert)[-1] == ("letter", 240)
    assert alerts.next_due(alert, policy) == after(days=16)


@pytest.mark.parametrize(
    ("state", "closed_as"),
    [("MADE_UP", "visited"), ("CLEARED", "late_record"), ("WITHDRAWN", "withdrawn"), ("ENDED", "plan_ended")],
)
def test_it_closes_as_its_overdue_visit_became(policy: AlertPolicy, state: str, closed_as: str) -> None:
    alert, said = alerts.causes_changed(an_alert(policy), [(DEADLINE, state)], after(hours=1), policy)
    assert said == (Closed("alert-1", after(hours=1), closed_as),)
    assert not alert.is_open
    assert alerts.next_due(alert, policy) is None
    assert alerts.escalate(alert, after(days=90), policy) == (alert, ())


def test_it_stays_open_while_one_of_its_visits_is(policy: AlertPolicy) -> None:
    second = date(2025, 5, 7)
    alert = alerts.join(an_alert(policy), after(days=7), policy, grade="HIGH", deadline=second)[0]
    alert = alerts.causes_changed(alert, [(DEADLINE, "CLEARED")], after(days=7), policy)[0]
    assert alert.is_open
    alert = alerts.causes_changed(alert, [(second, "MADE_UP")], after(days=7), policy)[0]
    assert (alert.closed_as, alert.closed_at) == ("visited", after(days=7))


def test_of_what_changed_in_one_moment_the_latest_deadline_says_how_it_closed(policy: AlertPolicy) -> None:
    second = date(2025, 5, 7)
    alert = alerts.join(an_alert(policy), after(days=7), policy, grade="HIGH", deadline=second)[0]
    changes = [(second, "CLEARED"), (DEADLINE, "MADE_UP"), (date(2025, 6, 1), "WITHDRAWN")]
    closed = alerts.causes_changed(alert, changes, after(days=7), policy)[0]
    assert closed.closed_as == "late_record"


def test_changes_of_other_alerts_visits_and_later_ones_of_its_own_leave_it_alone(policy: AlertPolicy) -> None:
    alert = an_alert(policy)
    assert alerts.causes_changed(alert, [(date(2025, 1, 1), "CLEARED")], after(hours=9), policy) == (alert, ())
    closed = alerts.causes_changed(alert, [(DEADLINE, "MADE_UP")], after(hours=1), policy)[0]
    assert alerts.causes_changed(closed, [(DEADLINE, "CLEARED")], after(hours=2), policy) == (closed, ())


def test_a_step_due_at_the_moment_of_closing_is_taken_and_the_alert_of_one_minute_kept(policy: AlertPolicy) -> None:
    _, said = alerts.causes_changed(an_alert(policy), [(DEADLINE, "MADE_UP")], after(hours=4), policy)
    assert [type(one) for one in said] == [Escalated, Closed]
    brief = alerts.causes_changed(an_alert(policy), [(DEADLINE, "WITHDRAWN")], RAISED, policy)[0]
    assert (brief.raised_at, brief.closed_at, brief.escalations) == (RAISED, RAISED, ())


def test_a_closed_alert_takes_nothing_more(policy: AlertPolicy) -> None:
    closed = alerts.close(an_alert(policy), after(hours=1), "visited", policy)[0]
    with pytest.raises(AlertClosedError):
        alerts.acknowledge(closed, "w1", after(hours=2), policy)
    with pytest.raises(AlertClosedError):
        alerts.join(closed, after(hours=2), policy)
    with pytest.raises(AlertClosedError):
        alerts.close(closed, after(hours=2), "visited", policy)


def test_until_when_it_should_be_acknowledged(policy: AlertPolicy) -> None:
    assert alerts.acknowledge_by(an_alert(policy), policy) == after(hours=4)
    assert alerts.acknowledge_by(an_alert(policy, kind="major_hazard"), policy) == after(days=1)
