"""The lock between writers and fences, and the register of fences.

A writer holds the lock shared from its first statement to its commit; a fence takes it alone. So whatever was written
before a fence stands before it, and the moment at which a writer reads the clock lies on the right side of it.
"""

from __future__ import annotations

from datetime import datetime

from tuoqi.kit.database import Tx

_LOCK = 0x7475_6F71_6901
"""Any number that nothing else in this database locks."""


async def begin_writing(tx: Tx) -> None:
    """Hold off fences until this transaction ends; waits for one that is being raised. The first statement, always."""
    await tx.fetch("SELECT pg_advisory_xact_lock_shared(CAST(:lock AS bigint))", lock=_LOCK)


async def begin_fence(tx: Tx) -> None:
    """Wait for all writers and hold off new ones until this transaction ends. The first statement, always."""
    await tx.fetch("SELECT pg_advisory_xact_lock(CAST(:lock AS bigint))", lock=_LOCK)


async def next_fence_number(tx: Tx) -> int:
    """The number of the next fence; `begin_fence` was called."""
    (row,) = await tx.fetch("SELECT coalesce(max(number), 0) + 1 AS number FROM fences")
    return int(row.number)


async def add_fence(tx: Tx, *, number: int, fence_id: str, cutoff: datetime, raised_at: datetime) -> None:
    """Note a fence."""
    await tx.execute(
        "INSERT INTO fences (number, fence_id, cutoff, raised_at) VALUES (:number, :fence_id, :cutoff, :raised_at)",
        number=number,
        fence_id=fence_id,
        cutoff=cutoff,
        raised_at=raised_at,
    )
