"""CoverageService: a month's coverage, opened to people, frozen; and who has not been seen for longest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import grpc

from tuoqi.contracts.visits.v1 import coverage_service_pb2 as pb
from tuoqi.contracts.visits.v1 import coverage_service_pb2_grpc
from tuoqi.kit.commands import Commander
from tuoqi.kit.database import Database
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.jobs import coverage as jobs
from tuoqi.visits.jobs.reports import Freezer
from tuoqi.visits.jobs.spans import rebuild_spans
from tuoqi.visits.peers import People
from tuoqi.visits.rpc.paging import PAGE, day_place, write_place
from tuoqi.visits.rpc.visits import prefix_of
from tuoqi.visits.store import coverage as store
from tuoqi.visits.store.reports import Report, find_report, newest_reports


class CoverageServicer(coverage_service_pb2_grpc.CoverageServiceServicer):
    """Counts within the regions of whoever asks; token, right and audit are checked before a method runs."""

    def __init__(self, commander: Commander, database: Database, people: People, freezer: Freezer) -> None:
        self._commander = commander
        self._database = database
        self._people = people
        self._freezer = freezer

    async def ComputeCoverage(self, request: pb.ComputeCoverageRequest, context: Any) -> pb.ComputeCoverageResponse:
        """A month, now."""
        month = jobs.month_of(request.month, current_actor().regions, prefix_of(request.region))
        async with self._database.begin() as tx:
            await store.gather(tx, month)
            return pb.ComputeCoverageResponse(coverage=await jobs.compute(tx, request.month, month, request.by))

    async def ListCoverageRows(self, request: pb.ListCoverageRowsRequest, context: Any) -> pb.ListCoverageRowsResponse:
        """The people behind a cell, now or of a frozen month; only for a purpose."""
        actor = current_actor()
        actor.require_purpose()
        page = request.page_size or PAGE
        month = jobs.month_of(request.month, actor.regions, prefix_of(request.region))
        async with self._database.begin() as tx:
            if request.report_id:
                await self._known(tx, request.report_id)
            else:
                await store.gather(tx, month)
            rows = await store.page_of_people(
                tx,
                request.by,
                request.key,
                request.column,
                request.page_token,
                page + 1,
                report_id=request.report_id,
                regions=actor.regions,
            )
        return pb.ListCoverageRowsResponse(
            people=[_person(row) for row in rows[:page]],
            next_page_token=rows[page - 1].person_id if len(rows) > page else "",
        )

    async def ListUnseen(self, request: pb.ListUnseenRequest, context: Any) -> pb.ListUnseenResponse:
        """Whoever has not been seen for longest first."""
        page, today = request.page_size or PAGE, day_of(self._freezer.clock.now())
        async with self._database.begin() as tx:
            rows = await store.unseen(
                tx,
                regions=current_actor().regions,
                below=prefix_of(request.region),
                grade=request.grade,
                worker=request.worker,
                by_day=today - timedelta(days=request.days_least),
                after=day_place(request.page_token),
                page=page + 1,
            )
        names: dict[str, str] = {}
        if request.names and rows:
            described = await self._people.describe([row.person_id for row in rows[:page]], reveal=False)
            names = {one.person_id: one.name for one in described}
        return pb.ListUnseenResponse(
            people=[
                pb.Unseen(
                    person_id=row.person_id,
                    name=names.get(row.person_id, ""),
                    region=row.region,
                    grade=row.grade,
                    worker=row.worker,
                    last_seen_on=row.last_seen.isoformat() if row.last_seen else "",
                    opened_on=row.opened_on.isoformat(),
                    days=(today - row.since).days,
                    deadline=row.deadline.isoformat(),
                )
                for row in rows[:page]
            ],
            next_page_token=write_place(rows[page - 1].since, rows[page - 1].person_id) if len(rows) > page else "",
        )

    async def FreezeCoverage(self, request: pb.FreezeCoverageRequest, context: Any) -> pb.FreezeCoverageResponse:
        """Count once, keep for ever."""
        async with self._database.begin() as tx:
            report = await jobs.freeze(tx, self._freezer, request.month, request.title.strip(), current_actor())
        return pb.FreezeCoverageResponse(report=_view(report, whole=True))

    async def GetCoverageReport(
        self, request: pb.GetCoverageReportRequest, context: Any
    ) -> pb.GetCoverageReportResponse:
        """A frozen month, as it was."""
        self._freezer.county_actor(current_actor())
        async with self._database.begin() as tx:
            report = await self._known(tx, request.report_id)
        return pb.GetCoverageReportResponse(report=_view(report, whole=True))

    async def ListCoverageReports(
        self, request: pb.ListCoverageReportsRequest, context: Any
    ) -> pb.ListCoverageReportsResponse:
        """The newest first."""
        self._freezer.county_actor(current_actor())
        async with self._database.begin() as tx:
            found = await newest_reports(tx, jobs.KIND, request.page_size or PAGE)
        return pb.ListCoverageReportsResponse(reports=[_view(report, whole=False) for report in found])

    async def RebuildPlanSpans(self, request: pb.RebuildPlanSpansRequest, context: Any) -> pb.RebuildPlanSpansResponse:
        """Read again when plans ran."""
        self._freezer.county_actor(current_actor())
        return pb.RebuildPlanSpansResponse(spans=await rebuild_spans(self._commander))

    @staticmethod
    async def _known(tx: Any, report_id: str) -> Report:
        report = await find_report(tx, jobs.KIND, report_id)
        if report is None:
            raise TuoqiError("visits.report_unknown")
        return report


def _person(row: Any) -> pb.CoveragePerson:
    return pb.CoveragePerson(
        person_id=row.person_id,
        grade=row.grade,
        region=row.region,
        worker=row.worker,
        channel=row.channel,
        seen=row.seen,
        kept_own=row.kept_own,
        visits=row.visits,
        visits_met=row.met,
        found=row.found,
        still_open=row.still_open,
        number=row.adds,
    )


def _view(report: Report, *, whole: bool) -> pb.CoverageReport:
    return pb.CoverageReport(
        report_id=report.report_id,
        title=report.title,
        month=f"{report.first_day:%Y-%m}",
        frozen_at=stamp_of(report.frozen_at),
        frozen_by=report.frozen_by,
        content_hash=report.content_hash,
        coverage=jobs.content_of(report) if whole else (),
    )


def add_coverage(
    commander: Commander, database: Database, people: People, freezer: Freezer
) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = CoverageServicer(commander, database, people, freezer)
    return lambda server: coverage_service_pb2_grpc.add_CoverageServiceServicer_to_server(servicer, server)
