"""A county of visit plans, written straight into visits' own table as its store writes them: every person has a plan.

`python -m tuoqi.benchmarks.sweep_people FIRST COUNT MISSED_PER_1000 TURNING_PER_1000` writes one share of them. The
night that follows is the first of a half-year, so that plans of every grade can have a deadline the day before. The
same number makes the same person in every run.
"""

from __future__ import annotations

import asyncio
import random
import sys
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import Any, Final

import asyncpg

from tuoqi.kit.county import County
from tuoqi.kit.ids import id_maker
from tuoqi.visits.domain import causes
from tuoqi.visits.domain.days import midnight_of
from tuoqi.visits.domain.facts import CareFacts, GuardianshipScore, PersonFacts, StatusInterval
from tuoqi.visits.domain.file import VisitFile, learn_care, learn_person
from tuoqi.visits.domain.grades import VisitPolicy
from tuoqi.visits.domain.windows import Window
from tuoqi.visits.jobs.policies import read_grades
from tuoqi.visits.settings import VisitsSettings
from tuoqi.visits.store.files import COLUMNS, row_of

KNOWN: Final = date(2026, 5, 4)
NIGHT: Final = date(2026, 7, 1)
_CHUNK: Final = 10_000
_NEW_ID: Final = id_maker(b"a benchmark's ids are no secret")
_LATER_WINDOW: Final = Window(date(2026, 7, 1), date(2026, 9, 30))
MIX: Final[tuple[tuple[float, int, int, str, int | None], ...]] = (
    (0.15, 81, 95, "living_alone_elder", None),
    (0.30, 61, 78, "living_alone_elder", None),
    (0.18, 81, 97, "", None),
    (0.17, 61, 78, "dibao", None),
    (0.03, 3, 15, "", 70),
    (0.05, 3, 15, "", 50),
    (0.07, 3, 15, "left_behind_child", None),
    (0.05, 3, 15, "dibao", None),
)
"""Share, youngest and oldest age, status, guardianship score: HIGH, MEDIUM, LOW, LOW, RED, YELLOW, BLUE, GREEN."""
_SHARES: Final = list(accumulate(share for share, *_ in MIX))


def person_of(number: int) -> str:
    """The id of the n-th person."""
    return _NEW_ID(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number // 1_000), "visited", number)


def file_of(number: int, missed: int, turning: int, policy: VisitPolicy) -> VisitFile:
    """The n-th person's file; of a thousand people so many missed their deadline and so many have a turning day."""
    rng = random.Random(number)  # noqa: S311  repeatable, no secret
    _, youngest, oldest, category, score = MIX[min(bisect_right(_SHARES, rng.random()), len(MIX) - 1)]
    # Birthdays keep clear of the night, but for those whose turning day it is to be.
    born = date(NIGHT.year - rng.randrange(youngest, oldest), 9, 1) - timedelta(days=rng.randrange(240))
    fate = rng.randrange(1_000)
    turns = missed <= fate < missed + turning
    last = NIGHT - timedelta(days=1) if turns else None
    decided = date(2020, 1, 1) + timedelta(days=rng.randrange(2_000))
    statuses = [StatusInterval(category, decided, applied_on=decided, valid_until=last, order=2 * number)] * bool(
        category
    )
    if turns or rng.random() < 0.3:  # noqa: PLR2004
        statuses.append(
            StatusInterval("disability", decided, "1", "2", decided, valid_until=last, order=2 * number + 1)
        )
    scores = () if score is None else (GuardianshipScore(date(2026, 4, 1), score, number),)
    at = midnight_of(KNOWN) + timedelta(hours=9)
    care = CareFacts(statuses=tuple(statuses), scores=scores)
    file = VisitFile(person_of(number), region=f"990101{100 + number % 20:03d}{200 + number // 20 % 20:03d}")
    file, _ = learn_care(file, care, at, policy)
    file, said = learn_person(file, PersonFacts(born), at, policy)
    if file.plan is None or file.plan.grade is None:
        raise ValueError(f"person {number} has no plan")
    plan = replace(file.plan, window=_window(file.plan.grade, rng, late=fate < missed), looked_on=date(2026, 6, 29))
    return replace(file, plan=plan, due_at=causes.next_due(plan, policy), version=len(said))


def _window(grade: str, rng: random.Random, *, late: bool) -> Window:
    """The running window: over since yesterday, or of somebody who was seen in time."""
    weekly = grade in {"HIGH", "RED"}
    if late:
        return Window(date(2026, 6, 24) if weekly else date(2026, 6, 1), NIGHT - timedelta(days=1))
    if not weekly:
        return _LATER_WINDOW
    seen = NIGHT - timedelta(days=rng.randrange(1, 7))
    return Window(seen, seen + timedelta(days=7))


def _rows(first: int, count: int, missed: int, turning: int, policy: VisitPolicy) -> Iterator[list[tuple[Any, ...]]]:
    for begin in range(first, first + count, _CHUNK):
        numbers = range(begin, min(begin + _CHUNK, first + count))
        # The last of the store's values is no column of its own.
        yield [row_of(file_of(number, missed, turning, policy))[:-1] for number in numbers]


async def _write(first: int, count: int, missed: int, turning: int) -> None:
    settings = VisitsSettings()  # type: ignore[call-arg]  # from the environment
    policy = read_grades(County.load(settings.county_dir))
    password = settings.database_password_file.read_text().strip() if settings.database_password_file else None
    connection = await asyncpg.connect(settings.database_url, password=password)
    try:
        for rows in _rows(first, count, missed, turning, policy):
            await connection.copy_records_to_table("plans", records=rows, columns=[name for name, _ in COLUMNS])
    finally:
        await connection.close()


if __name__ == "__main__":
    asyncio.run(_write(*map(int, sys.argv[1:])))
