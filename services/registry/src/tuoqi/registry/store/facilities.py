"""SQL about facilities, their agreements and mergers. Past versions stay readable."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import expect_rows
from tuoqi.registry.domain.facility import Agreement, Facility
from tuoqi.registry.store.accounts import FACILITY_SUBJECT
from tuoqi.registry.store.seals import FACILITY, KeyRing

_SAVE = """
WITH kept AS (
    INSERT INTO facility_history (code, version, name, kind, region, details, private, closed_on, merged_into,
                                  building_use, known_at, superseded_at)
    SELECT code, version, name, kind, region, details, private, closed_on, merged_into, building_use, known_at,
           :known_at
    FROM facilities WHERE code = ANY(CAST(:codes AS text[]))
)
INSERT INTO facilities (code, version, name, kind, region, details, private, closed_on, merged_into, building_use,
                        known_at)
SELECT t.*, :known_at
FROM unnest(CAST(:codes AS text[]), CAST(:versions AS bigint[]), CAST(:names AS text[]), CAST(:kinds AS text[]),
            CAST(:regions AS text[]), CAST(:details AS text[]), CAST(:privates AS bytea[]), CAST(:closed AS date[]),
            CAST(:merged AS text[]), CAST(:uses AS text[])) AS t
ON CONFLICT (code) DO UPDATE
SET version = EXCLUDED.version, name = EXCLUDED.name, kind = EXCLUDED.kind, region = EXCLUDED.region,
    details = EXCLUDED.details, private = EXCLUDED.private, closed_on = EXCLUDED.closed_on,
    merged_into = EXCLUDED.merged_into, building_use = EXCLUDED.building_use, known_at = EXCLUDED.known_at
WHERE facilities.version < EXCLUDED.version
"""
_LIST = """
SELECT code, version, name, kind, region, details, closed_on, merged_into, building_use, known_at FROM facilities
WHERE code > :after AND region LIKE ANY(CAST(:regions AS text[])) AND region LIKE :below
  AND (:kind = '' OR kind = :kind) AND code = coalesce(nullif(:code, ''), code)
ORDER BY code LIMIT :page
"""
_HISTORY = """
SELECT code, version, name, kind, region, details, closed_on, merged_into, building_use, known_at, superseded_at
FROM facility_history WHERE code = :code ORDER BY version
"""
_OCCUPIED = """
SELECT s.facility_code, count(DISTINCT coalesce(p.merged_into, s.person_id)) AS people
FROM stays s JOIN persons p USING (person_id)
WHERE s.facility_code = ANY(CAST(:codes AS text[])) AND s.began_on <= :day
  AND (s.ended_on IS NULL OR s.ended_on >= :day) AND (p.died_on IS NULL OR p.died_on >= :day)
GROUP BY s.facility_code
"""
_SAVE_AGREEMENT = """
WITH kept AS (
    INSERT INTO facility_agreement_history (agreement_id, facility_code, kind, partner, valid_from, valid_to,
                                            known_at, superseded_at)
    SELECT agreement_id, facility_code, kind, partner, valid_from, valid_to, known_at, :known_at
    FROM facility_agreements WHERE agreement_id = :id
)
INSERT INTO facility_agreements (agreement_id, facility_code, kind, partner, valid_from, valid_to, known_at)
VALUES (:id, :facility, :kind, :partner, :valid_from, :valid_to, :known_at)
ON CONFLICT (agreement_id) DO UPDATE SET valid_to = EXCLUDED.valid_to, known_at = EXCLUDED.known_at
"""


@dataclass(frozen=True, slots=True)
class PastVersion:
    """A facility as it was known once."""

    facility: Facility
    superseded_at: datetime


async def load_facilities(tx: Tx, codes: Collection[str], ring: KeyRing) -> dict[str, Facility]:
    """Facilities by code, locked in key order."""
    rows = await tx.fetch(
        "SELECT * FROM facilities WHERE code = ANY(CAST(:codes AS text[])) ORDER BY code FOR UPDATE",
        codes=sorted(codes),
    )
    await ring.open(tx, [f"{FACILITY_SUBJECT}{row.code}" for row in rows])
    return {
        row.code: _facility(row, ring.unseal(f"{FACILITY_SUBJECT}{row.code}", FACILITY, row.private)) for row in rows
    }


async def save_facilities(tx: Tx, facilities: Sequence[Facility], known_at: datetime, ring: KeyRing) -> None:
    """Insert or replace, known from this moment on. Raises Conflict where somebody else wrote one of them first."""
    privates = [ring.seal(f"{FACILITY_SUBJECT}{one.code}", FACILITY, one.private) for one in facilities]
    await ring.save(tx)
    touched = await tx.execute(
        _SAVE,
        known_at=known_at,
        codes=[one.code for one in facilities],
        versions=[one.version for one in facilities],
        names=[one.name for one in facilities],
        kinds=[one.kind for one in facilities],
        regions=[one.region for one in facilities],
        details=[json.dumps(dict(one.details), ensure_ascii=False) for one in facilities],
        privates=privates,
        closed=[one.closed_on for one in facilities],
        merged=[one.merged_into or None for one in facilities],
        uses=[one.building_use for one in facilities],
    )
    expect_rows(touched, len(facilities))


async def list_facilities(
    tx: Tx, *, regions: Collection[str], below: str, kind: str, code: str, after: str, page: int
) -> list[Facility]:
    """Facilities by code without their accounts: those in the regions of whoever asks, of one kind, or one alone."""
    rows = await tx.fetch(
        _LIST, regions=[f"{one}%" for one in regions], below=f"{below}%", kind=kind, code=code, after=after, page=page
    )
    return [_facility(row, {}) for row in rows]


async def past_versions(tx: Tx, code: str) -> list[PastVersion]:
    """What was known of a facility before, the oldest first, without accounts."""
    return [PastVersion(_facility(row, {}), row.superseded_at) for row in await tx.fetch(_HISTORY, code=code)]


async def count_occupied(tx: Tx, codes: Collection[str], day: date) -> dict[str, int]:
    """How many people live in each facility on a day; one where nobody does is left out."""
    rows = await tx.fetch(_OCCUPIED, codes=sorted(codes), day=day)
    return {row.facility_code: row.people for row in rows}


async def load_agreements(tx: Tx, codes: Collection[str]) -> Mapping[str, list[Agreement]]:
    """The agreements of each facility, by first day."""
    rows = await tx.fetch(
        "SELECT * FROM facility_agreements WHERE facility_code = ANY(CAST(:codes AS text[]))"
        " ORDER BY facility_code, valid_from, agreement_id",
        codes=sorted(codes),
    )
    found: defaultdict[str, list[Agreement]] = defaultdict(list)
    for row in rows:
        one = Agreement(
            row.agreement_id, row.facility_code, row.kind, row.partner, row.valid_from, row.valid_to, row.known_at
        )
        found[row.facility_code].append(one)
    return found


async def save_agreement(tx: Tx, agreement: Agreement, known_at: datetime) -> None:
    """Insert or replace one agreement; the facility's row is locked."""
    await tx.execute(
        _SAVE_AGREEMENT,
        id=agreement.agreement_id,
        facility=agreement.facility,
        kind=agreement.kind,
        partner=agreement.partner,
        valid_from=agreement.valid_from,
        valid_to=agreement.valid_to,
        known_at=known_at,
    )


def _facility(row: Any, private: Mapping[str, str]) -> Facility:
    return Facility(
        row.code,
        row.name,
        row.kind,
        row.region,
        json.loads(row.details),
        private,
        row.version,
        row.closed_on,
        row.merged_into or "",
        row.building_use,
        row.known_at,
    )
