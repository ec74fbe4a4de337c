"""A figure broken down by region, small counts of sensitive figures merged upward so that nobody can be picked out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from tuoqi.registry.domain.region import TOWNSHIP, VILLAGE, Geography

SMALLEST: Final = 5
"""A count from one up to the one below this says too much of the few it counts."""
TOWN: Final = "town"


@dataclass(frozen=True, slots=True)
class Tally:
    """What one stored region code adds to a figure."""

    value: int = 0
    required: int = 0
    """For a rate: of how many."""
    subjects: frozenset[str] = frozenset()
    """For workers, who may be met in several regions: who they are; then the value is how many."""

    def __add__(self, other: Tally) -> Tally:
        """Both together; whoever is in both counts once."""
        subjects = self.subjects | other.subjects
        value = len(subjects) if subjects else self.value + other.value
        return Tally(value, self.required + other.required, subjects)


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of a table."""

    region: str
    tally: Tally | None
    """None where it is too small to be told."""
    is_rest: bool = False
    """The regions whose counts are not told, together."""


@dataclass(frozen=True, slots=True)
class View:
    """From where a figure is looked at."""

    geography: Geography
    day: date
    """The day whose regions are used."""
    county: str
    """The county's own code."""
    area: str
    """Only this region and those below it."""
    by: str
    """Empty, `town` or `village`."""
    may_see: Callable[[str], bool]
    """Whether the asker may see what is stored under a region code."""

    def place(self, stored: str) -> str:
        """The region under which a stored code is counted."""
        return self.geography.place(stored, self.day)

    def group(self, stored: str, level: str) -> str:
        """The region of a level in which a stored code is counted; what lies above that level stands for itself."""
        place = self.place(stored)
        return self.geography.unit(place, level, self.day) or place

    def shows(self, stored: str) -> bool:
        """Whether it lies in the area asked for and is the asker's to see."""
        return self.may_see(stored) and self.geography.lies_in(self.place(stored), self.area, self.day)


@dataclass(slots=True)
class _Groups:
    full: defaultdict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    seen: defaultdict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))

    def add(self, group: str, tally: Tally, *, seen: bool) -> None:
        self.full[group] += tally
        if seen:
            self.seen[group] += tally


def break_down(tallies: Mapping[str, Tally], view: View, *, sensitive: bool) -> tuple[Cell, list[Cell]]:
    """The total of the area and its cells in order of code; regions with nothing are left out.

    Small counts are looked for in the whole county, so that a narrower question never tells more than a wider one.
    """
    inside = {
        code: one for code, one in tallies.items() if view.geography.lies_in(view.place(code), view.county, view.day)
    }
    towns, villages, town_of = _Groups(), _Groups(), {}
    total = Tally()
    for stored, tally in inside.items():
        seen = view.shows(stored)
        town, village = view.group(stored, TOWNSHIP), view.group(stored, VILLAGE)
        towns.add(town, tally, seen=seen)
        villages.add(village, tally, seen=seen)
        town_of[village] = town
        total += tally if seen else Tally()
    hidden_towns = _hidden(towns, towns.full) if sensitive else set()
    groups, hidden = towns, hidden_towns
    if view.by == VILLAGE:
        groups = villages
        hidden = _hidden_villages(villages, town_of, hidden_towns) if sensitive else set()
    whole = Cell(view.area, None if sensitive and _is_hidden(view, hidden_towns, towns, total) else total)
    return whole, _cells(view, groups, hidden) if view.by else []


def _cells(view: View, groups: _Groups, hidden: set[str]) -> list[Cell]:
    shown = [
        Cell(code, None if code in hidden else tally) for code, tally in sorted(groups.seen.items()) if tally != Tally()
    ]
    rest = sum((groups.seen[code] for code in hidden if code in groups.seen), Tally())
    if rest.value >= SMALLEST:
        shown.append(Cell(view.area, rest, is_rest=True))
    return shown


def _is_hidden(view: View, hidden_towns: set[str], towns: _Groups, total: Tally) -> bool:
    if view.geography.level(view.area, view.day) == TOWNSHIP:
        return _is_small(total) or view.area in hidden_towns
    # The number of the whole county is the report itself; of a part of it the small ones and the hidden are not told.
    if total == sum(towns.full.values(), Tally()):
        return False
    return _is_small(total) or (
        total.value > 0 and {code for code in towns.seen if towns.seen[code].value} <= hidden_towns
    )


def _hidden_villages(villages: _Groups, town_of: Mapping[str, str], hidden_towns: set[str]) -> set[str]:
    by_town: defaultdict[str, list[str]] = defaultdict(list)
    for village in villages.full:
        by_town[town_of[village]].append(village)
    hidden: set[str] = set()
    for town, codes in by_town.items():
        hidden |= set(codes) if town in hidden_towns else _hidden(villages, codes)
    return hidden


def _hidden(groups: _Groups, codes: Iterable[str]) -> set[str]:
    """Whose counts are not told: the small ones, and as many more that their sum does not tell a small one."""
    left = sorted((code for code in codes if groups.full[code].value), key=lambda code: (groups.full[code].value, code))
    hidden = {code for code in left if _is_small(groups.full[code]) or _is_part(groups, code)}
    for code in left:
        if not hidden or sum(groups.full[one].value for one in hidden) >= SMALLEST:
            break
        hidden.add(code)
    return hidden


def _is_part(groups: _Groups, code: str) -> bool:
    return code in groups.seen and groups.seen[code] != groups.full[code] and _is_small(groups.seen[code])


def _is_small(tally: Tally) -> bool:
    return 0 < tally.value < SMALLEST
