"""Two failed tries: when the alarm begins, what joins it, and what ends it."""

from collections.abc import Callable
from datetime import date
from typing import Any

from tuoqi.visits.domain.happenings import (
    FailedTryJoined,
    TriesEnd,
    TwoTriesEnded,
    TwoTriesFailed,
)

Begin = Callable[..., Any]  # gives the driver of conftest


D = date.fromisoformat


def test_a_record_dated_before_the_running_plan_does_nothing_to_it(weekly: Begin) -> None:
    one = weekly()
    one.visit("2025-03-04", "NOT_FOUND", on="2025-03-01")
    assert one.visit("2025-03-04", "NOT_FOUND") == ()
    assert (one.window(), len(one.plan.tries)) == (("2025-03-03", "2025-03-10"), 1)


def test_two_failed_tries_raise_and_a_third_joins(weekly: Begin) -> None:
    one = weekly()
    assert one.visit("2025-03-04", "NOT_FOUND") == ()
    (raised,) = one.visit("2025-03-05", "REFUSED")
    assert (type(raised), raised.grade) == (TwoTriesFailed, "HIGH")
    (joined,) = one.visit("2025-03-06", "NOT_FOUND")
    assert isinstance(joined, FailedTryJoined)


def test_a_failed_try_older_than_the_last_two_joins_too(weekly: Begin) -> None:
    one = weekly()
    one.visit("2025-03-05", "NOT_FOUND")
    one.visit("2025-03-06", "NOT_FOUND")
    (joined,) = one.visit("2025-03-07", "NOT_FOUND", on="2025-03-04")
    assert isinstance(joined, FailedTryJoined)
    assert one.visit("2025-03-07", "MET", on="2025-03-03") == ()


def test_findings_stand_between_tries_without_breaking_them(weekly: Begin) -> None:
    one = weekly()
    one.visit("2025-03-04", "NOT_FOUND")
    assert one.visit("2025-03-05", "MOVED") == ()
    (raised,) = one.visit("2025-03-06", "NOT_FOUND")
    assert isinstance(raised, TwoTriesFailed)
    assert one.visit("2025-03-07", "DIED") == ()


def test_the_alarm_ends_by_the_last_try_or_by_one_between(weekly: Begin) -> None:
    one = weekly()
    for day in ("2025-03-04", "2025-03-06"):
        one.visit(day, "NOT_FOUND")
    (ended,) = one.visit("2025-03-07", "MET", on="2025-03-05")
    assert ended.closed_as is TriesEnd.LATE_RECORD
    (raised,) = one.visit("2025-03-08", "REFUSED")
    assert isinstance(raised, TwoTriesFailed)
    (ended,) = one.visit("2025-03-09", "MET")
    assert ended.closed_as is TriesEnd.VISITED


def test_of_tries_at_the_same_time_the_one_that_arrived_later_is_the_last(weekly: Begin) -> None:
    one = weekly()
    one.visit("2025-03-04", "MET")
    one.visit("2025-03-04", "NOT_FOUND")
    (raised,) = one.visit("2025-03-04", "NOT_FOUND")
    assert isinstance(raised, TwoTriesFailed)


def test_the_alarm_ends_with_the_plan(weekly: Begin) -> None:
    one = weekly()
    one.visit("2025-03-04", "NOT_FOUND")
    one.visit("2025-03-05", "NOT_FOUND")
    closed, ended = one.learn("2025-03-06", died_on=D("2025-03-05"))
    assert (closed.reason, ended) == ("death", TwoTriesEnded(ended.at, 1, TriesEnd.PLAN_ENDED))


def test_a_low_grade_raises_no_alarm_until_it_is_higher_and_any_record_arrives(life: Begin) -> None:
    one = life("1941-01-01")
    one.learn("2025-03-03")
    one.visit("2025-03-04", "NOT_FOUND")
    assert one.visit("2025-03-05", "NOT_FOUND") == ()
    one.status("2025-03-06", "living_alone_elder")
    (raised,) = one.visit("2025-03-07", "MOVED")
    assert (type(raised), raised.grade) == (TwoTriesFailed, "HIGH")


def test_a_further_failed_try_joins_whatever_the_grade_is_by_then(weekly: Begin) -> None:
    one = weekly()
    one.visit("2025-03-04", "NOT_FOUND")
    one.visit("2025-03-05", "NOT_FOUND")
    one.learn("2025-03-06", statuses=())
    assert one.plan.grade == "LOW"
    (joined,) = one.visit("2025-03-06", "NOT_FOUND")
    assert isinstance(joined, FailedTryJoined)


def test_a_try_on_the_day_of_opening_is_one_of_the_plan(weekly: Begin) -> None:
    one = weekly()
    one.visit("2025-03-03", "NOT_FOUND")
    (raised,) = one.visit("2025-03-04", "NOT_FOUND")
    assert isinstance(raised, TwoTriesFailed)
