"""Terms of whoever must act 办理期限: until the end of a day, counted in running or in working days."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from tuoqi.visits.domain.days import ONE_DAY, day_of, midnight_of
from tuoqi.visits.domain.fields import PolicyError, day, items, mapping, number

SATURDAY = 5


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """Which days are worked: Monday to Friday, less `holidays`, and the `workdays` that are worked instead 调休."""

    holidays: frozenset[date] = field(default_factory=frozenset)
    workdays: frozenset[date] = field(default_factory=frozenset)

    def is_worked(self, day: date) -> bool:
        """Whether offices work on `day`."""
        return day in self.workdays or (day.weekday() < SATURDAY and day not in self.holidays)


@dataclass(frozen=True, slots=True)
class DayTerm:
    """So many days after that of the beginning, at 24:00; `working` counts only days that are worked."""

    days: int
    working: bool = False

    def end(self, start: datetime, calendar: WorkCalendar) -> datetime:
        """When a term that began at `start` is over."""
        last = day_of(start)
        if not self.working:
            return midnight_of(last + timedelta(days=self.days) + ONE_DAY)
        left = self.days
        while left:
            last += ONE_DAY
            left -= calendar.is_worked(last)
        return midnight_of(last + ONE_DAY)


def read_term(data: object, path: str) -> DayTerm:
    """`{days: n}` or `{working_days: n}`; raises PolicyError."""
    row = mapping(data, path, {"days", "working_days"})
    if len(row) != 1:
        raise PolicyError(path, "days 和 working_days 须写其一")
    (key,) = row
    return DayTerm(number(row, key, path, 0, least=0), working=key == "working_days")


def read_calendar(data: object, path: str) -> WorkCalendar:
    """`{holidays: [...], workdays: [...]}`, either of them empty or missing; raises PolicyError."""
    row = mapping(data, path, {"holidays", "workdays"})
    return WorkCalendar(_days(row, "holidays", path), _days(row, "workdays", path))


def _days(row: Mapping[str, Any], key: str, path: str) -> frozenset[date]:
    if not row.get(key):
        return frozenset()
    return frozenset(day(one, where) for one, where in items(row[key], f"{path}.{key}"))
