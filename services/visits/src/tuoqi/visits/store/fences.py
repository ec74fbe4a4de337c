"""Fences of the registry that have arrived: where one has, all facts before it have."""

from __future__ import annotations

from datetime import datetime

from tuoqi.kit.database import Tx


async def fenced_places(tx: Tx, fence_id: str) -> set[tuple[str, int]]:
    """The places (topic, partition) of a fence that have been applied."""
    rows = await tx.fetch("SELECT topic, partition FROM fences WHERE fence_id = :fence_id", fence_id=fence_id)
    return {(row.topic, row.partition) for row in rows}


async def forget_fences(tx: Tx, before: datetime) -> None:
    """Fences of older cut-offs, also those of other services, are of no use any more."""
    await tx.execute("DELETE FROM fences WHERE cutoff < :before", before=before)
