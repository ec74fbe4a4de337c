"""`tuoqi visits figures`: figures of visits, services, activities and pairings, opened to rows, frozen for ever."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from tuoqi.cli.options import AsJson, By, Limit, Purpose
from tuoqi.cli.output import emit, plain, say, show_rows
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.contracts.visits.v1 import visit_figure_service_pb2 as pb
from tuoqi.contracts.visits.v1.visit_figure_service_pb2_grpc import VisitFigureServiceStub

app = typer.Typer(help="Figures 探访、活动统计: 人 and 人次 apart.", invoke_without_command=True)
First = Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day of the period.")]
Last = Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day of the period.")]
Region = Annotated[str, typer.Option("--region", metavar="CODE", help="Only this region and those below it.")]
ByTownship = Annotated[bool, typer.Option("--by-township", help="Broken down by township.")]
ByVillage = Annotated[bool, typer.Option("--by-village", help="Broken down by village.")]
NOT_TOLD = "不单列"


def _stub(platform: Platform) -> Any:
    return platform.stub(VisitFigureServiceStub, "visits")


@app.callback(epilog="Example: tuoqi visits figures --from 2026-11-01 --to 2026-11-30 --by-township --by reviewer.zhao")
def figures(
    ctx: typer.Context,
    first: First = "",
    last: Last = "",
    ids: Annotated[list[str] | None, typer.Option("--id", help="Only these, like IND-028; default all.")] = None,
    region: Region = "",
    by_township: ByTownship = False,
    by_village: ByVillage = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Count, all figures in one reading."""
    if ctx.invoked_subcommand:
        return

    async def ask(platform: Platform) -> pb.ComputeVisitFiguresResponse:
        request = pb.ComputeVisitFiguresRequest(
            figure_ids=ids or [],
            period=_period(first, last),
            region=region,
            by=_by(by_township=by_township, by_village=by_village),
        )
        answer: pb.ComputeVisitFiguresResponse = await _stub(platform).ComputeVisitFigures(request)
        return answer

    answer = call(ask, by)
    _show(answer.figures, as_json=as_json)
    if not as_json:
        for problem in answer.problems:
            say(f"勾稽不符：{problem}")
        say(f"{first} 至 {last}；人只数登记到人的，“未登记到人”的只进人次")


@app.command(
    epilog="Example: tuoqi visits figures rows IND-029 --from 2026-11-01 --to 2026-11-30 --by clerk.li --purpose 核对"
)
def rows(
    figure: Annotated[str, typer.Argument(metavar="ID", help="A figure, like IND-029.")],
    first: First,
    last: Last,
    region: Region = "",
    limit: Limit = 100,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Open a figure to what it counted 明细."""

    async def ask(platform: Platform) -> list[pb.VisitFigureRow]:
        async def page(size: int, token: str) -> tuple[list[pb.VisitFigureRow], str]:
            request = pb.ListVisitFigureRowsRequest(
                figure_id=figure, period=_period(first, last), region=region, page_size=size, page_token=token
            )
            answer: pb.ListVisitFigureRowsResponse = await _stub(platform).ListVisitFigureRows(request)
            return list(answer.rows), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by, purpose)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    shown = [
        (one.day, one.source, one.source_id, one.person_id, one.region, f"{'约' if one.approximate else ''}{one.times}")
        for one in found
    ]
    show_rows(("日期", "来源", "来源编号", "人员编号", "区划", "计入"), shown)
    say(f"{figure}：列出 {len(found)} 条")


@app.command(
    epilog="Example: tuoqi visits figures freeze 2026年11月月报 --from 2026-11-01 --to 2026-11-30 --by reviewer.zhao"
)
def freeze(
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What people call the report.")],
    first: First,
    last: Last,
    by_township: ByTownship = False,
    by_village: ByVillage = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Count once and keep the answer for ever, whatever is learnt afterwards 定稿."""

    async def act(platform: Platform) -> pb.VisitReport:
        request = pb.FreezeVisitReportRequest(
            title=title, period=_period(first, last), by=_by(by_township=by_township, by_village=by_village)
        )
        answer: pb.FreezeVisitReportResponse = await _stub(platform).FreezeVisitReport(request)
        return answer.report

    _show_report(call(act, by), as_json=as_json)


@app.command(epilog="Example: tuoqi visits figures report --by auditor.zhou")
def report(
    report_id: Annotated[str, typer.Argument(metavar="ID", help="A frozen report; without it the list.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Show a frozen report, or list them."""

    async def ask(platform: Platform) -> list[pb.VisitReport]:
        if report_id:
            one: pb.GetVisitReportResponse = await _stub(platform).GetVisitReport(
                pb.GetVisitReportRequest(report_id=report_id)
            )
            return [one.report]
        listed: pb.ListVisitReportsResponse = await _stub(platform).ListVisitReports(pb.ListVisitReportsRequest())
        return list(listed.reports)

    found = call(ask, by)
    if report_id:
        _show_report(found[0], as_json=as_json)
    elif as_json:
        for one in found:
            emit(plain(one))
    else:
        show_rows(
            ("编号", "名称", "期间", "定稿人"),
            [
                (one.report_id, one.title, f"{one.period.first_day} 至 {one.period.last_day}", one.frozen_by)
                for one in found
            ],
        )


def _period(first: str, last: str) -> pb.VisitPeriod:
    return pb.VisitPeriod(first_day=first, last_day=last)


def _by(*, by_township: bool, by_village: bool) -> str:
    if by_village:
        return "village"
    return "town" if by_township else ""


def _show_report(one: pb.VisitReport, *, as_json: bool) -> None:
    if as_json:
        emit(plain(one))
        return
    _show(one.figures, as_json=False)
    say(f"{one.title}（{one.report_id}）：由 {one.frozen_by} 定稿，校验值 {one.content_hash[:16]}")


def _show(found: Iterable[pb.VisitFigure], *, as_json: bool) -> None:
    shown = []
    for figure in found:
        if as_json:
            emit(plain(figure))
        for cell in (figure.total, *figure.cells):
            where = "其余" if cell.rest else cell.key
            shown.append((figure.figure_id, figure.name_zh, where, value_of(cell), figure.unit_zh, cell.unnamed or ""))
    if not as_json:
        heads = ("指标", "名称", "范围", "数值", "单位", "未登记到人")
        show_rows(heads, shown, right=("数值", "未登记到人"))


def value_of(cell: pb.VisitFigureCell) -> str:
    """A number as people write it: exact, without zeros at its end; 约 where any of it was only judged."""
    if not cell.HasField("value"):
        return NOT_TOLD
    about = "约" if cell.approximate else ""
    if not cell.decimals:
        return f"{about}{cell.value}"
    text = f"{cell.value:0{cell.decimals + 1}d}"
    whole, part = text[: -cell.decimals], text[-cell.decimals :].rstrip("0")
    return f"{about}{whole}{'.' if part else ''}{part}"
