"""SQL about persons: find by hash, load and lock, insert and update by arrays."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import expect_rows
from tuoqi.registry.domain.person import Absence, HukouSince, Person
from tuoqi.registry.store.seals import PERSON, KeyRing, Vault

_LOAD = """
SELECT person_id, version, status_version, loaded_order, birth_date, sex, hukou, residence_region, died_on, absences,
       household_id, merged_into, known_at, private
FROM persons WHERE person_id = ANY(CAST(:ids AS text[])) ORDER BY person_id
"""
_ARRAYS = """
unnest(CAST(:ids AS text[]), CAST(:versions AS bigint[]), CAST(:loaded AS bigint[]), CAST(:id_hashes AS bytea[]),
       CAST(:temp_hashes AS bytea[]), CAST(:births AS date[]), CAST(:sexes AS text[]), CAST(:hukou AS text[]),
       CAST(:residences AS text[]), CAST(:deaths AS date[]), CAST(:absences AS text[]), CAST(:households AS text[]),
       CAST(:merged AS text[]), CAST(:privates AS bytea[]))
    AS t(person_id, version, loaded_version, id_hash, temp_hash, birth_date, sex, hukou, residence_region, died_on,
         absences, household_id, merged_into, private)
"""
_INSERT = f"""
INSERT INTO persons (person_id, version, status_version, loaded_order, id_hash, temp_hash, birth_date, sex, hukou,
                     residence_region, died_on, absences, household_id, merged_into, known_at, private)
SELECT person_id, version, 0, 0, id_hash, temp_hash, birth_date, sex, hukou, residence_region, died_on, absences,
       household_id, merged_into, :known_at, private
FROM {_ARRAYS} ORDER BY person_id ON CONFLICT DO NOTHING
"""
# The version that an update takes the place of stays readable.
_UPDATE = f"""
WITH kept AS (
    INSERT INTO person_history (person_id, version, known_at, superseded_at, birth_date, sex, hukou, residence_region,
                                died_on, absences, household_id, merged_into, private)
    SELECT person_id, version, known_at, :known_at, birth_date, sex, hukou, residence_region, died_on, absences,
           household_id, merged_into, private
    FROM persons WHERE person_id = ANY(CAST(:ids AS text[]))
)
UPDATE persons p
SET version = t.version, id_hash = t.id_hash, temp_hash = t.temp_hash, birth_date = t.birth_date, sex = t.sex,
    hukou = t.hukou, residence_region = t.residence_region, died_on = t.died_on, absences = t.absences,
    household_id = t.household_id, merged_into = t.merged_into, known_at = :known_at, private = t.private
FROM {_ARRAYS} WHERE p.person_id = t.person_id AND p.version = t.loaded_version
"""
_UPDATE_STATUS = """
UPDATE persons p SET status_version = t.version, loaded_order = t.loaded_order
FROM unnest(CAST(:ids AS text[]), CAST(:versions AS bigint[]), CAST(:loaded AS bigint[]), CAST(:orders AS bigint[]))
    AS t(person_id, version, loaded_version, loaded_order)
WHERE p.person_id = t.person_id AND p.status_version = t.loaded_version
"""


class PersonStore:
    """Persons by id, by identity number and by temporary id."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def find(
        self, tx: Tx, numbers: Collection[str], temp_ids: Collection[str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Person ids by identity number, and by temporary id; who is not there is left out."""
        by_number = {self._vault.number_hash(number): number for number in numbers if number}
        by_temp = {self._vault.temp_hash(temp_id): temp_id for temp_id in temp_ids if temp_id}
        rows = await tx.fetch(
            "SELECT person_id, id_hash AS hash, true AS by_number FROM persons"
            " WHERE id_hash = ANY(CAST(:numbers AS bytea[]))"
            " UNION ALL SELECT person_id, temp_hash, false FROM persons WHERE temp_hash = ANY(CAST(:temps AS bytea[]))",
            numbers=list(by_number),
            temps=list(by_temp),
        )
        return (
            {by_number[row.hash]: row.person_id for row in rows if row.by_number},
            {by_temp[row.hash]: row.person_id for row in rows if not row.by_number},
        )

    async def existing(self, tx: Tx, ids: Collection[str]) -> set[str]:
        """Those of the ids that are persons."""
        rows = await tx.fetch(
            "SELECT person_id FROM persons WHERE person_id = ANY(CAST(:ids AS text[]))", ids=list(ids)
        )
        return {row.person_id for row in rows}

    async def load(self, tx: Tx, ids: Collection[str], ring: KeyRing, *, lock: bool) -> dict[str, Person]:
        """The persons of these ids that exist; with `lock` their rows are locked in key order."""
        wanted = sorted(set(ids))
        if not wanted:
            return {}
        rows = await tx.fetch(f"{_LOAD} FOR UPDATE" if lock else _LOAD, ids=wanted)
        await ring.open(tx, [row.person_id for row in rows])
        return {row.person_id: _person(row, ring) for row in rows}

    async def save(
        self, tx: Tx, before: Mapping[str, Person], after: Sequence[Person], known_at: datetime, ring: KeyRing
    ) -> None:
        """Write persons that changed, known from this moment on. Raises Conflict where somebody else wrote one first."""
        new = [person for person in after if person.person_id not in before]
        old = [person for person in after if person.person_id in before]
        # Updates come first: a temporary id that one person gives up may be another's from the same file on.
        arrays = [(_UPDATE, self._arrays(before, old, ring)), (_INSERT, self._arrays(before, new, ring))]
        await ring.save(tx)
        for (statement, parameters), wanted in zip(arrays, (len(old), len(new)), strict=True):
            if wanted:
                expect_rows(await tx.execute(statement, known_at=known_at, **parameters), wanted)

    async def save_status_versions(self, tx: Tx, before: Mapping[str, Person], after: Sequence[Person]) -> None:
        """Note how many events about status each person has had. Raises Conflict as `save` does."""
        touched = await tx.execute(
            _UPDATE_STATUS,
            ids=[person.person_id for person in after],
            versions=[person.status_version for person in after],
            loaded=[before[person.person_id].status_version for person in after],
            orders=[person.loaded_order for person in after],
        )
        expect_rows(touched, len(after))

    def _arrays(self, before: Mapping[str, Person], persons: Sequence[Person], ring: KeyRing) -> dict[str, list[Any]]:
        return {
            "ids": [person.person_id for person in persons],
            "versions": [person.version for person in persons],
            "loaded": [loaded.version if (loaded := before.get(p.person_id)) else 0 for p in persons],
            "id_hashes": [self._vault.number_hash(person.number) for person in persons],
            "temp_hashes": [self._vault.temp_hash(person.temp_id) for person in persons],
            "births": [person.birth_date for person in persons],
            "sexes": [person.sex for person in persons],
            "hukou": [_days((since.region, since.known_on) for since in person.hukou) for person in persons],
            "residences": [person.residence_region for person in persons],
            "deaths": [person.died_on for person in persons],
            "absences": [_days((one.moved_out_on, one.returned_on) for one in person.absences) for person in persons],
            "households": [person.household_id or None for person in persons],
            "merged": [person.merged_into or None for person in persons],
            "privates": [ring.seal(person.person_id, PERSON, person.private) for person in persons],
        }


async def members_of(tx: Tx, household_ids: Collection[str]) -> dict[str, list[str]]:
    """The persons of each household, in order of their ids; an empty household is left out."""
    rows = await tx.fetch(
        "SELECT household_id, array_agg(person_id ORDER BY person_id) AS members FROM persons"
        " WHERE household_id = ANY(CAST(:ids AS text[])) GROUP BY household_id",
        ids=sorted(household_ids),
    )
    return {row.household_id: list(row.members) for row in rows}


def _person(row: Any, ring: KeyRing) -> Person:
    return Person(
        person_id=row.person_id,
        birth_date=row.birth_date,
        sex=row.sex,
        hukou=tuple(HukouSince(region, date.fromisoformat(day)) for region, day in json.loads(row.hukou)),
        residence_region=row.residence_region,
        died_on=row.died_on,
        absences=tuple(
            Absence(date.fromisoformat(out), date.fromisoformat(back) if back else None)
            for out, back in json.loads(row.absences)
        ),
        household_id=row.household_id or "",
        merged_into=row.merged_into or "",
        known_at=row.known_at,
        private=ring.unseal(row.person_id, PERSON, row.private),
        version=row.version,
        status_version=row.status_version,
        loaded_order=row.loaded_order,
    )


def _days(entries: Iterable[tuple[object, object]]) -> str:
    return json.dumps([[str(first), str(second) if second else ""] for first, second in entries])
