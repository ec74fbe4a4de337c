"""What moves money beside a repayment: offsets by agreement, write-offs by two people, cancelled cycles, merged files."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tuoqi.contracts.registry.v1 import person_pb2
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.stamps import stamp_of
from tuoqi.payments.consumer import PERSON

pytestmark = pytest.mark.postgres

Recovering = Any
CIVIL, FINANCE, FINANCE_2 = "reviewer.zhao", "finance.qian", "finance.sun"


async def sent(recovering: Recovering, cycle: str) -> list[int]:
    """The instructions of a cycle, in yuan."""
    return [row["amount"] // 100 for row in await recovering.office.instructions(cycle)]


async def computed(recovering: Recovering, month: str) -> str:
    """A cycle that is computed and no more."""
    cycle = (await recovering.office.open(month)).ref.cycle_id
    await recovering.office.compute(cycle)
    return str(cycle)


async def test_without_an_agreement_no_payment_of_another_month_is_touched(recovering: Recovering) -> None:
    person = await recovering.lowered()
    recovering.office.go_to("2024-04-20")
    cycle = await recovering.office.pay("2024-04")
    assert await sent(recovering, cycle.ref.cycle_id) == [300]
    assert (await recovering.file(person)).owed_fen == 20_000


async def test_an_agreement_reduces_the_oldest_case_up_to_its_cap_each_month_until_nothing_is_owed(
    recovering: Recovering,
) -> None:
    person = await recovering.lowered()
    one = (await recovering.file(person)).ref.recovery_id
    agreed = await recovering.act("AgreeOffset", one, signed_on="2024-03-20", programmes=["dibao"], cap_fen=15_000)
    assert agreed.recovery.state == "AGREED"
    paid = {}
    for month in ("2024-04", "2024-05", "2024-06"):
        recovering.office.go_to(f"{month}-20")
        paid[month] = await sent(recovering, (await recovering.office.pay(month)).ref.cycle_id)
        await recovering.followed()
    assert paid == {"2024-04": [150], "2024-05": [250], "2024-06": [300]}
    after = await recovering.file(person)
    assert (after.state, after.offset_fen, after.owed_fen) == ("SETTLED", 20_000, 0)
    assert (await recovering.names())[-3:] == ["RecoveryChanged", "RecoveryChanged", "RecoveryClosed"]
    assert await recovering.office.findings() == []


async def test_a_share_of_the_payment_is_rounded_down_and_the_county_limits_it(recovering: Recovering) -> None:
    person = await recovering.lowered()
    one = (await recovering.file(person)).ref.recovery_id
    with pytest.raises(TuoqiError, match="recovery_cap_high"):
        await recovering.act("AgreeOffset", one, signed_on="2024-03-20", programmes=["dibao"], cap_hundredths=5001)
    with pytest.raises(TuoqiError, match="recovery_cap_given"):
        await recovering.act("AgreeOffset", one, signed_on="2024-03-20", programmes=["dibao"])
    await recovering.act("AgreeOffset", one, signed_on="2024-03-20", programmes=["dibao"], cap_hundredths=1233)
    recovering.office.go_to("2024-04-20")
    await recovering.office.pay("2024-04")
    assert (await recovering.file(person)).offset_fen == 3_699


async def test_cancelling_a_cycle_gives_back_what_an_agreement_had_taken_and_it_is_taken_again(
    recovering: Recovering,
) -> None:
    person = await recovering.lowered()
    one = (await recovering.file(person)).ref.recovery_id
    await recovering.act("AgreeOffset", one, signed_on="2024-03-20", programmes=["dibao"], cap_fen=20_000)
    recovering.office.go_to("2024-04-20")
    first = await computed(recovering, "2024-04")
    assert (await recovering.file(person)).state == "SETTLED"
    await recovering.office.cancel(first)
    back = await recovering.file(person)
    assert (back.state, back.owed_fen, back.offset_fen) == ("AGREED", 20_000, 0)
    await recovering.followed()
    await computed(recovering, "2024-04")
    assert (await recovering.file(person)).offset_fen == 20_000
    await recovering.followed()
    assert await recovering.office.findings() == []


async def test_an_agreement_covers_only_what_was_owed_when_it_was_signed_and_ends_by_either_side(
    recovering: Recovering,
) -> None:
    person = await recovering.lowered()
    one = (await recovering.file(person)).ref.recovery_id
    await recovering.act("AgreeOffset", one, signed_on="2024-03-20", programmes=["dibao"], cap_fen=5_000)
    await recovering.office.status(person, "dibao", "2023-12-01", yuan=250)
    recovering.office.go_to("2024-04-20")
    await recovering.office.pay("2024-04")
    covered = {item.benefit_month: item.agreed_fen for item in (await recovering.whole(one)).items}
    assert covered == {"2024-01": 5_000, "2024-02": 10_000, "2024-03": 0}
    ended = (await recovering.act("EndOffset", one, reason="by_person")).recovery
    assert (ended.state, ended.signed_on) == ("OPEN", "")
    recovering.office.go_to("2024-05-20")
    assert await sent(recovering, (await recovering.office.pay("2024-05")).ref.cycle_id) == [250]


async def test_a_write_off_needs_two_people_and_goes_to_the_loss_account(recovering: Recovering) -> None:
    person = await recovering.owing()
    one = (await recovering.file(person)).ref.recovery_id
    await recovering.repay(one, 100)
    proposed = (await recovering.act("ProposeWriteOff", one, CIVIL, reason="no_estate", note="已核实")).recovery
    assert (proposed.state, proposed.proposed_fen, proposed.proposed_by) == ("OPEN", 30_000, CIVIL)
    with pytest.raises(TuoqiError, match="recovery_own_proposal"):
        await recovering.act("ConfirmWriteOff", one, CIVIL, amount_fen=30_000)
    with pytest.raises(TuoqiError, match="recovery_amount_changed"):
        await recovering.act("ConfirmWriteOff", one, FINANCE, amount_fen=40_000)
    done = (await recovering.act("ConfirmWriteOff", one, FINANCE, amount_fen=30_000)).recovery
    assert (done.state, done.written_off_fen, done.repaid_fen) == ("WRITTEN_OFF", 30_000, 10_000)
    (loss,) = await recovering.office.fetch(
        "SELECT sum(amount_fen) AS fen FROM ledger_entries WHERE account = 'RECOVERY_LOSS'"
    )
    assert loss.fen == 30_000
    await recovering.followed()


async def test_of_two_who_confirm_at_once_one_is_refused(recovering: Recovering) -> None:
    person = await recovering.owing()
    one = (await recovering.file(person)).ref.recovery_id
    await recovering.act("ProposeWriteOff", one, CIVIL, reason="hardship")
    answers = await asyncio.gather(
        recovering.desk.confirm(one, 40_000, by=FINANCE),
        recovering.desk.confirm(one, 40_000, by=FINANCE_2),
        recovering.desk.confirm(one, 40_000, by=CIVIL),
        return_exceptions=True,
    )
    refusals = [getattr(answer, "slug", "done") for answer in answers]
    assert refusals.count("done") == 1
    assert refusals[2] in {"payments.recovery_own_proposal", "payments.recovery_no_proposal"}
    assert (await recovering.names()).count("RecoveryWriteOffConfirmed") == 1
    assert await recovering.office.findings() == []


async def test_a_proposal_lapses_when_the_amount_changes_and_may_be_refused_or_withdrawn(
    recovering: Recovering,
) -> None:
    person = await recovering.owing()
    one = (await recovering.file(person)).ref.recovery_id
    await recovering.act("ProposeWriteOff", one, CIVIL, reason="below_cost")
    await recovering.repay(one, 50)
    with pytest.raises(TuoqiError, match="recovery_no_proposal"):
        await recovering.act("ConfirmWriteOff", one, FINANCE, amount_fen=35_000)
    await recovering.act("ProposeWriteOff", one, CIVIL, reason="below_cost")
    await recovering.act("RefuseWriteOff", one, FINANCE, reason="金额不小")
    await recovering.act("ProposeWriteOff", one, CIVIL, reason="below_cost")
    with pytest.raises(TuoqiError, match="recovery_not_own_proposal"):
        await recovering.act("WithdrawWriteOff", one, FINANCE)
    await recovering.act("WithdrawWriteOff", one, CIVIL)
    outcomes = [told["outcome"] for name, told in await recovering.said() if name == "RecoveryWriteOffEnded"]
    assert outcomes == ["LAPSED", "REFUSED", "WITHDRAWN"]
    assert (await recovering.file(person)).owed_fen == 35_000


async def test_a_plan_adds_up_and_what_is_missed_is_said_once(recovering: Recovering) -> None:
    person = await recovering.owing()
    one = (await recovering.file(person)).ref.recovery_id
    with pytest.raises(TuoqiError, match="recovery_plan_sum"):
        await recovering.act("AgreePlan", one, instalments=[{"nth": 1, "due_on": "2024-04-15", "amount_fen": 30_000}])
    with pytest.raises(TuoqiError, match="recovery_plan_days"):
        await recovering.act("AgreePlan", one, instalments=[{"nth": 1, "due_on": "2024-02-15", "amount_fen": 40_000}])
    await recovering.act("AgreePlan", one, months=3, first_due_on="2024-04-30")
    parts = [(part.instalment.due_on, part.instalment.amount_fen) for part in (await recovering.whole(one)).instalments]
    assert parts == [("2024-04-30", 13_333), ("2024-05-30", 13_333), ("2024-06-30", 13_334)]
    await recovering.repay(one, 150)
    recovering.office.go_to("2024-06-02")
    assert [await recovering.timer.run(recovering.office.clock.now()) for _ in "ab"] == [1, 0]
    missed = [told for name, told in await recovering.said() if name == "RecoveryInstalmentMissed"]
    assert [(told["instalment"]["nth"], told["missing_fen"]) for told in missed] == [(2, "11666")]
    assert [part.state for part in (await recovering.whole(one)).instalments] == ["PAID", "MISSED", "DUE"]
    assert [file.ref.recovery_id for file in await recovering.files(overdue=True)] == [one]
    await recovering.repay(one, 120)
    assert await recovering.files(overdue=True) == []
    ended = await recovering.act("EndPlan", one, reason="replaced")
    assert ended.recovery.state == "OPEN"


async def test_cancelling_a_cycle_whose_case_was_partly_repaid_makes_the_money_due_back(recovering: Recovering) -> None:
    person = await recovering.paid()
    await recovering.office.status(person, "dibao", "2023-12-01", yuan=300)
    march = await computed(recovering, "2024-03")
    one = (await recovering.file(person)).ref.recovery_id
    booked = await recovering.repay(one, 150)
    await recovering.office.cancel(march)
    file = await recovering.file(person)
    assert (file.state, file.owed_fen, file.refunded_fen) == ("CANCELLED", 0, 15_000)
    assert await recovering.office.waiting() == {"01 dibao 2024-01 100 ", "01 dibao 2024-02 50 "}
    await recovering.followed()
    # It was right after all: 400 a month. The money goes back to the person with the next cycle.
    await recovering.office.status(person, "dibao", "2023-12-01", yuan=400)
    cycle = await recovering.office.pay("2024-03")
    assert sum(await sent(recovering, cycle.ref.cycle_id)) == 550
    # The repayment had never come: what went back is owed.
    await recovering.act("ReverseRepayment", one, CIVIL, repayment_id=booked.repayment_id, reason="未到账")
    assert await recovering.office.recoveries() == {"01 dibao 2024-01 100", "01 dibao 2024-02 50"}
    await recovering.followed()


async def test_a_cycle_computed_again_takes_what_was_due_back_before_it_opens_a_case(recovering: Recovering) -> None:
    person = await recovering.paid()
    await recovering.office.status(person, "dibao", "2023-12-01", yuan=300)
    march = await computed(recovering, "2024-03")
    booked = await recovering.repay((await recovering.file(person)).ref.recovery_id, 150)
    await recovering.office.cancel(march)
    await computed(recovering, "2024-03")
    assert await recovering.office.recoveries() == {"01 dibao 2024-02 50"}
    assert await recovering.office.waiting() == set()
    file = await recovering.file(person)
    assert (file.state, file.owed_fen) == ("OPEN", 5_000)
    await recovering.followed()
    await recovering.act(
        "ReverseRepayment", file.ref.recovery_id, CIVIL, repayment_id=booked.repayment_id, reason="串户"
    )
    assert (await recovering.file(person)).owed_fen == 20_000
    await recovering.followed()


async def test_a_repayment_taken_back_before_its_refund_went_out_is_not_paid_out(recovering: Recovering) -> None:
    person = await recovering.paid()
    await recovering.office.status(person, "dibao", "2023-12-01", yuan=300)
    march = await computed(recovering, "2024-03")
    one = (await recovering.file(person)).ref.recovery_id
    booked = await recovering.repay(one, 150)
    await recovering.office.cancel(march)
    await recovering.act("ReverseRepayment", one, CIVIL, repayment_id=booked.repayment_id, reason="未到账")
    assert (await recovering.office.waiting(), await recovering.office.recoveries()) == (set(), set())
    file = await recovering.file(person)
    assert (file.repaid_fen, file.refunded_fen) == (0, 0)
    await recovering.followed()


async def test_cancelling_a_cycle_takes_back_a_write_off_before_the_persons_own_money(recovering: Recovering) -> None:
    person = await recovering.paid()
    await recovering.office.status(person, "dibao", "2023-12-01", yuan=300)
    march = await computed(recovering, "2024-03")
    one = (await recovering.file(person)).ref.recovery_id
    await recovering.repay(one, 30)
    await recovering.act("ProposeWriteOff", one, CIVIL, reason="below_cost")
    await recovering.act("ConfirmWriteOff", one, FINANCE, amount_fen=17_000)
    await recovering.office.cancel(march)
    file = await recovering.file(person)
    assert (file.state, file.written_off_fen, file.refunded_fen) == ("CANCELLED", 0, 3_000)
    assert await recovering.office.findings() == []
    await recovering.followed()


async def test_cases_of_a_merged_file_are_repaid_in_the_file_that_was_opened_and_new_ones_are_the_persons(
    recovering: Recovering,
) -> None:
    """Two files of one person, each paid 400; merged, the person was paid twice: the excess is owed by the person."""
    office = recovering.office
    keeps, goes = await office.on_dibao(1, 400, account="A1"), await office.on_dibao(2, 400, account="A2")
    for month in ("2024-01", "2024-02"):
        office.go_to(f"{month}-20")
        await office.pay(month)
    await office.status(goes, "dibao", "2023-12-01", yuan=300)
    office.go_to("2024-03-20")
    await office.pay("2024-03")
    assert (await recovering.file(goes)).owed_fen == 20_000
    merged = person_pb2.PersonMerged(
        person=office.people[goes], into_person_id=keeps, known_at=stamp_of(office.clock.now())
    )
    await office.deliver(merged, key=goes, version=2, topic=PERSON.name)
    office.go_to("2024-04-20")
    await office.pay("2024-04")
    assert await office.findings() == []
    await recovering.followed()
    own, other = await recovering.file(keeps), await recovering.file(goes)
    assert own.owed_fen > 0
    await recovering.repay(other.ref.recovery_id, 200)
    assert (await recovering.file(goes)).state == "SETTLED"
    await recovering.act(
        "AgreeOffset", own.ref.recovery_id, signed_on="2024-04-20", programmes=["dibao"], cap_fen=10_000
    )
    office.go_to("2024-05-20")
    await office.pay("2024-05")
    assert (await recovering.file(keeps)).offset_fen == 10_000
    assert await office.findings() == []
    await recovering.followed()
