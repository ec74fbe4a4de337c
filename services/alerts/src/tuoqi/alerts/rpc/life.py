"""LifeService: acts, closings and re-openings of alerts. What a kind allows is decided by the domain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import grpc

from tuoqi.alerts import store
from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.handlers.acts import (
    CloseByHand,
    DecideClosing,
    RecordAct,
    Reopen,
    on_close_by_hand,
    on_decide_closing,
    on_record_act,
    on_reopen,
)
from tuoqi.alerts.rpc.desk import Desk
from tuoqi.alerts.rpc.messages import alert_message, evidence_of
from tuoqi.alerts.store import AlertBookStore, Seen
from tuoqi.contracts.alerts.v1 import life_service_pb2 as pb
from tuoqi.contracts.alerts.v1 import life_service_pb2_grpc
from tuoqi.kit.clock import COUNTY_ZONE
from tuoqi.kit.commands import Call
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor
from tuoqi.kit.stamps import moment_of

POLICE: Final = "police"
INSPECT: Final = "alert.inspect"


class LifeServicer(life_service_pb2_grpc.LifeServiceServicer):
    """Takes what people do about alerts."""

    def __init__(self, desk: Desk, books: AlertBookStore) -> None:
        self._desk = desk
        self._books = books

    async def RecordAct(self, request: pb.RecordActRequest, context: Any) -> pb.RecordActResponse:
        """An act was done. Refuses alerts.needs_receipt and what the kind refuses."""
        seen = await self._desk.find(request.alert_id)
        note = self._desk.seal.seal(seen.book, _act_note(request))
        command = RecordAct(request.alert_id, request.what, evidence_of(request.evidence), note)
        after = await self._desk.act(seen, f"act.{request.what}", on_record_act, command)
        return pb.RecordActResponse(alert=alert_message(after))

    async def CloseAlert(self, request: pb.CloseAlertRequest, context: Any) -> pb.CloseAlertResponse:
        """Close it, or propose to where a second person decides."""
        seen = await self._desk.find(request.alert_id)
        command = CloseByHand(
            request.alert_id,
            request.outcome,
            evidence_of(request.evidence),
            self._desk.seal.seal(seen.book, request.note),
            inspects=current_actor().has(INSPECT),
        )
        after = await self._desk.act(seen, "close", on_close_by_hand, command)
        return pb.CloseAlertResponse(alert=alert_message(after))

    async def DecideClosing(self, request: pb.DecideClosingRequest, context: Any) -> pb.DecideClosingResponse:
        """Confirm a proposed closing, or send it back with a reason. Refuses alerts.needs_reason."""
        if not request.agreed and not request.reason.strip():
            raise TuoqiError("alerts.needs_reason")
        seen = await self._desk.find(request.alert_id)
        note = self._desk.seal.seal(seen.book, request.reason)
        command = DecideClosing(request.alert_id, request.agreed, note)
        after = await self._desk.act(seen, "decide", on_decide_closing, command)
        return pb.DecideClosingResponse(alert=alert_message(after))

    async def ReopenAlert(self, request: pb.ReopenAlertRequest, context: Any) -> pb.ReopenAlertResponse:
        """Open a closed alert again."""
        seen = await self._desk.find(request.alert_id)
        note = self._desk.seal.seal(seen.book, request.reason)
        await self._desk.commander.transaction(lambda tx: self._reopen(tx, seen, note))
        return pb.ReopenAlertResponse(alert=alert_message(await self._desk.stored(request.alert_id)))

    async def _reopen(self, tx: Tx, seen: Seen, note: bytes) -> None:
        # The book's lock first: what is read of the alert after it is what stands, whoever else is at it.
        await self._books.load(tx, [seen.book])
        now = await store.one(tx, seen.alert.alert_id)
        if now is None:
            raise TuoqiError("state.not_found", what=f"预警 {seen.alert.alert_id}")
        command, cause = Reopen(now.alert, note), self._desk.cause("reopen", seen)
        call = Call(seen.book, on_reopen, command, cause, self._desk.clock.now(), current_actor().user)
        await self._desk.commander.within(tx, AlertBook, [call])


def _act_note(request: pb.RecordActRequest) -> str:
    """What is sealed with an act: the receipt of the police, and free words. Raises alerts.needs_receipt."""
    if request.what != POLICE:
        return request.note
    if not request.HasField("police"):
        raise TuoqiError("alerts.needs_receipt")
    police = request.police
    told_at = moment_of(police.told_at).astimezone(COUNTY_ZONE).strftime("%Y-%m-%d %H:%M")
    receipt = f"{told_at} 报告 {police.station}，回执 {police.receipt_no}"
    return f"{receipt}。{request.note}" if request.note else receipt


def add_life(desk: Desk, books: AlertBookStore) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = LifeServicer(desk, books)
    return lambda server: life_service_pb2_grpc.add_LifeServiceServicer_to_server(servicer, server)
