"""Who came to activities by name: rows are added and ended, never overwritten."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tuoqi.kit.database import Tx

_COLUMNS: Final = {"activity_id": "text", "person_id": "text", "role": "text", "counts": "boolean", "region": "text"}
_ADD: Final = f"""
INSERT INTO attendance ({", ".join(_COLUMNS)}, recorded_by, recorded_at)
SELECT t.*, CAST(:by AS text), CAST(:at AS timestamptz)
FROM unnest({", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _COLUMNS.items())}) AS t
"""
_END: Final = """
UPDATE attendance SET ended_by = :by, ended_at = :at, sealed = t.sealed
FROM unnest(CAST(:activity_ids AS text[]), CAST(:person_ids AS text[]), CAST(:sealed AS bytea[]))
     AS t(activity_id, person_id, sealed)
WHERE attendance.activity_id = t.activity_id AND attendance.person_id = t.person_id AND ended_at IS NULL
"""
_STANDING: Final = """
SELECT a.activity_id, a.person_id, a.role, a.counts
FROM attendance a JOIN unnest(CAST(:activity_ids AS text[]), CAST(:person_ids AS text[])) AS t(activity_id, person_id)
     USING (activity_id, person_id)
WHERE ended_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Presence:
    """One person at one activity."""

    activity_id: str
    person_id: str
    role: str
    counts: bool
    region: str

    @property
    def key(self) -> tuple[str, str]:
        """Nobody is at one activity twice."""
        return self.activity_id, self.person_id


async def standing(tx: Tx, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, bool]]:
    """Role and whether it counts of those who stand on a list, by activity and person."""
    rows = await tx.fetch(_STANDING, activity_ids=[key[0] for key in keys], person_ids=[key[1] for key in keys])
    return {(row.activity_id, row.person_id): (row.role, row.counts) for row in rows}


async def add_presences(tx: Tx, rows: Sequence[Presence], by: str, at: datetime) -> None:
    """Write names that do not stand on the list."""
    if rows:
        ordered = sorted(rows, key=lambda row: row.key)
        columns = {name: [getattr(row, name) for row in ordered] for name in _COLUMNS}
        await tx.execute(_ADD, **columns, by=by, at=at)


async def end_presences(
    tx: Tx, keys: Sequence[tuple[str, str]], sealed: Sequence[bytes | None], by: str, at: datetime
) -> None:
    """Names stand on the list no longer."""
    if keys:
        await tx.execute(
            _END,
            activity_ids=[key[0] for key in keys],
            person_ids=[key[1] for key in keys],
            sealed=list(sealed),
            by=by,
            at=at,
        )


async def list_presences(tx: Tx, activity_id: str, regions: Sequence[str], after: str, page: int) -> Sequence[Any]:
    """Who stands on a list, by person id."""
    return await tx.fetch(
        "SELECT person_id, role, counts, region, recorded_by FROM attendance WHERE activity_id = :activity_id"
        " AND ended_at IS NULL AND region LIKE ANY(CAST(:regions AS text[])) AND person_id > :after"
        " ORDER BY person_id LIMIT CAST(:page AS int)",
        activity_id=activity_id,
        regions=[f"{one}%" for one in regions],
        after=after,
        page=page,
    )
