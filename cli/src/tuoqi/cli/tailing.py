"""Follows events on Kafka as they come: every partition of the chosen topics, decoded by the contracts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any

from google.protobuf.message import Message
from kafka import KafkaConsumer, TopicPartition

from tuoqi.contracts.topics import Topic, topics
from tuoqi.kit.errors import TuoqiError, register_errors
from tuoqi.kit.kafka import KafkaAddress
from tuoqi.kit.wire import Decoder, Incoming

POLL_MS = 200
RECORDS_MAX = 500
BEHIND_S_MAX = 30.0
"""How long nothing may come while there is still something to come: a busy machine, a broker that restarts."""

register_errors({"tail.no_topic": ("INVALID_ARGUMENT", "没有主题“{topic}”，可用：{allowed}。")})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events to show; what is empty does not narrow."""

    person: str = ""
    trace: str = ""
    correlation: str = ""

    def takes(self, event: Incoming) -> bool:
        """Whether an event is among them."""
        if self.trace and self.trace not in event.traceparent:
            return False
        if self.correlation and self.correlation != event.correlation_id:
            return False
        return not self.person or event.key == self.person or _names(event.message, self.person)


def _names(message: Message | None, person: str) -> bool:
    """Whether the message, at any depth, has the id as a value."""
    if message is None:
        return False
    for field, value in message.ListFields():
        entries = value if field.is_repeated else (value,)
        for entry in entries:
            if entry == person or (isinstance(entry, Message) and _names(entry, person)):
                return True
    return False


def chosen_topics(named: Sequence[str]) -> list[Topic]:
    """The topics of these names or of their ends, like `payments.cycle`; all where none is named.

    Raises tail.no_topic.
    """
    known = topics()
    found = []
    for name in named:
        matches = [topic for full, topic in known.items() if name in (full, full.removeprefix("tuoqi."), _short(full))]
        if not matches:
            raise TuoqiError("tail.no_topic", topic=name, allowed="、".join(map(_short, known)))
        found += matches
    return found or list(known.values())


def _short(name: str) -> str:
    return name.removeprefix("tuoqi.").rpartition(".v")[0]


def follow(
    address: KafkaAddress, chosen: Sequence[Topic], *, since: datetime | None, until_idle_s: float | None = None
) -> Iterator[Incoming]:
    """Events sent from a moment of the system clock on (None: from now on), within one poll in order of time.

    Ends after so many seconds without any, but not before all that was there at the beginning has come; else never.
    Raises KafkaError.
    """
    consumer: Any = KafkaConsumer(**address.client_options(), enable_auto_commit=False, fetch_max_wait_ms=POLL_MS)
    try:
        partitions = [
            TopicPartition(topic.name, number)
            for topic in chosen
            for number in sorted(consumer.partitions_for_topic(topic.name) or ())
        ]
        consumer.assign(partitions)
        ends: dict[TopicPartition, int] = consumer.end_offsets(partitions)
        for partition, offset in _places(consumer, ends, since).items():
            consumer.seek(partition, offset)
        yield from _poll(consumer, Decoder(chosen), ends, until_idle_s)
    finally:
        consumer.close()


def _places(consumer: Any, ends: dict[TopicPartition, int], since: datetime | None) -> dict[TopicPartition, int]:
    if since is None:
        return ends
    found = consumer.offsets_for_times(dict.fromkeys(ends, max(0, int(since.timestamp() * 1000))))
    return ends | {partition: place.offset for partition, place in found.items() if place is not None}


def _poll(
    consumer: Any, decoder: Decoder, ends: dict[TopicPartition, int], until_idle_s: float | None
) -> Iterator[Incoming]:
    last, patience_s = monotonic(), max(until_idle_s or 0.0, BEHIND_S_MAX)
    while until_idle_s is None or monotonic() - last < patience_s:
        batches = consumer.poll(timeout_ms=POLL_MS, max_records=RECORDS_MAX)
        found = [decoder.decode(record) for records in batches.values() for record in records]
        if found:
            last = monotonic()
            yield from sorted(found, key=_sent_at)
        elif until_idle_s is not None and all(consumer.position(partition) >= end for partition, end in ends.items()):
            patience_s = until_idle_s


def _sent_at(event: Incoming) -> tuple[int, datetime]:
    return event.record.timestamp, event.at
