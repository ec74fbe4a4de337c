"""SQL about mergers of facilities: who was moved by which, so that one can be taken back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tuoqi.kit.database import Tx

_ADD = """
INSERT INTO facility_mergers (merger_id, from_code, into_code, merged_on, made_at, made_by, from_version, into_version,
                              moved)
VALUES (:merger_id, :from_code, :into_code, :merged_on, :made_at, :made_by, :from_version, :into_version, :moved)
"""


@dataclass(frozen=True, slots=True)
class Move:
    """What a merger did to one stay."""

    person_id: str
    closed_stay: str
    ended_before: date | None
    """The last day of that stay before the merger."""
    opened_stay: str
    """Empty where none was needed: the person was dead, or lived in the other house already."""


@dataclass(frozen=True, slots=True)
class Merger:
    """One facility merged into another."""

    merger_id: str
    from_code: str
    into_code: str
    merged_on: date
    """The first day in the new facility."""
    made_at: datetime
    made_by: str
    from_version: int
    into_version: int
    """The facilities' versions right after it."""
    moves: tuple[Move, ...]
    undone_at: datetime | None = None

    @property
    def residents(self) -> int:
        """How many people were moved."""
        return len({one.person_id for one in self.moves if one.opened_stay})


async def add_merger(tx: Tx, merger: Merger) -> None:
    """Keep a merger; the facilities' rows are locked."""
    moved = [
        [one.person_id, one.closed_stay, one.ended_before.isoformat() if one.ended_before else "", one.opened_stay]
        for one in merger.moves
    ]
    await tx.execute(
        _ADD,
        merger_id=merger.merger_id,
        from_code=merger.from_code,
        into_code=merger.into_code,
        merged_on=merger.merged_on,
        made_at=merger.made_at,
        made_by=merger.made_by,
        from_version=merger.from_version,
        into_version=merger.into_version,
        moved=json.dumps(moved),
    )


async def standing_merger(tx: Tx, from_code: str) -> Merger | None:
    """The merger by which a facility closed, None where it is open."""
    rows = await tx.fetch(
        "SELECT * FROM facility_mergers WHERE from_code = :code AND undone_at IS NULL", code=from_code
    )
    return _merger(rows[0]) if rows else None


async def mergers_of(tx: Tx, code: str) -> Sequence[Merger]:
    """The mergers in which a facility lost or got residents, the latest first."""
    rows = await tx.fetch(
        "SELECT * FROM facility_mergers WHERE from_code = :code OR into_code = :code ORDER BY made_at DESC, merger_id",
        code=code,
    )
    return [_merger(row) for row in rows]


async def undo_merger(tx: Tx, merger_id: str, *, at: datetime, by: str) -> None:
    """Note that a merger was taken back; the facilities' rows are locked."""
    await tx.execute(
        "UPDATE facility_mergers SET undone_at = :at, undone_by = :by WHERE merger_id = :id", at=at, by=by, id=merger_id
    )


def _merger(row: Any) -> Merger:
    return Merger(
        row.merger_id,
        row.from_code,
        row.into_code,
        row.merged_on,
        row.made_at,
        row.made_by,
        row.from_version,
        row.into_version,
        tuple(
            Move(person_id, closed, date.fromisoformat(ended) if ended else None, opened)
            for person_id, closed, ended, opened in json.loads(row.moved)
        ),
        row.undone_at,
    )
