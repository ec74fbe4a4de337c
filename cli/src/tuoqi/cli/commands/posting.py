"""`tuoqi posting`: the lists that are hung out 公示, and objections to them 异议."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tuoqi.cli.options import AsJson, By, CycleName, Limit, Month, Purpose, cycle_from
from tuoqi.cli.output import emit, plain, say, show_rows, shown, yuan
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.whom import Whom, person_id_of
from tuoqi.contracts.payments.v1 import posting_service_pb2 as pb
from tuoqi.contracts.payments.v1.posting_service_pb2_grpc import PostingServiceStub

app = typer.Typer(help="Public posting 公示: lists and objections.")
Region = Annotated[str, typer.Option("--region", metavar="CODE", help="A region's code, or its beginning.")]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="In words; kept with it, shown with a purpose only.")]
WORDS = {
    "not_eligible": "不符合条件", "amount": "金额有误", "deceased": "本人已去世", "moved_out": "已迁出",
    "duplicate": "重复领取", "left_out": "应发未发", "other": "其他",
    "": "未处理", "UPHELD": "成立", "DISMISSED": "不成立",
    "correct_next_cycle": "下一周期更正", "cancel_cycle": "作废本周期",
}  # fmt: skip


@app.callback()
def posting() -> None:
    """Public posting 公示: lists and objections."""


@app.command("list", epilog="Example: tuoqi posting list --month 2026-11 --by reviewer.zhao")
def list_regions(
    cycle: CycleName = "", month: Month = "", region: Region = "", by: By = "", as_json: AsJson = False
) -> None:
    """List the villages that have a list, and how long it is. `tuoqi export posting_list` writes all of them as a file."""
    request = pb.ListPostedRegionsRequest(cycle=cycle_from(cycle, month), under=region)

    async def ask(platform: Platform) -> pb.ListPostedRegionsResponse:
        answer: pb.ListPostedRegionsResponse = await _stub(platform).ListPostedRegions(request)
        return answer

    found = call(ask, by)
    if as_json:
        emit(plain(found))
        return
    rows = [(one.code, one.name, one.rows, yuan(one.amount_fen)) for one in found.regions]
    show_rows(("区划代码", "区划", "人次", "金额"), rows, right=("人次", "金额"))
    say(f"不公示的明细 {found.lines_not_posted} 行（儿童、儿童项目和收回）。")


@app.command(
    "print", epilog="Example: tuoqi posting print --month 2026-11 --region 990101101 --out list.txt --by clerk.li"
)
def print_lists(
    region: Region,
    cycle: CycleName = "",
    month: Month = "",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Default: the terminal.")] = None,
    by: By = "",
) -> None:
    """Print the lists of a region's villages, to be hung out. Printed again it is the same text."""
    request = pb.PrintPostingRequest(cycle=cycle_from(cycle, month), region=region)

    async def ask(platform: Platform) -> str:
        return "".join([part.text async for part in _stub(platform).PrintPosting(request)])

    text = call(ask, by)
    if out is None:
        sys.stdout.write(text)
        return
    out.write_text(text, encoding="utf-8", newline="\n")
    say(f"公示名单写入 {out}")


@app.command("object", epilog="Example: tuoqi posting object PERSON --month 2026-11 --programme dibao --category deceased"
             " --note 群众反映 --by clerk.li")  # fmt: skip
def object_to(
    person: Whom,
    programme: Annotated[str, typer.Option("--programme", metavar="KEY", help="The programme's key.")],
    category: Annotated[str, typer.Option("--category", metavar="CODE", help="、".join(list(WORDS)[:7]))],
    cycle: CycleName = "",
    month: Month = "",
    note: Note = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Record an objection to a posted cycle. Nobody approves the cycle until it is decided."""
    name = cycle_from(cycle, month)

    async def act(platform: Platform) -> pb.Objection:
        person_id = await person_id_of(platform, person)
        request = pb.RaiseObjectionRequest(
            cycle=name, person_id=person_id, programme=programme, category=category, note=note
        )
        answer: pb.RaiseObjectionResponse = await _stub(platform).RaiseObjection(request)
        return answer.objection

    _show([call(act, by, purpose)], as_json=as_json)


@app.command(epilog="Example: tuoqi posting decide ID --uphold --reason verified_wrong --follow-up correct_next_cycle"
             " --by reviewer.zhao")  # fmt: skip
def decide(
    objection: Annotated[str, typer.Argument(metavar="ID", help="The objection, as `posting objections` shows it.")],
    reason: Annotated[
        str,
        typer.Option("--reason", metavar="CODE", help="verified_wrong、verified_right、no_evidence、not_about_payment"),
    ],
    uphold: Annotated[bool, typer.Option("--uphold/--dismiss", help="Whether whoever objected is right.")],
    follow_up: Annotated[
        str, typer.Option("--follow-up", metavar="CODE", help="correct_next_cycle、cancel_cycle; where it is upheld.")
    ] = "",
    note: Note = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Uphold or dismiss an objection; never by whoever recorded it."""
    request = pb.DecideObjectionRequest(
        objection_id=objection,
        outcome="UPHELD" if uphold else "DISMISSED",
        reason=reason,
        follow_up=follow_up,
        note=note,
    )

    async def act(platform: Platform) -> pb.Objection:
        answer: pb.DecideObjectionResponse = await _stub(platform).DecideObjection(request)
        return answer.objection

    _show([call(act, by, purpose)], as_json=as_json)


@app.command(epilog="Example: tuoqi posting objections --month 2026-11 --open --by reviewer.zhao")
def objections(
    cycle: CycleName = "",
    month: Month = "",
    only_open: Annotated[bool, typer.Option("--open", help="Only those that nobody has decided.")] = False,
    with_notes: Annotated[bool, typer.Option("--notes", help="With what people wrote; needs --purpose.")] = False,
    limit: Limit = 100,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """List objections, oldest first; of all cycles where none is named."""
    name = cycle or month

    async def ask(platform: Platform) -> list[pb.Objection]:
        async def page(size: int, token: str) -> tuple[list[pb.Objection], str]:
            request = pb.ListObjectionsRequest(
                cycle=name, only_open=only_open, with_notes=with_notes, page_size=size, page_token=token
            )
            answer: pb.ListObjectionsResponse = await _stub(platform).ListObjections(request)
            return list(answer.objections), answer.next_page_token

        return await pages(page, limit)

    _show(call(ask, by, purpose), as_json=as_json)


def _stub(platform: Platform) -> Any:
    return platform.stub(PostingServiceStub, "payments")


def _show(found: list[pb.Objection], *, as_json: bool) -> None:
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (one.objection_id, one.cycle, one.person_id, one.programme, WORDS.get(one.category, one.category),
         "是" if one.posted else "否", one.recorded_by, shown(one.recorded_at), WORDS.get(one.outcome, one.outcome),
         WORDS[one.follow_up] if one.follow_up else "", one.decided_by, one.note, one.decision_note)
        for one in found
    ]  # fmt: skip
    columns = (
        "异议编号",
        "周期",
        "人员编号",
        "项目",
        "类别",
        "在榜",
        "登记",
        "登记时间",
        "结果",
        "后续",
        "处理",
        "内容",
        "核查",
    )
    show_rows(columns, rows)
