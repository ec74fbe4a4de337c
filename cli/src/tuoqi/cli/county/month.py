"""The month for which a county is made, with days as ordinals (proleptic Gregorian, as `date.toordinal`).

Ages follow the field: completed years (周岁); a 29 February birthday counts as 28 February in common years.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from functools import cache

_FEBRUARY = 2
_YEARS = range(2004, 2100)


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month and the one before it; `first` is also the day on which the county is loaded."""

    text: str
    first: int
    last: int
    before_first: int
    before_last: int


def month_of(text: str) -> Month:
    """Read `YYYY-MM` (years 2004–2099); ValueError for anything else."""
    found = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text)
    if not found or int(found[1]) not in _YEARS:
        raise ValueError(f"not a month from 2004-01 to 2099-12: {text!r}")
    first = date(int(found[1]), int(found[2]), 1)
    before = date.fromordinal(first.toordinal() - 1)
    return Month(
        text=text,
        first=first.toordinal(),
        last=_last_of(first.year, first.month).toordinal(),
        before_first=before.replace(day=1).toordinal(),
        before_last=before.toordinal(),
    )


def months_back(month: Month, count: int) -> str:
    """The month `count` months before, as `YYYY-MM`."""
    day = date.fromordinal(month.first)
    index = day.year * 12 + day.month - 1 - count
    return f"{index // 12:04d}-{index % 12 + 1:02d}"


def born_by(years: int, day: int) -> int:
    """The latest birth day with which one is `years` old on `day`."""
    on = date.fromordinal(day)
    if on.month == _FEBRUARY and on == _last_of(on.year, on.month):
        return _last_of(on.year - years, _FEBRUARY).toordinal()
    return on.replace(year=on.year - years).toordinal()


def birthday(born: int, years: int) -> int:
    """The day on which one born on `born` completes `years` years."""
    day = date.fromordinal(born)
    last = _last_of(day.year + years, day.month)
    return day.replace(year=last.year, day=min(day.day, last.day)).toordinal()


@cache
def iso(day: int) -> str:
    """`YYYY-MM-DD`; cached, a county uses some fifty thousand different days."""
    return date.fromordinal(day).isoformat()


def _last_of(year: int, month: int) -> date:
    """The last day of a month."""
    return date(year, month, monthrange(year, month)[1])
