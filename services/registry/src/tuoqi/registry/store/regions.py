"""SQL about regions: their rows, what they were called before, and what became of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import expect_rows
from tuoqi.registry.domain.region import Geography, PastForm, Region, Succession
from tuoqi.registry.domain.region_change import Changed

_SAVE_REGIONS = """
INSERT INTO regions (code, version, name, parent, kind, valid_from, valid_to)
SELECT * FROM unnest(CAST(:codes AS text[]), CAST(:versions AS bigint[]), CAST(:names AS text[]),
                     CAST(:parents AS text[]), CAST(:kinds AS text[]), CAST(:froms AS date[]), CAST(:tos AS date[]))
ON CONFLICT (code) DO UPDATE
SET version = EXCLUDED.version, name = EXCLUDED.name, parent = EXCLUDED.parent, kind = EXCLUDED.kind,
    valid_from = EXCLUDED.valid_from, valid_to = EXCLUDED.valid_to
WHERE regions.version < EXCLUDED.version
"""
_ADD_CHANGE = """
INSERT INTO region_changes (change_id, kind, old_codes, new_codes, effective_on, document_no, changed_by, known_at)
VALUES (:change_id, :kind, CAST(:old AS text[]), CAST(:new AS text[]), :day, :document_no, :by, :known_at)
"""
_ADD_SUCCESSIONS = """
INSERT INTO region_mappings (old_code, new_code, effective_on, change_id)
SELECT old, new, day, :change_id
FROM unnest(CAST(:olds AS text[]), CAST(:news AS text[]), CAST(:days AS date[])) AS t(old, new, day)
"""
_ADD_FORMS = """
INSERT INTO region_past_forms (code, until_day, name, parent, kind, change_id)
SELECT code, day, name, parent, kind, :change_id
FROM unnest(CAST(:codes AS text[]), CAST(:days AS date[]), CAST(:names AS text[]), CAST(:parents AS text[]),
            CAST(:kinds AS text[])) AS t(code, day, name, parent, kind)
"""
_LIST_CHANGES = """
SELECT * FROM region_changes
WHERE (:code = '' OR :code = ANY(old_codes) OR :code = ANY(new_codes))
  AND (CAST(:day AS date) IS NULL OR (effective_on, change_id) < (CAST(:day AS date), :change_id))
ORDER BY effective_on DESC, change_id DESC LIMIT :page
"""
_PERSON_REGIONS = """
SELECT known_at, residence_region, hukou FROM person_history WHERE person_id = :person_id
UNION ALL SELECT known_at, residence_region, hukou FROM persons WHERE person_id = :person_id
ORDER BY known_at
"""


async def region_codes(tx: Tx) -> set[str]:
    """The codes of all regions that were ever loaded: some hundreds."""
    return {row.code for row in await tx.fetch("SELECT code FROM regions")}


async def load_regions(tx: Tx, codes: Collection[str]) -> dict[str, Region]:
    """Regions by code, locked in key order."""
    rows = await tx.fetch(
        "SELECT * FROM regions WHERE code = ANY(CAST(:codes AS text[])) ORDER BY code FOR UPDATE", codes=sorted(codes)
    )
    return {row.code: _region(row) for row in rows}


async def load_geography(tx: Tx, *, lock: bool = False) -> Geography:
    """All regions with their past; with `lock` their rows are locked in key order, for a change."""
    regions = await tx.fetch(f"SELECT * FROM regions ORDER BY code{' FOR UPDATE' if lock else ''}")
    forms = await tx.fetch("SELECT * FROM region_past_forms")
    successions = await tx.fetch("SELECT * FROM region_mappings")
    return Geography(
        [_region(row) for row in regions],
        [PastForm(row.code, row.until_day, row.name, row.parent, row.kind) for row in forms],
        [Succession(row.old_code, row.new_code, row.effective_on) for row in successions],
    )


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


async def add_change(
    tx: Tx, change_id: str, changed: Changed, *, known_at: datetime, kind: str, document_no: str, by: str
) -> None:
    """Keep a change for ever: what it was, what became of which code, what was called how before. Regions stand saved."""
    successions = changed.successions
    await tx.execute(
        _ADD_CHANGE,
        change_id=change_id,
        kind=kind,
        old=list(dict.fromkeys(one.old for one in successions)),
        new=list(dict.fromkeys(one.new for one in successions)),
        day=successions[0].on,
        document_no=document_no,
        by=by,
        known_at=known_at,
    )
    await tx.execute(
        _ADD_SUCCESSIONS,
        change_id=change_id,
        olds=[one.old for one in successions],
        news=[one.new for one in successions],
        days=[one.on for one in successions],
    )
    await tx.execute(
        _ADD_FORMS,
        change_id=change_id,
        codes=[one.code for one in changed.forms],
        days=[one.until for one in changed.forms],
        names=[one.name for one in changed.forms],
        parents=[one.parent for one in changed.forms],
        kinds=[one.kind for one in changed.forms],
    )


async def list_changes(tx: Tx, code: str, before: tuple[date, str] | None, page: int) -> Sequence[Any]:
    """Changes of a region, or of all where none is named, the latest first."""
    day, change_id = before or (None, "")
    return await tx.fetch(_LIST_CHANGES, code=code, day=day, change_id=change_id, page=page)


async def person_regions(tx: Tx, person_id: str) -> Sequence[Any]:
    """Every version of a person's regions as it became known, oldest first: known_at, residence_region, hukou (JSON)."""
    return await tx.fetch(_PERSON_REGIONS, person_id=person_id)


def _region(row: Any) -> Region:
    return Region(row.code, row.name, row.parent, row.kind, row.valid_from, row.valid_to, row.version)
