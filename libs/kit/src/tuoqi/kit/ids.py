"""Ids are derived, not drawn: whatever runs again makes the same ids.

An id has the shape of a UUIDv7 (time first, so that indexes stay warm), its random part being a keyed hash of the cause:
the hash of a file and its row, the idempotency key of a command, or the `ce_id` of the event that caused it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache, partial

IdMaker = Callable[[datetime, str, int], str]
"""(business time, cause, ordinal) → id."""


def id_maker(key: bytes) -> IdMaker:
    """The id function of one platform. Its key keeps strangers from computing ids out of known causes."""
    return partial(_new_id, key)


@lru_cache(maxsize=4_096)
def _millis(at: datetime) -> str:
    # Many ids are made at one moment, and turning a moment with a zone into a number is slow.
    return f"{int(at.timestamp() * 1000):012x}"


def _new_id(key: bytes, at: datetime, cause: str, ordinal: int) -> str:
    digest = hashlib.blake2b(f"{ordinal}|{cause}".encode(), key=key, digest_size=10).hexdigest()
    millis = _millis(at)
    variant = "89ab"[int(digest[3], 16) & 3]
    return f"{millis[:8]}-{millis[8:]}-7{digest[:3]}-{variant}{digest[4:7]}-{digest[7:19]}"
