"""`tuoqi visits coverage|unseen`: a month's visit rate against 100 %, opened to people, frozen; who waits longest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tuoqi.cli.options import AsJson, By, Limit, Purpose
from tuoqi.cli.output import emit, plain, say, show_rows
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.transfers import export_file
from tuoqi.contracts.visits.v1 import coverage_service_pb2 as pb
from tuoqi.contracts.visits.v1.coverage_service_pb2_grpc import CoverageServiceStub

app = typer.Typer()
coverage = typer.Typer(help="Monthly coverage 月探访率 against 100 %.", invoke_without_command=True)
app.add_typer(coverage, name="coverage")

Month = Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="The month.")]
ByWhat = Annotated[str, typer.Option("--by-what", help="village, township, worker, grade or channel.")]
Region = Annotated[str, typer.Option("--region", metavar="CODE", help="Only this region and those below it.")]
NUMBERS: Final = (
    ("应访", "to_see"),
    ("已访", "seen"),
    ("未访", "not_seen"),
    ("月探访率", "rate"),
    ("如期", "kept_own"),
    ("如期率", "rate_own"),
    ("人次", "visits"),
    ("有效", "visits_met"),
    ("逾期", "found"),
    ("补访", "made_up"),
    ("补录", "cleared"),
    ("撤销", "withdrawn"),
    ("终止", "ended"),
    ("未处理", "still_open"),
)


def _stub(platform: Platform) -> Any:
    return platform.stub(CoverageServiceStub, "visits")


@coverage.callback(epilog="Example: tuoqi visits coverage --month 2026-11 --by-what township --by reviewer.zhao")
def month_command(
    ctx: typer.Context,
    month: Month = "",
    by_what: ByWhat = "",
    region: Region = "",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write every breakdown as .csv or .xlsx instead.")
    ] = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Count a month: who was to be seen, who was, and by which rate."""
    if ctx.invoked_subcommand:
        return
    if out is not None:
        target = out
        rows = call(lambda platform: export_file(platform, "visits_coverage", target, subject=month), by)
        say(f"{month}：{rows} 行写入 {out}")
        return

    async def ask(platform: Platform) -> pb.CoverageMonth:
        request = pb.ComputeCoverageRequest(month=month, by=by_what, region=region)
        answer: pb.ComputeCoverageResponse = await _stub(platform).ComputeCoverage(request)
        return answer.coverage

    _show(call(ask, by), as_json=as_json)


@coverage.command(
    epilog="Example: tuoqi visits coverage rows --month 2026-11 --column not_seen --by reviewer.zhao --purpose 督办"
)
def rows(
    month: Month,
    column: Annotated[str, typer.Option("--column", help="、".join(name for _, name in NUMBERS if "rate" not in name))],
    by_what: ByWhat = "",
    key: Annotated[str, typer.Option("--key", help="The row: a region, worker, grade or channel.")] = "",
    region: Region = "",
    report: Annotated[str, typer.Option("--report", metavar="ID", help="Of a frozen month instead of now.")] = "",
    limit: Limit = 100,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Open a cell to the people behind it."""

    async def ask(platform: Platform) -> list[pb.CoveragePerson]:
        async def page(size: int, token: str) -> tuple[list[pb.CoveragePerson], str]:
            request = pb.ListCoverageRowsRequest(
                month=month,
                by=by_what,
                key=key,
                column=column,
                region=region,
                report_id=report,
                page_size=size,
                page_token=token,
            )
            answer: pb.ListCoverageRowsResponse = await _stub(platform).ListCoverageRows(request)
            return list(answer.people), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by, purpose)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    shown = [
        (
            one.person_id,
            one.grade,
            one.region,
            one.worker,
            one.visits,
            one.visits_met,
            one.found,
            one.still_open,
            one.number,
        )
        for one in found
    ]
    show_rows(("人员编号", "等级", "区划", "工作人员", "人次", "有效", "逾期", "未处理", "计入"), shown)
    say(f"列出 {len(found)} 人，合计 {sum(one.number for one in found)}")


@coverage.command(epilog="Example: tuoqi visits coverage freeze 2026年11月探访月报 --month 2026-11 --by reviewer.zhao")
def freeze(
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What people call the report.")],
    month: Month,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Count once and keep answers and people for ever 定稿."""

    async def act(platform: Platform) -> pb.CoverageReport:
        answer: pb.FreezeCoverageResponse = await _stub(platform).FreezeCoverage(
            pb.FreezeCoverageRequest(month=month, title=title)
        )
        return answer.report

    _show_report(call(act, by), as_json=as_json)


@coverage.command(epilog="Example: tuoqi visits coverage report --by reviewer.zhao")
def report(
    report_id: Annotated[str, typer.Argument(metavar="ID", help="A frozen month; without it the list.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Show a frozen month, or list them."""

    async def ask(platform: Platform) -> list[pb.CoverageReport]:
        if report_id:
            one: pb.GetCoverageReportResponse = await _stub(platform).GetCoverageReport(
                pb.GetCoverageReportRequest(report_id=report_id)
            )
            return [one.report]
        listed: pb.ListCoverageReportsResponse = await _stub(platform).ListCoverageReports(
            pb.ListCoverageReportsRequest()
        )
        return list(listed.reports)

    found = call(ask, by)
    if report_id:
        _show_report(found[0], as_json=as_json)
    elif as_json:
        for one in found:
            emit(plain(one))
    else:
        show_rows(
            ("编号", "名称", "月份", "定稿人"), [(one.report_id, one.title, one.month, one.frozen_by) for one in found]
        )


@coverage.command("rebuild-spans", epilog="Example: tuoqi visits coverage rebuild-spans --by reviewer.zhao")
def rebuild(by: By = "", as_json: AsJson = False) -> None:
    """Read again from the service's own events when plans ran; needed once where plans are older than coverage."""

    async def act(platform: Platform) -> int:
        answer: pb.RebuildPlanSpansResponse = await _stub(platform).RebuildPlanSpans(pb.RebuildPlanSpansRequest())
        return answer.spans

    spans = call(act, by)
    if as_json:
        emit({"spans": spans})
    else:
        say(f"计划区间共 {spans} 段")


@app.command(epilog="Example: tuoqi visits unseen --days 60 --names --by supervisor.gu")
def unseen(
    days: Annotated[int, typer.Option("--days", min=0, help="Only people not seen for at least so many days.")] = 0,
    region: Region = "",
    grade: Annotated[str, typer.Option("--grade", help="Only this grade.")] = "",
    worker: Annotated[str, typer.Option("--worker", metavar="ID", help="Only people assigned to this worker.")] = "",
    names: Annotated[bool, typer.Option("--names", help="With names, by the registry and your rights.")] = False,
    limit: Limit = 50,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """List who has not been seen for longest 最久未见."""

    async def ask(platform: Platform) -> list[pb.Unseen]:
        async def page(size: int, token: str) -> tuple[list[pb.Unseen], str]:
            request = pb.ListUnseenRequest(
                region=region,
                grade=grade,
                worker=worker,
                days_least=days,
                names=names,
                page_size=size,
                page_token=token,
            )
            answer: pb.ListUnseenResponse = await _stub(platform).ListUnseen(request)
            return list(answer.people), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by, purpose)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    shown = [
        (one.days, one.last_seen_on or "从未", one.name, one.grade, one.region, one.deadline, one.worker, one.person_id)
        for one in found
    ]
    show_rows(("天数", "上次见到", "姓名", "等级", "区划", "截止", "工作人员", "人员编号"), shown, right=("天数",))


def _show(month: pb.CoverageMonth, *, as_json: bool) -> None:
    if as_json:
        emit(plain(month))
        return
    shown = [(line.key or "—", *(_number(name, getattr(line, name)) for _, name in NUMBERS)) for line in month.lines]
    shown.append(("合计", *(_number(name, getattr(month.total, name)) for _, name in NUMBERS)))
    heads = tuple(head for head, _ in NUMBERS)
    show_rows(("范围", *heads), shown, right=heads)
    say(
        f"{month.month}：月探访率 {_number('rate', month.total.rate)}（目标 100%），"
        f"各行与合计{'一致' if month.adds_up else '不一致，请报告'}；另有非应访人员 {month.visits_of_others} 人次"
    )


def _show_report(one: pb.CoverageReport, *, as_json: bool) -> None:
    if as_json:
        emit(plain(one))
        return
    for month in one.coverage:
        _show(month, as_json=False)
    say(f"{one.title}（{one.report_id}）：由 {one.frozen_by} 定稿，校验值 {one.content_hash[:16]}")


def _number(name: str, value: int) -> str:
    return f"{value // 100}.{value % 100:02d}%" if name.startswith("rate") else str(value)
