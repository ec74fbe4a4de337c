"""A county of invented payees, written straight into payments' tables of facts, as its consumer would write them.

Of a hundred people sixty are paid something: old age, dibao alone and with other programmes beside it, disability, tekun
and children, in the shares below. The same number makes the same person in every run.
"""

from __future__ import annotations

import asyncio
import json
import random
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import Any, Final

import asyncpg

from tuoqi.kit.ids import id_maker

KNOWN: Final = datetime(2023, 12, 15, tzinfo=UTC)
CHANGED: Final = datetime(2024, 2, 5, tzinfo=UTC)
TODAY: Final = date(2024, 1, 20)
CHANGED_SHARE: Final = 0.02
_CHUNK: Final = 20_000
_PERSON: Final = ("person_id", "version", "known_at", "birth_date", "died_on", "absences", "hukou", "merged_into")
_STATUS: Final = ("person_id", "version", "known_at", "intervals")
_NEW_ID: Final = id_maker(b"a benchmark's ids are no secret")
_Row = tuple[Any, ...]
_Statuses = tuple[tuple[str, str, str, int], ...]
"""Category, subtype, level, fen."""

_OLD: Final[_Statuses] = (("old_age_accepted", "", "", 0),)
_DIBAO: Final[_Statuses] = (("dibao", "", "", 48_000),)
MIX: Final[tuple[tuple[float, int, int, _Statuses], ...]] = (
    (0.40, 5, 79, ()),
    (0.24, 80, 99, _OLD),
    (0.13, 20, 75, _DIBAO),
    (0.05, 82, 99, (*_OLD, *_DIBAO, ("elder_service_accepted", "", "", 0))),
    (0.02, 80, 97, (*_OLD, *_DIBAO, ("disabled_elder", "", "3", 0))),
    (0.04, 18, 70, (*_DIBAO, ("disability", "1", "2", 0))),
    (0.08, 10, 79, (("disability", "2", "1", 0),)),
    (0.02, 60, 88, (("tekun", "scattered", "full", 0),)),
    (0.005, 65, 90, (("tekun", "centralised", "half", 0),)),
    (0.005, 1, 16, (("orphan", "dispersed", "", 0),)),
    (0.006, 1, 16, (("de_facto_unattended_child", "", "", 0),)),
    (0.004, 1, 16, (("de_facto_unattended_child", "", "", 0), ("dibao", "", "", 30_000))),
)  # fmt: skip
"""Share of the people, youngest and oldest age, statuses."""
_SHARES: Final = list(accumulate(share for share, *_ in MIX))


def person_of(number: int) -> str:
    """The id of the n-th person."""
    return _NEW_ID(KNOWN + timedelta(seconds=number // 1_000), "payee", number)


def _made(number: int) -> tuple[_Row, _Row | None, _Statuses]:
    rng = random.Random(number)  # noqa: S311  repeatable, no secret
    place = bisect_right(_SHARES, rng.random())
    _, youngest, oldest, statuses = MIX[min(place, len(MIX) - 1)]
    born = TODAY - timedelta(days=int(365.25 * (youngest + 0.5)) + rng.randrange(int(365.25 * (oldest - youngest))))
    person_id = person_of(number)
    hukou = json.dumps([["2023-12-01", f"990101{100 + number % 20:03d}{200 + number // 20 % 20:03d}"]])
    person = (person_id, 1, KNOWN, born, None, "[]", hukou, "")
    if not statuses:
        return person, None, statuses
    decided = date(2023, 1, 1) + timedelta(days=rng.randrange(345))
    # One in a hundred was decided in the first cycle's month and is paid from the second.
    decided = date(2024, 1, 10) if rng.random() < 0.01 else decided  # noqa: PLR2004
    return person, (person_id, 1, KNOWN, _intervals(statuses, decided, number)), statuses


def _intervals(statuses: _Statuses, decided: date, number: int, *, more_fen: int = 0, ended: str = "") -> str:
    day = decided.isoformat()
    return json.dumps(
        [
            [category, subtype, level, day, day, ended, "", fen + more_fen if fen else 0, number * 4 + place]
            for place, (category, subtype, level, fen) in enumerate(statuses)
        ]
    )


def _later(number: int) -> tuple[_Row | None, _Row | None]:
    """What became known of a person after the first cycle: a death, a new amount, an end, or a first status."""
    rng = random.Random(-number - 1)  # noqa: S311
    if rng.random() >= CHANGED_SHARE:
        return None, None
    person, status, statuses = _made(number)
    kind = rng.random()
    if kind < 0.15:  # noqa: PLR2004
        return (person[0], 2, CHANGED, person[3], date(2024, 1, 25), *person[5:]), None
    version = 2 if status else 1
    statuses = statuses or _DIBAO
    decided, ended = (date(2024, 2, 1), "") if kind < 0.7 else (date(2023, 6, 1), "2024-01-31")  # noqa: PLR2004
    return None, (person[0], version, CHANGED, _intervals(statuses, decided, number, more_fen=2_000, ended=ended))


def _rows(persons: int) -> Iterator[tuple[list[_Row], list[_Row]]]:
    for first in range(0, persons, _CHUNK):
        made = [_made(number) for number in range(first, min(first + _CHUNK, persons))]
        yield [person for person, _, _ in made], [status for _, status, _ in made if status]


def _changes(persons: int) -> Iterator[tuple[list[_Row], list[_Row]]]:
    later = [_later(number) for number in range(persons)]
    yield [person for person, _ in later if person], [status for _, status in later if status]


async def _write(url: str, runs: Iterator[tuple[list[_Row], list[_Row]]]) -> int:
    connection = await asyncpg.connect(url)
    count = 0
    try:
        for persons, statuses in runs:
            await connection.copy_records_to_table("person_facts", records=persons, columns=_PERSON)
            await connection.copy_records_to_table("status_facts", records=statuses, columns=_STATUS)
            count += len({row[0] for row in (*persons, *statuses)})
        for table in ("person_facts", "status_facts", "reckonings", "entitlement_spans", "payment_lines", "outgoing"):
            await connection.execute(f"VACUUM (ANALYZE) {table}")
    finally:
        await connection.close()
    return count


def fill(url: str, persons: int) -> None:
    """Write the facts of so many people."""
    asyncio.run(_write(url, _rows(persons)))


def change(url: str, persons: int) -> int:
    """Write what becomes known after the first cycle; of how many people."""
    return asyncio.run(_write(url, _changes(persons)))
