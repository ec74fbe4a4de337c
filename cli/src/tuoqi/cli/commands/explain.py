"""`tuoqi explain`: one person's month, programme by programme, as a clerk reads it to the person."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tuoqi.cli.options import AsJson, By, CycleName, Purpose
from tuoqi.cli.output import emit, plain, shown, yuan
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.whom import Whom, person_id_of
from tuoqi.contracts.payments.v1 import explain_service_pb2 as pb
from tuoqi.contracts.payments.v1.explain_service_pb2_grpc import ExplainServiceStub

app = typer.Typer()
WORDS = {"PAID": "已发", "UNPAID": "应发未发足", "OVERPAID": "多发", "NOT_DUE": "不发"}


@app.command(epilog="Example: tuoqi explain T0001 2026-11 --by clerk.li --purpose 群众咨询")
def explain(
    person: Whom,
    month: Annotated[str, typer.Argument(metavar="MONTH", help="The benefit month, YYYY-MM.")],
    cycle: CycleName = "",
    every: Annotated[
        bool, typer.Option("--all/--brief", help="Every programme, or only those that paid or are due.")
    ] = True,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Explain a person's month: every programme, what was paid and why, where the money is, what would change it."""

    async def ask(platform: Platform) -> pb.ExplainMonthResponse:
        person_id = await person_id_of(platform, person)
        stub: Any = platform.stub(ExplainServiceStub, "payments")
        request = pb.ExplainMonthRequest(person_id=person_id, month=month, cycle=cycle)
        answer: pb.ExplainMonthResponse = await stub.ExplainMonth(request)
        return answer

    found = call(ask, by, purpose)
    if as_json:
        emit(plain(found))
        return
    print(f"人员 {found.person_id}，{found.month}，按截至 {shown(found.as_of)} 的登记信息、{found.cycle_month} 的周期")
    for one in found.programmes:
        if every or one.standing != "NOT_DUE" or one.lines:
            _show(one)


def _show(one: pb.ConsideredProgramme) -> None:
    print(f"\n{one.name}（{one.programme}）：{WORDS.get(one.standing, one.standing)}，"
          f"应发 {yuan(one.entitled_fen)}，已发 {yuan(one.paid_fen)}")  # fmt: skip
    print(f"  {one.sentence}" + (f"（{one.rule_version}）" if one.rule_version else ""))
    for line in one.lines:
        print(f"  周期 {line.cycle}：{line.sentence}")
        for money in line.money:
            print(f"    {money.sentence}")
    if one.owed_fen:
        print(f"  该月尚待追回 {yuan(one.owed_fen)}。")
    for change in one.would_change:
        print(f"  → {change}")
