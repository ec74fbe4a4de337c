"""The due-table: which plans have something to do at which midnight, and looks at all plans of the county at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from tuoqi.kit.database import Tx
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.facts import Standing
from tuoqi.visits.store.codec import standing_of

_DUE: Final = """
SELECT person_id FROM plans WHERE next_due = :moment AND person_id > :after
ORDER BY person_id LIMIT CAST(:at_most AS int)
"""
_SEE: Final = """
INSERT INTO rules_seen (version, looked_at) VALUES (:version, :looked_at)
ON CONFLICT (only_row) DO UPDATE SET version = excluded.version, looked_at = excluded.looked_at
"""
# Plans due already are left out: they are looked at when they are judged. A group is alike in all that a judgement can
# depend on, so its earliest birth date and last look stand for all of its people.
_GROUPED: Final = """
SELECT person_id, birth_date, standing, coalesce(grade, '') AS grade, looked_on,
       width_bucket(birth_date, CAST(:births AS date[])) AS age_class,
       width_bucket(looked_on, CAST(:days AS date[])) AS look_class,
       due_too_late
FROM (
    SELECT person_id, birth_date, grade, coalesce(standing, '') AS standing,
           coalesce(CASE WHEN county_look IS DISTINCT FROM CAST(:looked_at AS timestamptz)
                         THEN greatest(looked_on, CAST(:looked_day AS date))
                         ELSE looked_on END, DATE '0001-01-01') AS looked_on,
           EXISTS (
               SELECT FROM unnest(CAST(:ages AS int[])) AS age
               WHERE birth_date + make_interval(years => age) > CAST(:day AS date)
                 AND (next_due IS NULL OR birth_date + make_interval(years => age)
                      < timezone('Asia/Shanghai', next_due))
           ) AS due_too_late
    FROM plans
    WHERE birth_date IS NOT NULL AND (next_due IS NULL OR next_due > :moment)
) AS known
"""
_GROUPS: Final = f"""
SELECT standing, grade, age_class, look_class, due_too_late,
       min(birth_date) AS birth_date, min(looked_on) AS looked_on
FROM ({_GROUPED}) AS one GROUP BY 1, 2, 3, 4, 5
"""
_PEOPLE: Final = f"""
SELECT person_id FROM ({_GROUPED}) AS one
JOIN unnest(CAST(:standings AS text[]), CAST(:grades AS text[]), CAST(:age_classes AS int[]),
            CAST(:look_classes AS int[]), CAST(:too_late AS boolean[]))
     AS chosen(standing, grade, age_class, look_class, due_too_late)
USING (standing, grade, age_class, look_class, due_too_late)
ORDER BY person_id
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """The last look at the whole county: by which rules, and at which moment; empty and None before the first."""

    version: str = ""
    looked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """A look at all plans at a moment. `births` and `days` rise; they part people whom a judgement may tell apart."""

    moment: datetime
    births: tuple[date, ...]
    days: tuple[date, ...]
    ages: tuple[int, ...] = ()
    """Ages at whose birthday a plan must be due."""


@dataclass(frozen=True, slots=True)
class Group:
    """People alike. `standing` is None for plans written before there were standings."""

    standing: Standing | None
    grade: str
    birth_date: date
    looked_on: date
    due_too_late: bool
    key: tuple[str, str, int, int, bool]


async def rules_seen(tx: Tx) -> Seen:
    """The last look at the whole county."""
    rows = await tx.fetch("SELECT version, looked_at FROM rules_seen")
    return Seen(*rows[0]) if rows else Seen()


async def see_rules(tx: Tx, seen: Seen) -> None:
    """Every plan has been looked at."""
    await tx.execute(_SEE, version=seen.version, looked_at=seen.looked_at)


async def hold_plans(tx: Tx) -> None:
    """Nobody writes a plan until this transaction ends; the first statement of it."""
    await tx.execute("LOCK TABLE plans IN SHARE MODE")


async def groups(tx: Tx, look: Look, seen: Seen) -> list[Group]:
    """All people of the county who are not due, by what decides about them."""
    rows = await tx.fetch(_GROUPS, **_of(look, seen))
    return [
        Group(
            standing=standing_of(row.standing) if row.standing else None,
            grade=row.grade,
            birth_date=row.birth_date,
            looked_on=row.looked_on,
            due_too_late=row.due_too_late,
            key=tuple(row[:5]),
        )
        for row in rows
    ]


async def people_of(
    tx: Tx, look: Look, seen: Seen, chosen: Sequence[Group], at_most: int
) -> AsyncIterator[Sequence[str]]:
    """The people of these groups in order of their ids, so many at a time."""
    columns = zip(*(group.key for group in chosen), strict=True)
    names = ("standings", "grades", "age_classes", "look_classes", "too_late")
    keys = dict(zip(names, map(list, columns), strict=True))
    async for rows in tx.stream(_PEOPLE, size=at_most, **_of(look, seen), **keys):
        yield [row.person_id for row in rows]


def _of(look: Look, seen: Seen) -> dict[str, object]:
    return {
        "moment": look.moment,
        "day": day_of(look.moment),
        "births": list(look.births),
        "days": list(look.days),
        "ages": list(look.ages),
        "looked_at": seen.looked_at,
        "looked_day": day_of(seen.looked_at) if seen.looked_at else None,
    }


async def next_due(tx: Tx) -> datetime | None:
    """The earliest moment at which a plan has something to do for itself."""
    (row,) = await tx.fetch("SELECT min(next_due) AS moment FROM plans")
    moment: datetime | None = row.moment
    return moment


async def anybody(tx: Tx) -> bool:
    """Whether there is a plan at all."""
    (row,) = await tx.fetch("SELECT EXISTS (SELECT FROM plans WHERE birth_date IS NOT NULL) AS found")
    return bool(row.found)


async def due_plans(tx: Tx, moment: datetime, after: str, at_most: int) -> Sequence[str]:
    """People later than `after` in order of their ids whose plans are due at exactly this moment."""
    rows = await tx.fetch(_DUE, moment=moment, after=after, at_most=at_most)
    return [row.person_id for row in rows]
