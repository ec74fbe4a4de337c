"""The county of `tuoqi bench alerts`: one village, its very old who live alone, and others who are seen once a month."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from tuoqi.cli.county.identity import make_id_number
from tuoqi.cli.files.writing import writing

START: Final = "2026-11-01T09:00:00+08:00"
_VILLAGE: Final = "990101101201"
_REGIONS: Final = (
    ("990000000000", "岚霞省", "", "province"),
    ("990100000000", "青屏市", "990000000000", "city"),
    ("990101000000", "禾屏县", "990100000000", "county"),
    ("990101101000", "雾坪镇", "990101000000", "town"),
    (_VILLAGE, "下栎坪村", "990101101000", "village"),
)
_VISIT: Final = ("[visit_id]", "[person_id]", "[started_at]", "[channel]", "[result]", "[findings]")
_A_DAY: Final = 400
"""People born on one day, so that their numbers differ."""


def write_county(folder: Path, weekly: int, monthly: int) -> dict[str, Path]:
    """The files to load in their order, by kind: so many people of grade HIGH, and so many of MEDIUM."""
    people = [
        *_born(date(1940, 1, 1), weekly, "甲"),
        *_born(date(1956, 1, 1), monthly, "乙"),
    ]
    head = ("[name]", "[id_number]", "[sex]", "[birth_date]", "[hukou_region]")
    tables: dict[str, tuple[Sequence[str], Iterable[Sequence[str]]]] = {
        "regions": (
            ("[code]", "[name]", "[parent]", "[kind]", "[valid_from]"),
            [(*row, "2000-01-01") for row in _REGIONS],
        ),
        "persons": (head, people),
        "statuses": (
            ("[id_number]", "[category]", "[decided_on]"),
            [(row[1], "living_alone_elder", "2026-01-10") for row in people],
        ),
    }
    files = {}
    for kind, (columns, rows) in tables.items():
        files[kind] = folder / f"{kind}.csv"
        _write(files[kind], columns, rows)
    return files


def write_visits(file: Path, people: Sequence[str], count: int, now: datetime, seed: int) -> None:
    """So many successful visits of the last two days, each person's in turn. `now` is the county's time."""
    rng = random.Random(seed)  # noqa: S311  repeatable, no secret
    rows = (
        visit(people[number % len(people)], now - timedelta(minutes=rng.randrange(1, 2_880)), rng)
        for number in range(count)
    )
    _write(file, _VISIT, rows)


def write_visit(file: Path, person_id: str, now: datetime, seed: int, finding: str = "") -> None:
    """One successful visit of a minute ago."""
    row = visit(person_id, now - timedelta(minutes=1), random.Random(seed), finding)  # noqa: S311
    _write(file, _VISIT, [row])


def visit(person_id: str, at: datetime, rng: random.Random, finding: str = "") -> tuple[str, ...]:
    """A row of a visits file."""
    visit_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    return (visit_id, person_id, f"{at:%Y-%m-%d %H:%M}", "IN_PERSON", "MET", finding)


def _born(first: date, count: int, name: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for number in range(count):
        day = first + timedelta(days=number // _A_DAY)
        id_number = make_id_number("990101", f"{day:%Y%m%d}", 2 * (number % _A_DAY) + 1)
        found.append((name, id_number, "男", day.isoformat(), _VILLAGE))
    return found


def _write(file: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with writing(file) as write:
        write(columns)
        for row in rows:
            write(row)
