"""`tuoqi visits referral` and `tuoqi visits service`: what departments do about findings, and services given."""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from typing import Annotated, Any, Final

import typer

from tuoqi.cli.options import AsJson, By, Limit, Purpose
from tuoqi.cli.output import emit, plain, say, show_rows, shown
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.whom import Whom, person_id_of
from tuoqi.contracts.visits.v1 import given_service_pb2 as given_pb
from tuoqi.contracts.visits.v1 import referral_service_pb2 as pb
from tuoqi.contracts.visits.v1.given_service_pb2_grpc import GivenServiceStub
from tuoqi.contracts.visits.v1.referral_service_pb2_grpc import ReferralServiceStub

app = typer.Typer()
referral = typer.Typer(help="Referrals 转介: what departments have to do about what visits found.")
service = typer.Typer(help="Services given 服务人次: meals, baths, haircuts …")
app.add_typer(referral, name="referral", no_args_is_help=True)
app.add_typer(service, name="service", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The referral, as `visits referral list` shows it.")]
Region = Annotated[str, typer.Option("--region", metavar="CODE", help="Only this region and those below it.")]
STATES: Final = {
    "OPEN": "待受理", "ACCEPTED": "办理中", "DECLINED": "已退回", "DONE": "已办结", "CORRECTED": "记录已更正",
}  # fmt: skip
ACTS: Final = {"decline": "退回", "redirect": "改派", "settle": "办结", "accept": "受理"}


@referral.callback()
def referrals() -> None:
    """Referrals 转介: what departments have to do about what visits found."""


@service.callback()
def services() -> None:
    """Services given 服务人次: meals, baths, haircuts and others."""


@referral.command("list", epilog="Example: tuoqi visits referral list --department health --overdue --by clerk.li")
def list_referrals(
    department: Annotated[str, typer.Option("--department", metavar="CODE", help="Only of this department.")] = "",
    state: Annotated[str, typer.Option("--state", help="OPEN, ACCEPTED, DECLINED, DONE, CORRECTED or ALL.")] = "",
    region: Region = "",
    person: Annotated[str, typer.Option("--person", metavar="PERSON", help="Only this person.")] = "",
    overdue: Annotated[bool, typer.Option("--overdue", help="Only those past their term.")] = False,
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List what is not settled, the earliest end of term first."""

    async def ask(platform: Platform) -> list[pb.Referral]:
        person_id = await person_id_of(platform, person) if person else ""

        async def page(size: int, token: str) -> tuple[list[pb.Referral], str]:
            request = pb.ListReferralsRequest(
                department=department, state=state, region=region, person_id=person_id, overdue=overdue,
                page_size=size, page_token=token,
            )  # fmt: skip
            answer: pb.ListReferralsResponse = await _referrals(platform).ListReferrals(request)
            return list(answer.referrals), answer.next_page_token

        return await pages(page, limit)

    _show(call(ask, by), as_json=as_json)


@referral.command(epilog="Example: tuoqi visits referral show ID --by clerk.li")
def show(referral_id: Id, by: By = "", as_json: AsJson = False) -> None:
    """Show one with everything that was said about it."""

    async def ask(platform: Platform) -> pb.GetReferralResponse:
        answer: pb.GetReferralResponse = await _referrals(platform).GetReferral(
            pb.GetReferralRequest(referral_id=referral_id)
        )
        return answer

    answer = call(ask, by)
    if as_json:
        emit(plain(answer))
        return
    _show([answer.referral], as_json=False)
    show_rows(
        ("时间", "经办人", "办理", "说明"),
        [(shown(one.at), one.by, ACTS.get(one.act, one.act), one.text) for one in answer.words],
    )


@referral.command(epilog="Example: tuoqi visits referral accept ID --by clerk.li")
def accept(referral_id: Id, by: By = "", as_json: AsJson = False) -> None:
    """Take it on for the department."""

    async def act(platform: Platform) -> pb.Referral:
        answer: pb.AcceptReferralResponse = await _referrals(platform).AcceptReferral(
            pb.AcceptReferralRequest(referral_id=referral_id)
        )
        return answer.referral

    _show([call(act, by)], as_json=as_json)


@referral.command(epilog="Example: tuoqi visits referral done ID --outcome 已更换燃气软管 --by clerk.li")
def done(
    referral_id: Id,
    outcome: Annotated[str, typer.Option("--outcome", metavar="TEXT", help="What was done; kept sealed.")],
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Say that it is done."""

    async def act(platform: Platform) -> pb.Referral:
        request = pb.SettleReferralRequest(referral_id=referral_id, outcome=outcome)
        answer: pb.SettleReferralResponse = await _referrals(platform).SettleReferral(request)
        return answer.referral

    _show([call(act, by)], as_json=as_json)


@referral.command(epilog="Example: tuoqi visits referral decline ID --reason 不属本部门职责 --by clerk.li")
def decline(
    referral_id: Id,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept sealed.")],
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Send it back; its term goes on until it is sent to another department or done."""

    async def act(platform: Platform) -> pb.Referral:
        request = pb.DeclineReferralRequest(referral_id=referral_id, reason=reason)
        answer: pb.DeclineReferralResponse = await _referrals(platform).DeclineReferral(request)
        return answer.referral

    _show([call(act, by)], as_json=as_json)


@referral.command(epilog="Example: tuoqi visits referral redirect ID --to housing --working-days 5 --by clerk.li")
def redirect(
    referral_id: Id,
    to: Annotated[str, typer.Option("--to", metavar="CODE", help="The department.")],
    working_days: Annotated[int, typer.Option("--working-days", min=0, max=60, help="Its term from today.")] = 5,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept sealed.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Send one that is not settled to another department."""

    async def act(platform: Platform) -> pb.Referral:
        request = pb.RedirectReferralRequest(
            referral_id=referral_id, department=to, working_days=working_days, reason=reason
        )
        answer: pb.RedirectReferralResponse = await _referrals(platform).RedirectReferral(request)
        return answer.referral

    _show([call(act, by)], as_json=as_json)


@referral.command(epilog="Example: tuoqi visits referral figures --from 2026-11-01 --to 2026-11-30 --by clerk.li")
def figures(
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="Referred on this day or later.")] = "",
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Referred on this day or earlier.")] = "",
    region: Region = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Count by department: all, people, done, done within the term, open, past the term."""

    async def ask(platform: Platform) -> list[pb.ReferralFigure]:
        request = pb.GetReferralFiguresRequest(**{"region": region, "from": first, "to": last})
        answer: pb.GetReferralFiguresResponse = await _referrals(platform).GetReferralFigures(request)
        return list(answer.figures)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    columns = ("部门", "转介", "人数", "办结", "按期办结", "未办结", "超期未办结")
    rows = [(o.department_name, o.referrals, o.people, o.done, o.done_in_time, o.open, o.overdue) for o in found]
    show_rows(columns, rows, right=columns[1:])


@service.command("list", epilog="Example: tuoqi visits service list --month 2026-11 --group kind --by clerk.li")
def list_services(
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="A whole month.")] = "",
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="On this day or later.")] = "",
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="On this day or earlier.")] = "",
    region: Region = "",
    kind: Annotated[str, typer.Option("--kind", metavar="CODE", help="Only this kind.")] = "",
    group: Annotated[
        list[str] | None, typer.Option("--group", help="kind, village or month; may be given repeatedly.")
    ] = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Count services: people 人, each once in a line, and times 人次."""
    begin, end = (f"{month}-01", _last_day(month)) if month else (first, last)

    async def ask(platform: Platform) -> given_pb.ListServicesResponse:
        asked: dict[str, Any] = {"from": begin, "to": end, "region": region, "kind": kind, "by": group or ["kind"]}
        request = given_pb.ListServicesRequest(**asked)
        answer: given_pb.ListServicesResponse = await _given(platform).ListServices(request)
        return answer

    answer = call(ask, by)
    if as_json:
        emit(plain(answer))
        return
    rows = [
        (o.group, o.name, o.village, o.month, o.people, o.times, o.unit if o.kind else "", o.times_at_visits)
        for o in answer.lines
    ]
    columns = ("类别", "服务", "村（居）", "月份", "人", "人次", "单位", "其中探访时")
    show_rows(columns, rows, right=("人", "人次", "其中探访时"))
    say(f"合计 {answer.total.people} 人、{answer.total.times} 人次")


@service.command(epilog="Example: tuoqi visits service record PERSON --kind bath --on 2026-11-20 --by clerk.li")
def record(
    person: Whom,
    kind: Annotated[str, typer.Option("--kind", metavar="CODE", help="Like meal, bath, haircut.")],
    on: Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="The day.")],
    count: Annotated[int, typer.Option("--count", min=1, max=100, help="How many times.")] = 1,
    provider: Annotated[str, typer.Option("--provider", metavar="CODE", help="The facility.")] = "",
    key: Annotated[str, typer.Option("--key", help="Idempotency key; default person, day, kind, provider.")] = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Record a service given outside of a visit; many at once: `tuoqi import services FILE`."""

    async def act(platform: Platform) -> given_pb.RecordServicesResponse:
        person_id = await person_id_of(platform, person)
        one = given_pb.ServiceGiven(
            key=key or f"{person_id}|{on}|{kind}|{provider}",
            person_id=person_id, kind=kind, count=count, day=on, provider=provider,
        )  # fmt: skip
        answer: given_pb.RecordServicesResponse = await _given(platform).RecordServices(
            given_pb.RecordServicesRequest(services=[one])
        )
        return answer

    answer = call(act, by, purpose)
    if as_json:
        emit(plain(answer))
    else:
        print("已登记。" if answer.recorded else "此前已登记，没有改动。")


def _last_day(month: str) -> str:
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        return month  # the service names what is wrong with it
    return first.replace(day=monthrange(first.year, first.month)[1]).isoformat()


def _referrals(platform: Platform) -> Any:
    return platform.stub(ReferralServiceStub, "visits")


def _given(platform: Platform) -> Any:
    return platform.stub(GivenServiceStub, "visits")


def _show(found: list[pb.Referral], *, as_json: bool) -> None:
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (shown(o.due_at), "超期" if o.overdue else "", o.department_name, STATES.get(o.state, o.state),
         o.name + ("（待研判）" if o.reason == "look_at" else ""), o.found, o.region, o.person_id, o.referral_id)
        for o in found
    ]  # fmt: skip
    show_rows(("期限", "", "部门", "状态", "发现", "次数", "区划", "人员编号", "转介编号"), rows, right=("次数",))
