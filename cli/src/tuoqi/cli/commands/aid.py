"""`tuoqi aid`: one-off aid 一次性救助, from the application to the papers; and goods 慰问物资."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

import typer

from tuoqi.cli.amounts import fen_from
from tuoqi.cli.options import AsJson, By, Limit, Purpose
from tuoqi.cli.output import emit, plain, say, show_pairs, show_rows, yuan
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.whom import Whom, person_id_of
from tuoqi.contracts.payments.v1 import aid_service_pb2 as pb
from tuoqi.contracts.payments.v1.aid_service_pb2_grpc import AidServiceStub

app = typer.Typer(help="One-off aid 一次性救助, and goods 慰问物资.")
ApplicationId = Annotated[str, typer.Argument(metavar="ID", help="The application, as `aid list` shows it.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; stays with the record.")]
Key = Annotated[str, typer.Option("--key", metavar="KEY", help="Your own name of this request; repeat it safely.")]
On = Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="The day; default: today.")]
WORDS = {
    "APPLIED": "待审批", "FIRST_DECIDED": "待第二人审批", "PAPERS_DUE": "已救助，手续待补", "GRANTED": "已批准",
    "REFUSED": "未批准", "VOIDED": "已作废", "TOWNSHIP": "乡镇", "COUNTY": "县级", "SPECIAL": "县级两人",
}  # fmt: skip


@app.callback()
def aid() -> None:
    """One-off aid 一次性救助, and goods 慰问物资."""


@app.command(
    epilog="Example: tuoqi aid apply PERSON --programme temporary_assistance --type emergency --item illness"
    " --amount 1200 --by clerk.li"
)
def apply(
    whom: Whom,
    programme: Annotated[str, typer.Option("--programme", help="temporary_assistance, education_grant, …")],
    item: Annotated[list[str], typer.Option("--item", help="Cause, school stage, funeral items or occasion.")],
    type_: Annotated[str, typer.Option("--type", help="emergency or expenditure; temporary assistance only.")] = "",
    amount: Annotated[str, typer.Option("--amount", metavar="YUAN", help="Where no table gives it.")] = "0",
    on: On = "",
    remark: Annotated[str, typer.Option("--remark", metavar="TEXT", help="For the decider; in no event.")] = "",
    key: Key = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Record an application."""

    async def act(platform: Platform) -> pb.AidApplication:
        request = pb.ApplyAidRequest(
            idempotency_key=key or _new_key(),
            person_id=await person_id_of(platform, whom),
            programme=programme,
            type=type_,
            items=item,
            amount_fen=fen_from(amount),
            applied_on=on,
            remark=remark,
        )
        answer: pb.ApplyAidResponse = await _stub(platform).ApplyAid(request)
        return answer.application

    _show([call(act, by)], as_json=as_json)


@app.command(epilog="Example: tuoqi aid decide ID --grant --by township.he")
def decide(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="All are decided, or none.")],
    grant: Annotated[bool, typer.Option("--grant/--refuse", help="Granted, or refused with a reason.")] = True,
    amount: Annotated[str, typer.Option("--amount", metavar="YUAN", help="Less than applied for; one ID only.")] = "0",
    papers_later: Annotated[bool, typer.Option("--papers-later", help="Pay first, papers after 先行救助.")] = False,
    reason: Reason = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Grant or refuse, within your limit and never what you applied for."""
    request = pb.DecideAidRequest(
        application_ids=ids, grant=grant, amount_fen=fen_from(amount), papers_later=papers_later, reason=reason
    )

    async def act(platform: Platform) -> list[pb.AidApplication]:
        answer: pb.DecideAidResponse = await _stub(platform).DecideAid(request)
        return list(answer.applications)

    _show(call(act, by), as_json=as_json)


@app.command(epilog="Example: tuoqi aid papers ID --by clerk.li")
def papers(application_id: ApplicationId, by: By = "", as_json: AsJson = False) -> None:
    """Record that the papers of an emergency grant have come."""
    request = pb.ReceivePapersRequest(application_id=application_id)
    _one(lambda stub: stub.ReceivePapers(request), by, as_json=as_json)


@app.command(epilog="Example: tuoqi aid void ID --reason 重复申请 --by reviewer.zhao")
def void(application_id: ApplicationId, reason: Reason, by: By = "", as_json: AsJson = False) -> None:
    """Take an application back; what was paid is recovered by the next cycle."""
    request = pb.VoidAidRequest(application_id=application_id, reason=reason)
    _one(lambda stub: stub.VoidAid(request), by, as_json=as_json)


@app.command(epilog="Example: tuoqi aid show ID --by reviewer.zhao --purpose 审批")
def show(application_id: ApplicationId, by: By = "", purpose: Purpose = "", as_json: AsJson = False) -> None:
    """Show one application with what people wrote; of a child with a purpose only."""

    async def ask(platform: Platform) -> pb.GetAidResponse:
        answer: pb.GetAidResponse = await _stub(platform).GetAid(pb.GetAidRequest(application_id=application_id))
        return answer

    found = call(ask, by, purpose)
    if as_json:
        emit(plain(found))
        return
    _show([found.application], as_json=False)
    show_pairs({name: text for name, text in (("说明", found.remark), ("审批意见", found.reason)) if text})


@app.command("list", epilog="Example: tuoqi aid list --overdue --by clerk.li")
def list_aid(
    whom: Annotated[str, typer.Option("--person", metavar="PERSON", help="Only this person.")] = "",
    programme: Annotated[str, typer.Option("--programme", help="Only this programme.")] = "",
    state: Annotated[str, typer.Option("--state", help="、".join(list(WORDS)[:6]))] = "",
    overdue: Annotated[bool, typer.Option("--overdue", help="Only those whose papers are overdue.")] = False,
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List applications of your regions, newest first."""

    async def ask(platform: Platform) -> list[pb.AidApplication]:
        person = await person_id_of(platform, whom) if whom else ""

        async def page(size: int, token: str) -> tuple[list[pb.AidApplication], str]:
            request = pb.ListAidRequest(
                person_id=person, programme=programme, state=state, papers_overdue=overdue, page_size=size,
                page_token=token,
            )  # fmt: skip
            answer: pb.ListAidResponse = await _stub(platform).ListAid(request)
            return list(answer.applications), answer.next_page_token

        return await pages(page, limit)

    _show(call(ask, by), as_json=as_json)


@app.command(epilog="Example: tuoqi aid limits --by township.he")
def limits(
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="Default: this month.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Show the limits, ceilings and amounts of a month."""

    async def ask(platform: Platform) -> list[pb.AidLimit]:
        answer: pb.ListAidLimitsResponse = await _stub(platform).ListAidLimits(pb.ListAidLimitsRequest(month=month))
        return list(answer.limits)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [(one.programme, f"{one.title}[{one.code}]", yuan(one.amount_fen)) for one in found]
    show_rows(("项目", "限额或标准", "金额"), rows, right=("金额",))


@app.command(
    epilog="Example: tuoqi aid goods PERSON --occasion centenarian --item rice --quantity 2 --value 84 --by clerk.li"
)
def goods(
    people: Annotated[list[str], typer.Argument(metavar="PERSON...", help="The same for each of them.")],
    occasion: Annotated[str, typer.Option("--occasion", help="centenarian, spring_festival, …")],
    item: Annotated[str, typer.Option("--item", help="rice, oil, quilt, …")],
    value: Annotated[str, typer.Option("--value", metavar="YUAN", help="What one person's are worth.")],
    quantity: Annotated[int, typer.Option("--quantity", min=1, max=10_000, help="For each person.")] = 1,
    on: On = "",
    key: Key = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Record goods given; no bank money moves."""

    async def act(platform: Platform) -> list[pb.GoodsEntry]:
        request = pb.IssueGoodsRequest(
            idempotency_key=key or _new_key(),
            person_ids=[await person_id_of(platform, one) for one in people],
            occasion=occasion,
            item=item,
            quantity=quantity,
            value_fen=fen_from(value),
            issued_on=on,
        )
        answer: pb.IssueGoodsResponse = await _stub(platform).IssueGoods(request)
        return list(answer.entries)

    _show_goods(call(act, by), as_json=as_json)


@app.command("goods-back", epilog="Example: tuoqi aid goods-back ID --reason 未送达 --by reviewer.zhao")
def goods_back(
    issue_id: Annotated[str, typer.Argument(metavar="ID", help="The entry, as `aid goods-list` shows it.")],
    reason: Reason,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Take an issue of goods back by a second entry."""

    async def act(platform: Platform) -> pb.GoodsEntry:
        request = pb.TakeBackGoodsRequest(issue_id=issue_id, reason=reason)
        answer: pb.TakeBackGoodsResponse = await _stub(platform).TakeBackGoods(request)
        return answer.entry

    _show_goods([call(act, by)], as_json=as_json)


@app.command(
    "goods-list", epilog="Example: tuoqi aid goods-list --since 2026-01-01 --occasion centenarian --by clerk.li"
)
def goods_list(
    since: Annotated[str, typer.Option("--since", metavar="YYYY-MM-DD", help="This day and later.")] = "",
    until: Annotated[str, typer.Option("--until", metavar="YYYY-MM-DD", help="This day and earlier.")] = "",
    occasion: Annotated[str, typer.Option("--occasion", help="Only this occasion.")] = "",
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List goods given in your regions, and what they are worth together."""
    total = 0

    async def ask(platform: Platform) -> list[pb.GoodsEntry]:
        async def page(size: int, token: str) -> tuple[list[pb.GoodsEntry], str]:
            nonlocal total
            request = pb.ListGoodsRequest(since=since, until=until, occasion=occasion, page_size=size, page_token=token)
            answer: pb.ListGoodsResponse = await _stub(platform).ListGoods(request)
            total = answer.total_fen
            return list(answer.entries), answer.next_page_token

        return await pages(page, limit)

    _show_goods(call(ask, by), as_json=as_json)
    if not as_json:
        say(f"合计 {yuan(total)} 元")


def _one(work: Callable[[Any], Awaitable[Any]], by: str, *, as_json: bool) -> None:
    async def act(platform: Platform) -> pb.AidApplication:
        application: pb.AidApplication = (await work(_stub(platform))).application
        return application

    _show([call(act, by)], as_json=as_json)


def _show(found: Sequence[pb.AidApplication], *, as_json: bool) -> None:
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (
            one.application_id, one.person_id, one.programme, ";".join(filter(None, (one.type, *one.items))),
            yuan(one.amount_fen), WORDS.get(one.state, one.state), WORDS.get(one.level, one.level),
            yuan(one.granted_fen) if one.granted_fen else "", one.benefit_month,
            f"{one.papers_due_on}{'（逾期）' if one.papers_overdue else ''}", one.applied_by,
        )
        for one in found
    ]  # fmt: skip
    columns = (
        "编号",
        "人员编号",
        "项目",
        "事由",
        "申请金额",
        "状态",
        "级别",
        "批准金额",
        "享受月份",
        "手续截止",
        "经办",
    )
    show_rows(columns, rows, right=("申请金额", "批准金额"))


def _show_goods(found: Sequence[pb.GoodsEntry], *, as_json: bool) -> None:
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (one.issue_id, one.person_id, one.occasion, one.item, one.quantity, yuan(one.value_fen), one.issued_on, one.corrects)
        for one in found
    ]  # fmt: skip
    show_rows(("编号", "人员编号", "节点", "物资", "数量", "价值", "日期", "冲销"), rows, right=("数量", "价值"))


def _new_key() -> str:
    return f"cli-{secrets.token_hex(12)}"


def _stub(platform: Platform) -> Any:
    return platform.stub(AidServiceStub, "payments")
