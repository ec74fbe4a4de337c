"""The grade of a person on a day, and when it may next change by itself."""

from datetime import date, timedelta

import pytest

from tuoqi.visits.domain.days import birthday
from tuoqi.visits.domain.facts import Absence, GuardianshipScore, PersonFacts, StatusInterval, Stay
from tuoqi.visits.domain.grades import VisitPolicy, grade_on, next_change

DAY = date(2025, 6, 15)
AT_85, AT_70, AT_10 = date(1940, 1, 1), date(1955, 1, 1), date(2015, 1, 1)


def status(category: str, subtype: str = "", level: str = "", **more: object) -> StatusInterval:
    row: dict[str, object] = {"decided_on": date(2025, 1, 10), **more}
    return StatusInterval(category=category, subtype=subtype, level=level, **row)  # type: ignore[arg-type] # by name


def grade(policy: VisitPolicy, facts: PersonFacts, day: date = DAY) -> str | None:
    rule = grade_on(facts, day, policy)
    return None if rule is None else rule.key


@pytest.mark.parametrize(
    ("born", "score", "statuses", "wanted"),
    [
        (AT_10, 60, [], "RED"),
        (AT_10, 59, [], "YELLOW"),
        (AT_10, 40, [], "YELLOW"),
        (AT_10, 39, [], "BLUE"),
        (AT_10, 20, [], "BLUE"),
        (AT_10, 19, [], None),
        (AT_10, 19, [status("dibao")], "GREEN"),
        (AT_10, None, [status("orphan", "dispersed")], "YELLOW"),
        (AT_10, None, [status("orphan", "institution")], "GREEN"),
        (AT_10, None, [status("de_facto_unattended_child")], "YELLOW"),
        (AT_10, None, [status("left_behind_child")], "BLUE"),
        (AT_10, None, [status("child_in_difficulty", "any")], "BLUE"),
        (AT_10, None, [status("disability", "1", "4")], "GREEN"),
        (AT_10, None, [status("tekun", "centralised", "none")], "GREEN"),
        (AT_10, None, [status("living_alone_elder")], None),
        (AT_85, None, [], "LOW"),
        (AT_85, None, [status("living_alone_elder")], "HIGH"),
        (AT_85, None, [status("empty_nest_elder")], "HIGH"),
        (AT_85, None, [status("left_behind_elder")], "HIGH"),
        (AT_85, None, [status("one_child_loss_family")], "MEDIUM"),
        (AT_70, None, [status("living_alone_elder")], "MEDIUM"),
        (AT_70, None, [status("disabled_elder", "", "3")], "HIGH"),
        (AT_70, None, [status("disabled_elder", "", "2")], "MEDIUM"),
        (AT_70, None, [status("disabled_elder", "", "0")], None),
        (AT_70, None, [status("tekun", "scattered", "full")], "MEDIUM"),
        (AT_70, None, [status("tekun", "centralised", "full")], None),
        (AT_70, None, [status("dibao")], "LOW"),
        (AT_70, 75, [status("orphan", "dispersed")], None),
        (date(1980, 1, 1), 90, [status("dibao"), status("disabled_elder", "", "4")], None),
    ],
)
def test_the_first_row_that_fits_holds(
    policy: VisitPolicy, born: date, score: int | None, statuses: list[StatusInterval], wanted: str | None
) -> None:
    scores = () if score is None else (GuardianshipScore(date(2025, 3, 1), score),)
    assert grade(policy, PersonFacts(born, statuses=tuple(statuses), scores=scores)) == wanted


def test_a_child_becomes_none_and_an_elder_one_on_the_birthday_itself(policy: VisitPolicy) -> None:
    child = PersonFacts(date(2007, 6, 15), statuses=(status("left_behind_child"),))
    assert grade(policy, child, date(2025, 6, 14)) == "BLUE"
    assert grade(policy, child, date(2025, 6, 15)) is None
    elder = PersonFacts(date(1965, 6, 15), statuses=(status("living_alone_elder"),))
    assert grade(policy, elder, date(2025, 6, 14)) is None
    assert grade(policy, elder, date(2025, 6, 15)) == "MEDIUM"
    assert grade(policy, PersonFacts(date(1945, 6, 15)), date(2025, 6, 15)) == "LOW"


def test_a_leap_day_birthday_is_28_february_in_common_years() -> None:
    assert birthday(date(2008, 2, 29), 17) == date(2025, 2, 28)
    assert birthday(date(2008, 2, 29), 20) == date(2028, 2, 29)


def test_a_status_holds_from_its_decision_to_the_earlier_of_end_and_validity(policy: VisitPolicy) -> None:
    one = status("dibao", ended_on=date(2025, 7, 20), valid_until=date(2025, 7, 10))
    facts = PersonFacts(AT_70, statuses=(one,))
    days = [date(2025, 1, 9), date(2025, 1, 10), date(2025, 7, 10), date(2025, 7, 11)]
    assert [grade(policy, facts, day) for day in days] == [None, "LOW", "LOW", None]


def test_the_interval_decided_last_counts_alone_also_when_it_has_ended(policy: VisitPolicy) -> None:
    older = status("disabled_elder", "", "4")
    newer = status("disabled_elder", "", "1", decided_on=date(2025, 4, 1), ended_on=date(2025, 5, 1))
    facts = PersonFacts(AT_70, statuses=(newer, older))
    days = [date(2025, 3, 31), date(2025, 4, 1), date(2025, 5, 2)]
    assert [grade(policy, facts, day) for day in days] == ["HIGH", "MEDIUM", None]


def test_of_two_decided_on_one_day_the_one_loaded_last_counts(policy: VisitPolicy) -> None:
    one = status("disabled_elder", "", "4", order=7)
    other = status("disabled_elder", "", "1", order=8)
    assert grade(policy, PersonFacts(AT_70, statuses=(other, one))) == "MEDIUM"


def test_a_voided_interval_never_was_and_one_without_decision_gives_nothing(policy: VisitPolicy) -> None:
    real = status("disabled_elder", "", "1")
    void = status("disabled_elder", "", "4", decided_on=date(2025, 4, 2), ended_on=date(2025, 4, 1))
    undecided = status("disabled_elder", "", "4", decided_on=None, applied_on=date(2025, 4, 1))
    assert grade(policy, PersonFacts(AT_70, statuses=(real, void, undecided))) == "MEDIUM"
    since_application = status(
        "disabled_elder", "", "4", applied_on=date(2025, 3, 1), decided_on=date(2025, 4, 2), ended_on=date(2025, 4, 1)
    )
    assert grade(policy, PersonFacts(AT_70, statuses=(real, since_application))) is None


def test_the_score_is_that_of_the_latest_assessment_loaded_last(policy: VisitPolicy) -> None:
    scores = (
        GuardianshipScore(date(2025, 5, 1), 25, order=3),
        GuardianshipScore(date(2025, 2, 1), 80, order=4),
        GuardianshipScore(date(2025, 5, 1), 45, order=2),
    )
    assert grade(policy, PersonFacts(AT_10, scores=scores)) == "BLUE"


def test_nobody_has_a_grade_after_death_when_away_or_in_a_facility(policy: VisitPolicy) -> None:
    def on(day: int, **facts: object) -> str | None:
        return grade(policy, PersonFacts(AT_85, **facts), date(2025, 6, day))  # type: ignore[arg-type] # by name

    assert [on(day, died_on=date(2025, 6, 5)) for day in (5, 6)] == ["LOW", None]
    away = (Absence(date(2025, 6, 5), date(2025, 6, 9)),)
    assert [on(day, absences=away) for day in (5, 6, 8, 9)] == ["LOW", None, None, "LOW"]
    assert on(30, absences=(Absence(date(2025, 6, 5)),)) is None
    stay = (Stay("F", date(2025, 6, 5), date(2025, 6, 9)),)
    assert [on(day, stays=stay) for day in (4, 5, 9, 10)] == ["LOW", None, None, "LOW"]
    assert on(30, stays=(Stay("F", date(2025, 6, 5)),)) is None


def test_no_day_on_which_the_grade_changes_is_passed_over(policy: VisitPolicy) -> None:
    """Following `next_change` from day to day meets every change that a look on each day would meet."""
    facts = PersonFacts(
        date(1945, 4, 20),
        died_on=date(2025, 12, 24),
        absences=(Absence(date(2025, 2, 1), date(2025, 2, 20)),),
        statuses=(
            status("living_alone_elder", decided_on=date(2024, 8, 1), valid_until=date(2025, 9, 9)),
            status("disabled_elder", "", "4", decided_on=date(2024, 3, 3), ended_on=date(2025, 7, 1)),
            status("disabled_elder", "", "2", decided_on=date(2025, 10, 10)),
        ),
        stays=(Stay("F", date(2024, 11, 5), date(2024, 11, 30)), Stay("G", date(2025, 11, 1), date(2025, 11, 3))),
    )
    begin, end = date(2023, 12, 1), date(2026, 2, 1)
    days = [begin + timedelta(days=n) for n in range((end - begin).days)]
    changed = {day for day in days[1:] if grade(policy, facts, day) != grade(policy, facts, day - timedelta(days=1))}
    met = set()
    day = next_change(facts, begin, policy)
    while day is not None:
        met.add(day)
        day = next_change(facts, day, policy)
    assert len(changed) > 8
    assert changed <= met
