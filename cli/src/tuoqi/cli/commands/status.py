"""`tuoqi status`: the platform's state; with a subject behind it, a person's status intervals 身份认定."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from google.protobuf.timestamp_pb2 import Timestamp

from tuoqi.cli.commands.local import status as platform_status
from tuoqi.cli.options import AsJson, By, Purpose, moment_from
from tuoqi.cli.output import emit, plain, say, show_pairs, show_rows, shown, yuan
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.whom import Whom, person_id_of
from tuoqi.contracts.registry.v1 import status_service_pb2 as pb
from tuoqi.contracts.registry.v1.status_service_pb2_grpc import StatusServiceStub
from tuoqi.kit.errors import TuoqiError, register_errors
from tuoqi.kit.stamps import stamp_of

register_errors({"cli.not_money": ("INVALID_ARGUMENT", "“{text}”不是金额，应以元计，最多两位小数。")})
app = typer.Typer(
    help="Without a subject: the truth about each part of the platform. Else a person's status intervals 身份认定."
)

Interval = Annotated[str, typer.Option("--interval", metavar="ID", help="The interval, as `status show` prints it.")]
Reason = Annotated[str, typer.Option("--reason", metavar="CODE", help="A reason of the category, by code or word.")]
DecisionNo = Annotated[str, typer.Option("--decision-no", metavar="TEXT", help="The document's number 文号.")]
Evidence = Annotated[str, typer.Option("--evidence", metavar="TEXT", help="What it rests on; kept sealed.")]
Decider = Annotated[str, typer.Option("--decider", metavar="TEXT", help="Who decided, like 县民政局; kept sealed.")]
Amount = Annotated[str, typer.Option("--amount", metavar="YUAN", help="Yuan per person and month.")]
Level = Annotated[str, typer.Option("--level", help="The level, by code or word.")]
Subtype = Annotated[str, typer.Option("--subtype", help="The subtype, by code or word.")]
DecidedOn = Annotated[str, typer.Option("--decided-on", metavar="YYYY-MM-DD", help="Default: today.")]
AppliedOn = Annotated[str, typer.Option("--applied-on", metavar="YYYY-MM-DD", help="Default: nobody applied.")]
ValidUntil = Annotated[str, typer.Option("--valid-until", metavar="YYYY-MM-DD", help="A certificate's last day.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Document numbers, reasons and evidence too.")]


@app.callback(invoke_without_command=True, epilog="Example: tuoqi status")
def statuses(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Tell the truth about each part of the platform; with a subject, read and decide a person's statuses."""
    if ctx.invoked_subcommand is None:
        platform_status(as_json)


@app.command(epilog="Example: tuoqi status show T0001 --on 2026-06-30 --known '2026-07-01 09:00' --by clerk.li")
def show(
    person: Whom,
    on: Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="True on this day; default: today.")] = "",
    known: Annotated[str, typer.Option("--known", metavar="MOMENT", help="As known then; default: now.")] = "",
    reveal: Reveal = False,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Show what was true of a person on a day, by what was known at a moment."""

    async def ask(platform: Platform) -> pb.ListStatusesResponse:
        request = pb.ListStatusesRequest(person_id=await person_id_of(platform, person), true_on=on, reveal=reveal)
        if known:
            request.known_at.CopyFrom(_stamp(known))
        answer: pb.ListStatusesResponse = await _stub(platform).ListStatuses(request)
        return answer

    found = call(ask, by, purpose)
    if as_json:
        emit(plain(found))
        return
    if not found.HasField("person"):
        say("当时平台还不知道此人。")
        return
    _show_person(found)
    columns = ("有效", "类别", "子类", "等级", "认定日期", "终止日期", "有效期至", "金额（元）", "知悉时间", "认定编号")
    show_rows(columns, [_line(one) for one in found.intervals], right=("金额（元）",))


@app.command(epilog="Example: tuoqi status history T0001 --by clerk.li")
def history(person: Whom, reveal: Reveal = False, by: By = "", purpose: Purpose = "", as_json: AsJson = False) -> None:
    """List every row that was ever in force for a person, oldest first."""

    async def ask(platform: Platform) -> pb.ListHistoryResponse:
        request = pb.ListHistoryRequest(person_id=await person_id_of(platform, person), reveal=reveal)
        answer: pb.ListHistoryResponse = await _stub(platform).ListHistory(request)
        return answer

    found = call(ask, by, purpose)
    if as_json:
        emit(plain(found))
        return
    versions = [
        (shown(one.known_at), shown(one.superseded_at), one.facts.birth_date, one.hukou_region, one.facts.died_on)
        for one in found.persons
    ]
    show_rows(("知悉", "被替代", "出生日期", "户籍区划", "死亡日期"), versions)
    rows = [
        (
            shown(one.known_at), shown(one.superseded_at), one.interval.category, one.interval.level,
            one.interval.decided_on, one.interval.ended_on, yuan(one.interval.amount_fen), one.loaded_by,
            one.decision.action, one.decision.heard_on,
        )
        for one in found.rows
    ]  # fmt: skip
    columns = ("知悉", "被替代", "类别", "等级", "认定日期", "终止日期", "金额（元）", "经办人", "决定", "听取意见")
    show_rows(columns, rows, right=("金额（元）",))


@app.command(
    "open",
    epilog="Example: tuoqi status open T0001 --category 低保 --amount 780 --reason 本人申请 --by clerk.li",
)
def open_interval(
    person: Whom,
    category: Annotated[str, typer.Option("--category", help="The category, by key or word.")],
    reason: Reason,
    subtype: Subtype = "",
    level: Level = "",
    amount: Amount = "",
    applied_on: AppliedOn = "",
    decided_on: DecidedOn = "",
    valid_until: ValidUntil = "",
    decision_no: DecisionNo = "",
    evidence: Evidence = "",
    decider: Decider = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Record a decision that opens an interval."""
    content = pb.Particulars(
        category=category, subtype=subtype, level=level, amount_fen=_fen(amount), reason=reason,
        decision_no=decision_no, evidence=evidence, decider=decider,
    )  # fmt: skip
    paper = pb.DecisionPaper(applied_on=applied_on, decided_on=decided_on, valid_until=valid_until, particulars=content)
    _decide(person, pb.RecordDecisionRequest(action="OPEN", decision=paper), by, purpose, as_json=as_json)


@app.command(epilog="Example: tuoqi status change T0001 --interval ID --amount 700 --reason 收入超出标准 --by clerk.li")
def change(
    person: Whom,
    interval: Interval,
    reason: Reason,
    subtype: Subtype = "",
    level: Level = "",
    amount: Amount = "",
    applied_on: AppliedOn = "",
    decided_on: DecidedOn = "",
    valid_until: ValidUntil = "",
    decision_no: DecisionNo = "",
    evidence: Evidence = "",
    decider: Decider = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Record a decision that changes an interval from its day on; with the interval's own day it mends the row."""
    content = pb.Particulars(
        subtype=subtype, level=level, amount_fen=_fen(amount), reason=reason, decision_no=decision_no,
        evidence=evidence, decider=decider,
    )  # fmt: skip
    paper = pb.DecisionPaper(applied_on=applied_on, decided_on=decided_on, valid_until=valid_until, particulars=content)
    request = pb.RecordDecisionRequest(action="CHANGE", interval_id=interval, decision=paper)
    _decide(person, request, by, purpose, as_json=as_json)


@app.command(epilog="Example: tuoqi status end T0001 --interval ID --reason 死亡 --ended-on 2026-11-20 --by clerk.li")
def end(
    person: Whom,
    interval: Interval,
    reason: Reason,
    ended_on: Annotated[str, typer.Option("--ended-on", metavar="YYYY-MM-DD", help="Default: today.")] = "",
    decision_no: DecisionNo = "",
    evidence: Evidence = "",
    decider: Decider = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Record a decision that ends an interval."""
    content = pb.Particulars(reason=reason, decision_no=decision_no, evidence=evidence, decider=decider)
    paper = pb.DecisionPaper(ended_on=ended_on, particulars=content)
    request = pb.RecordDecisionRequest(action="END", interval_id=interval, decision=paper)
    _decide(person, request, by, purpose, as_json=as_json)


@app.command(epilog="Example: tuoqi status hear T0001 --interval ID --said '孩子已工作，同意' --by clerk.li")
def hear(
    person: Whom,
    interval: Interval,
    said: Annotated[str, typer.Option("--said", metavar="TEXT", help="What the person said; kept sealed.")],
    held_on: Annotated[str, typer.Option("--held-on", metavar="YYYY-MM-DD", help="Default: today.")] = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Record that the person was heard 听取意见 before a cut."""

    async def act(platform: Platform) -> pb.RecordHearingResponse:
        request = pb.RecordHearingRequest(
            person_id=await person_id_of(platform, person), interval_id=interval, held_on=held_on, said=said
        )
        answer: pb.RecordHearingResponse = await _stub(platform).RecordHearing(request)
        return answer

    done = call(act, by, purpose)
    emit(plain(done)) if as_json else show_pairs({"听取意见编号": done.hearing_id})


@app.command(
    epilog="Example: tuoqi status snapshot T0001 T0002 --known '2026-11-20 18:00' --purpose 核对 --by reviewer.zhao"
)
def snapshot(
    persons: Annotated[list[str], typer.Argument(metavar="PERSON...", help="Person ids, numbers or temporary ids.")],
    known: Annotated[str, typer.Option("--known", metavar="MOMENT", help="The moment, like a cycle's cut-off.")],
    with_names: Annotated[bool, typer.Option("--with-names", help="Names too.")] = False,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Show the facts of people as known at a moment, with the hash that proves two readings equal."""

    async def ask(platform: Platform) -> pb.GetSnapshotResponse:
        ids = [await person_id_of(platform, one) for one in persons]
        request = pb.GetSnapshotRequest(person_ids=ids, known_at=_stamp(known), with_names=with_names)
        answer: pb.GetSnapshotResponse = await _stub(platform).GetSnapshot(request)
        return answer

    found = call(ask, by, purpose)
    if as_json:
        emit(plain(found))
        return
    rows = [(one.person_id, one.name, len(one.intervals), len(one.stays), one.content_hash) for one in found.persons]
    show_rows(("人员编号", "姓名", "认定", "入住", "内容摘要"), rows, right=("认定", "入住"))
    show_pairs({"总摘要": found.content_hash})


@app.command(epilog="Example: tuoqi status categories --by clerk.li")
def categories(by: By = "", as_json: AsJson = False) -> None:
    """List the county's categories with their reasons and rules."""

    async def ask(platform: Platform) -> Sequence[pb.CategoryRules]:
        answer: pb.ListCategoriesResponse = await _stub(platform).ListCategories(pb.ListCategoriesRequest())
        return list(answer.categories)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (one.key, one.name, "是" if one.hearing else "", one.posting_days or "",
         "、".join(one.opening_reasons.values()), "、".join(one.ending_reasons.values()))
        for one in found
    ]  # fmt: skip
    show_rows(("代码", "类别", "听取意见", "公示天数", "开始原因", "终止原因"), rows)


def _decide(person: str, request: pb.RecordDecisionRequest, by: str, purpose: str, *, as_json: bool) -> None:
    async def act(platform: Platform) -> pb.RecordDecisionResponse:
        request.person_id = await person_id_of(platform, person)
        answer: pb.RecordDecisionResponse = await _stub(platform).RecordDecision(request)
        return answer

    done = call(act, by, purpose)
    if as_json:
        emit(plain(done))
        return
    posting = f"{done.posting_days} 天" if done.posting_days else "不公示"
    show_pairs({"认定编号": done.interval_id, "决定编号": done.decision_id, "公示": posting})


def _show_person(found: pb.ListStatusesResponse) -> None:
    person = found.person
    show_pairs(
        {
            "日期": f"{found.true_on}（按 {shown(found.known_at)} 所知）",
            "人员编号": person.facts.person_id,
            "周岁": person.age,
            "户籍区划": person.hukou_region,
            "在世": "是" if person.alive else f"否（{person.facts.died_on}）",
            "迁出": "是" if person.away else "否",
        }
    )


def _line(one: pb.KnownInterval) -> tuple[object, ...]:
    interval = one.interval
    state = "是" if one.in_force else "作废" if one.voided else ""
    return (
        state, interval.category, interval.subtype, interval.level, interval.decided_on, interval.ended_on,
        interval.valid_until, yuan(interval.amount_fen) if interval.amount_fen else "", shown(one.known_at),
        interval.interval_id,
    )  # fmt: skip


def _fen(amount: str) -> int:
    """Yuan as people write them in fen, without any float. Raises cli.not_money."""
    whole, _, rest = amount.strip().partition(".")
    if not amount.strip():
        return 0
    if not whole.isascii() or not whole.isdigit() or len(rest) > 2 or (rest and not rest.isdigit()):  # noqa: PLR2004  fen
        raise TuoqiError("cli.not_money", text=amount)
    return int(whole) * 100 + int(rest.ljust(2, "0"))


def _stamp(text: str) -> Timestamp:
    return stamp_of(moment_from(text))


def _stub(platform: Platform) -> Any:
    return platform.stub(StatusServiceStub, "registry")
