"""SQL about persons: find by hash, load and lock, insert and update by arrays."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import expect_rows
from tuoqi.kit.turns import slices
from tuoqi.registry.domain.person import Absence, HukouSince, Person
from tuoqi.registry.store.comparison import note_guardians
from tuoqi.registry.store.seals import PERSON, KeyRing, Vault
from tuoqi.registry.store.search import save_search

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
_ARRAY_NAMES = (
    "ids", "versions", "id_hashes", "temp_hashes", "births", "sexes", "hukou", "residences", "deaths", "absences",
    "households", "merged", "privates",
)  # fmt: skip
_NEW = (
    "person_id", "version", "status_version", "loaded_order", "id_hash", "temp_hash", "birth_date", "sex", "hukou",
    "residence_region", "died_on", "absences", "household_id", "merged_into", "known_at", "private",
)  # fmt: skip
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
        return {row.person_id: read_person(row, ring) for row in rows}

    async def save(
        self, tx: Tx, before: Mapping[str, Person], after: Sequence[Person], known_at: datetime, ring: KeyRing
    ) -> None:
        """Write persons that changed, known from this moment on. Raises Conflict where somebody else wrote one first."""
        fresh = [person for person in after if person.person_id not in before]
        old = [person for person in after if person.person_id in before]
        new = [self._row(person, ring) async for some in slices(fresh) for person in some]
        arrays = self._arrays(before, old, ring) if old else {}
        await ring.save(tx)
        # Updates come first: a temporary id that one person gives up may be another's from the same file on.
        if old:
            expect_rows(await tx.execute(_UPDATE, known_at=known_at, **arrays), len(old))
        if new:
            new.sort()
            rows = ((*row[:2], 0, 0, *row[2:-1], known_at, row[-1]) for row in new)
            await tx.copy_new("persons", _NEW, rows)
        await save_search(tx, fresh, old, known_at, self._vault.tokens)
        await note_guardians(tx, before, after, self._vault)

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
        columns = zip(*(self._row(person, ring) for person in persons), strict=True)
        arrays = dict(zip(_ARRAY_NAMES, map(list, columns), strict=True))
        return {**arrays, "loaded": [before[person.person_id].version for person in persons]}

    def _row(self, person: Person, ring: KeyRing) -> tuple[Any, ...]:
        return (
            person.person_id,
            person.version,
            self._vault.number_hash(person.number),
            self._vault.temp_hash(person.temp_id),
            person.birth_date,
            person.sex,
            _days(tuple((since.region, since.known_on) for since in person.hukou)),
            person.residence_region,
            person.died_on,
            _days(tuple((one.moved_out_on, one.returned_on) for one in person.absences)),
            person.household_id or None,
            person.merged_into or None,
            ring.seal(person.person_id, PERSON, person.private),
        )


async def members_of(tx: Tx, household_ids: Collection[str]) -> dict[str, list[str]]:
    """The persons of each household, in order of their ids; an empty household is left out."""
    if not household_ids:
        return {}
    rows = await tx.fetch(
        "SELECT household_id, array_agg(person_id ORDER BY person_id) AS members FROM persons"
        " WHERE household_id = ANY(CAST(:ids AS text[])) GROUP BY household_id",
        ids=sorted(household_ids),
    )
    return {row.household_id: list(row.members) for row in rows}


def read_person(row: Any, ring: KeyRing) -> Person:
    """The person of a row that has all columns of `persons`. The ring holds the person's key."""
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


@lru_cache(maxsize=1_024)
def _days(entries: tuple[tuple[object, object], ...]) -> str:
    # Most people have the village and the day of their file in common with many others, and no absences.
    return json.dumps([[str(first), str(second) if second else ""] for first, second in entries])
