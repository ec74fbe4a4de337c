"""Who was seen alive, who is asked, who is missing: on a real PostgreSQL."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.contracts.payments.v1 import certification_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import acting
from tuoqi.payments.domain.months import moment
from tuoqi.payments.jobs.certification_files import CertificationMissing, Certifications
from tuoqi.payments.store.certification import read_certified
from tuoqi.payments.store.people import People

pytestmark = pytest.mark.postgres


async def slug_of(act: Any) -> str:
    with pytest.raises(TuoqiError) as refused:
        await act
    return refused.value.slug


async def opened(after: Any, user: str = "reviewer.zhao", **wishes: Any) -> pb.OpenCampaignResponse:
    request = pb.OpenCampaignRequest(
        **(
            {"title": "高龄认证", "age_from": 80, "first_day": "2024-01-01", "last_day": "2024-02-29", "grace_days": -1}
            | wishes
        )
    )
    with after.office.by(user):
        return await after.certification.OpenCampaign(request, None)


async def record(after: Any, person: str, user: str = "clerk.li", **more: Any) -> pb.RecordCertificationResponse:
    request = pb.RecordCertificationRequest(**({"person_id": person, "channel": "DESK"} | more))
    with after.office.by(user):
        return await after.certification.RecordCertification(request, None)


async def progress(after: Any, campaign_id: str, by: str = "") -> pb.GetCampaignResponse:
    with after.office.by("clerk.li"):
        return await after.certification.GetCampaign(pb.GetCampaignRequest(campaign_id=campaign_id, by=by), None)


async def members(after: Any, campaign_id: str, state: str = "MISSING", size: int = 1) -> list[str]:
    found: list[str] = []
    token = ""
    with after.office.by("clerk.li"):
        while True:
            request = pb.ListMembersRequest(campaign_id=campaign_id, state=state, page_size=size, page_token=token)
            answer = await after.certification.ListMembers(request, None)
            found += [f"{one.person_id[-2:]} {one.state}" for one in answer.members]
            if not (token := answer.next_page_token):
                return found


async def test_a_campaign_asks_the_grown_up_of_its_age_who_are_alive(after: Any) -> None:
    office = after.office
    await office.register(1, "1940-01-01")
    await office.register(2, "1944-01-01")
    await office.register(3, "1944-01-02")
    dead = await office.register(4, "1930-01-01")
    await office.died(dead, "2023-11-01")
    await office.register(5, "2015-01-01")
    office.go_to("2024-01-01")
    assert (await opened(after)).persons == 2
    assert (await opened(after, age_from=0, title="全体")).persons == 3
    assert await slug_of(opened(after, age_from=10)) == "payments.campaign_children"
    assert await slug_of(opened(after, age_from=110)) == "payments.campaign_nobody"
    assert await slug_of(opened(after, last_day="2023-12-01")) == "payments.campaign_period"
    assert await slug_of(opened(after, programme="orphan_living")) == "payments.campaign_programme"
    with acting(office.rights.actor("clerk.feng")):
        request = pb.OpenCampaignRequest(title="全县", first_day="2024-01-01", last_day="2024-02-01")
        assert await slug_of(after.certification.OpenCampaign(request, None)) == "auth.no_region"


async def test_a_campaign_of_a_programme_asks_whom_the_last_cycle_paid(after: Any) -> None:
    office = after.office
    await office.on_dibao(1, 400, account="A")
    await office.register(2, "1950-01-01")
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    assert (await opened(after, programme="dibao", age_from=0, last_day="2024-03-31")).persons == 1


async def test_a_visit_that_met_the_person_certifies_once_by_itself(after: Any) -> None:
    office = after.office
    seen, phoned, early = [await office.register(n, "1940-01-01") for n in (1, 2, 3)]
    office.go_to("2024-01-01")
    campaign = (await opened(after)).campaign.campaign_id
    await after.visit(seen, "2024-01-10")
    await after.visit(seen, "2024-01-10")
    await after.visit(seen, "2024-01-17", channel="VIDEO")
    await after.visit(phoned, "2024-01-10", channel="PHONE")
    await after.visit(phoned, "2024-01-11", result="NOT_FOUND")
    await after.visit(early, "2023-12-20")
    total = (await progress(after, campaign)).total
    assert (total.persons, total.done, total.open) == (3, 1, 2)
    assert (await office.said()).count("CertificationRecorded") == 3
    assert await members(after, campaign) == ["02 OPEN", "03 OPEN"]
    assert await members(after, campaign, state="DONE") == ["01 DONE"]


async def test_desk_and_lists_certify_and_each_fault_is_named(after: Any) -> None:
    office = after.office
    one, two, dead = [await office.register(n, "1940-01-01") for n in (1, 2, 3)]
    await office.died(dead, "2023-12-01")
    office.go_to("2024-01-10")
    assert not (await record(after, one)).known_before
    assert (await record(after, one)).known_before
    assert await slug_of(record(after, one, certified_on="2024-01-11")) == "payments.certification_refused"
    assert await slug_of(record(after, dead)) == "payments.certification_refused"
    assert await slug_of(record(after, one, campaign_id="none")) == "payments.campaign_unknown"
    columns = ["人员编号", "认证日期", "认证方式", "凭证"]
    rows = [
        (two, "2024-01-09", "就诊记录", "县医院 0109"),
        (two, "2024-01-09", "HOSPITAL", "县医院 0109"),
        (one, "2024-01-10", "窗口办理", ""),
        (dead, "2024-01-09", "", ""),
        (two, "2024-01-11", "", ""),
        ("00000000-0000-4000-8000-000000000099", "2024-01-09", "", ""),
        (two, "2024-01-09", "探访", ""),
    ]
    outcome = await office.load(Certifications(after.campaigns), columns, *rows, by="clerk.li")
    assert (outcome.changed, outcome.unchanged, outcome.events) == (1, 2, 1)
    assert sorted(problem.row_number for problem in outcome.problems) == [5, 6, 7, 8]
    with office.by("auditor.zhou"):
        kept = await after.certification.ListCertifications(pb.ListCertificationsRequest(person_id=two), None)
    assert [(day.certified_on, day.channel) for day in kept.certifications] == [("2024-01-09", "HOSPITAL")]
    for row in await office.fetch("SELECT value FROM outbox"):
        assert "县医院".encode() not in row.value


async def test_progress_counts_by_township_and_village_what_is_done_dead_open_and_overdue(after: Any) -> None:
    office = after.office
    people = [await office.register(n, "1940-01-01") for n in range(1, 6)]
    await office.lives_in(people[4], "990101102003")
    office.go_to("2024-01-01")
    campaign = (await opened(after)).campaign.campaign_id
    await record(after, people[0])
    await office.died(people[1], "2023-12-25")
    with office.by("clerk.li", "住院"):
        request = pb.ExtendPersonRequest(campaign_id=campaign, person_id=people[2], until="2024-03-31")
        member = (await after.certification.ExtendPerson(request, None)).member
    assert (member.last_day, member.extended) == ("2024-03-31", True)
    found = await progress(after, campaign, "village")
    assert (found.total.persons, found.total.done, found.total.died, found.total.open) == (5, 1, 1, 3)
    assert [(one.region, one.persons) for one in found.regions] == [("990101101001", 4), ("990101102003", 1)]
    office.go_to("2024-03-16")
    total = (await progress(after, campaign)).total
    assert (total.open, total.overdue, total.extended) == (1, 2, 1)
    assert await members(after, campaign) == ["03 OPEN", "04 OVERDUE", "05 OVERDUE"]
    assert await members(after, campaign, state="OVERDUE") == ["04 OVERDUE", "05 OVERDUE"]
    with office.by("clerk.feng"):
        mine = await after.certification.GetCampaign(pb.GetCampaignRequest(campaign_id=campaign, by="township"), None)
    assert (mine.total.persons, [one.region for one in mine.regions]) == (4, ["990101101"])
    await record(after, people[2], certified_on="2024-03-10")
    assert (await progress(after, campaign)).total.done == 2
    missing = CertificationMissing(after.campaigns)
    with office.by("clerk.li") as actor:
        asked = table_pb2.ExportRowsRequest(kind=missing.kind, subject=campaign)
        rows = [row async for run in missing.rows(asked, actor) for row in run]
    assert [row["state"] for row in rows] == ["OVERDUE", "OVERDUE"]


async def test_more_time_needs_a_reason_and_a_later_day(after: Any) -> None:
    office = after.office
    person = await office.register(1, "1940-01-01")
    stranger = await office.register(2, "1990-01-01")
    office.go_to("2024-01-01")
    campaign = (await opened(after)).campaign.campaign_id

    async def extend(whom: str, until: str, because: str) -> Any:
        with office.by("clerk.li", because):
            request = pb.ExtendPersonRequest(campaign_id=campaign, person_id=whom, until=until)
            return await after.certification.ExtendPerson(request, None)

    assert await slug_of(extend(person, "2024-03-31", "")) == "payments.campaign_reason_missing"
    assert await slug_of(extend(person, "2024-02-01", "住院")) == "payments.campaign_extension"
    assert await slug_of(extend(stranger, "2024-03-31", "住院")) == "payments.campaign_not_member"


async def test_reminders_are_told_once_each_and_late_ones_are_caught_up(after: Any) -> None:
    office = after.office
    seen = await office.register(1, "1940-01-01")
    await office.register(2, "1940-01-01")
    office.go_to("2024-01-01")
    campaign = (await opened(after)).campaign.campaign_id
    async with office.database.begin() as tx:
        assert await after.reminders.next_due(tx) == moment(date(2024, 1, 30), 0)
    assert await after.reminders.run(moment(date(2024, 1, 29), 23)) == 0
    await record(after, seen)
    assert await after.reminders.run(moment(date(2024, 2, 25), 9)) == 2
    assert await after.reminders.run(moment(date(2024, 2, 28), 9)) == 0
    assert (await office.said()).count("CampaignReminded") == 2
    async with office.database.begin() as tx:
        assert await after.reminders.next_due(tx) is None
    assert (await progress(after, campaign)).total.open == 1


async def test_closing_before_the_end_needs_a_reason_and_tells_what_is_missing(after: Any) -> None:
    office = after.office
    await office.register(1, "1940-01-01")
    office.go_to("2024-01-10")
    campaign = (await opened(after)).campaign.campaign_id

    async def close(purpose: str = "") -> pb.CloseCampaignResponse:
        with office.by("reviewer.zhao", purpose):
            return await after.certification.CloseCampaign(pb.CloseCampaignRequest(campaign_id=campaign), None)

    assert await slug_of(close()) == "payments.campaign_still_runs"
    assert (await close("重新组织")).campaign.state == "CLOSED"
    assert await slug_of(close("再来")) == "payments.campaign_closed"
    assert (await office.said()).count("CampaignClosed") == 1
    with office.by("auditor.zhou"):
        listed = await after.certification.ListCampaigns(pb.ListCampaignsRequest(page_size=5), None)
    assert [one.state for one in listed.campaigns] == ["CLOSED"]


async def test_days_are_read_as_known_at_the_cut_off_and_merged_files_count_with_the_person(after: Any) -> None:
    office = after.office
    person, file = [await office.register(n, "1940-01-01") for n in (1, 2)]
    office.go_to("2024-01-10")
    await record(after, person)
    await record(after, file, certified_on="2024-01-05")
    office.go_to("2024-01-21")
    await record(after, person, certified_on="2024-01-20")
    people = People([person, file], {file: person})
    async with office.database.begin() as tx:
        known = await read_certified(tx, people, moment(date(2024, 1, 20), 18))
    assert known == {person: (date(2024, 1, 5), date(2024, 1, 10))}
