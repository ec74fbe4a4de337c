"""Four weeks of visits in a small county, with or without what goes wrong in them.

The villages hand in their visits every evening, but for those who cannot: one township has no network for three days,
and nobody can hand in anything while visits is down. What arrives when is the same in both ways of playing; only which
services stand still meanwhile differs. So both must end with the same missed visits and the same alerts.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from county_platform import CountyPlatform

from tuoqi.cli.demo.files import county_files
from tuoqi.cli.transfers import export_file

FIRST = date(2026, 11, 1)
DAYS = 28
OFFLINE_TOWNSHIP = "990101103"
OFFLINE = range(4, 7)
"""Days (0 = the first) on which that township has no network; what it wrote arrives on the evening after."""
VISITS_DOWN = range(9, 16)
ALERTS_DOWN = range(18, 25)
MADE_UP_ON = date(2026, 12, 3)
"""When those who were missed in November have been seen, most of them."""
DEATHS_LEARNT = 12
"""A day within the week in which visits is down."""


@dataclass(frozen=True, slots=True)
class Hand:
    """What one evening brings in."""

    day: date
    files: tuple[Path, ...]


def county(folder: Path, *, persons: int, seed: int = 11) -> None:
    """Write the county, and its visits as they arrive: a file for each evening and way."""
    county_files(folder, persons=persons, seed=seed, told=lambda *_: None)


def hands(folder: Path) -> list[Hand]:
    """The files of each evening, written beside the county's own."""
    villages = _villages(folder / "persons.csv")
    header, rows = _read(folder / "visits.csv")
    person, started = _column(header, "id_number"), _column(header, "started_at")
    temp = _column(header, "temp_id")
    by_evening: defaultdict[tuple[int, str], list[list[str]]] = defaultdict(list)
    for row in rows:
        day = (date.fromisoformat(row[started][:10]) - FIRST).days
        township = villages.get(row[person] or row[temp], "")[: len(OFFLINE_TOWNSHIP)]
        if 0 <= day < DAYS:
            by_evening[_arrives(day, township)].append(row)
    found: defaultdict[int, list[Path]] = defaultdict(list)
    for (evening, name), some in sorted(by_evening.items()):
        path = folder / f"visits-{evening:02}{name}.csv"
        _write(path, header, some)
        found[evening].append(path)
    return [Hand(FIRST + timedelta(days=evening), tuple(found[evening])) for evening in range(DAYS)]


def _arrives(day: int, township: str) -> tuple[int, str]:
    """The evening on which a visit of this day is handed in, and a word for the file."""
    evening, name = day, ""
    if day in OFFLINE and township == OFFLINE_TOWNSHIP:
        evening, name = OFFLINE.stop, "-offline"
    if evening in VISITS_DOWN:
        evening, name = VISITS_DOWN.stop, f"{name}-held-{day:02}"
    return evening, name


class FourWeeks:
    """The weeks on one platform. `disturbed`: visits, later alerts, are not there for a week each."""

    def __init__(self, platform: CountyPlatform, folder: Path, *, disturbed: bool) -> None:
        self._platform = platform
        self._folder = folder
        self._disturbed = disturbed

    async def play(self) -> None:
        """Load the county, live through the days, and bring everybody back at the end."""
        for kind in ("regions", "facilities", "persons", "workers", "stays", "assessments", "statuses"):
            await self._platform.load(kind, self._folder / f"{kind}.csv")
        for number, hand in enumerate(hands(self._folder)):
            await self._stop_or_start(number)
            await self._platform.settle()
            await self._platform.advance(f"{hand.day} 09:00")
            if number == DEATHS_LEARNT:
                await self._platform.load("deaths", self._folder / "deaths-late.csv")
                await self._platform.settle()
            await self._platform.advance(f"{hand.day} 21:00")
            for path in hand.files:
                await self._platform.load("visits", path)
                await self._platform.settle()
        await self._platform.advance(f"{MADE_UP_ON} 21:00")
        await self._platform.load("visits", self._folder / "visits-late.csv")
        await self._platform.settle()

    async def _stop_or_start(self, day: int) -> None:
        """Begin or end a week without a service."""
        if not self._disturbed:
            return
        for service, days in (("visits", VISITS_DOWN), ("alerts", ALERTS_DOWN)):
            if day == days.start:
                await self._platform.go_without(service)
            elif day == days.stop:
                await self._platform.go_without()


async def outcome(platform: CountyPlatform, folder: Path, kind: str) -> list[dict[str, str]]:
    """An export of the platform by English column names."""
    path = folder / f"{kind}-out.csv"
    path.unlink(missing_ok=True)
    await export_file(platform.user("clerk.li"), kind, path)
    header, rows = _read(path)
    keys = [cell.partition("[")[2].rstrip("]") for cell in header]
    return [dict(zip(keys, row, strict=True)) for row in rows]


def _villages(persons: Path) -> dict[str, str]:
    header, rows = _read(persons)
    number, temp = _column(header, "id_number"), _column(header, "temp_id")
    home = _column(header, "residence_region")
    return {row[number] or row[temp]: row[home] for row in rows}


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = list(csv.reader(file))
    return header, rows


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def _column(header: Sequence[str], key: str) -> int:
    return next(place for place, cell in enumerate(header) if f"[{key}]" in cell or cell == key)


def rows_of(table: Sequence[dict[str, Any]], *keys: str) -> list[tuple[Any, ...]]:
    """These columns of a table, in order."""
    return sorted(tuple(row[key] for key in keys) for row in table)
