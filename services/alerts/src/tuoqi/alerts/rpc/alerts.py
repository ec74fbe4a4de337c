"""AlertsService: request → command or read → response. Who may call is settled before, who may see whom here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import grpc

from tuoqi.alerts import store
from tuoqi.alerts.domain.alert import Alert
from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.handlers.acts import Acknowledge, on_acknowledge
from tuoqi.alerts.jobs.sight import Sight
from tuoqi.contracts.alerts.v1 import alerts_service_pb2 as pb
from tuoqi.contracts.alerts.v1 import alerts_service_pb2_grpc
from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Database
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor
from tuoqi.kit.stamps import stamp_of

PAGE = 100
"""Alerts on a page where the caller names no number."""


class AlertsServicer(alerts_service_pb2_grpc.AlertsServiceServicer):
    """Answers what is wrong and takes what people do about it."""

    def __init__(self, database: Database, clock: BusinessClock, commander: Commander, sight: Sight) -> None:
        self._database = database
        self._clock = clock
        self._commander = commander
        self._sight = sight

    async def ListAlerts(self, request: pb.ListAlertsRequest, context: Any) -> pb.ListAlertsResponse:
        """A page of alerts, newest first; a page may be short for one who sees some regions only."""
        size = request.page_size or PAGE
        async with self._database.begin() as tx:
            page = await store.newest(
                tx,
                size + 1,
                before=_place(request.page_token),
                only_open=request.only_open,
                person_id=request.person_id,
                kind=request.kind,
            )
            counts = await store.open_by_severity(tx)
        shown = page[:size]
        return pb.ListAlertsResponse(
            alerts=[_message(alert) for alert in await self._sight.visible(shown, current_actor())],
            next_page_token=_token(shown[-1]) if len(page) > size else "",
            open_by_severity=counts,
        )

    async def AcknowledgeAlert(self, request: pb.AcknowledgeAlertRequest, context: Any) -> pb.AcknowledgeAlertResponse:
        """Records that the caller took an alert on. Refuses state.not_found, auth.no_region, alerts.closed."""
        alert = await self._find(request.alert_id)
        actor = current_actor()
        await self._sight.require(alert, actor)
        now = self._clock.now()
        cause = f"acknowledge:{alert.alert_id}:{now.isoformat()}"
        call = Call(alert.person_id, on_acknowledge, Acknowledge(alert.alert_id), cause, now, actor.user)
        await self._commander.run(AlertBook, [call])
        return pb.AcknowledgeAlertResponse(alert=_message(await self._find(request.alert_id)))

    async def _find(self, alert_id: str) -> Alert:
        async with self._database.begin() as tx:
            alert = await store.one(tx, alert_id)
        if alert is None:
            raise TuoqiError("state.not_found", what=f"预警 {alert_id}")
        return alert


def add_alerts(servicer: AlertsServicer) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    return lambda server: alerts_service_pb2_grpc.add_AlertsServiceServicer_to_server(servicer, server)


def _token(alert: Alert) -> str:
    return f"{alert.raised_at.isoformat()}|{alert.alert_id}"


def _place(token: str) -> store.Place | None:
    """Where the last page ended. Raises request.invalid."""
    if not token:
        return None
    raised_at, _, alert_id = token.partition("|")
    try:
        place = store.Place(datetime.fromisoformat(raised_at), alert_id)
    except ValueError as fault:
        raise TuoqiError("request.invalid", problem="page_token") from fault
    if place.raised_at.tzinfo is None:
        raise TuoqiError("request.invalid", problem="page_token")
    return place


def _message(alert: Alert) -> pb.Alert:
    steps = sorted(alert.escalations, key=lambda step: step.at)
    return pb.Alert(
        alert_id=alert.alert_id,
        kind=alert.kind,
        severity=alert.severity.name,
        person_id=alert.person_id,
        raised_at=stamp_of(alert.raised_at),
        joined=alert.joined,
        escalations=[pb.Escalation(step=step.step, at=stamp_of(step.at)) for step in steps],
        acknowledged_at=stamp_of(alert.acknowledged_at),
        closed_at=stamp_of(alert.closed_at),
        closed_as=alert.closed_as,
    )
