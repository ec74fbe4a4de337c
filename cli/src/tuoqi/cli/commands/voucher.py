"""`tuoqi voucher`: care vouchers 养老服务消费券."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tuoqi.cli.options import AsJson, By, Limit, Purpose
from tuoqi.cli.output import Progress, emit, plain, say, show_pairs, show_rows, shown, yuan
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.transfers import export_file
from tuoqi.cli.whom import Whom, person_id_of
from tuoqi.contracts.payments.v1 import voucher_service_pb2 as pb
from tuoqi.contracts.payments.v1.voucher_service_pb2_grpc import VoucherServiceStub

app = typer.Typer(help="Care vouchers 养老服务消费券: issue, spend, expire, settle.")
OfMonth = Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="The month in which they are valid.")]
ISSUE_S_MAX = 600.0
REFUSED = {
    "UNKNOWN": "没有登记信息", "DIED": "已登记死亡", "MOVED_OUT": "户籍已迁出", "TOO_YOUNG": "年龄未到",
    "NOT_ASSESSED": "无有效评估", "LEVEL": "等级不符", "EXCLUDED": "享受不能同享的待遇",
}  # fmt: skip


@app.callback()
def voucher() -> None:
    """Care vouchers 养老服务消费券: issue, spend, expire, settle."""


@app.command(epilog="Example: tuoqi voucher issue --month 2026-11 --by clerk.li")
def issue(month: OfMonth, by: By = "", as_json: AsJson = False) -> None:
    """Issue a month to everybody who may have a voucher and has none yet; called again it goes on."""

    async def act(platform: Platform) -> pb.VoucherIssue:
        found = pb.VoucherIssue()
        with Progress("发券", quiet=as_json) as progress:
            async for answer in _stub(platform).IssueVouchers(
                pb.IssueVouchersRequest(month=month), timeout=ISSUE_S_MAX
            ):
                progress.tell(answer.persons_done, 0)
                if answer.HasField("issue"):
                    found = answer.issue
        return found

    _show_issue(call(act, by), as_json=as_json)


@app.command(epilog="Example: tuoqi voucher show --month 2026-11 --by finance.qian")
def show(month: OfMonth, by: By = "", as_json: AsJson = False) -> None:
    """Show the sums of a month and whether its ledger closes."""

    async def ask(platform: Platform) -> pb.VoucherIssue:
        answer: pb.GetIssueResponse = await _stub(platform).GetIssue(pb.GetIssueRequest(month=month))
        return answer.issue

    _show_issue(call(ask, by), as_json=as_json)


@app.command(epilog="Example: tuoqi voucher check PERSON --month 2026-11 --by clerk.li")
def check(person: Whom, month: OfMonth, by: By = "", as_json: AsJson = False) -> None:
    """Say whether a person may have a voucher in a month, and why not."""

    async def ask(platform: Platform) -> pb.CheckEligibilityResponse:
        request = pb.CheckEligibilityRequest(person_id=await person_id_of(platform, person), month=month)
        answer: pb.CheckEligibilityResponse = await _stub(platform).CheckEligibility(request)
        return answer

    answer = call(ask, by)
    if as_json:
        emit(plain(answer))
    else:
        print("可以领取。" if answer.eligible else answer.sentence)


@app.command(
    epilog="Example: tuoqi voucher spend PERSON --facility HC-01 --bill-fen 60000 --receipt 2026110001 --by clerk.li"
)
def spend(
    person: Whom,
    facility: Annotated[str, typer.Option("--facility", metavar="CODE", help="Where the service was given.")],
    bill_fen: Annotated[int, typer.Option("--bill-fen", help="The whole bill, in fen.")],
    receipt: Annotated[str, typer.Option("--receipt", metavar="NO", help="The facility's own receipt.")],
    on: Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="The day of the service; default today.")] = "",
    key: Annotated[str, typer.Option("--key", help="Idempotency key; default facility and receipt.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Pay the voucher's share of a bill, up to what is left."""

    async def act(platform: Platform) -> pb.SpendVoucherResponse:
        request = pb.SpendVoucherRequest(
            person_id=await person_id_of(platform, person),
            facility=facility,
            bill_fen=bill_fen,
            receipt_no=receipt,
            spent_on=on,
            key=key,
        )
        answer: pb.SpendVoucherResponse = await _stub(platform).SpendVoucher(request)
        return answer

    answer = call(act, by)
    if as_json:
        emit(plain(answer))
        return
    _show_spends([answer.spend])
    say(f"券面余额 {yuan(answer.voucher.left_fen)} 元" + ("（此前已登记，没有改动）" if answer.spent_before else ""))


@app.command(epilog="Example: tuoqi voucher reverse SPEND --by clerk.li --purpose 收据有误")
def reverse(
    spend_id: Annotated[str, typer.Argument(metavar="SPEND", help="The spend, as `voucher statement` shows it.")],
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Take a spend back; --purpose is the reason."""

    async def act(platform: Platform) -> pb.ReverseSpendResponse:
        answer: pb.ReverseSpendResponse = await _stub(platform).ReverseSpend(pb.ReverseSpendRequest(spend_id=spend_id))
        return answer

    answer = call(act, by, purpose)
    if as_json:
        emit(plain(answer))
        return
    _show_spends([answer.spend])
    say(f"券面余额 {yuan(answer.voucher.left_fen)} 元")


@app.command(epilog="Example: tuoqi voucher statement PERSON --by clerk.li")
def statement(person: Whom, by: By = "", as_json: AsJson = False) -> None:
    """Show a person's vouchers and spends, newest month first."""

    async def ask(platform: Platform) -> pb.GetStatementResponse:
        request = pb.GetStatementRequest(person_id=await person_id_of(platform, person))
        answer: pb.GetStatementResponse = await _stub(platform).GetStatement(request)
        return answer

    answer = call(ask, by)
    if as_json:
        emit(plain(answer))
        return
    rows = [
        (one.month, yuan(one.issued_fen), yuan(one.spent_fen), yuan(one.expired_fen), yuan(one.left_fen))
        for one in answer.vouchers
    ]
    show_rows(("月份", "发放", "已用", "到期", "余额"), rows, right=("发放", "已用", "到期", "余额"))
    if answer.spends:
        _show_spends(list(answer.spends))


@app.command(epilog="Example: tuoqi voucher provider HC-01 --by clerk.li")
def provider(
    facility: Annotated[str, typer.Argument(metavar="CODE", help="A facility's code.")],
    disable: Annotated[bool, typer.Option("--disable", help="It may take vouchers no longer.")] = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Let a facility take vouchers, or no longer."""

    async def act(platform: Platform) -> pb.Provider:
        request = pb.SetProviderRequest(facility=facility, enabled=not disable)
        answer: pb.SetProviderResponse = await _stub(platform).SetProvider(request)
        return answer.provider

    _show_providers([call(act, by)], as_json=as_json)


@app.command(epilog="Example: tuoqi voucher providers --by clerk.li")
def providers(limit: Limit = 100, by: By = "", as_json: AsJson = False) -> None:
    """List the facilities that take vouchers or did."""

    async def ask(platform: Platform) -> list[pb.Provider]:
        async def page(size: int, token: str) -> tuple[list[pb.Provider], str]:
            answer: pb.ListProvidersResponse = await _stub(platform).ListProviders(
                pb.ListProvidersRequest(page_size=size, page_token=token)
            )
            return list(answer.providers), answer.next_page_token

        return await pages(page, limit)

    _show_providers(call(ask, by), as_json=as_json)


@app.command(epilog="Example: tuoqi voucher settle --month 2026-11 --by finance.qian")
def settle(
    month: OfMonth,
    confirm: Annotated[bool, typer.Option("--confirm", help="Release it, as a second person.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Once confirmed: the bank's list, with accounts.")
    ] = None,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Sum up a month for its facilities, or release what somebody else summed up."""

    async def act(platform: Platform) -> pb.Settlement:
        stub = _stub(platform)
        answer: Any
        if confirm:
            answer = await stub.ConfirmSettlement(pb.ConfirmSettlementRequest(month=month))
        elif out:
            answer = await stub.GetSettlement(pb.GetSettlementRequest(month=month))
        else:
            answer = await stub.PrepareSettlement(pb.PrepareSettlementRequest(month=month))
        if out:
            await export_file(platform, "voucher_settlement", out, subject=month)
        found: pb.Settlement = answer.settlement
        return found

    settlement = call(act, by, purpose)
    if as_json:
        emit(plain(settlement))
        return
    rows = [(one.facility, one.spends, yuan(one.bill_fen), yuan(one.amount_fen)) for one in settlement.lines]
    show_rows(("设施", "笔数", "账单金额", "应付金额"), rows, right=("笔数", "账单金额", "应付金额"))
    state = "已确认" if settlement.state == "CONFIRMED" else "待第二人确认"
    say(f"{settlement.month} 共 {yuan(settlement.amount_fen)} 元，{state}")


def _stub(platform: Platform) -> Any:
    return platform.stub(VoucherServiceStub, "payments")


def _show_issue(one: pb.VoucherIssue, *, as_json: bool) -> None:
    if as_json:
        emit(plain(one))
        return
    show_pairs(
        {
            "月份": one.month,
            "张数": one.vouchers,
            "发放": yuan(one.issued_fen),
            "已用": yuan(one.spent_fen),
            "到期": yuan(one.expired_fen),
            "未用": yuan(one.outstanding_fen),
            "应付机构": yuan(one.provider_due_fen),
            "信息截至": shown(one.cutoff),
        }
    )
    if one.refused:
        rows = [(REFUSED.get(reason, reason), count) for reason, count in sorted(one.refused.items())]
        show_rows(("未发原因", "人数"), rows, right=("人数",))
    for finding in one.control_findings:
        print(f"! {finding}")


def _show_spends(found: list[pb.Spend]) -> None:
    rows = [
        (one.spend_id, one.month, one.facility, one.receipt_no, yuan(one.bill_fen), yuan(one.covered_fen), one.spent_on,
         one.recorded_by, "已撤销" if one.reversed else "")
        for one in found
    ]  # fmt: skip
    columns = ("消费编号", "月份", "设施", "收据", "账单", "券抵扣", "服务日期", "登记人", "状态")
    show_rows(columns, rows, right=("账单", "券抵扣"))


def _show_providers(found: list[pb.Provider], *, as_json: bool) -> None:
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [(one.facility, "可收券" if one.enabled else "已停用", one.set_by, shown(one.set_at)) for one in found]
    show_rows(("设施", "状态", "登记人", "登记时间"), rows)
