"""A policy file is read whole or refused with the path of the fault; terms end when they should."""

from copy import deepcopy
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tuoqi.alerts.domain.fields import PolicyError
from tuoqi.alerts.domain.policy import read_policy
from tuoqi.alerts.domain.rules import AlertPolicy, Severity
from tuoqi.alerts.domain.terms import COUNTY_ZONE, Term, WorkCalendar

FILE: dict[str, Any] = {
    "calendar": {"holidays": ["2025-05-01"], "workdays": [date(2025, 4, 27)]},
    "alert_rules": [
        {
            "effective_from": "2024-01-01",
            "not_acknowledged": {"HIGH": [{"step": "township", "after": {"hours": 4}}]},
            "not_acted": [{"step": "letter", "after": {"days": 7}}],
            "kinds": [
                {
                    "kind": "leak",
                    "name": "漏水",
                    "closes": "second_person",
                    "severities": [
                        {
                            "severity": "HIGH",
                            "acknowledge": {"same_day": True},
                            "act": [{"what": "mend", "within": {"working_days": 3}}],
                        }
                    ],
                }
            ],
        }
    ],
}


def test_every_kind_that_ships_can_be_raised_and_has_a_ladder(policy: AlertPolicy) -> None:
    rules = policy.on(date(2025, 1, 1))
    assert {"visit_overdue", "two_failed_tries", "mandatory_report", "weather_warning"} <= {k.kind for k in rules.kinds}
    raised = datetime(2025, 1, 1, 9, tzinfo=COUNTY_ZONE)
    for kind in rules.kinds:
        for rule in kind.by_severity:
            assert len(list(rules.acknowledging(rule.severity, raised))) == 3
            assert len(list(rules.acting(kind.kind, rule.severity, raised))) == (4 if rule.acts else 0)


def test_working_days_pass_over_weekends_and_holidays_and_count_days_worked_instead() -> None:
    """From a Saturday: the Sunday is worked, Monday too, then Tuesday; from Wednesday over the holiday and weekend."""
    calendar = read_policy(FILE).on(date(2025, 1, 1)).calendar
    three = Term(working_days=3)
    assert three.end(datetime(2025, 4, 26, 10, tzinfo=COUNTY_ZONE), calendar).date() == date(2025, 4, 29)
    end = three.end(datetime(2025, 4, 30, 10, tzinfo=COUNTY_ZONE), calendar)
    assert end == datetime(2025, 5, 6, 10, tzinfo=COUNTY_ZONE)


def test_the_same_day_ends_at_its_24th_hour_and_running_time_knows_no_weekend() -> None:
    start = datetime(2025, 5, 3, 23, 30, tzinfo=COUNTY_ZONE)
    assert Term(same_day=True).end(start, WorkCalendar()) == datetime(2025, 5, 4, tzinfo=COUNTY_ZONE)
    assert Term(running=timedelta(hours=24)).end(start, WorkCalendar()) == start + timedelta(days=1)


def test_rules_hold_from_their_own_day_and_an_alert_before_the_first_has_the_first() -> None:
    data = deepcopy(FILE)
    later = deepcopy(FILE["alert_rules"][0]) | {"effective_from": "2025-06-01"}
    data["alert_rules"].append(later)
    policy = read_policy(data)
    days = [date(2020, 1, 1), date(2025, 5, 31), date(2025, 6, 1)]
    assert [policy.on(day).effective_from.year for day in days] == [2024, 2024, 2025]
    with pytest.raises(KeyError):
        policy.on(days[0]).kind("flood")
    with pytest.raises(KeyError):
        policy.on(days[0]).kind("leak").at(Severity.MEDIUM)


@pytest.mark.parametrize(
    ("place", "value", "path"),
    [
        (("effective_from",), "soon", "alert_rules[0].effective_from"),
        (("not_acknowledged",), {"LOUD": []}, "alert_rules[0].not_acknowledged"),
        (("not_acknowledged", "HIGH"), [], "alert_rules[0].not_acknowledged.HIGH"),
        (("not_acted", 0, "after"), {"days": 0}, "alert_rules[0].not_acted[0].after.days"),
        (("not_acted", 0, "after"), {"weeks": 1}, "alert_rules[0].not_acted[0].after.weeks"),
        (("not_acted", 0, "after"), {"days": 1, "hours": 1}, "alert_rules[0].not_acted[0].after"),
        (("not_acted", 0, "step"), 7, "alert_rules[0].not_acted[0].step"),
        (("kinds", 0, "closes"), "by_luck", "alert_rules[0].kinds[0].closes"),
        (("kinds", 0, "severities"), [], "alert_rules[0].kinds[0].severities"),
        (("kinds", 0, "severities", 0, "grades"), ["RED"], "alert_rules[0].kinds[0].severities"),
        (("kinds", 0, "severities", 0, "severity"), "LOUD", "alert_rules[0].kinds[0].severities[0].severity"),
        (
            ("kinds", 0, "severities", 0, "acknowledge"),
            {"same_day": 1},
            "alert_rules[0].kinds[0].severities[0].acknowledge.same_day",
        ),
        (
            ("kinds", 0, "severities", 0, "act", 0, "within"),
            {"working_days": "3"},
            "alert_rules[0].kinds[0].severities[0].act[0].within.working_days",
        ),
    ],
)
def test_a_fault_is_named_by_its_path(place: tuple[str | int, ...], value: object, path: str) -> None:
    data = deepcopy(FILE)
    inner: Any = data["alert_rules"][0]
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(PolicyError) as caught:
        read_policy(data)
    assert caught.value.path == path


def test_what_stands_twice_or_out_of_order_is_refused() -> None:
    for path in (["not_acted"], ["kinds"], ["kinds", 0, "severities"]):
        data = deepcopy(FILE)
        inner: Any = data["alert_rules"][0]
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] *= 2
        with pytest.raises(PolicyError, match="两次"):
            read_policy(data)
    data = deepcopy(FILE)
    data["alert_rules"] *= 2
    with pytest.raises(PolicyError, match="递增"):
        read_policy(data)
    with pytest.raises(PolicyError, match="应为"):
        read_policy(None)
