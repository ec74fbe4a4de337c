"""Explaining a person's month on a real PostgreSQL: lines, where their money is, and who may ask."""

from __future__ import annotations

from typing import Any

import pytest

from tuoqi.contracts.payments.v1 import explain_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.rpc.explain import ExplainServicer

pytestmark = pytest.mark.postgres

Office = Any
"""`conftest.Office`; conftest is no module that tests can import."""


async def explained(
    office: Office, person: str, month: str, cycle: str = "", *, user: str = "clerk.li", purpose: str = ""
) -> dict[str, pb.ConsideredProgramme]:
    with office.by(user, purpose):
        request = pb.ExplainMonthRequest(person_id=person, month=month, cycle=cycle)
        answer = await ExplainServicer(office.tools).ExplainMonth(request, None)
    assert [one.programme for one in answer.programmes] == list(office.tools.policy.order)
    return {one.programme: one for one in answer.programmes}


async def slug_of(act: Any) -> str:
    with pytest.raises(TuoqiError) as refused:
        await act
    return refused.value.slug


async def test_a_paid_month_tells_its_line_and_the_instruction_until_the_bank_credited_it(office: Office) -> None:
    person = await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.open("2024-01")
    await office.compute("2024-01")
    (line,) = (await explained(office, person, "2024-01"))["dibao"].lines
    assert (line.cycle, line.line_type, line.money[0].place) == ("2024-01", "REGULAR", "TO_INSTRUCT")
    await office.review_and_post("2024-01")
    office.go_to("2024-01-27")
    await office.approve("2024-01")
    await office.instruct("2024-01")
    (row,) = await office.instructions("2024-01")
    (sent,) = (await explained(office, person, "2024-01"))["dibao"].lines[0].money
    assert sent.sentence == f"400.00元已随代发指令{row['instruction_id']}发出，银行尚无结果。"
    office.go_to("2024-01-29")
    await office.results([row["instruction_id"], "SUCCESS", "", "2024-01-28"])
    found = (await explained(office, person, "2024-01"))["dibao"]
    (credited,) = found.lines[0].money
    assert (credited.instruction_state, credited.settled_on) == ("SUCCESS", "2024-01-28")
    assert (found.standing, found.paid_fen, found.entitled_fen) == ("PAID", 40000, 40000)
    assert found.rule_version == "dibao@2024-01"
    assert {fact.fact: fact.value for fact in found.facts}["decided_on"] == "2023-12-01"


async def test_money_that_waits_says_for_what_and_what_came_back_says_so(office: Office) -> None:
    none = await office.on_dibao(1, 400)
    back = await office.on_dibao(2, 300, account="B")
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    (row,) = await office.instructions("2024-01")
    await office.results([row["instruction_id"], "RETURNED", "账号有误", ""])
    (waits,) = (await explained(office, none, "2024-01"))["dibao"].lines[0].money
    assert (waits.place, waits.reason) == ("WAITING", "ACCOUNT")
    assert waits.sentence == "400.00元暂未发出：没有收款账户，等待登记账户，随下一周期再次核对。"
    (returned,) = (await explained(office, back, "2024-01"))["dibao"].lines[0].money
    assert (returned.place, "被退回" in returned.sentence) == ("RETURNED", True)


async def test_a_re_classification_tells_what_was_set_against_what(office: Office) -> None:
    person = await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    await office.status(person, "tekun", "2023-12-01", subtype="scattered", level="full")
    office.go_to("2024-02-20")
    await office.open("2024-02")
    await office.compute("2024-02")
    found = await explained(office, person, "2024-01")
    paid, recovery = found["dibao"].lines
    assert (paid.line_type, recovery.line_type) == ("REGULAR", "RECOVERY")
    assert [one.sentence for one in recovery.money] == ["400.00元与同月补发的特困供养金相抵，无须退款。"]
    (new,) = found["tekun_support"].lines
    assert {one.place for one in new.money} == {"NET", "TO_INSTRUCT"}
    assert found["dibao"].reason == "stopped_by"
    assert (found["dibao"].standing, found["tekun_support"].standing) == ("NOT_DUE", "PAID")


async def test_what_is_owed_is_told(office: Office) -> None:
    person = await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    await office.status(person, "dibao", "2023-12-01", yuan=300)
    over = (await explained(office, person, "2024-01"))["dibao"]
    assert (over.standing, over.would_change[0]) == ("OVERPAID", "下一周期将收回100.00元。")
    office.go_to("2024-02-20")
    await office.open("2024-02")
    await office.compute("2024-02")
    found = (await explained(office, person, "2024-01"))["dibao"]
    assert (found.standing, found.owed_fen) == ("PAID", 10000)
    assert [one.sentence for one in found.lines[1].money] == ["100.00元列入待追回。"]


async def test_with_a_cycle_the_facts_of_its_cut_off_are_explained(office: Office) -> None:
    person = await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    await office.status(person, "dibao", "2023-12-01", yuan=300)
    then = (await explained(office, person, "2024-01", "2024-01"))["dibao"]
    now = (await explained(office, person, "2024-01"))["dibao"]
    assert (then.entitled_fen, now.entitled_fen) == (40000, 30000)
    assert await slug_of(explained(office, person, "2024-01", "2024-09")) == "payments.cycle_unknown"


async def test_a_month_is_explained_where_the_person_lives_and_of_a_child_with_a_purpose_only(office: Office) -> None:
    person = await office.on_dibao(1, 400)
    assert "dibao" in await explained(office, person, "2024-01", user="clerk.feng")
    await office.lives_in(person, "990101102007")
    assert await slug_of(explained(office, person, "2024-01", user="clerk.feng")) == "auth.no_region"
    child = await office.register(2, "2015-01-01")
    assert await slug_of(explained(office, child, "2024-01")) == "auth.no_purpose"
    assert "dibao" in await explained(office, child, "2024-01", purpose="监护人咨询")
    stranger = "00000000-0000-4000-8000-000000000099"
    assert await slug_of(explained(office, stranger, "2024-01")) == "payments.person_unknown"
    assert await slug_of(explained(office, person, "2024-13")) == "request.invalid"
