"""Calendar months and ages as the county counts them. All days are days in Asia/Shanghai."""

import re
from calendar import monthrange
from datetime import date, datetime, time, timedelta, timezone
from typing import Self

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
"""The zone of every civil day here; China has had no summer time since 1991, so a fixed offset is exact."""

_WRITTEN = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_FIRST_YEAR, _LAST_YEAR = 1880, 2200


class Month(int):
    """One calendar month, inside an ordinal (year × 12 + month − 1), so that months compare, hash and subtract as ints.

    `m + 1` is a plain int; `m.plus(1)` is a Month.
    """

    __slots__ = ()

    @classmethod
    def of(cls, day: date) -> Self:
        """The month in which a day lies."""
        return cls(day.year * 12 + day.month - 1)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The month written `YYYY-MM`; ValueError for anything else."""
        written = _WRITTEN.fullmatch(text)
        if written is None:
            raise ValueError(f"not a month written YYYY-MM: {text!r}")
        return cls(int(written[1]) * 12 + int(written[2]) - 1)

    @property
    def year(self) -> int:
        """The calendar year."""
        return int(self) // 12

    @property
    def number(self) -> int:
        """The month of the year, 1 to 12."""
        return int(self) % 12 + 1

    @property
    def first_day(self) -> date:
        """The first day of the month."""
        return date(self.year, self.number, 1)

    @property
    def last_day(self) -> date:
        """The last day of the month."""
        return date(self.year, self.number, monthrange(self.year, self.number)[1])

    def plus(self, months: int) -> "Month":
        """The month so many months later (earlier where negative)."""
        return Month(int(self) + months)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"

    def __repr__(self) -> str:
        return f"Month({str(self)!r})"


_MONTHS = tuple(Month(ordinal) for ordinal in range(_FIRST_YEAR * 12, _LAST_YEAR * 12))


def months_between(first: int, last: int) -> tuple[Month, ...]:
    """The months from first to last, both included; empty where last lies before first. A slice, so it costs little."""
    offset = _FIRST_YEAR * 12
    return _MONTHS[max(first - offset, 0) : max(last - offset + 1, 0)]


def month_after(day: date) -> Month:
    """The calendar month following the one in which a day lies."""
    return Month.of(day).plus(1)


def birthday(born: date, age: int) -> date:
    """The day on which a person becomes so old; 29 February counts as 28 February in common years."""
    year = born.year + age
    if born.month == 2 and born.day == 29 and monthrange(year, 2)[1] == 28:  # noqa: PLR2004 - the calendar itself
        return date(year, 2, 28)
    return date(year, born.month, born.day)


def age_on(born: date, day: date) -> int:
    """Completed years on a day; negative before birth."""
    years = day.year - born.year
    return years if day >= birthday(born, years) else years - 1


def month_after_birthday(born: date, age: int) -> Month:
    """The first month at the end of whose preceding month the person was so old."""
    return Month.of(born).plus(12 * age + 1)


def moment(day: date, hour: int, minute: int = 0) -> datetime:
    """A moment of a civil day in Asia/Shanghai."""
    return datetime.combine(day, time(hour, minute), SHANGHAI)


def day_of(at: datetime) -> date:
    """The civil day in Asia/Shanghai in which a moment lies."""
    return at.astimezone(SHANGHAI).date()
