"""The county's further files about alerts: sources, warnings, calendars by year; a fault is named by its path."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from tuoqi.alerts.domain.fields import PolicyError
from tuoqi.alerts.domain.policy import read_policy
from tuoqi.alerts.domain.rules import AlertPolicy
from tuoqi.alerts.domain.sources import read_sources
from tuoqi.alerts.domain.terms import COUNTY_ZONE, Term
from tuoqi.alerts.domain.warning_rules import read_warnings
from tuoqi.alerts.domain.warnings import outermost

KIND: dict[str, Any] = {
    "kind": "leak",
    "name": "漏水",
    "closes": "second_person",
    "severities": [{"severity": "HIGH", "acknowledge": {"hours": 1}}],
}


def a_file(**changed: object) -> dict[str, Any]:
    """A small file of kinds, its one kind changed."""
    return {
        "alert_rules": [
            {
                "effective_from": "2024-01-01",
                "not_acknowledged": {"HIGH": [{"step": "township", "after": {"hours": 4}}]},
                "not_acted": [{"step": "letter", "after": {"days": 7}}],
                "kinds": [KIND | changed],
            }
        ]
    }


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"subjects": ["planet"]}, "kinds[0].subjects[0]"),
        ({"restricted": "yes"}, "kinds[0].restricted"),
        ({"causes": [{"code": "1"}]}, "kinds[0].causes[0].name"),
        ({"outcomes": [{"code": "a", "name": "甲"}] * 2}, "kinds[0].outcomes"),
        ({"needs": []}, "kinds[0].needs"),
        ({"closes": "by_luck"}, "kinds[0].closes"),
    ],
)
def test_a_fault_of_a_kind_is_named_by_its_path(changed: dict[str, object], path: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_policy(a_file(**changed))
    assert caught.value.path == f"alert_rules[0].{path}"


def test_a_calendar_is_written_by_years_and_a_day_of_another_year_is_refused() -> None:
    data = a_file() | {"calendar": {"years": [{"year": 2027, "holidays": ["2027-01-01"]}]}}
    calendar = read_policy(data).versions[0].calendar
    three = Term(working_days=3).end(datetime(2026, 12, 31, 9, tzinfo=COUNTY_ZONE), calendar)
    assert three.date() == date(2027, 1, 6), "Friday is a holiday, then a weekend, then Monday to Wednesday"
    data["calendar"]["years"][0]["workdays"] = ["2026-12-27"]
    with pytest.raises(PolicyError, match="2027"):
        read_policy(data)


def test_the_shipped_calendar_knows_the_year_of_the_example(policy: AlertPolicy) -> None:
    calendar = policy.on(date(2026, 1, 1)).calendar
    assert [calendar.is_worked(date(2026, 2, day)) for day in (13, 14, 16, 23, 24, 28)] == [
        True, True, False, False, True, True,
    ]  # fmt: skip


def test_the_first_source_that_fits_holds_and_findings_stand_in_no_row() -> None:
    rows = [
        {"event": "VerificationFound", "when": "DEAD", "kind": "a"},
        {"event": "VerificationFound", "kind": "b"},
    ]
    sources = read_sources({"unknown_kind": "u", "sources": rows})
    assert [sources.kind_of("VerificationFound", code) for code in ("DEAD", "WRONG_PERSON")] == ["a", "b"]
    assert (sources.kind_of("ExtraTaskOverdue", "DEAD"), sources.kinds) == ("", {"a", "b", "u"})
    for event in ("FindingReported", "Rumour"):
        with pytest.raises(PolicyError) as caught:
            read_sources({"unknown_kind": "u", "sources": [{"event": event, "kind": "a"}]})
        assert caught.value.path == "sources[0].event"


def test_colours_rise_from_blue_to_red_and_never_is_never() -> None:
    rules = read_warnings(
        {
            "alert_kind": "w",
            "kinds": [{"kind": "heat", "name": "高温", "visit_from": "YELLOW", "alert_from": "NEVER"}],
        }
    )
    heat = rules.kind("heat")
    assert heat is not None
    colours = ("BLUE", "YELLOW", "ORANGE", "RED")
    assert [heat.visits(colour) for colour in colours] == [False, True, True, True]
    assert not any(heat.alerts(colour) for colour in colours)
    with pytest.raises(PolicyError) as caught:
        read_warnings({"alert_kind": "w", "kinds": [{"kind": "a", "name": "b", "visit_from": "PINK"}]})
    assert caught.value.path == "kinds[0].visit_from"


def test_of_regions_inside_one_another_the_outermost_is_kept() -> None:
    inside = ["990101101201", "990101101000", "990101102003", "990101102003"]
    assert outermost(inside) == ("990101101000", "990101102003")
    assert outermost([*inside, "990101000000"]) == ("990101000000",)
    assert outermost(["990101000000", "990102000000"]) == ("990101000000", "990102000000")


def test_an_alert_is_raised_by_the_first_rules_that_know_its_kind() -> None:
    data = a_file()
    later = a_file(kind="flood")["alert_rules"][0] | {"effective_from": "2026-01-01"}
    data["alert_rules"].append(later)
    policy = read_policy(data)
    assert policy.knowing("flood", date(2025, 1, 1)).effective_from == date(2026, 1, 1)
    assert [policy.knows(kind, date(2026, 5, 1)) for kind in ("flood", "leak")] == [True, False]
    with pytest.raises(KeyError):
        policy.knowing("leak", date(2026, 5, 1))
