"""`tuoqi activity` and `tuoqi campaign`: lectures, clinics, contacts with parents; who came, by name or by count."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

import typer

from tuoqi.cli.options import AsJson, By, Limit
from tuoqi.cli.output import emit, plain, say, show_rows, shown
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.whom import person_id_of
from tuoqi.contracts.visits.v1 import activity_service_pb2 as pb
from tuoqi.contracts.visits.v1.activity_service_pb2_grpc import ActivityServiceStub
from tuoqi.kit.errors import TuoqiError, register_errors

register_errors({"cli.not_a_count": ("INVALID_ARGUMENT", "“{text}”不是数目，应写作 120，或约数 ~9000。")})

app = typer.Typer(help="Activities 活动 and who came: 人 by name, 人次 with those who were only counted.")
campaign = typer.Typer(help="Campaigns 系列活动: one kind, a period, a target.")
STATES: Final = {"PLANNED": "拟办", "HELD": "已办", "CANCELLED": "已取消"}
MEASURES: Final = {"sessions": "场次", "times": "人次", "persons": "人", "materials": "份", "places": "处"}
_COUNT: Final = re.compile(r"(~?)([0-9]{1,7})")

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The activity's number, given by the county.")]
On = Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="The day.")]
Region = Annotated[str, typer.Option("--region", metavar="CODE", help="Where, 12 digits.")]
Kind = Annotated[str, typer.Option("--kind", help="A kind of the county's activities.yaml, like law_lecture.")]
OfCampaign = Annotated[str, typer.Option("--campaign", metavar="CODE", help="The campaign that it belongs to.")]
Channel = Annotated[str, typer.Option("--channel", help="One of the kind's channels, like phone.")]
Title = Annotated[str, typer.Option("--title", help="What people call it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why what was said before is corrected.")]
Others = Annotated[
    str, typer.Option("--others", metavar="N|~N", help="How many came whom nobody named; ~9000 where judged by eye.")
]
Materials = Annotated[str, typer.Option("--materials", metavar="N|~N", help="Copies handed out.")]
Places = Annotated[
    str, typer.Option("--places", metavar="N|~N", help="Schools reached by no earlier activity of the campaign.")
]
Evidence = Annotated[list[str] | None, typer.Option("--evidence", metavar="ID", help="An attachment that shows it.")]


def _stub(platform: Platform) -> Any:
    return platform.stub(ActivityServiceStub, "visits")


@app.callback()
def activity() -> None:
    """Activities 活动 and who came."""


@app.command(
    epilog="Example: tuoqi activity plan PF-2026-07 --kind law_lecture --on 2026-11-27 --region 990101101000 --by clerk.li"
)
def plan(
    number: Number,
    on: On,
    region: Region,
    kind: Kind = "",
    of_campaign: OfCampaign = "",
    channel: Channel = "",
    title: Title = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Say that an activity will be held; the same again changes nothing."""

    async def act(platform: Platform) -> pb.PlanActivityResponse:
        said = pb.ActivitySaid(day=on, region=region, channel=channel, title=title)
        request = pb.PlanActivityRequest(number=number, kind=kind, campaign=of_campaign, said=said)
        answer: pb.PlanActivityResponse = await _stub(platform).PlanActivity(request)
        return answer

    _show(call(act, by), as_json=as_json)


@app.command(
    epilog="Example: tuoqi activity hold PF-2026-07 --kind law_lecture --on 2026-11-20 --region 990101101000 --others ~180 "
    "--materials 200 --by clerk.li"
)
def hold(
    number: Number,
    on: On,
    region: Region,
    kind: Kind = "",
    of_campaign: OfCampaign = "",
    channel: Channel = "",
    others: Others = "0",
    materials: Materials = "0",
    places: Places = "0",
    evidence: Evidence = None,
    title: Title = "",
    reason: Reason = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Say that it was held and how many came; said again with a reason, it corrects what was said before."""

    async def act(platform: Platform) -> pb.HoldActivityResponse:
        said = pb.ActivitySaid(
            day=on,
            region=region,
            channel=channel,
            others=_count(others),
            materials=_count(materials),
            places=_count(places),
            evidence=evidence or (),
            title=title,
            reason=reason,
        )
        request = pb.HoldActivityRequest(number=number, kind=kind, campaign=of_campaign, said=said)
        answer: pb.HoldActivityResponse = await _stub(platform).HoldActivity(request)
        return answer

    _show(call(act, by), as_json=as_json)


@app.command(epilog="Example: tuoqi activity attend PF-2026-07 LS2026000001 LS2026000002 --by clerk.li")
def attend(
    number: Number,
    people: Annotated[
        list[str], typer.Argument(metavar="PERSON…", help="Person ids, identity numbers, temporary ids.")
    ],
    role: Annotated[str, typer.Option("--role", help="As what; default the first that counts.")] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Take the names out again; needs a reason.")] = False,
    reason: Reason = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Name who came 签到. A list is loaded by `tuoqi import attendance FILE`."""

    async def act(platform: Platform) -> pb.RecordAttendanceResponse:
        person_ids = list(dict.fromkeys([await person_id_of(platform, whom) for whom in people]))
        request = pb.RecordAttendanceRequest(
            number=number, person_ids=person_ids, role=role, remove=remove, reason=reason
        )
        answer: pb.RecordAttendanceResponse = await _stub(platform).RecordAttendance(request)
        return answer

    answer = call(act, by)
    if as_json:
        emit(plain(answer))
        return
    word = "移出" if remove else "登记"
    say(f"{number}：{word} {answer.changed} 人，现有 {answer.activity.named} 人、{_times(answer.activity)} 人次")


@app.command(
    "list", epilog="Example: tuoqi activity list --from 2026-11-01 --to 2026-11-30 --kind law_lecture --by clerk.li"
)
def list_command(
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="Not before this day.")] = "",
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Not after this day.")] = "",
    kind: Kind = "",
    of_campaign: OfCampaign = "",
    state: Annotated[str, typer.Option("--state", help="PLANNED, HELD or CANCELLED.")] = "",
    region: Region = "",
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List activities, the newest first, with 人 and 人次 of all that were held."""
    totals: list[pb.ActivityTotal] = []

    async def ask(platform: Platform) -> list[pb.Activity]:
        async def page(size: int, token: str) -> tuple[list[pb.Activity], str]:
            request = pb.ListActivitiesRequest(
                first_day=first,
                last_day=last,
                kind=kind,
                campaign=of_campaign,
                state=state,
                region=region,
                page_size=size,
                page_token=token,
            )
            answer: pb.ListActivitiesResponse = await _stub(platform).ListActivities(request)
            totals.append(answer.total)
            return list(answer.activities), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        emit({"total": plain(totals[0])})
        return
    rows = [
        (one.said.day, one.number, one.kind_name, one.said.region, STATES[one.state], one.named, _times(one),
         _number(one.said.materials), one.said.title)
        for one in found
    ]  # fmt: skip
    show_rows(
        ("日期", "编号", "种类", "区划", "状态", "人", "人次", "发放", "名称"), rows, right=("人", "人次", "发放")
    )
    say(_total(totals[0]))


@app.command(epilog="Example: tuoqi activity show PF-2026-07 --by clerk.li")
def show(number: Number, by: By = "", as_json: AsJson = False) -> None:
    """Show one with everything that was ever said of it."""

    async def ask(platform: Platform) -> pb.GetActivityResponse:
        answer: pb.GetActivityResponse = await _stub(platform).GetActivity(pb.GetActivityRequest(number=number))
        return answer

    answer = call(ask, by)
    if as_json:
        emit(plain(answer))
        return
    one = answer.activity
    say(f"{one.number} {one.kind_name}（{STATES[one.state]}）：登记到人 {one.named} 人，共 {_times(one)} 人次")
    rows = [
        (each.edition, STATES[each.state], each.said.day, _number(each.said.others), _number(each.said.materials),
         _number(each.said.places), each.said.reason, each.recorded_by, shown(each.recorded_at))
        for each in answer.editions
    ]  # fmt: skip
    show_rows(("版次", "状态", "日期", "只报人数", "发放", "覆盖处所", "原因", "经办", "登记时间"), rows)


@app.command(epilog="Example: tuoqi activity attendance PF-2026-07 --by clerk.li")
def attendance(number: Number, limit: Limit = 100, by: By = "", as_json: AsJson = False) -> None:
    """List who came by name."""

    async def ask(platform: Platform) -> list[pb.Attendance]:
        async def page(size: int, token: str) -> tuple[list[pb.Attendance], str]:
            request = pb.ListAttendanceRequest(number=number, page_size=size, page_token=token)
            answer: pb.ListAttendanceResponse = await _stub(platform).ListAttendance(request)
            return list(answer.attendance), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [(one.person_id, one.role_name, "计入" if one.counts else "不计", one.region) for one in found]
    show_rows(("人员编号", "身份", "人次", "区划"), rows)


@app.command(epilog="Example: tuoqi activity cancel PF-2026-07 --reason 下雨改期 --by clerk.li")
def cancel(number: Number, reason: Reason, by: By = "", as_json: AsJson = False) -> None:
    """Say that it is not held, or counts no longer."""

    async def act(platform: Platform) -> pb.CancelActivityResponse:
        answer: pb.CancelActivityResponse = await _stub(platform).CancelActivity(
            pb.CancelActivityRequest(number=number, reason=reason)
        )
        return answer

    _show(call(act, by), as_json=as_json)


@campaign.callback()
def campaign_group() -> None:
    """Campaigns 系列活动."""


@campaign.command(
    "open",
    epilog="Example: tuoqi campaign open pufa-2026 --kind law_lecture --region 990101000000 "
    "--from 2026-01-01 --to 2026-12-31 --target 90 --measure sessions --by clerk.li",
)
def open_command(
    code: Annotated[str, typer.Argument(metavar="CODE", help="Its code, given by the county.")],
    kind: Kind,
    region: Region,
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="The first day.")],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="The last day.")],
    target: Annotated[int, typer.Option("--target", min=0, help="What is aimed at.")] = 0,
    measure: Annotated[str, typer.Option("--measure", help="、".join(MEASURES))] = "sessions",
    title: Title = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Open a series of activities; the same again changes nothing."""

    async def act(platform: Platform) -> pb.OpenCampaignResponse:
        one = pb.Campaign(
            campaign=code,
            kind=kind,
            region=region,
            first_day=first,
            last_day=last,
            target=target,
            measure=measure,
            title=title,
        )
        answer: pb.OpenCampaignResponse = await _stub(platform).OpenCampaign(pb.OpenCampaignRequest(campaign=one))
        return answer

    answer = call(act, by)
    if as_json:
        emit(plain(answer))
    else:
        say(f"{code}：{'此前已登记' if answer.opened_before else '已登记'}")


@campaign.command("list", epilog="Example: tuoqi campaign list --by clerk.li")
def list_campaigns(
    on: Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="Only those that run on this day.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List campaigns and how far each is from its target."""

    async def ask(platform: Platform) -> list[pb.CampaignStanding]:
        answer: pb.ListCampaignsResponse = await _stub(platform).ListCampaigns(pb.ListCampaignsRequest(on=on))
        return list(answer.campaigns)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (one.campaign.campaign, one.kind_name, f"{one.campaign.first_day} 至 {one.campaign.last_day}", one.reached,
         one.campaign.target, MEASURES[one.campaign.measure], _total(one.total))
        for one in found
    ]  # fmt: skip
    show_rows(("编号", "种类", "期间", "完成", "目标", "口径", "合计"), rows, right=("完成", "目标"))


def _count(text: str) -> pb.ActivityCount:
    found = _COUNT.fullmatch(text)
    if found is None:
        raise TuoqiError("cli.not_a_count", text=text)
    return pb.ActivityCount(number=int(found[2]), approximate=bool(found[1]))


def _number(count: pb.ActivityCount) -> str:
    return f"{'约' if count.approximate else ''}{count.number}"


def _times(one: pb.Activity) -> str:
    return f"{'约' if one.said.others.approximate else ''}{one.times}"


def _total(total: pb.ActivityTotal) -> str:
    about = "约" if total.approximate else ""
    return (
        f"已办 {total.sessions} 场次，{about}{total.times} 人次（登记到人 {total.named_times} 人次、{total.persons} 人），"
        f"发放 {total.materials} 份，覆盖 {total.places} 处"
    )


def _show(answer: Any, *, as_json: bool) -> None:
    if as_json:
        emit(plain(answer))
        return
    one = answer.activity
    say(
        f"{one.number} {one.kind_name}：{STATES[one.state]}，第 {one.edition} 版{'，内容未变' if answer.said_before else ''}"
    )
