"""SQL about merged files: who belongs to whom, when a file's rows became known, and the acts of merging."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from tuoqi.kit.database import Tx
from tuoqi.registry.store.seals import MERGE, KeyRing

# Merged files are few: both halves go by partial indexes that hold nobody else.
_GROUPS = """
SELECT f.person_id, f.merged_into FROM persons f WHERE f.merged_into = ANY(CAST(:ids AS text[]))
UNION
SELECT f.person_id, f.merged_into FROM persons k JOIN persons f ON f.merged_into = k.merged_into
WHERE k.merged_into IS NOT NULL AND k.person_id = ANY(CAST(:ids AS text[]))
"""
# A row whose sealed texts alone were mended since is known from when its order of loading was given.
_LEARNT = """
SELECT s.person_id, s.loaded_order,
       coalesce((SELECT min(h.known_at) FROM person_status_history h
                 WHERE h.person_id = s.person_id AND h.interval_id = s.interval_id AND h.loaded_order = s.loaded_order),
                s.known_at) AS known_at
FROM person_statuses s WHERE s.person_id = ANY(CAST(:ids AS text[]))
UNION ALL
SELECT person_id, loaded_order, known_at FROM assessments WHERE person_id = ANY(CAST(:ids AS text[]))
"""


@dataclass(frozen=True, slots=True)
class MergeAct:
    """A merge, or its being taken back."""

    act: str
    """`merged` or `unmerged`."""
    file_id: str
    person_id: str
    at: datetime
    by: str
    although: bool
    reason: str


async def load_groups(tx: Tx, ids: Collection[str]) -> dict[str, str]:
    """File → person, of all merged files whose person, or one of whose files, is among these ids."""
    rows = await tx.fetch(_GROUPS, ids=list(ids))
    return {row.person_id: row.merged_into for row in rows}


async def roots_of(tx: Tx, ids: Collection[str]) -> dict[str, str]:
    """File → person, of those of these ids that are merged files."""
    rows = await tx.fetch(
        "SELECT person_id, merged_into FROM persons"
        " WHERE merged_into IS NOT NULL AND person_id = ANY(CAST(:ids AS text[]))",
        ids=list(ids),
    )
    return {row.person_id: row.merged_into for row in rows}


async def files_of_person(tx: Tx, person_id: str) -> list[str]:
    """The files merged into a person, by id."""
    rows = await tx.fetch("SELECT person_id FROM persons WHERE merged_into = :id ORDER BY person_id", id=person_id)
    return [row.person_id for row in rows]


async def load_learnt(tx: Tx, ids: Collection[str]) -> dict[tuple[str, int], datetime]:
    """By file and loaded order, when the row that has it became known."""
    rows = await tx.fetch(_LEARNT, ids=list(ids))
    return {(row.person_id, row.loaded_order): row.known_at for row in rows}


async def add_act(tx: Tx, act: MergeAct, ring: KeyRing) -> None:
    """Note an act of merging; the ring has the file's key."""
    await tx.execute(
        "INSERT INTO merges (act, file_id, person_id, at, by, although, private)"
        " VALUES (:act, :file_id, :person_id, :at, :by, :although, :private)",
        act=act.act,
        file_id=act.file_id,
        person_id=act.person_id,
        at=act.at,
        by=act.by,
        although=act.although,
        private=ring.seal(act.file_id, MERGE, {"reason": act.reason}),
    )
