"""`tuoqi recovery`: recovery files 追回案卷 from the first notice to the last fen, or to the write-off."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from tuoqi.cli.commands.recovery_views import show_files, show_forecast, show_sums, show_whole
from tuoqi.cli.options import AsJson, By, Limit, PersonId, Purpose
from tuoqi.cli.output import emit, plain, say, yuan
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.contracts.payments.v1 import recovery_pb2
from tuoqi.contracts.payments.v1 import recovery_service_pb2 as pb
from tuoqi.contracts.payments.v1.recovery_service_pb2_grpc import RecoveryServiceStub
from tuoqi.kit.errors import TuoqiError, register_errors

app = typer.Typer(help="Recovery files 追回案卷: notice, repayment, instalments, offset, write-off.")
write_off = typer.Typer(help="Write-off 核销: proposed by civil affairs, confirmed by finance.")
app.add_typer(write_off, name="write-off", no_args_is_help=True)

RecoveryId = Annotated[str, typer.Argument(metavar="ID", help="The file, as `recovery list` shows it.")]
Reason = Annotated[str, typer.Option("--reason", metavar="CODE", help="by_person, by_office or replaced.")]
Because = Annotated[str, typer.Option("--because", metavar="TEXT", help="Why; stays in payments.")]
Amount = Annotated[str, typer.Option("--amount", metavar="YUAN", help="So many yuan, like 120.50.")]
register_errors({"cli.not_yuan": ("INVALID_ARGUMENT", "“{text}”不是以元计、最多两位小数的金额。")})
register_errors({"cli.not_an_instalment": ("INVALID_ARGUMENT", "“{text}”不是 日期=金额 的写法，如 2026-12-15=100。")})
FEN = 100
_PLACES = -2


@app.callback()
def recoveries() -> None:
    """Recovery files 追回案卷: notice, repayment, instalments, offset, write-off."""


@app.command("list", epilog="Example: tuoqi recovery list --overdue --by clerk.li")
def list_recoveries(
    state: Annotated[str, typer.Option("--state", help="OPEN, NOTICED, AGREED, SETTLED, WRITTEN_OFF, CANCELLED")] = "",
    overdue: Annotated[
        bool, typer.Option("--overdue", help="Only those whose notice or instalment is overdue.")
    ] = False,
    programme: Annotated[str, typer.Option("--programme", help="Only with something owed in this programme.")] = "",
    person: PersonId = "",
    owed_from: Annotated[str, typer.Option("--from", metavar="YUAN", help="Only owing at least this much.")] = "",
    owed_to: Annotated[str, typer.Option("--to", metavar="YUAN", help="Only owing at most this much.")] = "",
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List recovery files, the newest first."""
    least, most = fen_of(owed_from) if owed_from else 0, fen_of(owed_to) if owed_to else 0

    async def ask(platform: Platform) -> list[pb.Recovery]:
        async def page(size: int, token: str) -> tuple[list[pb.Recovery], str]:
            request = pb.ListRecoveriesRequest(
                state=state,
                overdue=overdue,
                programme=programme,
                person_id=person,
                owed_from_fen=least,
                owed_to_fen=most,
                page_size=size,
                page_token=token,
            )
            answer: pb.ListRecoveriesResponse = await _stub(platform).ListRecoveries(request)
            return list(answer.recoveries), answer.next_page_token

        return await pages(page, limit)

    _show(call(ask, by), as_json=as_json)


@app.command(epilog="Example: tuoqi recovery show ID --by clerk.li --purpose 核对欠款")
def show(recovery_id: RecoveryId, by: By = "", purpose: Purpose = "", as_json: AsJson = False) -> None:
    """Show one file with its months, plan, repayments and history; sentences and remarks only with a purpose."""

    async def ask(platform: Platform) -> pb.GetRecoveryResponse:
        answer: pb.GetRecoveryResponse = await _stub(platform).GetRecovery(
            pb.GetRecoveryRequest(recovery_id=recovery_id)
        )
        return answer

    found = call(ask, by, purpose)
    if as_json:
        emit(plain(found))
    else:
        show_whole(found)


@app.command(epilog="Example: tuoqi recovery totals --by finance.qian")
def totals(by: By = "", as_json: AsJson = False) -> None:
    """What is owed, by programme and by the age of the debt."""

    async def ask(platform: Platform) -> list[pb.RecoverySum]:
        answer: pb.SumRecoveriesResponse = await _stub(platform).SumRecoveries(pb.SumRecoveriesRequest())
        return list(answer.sums)

    sums = call(ask, by)
    if as_json:
        for one in sums:
            emit(plain(one))
    else:
        show_sums(sums)


@app.command(epilog="Example: tuoqi recovery forecast --by clerk.li")
def forecast(limit: Limit = 1_000, by: By = "", as_json: AsJson = False) -> None:
    """What the next cycle would recover by the facts known now: deaths, moves and ends since the last cycle."""

    async def ask(platform: Platform) -> list[pb.RecoveryForecast]:
        async def page(size: int, token: str) -> tuple[list[pb.RecoveryForecast], str]:
            request = pb.ForecastRecoveriesRequest(page_size=size, page_token=token)
            answer: pb.ForecastRecoveriesResponse = await _stub(platform).ForecastRecoveries(request)
            return list(answer.forecasts), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
    else:
        show_forecast(found)


@app.command(epilog="Example: tuoqi recovery notice ID --by clerk.li")
def notice(recovery_id: RecoveryId, by: By = "", as_json: AsJson = False) -> None:
    """Issue a notice 追回通知 over what is owed now; `tuoqi export recovery_notices` prints it."""
    _act("IssueNotice", pb.IssueNoticeRequest(recovery_id=recovery_id), by, as_json=as_json)


@app.command(epilog="Example: tuoqi recovery deliver ID --on 2026-11-25 --how in_person --by clerk.li")
def deliver(
    recovery_id: RecoveryId,
    on: Annotated[str, typer.Option("--on", metavar="DAY", help="The day on which it arrived.")],
    how: Annotated[str, typer.Option("--how", metavar="CODE", help="in_person, family, post, left or public.")],
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="A remark; stays in payments.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Say when and how the notice reached the person; the term runs from then."""
    request = pb.DeliverNoticeRequest(recovery_id=recovery_id, delivered_on=on, how=how, note=note)
    _act("DeliverNotice", request, by, as_json=as_json)


@app.command(epilog="Example: tuoqi recovery repay ID --amount 100 --receipt P2026-001 --payer heir --by clerk.li")
def repay(
    recovery_id: RecoveryId,
    amount: Amount,
    receipt: Annotated[str, typer.Option("--receipt", metavar="NO", help="The receipt's number 收据号.")],
    payer: Annotated[
        str, typer.Option("--payer", metavar="CODE", help="self, heir, guardian, facility, other.")
    ] = "self",
    on: Annotated[str, typer.Option("--on", metavar="DAY", help="The day on which it came; default today.")] = "",
    programme: Annotated[str, typer.Option("--programme", help="Only for this programme and --month.")] = "",
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="Only for this month.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Book money that came back; it goes to the oldest month first."""
    request = pb.RecordRepaymentRequest(
        recovery_id=recovery_id,
        amount_fen=fen_of(amount),
        paid_on=on,
        receipt_no=receipt,
        payer=payer,
        programme=programme,
        benefit_month=month,
    )
    _act("RecordRepayment", request, by, as_json=as_json)


@app.command(epilog="Example: tuoqi recovery reverse ID REPAYMENT --because 串户 --by reviewer.zhao")
def reverse(
    recovery_id: RecoveryId,
    repayment: Annotated[str, typer.Argument(metavar="REPAYMENT", help="As `recovery show` has it.")],
    because: Because,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Take back a repayment that was booked wrongly, by the opposite posting."""
    request = pb.ReverseRepaymentRequest(recovery_id=recovery_id, repayment_id=repayment, reason=because)
    _act("ReverseRepayment", request, by, as_json=as_json)


@app.command(epilog="Example: tuoqi recovery plan ID --months 6 --first 2026-12-15 --by clerk.li")
def plan(
    recovery_id: RecoveryId,
    months: Annotated[int, typer.Option("--months", min=0, help="So many equal monthly instalments.")] = 0,
    first: Annotated[str, typer.Option("--first", metavar="DAY", help="When the first of them is due.")] = "",
    part: Annotated[list[str] | None, typer.Option("--part", metavar="DAY=YUAN", help="Or each by itself.")] = None,
    end: Annotated[
        str, typer.Option("--end", metavar="CODE", help="End the plan: by_person, by_office, replaced.")
    ] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Agree instalments 分期 that add up to what is owed, or end the plan."""
    if end:
        _act("EndPlan", pb.EndPlanRequest(recovery_id=recovery_id, reason=end), by, as_json=as_json)
        return
    parts = [_instalment(nth, text) for nth, text in enumerate(part or [], start=1)]
    request = pb.AgreePlanRequest(recovery_id=recovery_id, instalments=parts, months=months, first_due_on=first)
    _act("AgreePlan", request, by, as_json=as_json)


@app.command(epilog="Example: tuoqi recovery agree ID --signed 2026-11-25 --programme dibao --percent 20 --by clerk.li")
def agree(
    recovery_id: RecoveryId,
    signed: Annotated[str, typer.Option("--signed", metavar="DAY", help="The day of the signature.")] = "",
    programme: Annotated[
        list[str] | None, typer.Option("--programme", help="Whose payments are used; repeatable.")
    ] = None,
    cap: Annotated[str, typer.Option("--cap", metavar="YUAN", help="At most this much a month.")] = "",
    percent: Annotated[str, typer.Option("--percent", metavar="N", help="Or this share of each payment.")] = "",
    end: Annotated[str, typer.Option("--end", metavar="CODE", help="End it: by_person, by_office, replaced.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Keep an agreement 协议抵扣 by which later payments reduce what is owed now, or end it."""
    if end:
        _act("EndOffset", pb.EndOffsetRequest(recovery_id=recovery_id, reason=end), by, as_json=as_json)
        return
    request = pb.AgreeOffsetRequest(
        recovery_id=recovery_id,
        signed_on=signed,
        programmes=programme or [],
        cap_fen=fen_of(cap) if cap else 0,
        cap_hundredths=fen_of(percent) if percent else 0,
    )
    _act("AgreeOffset", request, by, as_json=as_json)


@write_off.command(epilog="Example: tuoqi recovery write-off propose ID --reason no_estate --by reviewer.zhao")
def propose(
    recovery_id: RecoveryId,
    reason: Annotated[str, typer.Option("--reason", metavar="CODE", help="no_estate, hardship, below_cost, …")],
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="A remark; stays in payments.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Propose that what is owed now is written off; it lapses where the amount changes."""
    request = pb.ProposeWriteOffRequest(recovery_id=recovery_id, reason=reason, note=note)
    _act("ProposeWriteOff", request, by, as_json=as_json)


@write_off.command(epilog="Example: tuoqi recovery write-off confirm ID --amount 780 --by finance.qian")
def confirm(recovery_id: RecoveryId, amount: Amount, by: By = "", as_json: AsJson = False) -> None:
    """Write it off, as another person than the one who proposed it, over the amount that was seen."""
    request = pb.ConfirmWriteOffRequest(recovery_id=recovery_id, amount_fen=fen_of(amount))
    _act("ConfirmWriteOff", request, by, as_json=as_json)


@write_off.command(epilog="Example: tuoqi recovery write-off refuse ID --because 金额不小 --by finance.qian")
def refuse(recovery_id: RecoveryId, because: Because, by: By = "", as_json: AsJson = False) -> None:
    """End a proposal with a reason."""
    _act("RefuseWriteOff", pb.RefuseWriteOffRequest(recovery_id=recovery_id, reason=because), by, as_json=as_json)


@write_off.command(epilog="Example: tuoqi recovery write-off withdraw ID --by reviewer.zhao")
def withdraw(recovery_id: RecoveryId, by: By = "", as_json: AsJson = False) -> None:
    """Take back one's own proposal."""
    _act("WithdrawWriteOff", pb.WithdrawWriteOffRequest(recovery_id=recovery_id), by, as_json=as_json)


def _act(method: str, request: Any, by: str, *, as_json: bool) -> None:
    """One act on one file, shown as it is afterwards."""

    async def act(platform: Platform) -> Any:
        work: Callable[..., Any] = getattr(_stub(platform), method)
        return await work(request)

    answer = call(act, by)
    _show([answer.recovery], as_json=as_json)
    if not as_json and method == "RecordRepayment":
        say(f"已登记退回款 {answer.repayment_id}，尚欠 {yuan(answer.recovery.owed_fen)} 元。")


def _show(found: list[pb.Recovery], *, as_json: bool) -> None:
    if as_json:
        for one in found:
            emit(plain(one))
    else:
        show_files(found)


def fen_of(text: str) -> int:
    """Yuan as somebody writes them, in fen. Raises cli.not_yuan."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise TuoqiError("cli.not_yuan", text=text) from None
    exponent = value.as_tuple().exponent
    if not value.is_finite() or value < 0 or not isinstance(exponent, int) or exponent < _PLACES:
        raise TuoqiError("cli.not_yuan", text=text)
    return int(value * FEN)


def _instalment(nth: int, text: str) -> recovery_pb2.RecoveryInstalment:
    day, sign, amount = text.partition("=")
    if not sign:
        raise TuoqiError("cli.not_an_instalment", text=text)
    return recovery_pb2.RecoveryInstalment(nth=nth, due_on=day.strip(), amount_fen=fen_of(amount.strip()))


def _stub(platform: Platform) -> Any:
    return platform.stub(RecoveryServiceStub, "payments")
