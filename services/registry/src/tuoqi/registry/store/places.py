"""SQL about regions, facilities and households."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import expect_rows
from tuoqi.registry.domain.place import Facility, Household, Region
from tuoqi.registry.store.accounts import FACILITY_SUBJECT
from tuoqi.registry.store.seals import FACILITY, KeyRing, Vault

_SAVE_REGIONS = """
INSERT INTO regions (code, version, name, parent, kind, valid_from, valid_to)
SELECT * FROM unnest(CAST(:codes AS text[]), CAST(:versions AS bigint[]), CAST(:names AS text[]),
                     CAST(:parents AS text[]), CAST(:kinds AS text[]), CAST(:froms AS date[]), CAST(:tos AS date[]))
ON CONFLICT (code) DO UPDATE
SET version = EXCLUDED.version, name = EXCLUDED.name, parent = EXCLUDED.parent, kind = EXCLUDED.kind,
    valid_from = EXCLUDED.valid_from, valid_to = EXCLUDED.valid_to
WHERE regions.version < EXCLUDED.version
"""
_SAVE_FACILITIES = """
INSERT INTO facilities (code, version, name, kind, region, details, private)
SELECT * FROM unnest(CAST(:codes AS text[]), CAST(:versions AS bigint[]), CAST(:names AS text[]),
                     CAST(:kinds AS text[]), CAST(:regions AS text[]), CAST(:details AS text[]),
                     CAST(:privates AS bytea[]))
ON CONFLICT (code) DO UPDATE
SET version = EXCLUDED.version, name = EXCLUDED.name, kind = EXCLUDED.kind, region = EXCLUDED.region,
    details = EXCLUDED.details, private = EXCLUDED.private
WHERE facilities.version < EXCLUDED.version
"""
_LOAD_HOUSEHOLDS = """
SELECT household_id, version, no_hash, head_person_id FROM households
WHERE no_hash = ANY(CAST(:hashes AS bytea[])) ORDER BY household_id FOR UPDATE
"""
_SAVE_HOUSEHOLDS = """
INSERT INTO households (household_id, version, no_hash, head_person_id)
SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:versions AS bigint[]), CAST(:hashes AS bytea[]),
                     CAST(:heads AS text[]))
ON CONFLICT (no_hash) DO UPDATE SET version = EXCLUDED.version, head_person_id = EXCLUDED.head_person_id
WHERE households.household_id = EXCLUDED.household_id AND households.version < EXCLUDED.version
"""


async def region_codes(tx: Tx) -> set[str]:
    """The codes of all regions that were ever loaded: some hundreds."""
    return {row.code for row in await tx.fetch("SELECT code FROM regions")}


async def load_regions(tx: Tx, codes: Collection[str]) -> dict[str, Region]:
    """Regions by code, locked in key order."""
    rows = await tx.fetch(
        "SELECT * FROM regions WHERE code = ANY(CAST(:codes AS text[])) ORDER BY code FOR UPDATE", codes=sorted(codes)
    )
    return {
        row.code: Region(row.code, row.name, row.parent, row.kind, row.valid_from, row.valid_to, row.version)
        for row in rows
    }


async def save_regions(tx: Tx, regions: Sequence[Region]) -> None:
    """Insert or replace. Raises Conflict where somebody else wrote one of them first."""
    touched = await tx.execute(
        _SAVE_REGIONS,
        codes=[one.code for one in regions],
        versions=[one.version for one in regions],
        names=[one.name for one in regions],
        parents=[one.parent for one in regions],
        kinds=[one.kind for one in regions],
        froms=[one.valid_from for one in regions],
        tos=[one.valid_to for one in regions],
    )
    expect_rows(touched, len(regions))


async def load_facilities(tx: Tx, codes: Collection[str], ring: KeyRing) -> dict[str, Facility]:
    """Facilities by code, locked in key order."""
    rows = await tx.fetch(
        "SELECT * FROM facilities WHERE code = ANY(CAST(:codes AS text[])) ORDER BY code FOR UPDATE",
        codes=sorted(codes),
    )
    await ring.open(tx, [f"{FACILITY_SUBJECT}{row.code}" for row in rows])
    return {
        row.code: Facility(
            row.code,
            row.name,
            row.kind,
            row.region,
            json.loads(row.details),
            ring.unseal(f"{FACILITY_SUBJECT}{row.code}", FACILITY, row.private),
            row.version,
        )
        for row in rows
    }


async def save_facilities(tx: Tx, facilities: Sequence[Facility], ring: KeyRing) -> None:
    """Insert or replace. Raises Conflict where somebody else wrote one of them first."""
    privates = [ring.seal(f"{FACILITY_SUBJECT}{one.code}", FACILITY, one.private) for one in facilities]
    await ring.save(tx)
    touched = await tx.execute(
        _SAVE_FACILITIES,
        codes=[one.code for one in facilities],
        versions=[one.version for one in facilities],
        names=[one.name for one in facilities],
        kinds=[one.kind for one in facilities],
        regions=[one.region for one in facilities],
        details=[json.dumps(dict(one.details), ensure_ascii=False) for one in facilities],
        privates=privates,
    )
    expect_rows(touched, len(facilities))


class HouseholdStore:
    """Households by number and by id."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def load(self, tx: Tx, numbers: Collection[str]) -> dict[str, Household]:
        """Households by number, locked in key order."""
        by_hash = {self._vault.household_hash(number): number for number in numbers}
        rows = await tx.fetch(_LOAD_HOUSEHOLDS, hashes=list(by_hash))
        return {
            by_hash[row.no_hash]: Household(row.household_id, by_hash[row.no_hash], row.head_person_id, row.version)
            for row in rows
        }

    async def save(self, tx: Tx, households: Sequence[Household]) -> None:
        """Insert or replace. Raises Conflict where somebody else was first."""
        touched = await tx.execute(
            _SAVE_HOUSEHOLDS,
            ids=[one.household_id for one in households],
            versions=[one.version for one in households],
            hashes=[self._vault.household_hash(one.number) for one in households],
            heads=[one.head_person_id for one in households],
        )
        expect_rows(touched, len(households))
