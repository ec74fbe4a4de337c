"""`tuoqi visits`: who must be seen and who was missed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tuoqi.cli.commands import (
    visit_contracts,
    visit_coverage,
    visit_figures,
    visit_records,
    visit_referrals,
    visit_tasks,
)
from tuoqi.cli.options import AsJson, By, Limit, PersonId
from tuoqi.cli.output import emit, plain, say, show_rows
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.contracts.visits.v1 import visits_service_pb2 as pb
from tuoqi.contracts.visits.v1.visits_service_pb2_grpc import VisitsServiceStub

app = typer.Typer(help="Who must be seen, who was missed.")
app.add_typer(visit_tasks.app)
app.add_typer(visit_coverage.app)
app.add_typer(visit_figures.app, name="figures")
app.add_typer(visit_referrals.app)
app.add_typer(visit_records.app)
app.add_typer(visit_contracts.app)


@app.callback()
def visits() -> None:
    """Who must be seen, who was missed."""


@app.command(epilog="Example: tuoqi visits overdue --state OPEN --by clerk.li")
def overdue(
    state: Annotated[str, typer.Option("--state", help="OPEN, CLEARED, MADE_UP, WITHDRAWN or ENDED.")] = "",
    person: PersonId = "",
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List missed visits 逾期探访, newest deadline first."""

    async def ask(platform: Platform) -> tuple[list[pb.Overdue], dict[str, int]]:
        stub: Any = platform.stub(VisitsServiceStub, "visits")
        counts: dict[str, int] = {}

        async def page(size: int, token: str) -> tuple[list[pb.Overdue], str]:
            request = pb.ListOverdueRequest(state=state, person_id=person, page_size=size, page_token=token)
            answer: pb.ListOverdueResponse = await stub.ListOverdue(request)
            counts.update(answer.count_by_state)
            return list(answer.overdues), answer.next_page_token

        return await pages(page, limit), counts

    found, counts = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [(one.deadline, one.state, one.grade, one.person_id, one.overdue_id) for one in found]
    show_rows(("截止", "状态", "等级", "人员编号", "逾期编号"), rows)
    say("，".join(f"{name} {count}" for name, count in sorted(counts.items())) or "没有逾期探访")


@app.command(epilog="Example: tuoqi visits tasks --region 990101101 --due-by 2026-11-30 --by clerk.li")
def tasks(
    region: Annotated[str, typer.Option("--region", help="Only this region and those below it.")] = "",
    due_by: Annotated[str, typer.Option("--due-by", metavar="YYYY-MM-DD", help="Only those due by this day.")] = "",
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List visits to be made 探访任务, the most urgent first."""

    async def ask(platform: Platform) -> list[pb.VisitTask]:
        stub: Any = platform.stub(VisitsServiceStub, "visits")

        async def page(size: int, token: str) -> tuple[list[pb.VisitTask], str]:
            request = pb.ListTasksRequest(region=region, due_by=due_by, page_size=size, page_token=token)
            answer: pb.ListTasksResponse = await stub.ListTasks(request)
            return list(answer.tasks), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [(one.deadline, one.grade, one.region, one.person_id, one.window_first) for one in found]
    show_rows(("截止", "等级", "区划", "人员编号", "起"), rows)
