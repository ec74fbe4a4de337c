"""How often someone is to be seen, and the windows that follow: every so many days, or once in each calendar period."""

from dataclasses import dataclass
from datetime import date, timedelta

from tuoqi.visits.domain.days import ONE_DAY

MONTHS_A_YEAR = 12


@dataclass(frozen=True, slots=True)
class Window:
    """The days on which the next visit counts, first and last included; the last is the deadline and ends at 24:00."""

    first: date
    deadline: date

    def holds(self, day: date) -> bool:
        """Whether a visit on `day` lies inside."""
        return self.first <= day <= self.deadline


@dataclass(frozen=True, slots=True)
class Frequency:
    """One successful visit in every `days` days, or in every calendar period of `months` months; the other is 0."""

    days: int = 0
    months: int = 0

    def opening(self, day: date) -> Window:
        """The first window of a plan that opens on `day`."""
        return Window(day, day + timedelta(days=self.days)) if self.days else self._period_after(day)

    def following(self, day: date) -> Window:
        """The window after a visit, or a missed deadline, on `day`."""
        if self.days:
            return Window(day + ONE_DAY, day + timedelta(days=self.days))
        return self._period_after(day)

    def _period_after(self, day: date) -> Window:
        """The whole calendar period after the one in which `day` lies."""
        next_period = (day.year * MONTHS_A_YEAR + day.month - 1) // self.months + 1
        return Window(self._begin(next_period), self._begin(next_period + 1) - ONE_DAY)

    def _begin(self, period: int) -> date:
        year, month = divmod(period * self.months, MONTHS_A_YEAR)
        return date(year, month + 1, 1)
