"""`tuoqi alerts warning`: weather warnings 气象预警."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tuoqi.cli.options import AsJson, By, Limit, Purpose, moment_from
from tuoqi.cli.output import emit, plain, say, show_rows, shown
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.contracts.alerts.v1 import warning_service_pb2 as pb
from tuoqi.contracts.alerts.v1.warning_service_pb2_grpc import WarningServiceStub
from tuoqi.kit.stamps import stamp_of

app = typer.Typer(help="Weather warnings 气象预警: take over, end, list.")
COLOURS = {"BLUE": "蓝色", "YELLOW": "黄色", "ORANGE": "橙色", "RED": "红色"}


@app.callback()
def warning() -> None:
    """Weather warnings 气象预警: take over, end, list."""


@app.command(
    epilog="Example: tuoqi alerts warning issue --key 2026-17 --kind cold_wave --colour ORANGE --region 990101000000"
    " --ends-at '2026-11-25 20:00' --by clerk.li"
)
def issue(
    key: Annotated[str, typer.Option("--key", help="Its number at the weather service; once for each warning.")],
    kind: Annotated[str, typer.Option("--kind", help="The county's kind, like cold_wave.")],
    colour: Annotated[str, typer.Option("--colour", help="BLUE, YELLOW, ORANGE or RED.")],
    region: Annotated[list[str], typer.Option("--region", metavar="CODE", help="Where, 12 digits; may be repeated.")],
    begins_at: Annotated[str, typer.Option("--begins-at", metavar="TIME", help="From when; default now.")] = "",
    ends_at: Annotated[str, typer.Option("--ends-at", metavar="TIME", help="Until when; default not known.")] = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Take a warning over: visits makes the tasks, each region of a grave one has an alert."""

    async def act(platform: Platform) -> pb.IssueWarningResponse:
        request = pb.IssueWarningRequest(key=key, kind=kind, colour=colour, regions=region)
        if begins_at:
            request.begins_at.CopyFrom(stamp_of(moment_from(begins_at)))
        if ends_at:
            request.ends_at.CopyFrom(stamp_of(moment_from(ends_at)))
        answer: pb.IssueWarningResponse = await _stub(platform).IssueWarning(request)
        return answer

    answer = call(act, by, purpose)
    if as_json:
        emit(plain(answer))
        return
    _show([answer.warning])
    if answer.repeated:
        say("此前已登记，没有改动。")


@app.command(epilog="Example: tuoqi alerts warning end 019abc… --by clerk.li")
def end(
    warning_id: Annotated[str, typer.Argument(metavar="ID", help="The warning's id.")],
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """End a warning 解除; its alerts close."""

    async def act(platform: Platform) -> pb.Warning:
        answer: pb.EndWarningResponse = await _stub(platform).EndWarning(pb.EndWarningRequest(warning_id=warning_id))
        return answer.warning

    ended = call(act, by, purpose)
    if as_json:
        emit(plain(ended))
    else:
        _show([ended])


@app.command("list", epilog="Example: tuoqi alerts warning list --holding --by clerk.li")
def list_warnings(
    holding: Annotated[bool, typer.Option("--holding", help="Only those that hold.")] = False,
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List the warnings that concern your regions, newest first."""

    async def ask(platform: Platform) -> list[pb.Warning]:
        async def page(size: int, token: str) -> tuple[list[pb.Warning], str]:
            request = pb.ListWarningsRequest(only_holding=holding, page_size=size, page_token=token)
            answer: pb.ListWarningsResponse = await _stub(platform).ListWarnings(request)
            return list(answer.warnings), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
    else:
        _show(found)


def _stub(platform: Platform) -> Any:
    return platform.stub(WarningServiceStub, "alerts")


def _show(found: list[pb.Warning]) -> None:
    show_rows(("预警编号", "种类", "颜色", "区划", "开始", "结束", "探访截止", "解除"), [
        (one.warning_id, one.kind, COLOURS.get(one.colour, one.colour), ";".join(one.regions), shown(one.begins_at),
         shown(one.ends_at), shown(one.tasks_due_at), shown(one.ended_at))
        for one in found
    ])  # fmt: skip
