"""Where a person was from when to when, by the region codes that were stored: a region's change rewrites nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where somebody is from a day on."""

    since: date | None
    """None: for all time before the next one too."""
    residence: str
    """Where the person lives; empty where nobody said."""
    hukou: str
    """Where the hukou 户籍 is."""

    @property
    def stored(self) -> str:
        """The residence, else the hukou."""
        return self.residence or self.hukou


@dataclass(frozen=True, slots=True)
class KnownPlace:
    """A person's regions as one version of the file has them."""

    known_on: date
    residence: str
    hukou: tuple[tuple[str, date], ...]
    """(region, known on), oldest first; the first holds for all time before it."""


def history(versions: Sequence[KnownPlace]) -> list[Whereabouts]:
    """The whole history, oldest first, from the versions of a file, oldest first; both kinds change when they are loaded."""
    hukou = versions[-1].hukou
    days = sorted({*(one.known_on for one in versions), *(day for _, day in hukou)})
    found: list[Whereabouts] = []
    for day in days:
        residence = _latest([(one.residence, one.known_on) for one in versions], day)
        here = Whereabouts(day if found else None, residence, _latest(hukou, day))
        if not found or (here.residence, here.hukou) != (found[-1].residence, found[-1].hukou):
            found.append(here)
    return found


def on_day(places: Sequence[Whereabouts], day: date) -> Whereabouts:
    """Where it was on the day."""
    return [one for one in places if one.since is None or one.since <= day][-1]


def _latest(entries: Sequence[tuple[str, date]], day: date) -> str:
    return ([what for what, since in entries if since <= day] or [entries[0][0]])[-1]
