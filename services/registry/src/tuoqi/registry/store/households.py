"""SQL about households and who belongs to them, now and as it was known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import expect_rows
from tuoqi.registry.domain.household import Household
from tuoqi.registry.domain.person import Person
from tuoqi.registry.store.persons import read_person
from tuoqi.registry.store.seals import KeyRing, Vault

_LOAD = """
SELECT household_id, version, no_hash, head_person_id FROM households
WHERE no_hash = ANY(CAST(:hashes AS bytea[])) ORDER BY household_id FOR UPDATE
"""
_LOAD_BY_ID = """
SELECT household_id, version, head_person_id FROM households
WHERE household_id = ANY(CAST(:ids AS text[])) ORDER BY household_id FOR UPDATE
"""
_UPDATE = """
UPDATE households h SET version = t.version, head_person_id = t.head
FROM unnest(CAST(:ids AS text[]), CAST(:versions AS bigint[]), CAST(:heads AS text[])) AS t(household_id, version, head)
WHERE h.household_id = t.household_id AND h.version < t.version
"""
_PERSON = """
person_id, version, {versions}, birth_date, sex, hukou, residence_region, died_on, absences, household_id, merged_into,
known_at, private
"""
_MEMBERS = f"""
SELECT {_PERSON.format(versions="status_version, loaded_order")} FROM persons
WHERE household_id = :household_id AND known_at <= :known_at
UNION ALL
SELECT {_PERSON.format(versions="0, 0")} FROM person_history
WHERE household_id = :household_id AND known_at <= :known_at AND superseded_at > :known_at
ORDER BY person_id
"""
# Since the end of the last version in which the file stood elsewhere; where it never did, since it became known.
_SINCE = """
SELECT given.person_id,
       greatest((SELECT max(h.superseded_at) FROM person_history h
                 WHERE h.person_id = given.person_id AND h.superseded_at <= :known_at
                   AND h.household_id IS DISTINCT FROM :household_id),
                (SELECT min(h.known_at) FROM (SELECT known_at, person_id FROM person_history
                                              UNION ALL SELECT known_at, person_id FROM persons) h
                 WHERE h.person_id = given.person_id)) AS since
FROM unnest(CAST(:ids AS text[])) AS given(person_id)
"""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a household, and since when it stands there as far as the register knew."""

    person: Person
    since: datetime


class HouseholdStore:
    """Households by number and by id."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def load(self, tx: Tx, numbers: Collection[str]) -> dict[str, Household]:
        """Households by number, locked in key order."""
        by_hash = {self._vault.household_hash(number): number for number in numbers}
        rows = await tx.fetch(_LOAD, hashes=list(by_hash))
        return {
            by_hash[row.no_hash]: Household(row.household_id, by_hash[row.no_hash], row.head_person_id, row.version)
            for row in rows
        }

    async def load_by_id(self, tx: Tx, ids: Collection[str]) -> dict[str, Household]:
        """Households by id, locked in key order; their numbers are known to their members alone."""
        rows = await tx.fetch(_LOAD_BY_ID, ids=list(ids))
        return {row.household_id: Household(row.household_id, "", row.head_person_id, row.version) for row in rows}

    async def raise_version(self, tx: Tx, household_id: str) -> Household:
        """The household, one event further on. Raises KeyError for an unknown one."""
        household = (await self.load_by_id(tx, [household_id]))[household_id]
        raised = replace(household, version=household.version + 1)
        await self.save(tx, [raised])
        return raised

    async def save(self, tx: Tx, households: Sequence[Household]) -> None:
        """Insert or replace. Raises Conflict where somebody else was first."""
        old = [one for one in households if one.version > 1]
        if old:
            touched = await tx.execute(
                _UPDATE,
                ids=[one.household_id for one in old],
                versions=[one.version for one in old],
                heads=[one.head_person_id for one in old],
            )
            expect_rows(touched, len(old))
        rows = [
            (one.household_id, one.version, self._vault.household_hash(one.number), one.head_person_id)
            for one in households
            if one.version == 1
        ]
        if rows:
            await tx.copy_new("households", ("household_id", "version", "no_hash", "head_person_id"), rows)


async def member_files(tx: Tx, household_id: str, known_at: datetime, ring: KeyRing) -> list[Member]:
    """The files that stood in a household as was known at a moment, by id."""
    rows: Sequence[Any] = await tx.fetch(_MEMBERS, household_id=household_id, known_at=known_at)
    ids = [row.person_id for row in rows]
    await ring.open(tx, ids)
    since = await tx.fetch(_SINCE, ids=ids, household_id=household_id, known_at=known_at)
    by_id = {row.person_id: row.since for row in since}
    return [Member(read_person(row, ring), by_id[row.person_id]) for row in rows]
