"""The ten poisons: records that no consumer can apply, made from a good one."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from itertools import count
from typing import Any

from google.protobuf.message import DecodeError

from tuoqi.contracts.topics import MAX_VALUE_BYTES, topic
from tuoqi.kit.testing.records import FakeRecord, with_header, with_value, without_header

_numbers = count(1)
UNKNOWN = "wire.unknown_type"


def good_one(records: Sequence[Any], topic_name: str) -> FakeRecord:
    """A record of this topic that was read from Kafka, as a model; empty values would be too easy to cut."""
    model = next(record for record in records if record.topic == topic_name and len(record.value or b"") > 20)
    return FakeRecord(model.topic, model.value, model.key, list(model.headers))


def renamed(record: FakeRecord, *, key: str = "") -> FakeRecord:
    """The same record under an id of its own and another key."""
    fresh = with_header(record, "ce_id", f"poison-{next(_numbers)}".encode())
    fresh.key = (key or str(uuid.uuid4())).encode()
    return fresh


def truncated(record: FakeRecord) -> bytes:
    """The value without its end, cut where it no longer can be read."""
    kind = topic(record.topic).types[dict(record.headers)["ce_type"].decode()]  # type: ignore[union-attr]  # a good one
    value = record.value or b""
    for length in range(len(value) - 1, 0, -1):
        try:
            kind.FromString(value[:length])
        except DecodeError:
            return value[:length]
    raise AssertionError("every beginning of it can be read")


def ten(good: FakeRecord, *, key: str = "") -> list[tuple[str, FakeRecord]]:
    """Each poison with the reason under which it must lie in the dead letters; keys are strangers' unless given."""

    def one() -> FakeRecord:
        keyed = renamed(good, key=key)
        keyed.offset = -1
        return keyed

    def keep_key(record: FakeRecord, model: FakeRecord) -> FakeRecord:
        record.key = model.key
        return record

    base = [one() for _ in range(10)]
    made = [
        ("wire.bad_header", with_header(base[0], "ce_source", None)),
        ("wire.bad_header", with_header(base[1], "ce_source", b"\xff\xfe")),
        ("wire.no_id", without_header(base[2], "ce_id")),
        ("wire.no_type", without_header(base[3], "ce_type")),
        (UNKNOWN, with_header(base[4], "ce_type", b"tuoqi.visits.v9.Unheard")),
        ("wire.no_value", with_value(base[5], None)),
        ("wire.undecodable", with_value(base[6], truncated(good))),
        ("wire.undecodable", with_value(base[7], b"\xff\x00\x9a\x07" * 8)),
        ("wire.invalid", with_value(base[8], b"")),
        ("wire.undecodable", with_value(base[9], b"\xff" * MAX_VALUE_BYTES)),
    ]
    return [(reason, keep_key(record, model)) for (reason, record), model in zip(made, base, strict=True)]
