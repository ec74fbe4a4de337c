"""The due-table: which plans have something to do at which midnight, and by which rules they were last looked at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from tuoqi.kit.database import Tx

_DUE: Final = """
SELECT person_id, next_due FROM plans
WHERE next_due = (SELECT min(next_due) FROM plans WHERE next_due <= :until)
ORDER BY person_id LIMIT CAST(:at_most AS int)
"""

_SEE: Final = """
INSERT INTO rules_seen (version) VALUES (:version) ON CONFLICT (only_row) DO UPDATE SET version = excluded.version
"""


async def rules_seen(tx: Tx) -> str:
    """The version of the rules by which every plan was looked at; empty before the first look."""
    rows = await tx.fetch("SELECT version FROM rules_seen")
    return str(rows[0].version) if rows else ""


async def see_rules(tx: Tx, version: str) -> None:
    """Every plan has been looked at by these rules."""
    await tx.execute(_SEE, version=version)


async def people_after(tx: Tx, person_id: str, at_most: int) -> Sequence[str]:
    """People with a visit file, in order of their ids."""
    rows = await tx.fetch(
        "SELECT person_id FROM plans WHERE person_id > :after ORDER BY person_id LIMIT CAST(:at_most AS int)",
        after=person_id,
        at_most=at_most,
    )
    return [row.person_id for row in rows]


async def next_due(tx: Tx) -> datetime | None:
    """The earliest moment at which a plan has something to do."""
    (row,) = await tx.fetch("SELECT min(next_due) AS moment FROM plans")
    moment: datetime | None = row.moment
    return moment


async def due_plans(tx: Tx, until: datetime, at_most: int) -> Sequence[tuple[str, datetime]]:
    """People whose plans are due at the earliest due moment up to `until`, all of that one moment."""
    rows = await tx.fetch(_DUE, until=until, at_most=at_most)
    return [(row.person_id, row.next_due) for row in rows]
