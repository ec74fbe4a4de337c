"""`tuoqi cycle`: one payment cycle from DRAFT to CLOSED."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from tuoqi.cli.cycles import COMPUTE_S_MAX, compute, stub_of
from tuoqi.cli.options import AsJson, By, CycleName, Limit, Month, PersonId, Purpose, cycle_from, moment_from
from tuoqi.cli.output import Progress, emit, plain, say, show_rows, shown, yuan
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.contracts.payments.v1 import cycle_pb2
from tuoqi.contracts.payments.v1 import payments_service_pb2 as pb
from tuoqi.kit.stamps import stamp_of

app = typer.Typer(help="Payment cycles 发放周期.")
Programmes = Annotated[
    str, typer.Option("--programmes", metavar="KEYS", help="An ad-hoc cycle 临时周期: only these, with commas between.")
]
ACTS = {
    "open": "开立", "compute": "核算", "review": "复核", "post": "公示", "raise_objection": "登记异议",
    "decide_objection": "处理异议", "approve": "审批", "instruct": "发出代发指令", "settle": "开始登记回盘",
    "settle_instruction": "登记成功回盘", "return_instruction": "登记退票", "close": "关账", "cancel": "作废",
}  # fmt: skip


@app.callback()
def cycles() -> None:
    """Payment cycles 发放周期."""


@app.command("open", epilog="Example: tuoqi cycle open 2026-11 --cutoff '2026-11-20 18:00' --by clerk.li")
def open_cycle(
    given: Annotated[str, typer.Argument(metavar="[MONTH]", help="The month it pays, YYYY-MM.")] = "",
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="The same as an option.")] = "",
    cutoff: Annotated[
        str, typer.Option("--cutoff", metavar="MOMENT", help="Default: the county's, the 20th 18:00.")
    ] = "",
    programmes: Programmes = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Open a cycle of a month."""
    request = pb.OpenCycleRequest(month=cycle_from(given, month), programmes=_keys(programmes))
    if cutoff:
        request.cutoff.CopyFrom(stamp_of(moment_from(cutoff)))

    async def act(platform: Platform) -> pb.Cycle:
        answer: pb.OpenCycleResponse = await stub_of(platform).OpenCycle(request)
        return answer.cycle

    _show([call(act, by, purpose)], as_json=as_json)


@app.command("compute", epilog="Example: tuoqi cycle compute --month 2026-11 --by clerk.li")
def compute_cycle(
    cycle: CycleName = "",
    month: Month = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Reckon and show, write nothing.")] = False,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Wait for the facts up to the cut-off, then write the lines."""
    name = cycle_from(cycle, month)
    if dry_run:
        _try(pb.TryCycleRequest(cycle=name), by, as_json=as_json)
        return

    async def act(platform: Platform) -> pb.Cycle:
        with Progress("", quiet=as_json) as progress:
            return await compute(
                platform, name, lambda step: progress.tell(step.persons_done, step.persons_total, step.step)
            )

    _show([call(act, by, purpose)], as_json=as_json)


@app.command(epilog="Example: tuoqi cycle missed --programmes temporary_assistance,price_subsidy --by clerk.li")
def missed(
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="Default: the last cycle's.")] = "",
    programmes: Programmes = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Show what a catch-up cycle 补发周期 opened now would write; nothing is opened and nothing written."""
    _try(pb.TryCycleRequest(month=month, programmes=_keys(programmes)), by, as_json=as_json)


def _keys(programmes: str) -> list[str]:
    return [key.strip() for key in programmes.split(",") if key.strip()]


def _try(request: pb.TryCycleRequest, by: str, *, as_json: bool) -> None:
    async def ask(platform: Platform) -> pb.Trial:
        found = pb.Trial()
        with Progress("试算", quiet=as_json) as progress:
            async for step in stub_of(platform).TryCycle(request, timeout=COMPUTE_S_MAX):
                progress.tell(step.persons_done, step.persons_total)
                if step.HasField("trial"):
                    found = step.trial
        return found

    found = call(ask, by)
    if as_json:
        emit(plain(found))
        return
    rows = [(t.programme, t.line_type, t.lines, yuan(t.amount_fen)) for t in found.totals]
    show_rows(("项目", "类型", "行数", "金额"), rows, right=("行数", "金额"))
    fen = sum(t.amount_fen for t in found.totals)
    lines = sum(t.lines for t in found.totals)
    say(
        f"试算周期 {found.name}（截至 {shown(found.cutoff)} 已收到的登记信息）：{found.persons} 人，{lines} 行，"
        f"合计 {yuan(fen)} 元，超出补发期限 {yuan(found.beyond_limit_fen)} 元。没有写入任何数据。"
    )


def _step(name: str, method: str, request: Callable[..., Any], text: str) -> None:
    """Declare a command that takes a cycle one step further."""

    def command(
        cycle: CycleName = "", month: Month = "", by: By = "", purpose: Purpose = "", as_json: AsJson = False
    ) -> None:
        wanted = cycle_from(cycle, month)

        async def act(platform: Platform) -> Sequence[pb.Cycle]:
            answer = await getattr(stub_of(platform), method)(request(cycle=wanted))
            return list(answer.cycles) if method == "CancelCycle" else [answer.cycle]

        _show(call(act, by, purpose), as_json=as_json)

    user = "finance.qian" if "inance" in text or "bank" in text else "reviewer.zhao"
    app.command(name, help=text, epilog=f"Example: tuoqi cycle {name} --month 2026-11 --by {user}")(command)


_step("review", "ReviewCycle", pb.ReviewCycleRequest, "Record that county civil affairs found it right.")
_step("post", "PostCycle", pb.PostCycleRequest, "Begin the public posting 公示.")


@app.command(epilog="Example: tuoqi cycle approve --month 2026-11 --by finance.qian")
def approve(
    cycle: CycleName = "",
    month: Month = "",
    posting_cut_short: Annotated[
        bool, typer.Option("--posting-cut-short", help="Although the posting's days are not over; stands in the audit.")
    ] = False,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Record one approval of finance, after the posting's days."""
    request = pb.ApproveCycleRequest(cycle=cycle_from(cycle, month), posting_cut_short=posting_cut_short)

    async def act(platform: Platform) -> pb.Cycle:
        answer: pb.ApproveCycleResponse = await stub_of(platform).ApproveCycle(request)
        return answer.cycle

    _show([call(act, by, purpose)], as_json=as_json)


_step("instruct", "InstructCycle", pb.InstructCycleRequest, "Look at the accounts and write the bank's instructions.")
_step("settle", "SettleCycle", pb.SettleCycleRequest, "Open the cycle for the bank's results.")
_step("close", "CloseCycle", pb.CloseCycleRequest, "End a cycle for which the bank gave all results.")
_step("cancel", "CancelCycle", pb.CancelCycleRequest, "Undo a cycle before INSTRUCTED, and every later one first.")


@app.command("list", epilog="Example: tuoqi cycle list --by clerk.li")
def list_cycles(limit: Limit = 100, by: By = "", as_json: AsJson = False) -> None:
    """List cycles, newest first."""

    async def ask(platform: Platform) -> Sequence[pb.Cycle]:
        answer: pb.ListCyclesResponse = await stub_of(platform).ListCycles(
            pb.ListCyclesRequest(page_size=min(limit, 1000))
        )
        return list(answer.cycles)

    _show(call(ask, by), as_json=as_json)


@app.command(epilog="Example: tuoqi cycle show --month 2026-11 --by clerk.li")
def show(cycle: CycleName = "", month: Month = "", by: By = "", as_json: AsJson = False) -> None:
    """Show a cycle with its sums by programme and type, its control findings, and who did what when."""
    name = cycle_from(cycle, month)

    async def ask(platform: Platform) -> pb.Cycle:
        answer: pb.GetCycleResponse = await stub_of(platform).GetCycle(pb.GetCycleRequest(cycle=name))
        return answer.cycle

    found = call(ask, by)
    _show([found], as_json=as_json)
    if as_json:
        return
    rows = [(t.programme, t.line_type, t.lines, yuan(t.amount_fen)) for t in found.totals]
    show_rows(("项目", "类型", "行数", "金额"), rows, right=("行数", "金额"))
    if found.instructions:
        show_rows(("指令", "笔数"), sorted(found.instructions.items()), right=("笔数",))
    for finding in found.control_findings:
        print(f"! {finding}")
    done = [(ACTS.get(one.act, one.act), one.by, shown(one.at), one.times) for one in found.history]
    show_rows(("经过", "经办人", "时间", "次数"), done, right=("次数",))
    for name, text in (("公示提前结束", found.posting_cut_because), ("作废理由", found.cancelled_because)):
        if text:
            print(f"{name}：{text}")
    if found.objections_open:
        print(f"! 公示还有 {found.objections_open} 件异议没有处理")
    if found.must_cancel:
        print("! 有异议成立并决定作废重算")


@app.command(epilog="Example: tuoqi cycle lines --month 2026-11 --limit 20 --by clerk.li")
def lines(
    cycle: CycleName = "",
    month: Month = "",
    person: PersonId = "",
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List a cycle's lines, by programme, person, month and type."""
    name = cycle_from(cycle, month)

    async def ask(platform: Platform) -> list[cycle_pb2.PaymentLine]:
        async def page(size: int, token: str) -> tuple[list[cycle_pb2.PaymentLine], str]:
            request = pb.ListLinesRequest(cycle=name, person_id=person, page_size=size, page_token=token)
            answer: pb.ListLinesResponse = await stub_of(platform).ListLines(request)
            return list(answer.lines), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by)
    if as_json:
        for line in found:
            emit(plain(line))
        return
    rows = [(ln.programme, ln.person_id, ln.benefit_month, ln.line_type, yuan(ln.amount_fen)) for ln in found]
    show_rows(("项目", "人员编号", "享受月份", "类型", "金额"), rows, right=("金额",))


def _show(found: Sequence[pb.Cycle], *, as_json: bool) -> None:
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (c.ref.name, c.state, shown(c.cutoff), sum(t.lines for t in c.totals),
         yuan(sum(t.amount_fen for t in c.totals)), c.posted_until, c.reviewed_by,
         f"{'、'.join(c.approved_by)} {len(c.approved_by)}/{c.approvals_needed}", "、".join(c.programmes) or "全部")
        for c in found
    ]  # fmt: skip
    columns = ("周期", "状态", "截止", "行数", "合计（元）", "公示至", "复核", "审批", "项目")
    show_rows(columns, rows, right=("行数", "合计（元）"))
