"""`tuoqi figures`: the register's figures by region, as of any day, each opened to its rows."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from google.protobuf.timestamp_pb2 import Timestamp

from tuoqi.cli.options import AsJson, By, Limit, Purpose, moment_from
from tuoqi.cli.output import emit, plain, say, show_rows
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.contracts.registry.v1 import figure_service_pb2 as pb
from tuoqi.contracts.registry.v1.figure_service_pb2_grpc import FigureServiceStub
from tuoqi.kit.stamps import stamp_of

app = typer.Typer(help="Figures by region, as of any day.", invoke_without_command=True)
On = Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="The day on which they are true; default today.")]
Known = Annotated[str, typer.Option("--known-at", metavar="MOMENT", help="As known at this moment; default now.")]
Region = Annotated[str, typer.Option("--region", metavar="CODE", help="Only this region and those below it.")]
Today = Annotated[bool, typer.Option("--regions-of-today", help="By the regions of today, not those of the day.")]
NOT_TOLD = "不单列"


def _stub(platform: Platform) -> Any:
    return platform.stub(FigureServiceStub, "registry")


@app.callback(epilog="Example: tuoqi figures --on 2026-11-22 --breakdown town --id IND-163 --by clerk.li")
def figures(
    ctx: typer.Context,
    ids: Annotated[list[str] | None, typer.Option("--id", help="Only these, like IND-163; default all.")] = None,
    on: On = "",
    known: Known = "",
    region: Region = "",
    breakdown: Annotated[str, typer.Option("--breakdown", help="town or village: broken down by region.")] = "",
    regions_of_today: Today = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Count the register's figures 统计指标, all in one reading."""
    if ctx.invoked_subcommand:
        return

    async def ask(platform: Platform) -> pb.ComputeFiguresResponse:
        request = pb.ComputeFiguresRequest(
            figure_ids=ids or [],
            region=region,
            true_on=on,
            by=breakdown,
            geography="today" if regions_of_today else "",
            known_at=_moment(known),
        )
        answer: pb.ComputeFiguresResponse = await _stub(platform).ComputeFigures(request)
        return answer

    answer = call(ask, by)
    if as_json:
        for figure in answer.figures:
            emit({"true_on": answer.true_on, **plain(figure)})
        return
    rows: list[tuple[object, ...]] = []
    for figure in answer.figures:
        head = (figure.definition.figure_id, figure.definition.name_zh)
        rows += [
            (*head, cell.region_zh + ("（其余）" if cell.rest else ""), _value(cell), figure.definition.unit_zh)
            for cell in (figure.total, *figure.cells)
        ]
    show_rows(("指标", "名称", "区划", "数值", "单位"), rows, right=("数值",))
    say(f"{answer.true_on} 共 {len(answer.figures)} 项；敏感指标中不足 5 的并入其余，不单列")


@app.command(epilog="Example: tuoqi figures rows IND-170 --on 2026-11-22 --by clerk.li --purpose 报表核对")
def rows(
    figure: Annotated[str, typer.Argument(metavar="ID", help="A figure, like IND-170.")],
    on: On = "",
    known: Known = "",
    region: Region = "",
    regions_of_today: Today = False,
    limit: Limit = 100,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Open a figure to whom or what it counted 明细."""

    async def ask(platform: Platform) -> list[pb.FigureRow]:
        async def page(size: int, token: str) -> tuple[list[pb.FigureRow], str]:
            request = pb.ListFigureRowsRequest(
                figure_id=figure,
                region=region,
                true_on=on,
                geography="today" if regions_of_today else "",
                known_at=_moment(known),
                page_size=size,
                page_token=token,
            )
            answer: pb.ListFigureRowsResponse = await _stub(platform).ListFigureRows(request)
            return list(answer.rows), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by, purpose)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    show_rows(("类别", "编号", "区划"), [(one.subject, one.subject_id, one.region) for one in found])
    say(f"{figure}：列出 {len(found)} 条")


def _moment(text: str) -> Timestamp | None:
    if not text:
        return None
    return stamp_of(moment_from(text))


def _value(cell: pb.FigureCell) -> str:
    if not cell.HasField("value"):
        return NOT_TOLD if not cell.denominator else ""
    text = str(cell.value) if not cell.decimals else f"{cell.value:0{cell.decimals + 1}d}"
    number = text if not cell.decimals else f"{text[: -cell.decimals]}.{text[-cell.decimals :]}"
    return f"{number}（{cell.numerator}/{cell.denominator}）" if cell.denominator else number
