"""ReportService: what people report, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from tuoqi.alerts import store
from tuoqi.alerts.domain.parts import FACILITY, PERSON, UNKNOWN, WATER_POINT, Subject
from tuoqi.alerts.jobs.reports import Form, ReportDesk
from tuoqi.alerts.rpc.alerts import PAGE, place_of
from tuoqi.alerts.rpc.messages import evidence_of
from tuoqi.contracts.alerts.v1 import report_service_pb2 as pb
from tuoqi.contracts.alerts.v1 import report_service_pb2_grpc
from tuoqi.kit.database import Database
from tuoqi.kit.rights import current_actor
from tuoqi.kit.stamps import stamp_of


class ReportServicer(report_service_pb2_grpc.ReportServiceServicer):
    """Takes reports."""

    def __init__(self, desk: ReportDesk, database: Database) -> None:
        self._desk = desk
        self._database = database

    async def ReportAlert(self, request: pb.ReportAlertRequest, context: Any) -> pb.ReportAlertResponse:
        """Raise an alert or join the open one; once for each key."""
        form = Form(
            key=request.key,
            kind=request.kind,
            subject=_subject(request),
            cause=request.cause,
            text=request.text,
            evidence=evidence_of(request.evidence),
        )
        taken = await self._desk.take(form, current_actor())
        return pb.ReportAlertResponse(alert_id=taken.alert_id, joined=taken.joined, repeated=taken.repeated)

    async def ListMyReports(self, request: pb.ListMyReportsRequest, context: Any) -> pb.ListMyReportsResponse:
        """What the caller reported, newest first."""
        size = request.page_size or PAGE
        async with self._database.begin() as tx:
            page = await store.reports_by(tx, current_actor().user, size + 1, place_of(request.page_token))
        shown = page[:size]
        last = shown[-1].report if len(page) > size else None
        return pb.ListMyReportsResponse(
            reports=[
                pb.MyReport(
                    key=one.report.key,
                    alert_id=one.report.alert_id,
                    kind=one.report.kind,
                    cause=one.report.cause,
                    reported_at=stamp_of(one.report.reported_at),
                    acknowledged=one.acknowledged,
                    closed=one.closed,
                )
                for one in shown
            ],
            next_page_token=f"{last.reported_at.isoformat()}|{last.key}" if last else "",
        )


def _subject(request: pb.ReportAlertRequest) -> Subject:
    which = request.WhichOneof("subject")
    if which == "person_id":
        return Subject(PERSON, request.person_id)
    if which == "facility":
        return Subject(FACILITY, request.facility, request.region)
    if which == "water_point":
        return Subject(WATER_POINT, request.water_point, request.region)
    return Subject(UNKNOWN, "", request.region)


def add_reports(desk: ReportDesk, database: Database) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = ReportServicer(desk, database)
    return lambda server: report_service_pb2_grpc.add_ReportServiceServicer_to_server(servicer, server)
