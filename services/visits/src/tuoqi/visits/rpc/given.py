"""GivenService: services given, recorded and counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import grpc

from tuoqi.contracts.visits.v1 import given_service_pb2 as pb
from tuoqi.contracts.visits.v1 import given_service_pb2_grpc
from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.database import Database
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor
from tuoqi.visits.domain.given import ServiceKinds
from tuoqi.visits.jobs.given import Given, GivenDesk
from tuoqi.visits.rpc.paging import read_day
from tuoqi.visits.rpc.visits import prefix_of
from tuoqi.visits.store import given as store


class GivenServicer(given_service_pb2_grpc.GivenServiceServicer):
    """Records and counts within the regions of whoever calls."""

    def __init__(self, desk: GivenDesk, database: Database, clock: BusinessClock, kinds: ServiceKinds) -> None:
        self._desk = desk
        self._database = database
        self._clock = clock
        self._kinds = kinds

    async def RecordServices(self, request: pb.RecordServicesRequest, context: Any) -> pb.RecordServicesResponse:
        """All of them or none."""
        services = [
            Given(one.key, one.person_id, one.kind, one.count, _day(one.day), one.provider) for one in request.services
        ]
        recorded = await self._desk.record(current_actor(), services, self._clock.now())
        return pb.RecordServicesResponse(recorded=recorded, known_before=len(services) - recorded)

    async def ListServices(self, request: pb.ListServicesRequest, context: Any) -> pb.ListServicesResponse:
        """People and times, told apart."""
        asked: dict[str, Any] = {
            "regions": current_actor().regions,
            "below": prefix_of(request.region),
            "kind": request.kind,
            "first": _day(getattr(request, "from")),
            "last": _day(request.to),
        }
        async with self._database.begin() as tx:
            lines = await store.count_given(tx, by=request.by, **asked) if request.by else []
            (total,) = await store.count_given(tx, by=(), **asked)
        return pb.ListServicesResponse(lines=[self._line(row) for row in lines], total=self._line(total))

    def _line(self, row: Any) -> pb.ServiceCount:
        code = getattr(row, "kind", "")
        kind = self._kinds.named(code)
        return pb.ServiceCount(
            kind=code,
            name=kind.name,
            unit=kind.unit,
            group=kind.group,
            village=getattr(row, "village", ""),
            month=getattr(row, "month", ""),
            people=row.people,
            times=row.times,
            times_at_visits=row.times_at_visits,
        )


def _day(text: str) -> date:
    day = read_day(text)
    if day is None:
        raise TuoqiError("visits.bad_date", value="")
    return day


def add_given(
    desk: GivenDesk, database: Database, clock: BusinessClock, kinds: ServiceKinds
) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = GivenServicer(desk, database, clock, kinds)
    return lambda server: given_service_pb2_grpc.add_GivenServiceServicer_to_server(servicer, server)
