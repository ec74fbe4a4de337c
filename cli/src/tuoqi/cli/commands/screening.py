"""`tuoqi screening`: lists that the county's rules suggest 动态排查, and what became of each row."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tuoqi.cli.options import AsJson, By, Limit, Purpose
from tuoqi.cli.output import emit, plain, show_pairs, show_rows
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.contracts.registry.v1 import screening_service_pb2 as pb
from tuoqi.contracts.registry.v1.screening_service_pb2_grpc import ScreeningServiceStub

app = typer.Typer(help="Lists that the county's rules suggest 动态排查.")

ListKey = Annotated[str, typer.Argument(metavar="LIST", help="The list's key, as `screening lists` prints it.")]


@app.callback()
def screening() -> None:
    """Lists that the county's rules suggest 动态排查."""


@app.command(epilog="Example: tuoqi screening lists --by clerk.li")
def lists(by: By = "", as_json: AsJson = False) -> None:
    """List the county's lists with their outcomes and open rows."""

    async def ask(platform: Platform) -> list[pb.ScreeningList]:
        answer: pb.DescribeListsResponse = await _stub(platform).DescribeLists(pb.DescribeListsRequest())
        return list(answer.lists)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (one.key, one.title, one.open, "、".join(f"{word}[{code}]" for code, word in one.outcomes.items()))
        for one in found
    ]
    show_rows(("名单", "说明", "待处理", "处理结果"), rows, right=("待处理",))


@app.command(epilog="Example: tuoqi screening run old_age_not_applied --by clerk.li")
def run(
    key: ListKey,
    day: Annotated[str, typer.Option("--day", metavar="YYYY-MM-DD", help="Default: today.")] = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Run a list: new rows are added, rows that no longer fit are closed."""

    async def act(platform: Platform) -> pb.RunScreeningResponse:
        answer: pb.RunScreeningResponse = await _stub(platform).RunScreening(
            pb.RunScreeningRequest(list=key, day=day), timeout=120
        )
        return answer

    done = call(act, by, purpose)
    if as_json:
        emit(plain(done))
        return
    show_pairs({"第几次": done.run, "符合": done.found, "新增": done.added, "不再符合": done.gone})


@app.command("list", epilog="Example: tuoqi screening list old_age_not_applied --limit 20 --by clerk.li")
def list_rows(
    key: ListKey,
    with_closed: Annotated[bool, typer.Option("--with-closed", help="Also rows that have an outcome.")] = False,
    region: Annotated[str, typer.Option("--region", help="Only this region and those below it.")] = "",
    limit: Limit = 100,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """List the rows of a list, oldest first."""

    async def ask(platform: Platform) -> list[pb.ScreeningRow]:
        async def page(size: int, token: str) -> tuple[list[pb.ScreeningRow], str]:
            request = pb.ListScreeningRequest(
                list=key, with_closed=with_closed, region=region, page_size=size, page_token=token
            )
            answer: pb.ListScreeningResponse = await _stub(platform).ListScreening(request)
            return list(answer.rows), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by, purpose)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [(o.number, o.person_id, o.region, o.found_on, o.seen_on, o.outcome, o.decided_by) for o in found]
    show_rows(("行号", "人员编号", "区划", "列入", "最近排查", "结果", "经办人"), rows, right=("行号",))


@app.command(epilog="Example: tuoqi screening decide 12 --outcome applied --remark '已电话告知' --by clerk.li")
def decide(
    number: Annotated[int, typer.Argument(metavar="ROW", min=1, help="The row's number.")],
    outcome: Annotated[str, typer.Option("--outcome", help="One of the list's outcomes, by code or word.")],
    remark: Annotated[str, typer.Option("--remark", metavar="TEXT", help="What was found out; kept sealed.")] = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """End an open row with an outcome."""

    async def act(platform: Platform) -> pb.ScreeningRow:
        request = pb.DecideRowRequest(number=number, outcome=outcome, remark=remark)
        answer: pb.DecideRowResponse = await _stub(platform).DecideRow(request)
        return answer.row

    row = call(act, by, purpose)
    if as_json:
        emit(plain(row))
        return
    show_pairs({"行号": row.number, "结果": row.outcome, "再次列入": row.again_on or "不再列入"})


def _stub(platform: Platform) -> Any:
    return platform.stub(ScreeningServiceStub, "registry")
