"""Records as a Kafka client hands them over, good and bad."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from google.protobuf.message import Message

from tuoqi.contracts.topics import topics

_offsets = itertools.count()


@dataclass
class FakeRecord:
    """The fields of aiokafka's ConsumerRecord that the kit reads."""

    topic: str
    value: bytes | None
    key: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    partition: int = 0
    offset: int = field(default_factory=lambda: next(_offsets))
    timestamp: int = field(default_factory=lambda: int(time.time() * 1000))


def record_of(message: Message, *, ce_id: str, key: str, at: datetime, version: int = 1, topic: str = "") -> FakeRecord:
    """A good record of a message."""
    full_name = message.DESCRIPTOR.full_name
    name = topic or next(entry.name for entry in topics().values() if full_name in entry.types)
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", ce_id.encode()),
        ("ce_source", b"tuoqi.test"),
        ("ce_type", full_name.encode()),
        ("ce_subject", key.encode()),
        ("ce_time", at.isoformat().encode()),
        ("ce_aggregateversion", str(version).encode()),
        ("ce_causationid", b"test"),
        ("content-type", b"application/protobuf"),
        ("traceparent", b""),
        ("correlation_id", b"test"),
    ]
    return FakeRecord(topic=name, value=message.SerializeToString(), key=key.encode(), headers=headers)


def without_header(record: FakeRecord, name: str) -> FakeRecord:
    """The same record less one header."""
    return with_headers(record, [pair for pair in record.headers if pair[0] != name])


def with_header(record: FakeRecord, name: str, value: bytes | None) -> FakeRecord:
    """The same record with one header replaced or added."""
    return with_headers(record, [*(pair for pair in record.headers if pair[0] != name), (name, value)])


def with_headers(record: FakeRecord, headers: Sequence[tuple[str, bytes | None]]) -> FakeRecord:
    """The same record at a place of its own, with these headers."""
    return FakeRecord(record.topic, record.value, record.key, headers, record.partition)


def with_value(record: FakeRecord, value: bytes | None) -> FakeRecord:
    """The same record at a place of its own, with this value."""
    return FakeRecord(record.topic, value, record.key, record.headers, record.partition)
