"""`tuoqi paid`: figures of what was paid, opened to rows, and reports frozen for ever."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from tuoqi.cli.options import AsJson, By, Limit, Purpose
from tuoqi.cli.output import emit, plain, say, show_rows, yuan
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.contracts.payments.v1 import paid_figure_service_pb2 as pb
from tuoqi.contracts.payments.v1.paid_figure_service_pb2_grpc import PaidFigureServiceStub

app = typer.Typer(help="Figures of what was paid 发放统计.")
First = Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day of the period.")]
Last = Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day of the period.")]
Region = Annotated[str, typer.Option("--region", metavar="CODE", help="Only this region and those below it.")]
Breakdown = Annotated[str, typer.Option("--breakdown", help="town, village or programme.")]
NOT_TOLD = "不单列"


@app.callback()
def paid() -> None:
    """Figures of what was paid 发放统计: what the bank credited, less what was taken back."""


def _stub(platform: Platform) -> Any:
    return platform.stub(PaidFigureServiceStub, "payments")


@app.command(epilog="Example: tuoqi paid figures --from 2026-11-01 --to 2026-12-31 --breakdown town --by auditor.zhou")
def figures(
    first: First,
    last: Last,
    ids: Annotated[list[str] | None, typer.Option("--id", help="Only these, like IND-176; default all.")] = None,
    region: Region = "",
    breakdown: Breakdown = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Count, all figures in one reading."""

    async def ask(platform: Platform) -> pb.ComputePaidFiguresResponse:
        request = pb.ComputePaidFiguresRequest(
            figure_ids=ids or [], period=_period(first, last), region=region, by=breakdown
        )
        answer: pb.ComputePaidFiguresResponse = await _stub(platform).ComputePaidFigures(request)
        return answer

    answer = call(ask, by)
    _show(answer.figures, as_json=as_json)
    if not as_json:
        say(f"{first} 至 {last} 入账，扣除收回和冲抵；敏感指标中不足 5 人的并入其余，不单列")


@app.command(
    epilog="Example: tuoqi paid rows IND-176 --from 2026-11-01 --to 2026-12-31 --by auditor.zhou --purpose 核对"
)
def rows(
    figure: Annotated[str, typer.Argument(metavar="ID", help="A figure, like IND-176.")],
    first: First,
    last: Last,
    region: Region = "",
    limit: Limit = 100,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Open a figure to what it counted 明细."""

    async def ask(platform: Platform) -> list[pb.PaidFigureRow]:
        async def page(size: int, token: str) -> tuple[list[pb.PaidFigureRow], str]:
            request = pb.ListPaidFigureRowsRequest(
                figure_id=figure, period=_period(first, last), region=region, page_size=size, page_token=token
            )
            answer: pb.ListPaidFigureRowsResponse = await _stub(platform).ListPaidFigureRows(request)
            return list(answer.rows), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by, purpose)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    show_rows(
        ("人员编号", "项目", "享受月份", "金额（元）", "户籍"),
        [(one.person_id, one.programme, one.benefit_month, yuan(one.amount_fen), one.region) for one in found],
        right=("金额（元）",),
    )
    say(f"{figure}：列出 {len(found)} 条")


@app.command(epilog="Example: tuoqi paid freeze 2026年第四季度 --from 2026-10-01 --to 2026-12-31 --by reviewer.zhao")
def freeze(
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What people call the report.")],
    first: First,
    last: Last,
    breakdown: Breakdown = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Count once and keep the answer for ever, whatever is learnt afterwards 定稿."""

    async def act(platform: Platform) -> pb.PaidReport:
        request = pb.FreezePaidReportRequest(title=title, period=_period(first, last), by=breakdown)
        answer: pb.FreezePaidReportResponse = await _stub(platform).FreezePaidReport(request)
        return answer.report

    _show_report(call(act, by), as_json=as_json)


@app.command(epilog="Example: tuoqi paid report 019… --by auditor.zhou")
def report(
    report_id: Annotated[str, typer.Argument(metavar="ID", help="A frozen report; without it the list.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Show a frozen report, or list them."""

    async def ask(platform: Platform) -> list[pb.PaidReport]:
        if report_id:
            one: pb.GetPaidReportResponse = await _stub(platform).GetPaidReport(
                pb.GetPaidReportRequest(report_id=report_id)
            )
            return [one.report]
        listed: pb.ListPaidReportsResponse = await _stub(platform).ListPaidReports(pb.ListPaidReportsRequest())
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


def _period(first: str, last: str) -> pb.PaidPeriod:
    return pb.PaidPeriod(first_day=first, last_day=last)


def _show_report(one: pb.PaidReport, *, as_json: bool) -> None:
    if as_json:
        emit(plain(one))
        return
    _show(one.figures, as_json=False)
    say(f"{one.title}（{one.report_id}）：由 {one.frozen_by} 定稿，校验值 {one.content_hash[:16]}")


def _show(found: Iterable[pb.PaidFigure], *, as_json: bool) -> None:
    shown = []
    for figure in found:
        if as_json:
            emit(plain(figure))
        for cell in (figure.total, *figure.cells):
            where = "其余" if cell.rest else cell.key
            shown.append((figure.figure_id, figure.name_zh, where, value_of(cell), figure.unit_zh))
    if not as_json:
        show_rows(("指标", "名称", "范围", "数值", "单位"), shown, right=("数值",))


def value_of(cell: pb.PaidFigureCell) -> str:
    """A number as people write it: exact, without zeros at its end."""
    if not cell.HasField("value"):
        return NOT_TOLD
    if not cell.decimals:
        return str(cell.value)
    text = f"{abs(cell.value):0{cell.decimals + 1}d}"
    whole, part = text[: -cell.decimals], text[-cell.decimals :].rstrip("0")
    return f"{'-' if cell.value < 0 else ''}{whole}{'.' if part else ''}{part}"
