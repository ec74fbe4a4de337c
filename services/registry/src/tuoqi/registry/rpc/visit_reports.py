"""VisitReportService: people of whom a visit says that they moved or died, for the clerks to check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import grpc

from tuoqi.contracts.registry.v1 import visit_report_service_pb2 as pb
from tuoqi.contracts.registry.v1 import visit_report_service_pb2_grpc
from tuoqi.kit.commands import Commander
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.masking import mask_number
from tuoqi.kit.rpc.server import current_actor
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.visit_reports import open_reports, refute_reports

PAGE: Final = 100


class VisitReportServicer(visit_report_service_pb2_grpc.VisitReportServiceServicer):
    """A report is closed by the register itself once it knows the death or move, or by a clerk who refutes it."""

    def __init__(self, database: Database, desk: Desk, commander: Commander) -> None:
        self._database = database
        self._desk = desk
        self._commander = commander
        self._persons = PersonStore(desk.vault)

    async def ListVisitReports(self, request: pb.ListVisitReportsRequest, context: Any) -> pb.ListVisitReportsResponse:
        """What is neither recorded nor refuted."""
        actor, size = current_actor(), request.page_size or PAGE
        actor.require_purpose()
        person, _, kind = request.page_token.partition("~")
        async with self._database.begin() as tx:
            rows = await open_reports(tx, actor.regions, after=(person, kind), size=size)
            ring = self._desk.vault.ring()
            people = await self._persons.load(tx, {row.person_id for row in rows}, ring, lock=False)
        return pb.ListVisitReportsResponse(
            reports=[
                pb.VisitReport(
                    person_id=row.person_id,
                    name=people[row.person_id].private.get("name", ""),
                    number=mask_number(people[row.person_id].number) or people[row.person_id].temp_id,
                    region=people[row.person_id].region,
                    kind=row.kind,
                    kind_name=self._desk.policy.comparison.name(row.kind),
                    first_on=row.first_on.isoformat(),
                    last_on=row.last_on.isoformat(),
                    reports=row.reports,
                )
                for row in rows
            ],
            next_page_token=f"{rows[-1].person_id}~{rows[-1].kind}" if len(rows) == size else "",
        )

    async def RefuteVisitReport(
        self, request: pb.RefuteVisitReportRequest, context: Any
    ) -> pb.RefuteVisitReportResponse:
        """It is not so. A later visit that says it again is a new report."""
        actor = current_actor()

        async def body(tx: Tx) -> int:
            act = await self._desk.begin(tx, actor)
            people = await self._persons.load(tx, [request.person_id], act.ring, lock=False)
            person = people.get(request.person_id)
            if person is None or not actor.may_act_in(person.region):
                raise TuoqiError("comparison.finding_unknown")
            closed = await refute_reports(
                tx, person.person_id, request.kind, by=actor.user, at=act.at, reason=request.reason, ring=act.ring
            )
            if not closed:
                raise TuoqiError("comparison.finding_unknown")
            return closed

        return pb.RefuteVisitReportResponse(reports=await self._commander.transaction(body))


def add_visit_reports(servicer: VisitReportServicer) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    return lambda server: visit_report_service_pb2_grpc.add_VisitReportServiceServicer_to_server(servicer, server)
