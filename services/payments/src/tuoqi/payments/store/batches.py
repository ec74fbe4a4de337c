"""Batches of other systems: state by id, found again by the client's own key."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Change, expect_rows
from tuoqi.payments.domain.grants import Batch, BatchState

_COLUMNS: tuple[tuple[str, str], ...] = (
    ("batch_id", "text"),
    ("batch_no", "bigint"),
    ("client", "text"),
    ("idempotency_key", "text"),
    ("body_hash", "bytea"),
    ("answer", "bytea"),
    ("state", "text"),
    ("version", "bigint"),
    ("accepted", "int"),
    ("duplicates", "int"),
    ("rejected", "int"),
    ("voided", "int"),
    ("amount_fen", "bigint"),
    ("policy_version", "text"),
    ("submitted_at", "timestamptz"),
    ("released_by", "text"),
    ("released_at", "timestamptz"),
)
_NAMES = ", ".join(name for name, _ in _COLUMNS)
_ARRAYS = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _COLUMNS)
# Two submissions of one key meet here: the second one writes nothing, begins again and finds the first.
_INSERT = f"INSERT INTO disbursement_batches ({_NAMES}) SELECT * FROM unnest({_ARRAYS}) ON CONFLICT DO NOTHING"
_CHANGING = ("state", "version", "voided", "released_by", "released_at")
_UPDATE = f"""
UPDATE disbursement_batches b SET {", ".join(f"{name} = t.{name}" for name in _CHANGING)}
FROM unnest({_ARRAYS}, CAST(:loaded AS bigint[])) AS t({_NAMES}, loaded)
WHERE b.batch_id = t.batch_id AND b.version = t.loaded
"""
_BY_KEY = """
SELECT nextval('disbursement_batch_no') AS next_no, b.batch_id, b.body_hash, b.answer
FROM (VALUES (1)) AS one LEFT JOIN disbursement_batches b ON b.client = :client AND b.idempotency_key = :key
"""


class BatchStore:
    """Batches by id, as the kit's commands load and save them."""

    async def load(self, tx: Tx, keys: Collection[str]) -> dict[str, Batch]:
        """Those that exist, locked in key order."""
        rows = await tx.fetch(
            "SELECT * FROM disbursement_batches WHERE batch_id = ANY(CAST(:keys AS text[]))"
            " ORDER BY batch_id FOR UPDATE",
            keys=list(keys),
        )
        return {row.batch_id: _batch(row) for row in rows}

    async def save(self, tx: Tx, changes: Sequence[Change[Batch]]) -> None:
        """New ones are inserted, others updated where their version is still the loaded one."""
        new = [change for change in changes if change.loaded_version is None]
        old = [change for change in changes if change.loaded_version is not None]
        if new:
            expect_rows(await tx.execute(_INSERT, **_arrays(new)), len(new))
        if old:
            loaded = [change.loaded_version for change in old]
            expect_rows(await tx.execute(_UPDATE, **_arrays(old), loaded=loaded), len(old))


def _arrays(changes: Sequence[Change[Batch]]) -> dict[str, list[Any]]:
    states = [change.state for change in changes]
    return {name: [str(one.state) if name == "state" else getattr(one, name) for one in states] for name, _ in _COLUMNS}


def _batch(row: Any) -> Batch:
    values = {name: getattr(row, name) for name, _ in _COLUMNS}
    return Batch(**{**values, "state": BatchState(row.state)})


async def find_by_key(tx: Tx, client: str, key: str) -> tuple[int, tuple[bytes, bytes] | None]:
    """A number for a new batch, and hash and answer of the batch that has this key already."""
    (row,) = await tx.fetch(_BY_KEY, client=client, key=key)
    return row.next_no, None if row.batch_id is None else (row.body_hash, row.answer)


async def find_batch(tx: Tx, named: str, client: str) -> Batch | None:
    """By id, or by a client's own key; only this client's where one is given."""
    rows = await tx.fetch(
        "SELECT * FROM disbursement_batches WHERE (batch_id = :named OR (client = :client AND idempotency_key = :named))"
        " AND (CAST(:client AS text) = '' OR client = :client) LIMIT 1",
        named=named,
        client=client,
    )
    return _batch(rows[0]) if rows else None


async def page_of_batches(
    tx: Tx, *, client: str, state: str, before: tuple[datetime, int] | None, size: int
) -> list[Batch]:
    """A run of batches, newest first, before the given place."""
    rows = await tx.fetch(
        "SELECT * FROM disbursement_batches WHERE (CAST(:client AS text) = '' OR client = :client)"
        " AND (CAST(:state AS text) = '' OR state = :state)"
        " AND (CAST(:at AS timestamptz) IS NULL OR (submitted_at, batch_no) < (:at, CAST(:no AS bigint)))"
        " ORDER BY submitted_at DESC, batch_no DESC LIMIT CAST(:size AS int)",
        client=client,
        state=state,
        at=before[0] if before else None,
        no=before[1] if before else 0,
        size=size,
    )
    return [_batch(row) for row in rows]
