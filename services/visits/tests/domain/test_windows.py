"""Windows that open, and windows that follow a visit or a missed deadline."""

from datetime import date

import pytest

from tuoqi.visits.domain.windows import Frequency, Window

WEEKLY, MONTH, QUARTER, HALF = Frequency(days=7), Frequency(months=1), Frequency(months=3), Frequency(months=6)


def test_a_weekly_window_opens_on_its_day_and_follows_the_day_after() -> None:
    day = date(2024, 2, 27)
    assert WEEKLY.opening(day) == Window(day, date(2024, 3, 5))
    assert WEEKLY.following(day) == Window(date(2024, 2, 28), date(2024, 3, 5))


@pytest.mark.parametrize(
    ("frequency", "day", "first", "last"),
    [
        (MONTH, date(2024, 1, 31), date(2024, 2, 1), date(2024, 2, 29)),
        (MONTH, date(2024, 12, 1), date(2025, 1, 1), date(2025, 1, 31)),
        (QUARTER, date(2024, 5, 5), date(2024, 7, 1), date(2024, 9, 30)),
        (QUARTER, date(2024, 10, 1), date(2025, 1, 1), date(2025, 3, 31)),
        (HALF, date(2024, 6, 30), date(2024, 7, 1), date(2024, 12, 31)),
        (HALF, date(2024, 7, 1), date(2025, 1, 1), date(2025, 6, 30)),
    ],
)
def test_a_calendar_window_is_the_whole_period_after(frequency: Frequency, day: date, first: date, last: date) -> None:
    assert frequency.opening(day) == frequency.following(day) == Window(first, last)
