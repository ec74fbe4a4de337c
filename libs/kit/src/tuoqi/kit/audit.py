"""The append-only record of deciding and revealing acts: who, why, what, and how it ended.

Rows are only ever added. An act leaves two: `begun` before it runs, and its outcome after it, so that an act that was
cut off in between shows by its missing end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from tuoqi.kit.database import Database, Tx


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row of the audit. It names what was acted on by ids, never by private data."""

    at: datetime
    """Business time."""
    actor: str
    purpose: str
    method: str
    subject: str
    """What the act was about, like `cycle_id=…`."""
    request_hash: str
    """Keyed hash of the first request's bytes."""
    outcome: str
    """`begun`, `ok`, `cancelled`, or the slug of the refusal."""
    correlation_id: str


AuditWriter = Callable[[AuditEntry], Awaitable[None]]
"""Writes an entry durably before it returns; raises where it cannot."""

_INSERT = """
INSERT INTO audit (at, actor, purpose, method, subject, request_hash, outcome, correlation_id)
VALUES (:at, :actor, :purpose, :method, :subject, :request_hash, :outcome, :correlation_id)
"""


async def record(tx: Tx, entry: AuditEntry) -> None:
    """Add an entry in a transaction that is open; it stands or falls with it."""
    await tx.execute(_INSERT, **asdict(entry))


def audit_writer(database: Database) -> AuditWriter:
    """A writer that gives each entry a transaction of its own, so that it stays whatever becomes of the act."""

    async def write(entry: AuditEntry) -> None:
        async with database.begin() as tx:
            await record(tx, entry)

    return write
