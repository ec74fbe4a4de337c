"""PlatformService: the same answers from every service about its clock, its progress and its dead letters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc

from tuoqi.contracts.common.v1 import platform_pb2 as pb
from tuoqi.contracts.common.v1 import platform_pb2_grpc
from tuoqi.kit import outbox
from tuoqi.kit.consumer import Consumer
from tuoqi.kit.rpc.server import current_actor
from tuoqi.kit.stamps import moment_of, stamp_of

if TYPE_CHECKING:
    from tuoqi.kit.service import Runtime

VERSION = "0.1.0"
PAGE = 100


class PlatformServicer(platform_pb2_grpc.PlatformServiceServicer):
    """Answers for one service."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def GetStatus(self, request: pb.GetStatusRequest, context: Any) -> pb.GetStatusResponse:
        """How the service stands."""
        runtime = self._runtime
        async with runtime.database.begin() as tx:
            waiting, age = await outbox.pending(tx)
            (letters,) = await tx.fetch(
                "SELECT (SELECT count(*) FROM dead_letters WHERE state = 'open') AS dead,"
                " (SELECT count(*) FROM parked) AS parked"
            )
            stops = {row.consumer: row.reason for row in await tx.fetch("SELECT consumer, reason FROM consumer_stops")}
        return pb.GetStatusResponse(
            service=runtime.name,
            version=VERSION,
            business_time=stamp_of(runtime.clock.now()),
            clock_settable=runtime.clock.settable,
            outbox_pending=waiting,
            outbox_oldest_age_s=age,
            consumers=[await _consumer_status(consumer, stops) for consumer in runtime.consumers],
            dead_letters=letters.dead,
            parked=letters.parked,
            county_version=runtime.county.version,
        )

    async def NextDue(self, request: pb.NextDueRequest, context: Any) -> pb.NextDueResponse:
        """The earliest due moment."""
        due = await self._runtime.timers.next_due()
        return pb.NextDueResponse(due_at=stamp_of(due))

    async def Advance(self, request: pb.AdvanceRequest, context: Any) -> pb.AdvanceResponse:
        """Move the clock and do what is due."""
        return pb.AdvanceResponse(done=await self._runtime.timers.advance(moment_of(request.to)))

    async def Quiet(self, request: pb.QuietRequest, context: Any) -> pb.QuietResponse:
        """Whether anything is still under way."""
        runtime = self._runtime
        async with runtime.database.begin() as tx:
            (row,) = await tx.fetch("SELECT EXISTS (SELECT FROM unsent) AS unsent")
        waiting_for = "timers" if runtime.timers.running else "outbox" if row.unsent else ""
        for consumer in runtime.consumers:
            if waiting_for:
                break
            lag = await consumer.lag()
            if lag is None or lag > 0:
                waiting_for = f"{consumer.name}: {'no partitions yet' if lag is None else lag}"
        activity = runtime.relay.sent + sum(consumer.pipeline.applied for consumer in runtime.consumers)
        return pb.QuietResponse(quiet=not waiting_for, activity=activity, waiting_for=waiting_for)

    async def ListDeadLetters(self, request: pb.ListDeadLettersRequest, context: Any) -> pb.ListDeadLettersResponse:
        """Messages that could not be applied."""
        async with self._runtime.database.begin() as tx:
            rows = await tx.fetch(
                "SELECT d.*, (SELECT count(*) FROM parked p WHERE p.consumer = d.consumer AND p.key = d.key) AS behind"
                " FROM dead_letters d WHERE (CAST(:id AS bigint) = 0 OR id = :id)"
                " AND (CAST(:before AS bigint) = 0 OR id < :before)"
                " AND (CAST(:ended AS bool) OR state = 'open') ORDER BY id DESC LIMIT CAST(:page AS int)",
                id=request.dead_letter_id,
                before=request.before_id,
                ended=request.with_ended or request.dead_letter_id > 0,
                page=request.page_size or PAGE,
            )
        return pb.ListDeadLettersResponse(
            dead_letters=[_dead_letter(row, with_value=request.dead_letter_id > 0) for row in rows]
        )

    async def RedriveDeadLetters(
        self,
        request: pb.RedriveDeadLettersRequest,
        context: Any,
    ) -> pb.RedriveDeadLettersResponse:
        """Send dead letters through the pipeline once more."""
        applied, rejected = await self._runtime.driver.redrive(request.dead_letter_ids, by=current_actor().user)
        self._runtime.relay.wake()
        return pb.RedriveDeadLettersResponse(applied=applied, rejected=rejected)

    async def DismissDeadLetter(
        self,
        request: pb.DismissDeadLetterRequest,
        context: Any,
    ) -> pb.DismissDeadLetterResponse:
        """End a dead letter that can never apply."""
        by = current_actor().user
        applied = await self._runtime.driver.dismiss(request.dead_letter_id, by=by, why=request.reason)
        self._runtime.relay.wake()
        return pb.DismissDeadLetterResponse(applied=applied)

    async def ResumeConsumer(self, request: pb.ResumeConsumerRequest, context: Any) -> pb.ResumeConsumerResponse:
        """End the stop of a consumer."""
        return pb.ResumeConsumerResponse(was_stopped=await self._runtime.driver.resume(request.consumer))

    async def ReplayEvents(self, request: pb.ReplayEventsRequest, context: Any) -> pb.ReplayEventsResponse:
        """Send events of the outbox again."""
        sent = await self._runtime.relay.replay(
            topic_name=request.topic, from_seq=request.from_seq, to_seq=request.to_seq
        )
        return pb.ReplayEventsResponse(sent=sent)


async def _consumer_status(consumer: Consumer, stops: dict[str, str]) -> pb.ConsumerStatus:
    lag = await consumer.lag()
    return pb.ConsumerStatus(
        consumer=consumer.name,
        lag=-1 if lag is None else lag,
        stopped_reason=stops.get(consumer.name, ""),
        applied=consumer.pipeline.applied,
    )


def _dead_letter(row: Any, *, with_value: bool) -> pb.DeadLetter:
    return pb.DeadLetter(
        dead_letter_id=row.id,
        consumer=row.consumer,
        ce_id=row.ce_id,
        ce_type=row.ce_type,
        position=f"{row.topic}-{row.partition}-{row.offset}",
        reason=row.reason,
        detail=row.detail,
        dead_at=stamp_of(row.dead_at),
        state=row.state,
        parked_behind=row.behind,
        value=(row.value or b"") if with_value else b"",
        key=row.key,
    )


def add_platform(servicer: PlatformServicer) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    return lambda server: platform_pb2_grpc.add_PlatformServiceServicer_to_server(servicer, server)
