"""Two clocks that are never mixed up.

The business clock 业务时钟 says what day it is for deadlines, cut-offs and birthdays; it can be settable, and then it
stands still until someone moves it forward. The system clock measures back-off, leases and ages, and always runs.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

COUNTY_ZONE = ZoneInfo("Asia/Shanghai")
"""Days, months and deadlines are those of this zone."""


class BusinessClock(Protocol):
    """What time it is for the county."""

    @property
    def settable(self) -> bool:
        """Whether `Advance` may move it."""
        ...

    def now(self) -> datetime:
        """The moment, with zone."""
        ...


class SystemBusinessClock:
    """The business clock of a live county: the system's."""

    settable = False

    def now(self) -> datetime:
        """The moment, in UTC."""
        return datetime.now(UTC)


class SettableClock:
    """A business clock that stands until it is moved; for demo, tests and playing a county's months."""

    settable = True

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock needs a moment with its zone")
        self._now = start

    def now(self) -> datetime:
        """The moment at which it stands."""
        return self._now

    def move_to(self, moment: datetime) -> None:
        """Move forward. Raises ValueError where the moment lies before the present one."""
        if moment < self._now:
            raise ValueError(f"the clock stands at {self._now.isoformat()} and never goes back")
        self._now = moment


def system_seconds() -> float:
    """Monotonic seconds of the system clock, for back-off and ages."""
    return time.monotonic()


def county_day(moment: datetime) -> date:
    """The calendar day of a moment in the county's zone."""
    return moment.astimezone(COUNTY_ZONE).date()
