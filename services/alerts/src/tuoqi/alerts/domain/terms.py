"""Terms: how long someone has, in running time, in working days, or until the day is over."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone

# China has kept one offset since 1991; a fixed one needs no zone files on the machine and cannot fail.
COUNTY_ZONE = timezone(timedelta(hours=8), "Asia/Shanghai")
ONE_DAY = timedelta(days=1)
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
class Term:
    """A term of exactly one sort: `running` time, a number of `working_days`, or the rest of the `same_day`."""

    running: timedelta = timedelta()
    working_days: int = 0
    same_day: bool = False

    def end(self, start: datetime, calendar: WorkCalendar) -> datetime:
        """When a term ends that began at `start`: so many working days later at the same hour, or at 24:00."""
        local = start.astimezone(COUNTY_ZONE)
        if self.same_day:
            return datetime.combine(local.date() + ONE_DAY, time(), COUNTY_ZONE)
        left = self.working_days
        while left:
            local += ONE_DAY
            left -= calendar.is_worked(local.date())
        return local + self.running
