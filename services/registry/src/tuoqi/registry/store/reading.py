"""SQL about files of people: read by id, now or as known at a moment, only within the caller's reach."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, Final

from tuoqi.kit.database import Tx
from tuoqi.registry.domain.person import Person
from tuoqi.registry.store.persons import read_person
from tuoqi.registry.store.seals import KeyRing
from tuoqi.registry.store.search import IN_FORCE, Reach

_EVERYWHERE: Final = ("",)
_IDS: Final = "SELECT s.person_id FROM person_search s WHERE {where}"
_AS_KNOWN: Final = """
SELECT person_id, version, status_version, loaded_order, birth_date, sex, hukou, residence_region, died_on, absences,
       household_id, merged_into, known_at, private
FROM persons WHERE person_id = ANY(CAST(:ids AS text[])) AND known_at <= :known_at
UNION ALL
SELECT person_id, version, 0, 0, birth_date, sex, hukou, residence_region, died_on, absences, household_id,
       merged_into, known_at, private
FROM person_history
WHERE person_id = ANY(CAST(:ids AS text[])) AND known_at <= :known_at AND superseded_at > :known_at
"""
_CATEGORIES: Final = f"""
SELECT s.person_id, {IN_FORCE} AS categories FROM unnest(CAST(:ids AS text[])) AS s(person_id)
"""


async def in_reach(tx: Tx, ids: Collection[str], reach: Reach) -> list[str]:
    """Those of the ids that are people within reach."""
    where, values = _within(ids, reach)
    rows = await tx.fetch(_IDS.format(where=where), **values)
    return [row.person_id for row in rows]


async def persons_as_known(tx: Tx, ids: Sequence[str], known_at: datetime, ring: KeyRing) -> list[Person]:
    """The persons as they were known at a moment; who was not known yet is left out."""
    rows: Sequence[Any] = await tx.fetch(_AS_KNOWN, ids=list(ids), known_at=known_at)
    await ring.open(tx, [row.person_id for row in rows])
    return [read_person(row, ring) for row in rows]


async def categories_of(tx: Tx, ids: Sequence[str], today: date) -> dict[str, list[str]]:
    """By person the categories in force on the day."""
    rows = await tx.fetch(_CATEGORIES, ids=list(ids), today=today)
    return {row.person_id: list(row.categories) for row in rows}


def _within(ids: Collection[str], reach: Reach) -> tuple[str, dict[str, Any]]:
    # One text, not an array: the driver looks at each element of an array three times, which costs more than all else.
    where = "s.person_id = ANY(string_to_array(CAST(:ids AS text), ','))"
    values: dict[str, Any] = {"ids": ",".join(ids)}
    if reach.regions != _EVERYWHERE:
        where += " AND EXISTS (SELECT FROM unnest(CAST(:regions AS text[])) AS one WHERE starts_with(s.region, one))"
        values["regions"] = list(reach.regions)
    if reach.born_by != date.max:
        where += " AND s.birth_date <= :born_by"
        values["born_by"] = reach.born_by
    return where, values
