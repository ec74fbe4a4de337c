"""The inbox: which events a consumer has applied. Unique on (consumer, ce_id), it lives as long as the outbox."""

from __future__ import annotations

from collections.abc import Sequence

from tuoqi.kit.database import Tx

# A message is in exactly one of inbox, dead letters, parked: what lies in the other two is not taken again here.
_RECORD = """
WITH fresh AS (INSERT INTO inbox (consumer, ce_id)
SELECT :consumer, t.ce_id
FROM unnest(CAST(:ids AS text[])) AS t(ce_id)
WHERE NOT EXISTS (SELECT FROM dead_letters d WHERE d.consumer = :consumer AND d.identity = t.ce_id)
  AND NOT EXISTS (SELECT FROM parked p WHERE p.consumer = :consumer AND p.ce_id = t.ce_id)
ON CONFLICT DO NOTHING
RETURNING ce_id)
SELECT array_agg(ce_id) AS ids FROM fresh
"""


async def record(tx: Tx, consumer: str, ids: Sequence[str]) -> set[str]:
    """Record ids as applied; the ones that were new. A second consumer of the same ids waits here for the first."""
    (row,) = await tx.fetch(_RECORD, consumer=consumer, ids=list(ids))
    return set(row.ids or ())


async def force(tx: Tx, consumer: str, ce_id: str) -> bool:
    """Record one id whose dead letter is being driven again; False where it was applied after all."""
    inserted = await tx.execute(
        "INSERT INTO inbox (consumer, ce_id) VALUES (:consumer, :ce_id) ON CONFLICT DO NOTHING",
        consumer=consumer,
        ce_id=ce_id,
    )
    return inserted == 1


async def forget(tx: Tx, consumer: str, ids: Sequence[str]) -> None:
    """Take ids back within the transaction that recorded them: they were rejected or parked instead."""
    if ids:
        await tx.execute(
            "DELETE FROM inbox WHERE consumer = :consumer AND ce_id = ANY(CAST(:ids AS text[]))",
            consumer=consumer,
            ids=list(ids),
        )
