"""VisitFigureService: figures counted, opened to rows, frozen as reports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import grpc

from tuoqi.contracts.visits.v1 import visit_figure_service_pb2 as pb
from tuoqi.contracts.visits.v1 import visit_figure_service_pb2_grpc
from tuoqi.kit.database import Database
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.visits.domain.figures import Figures, Period
from tuoqi.visits.jobs.figures import KIND, FigureDesk, content_of
from tuoqi.visits.jobs.reports import Freezer
from tuoqi.visits.rpc.paging import PAGE, read_day
from tuoqi.visits.rpc.visits import prefix_of
from tuoqi.visits.store.reports import Report, find_report, newest_reports

_PARTS = 4
"""Of a token: day, source, id, person."""


class VisitFigureServicer(visit_figure_service_pb2_grpc.VisitFigureServiceServicer):
    """Counts. Token, right and audit are checked before a method runs."""

    def __init__(self, database: Database, figures: Figures, freezer: Freezer) -> None:
        self._database = database
        self._freezer = freezer
        self._desk = FigureDesk(figures, freezer)

    async def ComputeVisitFigures(
        self, request: pb.ComputeVisitFiguresRequest, context: Any
    ) -> pb.ComputeVisitFiguresResponse:
        """All figures asked for, in one reading."""
        period, below = _period(request.period), prefix_of(request.region)
        asked = self._desk.ask(request.figure_ids, period, current_actor(), below, request.by)
        async with self._database.begin() as tx:
            return await self._desk.compute(tx, asked)

    async def ListVisitFigureRows(
        self, request: pb.ListVisitFigureRowsRequest, context: Any
    ) -> pb.ListVisitFigureRowsResponse:
        """What a figure counted, a page at a time; only for a purpose."""
        actor = current_actor()
        actor.require_purpose()
        asked = self._desk.ask([request.figure_id], _period(request.period), actor, prefix_of(request.region))
        async with self._database.begin() as tx:
            rows, token = await self._desk.rows(tx, asked, _place(request.page_token), request.page_size or PAGE)
        return pb.ListVisitFigureRowsResponse(rows=rows, next_page_token=token)

    async def FreezeVisitReport(
        self, request: pb.FreezeVisitReportRequest, context: Any
    ) -> pb.FreezeVisitReportResponse:
        """Count once and keep the answer."""
        actor = current_actor()
        asked = self._desk.ask((), _period(request.period), actor, "", request.by)
        async with self._database.begin() as tx:
            report = await self._desk.freeze(tx, asked, request.title.strip(), actor)
        return pb.FreezeVisitReportResponse(report=_view(report, whole=True))

    async def GetVisitReport(self, request: pb.GetVisitReportRequest, context: Any) -> pb.GetVisitReportResponse:
        """A frozen report, as it was."""
        self._freezer.county_actor(current_actor())
        async with self._database.begin() as tx:
            report = await find_report(tx, KIND, request.report_id)
        if report is None:
            raise TuoqiError("visits.report_unknown")
        return pb.GetVisitReportResponse(report=_view(report, whole=True))

    async def ListVisitReports(self, request: pb.ListVisitReportsRequest, context: Any) -> pb.ListVisitReportsResponse:
        """The newest first."""
        self._freezer.county_actor(current_actor())
        async with self._database.begin() as tx:
            found = await newest_reports(tx, KIND, request.page_size or PAGE)
        return pb.ListVisitReportsResponse(reports=[_view(report, whole=False) for report in found])


def _period(asked: pb.VisitPeriod) -> Period:
    first, last = read_day(asked.first_day), read_day(asked.last_day)
    if first is None or last is None or last < first:
        raise TuoqiError("visits.figure_period", first=asked.first_day, last=asked.last_day)
    return Period(first, last)


def _place(token: str) -> tuple[date, str, str, str] | None:
    if not token:
        return None
    parts = token.split("~")
    if len(parts) != _PARTS:
        raise TuoqiError("visits.bad_page")
    day = read_day(parts[0])
    if day is None:
        raise TuoqiError("visits.bad_page")
    return day, parts[1], parts[2], parts[3]


def _view(report: Report, *, whole: bool) -> pb.VisitReport:
    return pb.VisitReport(
        report_id=report.report_id,
        title=report.title,
        period=pb.VisitPeriod(first_day=report.first_day.isoformat(), last_day=report.last_day.isoformat()),
        by=report.broken_down_by,
        frozen_at=stamp_of(report.frozen_at),
        frozen_by=report.frozen_by,
        definitions_hash=report.definitions_hash,
        content_hash=report.content_hash,
        figures=content_of(report) if whole else (),
    )


def add_figures(database: Database, figures: Figures, freezer: Freezer) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = VisitFigureServicer(database, figures, freezer)
    return lambda server: visit_figure_service_pb2_grpc.add_VisitFigureServiceServicer_to_server(servicer, server)
