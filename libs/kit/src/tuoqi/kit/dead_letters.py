"""Messages that could not be applied, and those that wait behind them. Nothing here is ever deleted unread.

A dead letter is unique on (consumer, identity): its `ce_id`, or where it has none its place in Kafka. Where order decides
about money, a dead letter parks the later messages of its key until it is applied or dismissed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from time import time
from types import SimpleNamespace
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.wire import Incoming

NEITHER_PARK_NOR_COUNT = frozenset({"wire.unknown_type"})
"""A type that this build does not know belongs to a later version of the contract; its key goes on."""


@dataclass(frozen=True, slots=True)
class Burial:
    """A message on its way to the dead letters."""

    incoming: Incoming
    reason: str
    detail: str
    parks: bool


_BURY = """
INSERT INTO dead_letters (consumer, identity, ce_id, ce_type, topic, partition, "offset", key, headers, value, reason,
                          detail, parks)
SELECT :consumer, t.*
FROM unnest(
    CAST(:identities AS text[]), CAST(:ce_ids AS text[]), CAST(:types AS text[]), CAST(:topics AS text[]),
    CAST(:partitions AS int[]), CAST(:offsets AS bigint[]), CAST(:keys AS text[]), CAST(:headers AS text[]),
    CAST(:values AS bytea[]), CAST(:reasons AS text[]), CAST(:details AS text[]), CAST(:parks AS bool[])
) AS t
ON CONFLICT (consumer, identity) DO NOTHING
"""

_PARK = """
INSERT INTO parked (consumer, ce_id, key, topic, partition, "offset", headers, value)
SELECT :consumer, t.*
FROM unnest(
    CAST(:ce_ids AS text[]), CAST(:keys AS text[]), CAST(:topics AS text[]), CAST(:partitions AS int[]),
    CAST(:offsets AS bigint[]), CAST(:headers AS text[]), CAST(:values AS bytea[])
) AS t(ce_id, key, topic, partition, "offset", headers, value)
WHERE NOT EXISTS (SELECT FROM inbox i WHERE i.consumer = :consumer AND i.ce_id = t.ce_id)
ON CONFLICT (consumer, ce_id) DO NOTHING
"""


async def bury(tx: Tx, consumer: str, burials: Sequence[Burial]) -> None:
    """Write dead letters; one that lies there already stays as it is."""
    if not burials:
        return
    records = [burial.incoming.record for burial in burials]
    await tx.execute(
        _BURY,
        consumer=consumer,
        identities=[b.incoming.identity for b in burials],
        ce_ids=[b.incoming.ce_id for b in burials],
        types=[b.incoming.ce_type for b in burials],
        topics=[r.topic for r in records],
        partitions=[r.partition for r in records],
        offsets=[r.offset for r in records],
        keys=[b.incoming.key for b in burials],
        headers=[_headers_text(r) for r in records],
        values=[r.value for r in records],
        reasons=[b.reason for b in burials],
        details=[b.detail for b in burials],
        parks=[b.parks for b in burials],
    )


async def park(tx: Tx, consumer: str, waiting: Sequence[Incoming]) -> None:
    """Write messages that wait behind a dead letter of their key."""
    if not waiting:
        return
    await tx.execute(
        _PARK,
        consumer=consumer,
        ce_ids=[m.ce_id for m in waiting],
        keys=[m.key for m in waiting],
        topics=[m.record.topic for m in waiting],
        partitions=[m.record.partition for m in waiting],
        offsets=[m.record.offset for m in waiting],
        headers=[_headers_text(m.record) for m in waiting],
        values=[m.record.value for m in waiting],
    )


async def blocked_keys(tx: Tx, consumer: str, keys: Collection[str]) -> set[str]:
    """The keys, of those given, that wait behind an open dead letter."""
    rows = await tx.fetch(
        "SELECT DISTINCT key FROM dead_letters WHERE consumer = :consumer AND state = 'open' AND parks"
        " AND key = ANY(CAST(:keys AS text[]))",
        consumer=consumer,
        keys=sorted(keys),
    )
    return {row.key for row in rows}


async def lock(tx: Tx, letter_id: int) -> Any:
    """One open dead letter, locked; None where there is no such open one."""
    rows = await tx.fetch("SELECT * FROM dead_letters WHERE id = :id AND state = 'open' FOR UPDATE", id=letter_id)
    return rows[0] if rows else None


async def end(tx: Tx, letter_id: int, state: str, *, by: str, why: str) -> None:
    """End a dead letter as `applied` or `dismissed`."""
    await tx.execute(
        "UPDATE dead_letters SET state = :state, ended_at = now(), ended_by = :by, ended_why = :why WHERE id = :id",
        id=letter_id,
        state=state,
        by=by,
        why=why,
    )


async def parked_of(tx: Tx, consumer: str, key: str) -> Sequence[Any]:
    """What waits behind a key, in order of arrival."""
    return await tx.fetch(
        "SELECT * FROM parked WHERE consumer = :consumer AND key = :key ORDER BY id", consumer=consumer, key=key
    )


async def unpark(tx: Tx, parked_id: int) -> None:
    """Take one message out of the waiting ones."""
    await tx.execute("DELETE FROM parked WHERE id = :id", id=parked_id)


async def join_batches(tx: Tx, consumer: str) -> None:
    """A batch of a parking subscription runs beside others, never beside a repair."""
    await tx.fetch("SELECT pg_advisory_xact_lock_shared(hashtextextended(:consumer, 1))", consumer=consumer)


async def lock_out_batches(tx: Tx, consumer: str) -> None:
    """A repair waits for the running batch and keeps the next one waiting."""
    await tx.fetch("SELECT pg_advisory_xact_lock(hashtextextended(:consumer, 1))", consumer=consumer)


def as_record(row: Any) -> Any:
    """A dead or parked row as the Kafka record that it was."""
    headers = [(name, None if value is None else bytes.fromhex(value)) for name, value in json.loads(row.headers)]
    return SimpleNamespace(
        topic=row.topic,
        partition=row.partition,
        offset=row.offset,
        key=row.key.encode() or None,
        value=row.value,
        headers=headers,
        timestamp=int(time() * 1000),
    )


def _headers_text(record: Any) -> str:
    # Hex, since a header may hold any bytes; kept so that driving it again sees just what arrived.
    return json.dumps([(name, None if value is None else value.hex()) for name, value in record.headers])
