"""Values packed as PostgreSQL's binary COPY takes them, for bulk paths on which most of a row is the same as in the last.

A packed value is its length and its bytes, so parts of rows are plain bytes that can be kept and put together:
`row(columns) + text("…") + bigint(5) + …`, in the order of the columns; `Tx.copy_packed` writes them.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_BIGINT = struct.Struct(">iq").pack


def row(columns: int) -> bytes:
    """The beginning of a row of so many columns."""
    return columns.to_bytes(2, "big")


def text(value: str) -> bytes:
    """A `text`."""
    raw = value.encode()
    return len(raw).to_bytes(4, "big") + raw


def bigint(value: int) -> bytes:
    """A `bigint`."""
    return _BIGINT(8, value)


def boolean(value: bool) -> bytes:  # noqa: FBT001  the value itself
    """A `boolean`."""
    return b"\x00\x00\x00\x01\x01" if value else b"\x00\x00\x00\x01\x00"


def timestamptz(value: datetime) -> bytes:
    """A `timestamptz`, exact to the microsecond; the moment needs its zone."""
    return _BIGINT(8, (value - _EPOCH) // timedelta(microseconds=1))
