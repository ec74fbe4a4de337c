"""WarningService: weather warnings taken over, ended, listed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from tuoqi.alerts.domain.warnings import WeatherWarning
from tuoqi.alerts.jobs.warnings import Bulletin, WarningDesk
from tuoqi.alerts.rpc.alerts import PAGE, place_of
from tuoqi.alerts.store.warnings import list_warnings
from tuoqi.contracts.alerts.v1 import warning_service_pb2 as pb
from tuoqi.contracts.alerts.v1 import warning_service_pb2_grpc
from tuoqi.kit.database import Database
from tuoqi.kit.rights import current_actor
from tuoqi.kit.stamps import moment_of, stamp_of


class WarningServicer(warning_service_pb2_grpc.WarningServiceServicer):
    """Takes warnings over and ends them."""

    def __init__(self, desk: WarningDesk, database: Database) -> None:
        self._desk = desk
        self._database = database

    async def IssueWarning(self, request: pb.IssueWarningRequest, context: Any) -> pb.IssueWarningResponse:
        """Take a warning over; once for each key."""
        bulletin = Bulletin(
            key=request.key,
            kind=request.kind,
            colour=request.colour,
            regions=tuple(request.regions),
            begins_at=moment_of(request.begins_at) if request.HasField("begins_at") else None,
            ends_at=moment_of(request.ends_at) if request.HasField("ends_at") else None,
        )
        warning, repeated = await self._desk.issue(bulletin, current_actor())
        return pb.IssueWarningResponse(warning=_message(warning), repeated=repeated)

    async def EndWarning(self, request: pb.EndWarningRequest, context: Any) -> pb.EndWarningResponse:
        """End a warning now."""
        return pb.EndWarningResponse(warning=_message(await self._desk.end(request.warning_id, current_actor())))

    async def ListWarnings(self, request: pb.ListWarningsRequest, context: Any) -> pb.ListWarningsResponse:
        """A page of the warnings that concern the caller's regions, newest first."""
        size = request.page_size or PAGE
        async with self._database.begin() as tx:
            page = await list_warnings(
                tx,
                size + 1,
                only_holding=request.only_holding,
                before=place_of(request.page_token),
                prefixes=current_actor().regions,
            )
        shown = page[:size]
        last = shown[-1] if len(page) > size else None
        return pb.ListWarningsResponse(
            warnings=[_message(one) for one in shown],
            next_page_token=f"{last.issued_at.isoformat()}|{last.warning_id}" if last else "",
        )


def _message(one: WeatherWarning) -> pb.Warning:
    return pb.Warning(
        warning_id=one.warning_id,
        kind=one.kind,
        colour=one.colour,
        regions=one.regions,
        begins_at=stamp_of(one.begins_at),
        ends_at=stamp_of(one.ends_at),
        tasks_due_at=stamp_of(one.tasks_due_at),
        issued_at=stamp_of(one.issued_at),
        issued_by=one.issued_by,
        ended_at=stamp_of(one.ended_at),
        ended_by=one.ended_by,
    )


def add_warnings(desk: WarningDesk, database: Database) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = WarningServicer(desk, database)
    return lambda server: warning_service_pb2_grpc.add_WarningServiceServicer_to_server(servicer, server)
