"""One-off aid: delegated limits, makers and checkers, regions, papers that follow, and the way to the account."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tuoqi.contracts.payments.v1 import aid_pb2
from tuoqi.contracts.payments.v1 import aid_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError, meaning_of
from tuoqi.payments.jobs.aid_file import AidList

pytestmark = pytest.mark.postgres

Desk = Any
COLUMNS = ["证件号码", "临时编号", "项目", "类型", "事由或项目", "金额", "申请日期", "说明"]


async def refused(act: Any) -> str:
    with pytest.raises(TuoqiError) as found:
        await act
    return found.value.slug


async def sentence_of(act: Any) -> str:
    with pytest.raises(TuoqiError) as found:
        await act
    return meaning_of(found.value)[1]


@pytest.fixture
async def anna(desk: Desk) -> str:
    """A woman of 54 with an account, on 10 January 2024."""
    person: str = await desk.office.register(1, "1970-01-01", account="A")
    desk.office.go_to("2024-01-10")
    return person


async def said(desk: Desk) -> list[Any]:
    rows = await desk.office.fetch(
        "SELECT ce_type, key, value, aggregate_version AS v FROM outbox WHERE topic = 'tuoqi.payments.aid.v1' ORDER BY seq"
    )
    for person in {row.key for row in rows}:
        versions = [row.v for row in rows if row.key == person]
        assert versions == list(range(1, len(versions) + 1))
    return [getattr(aid_pb2, row.ce_type.rsplit(".", 1)[1]).FromString(bytes(row.value)) for row in rows]


async def test_a_grant_is_paid_by_the_next_cycle_like_any_other_money(desk: Desk, anna: str) -> None:
    office = desk.office
    applied = await desk.apply(anna, 1_500, remark="住院")
    assert (applied.state, applied.region, applied.applied_on) == ("APPLIED", "990101101001", "2024-01-10")
    (granted,) = await desk.decide(applied.application_id, by="township.he")
    assert (granted.state, granted.level, granted.benefit_month) == ("GRANTED", "TOWNSHIP", "2024-01")
    office.go_to("2024-01-20")
    cycle = (await office.pay("2024-01")).ref.cycle_id
    assert await office.lines(cycle) == {"01 temporary_assistance REGULAR 2024-01 1500"}
    (instruction,) = await office.instructions(cycle)
    assert (instruction["amount"], instruction["memo"]) == (150_000, "临时救助")
    assert await office.findings() == []
    (event,) = await said(desk)
    assert (event.person_id, event.granted, event.amount_fen, event.level) == (anna, True, 150_000, "TOWNSHIP")


async def test_the_township_decides_up_to_its_limit_and_the_county_up_to_the_ceiling(desk: Desk, anna: str) -> None:
    over_township = (await desk.apply(anna, 1_561)).application_id
    assert await sentence_of(desk.decide(over_township, by="township.he")) == (
        "乡镇审批限额为 1560.00 元（标准的 2 倍），本次 1561.00 元须报县民政审批。"
    )
    (less,) = await desk.decide(over_township, by="township.he", amount_fen=156_000)
    assert (less.granted_fen, less.level) == (156_000, "TOWNSHIP")
    bert = await desk.office.register(2, "1970-01-01")
    (whole,) = await desk.decide((await desk.apply(bert, 4_680)).application_id)
    assert (whole.state, whole.level) == ("GRANTED", "COUNTY")
    carl = await desk.office.register(3, "1970-01-01")
    beyond = (await desk.apply(carl, 9_361)).application_id
    assert (
        await sentence_of(desk.decide(beyond)) == "临时救助的最高限额为 9360.00 元（标准的 12 倍），本次为 9361.00 元。"
    )
    assert await refused(desk.decide(beyond, amount_fen=936_200)) == "payments.aid_more_than_applied"


async def test_above_the_ceiling_two_county_people_must_grant_the_same_sum(desk: Desk, anna: str) -> None:
    special = (await desk.apply(anna, 5_000)).application_id
    (first,) = await desk.decide(special)
    assert (first.state, first.benefit_month) == ("FIRST_DECIDED", "")
    assert await said(desk) == [], "nothing is granted yet"
    assert await refused(desk.decide(special)) == "payments.aid_decided_by_you"
    assert await refused(desk.decide(special, by="township.he")) == "payments.aid_above_township"
    assert await refused(desk.decide(special, by="reviewer.lin", amount_fen=490_000)) == "payments.aid_second_differs"
    (second,) = await desk.decide(special, by="reviewer.lin")
    assert (second.state, second.level, list(second.decided_by)) == (
        "GRANTED",
        "SPECIAL",
        ["reviewer.zhao", "reviewer.lin"],
    )
    (row,) = await desk.office.fetch("SELECT amount_fen, voided_at FROM grants")
    assert (row.amount_fen, row.voided_at) == (500_000, None)


async def test_whoever_applied_may_not_decide_and_everybody_stays_in_his_region(desk: Desk, anna: str) -> None:
    desk.office.rights.grants["clerk"] = desk.office.rights.grants["clerk"] | {"aid.decide"}
    applied = (await desk.apply(anna, 500)).application_id
    assert await refused(desk.decide(applied, by="clerk.li")) == "payments.aid_own_application"
    elsewhere = await desk.office.register(2, "1970-01-01")
    desk.names.region_of[elsewhere] = "990101102001"
    assert await refused(desk.apply(elsewhere, 500, by="clerk.feng")) == "payments.aid_person_unknown"
    far = (await desk.apply(elsewhere, 500)).application_id
    assert await refused(desk.decide(far, by="township.he")) == "payments.aid_unknown"
    with desk.office.by("township.he"):
        seen = await desk.aid.ListAid(pb.ListAidRequest(), None)
    assert [one.application_id for one in seen.applications] == [applied]


async def test_a_second_grant_for_one_cause_within_its_months_and_beyond_the_year_is_refused(
    desk: Desk, anna: str
) -> None:
    first = (await desk.apply(anna, 4_680)).application_id
    await desk.decide(first)
    assert await refused(desk.apply(anna, 500)) == "payments.aid_same_cause"
    await desk.decide((await desk.apply(anna, 4_600, items=["accident"])).application_id)
    third = (await desk.apply(anna, 81, items=["disaster"])).application_id
    assert await sentence_of(desk.decide(third)) == (
        "此人 2024 年已获临时救助 9280.00 元，加本次 81.00 元超过全年限额 9360.00 元（标准的 12 倍）。"
    )
    await desk.take_back(first)
    assert (await desk.decide(third))[0].state == "GRANTED"
    desk.office.go_to("2025-01-10")
    assert (await desk.apply(anna, 500)).state == "APPLIED"


async def test_two_decisions_at_once_about_one_person_never_pass_the_same_wall_twice(desk: Desk, anna: str) -> None:
    ids = [(await desk.apply(anna, 4_000, items=[cause])).application_id for cause in ("illness", "accident", "other")]
    done = await asyncio.gather(*(desk.decide(one) for one in ids), return_exceptions=True)
    assert sum(isinstance(one, list) for one in done) == 2
    assert {one.slug for one in done if isinstance(one, TuoqiError)} == {"payments.aid_above_year"}


async def test_an_emergency_is_paid_first_and_its_papers_are_listed_until_they_come(desk: Desk, anna: str) -> None:
    slow = (await desk.apply(anna, 700)).application_id
    assert await refused(desk.decide(slow, papers_later=True)) == "payments.aid_papers_first"
    fast = (await desk.apply(anna, 781, type="emergency", items=["accident"])).application_id
    assert await refused(desk.decide(fast, papers_later=True)) == "payments.aid_above_emergency"
    (granted,) = await desk.decide(fast, papers_later=True, amount_fen=78_000)
    assert (granted.state, granted.papers_due_on, granted.papers_overdue) == ("PAPERS_DUE", "2024-01-20", False)

    async def overdue() -> list[str]:
        with desk.office.by("clerk.li"):
            answer = await desk.aid.ListAid(pb.ListAidRequest(papers_overdue=True), None)
        return [one.application_id for one in answer.applications if one.papers_overdue]

    assert await overdue() == []
    desk.office.go_to("2024-01-21")
    assert await overdue() == [fast]
    with desk.office.by("clerk.li"):
        came = await desk.aid.ReceivePapers(pb.ReceivePapersRequest(application_id=fast), None)
        assert came.application.state == "GRANTED"
        assert await refused(desk.aid.ReceivePapers(pb.ReceivePapersRequest(application_id=fast), None)) == (
            "payments.aid_wrong_state"
        )
    assert await overdue() == []
    assert len(await said(desk)) == 1, "papers are no second grant"


async def test_a_repeated_request_is_answered_as_it_stands_and_another_content_under_its_key_refused(
    desk: Desk, anna: str
) -> None:
    first = await desk.apply(anna, 500, key="fixed")
    desk.office.go_to("2024-01-11")
    assert (await desk.apply(anna, 500, key="fixed")) == first
    assert await refused(desk.apply(anna, 501, key="fixed")) == "payments.aid_key_reused"
    (row,) = await desk.office.fetch("SELECT count(*) AS n FROM aid_applications")
    assert row.n == 1


async def test_voided_before_payment_pays_nothing_and_voided_after_it_recovers(desk: Desk, anna: str) -> None:
    office = desk.office
    before = (await desk.apply(anna, 500)).application_id
    await desk.decide(before)
    assert (await desk.take_back(before)).state == "VOIDED"
    assert await refused(desk.take_back(before)) == "payments.aid_wrong_state"
    after = (await desk.apply(anna, 2_000, items=["accident"])).application_id
    await desk.decide(after)
    office.go_to("2024-01-20")
    first = (await office.pay("2024-01")).ref.cycle_id
    assert await office.lines(first) == {"01 temporary_assistance REGULAR 2024-01 2000"}
    assert await refused(desk.take_back(after, by="township.he")) == "payments.aid_county_decides"
    await desk.take_back(after)
    office.go_to("2024-02-20")
    second = (await office.pay("2024-02")).ref.cycle_id
    assert await office.lines(second) == {"01 temporary_assistance RECOVERY 2024-01 -2000"}
    assert await office.findings() == []
    voided = [event.amount_fen for event in await said(desk) if isinstance(event, aid_pb2.AidVoided)]
    assert voided == [50_000, 200_000]


async def test_a_grant_at_the_very_cut_off_of_a_computed_cycle_belongs_to_the_next(desk: Desk, anna: str) -> None:
    office = desk.office
    await office.on_dibao(2, 400)
    office.go_to("2024-01-20")
    await office.open("2024-01")
    await office.compute("2024-01")
    await desk.decide((await desk.apply(anna, 500)).application_id)
    office.go_to("2024-02-20")
    second = (await office.pay("2024-02")).ref.cycle_id
    assert "01 temporary_assistance BACKPAY 2024-01 500" in await office.lines(second)


async def test_a_student_is_granted_once_a_school_year_whoever_brings_it(desk: Desk) -> None:
    office = desk.office
    child = await office.register(1, "2010-01-01")
    office.go_to("2024-01-10")
    given = {"programme": "education_grant", "type": "", "items": ["junior"]}
    assert await refused(desk.apply(child, 700, **given)) == "payments.aid_amount_not_table"
    first = await desk.apply(child, **given)
    assert first.amount_fen == 80_000
    assert await refused(desk.decide(first.application_id, by="township.he")) == "payments.aid_county_decides"
    await desk.decide(first.application_id)
    assert await refused(desk.apply(child, **{**given, "items": ["primary"]})) == "payments.aid_once_a_school_year"
    batch = (await desk.submit("k", ("a", child, 800))).batch.batch_id
    assert await refused(desk.release(batch)) == "payments.batch_school_year"
    office.go_to("2024-09-01")
    assert (await desk.apply(child, **given)).state == "APPLIED"


async def test_what_stands_about_a_child_is_shown_with_a_purpose_only(desk: Desk) -> None:
    child = await desk.office.register(1, "2010-01-01")
    desk.office.go_to("2024-01-10")
    applied = (await desk.apply(child, 500, remark="家庭变故")).application_id
    with desk.office.by("reviewer.zhao"):
        assert await refused(desk.aid.GetAid(pb.GetAidRequest(application_id=applied), None)) == "auth.no_purpose"
    with desk.office.by("reviewer.zhao", "审批"):
        assert (await desk.aid.GetAid(pb.GetAidRequest(application_id=applied), None)).remark == "家庭变故"


async def test_funeral_relief_needs_a_death_and_waits_for_the_heirs_account(desk: Desk, anna: str) -> None:
    office = desk.office
    given = {"programme": "funeral_relief", "type": "", "items": ["transport", "cremation"]}
    assert await refused(desk.apply(anna, **given)) == "payments.aid_needs_death"
    await office.died(anna, "2024-01-05")
    assert await refused(desk.apply(anna, 500)) == "payments.aid_person_dead"
    applied = await desk.apply(anna, **given)
    assert applied.amount_fen == 90_000
    assert await refused(desk.apply(anna, **given)) == "payments.aid_once_after_death"
    await desk.decide(applied.application_id)
    office.go_to("2024-01-20")
    cycle = (await office.pay("2024-01")).ref.cycle_id
    assert await office.lines(cycle) == {"01 funeral_relief REGULAR 2024-01 900"}
    assert await office.waiting() == {"01 funeral_relief 2024-01 900 HEIR"}


async def test_a_list_becomes_applications_row_by_row_and_names_each_row_that_does_not(desk: Desk, anna: str) -> None:
    desk.names.numbers = {"A": anna, "B": await desk.office.register(2, "2010-01-01")}
    importer = AidList(desk.tools, desk.policy, desk.names)
    rows = [
        ["A", "", "临时救助", "支出型", "突发重病", "1500", "2024-01-09", "住院"],
        ["A", "", "temporary_assistance", "emergency", "illness", "100", "", ""],
        ["", "B", "助学金", "", "初中", "", "", ""],
        ["C", "", "助学金", "", "初中", "", "", ""],
        ["A", "", "丧葬补助", "", "遗体火化；骨灰盒", "", "", ""],
        ["A", "", "高龄津贴", "", "x", "", "", ""],
    ]
    outcome = await desk.office.load(importer, COLUMNS, *rows, by="clerk.li")
    assert outcome.changed == 2
    assert {(one.row_number, one.reason.split("，")[0]) for one in outcome.problems} == {
        (3, "同一事由（突发重病）在 12 个月内只救助一次"),
        (5, "登记信息中没有此人"),
        (6, "登记信息中此人没有去世记录"),
        (7, "不在允许的范围内"),
    }
    with desk.office.by("reviewer.zhao"):
        waiting = (await desk.aid.ListAid(pb.ListAidRequest(state="APPLIED"), None)).applications
    granted = await desk.decide(*(one.application_id for one in waiting))
    assert sorted(one.granted_fen for one in granted) == [80_000, 150_000]
    assert len(await said(desk)) == 2


async def test_goods_are_a_ledger_of_their_own_and_no_money_moves(desk: Desk, anna: str) -> None:
    office = desk.office
    bert = await office.register(2, "1920-01-01")
    request = pb.IssueGoodsRequest(
        idempotency_key="visit",
        person_ids=[anna, bert],
        occasion="centenarian",
        item="rice",
        quantity=2,
        value_fen=8_400,
    )
    with office.by("clerk.li"):
        first = await desk.aid.IssueGoods(request, None)
        again = await desk.aid.IssueGoods(request, None)
        assert again == first
        request.value_fen = 100_001
        assert await refused(desk.aid.IssueGoods(request, None)) == "payments.goods_above_ceiling"
    with office.by("reviewer.zhao"):
        back = pb.TakeBackGoodsRequest(issue_id=first.entries[0].issue_id, reason="未送达")
        taken = (await desk.aid.TakeBackGoods(back, None)).entry
        assert (taken.quantity, taken.value_fen, taken.corrects) == (-2, -8_400, back.issue_id)
        assert await refused(desk.aid.TakeBackGoods(back, None)) == "payments.goods_taken_back"
        ledger = await desk.aid.ListGoods(pb.ListGoodsRequest(occasion="centenarian"), None)
    assert (len(ledger.entries), ledger.total_fen) == (3, 8_400)
    assert [row.n for row in await office.fetch("SELECT count(*) AS n FROM ledger_entries")] == [0]
    rows = await office.fetch("SELECT ce_type, key FROM outbox WHERE topic = 'tuoqi.payments.aid.v1'")
    assert [row.ce_type.rsplit(".", 1)[1] for row in rows] == ["GoodsIssued"] * 3


async def test_the_limits_of_a_month_can_be_asked_for(desk: Desk) -> None:
    with desk.office.by("township.he"):
        limits = (await desk.aid.ListAidLimits(pb.ListAidLimitsRequest(month="2024-05"), None)).limits
    by_code = {f"{one.programme}.{one.code}": one.amount_fen for one in limits}
    assert by_code["temporary_assistance.township"] == 156_000
    assert by_code["education_grant.university"] == 1_000_000
