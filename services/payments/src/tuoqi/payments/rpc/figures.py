"""What is asked about figures of what was paid: counted, opened to rows, frozen as reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from tuoqi.contracts.payments.v1 import paid_figure_service_pb2 as pb
from tuoqi.contracts.payments.v1 import paid_figure_service_pb2_grpc
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.payments.domain.figures import Figures
from tuoqi.payments.jobs.figures import PaidDesk, content_of, period_of
from tuoqi.payments.jobs.tools import Tools, county_actor
from tuoqi.payments.rpc.reading import read_line_place
from tuoqi.payments.store.figures import Report, find_report, newest_reports

PAGE = 100


class PaidFigureServicer(paid_figure_service_pb2_grpc.PaidFigureServiceServicer):
    """Counts. Token, right and audit are checked before a method runs."""

    def __init__(self, tools: Tools, figures: Figures) -> None:
        self._tools = tools
        self._desk = PaidDesk(tools, figures)

    async def ComputePaidFigures(
        self, request: pb.ComputePaidFiguresRequest, context: Any
    ) -> pb.ComputePaidFiguresResponse:
        """All figures asked for, in one reading."""
        period = period_of(request.period)
        asked = self._desk.ask(request.figure_ids, period, request.region, request.by, current_actor())
        async with self._tools.database.begin() as tx:
            figures = await self._desk.compute(tx, asked)
        return pb.ComputePaidFiguresResponse(figures=figures, definitions_hash=self._desk.figures.version)

    async def ListPaidFigureRows(
        self, request: pb.ListPaidFigureRowsRequest, context: Any
    ) -> pb.ListPaidFigureRowsResponse:
        """What a figure counted, a page at a time; only for a purpose."""
        actor = current_actor()
        actor.require_purpose()
        asked = self._desk.ask([request.figure_id], period_of(request.period), request.region, "", actor)
        async with self._tools.database.begin() as tx:
            rows, token = await self._desk.rows(
                tx, asked, read_line_place(request.page_token), request.page_size or PAGE
            )
        return pb.ListPaidFigureRowsResponse(rows=rows, next_page_token=token)

    async def FreezePaidReport(self, request: pb.FreezePaidReportRequest, context: Any) -> pb.FreezePaidReportResponse:
        """Count once and keep the answer."""
        actor = county_actor(self._tools.policy)
        asked = self._desk.ask((), period_of(request.period), "", request.by, actor)
        async with self._tools.database.begin() as tx:
            report = await self._desk.freeze(tx, asked, request.title, actor.user)
        return pb.FreezePaidReportResponse(report=_view(report, with_figures=True))

    async def GetPaidReport(self, request: pb.GetPaidReportRequest, context: Any) -> pb.GetPaidReportResponse:
        """A frozen report, as it was."""
        county_actor(self._tools.policy)
        async with self._tools.database.begin() as tx:
            report = await find_report(tx, request.report_id)
        if report is None:
            raise TuoqiError("state.not_found", what="报表")
        return pb.GetPaidReportResponse(report=_view(report, with_figures=True))

    async def ListPaidReports(self, request: pb.ListPaidReportsRequest, context: Any) -> pb.ListPaidReportsResponse:
        """The frozen reports, newest first."""
        county_actor(self._tools.policy)
        async with self._tools.database.begin() as tx:
            found = await newest_reports(tx, request.page_size or PAGE)
        return pb.ListPaidReportsResponse(reports=[_view(report, with_figures=False) for report in found])


def _view(report: Report, *, with_figures: bool) -> pb.PaidReport:
    return pb.PaidReport(
        report_id=report.report_id,
        title=report.title,
        period=pb.PaidPeriod(first_day=report.first_day.isoformat(), last_day=report.last_day.isoformat()),
        by=report.broken_down_by,
        frozen_at=stamp_of(report.frozen_at),
        frozen_by=report.frozen_by,
        definitions_hash=report.definitions_hash,
        content_hash=report.content_hash,
        figures=content_of(report) if with_figures else (),
    )


def add_figures(tools: Tools, figures: Figures) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = PaidFigureServicer(tools, figures)
    return lambda server: paid_figure_service_pb2_grpc.add_PaidFigureServiceServicer_to_server(servicer, server)
