"""Stays 入住: who lives in which facility, from when to when, and whether the beds are enough for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from tuoqi.registry.domain.cells import Cells, Flaws


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay. Person, facility and first day make it; a row with the same three replaces it."""

    stay_id: str
    facility: str
    began_on: date
    ended_on: date | None = None
    """The last day, still a day of the stay; None while it goes on."""
    bed: str = ""
    known_at: datetime | None = field(default=None, compare=False)
    """When this version became known; None until it is stored."""

    def covers(self, day: date) -> bool:
        """Whether the person lives there on that day, first and last day included."""
        return self.began_on <= day and (self.ended_on is None or day <= self.ended_on)

    def overlaps(self, other: Stay) -> bool:
        """Whether the two share more than the day on which somebody goes from one house to the other."""
        return self.began_on < _last(other.ended_on) and other.began_on < _last(self.ended_on)


@dataclass(frozen=True, slots=True)
class Occupied:
    """A bed taken by somebody from a day to a day, both included; a death ends it whatever the stay says."""

    stay_id: str
    occupant: str
    """The person; of merged files the one that counts."""
    first: date
    last: date | None


class Beds:
    """The beds of one facility and who has them. Who is recorded twice on a day has one bed."""

    def __init__(self, beds: int | None, taken: Iterable[Occupied] = ()) -> None:
        self.beds = beds
        """None where nobody said how many there are: then there is no limit."""
        self._taken = {one.stay_id: one for one in taken}

    def take(self, one: Occupied) -> None:
        """Count a stay, in place of what was counted for it before."""
        self._taken[one.stay_id] = one

    def first_day_short(self, wanted: Occupied) -> date | None:
        """The first day on which there is no bed for the wanted stay; None where there is one on each day."""
        if self.beds is None:
            return None
        last = _last(wanted.last)
        others = [
            one
            for one in self._taken.values()
            if one.occupant != wanted.occupant and one.first <= last and wanted.first <= _last(one.last)
        ]
        if len(others) < self.beds:
            return None
        # The number rises only on a day on which somebody comes.
        days = sorted({wanted.first, *(one.first for one in others)})
        return next(
            (day for day in days if _covers(wanted, day) and _count(others, day) >= self.beds),
            None,
        )

    def count(self, day: date) -> int:
        """How many people live there on a day."""
        return _count(self._taken.values(), day)

    def most_from(self, day: date) -> int:
        """The greatest number of people on any day from this one on."""
        days = {day, *(one.first for one in self._taken.values() if one.first > day)}
        return max(self.count(one) for one in days)


def read_stay(cells: Cells, flaws: Flaws, *, today: date, born: date, died_on: date | None) -> Stay | None:
    """The stay that a row speaks of, without id; None where the row is rejected."""
    flaws.check_days(cells, ("from", "to"), today=today, born=born)
    began_on, ended_on = cells.day("from"), cells.day("to")
    if began_on is not None and ended_on is not None and ended_on < began_on:
        flaws.reject("to", ended_on, "离开日期不能早于入住日期。")
    if died_on is not None and began_on is not None and began_on > died_on:
        flaws.warn("from", began_on, "入住日期晚于登记的死亡日期，请核对。")
    if flaws.is_rejected() or began_on is None:
        return None
    return Stay("", cells.text("facility"), began_on, ended_on, cells.text("bed"))


def place_stay(stays: Sequence[Stay], row: Stay, *, new_id: str) -> tuple[Stay, Stay | None]:
    """The stay as it is after a row, and the one whose place it takes: same facility and first day."""
    same = next((one for one in stays if (one.facility, one.began_on) == (row.facility, row.began_on)), None)
    return replace(row, stay_id=same.stay_id if same else new_id), same


def with_stay(stays: Sequence[Stay], after: Stay) -> tuple[Stay, ...]:
    """A person's stays with this one in its place, by first day."""
    others = [one for one in stays if one.stay_id != after.stay_id]
    return tuple(sorted([*others, after], key=lambda one: (one.began_on, one.stay_id)))


def occupied_by(person_id: str, stay: Stay, died_on: date | None) -> Occupied:
    """The bed that a stay takes."""
    ends = [day for day in (stay.ended_on, died_on) if day is not None]
    return Occupied(stay.stay_id, person_id, stay.began_on, min(ends, default=None))


def _covers(one: Occupied, day: date) -> bool:
    return one.first <= day and (one.last is None or day <= one.last)


def _count(taken: Iterable[Occupied], day: date) -> int:
    return len({one.occupant for one in taken if _covers(one, day)})


def _last(day: date | None) -> date:
    return day or date.max
