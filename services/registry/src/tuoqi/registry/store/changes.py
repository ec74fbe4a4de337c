"""SQL about change requests and their rows. Everything that a person wrote or saw is sealed under the request's key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import expect_rows
from tuoqi.registry.domain.change import Change, ChangeRow
from tuoqi.registry.store.seals import KeyRing

CHANGE_SUBJECT: Final = "change:"
"""The subject of a request's key is this and its id."""
REQUEST: Final = "change_requests.private"
ROW: Final = "change_rows.private"

_COLUMNS: Final = (
    "change_id", "revision", "version", "kind", "state", "columns", "regions", "made_by", "made_at", "needs_checker",
    "checked_by", "checked_at", "undoes", "rows_total", "rows_done", "rows_changed", "rows_unchanged", "rows_skipped",
    "private",
)  # fmt: skip
_STEPPED: Final = (
    "change_id", "revision", "version", "state", "needs_checker", "checked_by", "checked_at", "rows_done",
    "rows_changed", "rows_unchanged", "rows_skipped", "private",
)  # fmt: skip
_INSERT = f"""
INSERT INTO change_requests ({", ".join(_COLUMNS)})
VALUES ({", ".join(f":{column}" for column in _COLUMNS)})
ON CONFLICT DO NOTHING
"""
_UPDATE = """
UPDATE change_requests
SET revision = :revision, version = :version, state = :state, checked_by = :checked_by, checked_at = :checked_at,
    rows_done = :rows_done, rows_changed = :rows_changed, rows_unchanged = :rows_unchanged,
    rows_skipped = :rows_skipped, needs_checker = :needs_checker, private = :private
WHERE change_id = :change_id AND revision = :revision - 1
"""
# A request is seen by whoever may act in all of its regions.
_LIST = """
SELECT * FROM change_requests c
WHERE (:state = '' OR state = :state) AND (:kind = '' OR kind = :kind) AND (:made_by = '' OR made_by = :made_by)
  AND (CAST(:before_at AS timestamptz) IS NULL
       OR (made_at, change_id) < (CAST(:before_at AS timestamptz), :before_id))
  AND NOT EXISTS (SELECT FROM unnest(c.regions) AS region
                  WHERE NOT (region ^@ ANY(CAST(:prefixes AS text[]))))
ORDER BY made_at DESC, change_id DESC LIMIT :size
"""
_ROWS = """
SELECT * FROM change_rows
WHERE change_id = :change_id AND number > :after AND (:state = '' OR state = :state) ORDER BY number LIMIT :size
"""
_UPDATE_ROWS = """
UPDATE change_rows r
SET person_id = t.person_id, person_version = t.person_version, status_version = t.status_version, state = t.state,
    private = t.private
FROM unnest(CAST(:numbers AS bigint[]), CAST(:persons AS text[]), CAST(:versions AS bigint[]),
            CAST(:statuses AS bigint[]), CAST(:states AS text[]), CAST(:privates AS bytea[]))
    AS t(number, person_id, person_version, status_version, state, private)
WHERE r.change_id = :change_id AND r.number = t.number
"""
# Somebody who is merged into another is left out: his facts are the other's.
_SELECT = """
SELECT person_id FROM persons p
WHERE merged_into IS NULL AND person_id > :after
  AND (:region = '' OR coalesce(nullif(residence_region, ''), hukou::jsonb -> -1 ->> 0) ^@ :region)
  AND (CAST(:ids AS text[]) IS NULL OR person_id = ANY(CAST(:ids AS text[])))
  AND (:category = '' OR EXISTS (SELECT FROM person_statuses s
                                 WHERE s.person_id = p.person_id AND s.category = :category))
ORDER BY person_id LIMIT :size
"""


@dataclass(frozen=True, slots=True)
class Page:
    """Which requests, and where the last page ended."""

    state: str = ""
    kind: str = ""
    made_by: str = ""
    before: tuple[datetime, str] | None = None
    size: int = 100


@asynccontextmanager
async def looking(tx: Tx) -> AsyncIterator[None]:
    """What is written within is taken back at its end; locks stay."""
    await tx.execute("SAVEPOINT looking")
    yield
    await tx.execute("ROLLBACK TO SAVEPOINT looking")


async def add_change(tx: Tx, change: Change, rows: Sequence[ChangeRow], ring: KeyRing) -> bool:
    """Insert a request with its rows; False where the very same one is there already."""
    private = _seal(change, ring)
    sealed = [_row_values(change.change_id, row, ring) for row in rows]
    await ring.save(tx)
    if not await tx.execute(_INSERT, **_values(change, private)):
        return False
    columns = ("change_id", "number", "person_id", "person_version", "status_version", "state", "private")
    await tx.copy("change_rows", columns, sealed)
    return True


async def save_change(tx: Tx, change: Change, ring: KeyRing) -> None:
    """Write a request after a step, its revision raised by one. Raises Conflict where somebody took a step first."""
    values = _values(change, _seal(change, ring))
    expect_rows(await tx.execute(_UPDATE, **{name: values[name] for name in _STEPPED}), 1)


async def load_change(tx: Tx, change_id: str, ring: KeyRing, *, lock: bool) -> Change | None:
    """One request; with `lock` its row is locked."""
    rows = await tx.fetch(
        "SELECT * FROM change_requests WHERE change_id = :change_id" + (" FOR UPDATE" if lock else ""),
        change_id=change_id,
    )
    await ring.open(tx, [f"{CHANGE_SUBJECT}{row.change_id}" for row in rows])
    return _change(rows[0], ring) if rows else None


async def list_changes(tx: Tx, page: Page, regions: Sequence[str], ring: KeyRing) -> list[Change]:
    """Requests of these regions' prefixes, newest first."""
    before_at, before_id = page.before or (None, "")
    rows = await tx.fetch(
        _LIST,
        state=page.state,
        kind=page.kind,
        made_by=page.made_by,
        before_at=before_at,
        before_id=before_id,
        prefixes=list(regions),
        size=page.size,
    )
    await ring.open(tx, [f"{CHANGE_SUBJECT}{row.change_id}" for row in rows])
    return [_change(row, ring) for row in rows]


async def applying(tx: Tx) -> list[tuple[str, datetime, str]]:
    """Approved requests whose rows are not all in, oldest first: id, when each was approved, and by whom."""
    rows = await tx.fetch(
        "SELECT change_id, checked_at, coalesce(nullif(checked_by, ''), made_by) AS by"
        " FROM change_requests WHERE state = 'APPLYING' ORDER BY checked_at, change_id"
    )
    return [(row.change_id, row.checked_at, row.by) for row in rows]


async def pending_undo(tx: Tx, change_id: str) -> str:
    """The request that takes this one back and was neither refused nor withdrawn; empty for none."""
    rows = await tx.fetch(
        "SELECT change_id FROM change_requests WHERE undoes = :change_id AND state NOT IN ('REFUSED', 'WITHDRAWN')",
        change_id=change_id,
    )
    return rows[0].change_id if rows else ""


async def load_rows(
    tx: Tx, change_id: str, ring: KeyRing, *, after: int = 0, size: int, state: str = ""
) -> list[ChangeRow]:
    """Rows of a request by number, those after `after`. The ring holds the request's key."""
    rows = await tx.fetch(_ROWS, change_id=change_id, after=after, size=size, state=state)
    return [_row(row, ring) for row in rows]


async def save_rows(tx: Tx, change_id: str, rows: Sequence[ChangeRow], ring: KeyRing) -> None:
    """Write rows after a step."""
    values = [_row_values(change_id, row, ring) for row in rows]
    _, numbers, persons, versions, statuses, states, privates = (
        map(list, zip(*values, strict=True)) if values else ([],) * 7
    )
    await tx.execute(
        _UPDATE_ROWS,
        change_id=change_id,
        numbers=numbers,
        persons=persons,
        versions=versions,
        statuses=statuses,
        states=states,
        privates=privates,
    )


async def regions_of(tx: Tx, person_ids: Collection[str]) -> set[str]:
    """The regions in which these people live, or have their hukou."""
    rows = await tx.fetch(
        "SELECT DISTINCT coalesce(nullif(residence_region, ''), hukou::jsonb -> -1 ->> 0) AS region FROM persons"
        " WHERE person_id = ANY(CAST(:ids AS text[]))",
        ids=sorted(person_ids),
    )
    return {row.region for row in rows}


async def select_people(
    tx: Tx, *, region: str, category: str, ids: Collection[str], after: str, size: int
) -> list[str]:
    """Ids of people who fit all that is given, in order, those after `after`; a category they ever were in."""
    rows = await tx.fetch(
        _SELECT, region=region, category=category, ids=sorted(ids) if ids else None, after=after, size=size
    )
    return [row.person_id for row in rows]


def _values(change: Change, private: bytes) -> dict[str, Any]:
    given = {column: getattr(change, column) for column in _COLUMNS if column != "private"}
    return {
        **given,
        "columns": list(change.columns),
        "regions": list(change.regions),
        "undoes": change.undoes or None,
        "private": private,
    }


def _seal(change: Change, ring: KeyRing) -> bytes:
    texts = {"note": change.note, "refused_because": change.refused_because}
    return ring.seal(f"{CHANGE_SUBJECT}{change.change_id}", REQUEST, texts)


def _change(row: Any, ring: KeyRing) -> Change:
    texts = ring.unseal(f"{CHANGE_SUBJECT}{row.change_id}", REQUEST, row.private)
    plain: dict[str, Any] = {column: getattr(row, column) for column in _COLUMNS if column not in ("private", "undoes")}
    plain |= {"columns": tuple(row.columns), "regions": tuple(row.regions)}
    return Change(**plain, undoes=row.undoes or "", note=texts["note"], refused_because=texts["refused_because"])


def _row_values(change_id: str, row: ChangeRow, ring: KeyRing) -> tuple[Any, ...]:
    texts = {
        "cells": dict(row.cells),
        "seen": dict(row.seen),
        "after": dict(row.after),
        "now": dict(row.now),
        "reason": row.reason,
    }
    sealed = ring.seal(f"{CHANGE_SUBJECT}{change_id}", ROW, texts)
    return (change_id, row.number, row.person_id, row.person_version, row.status_version, row.state, sealed)


def _row(row: Any, ring: KeyRing) -> ChangeRow:
    texts: Any = ring.unseal(f"{CHANGE_SUBJECT}{row.change_id}", ROW, row.private)
    return ChangeRow(
        number=row.number,
        person_id=row.person_id,
        cells=texts["cells"],
        seen=texts["seen"],
        state=row.state,
        after=texts["after"],
        now=texts["now"],
        reason=texts["reason"],
        person_version=row.person_version,
        status_version=row.status_version,
    )
