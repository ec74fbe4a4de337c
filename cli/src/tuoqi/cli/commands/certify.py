"""`tuoqi certify`: life certification 生存认证."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tuoqi.cli.options import AsJson, By, Limit, Purpose
from tuoqi.cli.output import Progress, emit, plain, say, show_rows, shown
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.transfers import export_file
from tuoqi.cli.whom import Whom, person_id_of
from tuoqi.contracts.payments.v1 import certification_service_pb2 as pb
from tuoqi.contracts.payments.v1.certification_service_pb2_grpc import CertificationServiceStub

app = typer.Typer(help="Life certification 生存认证: campaigns, and who was seen alive.")
CampaignId = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="A campaign's id, as `certify list` shows it.")]
Region = Annotated[str, typer.Option("--region", metavar="CODE", help="Only this region and those below it.")]
STATES = {"DONE": "已认证", "DIED": "已死亡", "OPEN": "待认证", "OVERDUE": "逾期"}
CHANNELS = {
    "DESK": "窗口办理", "VILLAGE": "村（社区）名单", "VIDEO": "视频", "HOSPITAL": "就诊记录", "OTHER": "其他资料",
    "VISIT": "探访",
}  # fmt: skip


@app.callback()
def certify() -> None:
    """Life certification 生存认证: campaigns, and who was seen alive. A campaign stops nobody's money."""


@app.command(
    "open",
    epilog="Example: tuoqi certify open 高龄津贴年度认证 --programme old_age_allowance --age 80"
    " --from 2026-11-01 --until 2026-12-31 --by reviewer.zhao",
)
def open_campaign(
    title: Annotated[str, typer.Argument(metavar="TITLE", help="How people call it.")],
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="The first day that counts.")],
    last: Annotated[str, typer.Option("--until", metavar="YYYY-MM-DD", help="The last day that counts.")],
    programme: Annotated[str, typer.Option("--programme", help="Only people who are paid this.")] = "",
    age: Annotated[int, typer.Option("--age", help="Only people of this age and older on the first day.")] = 0,
    region: Region = "",
    remind: Annotated[
        list[int] | None, typer.Option("--remind", metavar="DAYS", help="Days before the end; may be repeated.")
    ] = None,
    grace: Annotated[
        int, typer.Option("--grace", metavar="DAYS", help="Days after the end; default the county's.")
    ] = -1,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Fix whom a campaign asks for, and open it."""
    request = pb.OpenCampaignRequest(
        title=title,
        programme=programme,
        age_from=age,
        region=region,
        first_day=first,
        last_day=last,
        remind_days=remind or [],
        grace_days=grace,
    )

    async def act(platform: Platform) -> pb.OpenCampaignResponse:
        answer: pb.OpenCampaignResponse = await _stub(platform).OpenCampaign(request)
        return answer

    answer = call(act, by)
    _show_campaigns([answer.campaign], as_json=as_json)
    if not as_json:
        say(f"名单共 {answer.persons} 人")


@app.command("list", epilog="Example: tuoqi certify list --by clerk.li")
def list_campaigns(limit: Limit = 100, by: By = "", as_json: AsJson = False) -> None:
    """List campaigns, newest first."""

    async def ask(platform: Platform) -> list[pb.Campaign]:
        async def page(size: int, token: str) -> tuple[list[pb.Campaign], str]:
            answer: pb.ListCampaignsResponse = await _stub(platform).ListCampaigns(
                pb.ListCampaignsRequest(page_size=size, page_token=token)
            )
            return list(answer.campaigns), answer.next_page_token

        return await pages(page, limit)

    _show_campaigns(call(ask, by), as_json=as_json)


@app.command(epilog="Example: tuoqi certify progress CAMPAIGN --by-region township --by clerk.li")
def progress(
    campaign: CampaignId,
    by_region: Annotated[str, typer.Option("--by-region", help="township or village.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Tell how many were seen, died, are open or overdue, by township or village."""

    async def ask(platform: Platform) -> pb.GetCampaignResponse:
        request = pb.GetCampaignRequest(campaign_id=campaign, by=by_region)
        answer: pb.GetCampaignResponse = await _stub(platform).GetCampaign(request)
        return answer

    answer = call(ask, by)
    if as_json:
        emit(plain(answer))
        return
    rows = [
        (one.region or "合计", one.persons, one.done, one.died, one.open, one.overdue, one.extended)
        for one in (answer.total, *answer.regions)
    ]
    columns = ("区划", "应认证", "已认证", "已死亡", "待认证", "逾期", "其中延期")
    show_rows(columns, rows, right=columns[1:])


@app.command(epilog="Example: tuoqi certify missing CAMPAIGN --region 990101101 --by clerk.li")
def missing(
    campaign: CampaignId,
    region: Region = "",
    state: Annotated[str, typer.Option("--state", help="MISSING, OPEN, OVERDUE, DONE or DIED.")] = "MISSING",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write everybody missing with names to a file.")
    ] = None,
    limit: Limit = 100,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """List who is missing, by village."""
    if out:
        target = out

        async def write(platform: Platform) -> int:
            with Progress("certification_missing", quiet=as_json) as bar:
                return await export_file(platform, "certification_missing", target, subject=campaign, told=bar.tell)

        say(f"未认证 {call(write, by, purpose)} 人写入 {out}")
        return

    async def ask(platform: Platform) -> list[pb.CampaignMember]:
        async def page(size: int, token: str) -> tuple[list[pb.CampaignMember], str]:
            request = pb.ListMembersRequest(
                campaign_id=campaign, state=state, region=region, page_size=size, page_token=token
            )
            answer: pb.ListMembersResponse = await _stub(platform).ListMembers(request)
            return list(answer.members), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by, purpose)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (one.region, one.person_id, STATES.get(one.state, one.state), one.last_day, one.certified_on,
         CHANNELS.get(one.channel, one.channel), "是" if one.extended else "")
        for one in found
    ]  # fmt: skip
    show_rows(("区划", "人员编号", "状态", "截止", "认证日期", "方式", "延期"), rows)


@app.command(epilog="Example: tuoqi certify record PERSON --channel DESK --by clerk.li")
def record(
    person: Whom,
    channel: Annotated[str, typer.Option("--channel", help="DESK, VILLAGE, VIDEO, HOSPITAL or OTHER.")] = "DESK",
    on: Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="When; default today.")] = "",
    campaign: Annotated[str, typer.Option("--campaign", help="For which campaign; it counts for all.")] = "",
    evidence: Annotated[str, typer.Option("--evidence", metavar="TEXT", help="Where the evidence lies.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Keep that a person was seen alive on a day; lists go by `tuoqi import certifications`."""

    async def act(platform: Platform) -> pb.RecordCertificationResponse:
        request = pb.RecordCertificationRequest(
            person_id=await person_id_of(platform, person),
            certified_on=on,
            channel=channel,
            campaign_id=campaign,
            evidence=evidence,
        )
        answer: pb.RecordCertificationResponse = await _stub(platform).RecordCertification(request)
        return answer

    answer = call(act, by)
    if as_json:
        emit(plain(answer))
        return
    _show_days([answer.certification])
    if answer.known_before:
        say("同一天、同一方式的认证此前已登记，没有改动。")


@app.command(epilog="Example: tuoqi certify days PERSON --by clerk.li")
def days(person: Whom, by: By = "", as_json: AsJson = False) -> None:
    """List when and how one person was seen alive."""

    async def ask(platform: Platform) -> list[pb.Certification]:
        request = pb.ListCertificationsRequest(person_id=await person_id_of(platform, person))
        answer: pb.ListCertificationsResponse = await _stub(platform).ListCertifications(request)
        return list(answer.certifications)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    _show_days(found)


@app.command(epilog="Example: tuoqi certify extend CAMPAIGN PERSON --until 2027-01-31 --by clerk.li --purpose 住院治疗")
def extend(
    campaign: CampaignId,
    person: Whom,
    until: Annotated[str, typer.Option("--until", metavar="YYYY-MM-DD", help="The person's new last day.")],
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Give one person more time; --purpose is the reason."""

    async def act(platform: Platform) -> pb.CampaignMember:
        person_id = await person_id_of(platform, person)
        request = pb.ExtendPersonRequest(campaign_id=campaign, person_id=person_id, until=until)
        answer: pb.ExtendPersonResponse = await _stub(platform).ExtendPerson(request)
        return answer.member

    member = call(act, by, purpose)
    if as_json:
        emit(plain(member))
    else:
        say(f"已延长至 {member.last_day}，现为{STATES.get(member.state, member.state)}")


@app.command(epilog="Example: tuoqi certify close CAMPAIGN --by reviewer.zhao")
def close(campaign: CampaignId, by: By = "", purpose: Purpose = "", as_json: AsJson = False) -> None:
    """End a campaign; before its last day only with --purpose as the reason."""

    async def act(platform: Platform) -> pb.CloseCampaignResponse:
        request = pb.CloseCampaignRequest(campaign_id=campaign)
        answer: pb.CloseCampaignResponse = await _stub(platform).CloseCampaign(request)
        return answer

    answer = call(act, by, purpose)
    if as_json:
        emit(plain(answer))
        return
    _show_campaigns([answer.campaign], as_json=False)
    total = answer.total
    say(f"应认证 {total.persons} 人，已认证 {total.done}，已死亡 {total.died}，未认证 {total.open + total.overdue}")


def _stub(platform: Platform) -> Any:
    return platform.stub(CertificationServiceStub, "payments")


def _show_campaigns(found: list[pb.Campaign], *, as_json: bool) -> None:
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (one.campaign_id, one.title, "进行中" if one.state == "OPEN" else "已结束", one.programme or "不限",
         f"{one.age_from} 岁以上" if one.age_from else "不限", one.region or "全县", one.first_day, one.last_day,
         one.grace_days, one.opened_by, shown(one.opened_at))
        for one in found
    ]  # fmt: skip
    columns = ("活动编号", "名称", "状态", "项目", "年龄", "区划", "起", "止", "宽限天数", "开展人", "开展时间")
    show_rows(columns, rows, right=("宽限天数",))


def _show_days(found: list[pb.Certification]) -> None:
    rows = [
        (
            one.certified_on,
            CHANNELS.get(one.channel, one.channel),
            one.campaign_id,
            one.recorded_by,
            shown(one.known_at),
        )
        for one in found
    ]
    show_rows(("认证日期", "方式", "活动", "登记人", "登记时间"), rows)
