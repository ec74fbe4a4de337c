"""Which level hears of which happening, by the county's file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tuoqi.alerts.domain.alert import (
    Acknowledged,
    Alert,
    Closed,
    Escalated,
    Escalation,
    Happening,
    Joined,
    Raised,
    Reopened,
)
from tuoqi.alerts.domain.notices import notices_of
from tuoqi.alerts.domain.rules import AlertPolicy, Severity
from tuoqi.alerts.domain.telling import Telling
from tuoqi.alerts.jobs.policies import read_rules
from tuoqi.kit.county import County

START = datetime(2026, 3, 2, tzinfo=UTC)
RULES = Telling(raised={"HIGH": ("village",)}, by_kind={"abuse": ("village", "county")}, closed=True)


def hours(count: int) -> datetime:
    """So many hours after the raise."""
    return START + timedelta(hours=count)


def an_alert(kind: str = "visit_overdue", **changed: Any) -> Alert:
    """An alert raised at the start."""
    alert = Alert("a", kind, Severity.HIGH, START, START, date(2024, 1, 1))
    return replace(alert, **changed)


def heard(alert: Alert, *said: Happening, rules: Telling = RULES) -> list[tuple[str, str]]:
    """Occasion and level of each notice."""
    return [(one.occasion, one.level) for one in notices_of(said, {alert.alert_id: alert}, rules)]


def test_a_raise_is_told_to_the_levels_that_the_county_names_for_its_kind() -> None:
    assert heard(an_alert(), Raised("a", START)) == [("raised", "village")]
    assert heard(an_alert("abuse"), Raised("a", START)) == [("raised", "village"), ("raised", "county")]


def test_an_escalation_is_told_to_its_own_level_alone_at_its_own_time() -> None:
    alert = an_alert(escalations=(Escalation("township", hours(4)),))
    (notice,) = notices_of([Escalated("a", hours(4), "township")], {"a": alert}, RULES)
    assert (notice.occasion, notice.level, notice.at) == ("escalated", "township", hours(4))


def test_a_severity_that_rises_is_told_to_the_levels_of_its_raise_and_one_that_stays_to_nobody() -> None:
    escalated = (Escalation("township", hours(4)),)
    joined = Joined("a", hours(6), Severity.CRITICAL)
    risen = an_alert(escalations=escalated, severity_since=hours(6))
    assert heard(risen, joined) == [("risen", "village")]
    assert heard(an_alert(escalations=escalated), joined) == []


def test_a_closing_and_a_reopening_are_told_to_those_who_had_heard_before() -> None:
    alert = an_alert(escalations=(Escalation("township", hours(4)),))
    assert heard(alert, Reopened("a", hours(7), "clerk.li")) == [("reopened", "village"), ("reopened", "township")]
    closed = Closed("a", hours(9), "visited")
    assert heard(alert, closed) == [("closed", "village"), ("closed", "township")]
    assert heard(alert, closed, rules=replace(RULES, closed=False)) == []


def test_a_level_that_was_told_twice_over_hears_of_the_closing_once() -> None:
    alert = an_alert("abuse", escalations=(Escalation("county", hours(4)),))
    assert heard(alert, Closed("a", hours(5), "resolved")) == [("closed", "village"), ("closed", "county")]


def test_what_nobody_has_to_be_told_gives_no_notice() -> None:
    assert heard(an_alert(), Acknowledged("a", START, "worker.tian")) == []


def test_in_the_county_that_ships_a_mandatory_report_is_told_to_township_and_county_at_once(county: County) -> None:
    policy: AlertPolicy = read_rules(county)
    assert set(policy.oncall.telling.at_raise("mandatory_report", "CRITICAL")) >= {"township", "county"}


def test_in_the_county_that_ships_no_raise_goes_unheard_and_each_step_of_the_ladders_reaches_somebody(
    county: County,
) -> None:
    policy = read_rules(county)
    telling = policy.oncall.telling
    for rules in policy.versions:
        for kind in rules.kinds:
            assert all(telling.at_raise(kind.kind, one.severity.name) for one in kind.by_severity), kind.kind
        rungs = [rung for ladder in (*rules.not_acknowledged.values(), rules.not_acted) for rung in ladder]
        for step in {rung.step for rung in rungs}:
            assert policy.oncall.reached(step, "990101999999", START)[1], step
