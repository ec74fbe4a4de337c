"""Kafka into the pipelines, by FastStream's batch subscribers.

Three things are done here because the framework's defaults lose messages (each has a test): the parser takes any record,
since FastStream's own raises on a null header and the record is then passed over; a batch is committed only after the
pipeline has committed it (NACK_ON_ERROR rewinds otherwise); and reading begins at the earliest offset.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage
from faststream.security import SASLScram256

from tuoqi.kit import metrics
from tuoqi.kit.clock import system_seconds
from tuoqi.kit.database import blames_infrastructure
from tuoqi.kit.kafka import KafkaAddress
from tuoqi.kit.logs import get_logger
from tuoqi.kit.pipeline import Pipeline, Stopped

POLL_MS = 1_000
FETCH_WAIT_MS = 5_000
"""How long the broker holds an empty answer back: new records are answered at once, an idle platform stays idle."""
BACKOFF_MAX_S = 5.0
STALL_S = 30.0
"""Messages wait and nothing was even tried for so long: the client hangs; leave, and be started again."""
WATCH_S = 5.0
logger = get_logger(room="consumer")


class PatientConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka is untyped
    """Waits for records instead of returning none: FastStream would sleep after an empty answer, and add that to latency."""

    async def getmany(self, *partitions: Any, timeout_ms: int = 0, max_records: int | None = None) -> Any:
        """The next records; returns only with some."""
        while True:
            records = await super().getmany(*partitions, timeout_ms=timeout_ms, max_records=max_records)
            if records:
                return records


class Offsets:
    """Asks the broker how far partitions reach, over a connection of its own.

    On a reader's own connection the question would wait behind its long poll, up to `FETCH_WAIT_MS`.
    """

    def __init__(self, kafka: KafkaAddress) -> None:
        self._options = kafka.client_options()
        self._client: AIOKafkaConsumer | None = None
        self._one_at_a_time = asyncio.Lock()

    async def ends(self, partitions: Sequence[Any]) -> dict[Any, int]:
        """The offset that the next record of each partition will have. Raises KafkaError, OSError, TimeoutError."""
        return dict(await (await self._asking()).end_offsets(partitions))

    async def starts(self, partitions: Sequence[Any]) -> dict[Any, int]:
        """The offset of the oldest record that each partition still holds. Raises as `ends`."""
        return dict(await (await self._asking()).beginning_offsets(partitions))

    async def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            await self._client.stop()

    async def _asking(self) -> Any:
        async with self._one_at_a_time:
            if self._client is None:
                client = AIOKafkaConsumer(**self._options)
                await client.start()
                self._client = client
        return self._client


class Consumer:
    """One subscription's reader: hands batches to its pipeline, keeps account of how far it is."""

    def __init__(self, pipeline: Pipeline, offsets: Offsets) -> None:
        self.pipeline = pipeline
        self._offsets = offsets
        self.stopped_reason = ""
        self._positions: dict[Any, int] = {}
        self._backoff_s = 0.1
        self._last_try = system_seconds()
        self._subscriber: Any = None

    @property
    def name(self) -> str:
        """The subscription's name."""
        return self.pipeline.subscription.consumer

    def subscribe(self, broker: KafkaBroker, batch_records: int) -> None:
        """Declare the subscriber; FastStream starts it with the broker."""
        self._subscriber = broker.subscriber(
            *(topic.name for topic in self.pipeline.subscription.topics),
            group_id=self.name,
            batch=True,
            max_records=batch_records,
            batch_timeout_ms=POLL_MS,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.NACK_ON_ERROR,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=4 * 1024 * 1024,
            session_timeout_ms=10_000,
            parser=_tolerant_parser,
            decoder=_no_decoder,
        )
        self._subscriber(self._handle)

    async def _handle(self, records: Sequence[Any]) -> None:
        try:
            await self.pipeline.process(records)
        except Stopped as stop:
            self._note_stop(str(stop))
            await self._wait_a_little()
            raise
        except Exception as fault:
            # The framework rewinds without a word, so it is said here; a fault of our own is told with its traceback.
            ours = not blames_infrastructure(fault)
            logger.warning("trying again", consumer=self.name, fault=type(fault).__name__, exc_info=ours)
            await self._wait_a_little()
            raise
        finally:
            self._last_try = system_seconds()
        self._backoff_s = 0.1
        self.stopped_reason = ""
        for record in records:
            self._positions[record.topic, record.partition] = record.offset + 1

    def _note_stop(self, reason: str) -> None:
        if not self.stopped_reason:
            logger.error("consumer stopped", consumer=self.name, reason=reason)
        self.stopped_reason = reason

    async def _wait_a_little(self) -> None:
        # The rewound batch is polled again after this, so the group keeps its member while we wait.
        await asyncio.sleep(self._backoff_s)
        self._backoff_s = min(self._backoff_s * 2, BACKOFF_MAX_S)

    async def lag(self) -> int | None:
        """Events not yet applied, asked of the broker; None while partitions are not yet assigned."""
        client = self._subscriber.consumer if self._subscriber else None
        if client is None or not client.assignment():
            return None
        partitions = sorted(client.assignment())
        positions = self._positions
        try:
            ends = await self._offsets.ends(partitions)
            unseen = [p for p in partitions if (p.topic, p.partition) not in positions]
            starts = await self._offsets.starts(unseen) if unseen else {}
            for p in unseen:
                positions[p.topic, p.partition] = max(await client.committed(p) or 0, starts[p])
        except (KafkaError, OSError, TimeoutError):
            return None
        return sum(max(0, end - positions[p.topic, p.partition]) for p, end in ends.items())

    async def watch(self) -> None:
        """Measure the lag; leave the process where messages wait and nothing has been tried for long."""
        while True:
            await asyncio.sleep(WATCH_S)
            waiting = await self.lag()
            metrics.CONSUMER_LAG.labels(self.name).set(waiting or 0)
            if waiting and system_seconds() - self._last_try > STALL_S:
                logger.critical("no progress, leaving to be started again", consumer=self.name, waiting=waiting)
                os._exit(70)
            if not waiting:
                self._last_try = system_seconds()


def make_broker(kafka: KafkaAddress, client_id: str) -> KafkaBroker:
    """The one place where a broker client is chosen and configured."""
    security = SASLScram256(kafka.user, kafka.password, use_ssl=False) if kafka.user else None
    broker = KafkaBroker(
        kafka.servers.split(","),
        client_id=client_id,
        security=security,
        apply_types=False,
        allow_auto_create_topics=False,
        logger=None,
    )
    config = broker.config.broker_config
    plain: Any = config.builder  # a partial of aiokafka's consumer with all connection options
    config.builder = partial(PatientConsumer, *plain.args, **plain.keywords)
    return broker


async def _tolerant_parser(records: tuple[Any, ...], original: Any) -> KafkaAckableMessage:
    """Any records as one FastStream message. Nothing in a record can make this raise."""
    first, last = records[0], records[-1]
    return KafkaAckableMessage(
        body=b"",
        headers={},
        content_type=None,
        message_id=f"{first.topic}-{first.partition}-{first.offset}-{last.offset}",
        correlation_id="",
        raw_message=records,
        consumer=original.__self__._consumer,  # noqa: SLF001
    )


async def _no_decoder(message: KafkaAckableMessage) -> Any:
    """The pipeline decodes, and never raises."""
    return message.raw_message
