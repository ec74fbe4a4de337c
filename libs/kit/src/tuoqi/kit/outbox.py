"""The outbox: the log of record. Rows are only ever added; Kafka's ack removes a row from `unsent`, never from here.

`seq` is drawn while the aggregate's row is locked, so that for one aggregate it rises as its version does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tuoqi.kit.context import Emission
from tuoqi.kit.database import Tx

BULK = 500
"""From this many rows on, COPY beats arrays."""

_INSERT = """
WITH numbered AS (
    SELECT nextval('outbox_seq') AS seq, t.*
    FROM unnest(
        CAST(:ce_ids AS text[]), CAST(:topics AS text[]), CAST(:keys AS text[]), CAST(:partitions AS int[]),
        CAST(:types AS text[]), CAST(:versions AS bigint[]), CAST(:causes AS text[]), CAST(:times AS timestamptz[]),
        CAST(:traceparents AS text[]), CAST(:correlations AS text[]), CAST(:values AS bytea[])
    ) AS t(ce_id, topic, key, partition, ce_type, aggregate_version, causation_id, ce_time, traceparent,
           correlation_id, value)
), kept AS (
    INSERT INTO outbox (seq, ce_id, topic, key, partition, ce_type, aggregate_version, causation_id, ce_time,
                        traceparent, correlation_id, value)
    SELECT * FROM numbered
    RETURNING seq, recorded_at
)
INSERT INTO unsent (seq, recorded_at) SELECT seq, recorded_at FROM kept
"""

_COLUMNS = (
    "seq",
    "ce_id",
    "topic",
    "key",
    "partition",
    "ce_type",
    "aggregate_version",
    "causation_id",
    "ce_time",
    "traceparent",
    "correlation_id",
    "value",
    "recorded_at",
)


async def write(tx: Tx, emissions: Sequence[Emission]) -> None:
    """Put events into the outbox, in order, in the transaction of the state that they tell of."""
    if not emissions:
        return
    if len(emissions) >= BULK:
        await _copy(tx, emissions)
        return
    await tx.execute(
        _INSERT,
        ce_ids=[e.ce_id for e in emissions],
        topics=[e.topic for e in emissions],
        keys=[e.key for e in emissions],
        partitions=[e.partition for e in emissions],
        types=[e.message.DESCRIPTOR.full_name for e in emissions],
        versions=[e.version for e in emissions],
        causes=[e.causation_id for e in emissions],
        times=[e.at for e in emissions],
        traceparents=[e.traceparent for e in emissions],
        correlations=[e.correlation_id for e in emissions],
        values=[e.message.SerializeToString() for e in emissions],
    )


async def _copy(tx: Tx, emissions: Sequence[Emission]) -> None:
    (reserved,) = await tx.fetch(
        "SELECT array_agg(nextval('outbox_seq')) AS seqs, now() AS at FROM generate_series(1, CAST(:n AS int))",
        n=len(emissions),
    )
    recorded_at = reserved.at
    rows: list[tuple[Any, ...]] = [
        (
            seq,
            e.ce_id,
            e.topic,
            e.key,
            e.partition,
            e.message.DESCRIPTOR.full_name,
            e.version,
            e.causation_id,
            e.at,
            e.traceparent,
            e.correlation_id,
            e.message.SerializeToString(),
            recorded_at,
        )
        for seq, e in zip(reserved.seqs, emissions, strict=True)
    ]
    await tx.copy("outbox", _COLUMNS, rows)
    await tx.copy("unsent", ("seq", "recorded_at"), ((seq, recorded_at) for seq in reserved.seqs))


async def pending(tx: Tx) -> tuple[int, float]:
    """How many events wait for Kafka's ack, and the age of the oldest in seconds."""
    (row,) = await tx.fetch(
        "SELECT count(*) AS waiting, coalesce(extract(epoch FROM now() - min(recorded_at)), 0) AS age FROM unsent"
    )
    return row.waiting, float(row.age)
