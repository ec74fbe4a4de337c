"""`tuoqi fund`: where the money comes from, what came in, what is left; `tuoqi reconcile`: whether all of it closes."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from tuoqi.cli.options import AsJson, By, Limit, Purpose
from tuoqi.cli.output import emit, plain, say, show_rows, shown, yuan
from tuoqi.cli.platform import Platform, call
from tuoqi.contracts.payments.v1 import bank_service_pb2 as bank_pb
from tuoqi.contracts.payments.v1 import funding_service_pb2 as pb
from tuoqi.contracts.payments.v1.bank_service_pb2_grpc import BankServiceStub
from tuoqi.contracts.payments.v1.funding_service_pb2_grpc import FundingServiceStub
from tuoqi.kit.errors import TuoqiError, register_errors

app = typer.Typer(help="Sources of money 资金来源: allotments in, shares, balances, lottery fund projects.")
reconciling = typer.Typer()
RECEIPTS_MAX = 1_000
RECONCILE_S_MAX = 600.0
_YUAN = re.compile(r"-?\d{1,12}(\.\d{1,2})?")
LEVELS = {"central": "中央", "province": "省级", "city": "州市", "county": "县级", "lottery": "福彩公益金"}
KINDS = {"ALLOTTED": "拨入", "SPENT": "支出"}
SourceArg = Annotated[str, typer.Argument(metavar="SOURCE", help="The source's key; `tuoqi fund status`.")]
AmountArg = Annotated[
    str, typer.Argument(metavar="YUAN", help="The amount in yuan; below 0 takes an earlier one back.")
]
Document = Annotated[str, typer.Option("--document", metavar="NO", help="The document's number 文号; counts once.")]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="Anything to remember.")]

register_errors({"cli.not_an_amount": ("INVALID_ARGUMENT", "“{text}”不是金额（元，最多两位小数）。")})


@app.callback()
def fund() -> None:
    """Where the money comes from, and what is left of it."""


def _stub(platform: Platform) -> Any:
    return platform.stub(FundingServiceStub, "payments")


@app.command(epilog="Example: tuoqi fund status --by finance.qian")
def status(by: By = "", as_json: AsJson = False) -> None:
    """Show every source: allotted, with the bank, paid, returned, recovered, left."""

    async def ask(platform: Platform) -> pb.ListFundsResponse:
        answer: pb.ListFundsResponse = await _stub(platform).ListFunds(pb.ListFundsRequest())
        return answer

    _show(list(call(ask, by).funds), as_json=as_json)


@app.command(
    epilog="Example: tuoqi fund allot central 1000000 --document 示财社〔2026〕1号 --by finance.qian",
    context_settings={"ignore_unknown_options": True},
)
def allot(
    source: SourceArg, amount: AmountArg, document: Document, note: Note = "", by: By = "", as_json: AsJson = False
) -> None:
    """Book money that came in 资金拨付; the same document again changes nothing."""
    request = pb.AllotFundsRequest(source=source, amount_fen=_fen(amount), document_no=document, note=note)

    async def ask(platform: Platform) -> pb.AllotFundsResponse:
        answer: pb.AllotFundsResponse = await _stub(platform).AllotFunds(request)
        return answer

    answer = call(ask, by)
    _booked(answer.receipt, answer.fund, as_json=as_json)


@app.command(
    epilog="Example: tuoqi fund spend lottery_elder_home 5000 --document 2026-17 --by finance.qian",
    context_settings={"ignore_unknown_options": True},
)
def spend(
    source: SourceArg, amount: AmountArg, document: Document, note: Note = "", by: By = "", as_json: AsJson = False
) -> None:
    """Book what a lottery fund project 福彩公益金项目 spent, never more than it has."""
    request = pb.SpendProjectRequest(source=source, amount_fen=_fen(amount), document_no=document, note=note)

    async def ask(platform: Platform) -> pb.SpendProjectResponse:
        answer: pb.SpendProjectResponse = await _stub(platform).SpendProject(request)
        return answer

    answer = call(ask, by)
    _booked(answer.receipt, answer.fund, as_json=as_json)


@app.command(epilog="Example: tuoqi fund receipts --source central --by auditor.zhou")
def receipts(
    source: Annotated[str, typer.Option("--source", metavar="SOURCE", help="Only of this source.")] = "",
    limit: Limit = RECEIPTS_MAX,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List what was booked by documents, newest first; at most 1,000."""
    request = pb.ListReceiptsRequest(source=source, page_size=min(limit, RECEIPTS_MAX))

    async def ask(platform: Platform) -> pb.ListReceiptsResponse:
        answer: pb.ListReceiptsResponse = await _stub(platform).ListReceipts(request)
        return answer

    found = call(ask, by).receipts
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (
            shown(one.made_at),
            one.source,
            KINDS.get(one.kind, one.kind),
            yuan(one.amount_fen),
            one.document_no,
            one.made_by,
            one.note,
        )
        for one in found
    ]
    show_rows(("时间", "来源", "收支", "金额", "文号", "经办", "备注"), rows, right=("金额",))


@app.command(epilog="Example: tuoqi fund cycle 2026-11 --by finance.qian")
def cycle(
    named: Annotated[str, typer.Argument(metavar="CYCLE", help="A cycle's name, id or month.")],
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Show who bears a cycle, programme by programme."""

    async def ask(platform: Platform) -> pb.GetCycleFundsResponse:
        answer: pb.GetCycleFundsResponse = await _stub(platform).GetCycleFunds(pb.GetCycleFundsRequest(cycle=named))
        return answer

    found = call(ask, by).rows
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (
            one.programme,
            one.name,
            yuan(one.committed_fen),
            yuan(one.paid_fen),
            yuan(one.returned_fen),
            yuan(one.repaid_fen),
        )
        for one in found
    ]
    columns = ("项目", "来源", "承担", "支出", "退回", "收回")
    show_rows(columns, rows, right=("承担", "支出", "退回", "收回"))


def _fen(text: str) -> int:
    plain_text = text.strip().replace(",", "")
    if not _YUAN.fullmatch(plain_text):
        raise TuoqiError("cli.not_an_amount", text=text)
    whole, _, cents = plain_text.lstrip("-").partition(".")
    fen = int(whole) * 100 + int(cents.ljust(2, "0"))
    return -fen if plain_text.startswith("-") else fen


def _booked(receipt: pb.Receipt, after: pb.Fund, *, as_json: bool) -> None:
    if as_json:
        emit({"receipt": plain(receipt), "fund": plain(after)})
        return
    kind = KINDS.get(receipt.kind, receipt.kind)
    say(
        f"{after.name} {kind} {yuan(receipt.amount_fen)} 元（{receipt.document_no}），余额 {yuan(after.balance_fen)} 元"
    )


def _show(found: list[pb.Fund], *, as_json: bool) -> None:
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (
            one.source,
            one.name,
            LEVELS.get(one.level, one.level),
            yuan(one.allotted_fen),
            yuan(one.committed_fen),
            yuan(one.paid_fen),
            yuan(one.returned_fen),
            yuan(one.repaid_fen),
            yuan(one.spent_fen),
            yuan(one.balance_fen),
        )
        for one in found
    ]
    columns = ("来源", "名称", "层级", "拨入", "在途", "已付", "退回", "收回", "项目支出", "余额")
    show_rows(columns, rows, right=columns[3:])
    short = [f"{one.name}欠 {yuan(-one.balance_fen)} 元" for one in found if one.balance_fen < 0]
    if short:
        say(f"提示：{'、'.join(short)}")


@reconciling.command(epilog="Example: tuoqi reconcile --cycle 2026-11 --by auditor.zhou")
def reconcile(
    cycle_name: Annotated[
        str, typer.Option("--cycle", metavar="C", help="Only this cycle; all of them if left out.")
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="Show what closes too, not only what does not.")] = False,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Reconcile 对账: every figure counted in two ways, down to the ids that differ. Ends with 1 where one is open."""
    request = bank_pb.ReconcileRequest(cycle=cycle_name)

    async def ask(platform: Platform) -> bank_pb.ReconcileResponse:
        stub: Any = platform.stub(BankServiceStub, "payments")
        answer: bank_pb.ReconcileResponse = await stub.Reconcile(request, timeout=RECONCILE_S_MAX)
        return answer

    found = call(ask, by, purpose)
    if as_json:
        emit(plain(found))
    else:
        rows = [
            (
                one.cycle or "全部",
                one.what,
                _figure(one, one.left),
                _figure(one, one.right),
                _figure(one, one.difference),
                " ".join(one.ids),
            )
            for one in found.checks
            if every or one.difference or one.ids
        ]
        if rows:
            show_rows(("周期", "核对项", "数一", "数二", "差额", "不符的编号"), rows, right=("数一", "数二", "差额"))
        open_ones = sum(bool(one.difference or one.ids) for one in found.checks)
        say(f"核对 {len(found.checks)} 项，{'全部相符' if found.closes else f'{open_ones} 项不符'}。")
    if not found.closes:
        raise typer.Exit(1)


def _figure(one: bank_pb.Check, number: int) -> str:
    return yuan(number) if one.unit == "fen" else str(number)
