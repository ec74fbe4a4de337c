"""Coverage 探访覆盖 of a month: rates in hundredths of a percent, and whether the rows add up to the total."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date

BY = ("village", "township", "worker", "grade", "channel")
WHOLE = 10_000
"""100 %, the national target, in hundredths of a percent."""
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Tally:
    """Visits of one channel and result."""

    channel: str
    result: str
    visits: int


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a month. What each number means is written at its field of the contract."""

    key: str
    to_see: int
    seen: int
    kept_own: int
    visits: int
    met: int
    found: int
    made_up: int
    cleared: int
    withdrawn: int
    ended: int
    still_open: int
    tallies: tuple[Tally, ...] = ()

    @property
    def not_seen(self) -> int:
        """Who was to be seen and was not."""
        return self.to_see - self.seen

    @property
    def rate(self) -> int:
        """Seen of those to be seen."""
        return rate(self.seen, self.to_see)

    @property
    def rate_own(self) -> int:
        """Kept by their own frequency, of those to be seen."""
        return rate(self.kept_own, self.to_see)

    @property
    def adds_up(self) -> bool:
        """Whether its own numbers agree with each other."""
        states = self.made_up + self.cleared + self.withdrawn + self.ended + self.still_open
        parts = (self.seen, self.not_seen, self.kept_own, self.met, self.visits - self.met)
        tallied = sum(one.visits for one in self.tallies)
        return self.found == states and self.visits == tallied and min(parts) >= 0


COLUMNS = tuple(one.name for one in fields(Line) if one.name not in ("key", "tallies"))


def rate(part: int, whole: int) -> int:
    """Hundredths of a percent, rounded down so that 100 % is said of nothing less; all of nobody is 100 %."""
    return part * WHOLE // whole if whole else WHOLE


def add_up(total: Line, lines: Sequence[Line]) -> bool:
    """Whether each number of the lines adds up to the total, the visits by channel and result too."""
    if not all(line.adds_up for line in (total, *lines)):
        return False
    if any(getattr(total, name) != sum(getattr(line, name) for line in lines) for name in COLUMNS):
        return False
    return _sums(total.tallies) == _sums(one for line in lines for one in line.tallies)


def _sums(tallies: Iterable[Tally]) -> dict[tuple[str, str], int]:
    sums: dict[tuple[str, str], int] = {}
    for one in tallies:
        sums[one.channel, one.result] = sums.get((one.channel, one.result), 0) + one.visits
    return sums


def days_of(month: str) -> tuple[date, date]:
    """First and last day of `YYYY-MM`. Raises ValueError."""
    found = _MONTH.fullmatch(month)
    if found is None:
        raise ValueError(month)
    year, number = int(found[1]), int(found[2])
    return date(year, number, 1), date(year, number, monthrange(year, number)[1])
