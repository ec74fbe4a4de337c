"""What follows from what a visit found, by the county's data alone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tuoqi.visits.domain.fields import PolicyError
from tuoqi.visits.domain.findings import LOOK_AT, FindingRules, Subject, finding_id
from tuoqi.visits.domain.findings_policy import read_finding_rules
from tuoqi.visits.domain.terms import DayTerm, WorkCalendar

COUNTY = Path(__file__).parents[4] / "deploy/counties/990101"
DAY = date(2026, 11, 20)
CHILD_OF_6, CHILD_OF_9, ELDER = date(2020, 3, 1), date(2017, 3, 1), date(1940, 1, 1)


@pytest.fixture(scope="module")
def rules() -> FindingRules:
    """The rules that ship."""
    return read_finding_rules(_shipped())


def _shipped() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((COUNTY / "visits/findings.yaml").read_text(encoding="utf-8"))
    return content


def test_a_child_alone_is_an_alarm_by_age(rules: FindingRules) -> None:
    """Under eight it raises an alert; an older one goes to the township within a day."""
    small = rules.on(DAY).follow("CHILD_ALONE_UNDER_8", Subject(CHILD_OF_6), DAY)
    older = rules.on(DAY).follow("child_alone_under_8", Subject(CHILD_OF_9), DAY)
    assert (small.alert, small.refer) == ("child_alone", ())
    assert (older.alert, [one.department for one in older.refer]) == ("", ["township"])


def test_what_is_not_known_of_a_person_excludes_nobody(rules: FindingRules) -> None:
    """Before the register has told the birth date the alarm is raised all the same."""
    assert rules.on(DAY).follow("CHILD_ALONE_UNDER_8", Subject(), DAY).alert == "child_alone"


@pytest.mark.parametrize(("code", "born"), [("roof_leaks", ELDER), ("out_of_school", ELDER), ("made_to_beg", ELDER)])
def test_a_code_that_no_row_fits_is_looked_at(rules: FindingRules, code: str, born: date) -> None:
    """An unknown code, and one that is known for children only, goes to the township."""
    found = rules.on(DAY).follow(code, Subject(born), DAY)
    assert [(one.department, one.reason) for one in found.refer] == [("township", LOOK_AT)]


def test_every_alert_kind_of_the_findings_is_one_of_the_alerts(rules: FindingRules) -> None:
    """A finding never names an alert that nobody raises."""
    kinds = yaml.safe_load((COUNTY / "alerts/kinds.yaml").read_text(encoding="utf-8"))
    known = {one["kind"] for table in kinds["alert_rules"] for one in table["kinds"]}
    asked = {rule.alert for table in rules.tables for rows in table.rules.values() for rule in rows if rule.alert}
    assert asked <= known


def test_the_nine_situations_are_reported_by_law(rules: FindingRules) -> None:
    """Each of them raises the mandatory report for a child."""
    rows = [row for some in rules.on(DAY).rules.values() for row in some if row.alert == "mandatory_report"]
    assert len(rows) == 9
    assert all(row.whom.fits(Subject(CHILD_OF_6), DAY) and not row.whom.fits(Subject(ELDER), DAY) for row in rows)


def test_before_the_first_version_everything_is_looked_at(rules: FindingRules) -> None:
    """A county without rules forgets nothing."""
    for table in (rules.on(date(2020, 1, 1)), FindingRules().on(DAY)):
        assert table.follow("gas_unsafe", Subject(ELDER), DAY).refer[0].reason == LOOK_AT


def test_a_finding_has_one_id_however_its_letters_are_written() -> None:
    """The same record and code are the same finding, another code is another."""
    visit = "00000000-0000-4000-a000-000000000001"
    assert finding_id(visit, "GAS_unsafe") == finding_id(visit, "gas_unsafe") != finding_id(visit, "low_mood")


@pytest.mark.parametrize(
    ("term", "end"),
    [
        (DayTerm(0), "2026-11-20T16:00"),
        (DayTerm(3), "2026-11-23T16:00"),
        (DayTerm(1, working=True), "2026-11-24T16:00"),
        (DayTerm(2, working=True), "2026-11-25T16:00"),
    ],
)
def test_a_term_ends_with_a_day_and_working_days_pass_over_others(term: DayTerm, end: str) -> None:
    """Friday 20 November: the weekend and the holiday of Monday do not count."""
    calendar = WorkCalendar(holidays=frozenset({date(2026, 11, 23)}))
    start = datetime(2026, 11, 20, 3, tzinfo=UTC)
    assert term.end(start, calendar) == datetime.fromisoformat(end).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"findings": [{"code": "x", "name": "x", "group": "nothing"}]}, "finding_rules[0].findings[0].group"),
        ({"unknown": {"to": "nobody", "within": {"days": 1}}}, "finding_rules[0].unknown.to"),
        ({"unknown": {"to": "township", "within": {"days": 1, "working_days": 1}}}, "finding_rules[0].unknown.within"),
        ({"findings": [{"code": "x", "name": "x", "group": "mind"}] * 2}, "finding_rules[0].findings[1]"),
        ({"effective_from": "soon"}, "finding_rules[0].effective_from"),
    ],
)
def test_a_fault_in_the_file_names_its_place(change: dict[str, Any], place: str) -> None:
    """An unknown group or department, a term of two sorts, a row that could never hold, a date that is none."""
    content = _shipped()
    content["finding_rules"][0] |= change
    with pytest.raises(PolicyError) as refused:
        read_finding_rules(content)
    assert refused.value.path == place
