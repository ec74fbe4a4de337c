"""The due-table: which plans have something to do at which midnight."""

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


async def next_due(tx: Tx) -> datetime | None:
    """The earliest moment at which a plan has something to do."""
    (row,) = await tx.fetch("SELECT min(next_due) AS moment FROM plans")
    moment: datetime | None = row.moment
    return moment


async def due_plans(tx: Tx, until: datetime, at_most: int) -> Sequence[tuple[str, datetime]]:
    """People whose plans are due at the earliest due moment up to `until`, all of that one moment."""
    rows = await tx.fetch(_DUE, until=until, at_most=at_most)
    return [(row.person_id, row.next_due) for row in rows]
