"""What is told of a person who has two files."""

from __future__ import annotations

from datetime import UTC, date, datetime

from tuoqi.registry.domain.assessment import Assessment
from tuoqi.registry.domain.care import CareFacts
from tuoqi.registry.domain.merge import one_person, side_by_side
from tuoqi.registry.domain.person import Absence, HukouSince, Person
from tuoqi.registry.domain.status import Interval
from tuoqi.registry.domain.stay import Stay

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def person(name: str, *, died: str = "", away: tuple[Absence, ...] = ()) -> Person:
    died_on = date.fromisoformat(died) if died else None
    hukou = (HukouSince(f"99010110100{len(name)}", date(2026, 1, 1)),)
    return Person(name, date(1940, 1, 1), "F", hukou, died_on=died_on, absences=away)


def interval(name: str, order: int) -> Interval:
    return Interval(name, "dibao", "", "", None, date(2026, 1, 1), loaded_order=order)


def test_the_own_files_death_and_hukou_come_before_those_of_the_other() -> None:
    told = one_person([person("a"), person("bb", died="2026-05-01")])
    assert (told.person_id, told.died_on, told.hukou[0].region) == ("a", date(2026, 5, 1), "990101101001")
    assert one_person([person("a", died="2026-04-01"), person("bb", died="2026-05-01")]).died_on == date(2026, 4, 1)


def test_absences_are_those_of_both_and_a_return_that_one_knows_counts() -> None:
    left, back = date(2026, 2, 1), date(2026, 3, 1)
    one = person("a", away=(Absence(left),))
    other = person("b", away=(Absence(date(2025, 1, 1), date(2025, 2, 1)), Absence(left, back)))
    assert one_person([one, other]).absences == (Absence(date(2025, 1, 1), date(2025, 2, 1)), Absence(left, back))


def test_rows_of_both_files_are_numbered_anew_as_they_became_known() -> None:
    """Within one moment each file's own order counts; what is not written yet is the newest."""
    march, april = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    assessment = Assessment("x", "guardianship", date(2026, 3, 1), 60, "", 3)
    files = {
        "a": CareFacts((interval("a1", 1), interval("a2", 4)), (Stay("s2", "F1", date(2026, 2, 1)),)),
        "b": CareFacts((interval("b1", 1), interval("b2", 2)), (Stay("s1", "F2", date(2026, 1, 1)),), (assessment,)),
    }
    learnt = {("a", 1): april, ("b", 1): march, ("b", 2): april, ("b", 3): april}
    told = side_by_side(files, learnt, NOW)
    assert {one.interval_id: one.loaded_order for one in told.intervals} == {"b1": 1, "a1": 2, "b2": 3, "a2": 5}
    assert [one.loaded_order for one in told.assessments] == [4]
    assert [one.stay_id for one in told.stays] == ["s1", "s2"]
