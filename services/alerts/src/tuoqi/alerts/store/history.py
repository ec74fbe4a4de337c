"""Everything that happened to alerts, who did it and when, with what was written sealed. Rows are only ever added."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import Enum
from typing import Any, Final

from tuoqi.alerts.domain.happenings import Happening
from tuoqi.alerts.domain.parts import Evidence
from tuoqi.kit.crypto import SubjectKey
from tuoqi.kit.database import Tx

PLACE: Final = "alert_history.note"
_APART: Final = frozenset({"alert_id", "at", "by", "note"})
_INSERT: Final = """
INSERT INTO alert_history (alert_id, at, what, by_user, codes, note)
SELECT t.alert_id, t.at, t.what, t.by_user, CAST(t.codes AS jsonb), t.note
FROM unnest(CAST(:ids AS text[]), CAST(:moments AS timestamptz[]), CAST(:whats AS text[]), CAST(:users AS text[]),
            CAST(:codes AS text[]), CAST(:notes AS bytea[])) WITH ORDINALITY
     AS t (alert_id, at, what, by_user, codes, note, place)
ORDER BY t.place
"""


class NoteSeal:
    """Seals what people write about an alert: each book has a key of its own, derived from the service's."""

    def __init__(self, key: bytes) -> None:
        # Derived: alerts holds no master key, and one key must not serve two purposes.
        self._key = hmac.digest(key, b"alerts.notes", "sha256")

    def seal(self, book: str, text: str) -> bytes:
        """The text sealed for this book; empty where there is none."""
        return self._key_of(book).seal(PLACE, text) if text else b""

    def open(self, book: str, sealed: bytes | None) -> str:
        """The text. Raises SealError where it was sealed for another book or changed."""
        return self._key_of(book).unseal(PLACE, bytes(sealed)) if sealed else ""

    def _key_of(self, book: str) -> SubjectKey:
        return SubjectKey(book, hmac.digest(self._key, book.encode(), "sha256"))


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened, as stored; `note` is still sealed."""

    at: datetime
    what: str
    by: str
    codes: dict[str, str]
    evidence: tuple[Evidence, ...]
    note: bytes | None


async def write_history(tx: Tx, happenings: Sequence[Happening]) -> None:
    """Add what happened, in the order in which it is given."""
    if not happenings:
        return
    await tx.execute(
        _INSERT,
        ids=[one.alert_id for one in happenings],
        moments=[one.at for one in happenings],
        whats=[_snake(type(one).__name__) for one in happenings],
        users=[getattr(one, "by", "") for one in happenings],
        codes=[json.dumps(_codes(one), ensure_ascii=False) for one in happenings],
        notes=[getattr(one, "note", b"") or None for one in happenings],
    )


async def history_of(tx: Tx, alert_id: str) -> list[Entry]:
    """Everything that happened to an alert, in order of time."""
    rows = await tx.fetch(
        "SELECT at, what, by_user, CAST(codes AS text) AS codes, note FROM alert_history"
        " WHERE alert_id = :alert_id ORDER BY at, seq",
        alert_id=alert_id,
    )
    return [_entry(row) for row in rows]


def _entry(row: Any) -> Entry:
    codes = json.loads(row.codes)
    evidence = tuple(Evidence(kind, ref) for kind, ref in codes.pop("evidence", []))
    return Entry(row.at, row.what, row.by_user, codes, evidence, row.note)


def _codes(happening: Happening) -> dict[str, Any]:
    """The fields that the rules name by code; empty ones left out."""
    found: dict[str, Any] = {}
    for one in fields(happening):
        value = getattr(happening, one.name)
        if one.name in _APART or not value:
            continue
        if isinstance(value, Enum):
            value = value.name
        elif one.name == "evidence":
            value = [[piece.kind, piece.ref] for piece in value]
        found[one.name] = value
    return found


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
