"""Where people live and facilities lie, as the registry tells it; written by projections, read here."""

from __future__ import annotations

from dataclasses import dataclass

from tuoqi.kit.database import Tx


@dataclass(frozen=True, slots=True)
class Known:
    """A person as alerts knows him: the main file's id where two were merged, and where he lives."""

    person_id: str
    region: str


async def known_person(tx: Tx, person_id: str) -> Known | None:
    """The person of this file; None where the registry has told of none."""
    rows = await tx.fetch(
        "SELECT coalesce(m.person_id, p.person_id) AS person_id, coalesce(m.region, p.region) AS region FROM people p"
        " LEFT JOIN people m ON p.merged_into <> '' AND m.person_id = p.merged_into WHERE p.person_id = :person_id",
        person_id=person_id,
    )
    return Known(rows[0].person_id, rows[0].region) if rows else None


async def facility_region(tx: Tx, code: str) -> str:
    """Where a facility lies; empty where the registry has told of none."""
    rows = await tx.fetch("SELECT region FROM facilities WHERE code = :code", code=code)
    return rows[0].region if rows else ""
