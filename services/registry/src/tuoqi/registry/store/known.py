"""SQL about what was known at a moment, and about everything that was ever in force. Reads only, locks nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.registry.domain.assessment import Assessment
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.status import Interval
from tuoqi.registry.domain.stay import Stay
from tuoqi.registry.store.assessments import assessment_of
from tuoqi.registry.store.persons import read_person
from tuoqi.registry.store.seals import KeyRing
from tuoqi.registry.store.statuses import read_row

# A row was known at K from known_at on, until another took its place. What did not change in between stands in the
# present row alone: an interval's category, level and days of application and decision make its identity.
_PERSON_COLUMNS = (
    "person_id, version, known_at, birth_date, sex, hukou, residence_region, died_on, absences, household_id,"
    " merged_into, private"
)
_PERSONS = f"""
SELECT {_PERSON_COLUMNS}, 0 AS status_version, 0 AS loaded_order, CAST(NULL AS timestamptz) AS superseded_at
FROM persons WHERE person_id = ANY(CAST(:ids AS text[]))
UNION ALL
SELECT {_PERSON_COLUMNS}, 0, 0, superseded_at FROM person_history WHERE person_id = ANY(CAST(:ids AS text[]))
"""
_INTERVALS = """
SELECT interval_id, person_id, category, subtype, level, applied_on, decided_on, ended_on, valid_until, amount_fen,
       loaded_order, private, known_at, CAST(NULL AS timestamptz) AS superseded_at, loaded_by
FROM person_statuses WHERE person_id = ANY(CAST(:ids AS text[]))
UNION ALL
SELECT h.interval_id, h.person_id, s.category, s.subtype, s.level, s.applied_on, s.decided_on, h.ended_on,
       h.valid_until, h.amount_fen, h.loaded_order, h.private, h.known_at, h.superseded_at, h.loaded_by
FROM person_status_history h JOIN person_statuses s USING (interval_id)
WHERE h.person_id = ANY(CAST(:ids AS text[]))
"""
_AT = "known_at <= :at AND (superseded_at IS NULL OR superseded_at > :at)"
_STAYS = f"""
SELECT stay_id, person_id, facility_code, began_on, ended_on, bed, known_at FROM (
    SELECT stay_id, person_id, facility_code, began_on, ended_on, bed, known_at,
           CAST(NULL AS timestamptz) AS superseded_at
    FROM stays WHERE person_id = ANY(CAST(:ids AS text[]))
    UNION ALL
    SELECT stay_id, person_id, facility_code, began_on, ended_on, bed, known_at, superseded_at
    FROM stay_history WHERE person_id = ANY(CAST(:ids AS text[]))
) t WHERE {_AT} ORDER BY person_id, began_on, stay_id
"""
_ASSESSMENTS = """
SELECT * FROM assessments WHERE person_id = ANY(CAST(:ids AS text[])) AND known_at <= :at
ORDER BY person_id, loaded_order
"""


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """One version of a person."""

    person: Person
    known_at: datetime
    superseded_at: datetime | None


@dataclass(frozen=True, slots=True)
class KnownRow:
    """One row of an interval."""

    interval: Interval
    known_at: datetime
    superseded_at: datetime | None
    loaded_by: str


async def persons_at(tx: Tx, ids: Collection[str], at: datetime, ring: KeyRing) -> dict[str, KnownPerson]:
    """The persons as known at the moment; who was not known yet is left out. Opens the persons' keys."""
    return {one.person.person_id: one for one in await _persons(tx, f"WHERE {_AT}", ids, ring, at=at)}


async def all_versions(tx: Tx, person_id: str, ring: KeyRing) -> list[KnownPerson]:
    """Every version of a person, oldest first. Opens the person's key."""
    return await _persons(tx, "", [person_id], ring)


async def intervals_at(tx: Tx, ids: Collection[str], at: datetime, ring: KeyRing) -> dict[str, list[KnownRow]]:
    """The rows of each person that were in force at the moment, in the order of loading. The ring holds the keys."""
    rows = await tx.fetch(
        f"SELECT * FROM ({_INTERVALS}) t WHERE {_AT} ORDER BY person_id, loaded_order", ids=sorted(ids), at=at
    )
    found: defaultdict[str, list[KnownRow]] = defaultdict(list)
    for row in rows:
        found[row.person_id].append(_known(row, ring))
    return found


async def all_rows(tx: Tx, person_id: str, ring: KeyRing) -> list[KnownRow]:
    """Every row of every interval of a person, oldest first. The ring holds the key."""
    rows = await tx.fetch(f"SELECT * FROM ({_INTERVALS}) t ORDER BY known_at, loaded_order", ids=[person_id])
    return [_known(row, ring) for row in rows]


async def stays_at(tx: Tx, ids: Collection[str], at: datetime) -> dict[str, list[Stay]]:
    """The stays of each person as known at the moment, by first day."""
    found: defaultdict[str, list[Stay]] = defaultdict(list)
    for row in await tx.fetch(_STAYS, ids=sorted(ids), at=at):
        stay = Stay(row.stay_id, row.facility_code, row.began_on, row.ended_on, row.bed, row.known_at)
        found[row.person_id].append(stay)
    return found


async def assessments_at(tx: Tx, ids: Collection[str], at: datetime, ring: KeyRing) -> dict[str, list[Assessment]]:
    """The assessments of each person known by the moment, in the order of loading. The ring holds the keys."""
    found: defaultdict[str, list[Assessment]] = defaultdict(list)
    for row in await tx.fetch(_ASSESSMENTS, ids=sorted(ids), at=at):
        found[row.person_id].append(assessment_of(row, ring))
    return found


async def _persons(tx: Tx, where: str, ids: Collection[str], ring: KeyRing, **params: Any) -> list[KnownPerson]:
    rows = await tx.fetch(
        f"SELECT * FROM ({_PERSONS}) t {where} ORDER BY person_id, version", ids=sorted(set(ids)), **params
    )
    await ring.open(tx, {row.person_id for row in rows})
    return [KnownPerson(read_person(row, ring), row.known_at, row.superseded_at) for row in rows]


def _known(row: Any, ring: KeyRing) -> KnownRow:
    return KnownRow(read_row(row, ring), row.known_at, row.superseded_at, row.loaded_by)
