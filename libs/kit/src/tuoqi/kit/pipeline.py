"""How a batch of messages becomes state: everything in one transaction, each message on its own.

Inbox → load → handlers in order → save → outbox → commit; the offset is committed after that, by the caller. A message
that is wrong, or whose handler raises, becomes a dead letter in the same transaction and costs the others nothing.
Three ways out of here: returning (all is committed), `Stopped` (too many rejections), or a fault of the infrastructure,
raised as it is: the caller tries the same batch again later.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter, time
from typing import Any

from sqlalchemy.exc import DBAPIError

from tuoqi.kit import dead_letters, failpoints, inbox, metrics, projection
from tuoqi.kit.context import Context, Origin
from tuoqi.kit.database import Conflict, Database, Tx, blames_the_data
from tuoqi.kit.dead_letters import NEITHER_PARK_NOR_COUNT, Burial
from tuoqi.kit.errors import Rejected
from tuoqi.kit.handlers import Handlers, Projection, Store, Subscription
from tuoqi.kit.limits import RejectionLimit
from tuoqi.kit.logs import get_logger
from tuoqi.kit.tracing import batch_span, is_sampled
from tuoqi.kit.wire import Decoder, Incoming
from tuoqi.kit.work import Work

CONFLICT_TRIES = 20
BREATH = 1_000
"""After so many messages the loop may do something else: a big batch must not keep a caller waiting."""
logger = get_logger(room="pipeline")


class Stopped(Exception):
    """The consumer is stopped by a row in the database until someone resumes it."""


@dataclass(slots=True)
class Outcome:
    """What became of a batch, message by message, before it is written."""

    fresh: list[Incoming] = field(default_factory=list)
    applied: list[Incoming] = field(default_factory=list)
    buried: list[Burial] = field(default_factory=list)
    parked: list[Incoming] = field(default_factory=list)
    rows: dict[int, list[tuple[Any, ...]]] = field(default_factory=dict)
    skipped: int = 0
    duplicates: int = 0
    stop_reason: str = ""


class Pipeline:
    """One subscription's way from records to committed state."""

    def __init__(
        self,
        subscription: Subscription,
        stores: Mapping[type, Store[Any]],
        database: Database,
        origin: Origin,
        wake: Callable[[], None],
    ) -> None:
        self.subscription = subscription
        self.applied = 0
        """Messages applied since the process began."""
        self._stores = stores
        self._database = database
        self._origin = origin
        self._wake = wake
        self._decoder = Decoder(subscription.topics)
        self._limit = RejectionLimit()
        self._by_type: dict[type, list[Handlers[Any]]] = {
            kind: [table for table in subscription.handlers if kind in table.on] for kind in subscription.types
        }
        self._mirrors: dict[type, list[tuple[int, Projection]]] = {
            kind: [(i, p) for i, p in enumerate(subscription.projections) if kind in p.on]
            for kind in subscription.types
        }

    async def process(self, records: Sequence[Any]) -> None:
        """Apply a batch. Raises Stopped, or a fault of the infrastructure; else everything is committed."""
        started = perf_counter()
        batch: list[Incoming] = []
        for record in records:
            batch.append(self._decoder.decode(record))
            if len(batch) % BREATH == 0:
                await asyncio.sleep(0)
        links = [m.traceparent for m in batch if m.traceparent and is_sampled(m.traceparent)]
        with batch_span(f"{self.subscription.consumer} batch", links, {"messages": len(batch)}):
            await self._apply(batch)
        metrics.BATCH_SECONDS.labels(self.subscription.consumer).observe(perf_counter() - started)

    async def _apply(self, batch: list[Incoming]) -> None:
        try:
            outcome = await self._commit(batch)
        except DBAPIError as error:
            if not blames_the_data(error):
                raise
            # Somebody's data cannot be saved. Halving finds the culprit and lets all others pass.
            if len(batch) == 1:
                await self._bury_alone(batch[0], type(error.orig).__name__)
                return
            middle = len(batch) // 2
            await self._apply(batch[:middle])
            await self._apply(batch[middle:])
            return
        self._wake()
        self._count(outcome)
        if outcome.stop_reason:
            self._limit = RejectionLimit()  # whoever resumes begins anew
            raise Stopped(outcome.stop_reason)

    async def _commit(self, batch: list[Incoming]) -> Outcome:
        for attempt in range(CONFLICT_TRIES):
            try:
                limit = self._limit.copy()
                async with self._database.begin() as tx:
                    outcome = await self._in_transaction(tx, batch, limit)
                    failpoints.reach("pipeline.before_commit")
            except Conflict:
                await asyncio.sleep(random.uniform(0, 0.02 * (attempt + 1)))  # noqa: S311  no secret, it spreads retries
                continue
            failpoints.reach("pipeline.after_commit")
            self._limit = limit
            return outcome
        raise TimeoutError(f"{self.subscription.consumer}: lost {CONFLICT_TRIES} races for the same rows")

    async def _in_transaction(self, tx: Tx, batch: list[Incoming], limit: RejectionLimit) -> Outcome:
        await self._refuse_if_stopped(tx)
        outcome = Outcome()
        blocked = await self._blocked(tx, batch)
        await self._sort(tx, batch, blocked, outcome)
        work = await self._run(tx, outcome, blocked, limit)
        await work.save(tx)
        for index, rows in outcome.rows.items():
            await projection.write(tx, self.subscription.projections[index], rows)
        consumer = self.subscription.consumer
        gone = [m.ce_id for m in (*(b.incoming for b in outcome.buried), *outcome.parked) if m.ce_id]
        await inbox.forget(tx, consumer, gone)
        await dead_letters.bury(tx, consumer, outcome.buried)
        await dead_letters.park(tx, consumer, outcome.parked)
        if outcome.stop_reason:
            await self._write_stop(tx, outcome.stop_reason)
        return outcome

    async def _write_stop(self, tx: Tx, reason: str) -> None:
        await tx.execute(
            "INSERT INTO consumer_stops (consumer, reason) VALUES (:consumer, :reason) ON CONFLICT DO NOTHING",
            consumer=self.subscription.consumer,
            reason=reason,
        )

    async def _refuse_if_stopped(self, tx: Tx) -> None:
        consumer = self.subscription.consumer
        rows = await tx.fetch("SELECT reason FROM consumer_stops WHERE consumer = :consumer", consumer=consumer)
        metrics.CONSUMER_STOPPED.labels(consumer).set(len(rows))
        if rows:
            self._limit = RejectionLimit()  # also where another process was stopped
            raise Stopped(rows[0].reason)

    async def _blocked(self, tx: Tx, batch: list[Incoming]) -> set[str]:
        if not self.subscription.parks:
            return set()
        await dead_letters.join_batches(tx, self.subscription.consumer)
        keys = {m.key for m in batch if m.key}
        return await dead_letters.blocked_keys(tx, self.subscription.consumer, keys)

    async def _sort(self, tx: Tx, batch: list[Incoming], blocked: set[str], outcome: Outcome) -> None:
        """Tell the new from the known, the readable from the unreadable, the wanted from the rest; keep the order."""
        wanted: list[Incoming] = []
        for m in batch:
            if not m.problem and type(m.message) not in self.subscription.types:
                outcome.skipped += 1
            else:
                wanted.append(m)
        asking = [m.ce_id for m in wanted if m.ce_id and not (m.key in blocked and not m.problem)]
        new = await inbox.record(tx, self.subscription.consumer, asking) if asking else set()
        for m in wanted:
            if not m.ce_id or (not m.problem and m.key in blocked):
                outcome.fresh.append(m)
            elif m.ce_id in new:
                new.discard(m.ce_id)
                outcome.fresh.append(m)
            else:
                outcome.duplicates += 1

    async def _run(self, tx: Tx, outcome: Outcome, blocked: set[str], limit: RejectionLimit) -> Work:
        work = Work(self._stores)
        for table in self.subscription.handlers:
            keys = {table.key(m.message) for m in outcome.fresh if not m.problem and type(m.message) in table.on}
            await work.load(tx, table.state, keys)
        counted = 0
        for position, m in enumerate(outcome.fresh):
            if position % BREATH == BREATH - 1:
                await asyncio.sleep(0)
            if not m.problem and m.key in blocked:
                outcome.parked.append(m)
                continue
            burial = self._one(work, m, outcome)
            if burial is None:
                outcome.applied.append(m)
                continue
            limit.applied(len(outcome.applied) - counted)
            counted = len(outcome.applied)
            outcome.buried.append(burial)
            if burial.parks and m.key:
                blocked.add(m.key)
            if burial.reason not in NEITHER_PARK_NOR_COUNT and limit.rejected():
                # What follows stays unread in Kafka; it is taken back from the inbox and comes again after `resume`.
                outcome.stop_reason = limit.reason
                rest = outcome.fresh[position + 1 :]
                await inbox.forget(tx, self.subscription.consumer, [r.ce_id for r in rest if r.ce_id])
                break
        limit.applied(len(outcome.applied) - counted)
        return work

    def _one(self, work: Work, m: Incoming, outcome: Outcome) -> Burial | None:
        """One message: all its handlers succeed, or none of them leaves a trace."""
        parks = self.subscription.parks
        if m.problem:
            return Burial(m, m.problem, m.detail, parks and m.problem not in NEITHER_PARK_NOR_COUNT)
        mark = work.mark()
        kind: Any = type(m.message)
        try:
            for table in self._by_type[kind]:
                ctx = self._context(work, m)
                work.apply(table.state, table.key(m.message), table.on[kind], m.message, ctx)
            mirrored = [
                (i, p.on[kind](m.message, m.version)) for i, p in self._mirrors[kind] if p.topic in {"", m.record.topic}
            ]
        except Rejected as rejection:
            work.back_to(mark)
            return Burial(m, rejection.slug, ", ".join(sorted(rejection.details)), parks)
        except Exception as error:
            work.back_to(mark)
            logger.exception("a handler failed", consumer=self.subscription.consumer, ce_id=m.ce_id)
            return Burial(m, "handler.failed", type(error).__name__, parks)
        for index, row in mirrored:
            if row is not None:
                outcome.rows.setdefault(index, []).append(row)
        return None

    def _context(self, work: Work, m: Incoming) -> Context:
        return Context(
            self._origin,
            work.emissions,
            at=m.at,
            cause=m.ce_id,
            actor=f"event:{m.ce_type}",
            traceparent=m.traceparent,
            correlation_id=m.correlation_id or m.ce_id,
            message_version=m.version,
        )

    async def apply_again(self, tx: Tx, record: Any) -> Burial | None:
        """Apply one record outside a batch, in the caller's transaction; a Burial where it is rejected again.

        A fault of its data while saving is raised: the caller's transaction is over then.
        """
        m = self._decoder.decode(record)
        consumer = self.subscription.consumer
        if not m.problem and not await inbox.force(tx, consumer, m.ce_id):
            return None
        outcome = Outcome(fresh=[m])
        work = await self._run(tx, outcome, set(), RejectionLimit())
        await work.save(tx)
        for index, rows in outcome.rows.items():
            await projection.write(tx, self.subscription.projections[index], rows)
        if outcome.buried:
            await inbox.forget(tx, consumer, [m.ce_id])
            return outcome.buried[0]
        return None

    async def _bury_alone(self, m: Incoming, fault: str) -> None:
        parks = self.subscription.parks
        async with self._database.begin() as tx:
            await dead_letters.bury(tx, self.subscription.consumer, [Burial(m, "save.refused", fault, parks)])
            stop = self._limit.rejected()
            if stop:
                await self._write_stop(tx, self._limit.reason)
        metrics.DEAD_LETTERS.labels(self.subscription.consumer, "save.refused").inc()
        if stop:
            reason, self._limit = self._limit.reason, RejectionLimit()
            raise Stopped(reason)

    def _count(self, outcome: Outcome) -> None:
        consumer = self.subscription.consumer
        self.applied += len(outcome.applied)
        metrics.CONSUMER_APPLIED.labels(consumer).inc(len(outcome.applied))
        metrics.CONSUMER_DUPLICATES.labels(consumer).inc(outcome.duplicates)
        metrics.CONSUMER_SKIPPED.labels(consumer).inc(outcome.skipped)
        for burial in outcome.buried:
            metrics.DEAD_LETTERS.labels(consumer, burial.reason).inc()
        if outcome.applied:
            oldest_s = min(m.record.timestamp for m in outcome.applied) / 1000
            metrics.EVENT_AGE.labels(consumer).observe(max(0.0, time() - oldest_s))
