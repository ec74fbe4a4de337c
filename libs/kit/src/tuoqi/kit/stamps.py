"""Moments on the wire: Timestamps in UTC there, datetimes with a zone here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload

from google.protobuf.timestamp_pb2 import Timestamp


@overload
def stamp_of(moment: datetime) -> Timestamp: ...
@overload
def stamp_of(moment: datetime | None) -> Timestamp | None: ...
def stamp_of(moment: datetime | None) -> Timestamp | None:
    """The moment as messages carry it; None stays None, which leaves a field unset."""
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment.astimezone(UTC))
    return stamp


def moment_of(stamp: Timestamp) -> datetime:
    """The moment of a message, in UTC."""
    return stamp.ToDatetime(tzinfo=UTC)
