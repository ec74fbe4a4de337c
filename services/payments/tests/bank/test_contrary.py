"""Answers of the bank that contradict earlier ones: stopped where it still can be, else owed and alarmed; never lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tuoqi.contracts.payments.v1 import payments_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.jobs.bank import assign, dismiss
from tuoqi.payments.jobs.reissue import Reissued, Wish, reissue

pytestmark = pytest.mark.postgres

Office = Any
DAY = "2024-01-28"


async def _paid(office: Office, *accounts: str, yuan: int = 400) -> list[str]:
    """January is INSTRUCTED for one person an account; the instructions in their order."""
    for number, account in enumerate(accounts, start=1):
        await office.on_dibao(number, yuan, account=account)
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    return [row["instruction_id"] for row in await office.instructions("2024-01")]


async def _mend(office: Office, number: int, account: str) -> None:
    person = f"00000000-0000-4000-8000-{number:012d}"
    office.registry.accounts_of[person] = (f"version-{account}", account)


async def _reissue(office: Office, wish: Wish | None = None, cycle: str = "2024-01") -> Reissued:
    return await reissue(office.tools, cycle, wish or Wish(), by="finance.qian")


async def _states(office: Office) -> dict[str, str]:
    rows = await office.fetch("SELECT instruction_id, state FROM instructions ORDER BY instruction_id")
    return {
        row.instruction_id[16:].lstrip("-") or "1" if "-R" in row.instruction_id else row.instruction_id: row.state
        for row in rows
    }


async def _state(office: Office, instruction_id: str) -> str:
    (row,) = await office.fetch("SELECT state FROM instructions WHERE instruction_id = :id", id=instruction_id)
    return str(row.state)


async def test_returned_money_goes_out_again_on_demand_once_the_account_is_mended(office: Office) -> None:
    (old,) = await _paid(office, "A")
    await office.results((old, "RETURNED", "户名不符", ""))
    office.registry.changed_at["version-A"] = office.clock.now()
    assert (await _reissue(office)).held == {old: "SAME_ACCOUNT"}
    await _mend(office, 1, "B")
    done = await _reissue(office)
    assert [(one.instruction_id, one.reissue_of, one.amount_fen) for one in done.issued] == [(f"{old}-R2", old, 40_000)]
    assert (await _reissue(office)).held == {old: "NOTHING_HELD"}
    assert (await office.said())[-1] == "InstructionReissued"
    assert await office.findings() == []
    await office.results((f"{old}-R2", "SUCCESS", "", DAY))
    with office.by("finance.qian"):
        await office.service.CloseCycle(pb.CloseCycleRequest(cycle="2024-01"), None)


async def test_a_mended_name_of_the_same_number_is_a_mended_account(office: Office) -> None:
    (old,) = await _paid(office, "A")
    await office.results((old, "RETURNED", "户名不符", ""))
    office.registry.accounts_of["00000000-0000-4000-8000-000000000001"] = ("version-A2", "A")
    office.go_to("2024-01-30")
    assert len((await _reissue(office)).issued) == 1


async def test_the_same_account_is_tried_again_only_for_a_reason(office: Office) -> None:
    (old,) = await _paid(office, "A")
    await office.results((old, "RETURNED", "银行系统故障", ""))
    with pytest.raises(TuoqiError) as refused:
        await _reissue(office, Wish(same_account=True))
    assert refused.value.slug == "payments.reissue_reason_missing"
    assert len((await _reissue(office, Wish(same_account=True, because="银行系统故障"))).issued) == 1
    (row,) = await office.fetch("SELECT reissue_reason FROM instructions WHERE reissue_of <> ''")
    assert row.reissue_reason == "银行系统故障"


async def test_who_died_meanwhile_keeps_the_money_back(office: Office) -> None:
    (old,) = await _paid(office, "A")
    await office.results((old, "RETURNED", "", ""))
    await _mend(office, 1, "B")
    await office.died("00000000-0000-4000-8000-000000000001", "2024-01-25")
    assert (await _reissue(office)).held == {old: "HEIR"}
    assert await office.findings() == []


async def test_only_a_cycle_that_is_being_settled_sends_out_again(office: Office) -> None:
    (old,) = await _paid(office, "A")
    await office.results((old, "RETURNED", "", ""))
    with pytest.raises(TuoqiError) as refused:
        await _reissue(office, Wish(only=["2024-01-none"]))
    assert refused.value.slug == "payments.reissue_unknown"
    with office.by("finance.qian"):
        await office.service.CloseCycle(pb.CloseCycleRequest(cycle="2024-01"), None)
    with pytest.raises(TuoqiError) as refused:
        await _reissue(office)
    assert refused.value.slug == "payments.reissue_not_settling"


async def test_a_late_success_stops_a_reissue_that_the_bank_has_not_got(office: Office) -> None:
    (old,) = await _paid(office, "A")
    await office.results((old, "RETURNED", "", ""))
    await _mend(office, 1, "B")
    await _reissue(office)
    await office.results((old, "SUCCESS", "", DAY))
    assert (await _state(office, old), await _state(office, f"{old}-R2")) == ("SUCCESS", "WITHDRAWN")
    assert await office.recoveries() == set()
    assert (await office.said())[-3:] == ["InstructionSettled", "InstructionDisputed", "InstructionWithdrawn"]
    assert await office.findings() == []
    await office.results((old, "RETURNED", "again", ""))
    assert [one.instruction_id for one in (await _reissue(office)).issued] == [f"{old}-R3"]
    assert await office.findings() == []


async def test_a_late_success_after_the_reissue_left_opens_a_case_and_an_alarm(office: Office) -> None:
    (old,) = await _paid(office, "A")
    await office.results((old, "RETURNED", "", ""))
    await _mend(office, 1, "B")
    await _reissue(office)
    await office.instructions("2024-01")  # the list is taken to the bank
    await office.results((old, "SUCCESS", "", DAY))
    assert await office.recoveries() == {"01 dibao 2024-01 400"}
    assert await office.findings() == []
    await office.results((f"{old}-R2", "RETURNED", "", ""))
    assert await office.recoveries() == set()
    assert await office.findings() == []
    (row,) = await office.fetch("SELECT sum(amount_fen) AS fen FROM outgoing WHERE state = 'SENT'")
    assert row.fen == 40_000


async def test_a_success_that_came_back_after_all_is_held_again(office: Office) -> None:
    (old,) = await _paid(office, "A")
    await office.results((old, "SUCCESS", "", DAY))
    with office.by("finance.qian"):
        await office.service.CloseCycle(pb.CloseCycleRequest(cycle="2024-01"), None)
    await office.results((old, "RETURNED", "销户", ""))
    assert (await office.show("2024-01")).state == "CLOSED"
    assert (await office.said())[-2:] == ["InstructionReturned", "InstructionDisputed"]
    assert await office.findings() == []
    await _mend(office, 1, "B")
    office.go_to("2024-02-20")
    await office.pay("2024-02")
    assert f"{old}-R2" in {row["instruction_id"] for row in await office.instructions("2024-02")}
    assert await office.findings() == []


async def test_money_withdrawn_while_it_was_held_is_owed_when_it_was_paid_after_all(office: Office) -> None:
    """The recovery had taken what came back; the bank then says it had paid it."""
    (old,) = await _paid(office, "A")
    await office.results((old, "RETURNED", "", ""))
    await office.died("00000000-0000-4000-8000-000000000001", "2023-12-20")
    office.go_to("2024-02-20")
    await office.pay("2024-02")
    assert await office.recoveries() == set()
    await office.results((old, "SUCCESS", "", DAY))
    assert await office.recoveries() == {"01 dibao 2024-01 400"}
    assert await office.findings() == []


async def test_what_was_repaid_of_a_double_payment_is_given_back_when_one_of_them_returns(office: Office) -> None:
    (old,) = await _paid(office, "A")
    await office.results((old, "RETURNED", "", ""))
    await _mend(office, 1, "B")
    await _reissue(office)
    await office.instructions("2024-01")
    await office.results((old, "SUCCESS", "", DAY))
    await office.status("00000000-0000-4000-8000-000000000001", "dibao", "2023-12-01", yuan=700)
    office.go_to("2024-02-20")
    await office.pay("2024-02")  # 300 more for January reduce the case
    assert await office.recoveries() == {"01 dibao 2024-01 100"}
    await office.results((f"{old}-R2", "RETURNED", "", ""))
    assert await office.recoveries() == set()
    (row,) = await office.fetch("SELECT sum(amount_fen) AS fen FROM outgoing WHERE state = 'RETURNED'")
    assert row.fen == 30_000
    assert await office.findings() == []


async def _unmatched(office: Office) -> Sequence[Any]:
    rows: Sequence[Any] = await office.fetch("SELECT * FROM unmatched_results ORDER BY result_id")
    return rows


async def test_what_fits_no_instruction_is_kept_until_a_second_person_decides(office: Office) -> None:
    (old,) = await _paid(office, "A")
    outcome = await office.results(("2024-01-ffff", "SUCCESS", "", DAY))
    assert (outcome.changed, len(outcome.problems)) == (0, 1)
    await office.results(("2024-01-ffff", "SUCCESS", "", DAY), ("2024-01-eeee", "RETURNED", "", ""))
    one, two = sorted(await _unmatched(office), key=lambda row: row.instruction_id, reverse=True)
    with pytest.raises(TuoqiError) as refused:
        await assign(office.tools, one.result_id, old, by="finance.qian")
    assert refused.value.slug == "payments.unmatched_same_person"
    taken = await assign(office.tools, one.result_id, old, by="finance.sun")
    assert (taken.state, await _state(office, old)) == ("ASSIGNED", "SUCCESS")
    await dismiss(office.tools, two.result_id, "他县的指令", by="finance.sun")
    with pytest.raises(TuoqiError) as refused:
        await dismiss(office.tools, two.result_id, "他县的指令", by="finance.sun")
    assert refused.value.slug == "payments.unmatched_decided"
    assert await office.findings() == []


async def test_another_sum_or_a_contradiction_in_one_file_is_kept_aside(office: Office) -> None:
    (old,) = await _paid(office, "A")
    columns = ["指令号", "结果", "退票原因", "入账日期", "金额"]
    from tuoqi.payments.jobs.results import BankResults  # noqa: PLC0415

    rows = [(old, "SUCCESS", "", DAY, "300.00")]
    outcome = await office.load(BankResults(office.tools), columns, *rows, by="finance.qian")
    assert (outcome.changed, len(outcome.problems), await _state(office, old)) == (0, 1, "OPEN")
    rows = [(old, "SUCCESS", "", DAY, "400.00"), (old, "RETURNED", "", "", "400.00")]
    outcome = await office.load(BankResults(office.tools), columns, *rows, by="finance.qian")
    assert (outcome.changed, len(outcome.problems), await _state(office, old)) == (1, 1, "SUCCESS")
    assert [row.why for row in await _unmatched(office)].count("AMOUNT") == 1
    (amount,) = [row for row in await _unmatched(office) if row.why == "AMOUNT"]
    with pytest.raises(TuoqiError) as refused:
        await assign(office.tools, amount.result_id, old, by="finance.sun")
    assert refused.value.slug == "payments.unmatched_amount"
