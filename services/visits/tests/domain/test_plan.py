"""A plan through its life: opening, windows, visits, missed deadlines and what becomes of them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

from tuoqi.visits.domain import causes
from tuoqi.visits.domain.days import midnight_of
from tuoqi.visits.domain.facts import Absence, Stay
from tuoqi.visits.domain.happenings import (
    OverdueFound,
    OverduesChanged,
    OverdueState,
    PlanClosed,
    PlanOpened,
    PlanRegraded,
)
from tuoqi.visits.domain.policy import read_policy

Begin = Callable[..., Any]  # gives the driver of conftest


D = date.fromisoformat


def test_a_plan_opens_on_the_day_its_grade_is_known_not_on_that_of_the_decision(life: Begin) -> None:
    one = life("1941-01-01")
    said = one.status("2025-03-03", "living_alone_elder", decided_on=D("2024-11-01"))
    assert [type(happened) for happened in said] == [PlanOpened]
    assert (said[0].grade, one.window(), one.plan.number) == ("HIGH", ("2025-03-03", "2025-03-10"), 1)


def test_a_birthday_opens_a_plan_at_midnight(life: Begin) -> None:
    one = life("1945-09-09")
    assert one.learn("2025-01-01") == ()
    assert causes.next_due(one.plan, one.policy) == midnight_of(D("2025-09-09"))
    (opened,) = one.night("2025-09-09")
    assert (opened.grade, opened.at) == ("LOW", midnight_of(D("2025-09-09")))
    assert one.window() == ("2025-10-01", "2025-12-31")


def test_a_plan_that_closed_and_opens_again_is_a_new_one(weekly: Begin) -> None:
    one = weekly()
    one.visit("2025-03-04", "NOT_FOUND")
    (closed,) = one.learn("2025-03-05", stays=(Stay("F", D("2025-03-05")),))
    assert (closed, one.plan.closed_on) == (PlanClosed(closed.at, 1, "facility"), D("2025-03-05"))
    one.learn("2025-03-20", stays=(Stay("F", D("2025-03-05"), D("2025-03-20")),))
    assert one.plan.grade is None
    (opened,) = one.night("2025-03-21")
    assert (opened.number, one.window(), one.plan.tries) == (2, ("2025-03-21", "2025-03-28"), ())


def test_a_visit_inside_the_window_moves_it_by_its_own_day(weekly: Begin, monthly: Begin) -> None:
    one = weekly()
    one.visit("2025-03-09", "INFORMANT_ONLY", on="2025-03-05")
    assert one.window() == ("2025-03-06", "2025-03-12")
    month = monthly()
    assert month.window() == ("2025-04-01", "2025-04-30")
    month.visit("2025-04-09")
    assert month.window() == ("2025-05-01", "2025-05-31")


def test_the_first_and_the_last_day_of_a_window_count(weekly: Begin) -> None:
    first, last = weekly(), weekly()
    first.visit("2025-03-03")
    last.visit("2025-03-10")
    assert (first.window()[0], last.window()[0]) == ("2025-03-04", "2025-03-11")


def test_a_visit_outside_the_window_moves_nothing(monthly: Begin) -> None:
    one = monthly()
    one.visit("2025-03-20")
    assert one.window() == ("2025-04-01", "2025-04-30")
    one.visit("2025-04-02", "NOT_FOUND")
    one.visit("2025-04-02", "MOVED")
    assert one.window() == ("2025-04-01", "2025-04-30")


def test_a_device_with_a_wrong_clock_counts_on_the_day_of_arrival(weekly: Begin) -> None:
    one = weekly()
    one.visit("2025-03-05", on="2031-01-01")
    assert one.window() == ("2025-03-06", "2025-03-12")


def test_a_missed_deadline_is_one_overdue_and_the_next_window_follows(weekly: Begin) -> None:
    one = weekly()
    assert causes.next_due(one.plan, one.policy) == midnight_of(D("2025-03-11"))
    assert one.night("2025-03-10") == ()
    (found,) = one.night("2025-03-11")
    assert found == OverdueFound(midnight_of(D("2025-03-11")), 1, "HIGH", D("2025-03-03"), D("2025-03-10"))
    assert one.window() == ("2025-03-11", "2025-03-17")
    assert one.night("2025-03-11") == ()


def test_a_late_check_finds_each_deadline_in_order_at_its_own_moment(weekly: Begin) -> None:
    one = weekly()
    said = one.night("2025-03-26")
    assert [(found.deadline.day, found.at.day) for found in said] == [(10, 11), (17, 18), (24, 25)]


def test_what_is_due_happens_before_what_arrives(weekly: Begin) -> None:
    """Also when no check ran: a record finds the deadlines judged, the window behind them."""
    one = weekly()
    said = one.visit("2025-03-19", on="2025-03-18")
    assert [type(happened) for happened in said] == [OverdueFound, OverdueFound, OverduesChanged]
    assert one.states == {D("2025-03-10"): "MADE_UP", D("2025-03-17"): "MADE_UP"}
    assert one.window() == ("2025-03-19", "2025-03-25")


def test_an_event_that_comes_after_its_sweep_does_not_turn_time_back(weekly: Begin) -> None:
    one = weekly()
    one.night("2025-03-20")
    (regraded,) = one.status("2025-03-15", "living_alone_elder", ended_on=D("2025-03-16"))
    assert regraded.at == midnight_of(D("2025-03-20"))


def test_a_higher_grade_takes_the_earlier_deadline_with_its_first_day(monthly: Begin) -> None:
    one = monthly()
    (regraded,) = one.status("2025-04-12", "disabled_elder", level="3")
    assert isinstance(regraded, PlanRegraded)
    assert (regraded.grade_before, regraded.grade) == ("MEDIUM", "HIGH")
    assert one.window() == ("2025-04-12", "2025-04-19")
    one.visit("2025-04-13", on="2025-04-11")
    assert one.window() == ("2025-04-12", "2025-04-19")


def test_a_change_of_grade_never_moves_the_deadline_back(weekly: Begin, monthly: Begin) -> None:
    one = monthly()
    one.status("2025-04-25", "disabled_elder", level="4")
    assert (one.plan.grade, one.window()) == ("HIGH", ("2025-04-01", "2025-04-30"))
    lower = weekly()
    lower.status("2025-03-05", "living_alone_elder", ended_on=D("2025-03-05"))
    lower.night("2025-03-06")
    assert (lower.plan.grade, lower.window()) == ("LOW", ("2025-03-03", "2025-03-10"))


def test_the_next_window_goes_by_the_grade_at_the_time(weekly: Begin) -> None:
    """A grade that changes at the midnight of the judgement changes after it, and the overdue has the old one."""
    one = weekly()
    one.learn("2025-03-04", statuses=tuple(replace(row, ended_on=D("2025-03-10")) for row in one.facts.statuses))
    found, regraded = one.night("2025-03-11")
    assert (found.grade, regraded.grade) == ("HIGH", "LOW")
    assert one.window() == ("2025-03-11", "2025-03-17")
    one.visit("2025-03-12")
    assert one.window() == ("2025-04-01", "2025-06-30")


def test_a_late_record_inside_the_window_clears_also_what_was_made_up(weekly: Begin) -> None:
    one = weekly()
    one.night("2025-03-11")
    one.visit("2025-03-12")
    assert one.states == {D("2025-03-10"): "MADE_UP"}
    (changed,) = one.visit("2025-03-14", on="2025-03-09")
    assert changed.changes == ((D("2025-03-10"), OverdueState.CLEARED),)
    assert one.plan.overdues == ()


def test_one_visit_makes_up_every_open_deadline_before_it_and_clears_its_own(weekly: Begin) -> None:
    one = weekly()
    one.night("2025-03-27")
    (changed,) = one.visit("2025-03-27", on="2025-03-20")
    assert changed.changes == (
        (D("2025-03-10"), OverdueState.MADE_UP),
        (D("2025-03-17"), OverdueState.MADE_UP),
        (D("2025-03-24"), OverdueState.CLEARED),
    )


def test_a_visit_before_the_window_neither_clears_nor_makes_up(monthly: Begin) -> None:
    one = monthly()
    one.night("2025-05-01")
    assert one.visit("2025-05-02", on="2025-03-15") == ()
    assert one.states == {D("2025-04-30"): "OPEN"}


def test_whom_the_facts_excuse_on_the_deadline_nobody_missed(weekly: Begin) -> None:
    """The days of death, of the move, of admission and of leaving are excused; that of return is not."""
    deadline = D("2025-03-10")
    cases: list[tuple[dict[str, object], str]] = [
        ({"died_on": deadline}, "WITHDRAWN"),
        ({"died_on": D("2025-03-11")}, "ENDED"),
        ({"absences": (Absence(deadline, D("2025-03-11")),)}, "WITHDRAWN"),
        ({"absences": (Absence(D("2025-02-01"), D("2025-03-11")),)}, "WITHDRAWN"),
        ({"absences": (Absence(D("2025-02-01"), deadline),)}, "OPEN"),
        ({"stays": (Stay("F", deadline, D("2025-03-11")),)}, "WITHDRAWN"),
        ({"stays": (Stay("F", D("2025-03-01"), deadline),)}, "WITHDRAWN"),
        ({"stays": (Stay("F", D("2025-03-01"), D("2025-03-09")),)}, "OPEN"),
    ]
    for excuse, state in cases:
        one = weekly()
        one.night("2025-03-12")
        one.learn("2025-03-12", **excuse)
        assert one.states == {deadline: state}, excuse


def test_a_deadline_on_the_known_day_of_death_is_found_and_withdrawn_at_once(weekly: Begin) -> None:
    """The older one that was open ends with the plan; both are told as one moment, after the closing."""
    one = weekly()
    one.night("2025-03-12")
    assert one.learn("2025-03-17", died_on=D("2025-03-17")) == ()
    found, closed, changed = one.night("2025-03-18")
    assert (found.deadline, closed.reason) == (D("2025-03-17"), "death")
    assert changed.changes == ((D("2025-03-10"), OverdueState.ENDED), (D("2025-03-17"), OverdueState.WITHDRAWN))


def test_withdrawing_is_looked_at_before_ending_and_reaches_what_was_made_up(weekly: Begin) -> None:
    one = weekly()
    one.visit("2025-03-11")
    one.night("2025-03-27")
    said = one.learn("2025-03-27", died_on=D("2025-03-20"))
    assert [type(happened) for happened in said] == [PlanClosed, OverduesChanged]
    assert one.states == {D("2025-03-10"): "MADE_UP", D("2025-03-18"): "ENDED", D("2025-03-25"): "WITHDRAWN"}
    one.learn("2025-03-28", died_on=D("2025-03-09"))
    assert set(one.states.values()) == {"WITHDRAWN"}


def test_an_ended_overdue_may_be_cleared_or_withdrawn_but_not_made_up(weekly: Begin) -> None:
    one = weekly()
    one.night("2025-03-11")
    one.learn("2025-03-12", stays=(Stay("F", D("2025-03-12")),))
    assert one.states == {D("2025-03-10"): "ENDED"}
    assert one.visit("2025-03-13", on="2025-03-11") == ()
    one.visit("2025-03-13", on="2025-03-10")
    assert one.states == {D("2025-03-10"): "CLEARED"}


def test_nothing_becomes_open_again_when_an_excuse_is_taken_back(weekly: Begin) -> None:
    one = weekly()
    one.night("2025-03-11")
    one.learn("2025-03-12", died_on=D("2025-03-10"))
    (opened,) = one.learn("2025-03-13", died_on=None)
    assert (opened.number, one.window()) == (2, ("2025-03-13", "2025-03-20"))
    assert one.states == {D("2025-03-10"): "WITHDRAWN"}
    assert one.visit("2025-03-13", on="2025-03-09") == ()


def test_the_state_keeps_only_what_may_still_change(weekly: Begin) -> None:
    one = weekly()
    for day in range(4, 30):
        one.visit(f"2025-03-{day:02}", "NOT_FOUND")
    one.visit("2025-03-30", on="2025-03-16")
    assert [overdue.state.value for overdue in one.plan.overdues] == ["MADE_UP", "OPEN"]
    assert len(one.plan.tries) == 2


def test_a_deadline_is_judged_by_the_table_of_its_own_day(life: Begin) -> None:
    """A new table that begins at the midnight of the judgement counts from the next window on."""
    tables = [
        {
            "effective_from": first_day,
            "groups": {"elder": {"age_from": 60}},
            "grades": [{"grade": "LOW", "group": "elder", "every": {"days": days}, "any_of": [{"age_from": 80}]}],
        }
        for first_day, days in (("2025-01-01", 7), ("2025-03-11", 30))
    ]
    one = life("1941-01-01")
    one.policy = read_policy({"grade_tables": tables})
    one.learn("2025-03-03")
    one.night("2025-03-11")
    assert one.window() == ("2025-03-11", "2025-03-17")
    one.visit("2025-03-12")
    assert one.window() == ("2025-03-13", "2025-04-11")
