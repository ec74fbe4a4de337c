"""Rates and check columns of a month."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tuoqi.visits.domain.coverage import Line, Tally, add_up, days_of, rate

ONE = Line("x", 3, 2, 3, 4, 2, 2, 1, 1, 0, 0, 0, (Tally("PHONE", "MET", 4),))


def test_a_rate_is_rounded_down_so_that_nothing_less_is_called_whole() -> None:
    """9,999 of 10,000 is 99.99 %, 99,999 of 100,000 too."""
    assert rate(9_999, 10_000) == 9_999
    assert rate(99_999, 100_000) == 9_999
    assert rate(5, 5) == 10_000


def test_all_of_nobody_is_everybody() -> None:
    """Where nobody was to be seen nobody was missed."""
    assert rate(0, 0) == 10_000


def test_lines_add_up_only_where_every_number_does() -> None:
    """A number or a tally that differs is found."""
    total = Line("", 6, 4, 6, 8, 4, 4, 2, 2, 0, 0, 0, (Tally("PHONE", "MET", 8),))
    assert add_up(total, [ONE, ONE])
    assert not add_up(total, [ONE, replace(ONE, seen=1)])
    assert not add_up(total, [ONE, replace(ONE, tallies=(Tally("VIDEO", "MET", 4),))])


def test_a_line_must_agree_with_itself() -> None:
    """Found is the sum of the states, nobody is seen who was not to be, tallies are the visits."""
    assert ONE.adds_up
    assert not replace(ONE, found=3).adds_up
    assert not replace(ONE, seen=4).adds_up
    assert not replace(ONE, tallies=()).adds_up


def test_a_month_has_its_days() -> None:
    """February of a leap year too; anything else is none."""
    assert days_of("2028-02") == (date(2028, 2, 1), date(2028, 2, 29))
    for wrong in ("2026-13", "2026-1", "", "２０２６-01"):
        with pytest.raises(ValueError, match=r".*"):
            days_of(wrong)
