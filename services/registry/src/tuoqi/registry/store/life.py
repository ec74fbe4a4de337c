"""SQL about days in a life: who reaches one when, what was told already, and how far the clock has come.

`life_clock.told_up_to` is the last day that was looked at; it is looked at again until it is over, for people are
registered all day. Days before it are looked at again for those alone whose facts were mended (`life_rechecks`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.registry.domain.life import LifeRules

# PostgreSQL adds years and months as the county counts them: 29 February becomes 28 February in common years.
_BIRTHDAY = "CAST(p.birth_date + make_interval(years => k.number) AS date)"
_ENDS = "CAST(s.valid_until - make_interval(months => k.number) AS date)"
_RULES = "unnest(CAST(:{0}_kinds AS text[]), CAST(:{0}_numbers AS int[])) AS k(kind, number)"
# Alive, with a file of his own, not away on the day; and nothing was told since: what had been told before its day
# was told by a birth date or an end that proved wrong, and is told again on its day.
_HERE = """p.died_on IS NULL AND p.merged_into IS NULL
    AND (p.absences = '[]' OR NOT EXISTS (
        SELECT FROM jsonb_array_elements(CAST(p.absences AS jsonb)) a
        WHERE a ->> 0 <= CAST(d.due_on AS text) AND (a ->> 1 = '' OR a ->> 1 > CAST(d.due_on AS text))))
    AND NOT EXISTS (
        SELECT FROM life_events e WHERE e.person_id = p.person_id AND e.kind = k.kind
            AND e.interval_id = {interval} AND e.told_on >= d.due_on)"""
# The first entry of the hukou says since when the person is on the register: days before that are nobody's news.
_BORN = f"""d.due_on >= CAST(CAST(p.hukou AS jsonb) -> 0 ->> 1 AS date)
    AND {_HERE.format(interval="''")}"""
# A certificate counts while its interval does; what had passed when its end became known is nobody's news either.
_CERTIFIED = f"""s.decided_on IS NOT NULL AND (s.ended_on IS NULL OR s.ended_on > d.due_on)
    AND NOT EXISTS (
        SELECT FROM person_statuses n WHERE n.person_id = s.person_id AND n.category = s.category
            AND (n.decided_on, n.loaded_order) > (s.decided_on, s.loaded_order)
            AND (n.ended_on IS NULL OR n.ended_on >= least(n.applied_on, n.decided_on)))
    AND d.due_on >= CAST(coalesce((
        SELECT min(h.known_at) FROM person_status_history h
        WHERE h.person_id = s.person_id AND h.interval_id = s.interval_id AND h.valid_until = s.valid_until
    ), s.known_at) AT TIME ZONE 'Asia/Shanghai' AS date)
    AND {_HERE.format(interval="s.interval_id")}"""
_REACHED = f"""
SELECT p.person_id, k.kind, k.number, d.due_on, '' AS interval_id, CAST(NULL AS date) AS valid_until
FROM {_RULES.format("age")}
JOIN persons p ON p.birth_date >= CAST(CAST(:first AS date) - make_interval(years => k.number) AS date)
    AND p.birth_date <= CAST(CAST(:last AS date) - make_interval(years => k.number) AS date) + 1 {{people}}
CROSS JOIN LATERAL (SELECT {_BIRTHDAY} AS due_on) d
WHERE d.due_on BETWEEN :first AND :last AND {_BORN}
UNION ALL
SELECT p.person_id, k.kind, k.number, d.due_on, s.interval_id, s.valid_until
FROM {_RULES.format("paper")}
JOIN person_statuses s ON s.valid_until >= CAST(CAST(:first AS date) + make_interval(months => k.number) AS date)
    AND s.valid_until <= CAST(CAST(:last AS date) + make_interval(months => k.number) AS date) + 3
JOIN persons p ON p.person_id = s.person_id {{people}}
CROSS JOIN LATERAL (SELECT {_ENDS} AS due_on) d
WHERE d.due_on BETWEEN :first AND :last AND {_CERTIFIED}
ORDER BY 4, 1, 2, 5 LIMIT CAST(:at_most AS bigint)
"""
_ON_DAYS = _REACHED.format(people="")
_OF_PEOPLE = _REACHED.format(people="AND p.person_id = ANY(CAST(:ids AS text[]))")
# One walk along an index for each kind, which ends at its first hit: cheap however many people there are.
_NEXT = f"""
SELECT min(due_on) AS due_on FROM (
    SELECT b.due_on FROM {_RULES.format("age")} CROSS JOIN LATERAL (
        SELECT d.due_on FROM persons p CROSS JOIN LATERAL (SELECT {_BIRTHDAY} AS due_on) d
        WHERE p.birth_date >= CAST(CAST(:first AS date) - make_interval(years => k.number) AS date)
            AND d.due_on >= :first AND {_BORN}
        ORDER BY p.birth_date LIMIT 1) b
    UNION ALL
    SELECT c.due_on FROM {_RULES.format("paper")} CROSS JOIN LATERAL (
        SELECT d.due_on FROM person_statuses s JOIN persons p USING (person_id)
        CROSS JOIN LATERAL (SELECT {_ENDS} AS due_on) d
        WHERE s.valid_until >= CAST(CAST(:first AS date) + make_interval(months => k.number) AS date)
            AND d.due_on >= :first AND {_CERTIFIED}
        ORDER BY s.valid_until LIMIT 1) c
) t
"""
_TELL = """
INSERT INTO life_events (person_id, kind, interval_id, due_on, told_on, version)
SELECT t.person_id, t.kind, t.interval_id, t.due_on, :told_on, t.version
FROM unnest(CAST(:persons AS text[]), CAST(:kinds AS text[]), CAST(:intervals AS text[]), CAST(:days AS date[]),
            CAST(:versions AS bigint[])) AS t(person_id, kind, interval_id, due_on, version)
"""


@dataclass(frozen=True, slots=True)
class Reached:
    """A day that has come for a person."""

    person_id: str
    kind: str
    number: int
    """Years of a birthday, months before the end of a certificate."""
    due_on: date
    interval_id: str
    """Empty for birthdays."""
    valid_until: date | None


async def clock_day(tx: Tx) -> date | None:
    """The last day that was looked at; None before the first look."""
    rows = await tx.fetch("SELECT told_up_to FROM life_clock")
    return rows[0].told_up_to if rows else None


async def set_clock_day(tx: Tx, day: date) -> None:
    """Note how far the clock has come."""
    await tx.execute(
        "INSERT INTO life_clock (told_up_to) VALUES (:day)"
        " ON CONFLICT (only_row) DO UPDATE SET told_up_to = excluded.told_up_to",
        day=day,
    )


async def first_registration(tx: Tx) -> date | None:
    """The day on which the first of all people was registered; reads all people, so it is asked once."""
    (row,) = await tx.fetch("SELECT CAST(min(CAST(hukou AS jsonb) -> 0 ->> 1) AS date) AS day FROM persons")
    day: date | None = row.day
    return day


async def next_reached(tx: Tx, rules: LifeRules, first: date) -> date | None:
    """The first day from `first` on that somebody reaches and was not told."""
    (row,) = await tx.fetch(_NEXT, first=first, **_arrays(rules))
    day: date | None = row.due_on
    return day


async def reached(tx: Tx, rules: LifeRules, first: date, last: date, at_most: int) -> list[Reached]:
    """Who reaches which day between the two, both included, in order of time."""
    return _read(await tx.fetch(_ON_DAYS, first=first, last=last, at_most=at_most, **_arrays(rules)))


async def reached_by(tx: Tx, rules: LifeRules, ids: Collection[str], first: date, last: date) -> list[Reached]:
    """The same of these people alone, all of it."""
    rows = await tx.fetch(_OF_PEOPLE, ids=sorted(ids), first=first, last=last, at_most=None, **_arrays(rules))
    return _read(rows)


async def rechecks(tx: Tx, at_most: int) -> list[str]:
    """People whose past days are to be looked at again, locked and taken off the list."""
    rows = await tx.fetch(
        "DELETE FROM life_rechecks WHERE person_id IN (SELECT person_id FROM life_rechecks ORDER BY person_id"
        " LIMIT CAST(:at_most AS bigint) FOR UPDATE SKIP LOCKED) RETURNING person_id",
        at_most=at_most,
    )
    return sorted(row.person_id for row in rows)


async def next_recheck(tx: Tx) -> Any:
    """The moment of the oldest mended fact that is to be looked at; None where there is none."""
    (row,) = await tx.fetch("SELECT min(noted_at) AS noted_at FROM life_rechecks")
    return row.noted_at


async def lock_people(tx: Tx, ids: Collection[str]) -> dict[str, int]:
    """Lock people in key order; by id how often each was told of a day in his life."""
    await tx.fetch(
        "SELECT person_id FROM persons WHERE person_id = ANY(CAST(:ids AS text[])) ORDER BY person_id FOR UPDATE",
        ids=sorted(ids),
    )
    rows = await tx.fetch(
        "SELECT person_id, max(version) AS version FROM life_events WHERE person_id = ANY(CAST(:ids AS text[]))"
        " GROUP BY person_id",
        ids=sorted(ids),
    )
    return {row.person_id: row.version for row in rows}


async def tell(tx: Tx, told: Sequence[tuple[Reached, int]], told_on: date) -> None:
    """Note what was told, (day, version) each."""
    await tx.execute(
        _TELL,
        told_on=told_on,
        persons=[one.person_id for one, _ in told],
        kinds=[one.kind for one, _ in told],
        intervals=[one.interval_id for one, _ in told],
        days=[one.due_on for one, _ in told],
        versions=[version for _, version in told],
    )


def _arrays(rules: LifeRules) -> dict[str, list[Any]]:
    return {
        "age_kinds": list(rules.ages),
        "age_numbers": list(rules.ages.values()),
        "paper_kinds": list(rules.certificates),
        "paper_numbers": list(rules.certificates.values()),
    }


def _read(rows: Sequence[Any]) -> list[Reached]:
    return [Reached(row.person_id, row.kind, row.number, row.due_on, row.interval_id, row.valid_until) for row in rows]
