"""An event on the wire: the bare protobuf message as value, CloudEvents attributes as headers.

Decoding never raises: whatever is wrong with a record becomes a reason, and the record a dead letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import protovalidate
from google.protobuf.message import DecodeError, Message

from tuoqi.contracts.topics import Topic, known_types

CONTENT_TYPE = b"application/protobuf"
NEVER = datetime.min.replace(tzinfo=UTC)
MAX_TEXT = 512
"""No header is longer in what we send; what strangers send is cut to this in reports."""


class Record(Protocol):
    """What a Kafka client hands over; aiokafka's ConsumerRecord fits."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


@dataclass(slots=True)
class Incoming:
    """A record of a topic, decoded as far as it can be. `problem` empty means that `message` is there and valid."""

    record: Any
    key: str
    ce_id: str = ""
    ce_type: str = ""
    at: datetime = NEVER
    """The event's own time, by the business clock of its sender."""
    version: int = 0
    traceparent: str = ""
    correlation_id: str = ""
    message: Message | None = None
    problem: str = ""
    """The slug of what is wrong."""
    detail: str = ""

    @property
    def position(self) -> str:
        """Where it stands in Kafka: for people and for records that have no id."""
        return f"{self.record.topic}-{self.record.partition}-{self.record.offset}"

    @property
    def identity(self) -> str:
        """What tells this message from others: its id, or where it stands if it has none."""
        return self.ce_id or self.position


class Decoder:
    """Turns records into messages, for the topics of one subscription."""

    def __init__(self, topics: Sequence[Topic]) -> None:
        self._types = {topic.name: topic.types for topic in topics}
        self._validator = protovalidate.Validator()

    def decode(self, record: Record) -> Incoming:
        """The record as far as it can be understood. Never raises."""
        incoming = Incoming(record=record, key=_text(record.key))
        headers = _headers(record, incoming)
        if headers is None:
            return incoming
        incoming.ce_id = headers.get("ce_id", "")
        incoming.ce_type = headers.get("ce_type", "")
        incoming.traceparent = headers.get("traceparent", "")
        incoming.correlation_id = headers.get("correlation_id", "")
        if not incoming.ce_id or len(incoming.ce_id) > MAX_TEXT:
            incoming.ce_id = ""
            return _problem(incoming, "wire.no_id", "the record has no usable ce_id")
        if not incoming.ce_type:
            return _problem(incoming, "wire.no_type", "the record has no ce_type")
        try:
            incoming.at = datetime.fromisoformat(headers["ce_time"])
            incoming.version = int(headers.get("ce_aggregateversion", "0"))
        except (KeyError, ValueError) as error:
            return _problem(incoming, "wire.bad_attribute", f"ce_time or ce_aggregateversion: {error}")
        return self._decode_value(record, incoming)

    def _decode_value(self, record: Record, incoming: Incoming) -> Incoming:
        if incoming.at.tzinfo is None:
            return _problem(incoming, "wire.bad_attribute", "ce_time has no zone")
        message_type = self._types.get(record.topic, {}).get(incoming.ce_type)
        if message_type is None:
            slug = "wire.foreign_type" if incoming.ce_type in known_types() else "wire.unknown_type"
            return _problem(incoming, slug, f"{incoming.ce_type[:MAX_TEXT]} is no type of this topic")
        if record.value is None:
            return _problem(incoming, "wire.no_value", "null on a topic that keeps no state")
        try:
            message = message_type.FromString(record.value)
            self._validator.validate(message)
        except DecodeError:
            return _problem(incoming, "wire.undecodable", f"not a {incoming.ce_type}")
        except protovalidate.ValidationError as error:
            paths = ", ".join(sorted({_path(violation) for violation in error.violations}))
            return _problem(incoming, "wire.invalid", paths[:MAX_TEXT])
        incoming.message = message
        return incoming


def _headers(record: Record, incoming: Incoming) -> dict[str, str] | None:
    try:
        # All values at once: one decoding instead of eleven. A value with a null character in it falls out of step.
        values = b"\0".join([value for _, value in record.headers]).decode().split("\0")  # type: ignore[misc]  # as below
        if len(values) == len(record.headers):
            return dict(zip([name for name, _ in record.headers], values, strict=True))
        return {name: value.decode() for name, value in record.headers}  # type: ignore[union-attr]  # null is caught below
    except (AttributeError, TypeError):
        _problem(incoming, "wire.bad_header", "a header is null")
    except UnicodeDecodeError:
        _problem(incoming, "wire.bad_header", "a header is not UTF-8")
    # The id may still be readable; with it, a second delivery is known again.
    for name, value in record.headers:
        if name == "ce_id" and value is not None:
            incoming.ce_id = value.decode(errors="replace").replace("\x00", "")[:MAX_TEXT]
    return None


def _problem(incoming: Incoming, slug: str, detail: str) -> Incoming:
    incoming.problem = slug
    incoming.detail = detail.replace("\x00", "")
    incoming.ce_id = incoming.ce_id.replace("\x00", "")
    incoming.ce_type = incoming.ce_type.replace("\x00", "")[:MAX_TEXT]
    return incoming


def _path(violation: Any) -> str:
    return ".".join(element.field_name for element in violation.proto.field.elements) or "message"


def _text(raw: bytes | None) -> str:
    return raw.decode(errors="replace").replace("\x00", "")[:MAX_TEXT] if raw else ""


def headers_of(row: Mapping[str, Any], source: bytes) -> list[tuple[str, bytes]]:
    """The headers of an outbox row, always UTF-8 text. PostgreSQL's text holds no null character."""
    texts = (
        row["ce_id"],
        row["ce_type"],
        row["key"],
        row["ce_time"].isoformat(),
        str(row["aggregate_version"]),
        row["causation_id"],
        row["traceparent"],
        row["correlation_id"],
    )
    ce_id, kind, key, time, version, cause, traceparent, correlation = "\0".join(texts).encode().split(b"\0")
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", ce_id),
        ("ce_source", source),
        ("ce_type", kind),
        ("ce_subject", key),
        ("ce_time", time),
        ("ce_aggregateversion", version),
        ("ce_causationid", cause),
        ("content-type", CONTENT_TYPE),
        ("traceparent", traceparent),
        ("correlation_id", correlation),
    ]
