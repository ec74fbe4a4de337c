"""Who may move a cycle, when, and what keeps money from moving: on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tuoqi.contracts.payments.v1 import payments_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import acting

pytestmark = pytest.mark.postgres

Office = Any
"""`conftest.Office`; conftest is no module that tests can import."""


async def slug_of(act: Any) -> str:
    with pytest.raises(TuoqiError) as refused:
        await act
    return refused.value.slug


async def test_approval_follows_the_posting_and_never_comes_from_the_reviewer(office: Office) -> None:
    await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.open("2024-01")
    await office.compute("2024-01")
    posted = await office.review_and_post("2024-01")
    assert posted.posted_until == "2024-01-27"
    assert await slug_of(office.approve("2024-01")) == "payments.cycle_still_posted"
    office.go_to("2024-01-27")
    assert await slug_of(office.approve("2024-01", "reviewer.zhao")) == "payments.cycle_reviewer_may_not_approve"
    assert (await office.approve("2024-01")).state == "APPROVED"


async def test_a_large_cycle_needs_two_people_also_when_both_come_at_once(office: Office) -> None:
    """The same person twice is one approval; two at once are two."""
    await office.on_dibao(1, 6_000_000, account="A")
    office.go_to("2024-01-20")
    await office.open("2024-01")
    await office.compute("2024-01")
    await office.review_and_post("2024-01")
    office.go_to("2024-01-27")
    twice = await asyncio.gather(office.approve("2024-01"), office.approve("2024-01"), return_exceptions=True)
    refused = [one for one in twice if isinstance(one, TuoqiError)]
    assert [one.slug for one in refused] == ["payments.cycle_already_approved_by"]
    assert (await office.show("2024-01")).state == "POSTED"
    approved = await office.approve("2024-01", "finance.sun")
    assert (approved.state, set(approved.approved_by)) == ("APPROVED", {"finance.qian", "finance.sun"})
    assert (await office.said()).count("CycleApproved") == 1


async def test_a_posting_is_cut_short_only_on_a_settable_clock_and_with_a_name(office: Office) -> None:
    await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.open("2024-01")
    await office.compute("2024-01")
    await office.review_and_post("2024-01")
    office.clock.settable = False
    assert await slug_of(office.approve("2024-01", cut_short=True)) == "payments.cycle_posting_not_cut"
    office.clock.settable = True
    assert (await office.approve("2024-01", cut_short=True)).state == "APPROVED"
    (row,) = await office.fetch("SELECT posting_cut_because AS why FROM cycles")
    assert "finance.qian" in row.why


async def test_a_cycle_is_not_computed_before_its_cut_off_or_with_a_fence_missing(office: Office) -> None:
    await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-10")
    with office.by("clerk.li"):
        await office.service.OpenCycle(pb.OpenCycleRequest(month="2024-01"), None)
    assert await slug_of(office.compute("2024-01")) == "payments.cycle_cut_off_ahead"
    office.go_to("2024-01-20", 18)
    office.registry.lost = {("tuoqi.registry.status.v1", 3)}
    with pytest.raises(TuoqiError) as refused:
        await office.compute("2024-01")
    assert refused.value.slug == "payments.cycle_facts_missing"
    assert refused.value.details["missing"] == "tuoqi.registry.status.v1 分区 3"
    office.registry.lost = set()
    assert (await office.compute("2024-01")).state == "COMPUTED"


async def test_a_dead_letter_keeps_money_from_moving(office: Office) -> None:
    person = await office.on_dibao(1, 400, account="A")
    office.people[person].birth_date = "1970-02-31"
    await office.died(person, "2023-12-31")
    office.people[person].birth_date = "1970-01-01"
    await office.status(person, "dibao", "2024-01-02", yuan=900)
    office.go_to("2024-01-20")
    await office.open("2024-01")
    with pytest.raises(TuoqiError) as refused:
        await office.compute("2024-01")
    assert refused.value.details["missing"] == "1 条死信未处理、1 条消息排在死信之后"


async def test_whoever_may_act_in_one_township_only_opens_no_cycle(office: Office) -> None:
    with acting(office.rights.actor("clerk.feng")):
        request = pb.OpenCycleRequest(month="2024-01")
        assert await slug_of(office.service.OpenCycle(request, None)) == "auth.no_region"


async def test_a_cycle_is_cancelled_only_with_a_reason(office: Office) -> None:
    await office.open("2024-01")
    assert await slug_of(office.cancel("2024-01", "")) == "payments.cycle_reason_missing"
    assert await slug_of(office.cancel("2023-01")) == "payments.cycle_unknown"
