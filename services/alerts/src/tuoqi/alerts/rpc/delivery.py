"""DeliveryService: the caller's own inbox, how messages fare, who is on duty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import grpc

from tuoqi.alerts.domain.telling import OnCall
from tuoqi.alerts.store import notices as store
from tuoqi.alerts.store.notices import Place
from tuoqi.contracts.alerts.v1 import delivery_service_pb2 as pb
from tuoqi.contracts.alerts.v1 import delivery_service_pb2_grpc
from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.database import Database
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor
from tuoqi.kit.stamps import stamp_of

PAGE: Final = 100


class DeliveryServicer(delivery_service_pb2_grpc.DeliveryServiceServicer):
    """Reads, and the two small acts on a message."""

    def __init__(self, database: Database, clock: BusinessClock, oncall: OnCall) -> None:
        self._database = database
        self._clock = clock
        self._oncall = oncall

    async def ListInbox(self, request: pb.ListInboxRequest, context: Any) -> pb.ListInboxResponse:
        """The caller's own messages."""
        size = request.page_size or PAGE
        async with self._database.begin() as tx:
            rows = await store.inbox(
                tx,
                current_actor().user,
                unread=request.unread,
                before=_place(request.page_token),
                at_most=size + 1,
            )
        messages = [
            pb.InboxMessage(
                delivery_id=row.delivery_id,
                alert_id=row.alert_id,
                body=row.body,
                made_at=stamp_of(row.made_at),
                read_at=stamp_of(row.read_at) if row.read_at else None,
            )
            for row in rows[:size]
        ]
        return pb.ListInboxResponse(messages=messages, next_page_token=_token(rows, size))

    async def MarkRead(self, request: pb.MarkReadRequest, context: Any) -> pb.MarkReadResponse:
        """Read receipts, for the caller's own messages alone."""
        async with self._database.begin() as tx:
            done = await store.mark_read(tx, current_actor().user, request.delivery_ids)
        return pb.MarkReadResponse(delivery_ids=done)

    async def ListDeliveries(self, request: pb.ListDeliveriesRequest, context: Any) -> pb.ListDeliveriesResponse:
        """How messages fare; their text is for those who got them."""
        size = request.page_size or PAGE
        async with self._database.begin() as tx:
            rows = await store.newest_deliveries(
                tx,
                state=request.state,
                channel=request.channel,
                before=_place(request.page_token),
                at_most=size + 1,
            )
            oldest_s, dead, nobody = await store.standing(tx)
        return pb.ListDeliveriesResponse(
            deliveries=[_delivery(row) for row in rows[:size]],
            next_page_token=_token(rows, size),
            oldest_waiting_s=int(oldest_s),
            dead=dead,
            nobody=nobody,
        )

    async def RetryDelivery(self, request: pb.RetryDeliveryRequest, context: Any) -> pb.RetryDeliveryResponse:
        """A dead message waits again. Refuses state.not_found."""
        async with self._database.begin() as tx:
            if not await store.retry(tx, request.delivery_id):
                raise TuoqiError("state.not_found", what=f"发送失败的通知 {request.delivery_id}")
        return pb.RetryDeliveryResponse()

    async def CheckOnCall(self, request: pb.CheckOnCallRequest, context: Any) -> pb.CheckOnCallResponse:
        """Who is on duty now, for every region of the caller's in which people live."""
        async with self._database.begin() as tx:
            regions = await store.people_by_region(tx, current_actor().regions)
        now = self._clock.now()
        return pb.CheckOnCallResponse(
            regions=[
                pb.OnCallRegion(region=region, people=people, levels=self._levels(region, now))
                for region, people in regions
            ]
        )

    def _levels(self, region: str, now: datetime) -> list[pb.OnCallLevel]:
        levels = []
        for level in self._oncall.telling.order:
            users = [one.user for one in self._oncall.on_duty(level, region, now)]
            reached, found = self._oncall.reached(level, region, now)
            levels.append(pb.OnCallLevel(level=level, users=users, reached=reached if found else ""))
        return levels


def add_delivery(database: Database, clock: BusinessClock, oncall: OnCall) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = DeliveryServicer(database, clock, oncall)
    return lambda server: delivery_service_pb2_grpc.add_DeliveryServiceServicer_to_server(servicer, server)


def _delivery(row: Any) -> pb.Delivery:
    return pb.Delivery(
        delivery_id=row.delivery_id,
        alert_id=row.alert_id,
        recipient=row.recipient,
        channel=row.channel,
        state=row.state,
        tries=row.tries,
        made_at=stamp_of(row.made_at),
        sent_at=stamp_of(row.sent_at) if row.sent_at else None,
        proof=row.proof,
        fault=row.fault,
    )


def _token(rows: Sequence[Any], size: int) -> str:
    """Where a page ended; empty where it was the last."""
    if len(rows) <= size:
        return ""
    return f"{rows[size - 1].made_at.isoformat()}|{rows[size - 1].delivery_id}"


def _place(token: str) -> Place | None:
    moment, _, name = token.partition("|")
    try:
        return Place(datetime.fromisoformat(moment), name) if token else None
    except ValueError as error:
        raise TuoqiError("request.invalid", problem="page_token") from error
