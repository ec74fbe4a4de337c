"""Rows of attachments, and the seal of their bytes. What was erased stays as a row."""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tuoqi.kit.crypto import SealError
from tuoqi.kit.database import Tx

COMING, HERE, DELETED, SWEPT = "COMING", "HERE", "DELETED", "SWEPT"
_NONCE_BYTES: Final = 12
_FORMAT: Final = b"\x01"

_ADD: Final = """
INSERT INTO attachments (attachment_id, visit_id, person_id, region, kind, media_type, sha256, size, consent_by,
                         consented_at, state, object_name, put_by, put_at, sweep_at)
VALUES (:attachment_id, :visit_id, :person_id, :region, :kind, :media_type, :sha256, :size, :consent_by,
        :consented_at, :state, :object_name, :put_by, :put_at, :sweep_at)
ON CONFLICT (attachment_id) DO UPDATE
SET state = excluded.state, size = excluded.size, consent_by = excluded.consent_by,
    consented_at = excluded.consented_at, put_by = excluded.put_by, put_at = excluded.put_at,
    sweep_at = excluded.sweep_at, object_gone = false
WHERE attachments.state IN ('COMING', 'SWEPT')
"""


class AttachmentRow(NamedTuple):
    """One attachment as it stands."""

    attachment_id: str
    visit_id: str
    person_id: str
    region: str
    kind: str
    media_type: str
    sha256: str
    size: int
    consent_by: str
    consented_at: datetime | None
    state: str
    object_name: str
    put_by: str
    put_at: datetime
    deleted_by: str = ""
    deleted_at: datetime | None = None


_NAMES: Final = ", ".join(AttachmentRow._fields)


class AttachmentSeal:
    """Seals bytes for one person and one attachment, and names objects so that a name tells nothing."""

    def __init__(self, key: bytes) -> None:
        # Derived as the notes' key is: visits holds no master key, and one key must not serve two purposes.
        self._key = hmac.digest(key, b"visits.attachments", "sha256")
        self._names = hmac.digest(key, b"visits.objects", "sha256")

    def seal(self, person_id: str, attachment_id: str, content: bytes) -> bytes:
        """AES-256-GCM with a fresh nonce; opens only for this person and attachment."""
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + nonce + self._aead(person_id).encrypt(nonce, content, attachment_id.encode())

    def open(self, person_id: str, attachment_id: str, sealed: bytes) -> bytes:
        """The bytes. Raises SealError where they are another's or were changed."""
        if sealed[:1] != _FORMAT:
            raise SealError("not a sealed object of this format")
        try:
            nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
            return self._aead(person_id).decrypt(nonce, body, attachment_id.encode())
        except (InvalidTag, ValueError):
            raise SealError("it is another's, or was changed") from None

    def object_name(self, attachment_id: str) -> str:
        """Says neither whose it is nor what."""
        name = hmac.digest(self._names, attachment_id.encode(), "sha256").hex()
        return f"{name[:2]}/{name[2:]}"

    def _aead(self, person_id: str) -> AESGCM:
        return AESGCM(hmac.digest(self._key, person_id.encode(), "sha256"))


def attachment_id_of(visit_id: str, kind: str, sha256: str) -> str:
    """The same for the same record, kind and bytes."""
    return str(uuid5(UUID(visit_id), f"{kind}:{sha256}"))


async def add_attachment(tx: Tx, row: AttachmentRow, sweep_at: datetime) -> None:
    """Note one that is coming; one that is here or was erased stays as it is."""
    values = row._asdict()
    del values["deleted_by"], values["deleted_at"]
    await tx.execute(_ADD, **values, sweep_at=sweep_at)


async def arrived(tx: Tx, attachment_id: str) -> bool:
    """Its bytes are kept; False where it was erased meanwhile."""
    done = await tx.execute(
        "UPDATE attachments SET state = 'HERE' WHERE attachment_id = :id AND state IN ('COMING', 'HERE')",
        id=attachment_id,
    )
    return done == 1


async def attachment(tx: Tx, attachment_id: str) -> AttachmentRow | None:
    """One by its id."""
    rows = await tx.fetch(f"SELECT {_NAMES} FROM attachments WHERE attachment_id = :id", id=attachment_id)
    return AttachmentRow._make(rows[0]) if rows else None


async def attachments_of(tx: Tx, visit_id: str, person_id: str) -> list[AttachmentRow]:
    """Those of a record, in the order in which they came."""
    rows = await tx.fetch(
        f"SELECT {_NAMES} FROM attachments WHERE visit_id = :visit AND person_id = :person"
        " ORDER BY put_at, attachment_id",
        visit=visit_id,
        person=person_id,
    )
    return [AttachmentRow._make(row) for row in rows]


async def erase(tx: Tx, attachment_id: str, *, by: str, at: datetime, because: bytes) -> bool:
    """Leave the tombstone; False where it stands already."""
    done = await tx.execute(
        "UPDATE attachments SET state = 'DELETED', deleted_by = :by, deleted_at = :at, deleted_because = :because,"
        " sweep_at = :at WHERE attachment_id = :id AND state <> 'DELETED'",
        id=attachment_id,
        by=by,
        at=at,
        because=because,
    )
    return done == 1


async def object_gone(tx: Tx, attachment_id: str) -> None:
    """Its bytes are no more; what had no record is swept."""
    await tx.execute(
        "UPDATE attachments SET object_gone = true, sweep_at = NULL,"
        " state = CASE WHEN state = 'DELETED' THEN state ELSE 'SWEPT' END WHERE attachment_id = :id",
        id=attachment_id,
    )


async def next_sweep(tx: Tx) -> datetime | None:
    """When the next one must be looked at."""
    rows = await tx.fetch("SELECT min(sweep_at) AS due FROM attachments WHERE sweep_at IS NOT NULL")
    due: datetime | None = rows[0].due
    return due


async def keep_those_with_records(tx: Tx, until: datetime) -> int:
    """Those due whose record is here, and whose bytes are, need no more looking at."""
    return await tx.execute(
        "UPDATE attachments a SET sweep_at = NULL FROM visit_records r WHERE a.sweep_at <= :until AND a.state = 'HERE'"
        " AND r.visit_id = a.visit_id AND r.person_id = a.person_id",
        until=until,
    )


async def due_to_go(tx: Tx, until: datetime, limit: int) -> Sequence[Any]:
    """Id and object of those due, the earliest first."""
    return await tx.fetch(
        "SELECT attachment_id, object_name FROM attachments WHERE sweep_at <= :until"
        " ORDER BY sweep_at, attachment_id LIMIT CAST(:limit AS int)",
        until=until,
        limit=limit,
    )


async def look_later(tx: Tx, until: datetime, at: datetime) -> None:
    """The store is away: look again."""
    await tx.execute("UPDATE attachments SET sweep_at = :at WHERE sweep_at <= :until", until=until, at=at)
