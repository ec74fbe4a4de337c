"""Regions 行政区划: their rows, how they were called, and what a code is on any day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any, Final

from tuoqi.registry.domain.cells import Cells, Flaws

VILLAGE: Final = "village"
TOWNSHIP: Final = "township"
COUNTY: Final = "county"
LEVEL_OF_KIND: Final = {
    "province": "province", "city": "city", "county": COUNTY,
    "town": TOWNSHIP, "township": TOWNSHIP, "subdistrict": TOWNSHIP,
    "village": VILLAGE, "community": VILLAGE,
}  # fmt: skip
"""Kind → level: a community 社区 stands where a village does, a subdistrict 街道 where a township does."""
_DIGITS: Final = ((2, "province"), (4, "city"), (6, COUNTY), (9, TOWNSHIP), (12, VILLAGE))
_DEPTH_MAX: Final = 12


@dataclass(frozen=True, slots=True)
class Region:
    """A node of the county's tree, as it is called now."""

    code: str
    name: str
    parent: str
    kind: str
    valid_from: date | None = None
    valid_to: date | None = None
    """The last day on which it exists; None while it does."""
    version: int = 0

    def exists_on(self, day: date) -> bool:
        """Whether the day lies in its validity, first and last day included."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)

    @property
    def level(self) -> str:
        """village, township, county, city or province."""
        return LEVEL_OF_KIND.get(self.kind, "")


@dataclass(frozen=True, slots=True)
class PastForm:
    """What a region was called up to the day before `until`."""

    code: str
    until: date
    name: str
    parent: str
    kind: str


@dataclass(frozen=True, slots=True)
class Succession:
    """From a day on, what was the old code is, wholly or in part, the new one; both may be the same code."""

    old: str
    new: str
    on: date


def apply_region_row(
    before: Region | None, cells: Cells, flaws: Flaws, *, today: date, known: Collection[str]
) -> Region | None:
    """The region after a row of regions.csv; None where it is rejected."""
    flaws.check_days(cells, ("valid_from", "valid_to"), today=today, born=None)
    base = before or Region(code=cells.text("code"), name="", parent="", kind="")
    values: dict[str, Any] = {
        column: cells.given[column]
        for column in ("name", "parent", "kind", "valid_from", "valid_to")
        if column in cells.given
    }
    values |= dict.fromkeys(cells.cleared.intersection({"parent"}), "")
    values |= dict.fromkeys(cells.cleared.intersection({"valid_from", "valid_to"}))
    after = replace(base, **values)
    if after.valid_from and after.valid_to and after.valid_to < after.valid_from:
        flaws.reject("valid_to", after.valid_to, "失效日期不能早于生效日期。")
    if after.parent == after.code:
        flaws.reject("parent", after.parent, "上级代码不能是本身。")
    elif after.parent and after.parent not in known:
        flaws.warn("parent", after.parent, "没有登记过这个上级区划，请核对。")
    return None if flaws.is_rejected() else after


class Geography:
    """All regions with their past; answers what a code was or is on a day. Codes nobody loaded are read by digits."""

    def __init__(
        self, regions: Iterable[Region], forms: Iterable[PastForm] = (), successions: Iterable[Succession] = ()
    ) -> None:
        self.regions: Mapping[str, Region] = {one.code: one for one in regions}
        self._forms: defaultdict[str, list[PastForm]] = defaultdict(list)
        self._after: defaultdict[str, list[Succession]] = defaultdict(list)
        self._before: defaultdict[str, list[Succession]] = defaultdict(list)
        for form in sorted(forms, key=lambda one: one.until):
            self._forms[form.code].append(form)
        for one in sorted(successions, key=lambda one: (one.on, one.new)):
            self._after[one.old].append(one)
            self._before[one.new].append(one)
        # The same few hundred codes are asked for by every row of a figure.
        self.form = cache(self._form)
        self.place = cache(self._place)
        self.path = cache(self._path)

    def _form(self, code: str, day: date) -> Region | None:
        """The region as it was called on the day, whether it existed then or not; None for a code nobody loaded."""
        region = self.regions.get(code)
        if region is None:
            return None
        past = next((one for one in self._forms[code] if day < one.until), None)
        return replace(region, name=past.name, parent=past.parent, kind=past.kind) if past else region

    def exists(self, code: str, day: date) -> bool:
        """Whether the region is loaded and exists on the day."""
        region = self.regions.get(code)
        return region is not None and region.exists_on(day)

    def successors(self, code: str, day: date) -> tuple[str, ...]:
        """What the code is on the day: itself while it exists, what came of it after, what it came from before.

        Several where it was split, or was several regions then; itself where nobody said.
        """
        return tuple(dict.fromkeys(self._follow(code, day, frozenset())))

    def _follow(self, code: str, day: date, seen: frozenset[str]) -> Iterator[str]:
        if code in seen:
            return
        seen |= {code}
        region = self.regions.get(code)
        if region is not None and region.valid_from is not None and day < region.valid_from:
            earlier = [one.old for one in self._before[code] if day < one.on and one.old != code]
            for old in earlier or (code,):
                yield from self._follow(old, day, seen) if old != code else (code,)
            return
        later = [one for one in self._after[code] if one.on <= day]
        if not later or self.exists(code, day):
            yield code
        for one in later:
            if one.new != code:
                yield from self._follow(one.new, day, seen)

    def _place(self, code: str, day: date) -> str:
        """The one region under which somebody stored under the code is counted on the day.

        Itself where the code exists, or where several could be meant: then somebody must say which.
        """
        if self.exists(code, day):
            return code
        found = self.successors(code, day)
        return found[0] if len(found) == 1 else code

    def _path(self, code: str, day: date) -> tuple[str, ...]:
        """The codes from the top down to the region, as the tree stood on the day."""
        path: list[str] = []
        while code and code not in path and len(path) < _DEPTH_MAX:
            path.append(code)
            code = self._parent(code, day)
        return tuple(reversed(path))

    def _parent(self, code: str, day: date) -> str:
        form = self.form(code, day)
        if form is None:
            return _parent_by_digits(code)
        if not self.exists(code, day):
            towns = {found.parent for one in self.successors(code, day) if (found := self.form(one, day))}
            if len(towns) == 1:
                form = replace(form, parent=towns.pop())
        return self.place(form.parent, day) if form.parent else ""

    def unit(self, code: str, level: str, day: date) -> str:
        """The region of that level in which the code lies on the day; empty where there is none."""
        return next((one for one in self.path(code, day) if self.level(one, day) == level), "")

    def level(self, code: str, day: date) -> str:
        """village, township, county, city or province."""
        form = self.form(code, day)
        return form.level if form else _level_by_digits(code)

    def name(self, code: str, day: date) -> str:
        """How it was called on the day; empty for a code nobody loaded."""
        form = self.form(code, day)
        return form.name if form else ""

    def lies_in(self, code: str, area: str, day: date) -> bool:
        """Whether a region is the area or lies below it on the day; any region lies in the empty area."""
        return not area or area in self.path(code, day)

    def of_level(self, level: str, day: date) -> list[str]:
        """The codes of all regions of a level that exist on the day, in order."""
        return sorted(code for code in self.regions if self.exists(code, day) and self.level(code, day) == level)

    def last_change(self, code: str) -> date | None:
        """The day of the latest change that touched the region; None where none did."""
        days = [one.on for one in (*self._after[code], *self._before[code])]
        return max([*days, *(form.until for form in self._forms[code])], default=None)

    def tree(self, day: date) -> list[tuple[tuple[str, ...], Region]]:
        """Every region that exists on the day with its path, a parent before its children."""
        found = [(self.path(code, day), form) for code in self.regions if (form := self._alive(code, day))]
        return sorted(found, key=lambda one: one[0])

    def _alive(self, code: str, day: date) -> Region | None:
        return self.form(code, day) if self.exists(code, day) else None


def _level_by_digits(code: str) -> str:
    return next((level for digits, level in _DIGITS if not code[digits:].strip("0")), VILLAGE)


def _parent_by_digits(code: str) -> str:
    above = [digits for digits, _ in _DIGITS if code[digits:].strip("0")]
    return code[: above[-1]].ljust(12, "0") if above else ""
