"""The relay: takes what is unsent from the outbox to Kafka, in order, and forgets it only after Kafka's ack.

One is active per service (a lock of the database's session), the others wait. It is crash-only: on any fault this
incarnation lets go of its producer and its lock and a new one begins, so that no half-broken producer lives on. What was
sent but not marked is sent again with the same `ce_id`; receivers know it by that.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from asyncpg import InterfaceError, PostgresError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from tuoqi.contracts.topics import MAX_VALUE_BYTES, topic
from tuoqi.kit import failpoints, metrics
from tuoqi.kit.database import Database
from tuoqi.kit.kafka import KafkaAddress
from tuoqi.kit.logs import get_logger
from tuoqi.kit.partition import partition_of
from tuoqi.kit.wire import headers_of

BATCH = 4_000
IDLE_S = 5.0
"""How long it sleeps when nobody wakes it; it is woken in the process after each commit."""
BACKOFF_MAX_S = 5.0
SEND_TIMEOUT_S = 30.0

_READ = (
    "SELECT o.* FROM unsent u JOIN outbox o ON o.seq = u.seq AND o.recorded_at = u.recorded_at ORDER BY u.seq LIMIT $1"
)
_MARK = text("DELETE FROM unsent WHERE seq = ANY(CAST(:seqs AS bigint[]))")
_RANGE = "SELECT * FROM outbox WHERE seq > $1 AND seq <= $2 AND ($3::text = '' OR topic = $3) ORDER BY seq LIMIT $4"
logger = get_logger(room="relay")


class Relay:
    """One service's relay. `run()` lives as long as the process; `wake()` after each commit that wrote to the outbox."""

    def __init__(self, service: str, database: Database, kafka: KafkaAddress) -> None:
        self.sent = 0
        """Events acknowledged since the process began."""
        self._service = service
        self._source = f"tuoqi.{service}".encode()
        self._database = database
        self._kafka = kafka
        self._awake = asyncio.Event()
        self._busy = asyncio.Lock()
        """Held while sending, and by a replay for as long as it lasts."""

    def wake(self) -> None:
        """There is something to send."""
        self._awake.set()

    async def run(self) -> None:
        """Live for ever, one incarnation after another."""
        backoff, sent_before = 0.1, -1
        while True:
            try:
                await self._incarnation()
            except (KafkaError, DBAPIError, OSError, TimeoutError) as fault:
                logger.warning("relay begins anew", fault=f"{type(fault).__name__}: {fault}"[:300], after_s=backoff)
            await asyncio.sleep(backoff)
            # An incarnation that sent something was a good one; only fruitless ones are spaced further and further.
            backoff = min(backoff * 2, BACKOFF_MAX_S) if self.sent == sent_before else 0.1
            sent_before = self.sent

    async def _incarnation(self) -> None:
        async with self._database.session() as session:
            await self._lead(session)
            async with _Producer(self._kafka, f"tuoqi-relay-{self._service}") as producer:
                while True:
                    self._awake.clear()
                    async with self._busy:
                        while await self._send_unsent(session, producer):
                            pass
                    await self._rest(session)

    async def _lead(self, session: AsyncConnection) -> None:
        lock = text("SELECT pg_try_advisory_lock(hashtextextended('tuoqi.relay', 0))")
        while not (await session.execute(lock)).scalar_one():  # noqa: ASYNC110  the lock is another process's
            await asyncio.sleep(1.0)

    async def _rest(self, session: AsyncConnection) -> None:
        try:
            async with asyncio.timeout(IDLE_S):
                await self._awake.wait()
        except TimeoutError:
            # Also proves that the session, and so the lock, is still there.
            await session.execute(text("SELECT 1"))

    async def _send_unsent(self, session: AsyncConnection, producer: _Producer) -> bool:
        rows = await _rows(session, _READ, BATCH)
        if not rows:
            return False
        failpoints.reach("relay.after_read")
        await self._deliver(producer, rows)
        await session.execute(text("BEGIN"))
        await session.execute(_MARK, {"seqs": [row["seq"] for row in rows]})
        failpoints.reach("relay.after_mark")
        await session.execute(text("COMMIT"))
        return len(rows) == BATCH

    async def _deliver(self, producer: _Producer, rows: Sequence[Any]) -> None:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            acks = await producer.send(rows, self._source)
        failpoints.reach("relay.after_send")
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await asyncio.gather(*acks)
        failpoints.reach("relay.after_ack")
        self.sent += len(rows)
        for name, count in Counter(row["topic"] for row in rows).items():
            metrics.RELAY_SENT.labels(name).inc(count)

    async def replay(
        self, *, topic_name: str, from_seq: int, to_seq: int, progress: Callable[[int], None] | None = None
    ) -> int:
        """Send a range of the outbox again, in order, while the relay itself waits; the number sent."""
        sent = 0
        async with self._busy, self._database.session() as session:
            last = (await session.execute(text("SELECT coalesce(max(seq), 0) FROM outbox"))).scalar_one()
            up_to = min(to_seq or last, last)
            after = max(from_seq - 1, 0)
            async with _Producer(self._kafka, f"tuoqi-replay-{self._service}") as producer:
                while after < up_to:
                    rows = await _rows(session, _RANGE, after, up_to, topic_name, BATCH)
                    if not rows:
                        break
                    await self._deliver(producer, rows)
                    after = rows[-1]["seq"]
                    sent += len(rows)
                    if progress:
                        progress(sent)
        return sent


async def _rows(session: AsyncConnection, sql: str, *values: Any) -> Sequence[Any]:
    """Rows as the driver gives them: by the thousand, wrapping each once more would cost as much as sending it."""
    raw = await session.get_raw_connection()
    driver: Any = raw.driver_connection
    try:
        rows: Sequence[Any] = await driver.fetch(sql, *values)
    except (PostgresError, InterfaceError) as error:
        raise DBAPIError("relay", None, error) from error
    return rows


class _Producer:
    """An idempotent producer that fills whole batches itself, one partition at a time: order per key, few calls."""

    def __init__(self, kafka: KafkaAddress, client_id: str) -> None:
        self._raw = AIOKafkaProducer(
            client_id=client_id,
            acks="all",
            enable_idempotence=True,
            max_batch_size=MAX_VALUE_BYTES // 2,
            max_request_size=MAX_VALUE_BYTES + 48_000,
            request_timeout_ms=int(SEND_TIMEOUT_S * 1000),
            **kafka.client_options(),
        )

    async def __aenter__(self) -> Self:
        try:
            # A broker that is just coming up may take the connection and never answer.
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._raw.start()
        except (KafkaError, TimeoutError):
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *fault: object) -> None:
        # Stopping flushes; a producer that is broken must not hold the new incarnation up for long.
        try:
            async with asyncio.timeout(5):
                await self._raw.stop()
        except (KafkaError, OSError, TimeoutError) as error:
            logger.warning("producer did not stop in peace", fault=type(error).__name__)

    async def send(self, rows: Sequence[Any], source: bytes) -> list[asyncio.Future[Any]]:
        """Hand the rows to the client in order; the acks to wait for."""
        by_partition: dict[tuple[str, int], list[Any]] = {}
        for row in rows:
            by_partition.setdefault((row["topic"], _partition(row)), []).append(row)
        acks: list[asyncio.Future[Any]] = []
        for (name, partition), some in by_partition.items():
            acks.extend(await self._send_to(name, partition, some, source))
        return acks

    async def _send_to(
        self, name: str, partition: int, rows: Sequence[Any], source: bytes
    ) -> list[asyncio.Future[Any]]:
        acks = []
        batch = self._raw.create_batch()
        for row in rows:
            record = {"key": row["key"].encode(), "value": row["value"], "headers": headers_of(row, source)}
            if batch.append(timestamp=None, **record) is None:
                acks.append(await self._raw.send_batch(batch, name, partition=partition))
                batch = self._raw.create_batch()
                batch.append(timestamp=None, **record)
        acks.append(await self._raw.send_batch(batch, name, partition=partition))
        return acks


def _partition(row: Any) -> int:
    chosen = row["partition"]
    return partition_of(row["key"], topic(row["topic"]).partitions) if chosen is None else int(chosen)
