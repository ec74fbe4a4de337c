"""AlertsService: request → command or read → response. Who may call is settled before, who may see whom here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import grpc

from tuoqi.alerts import store
from tuoqi.alerts.domain.rules import Coded
from tuoqi.alerts.domain.terms import COUNTY_ZONE
from tuoqi.alerts.handlers.acts import Acknowledge, on_acknowledge
from tuoqi.alerts.jobs.sight import RESTRICTED, audit_shown, require_sight, sight_of
from tuoqi.alerts.rpc.desk import Desk
from tuoqi.alerts.rpc.messages import alert_message, history_messages, state_message
from tuoqi.alerts.store import Seen
from tuoqi.contracts.alerts.v1 import alerts_service_pb2 as pb
from tuoqi.contracts.alerts.v1 import alerts_service_pb2_grpc
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor

PAGE = 100
"""Alerts on a page where the caller names no number."""
LIST = "/tuoqi.alerts.v1.AlertsService/ListAlerts"


class AlertsServicer(alerts_service_pb2_grpc.AlertsServiceServicer):
    """Answers what is wrong, and takes that somebody takes it on."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def ListAlerts(self, request: pb.ListAlertsRequest, context: Any) -> pb.ListAlertsResponse:
        """A page of alerts that the caller may see, newest first."""
        size, actor = request.page_size or PAGE, current_actor()
        sight = sight_of(actor)
        wish = store.Wish(request.only_open, request.person_id, request.kind)
        async with self._desk.database.begin() as tx:
            page = await store.newest(tx, size + 1, before=_place(request.page_token), wish=wish, sight=sight)
            counts = await store.open_by_severity(tx, sight)
            await audit_shown(tx, page[:size], actor, LIST, self._desk.clock.now())
        shown = page[:size]
        return pb.ListAlertsResponse(
            alerts=[alert_message(seen) for seen in shown],
            next_page_token=_token(shown[-1]) if len(page) > size else "",
            open_by_severity=counts,
        )

    async def GetAlert(self, request: pb.GetAlertRequest, context: Any) -> pb.GetAlertResponse:
        """One alert with everything that happened; its own reporter without the right is told how it stands."""
        actor = current_actor()
        seen = await self._desk.stored(request.alert_id)
        if seen.alert.restricted and not actor.has(RESTRICTED) and actor.user in seen.alert.reporters:
            return pb.GetAlertResponse(alert=state_message(seen))
        require_sight(seen, actor)
        async with self._desk.database.begin() as tx:
            entries = await store.history_of(tx, request.alert_id)
        return pb.GetAlertResponse(
            alert=alert_message(seen), history=history_messages(entries, seen.book, self._desk.seal)
        )

    async def ListKinds(self, request: pb.ListKindsRequest, context: Any) -> pb.ListKindsResponse:
        """The kinds in force today, in the order of the county's file."""
        rules = self._desk.policy.on(self._desk.clock.now().astimezone(COUNTY_ZONE).date())
        return pb.ListKindsResponse(
            kinds=[
                pb.Kind(
                    kind=rule.kind,
                    name=rule.name,
                    closes=rule.closes,
                    reported=rule.reported,
                    restricted=rule.restricted,
                    subjects=rule.subjects,
                    causes=_words(rule.causes),
                    outcomes=_words(rule.outcomes),
                    acts=sorted(rule.acts),
                )
                for rule in rules.kinds
            ]
        )

    async def AcknowledgeAlert(self, request: pb.AcknowledgeAlertRequest, context: Any) -> pb.AcknowledgeAlertResponse:
        """Records that the caller took an alert on. Refuses state.not_found, auth.no_region, alerts.closed."""
        seen = await self._desk.find(request.alert_id)
        command = Acknowledge(request.alert_id)
        after = await self._desk.act(seen, "acknowledge", on_acknowledge, command)
        return pb.AcknowledgeAlertResponse(alert=alert_message(after))


def add_alerts(desk: Desk) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = AlertsServicer(desk)
    return lambda server: alerts_service_pb2_grpc.add_AlertsServiceServicer_to_server(servicer, server)


def _words(codes: tuple[Coded, ...]) -> dict[str, str]:
    return {one.code: one.name for one in codes}


def _token(seen: Seen) -> str:
    return f"{seen.alert.raised_at.isoformat()}|{seen.alert.alert_id}"


def _place(token: str) -> store.Place | None:
    place = place_of(token)
    return store.Place(*place) if place else None


def place_of(token: str) -> tuple[datetime, str] | None:
    """Where the last page ended: a moment and a key. Raises request.invalid."""
    if not token:
        return None
    moment, _, key = token.partition("|")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError as fault:
        raise TuoqiError("request.invalid", problem="page_token") from fault
    if at.tzinfo is None:
        raise TuoqiError("request.invalid", problem="page_token")
    return at, key
