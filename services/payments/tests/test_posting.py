"""Posting lists and objections on a real PostgreSQL: who stands on a list, what it shows, what keeps a cycle waiting."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tuoqi.contracts.payments.v1 import posting_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.jobs.posting_lists import PostingList
from tuoqi.payments.rpc.posting import PostingServicer

pytestmark = pytest.mark.postgres

Office = Any
"""`conftest.Office`; conftest is no module that tests can import."""
OTHER_VILLAGE = "990101102007"


async def posted(office: Office, month: str = "2024-01") -> None:
    """A cycle of the month, posted on the 20th."""
    office.go_to(f"{month}-20")
    await office.open(month)
    await office.compute(month)
    await office.review_and_post(month)


async def rows(office: Office, cycle: str = "2024-01", user: str = "reviewer.zhao") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await office.export(PostingList(office.tools), cycle, user)
    return found


async def text(office: Office, region: str = "990101", user: str = "reviewer.zhao") -> str:
    with office.by(user):
        request = pb.PrintPostingRequest(cycle="2024-01", region=region)
        return "".join([part.text async for part in PostingServicer(office.tools).PrintPosting(request, None)])


async def raised(office: Office, person: str, user: str = "clerk.li", **fields: Any) -> pb.Objection:
    asked = {"cycle": "2024-01", "person_id": person, "programme": "dibao", "category": "not_eligible", **fields}
    with office.by(user):
        request = pb.RaiseObjectionRequest(**asked)
        return (await PostingServicer(office.tools).RaiseObjection(request, None)).objection


async def decided(office: Office, objection: pb.Objection, user: str = "reviewer.zhao", **fields: Any) -> pb.Objection:
    asked = {"objection_id": objection.objection_id, "outcome": "DISMISSED", "reason": "verified_right", **fields}
    with office.by(user):
        request = pb.DecideObjectionRequest(**asked)
        return (await PostingServicer(office.tools).DecideObjection(request, None)).objection


async def slug_of(act: Any) -> str:
    with pytest.raises(TuoqiError) as refused:
        await act
    return refused.value.slug


async def test_a_list_shows_a_masked_name_the_village_the_months_and_the_sum_and_nothing_else(office: Office) -> None:
    """Who lives elsewhere than registered stands on the list of where he lives."""
    await office.on_dibao(1, 400, account="A")
    two = await office.on_dibao(2, 300, decided="2023-11-05")
    await office.lives_in(two, OTHER_VILLAGE)
    await posted(office)
    shown = [{**row, "posted_until": str(row["posted_until"])} for row in await rows(office)]
    common = {"cycle": "2024-01", "programme": "低保金", "months": 1, "posted_until": "2024-01-27"}
    assert shown == [
        {**common, "region": "990101101001", "region_name": "示范县/某镇/001村", "name": "甲*1", "amount": 40000},
        {**common, "region": OTHER_VILLAGE, "region_name": "示范县/某镇/007村", "name": "甲*2", "amount": 30000},
    ]


async def test_nobody_under_18_and_nobody_with_a_child_programme_is_on_a_list(office: Office) -> None:
    """Not even with a line of another programme, and not where a top-up leaves the child programme at nothing."""
    minor = await office.register(1, "2010-01-01")
    await office.status(minor, "dibao", "2023-12-01", yuan=400)
    pupil = await office.register(2, "2004-06-01")
    await office.status(pupil, "in_school", "2023-09-01")
    await office.status(pupil, "orphan", "2023-12-01", subtype="dispersed")
    await office.status(pupil, "disability", "2023-12-01", subtype="1", level="1")
    topped = await office.register(3, "2004-06-01")
    await office.status(topped, "in_school", "2023-09-01")
    await office.status(topped, "de_facto_unattended_child", "2023-12-01")
    await office.status(topped, "dibao", "2023-12-01", yuan=1500)
    grown = await office.register(4, "2000-06-01")
    await office.status(grown, "orphan", "2015-12-01", subtype="dispersed")
    await office.status(grown, "dibao", "2023-12-01", yuan=500)
    await posted(office)
    assert "02 disability_nursing REGULAR 2024-01 110" in await office.lines("2024-01")
    assert [row["name"] for row in await rows(office)] == ["甲*4"]


async def test_a_recovery_is_never_hung_out(office: Office) -> None:
    person = await office.on_dibao(1, 400)
    await office.pay("2024-01")
    await office.status(person, "dibao", "2023-12-01", yuan=300)
    await posted(office, "2024-02")
    assert "01 dibao RECOVERY 2024-01 -100" in await office.lines("2024-02")
    assert [(row["months"], row["amount"]) for row in await rows(office, "2024-02")] == [(1, 30000)]


async def test_a_cycle_passes_the_posting_also_where_nothing_is_posted(office: Office) -> None:
    minor = await office.register(1, "2010-01-01")
    await office.status(minor, "dibao", "2023-12-01", yuan=400)
    await posted(office)
    assert await rows(office) == []
    assert await slug_of(text(office)) == "payments.posting_region_empty"
    office.go_to("2024-01-27")
    assert (await office.approve("2024-01")).state == "APPROVED"


async def test_a_list_printed_again_is_the_same_byte_for_byte_whatever_became_known_since(office: Office) -> None:
    person = await office.on_dibao(1, 400, account="A")
    await office.on_dibao(2, 300)
    await posted(office)
    before = await text(office)
    await office.lives_in(person, OTHER_VILLAGE)
    await office.status(person, "dibao", "2023-12-01", yuan=900)
    await office.died(person, "2024-01-21")
    office.go_to("2024-02-20")
    assert await text(office) == before
    assert before.splitlines()[:5] == [
        "2024年1月补贴发放公示（周期 2024-01）",
        "示范县/某镇/001村（990101101001）",
        "公示期：2024-01-20 至 2024-01-27",
        "序号\t项目\t姓名\t月数\t金额",
        "1\t低保金\t甲*1\t1\t400.00元",
    ]
    assert "合计：2 人次\t700.00元" in before


async def test_there_is_no_list_before_the_cycle_is_posted(office: Office) -> None:
    await office.on_dibao(1, 400)
    office.go_to("2024-01-20")
    await office.open("2024-01")
    await office.compute("2024-01")
    assert await slug_of(rows(office)) == "payments.posting_none"


async def test_a_township_sees_its_own_lists_only(office: Office) -> None:
    await office.on_dibao(1, 400)
    await office.lives_in(await office.on_dibao(2, 300), OTHER_VILLAGE)
    await posted(office)
    assert [row["region"] for row in await rows(office, user="clerk.feng")] == ["990101101001"]
    assert await slug_of(text(office, "990101", "clerk.feng")) == "auth.no_region"
    with office.by("clerk.feng"):
        request = pb.ListPostedRegionsRequest(cycle="2024-01")
        answer = await PostingServicer(office.tools).ListPostedRegions(request, None)
    assert [(one.code, one.rows, one.amount_fen) for one in answer.regions] == [("990101101001", 1, 40000)]


async def test_an_open_objection_keeps_the_cycle_from_approval_until_somebody_else_decided_it(office: Office) -> None:
    person = await office.on_dibao(1, 400, account="A")
    await posted(office)
    one = await raised(office, person, note="邻居说他有工作")
    office.go_to("2024-01-27")
    with pytest.raises(TuoqiError) as refused:
        await office.approve("2024-01")
    assert (refused.value.slug, refused.value.details["count"]) == ("payments.cycle_open_objections", "1")
    ended = await decided(office, one)
    assert (ended.outcome, ended.decided_by, one.posted) == ("DISMISSED", "reviewer.zhao", True)
    assert (await office.approve("2024-01")).state == "APPROVED"
    said = await office.said()
    assert (said.count("ObjectionRaised"), said.count("ObjectionDecided")) == (1, 1)


async def test_an_upheld_objection_that_asks_for_it_leaves_only_cancelling(office: Office) -> None:
    person = await office.on_dibao(1, 400, account="A")
    await posted(office)
    one = await raised(office, person)
    wrong = {"outcome": "UPHELD", "reason": "verified_wrong"}
    assert await slug_of(decided(office, one, **wrong)) == "payments.objection_follow_up"
    await decided(office, one, follow_up="cancel_cycle", **wrong)
    office.go_to("2024-01-27")
    assert await slug_of(office.approve("2024-01")) == "payments.cycle_to_be_cancelled"
    assert [cycle.state for cycle in await office.cancel("2024-01")] == ["CANCELLED"]


async def test_an_upheld_objection_that_the_next_cycle_corrects_lets_this_one_go_on(office: Office) -> None:
    person = await office.on_dibao(1, 400, account="A")
    await posted(office)
    one = await raised(office, person, category="left_out", programme="old_age_allowance")
    assert not one.posted
    await decided(office, one, outcome="UPHELD", reason="verified_wrong", follow_up="correct_next_cycle")
    office.go_to("2024-01-27")
    assert (await office.approve("2024-01")).state == "APPROVED"


async def test_an_objection_is_decided_once_and_its_codes_must_be_known(office: Office) -> None:
    person = await office.on_dibao(1, 400)
    await posted(office)
    assert await slug_of(raised(office, person, category="rumour")) == "payments.objection_code"
    assert await slug_of(raised(office, person, programme="lottery")) == "payments.objection_code"
    assert await slug_of(raised(office, "00000000-0000-4000-8000-000000000099")) == "payments.person_unknown"
    one = await raised(office, person)
    assert await slug_of(decided(office, one, "clerk.li")) == "payments.objection_own"
    assert await slug_of(decided(office, one, reason="because")) == "payments.objection_code"
    await decided(office, one)
    assert await slug_of(decided(office, one)) == "payments.objection_decided"
    unknown = pb.Objection(objection_id="00000000-0000-4000-8000-000000000077")
    assert await slug_of(decided(office, unknown)) == "payments.objection_unknown"


async def test_an_objection_comes_only_while_the_cycle_is_posted(office: Office) -> None:
    person = await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.open("2024-01")
    assert await slug_of(raised(office, person)) == "payments.cycle_wrong_state"
    await office.compute("2024-01")
    await office.review_and_post("2024-01")
    office.go_to("2024-01-27")
    await office.approve("2024-01")
    assert await slug_of(raised(office, person)) == "payments.cycle_wrong_state"


async def test_the_same_objection_said_twice_is_one_and_what_was_said_stands_in_no_event(office: Office) -> None:
    person = await office.on_dibao(1, 400)
    await posted(office)
    first, again = await asyncio.gather(*(raised(office, person, note="他搬走了") for _ in range(2)))
    assert first.objection_id == again.objection_id
    assert (await office.show("2024-01")).objections_open == 1
    assert (await raised(office, person, note="还是他")).objection_id != first.objection_id
    stored = await office.fetch("SELECT encode(value, 'escape') AS text FROM outbox")
    assert not any("他" in bytes(row.text, "utf-8").decode("unicode_escape") for row in stored)
    assert "他搬走了".encode() not in b"".join(row.value for row in await office.fetch("SELECT value FROM outbox"))


async def test_notes_of_objections_are_shown_with_a_purpose_only(office: Office) -> None:
    person = await office.on_dibao(1, 400)
    await posted(office)
    await raised(office, person, note="他搬走了")
    service = PostingServicer(office.tools)
    with office.by("auditor.zhou"):
        (plain,) = (await service.ListObjections(pb.ListObjectionsRequest(only_open=True), None)).objections
        assert (plain.cycle, plain.note) == ("2024-01", "")
        assert (
            await slug_of(service.ListObjections(pb.ListObjectionsRequest(with_notes=True), None)) == "auth.no_purpose"
        )
    with office.by("auditor.zhou", "抽查"):
        (full,) = (await service.ListObjections(pb.ListObjectionsRequest(with_notes=True), None)).objections
        assert full.note == "他搬走了"
        first = await service.ListObjections(pb.ListObjectionsRequest(page_size=1), None)
        rest = pb.ListObjectionsRequest(page_size=1, page_token=first.next_page_token)
        assert list((await service.ListObjections(rest, None)).objections) == []


async def test_posted_lines_and_histories_cannot_be_changed(office: Office) -> None:
    await office.on_dibao(1, 400)
    await posted(office)
    for table in ("posted_lines", "cycle_acts"):
        with pytest.raises(Exception, match="append-only"):
            async with office.database.begin() as tx:
                await tx.execute(f"DELETE FROM {table}")
