"""Whose account, what waits, what the bank answers, what goes out again: on a real PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from tuoqi.contracts.payments.v1 import payments_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.jobs.prices import PriceIndex

pytestmark = pytest.mark.postgres

Office = Any
"""`conftest.Office`; conftest is no module that tests can import."""


async def test_one_account_gets_one_instruction_a_programme(office: Office) -> None:
    await office.on_dibao(1, 400, account="A")
    await office.on_dibao(2, 300, account="A")
    office.go_to("2024-02-20")
    await office.pay("2024-02")
    bank = await office.instructions("2024-02")
    assert [(row["batch"], row["account_no"], row["amount"]) for row in bank] == [("2024-02", "A", 140_000)]
    assert bank[0]["instruction_id"].startswith("2024-02-")


async def test_money_waits_for_heir_guardian_and_account_and_goes_out_with_the_next_cycle(office: Office) -> None:
    dead = await office.on_dibao(1, 400, account="A")
    child = await office.register(2, "2015-01-01", account="B")
    await office.status(child, "dibao", "2023-12-01", yuan=300)
    poor = await office.on_dibao(3, 200)
    office.go_to("2024-01-20")
    await office.open("2024-01")
    await office.compute("2024-01")
    await office.review_and_post("2024-01")
    await office.died(dead, "2024-01-22")
    office.go_to("2024-01-28")
    await office.approve("2024-01")
    await office.instruct("2024-01")
    assert await office.instructions("2024-01") == []
    assert await office.waiting() == {
        "01 dibao 2024-01 400 HEIR",
        "02 dibao 2024-01 300 GUARDIAN",
        "03 dibao 2024-01 200 ACCOUNT",
    }
    office.registry.by_guardian.add(child)
    office.registry.accounts_of[poor] = ("version-C", "C")
    office.go_to("2024-02-20")
    await office.pay("2024-02")
    assert sorted(row["amount"] for row in await office.instructions("2024-02")) == [40_000, 60_000]
    assert await office.waiting() == {"01 dibao 2024-01 400 HEIR"}
    assert await office.findings() == []


async def test_waiting_money_is_withdrawn_before_anybody_owes(office: Office) -> None:
    person = await office.on_dibao(1, 400)
    office.go_to("2024-02-20")
    await office.pay("2024-02")
    await office.died(person, "2024-01-10")
    office.go_to("2024-03-20")
    await office.pay("2024-03")
    assert await office.lines("2024-03") == {"01 dibao RECOVERY 2024-02 -400"}
    assert await office.recoveries() == set()
    assert await office.waiting() == {"01 dibao 2024-01 400 HEIR"}
    assert await office.findings() == []


async def test_the_money_of_lines_written_before_a_late_instruction_is_not_sent_twice(office: Office) -> None:
    """Two cycles stand computed; the older one's money goes with the older one, though the younger is instructed too."""
    await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    january = (await office.open("2024-01")).ref.cycle_id
    await office.compute(january)
    await office.review_and_post(january)
    office.go_to("2024-02-20")
    await office.pay("2024-02")
    assert [row["amount"] for row in await office.instructions("2024-02")] == [40_000]
    await office.approve(january)
    await office.instruct(january)
    assert [row["amount"] for row in await office.instructions(january)] == [40_000]
    assert await office.findings() == []


async def test_results_are_matched_line_by_line_and_each_fault_is_named(office: Office) -> None:
    for number in (1, 2):
        await office.on_dibao(number, 400, account=f"A{number}")
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    first, second = [row["instruction_id"] for row in await office.instructions("2024-01")]
    outcome = await office.results(
        (first, "成功", "", "2024-01-28"),
        (first, "SUCCESS", "", "2024-01-28"),
        (first, "RETURNED", "账号错误", ""),
        ("2024-01-ffff", "SUCCESS", "", "2024-01-28"),
        (second, "SUCCESS", "", ""),
        (second, "SUCCESS", "", "2024-02-28"),
        (second, "MAYBE", "", ""),
    )
    assert (outcome.changed, outcome.unchanged, outcome.events) == (1, 1, 1)
    assert sorted(problem.row_number for problem in outcome.problems) == [4, 5, 6, 7, 8]
    assert all(problem.reason.endswith("。") for problem in outcome.problems)
    assert (await office.results((first, "SUCCESS", "", "2024-01-28"))).unchanged == 1
    assert (await office.show("2024-01")).state == "SETTLING"
    with pytest.raises(TuoqiError) as refused, office.by("finance.qian"):
        await office.service.CloseCycle(pb.CloseCycleRequest(cycle="2024-01"), None)
    assert refused.value.slug == "payments.cycle_open_instructions"
    assert await office.findings() == []


async def test_only_finance_says_how_an_instruction_ended(office: Office) -> None:
    with pytest.raises(TuoqiError) as refused:
        await office.results(("2024-01-ffff", "SUCCESS", "", "2023-12-01"), by="clerk.li")
    assert refused.value.slug == "auth.no_right"


async def test_a_returned_instruction_stands_as_paid_and_goes_out_again_under_a_new_id(office: Office) -> None:
    person = await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    (sent,) = await office.instructions("2024-01")
    outcome = await office.results((sent["instruction_id"], "RETURNED", "账号错误", ""))
    assert outcome.changed == 1
    (event,) = await office.fetch("SELECT value FROM outbox WHERE ce_type LIKE '%InstructionReturned'")
    assert person.encode() in event.value
    assert "账号错误".encode() not in event.value
    office.registry.accounts_of[person] = ("version-B", "B")
    office.go_to("2024-02-20")
    await office.pay("2024-02")
    assert await office.lines("2024-02") == {"01 dibao REGULAR 2024-02 400"}
    bank = {row["instruction_id"]: (row["account_no"], row["amount"]) for row in await office.instructions("2024-02")}
    again = f"{sent['instruction_id']}-R2"
    assert bank.pop(again) == ("B", 40_000)
    assert list(bank.values()) == [("B", 40_000)]
    await office.results((again, "RETURNED", "", ""))
    office.go_to("2024-03-20")
    await office.pay("2024-03")
    third = {row["instruction_id"] for row in await office.instructions("2024-03")}
    assert f"{sent['instruction_id']}-R3" in third
    assert await office.findings() == []


async def test_returned_money_is_withdrawn_by_a_recovery_and_not_sent_again(office: Office) -> None:
    person = await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    (sent,) = await office.instructions("2024-01")
    await office.results((sent["instruction_id"], "RETURNED", "户名不符", ""))
    await office.died(person, "2023-12-20")
    office.go_to("2024-02-20")
    await office.pay("2024-02")
    assert await office.recoveries() == set()
    assert await office.instructions("2024-02") == []
    assert await office.findings() == []


async def test_the_price_index_keeps_every_published_row_and_takes_a_row_once(office: Office) -> None:
    office.go_to("2024-03-12")
    columns = ["月份", "CPI同比", "食品同比", "SCPI同比", "发布日期"]
    rows = [("2024-02", "3.6", "6.1", "7.0", "2024-03-10"), ("2024-02", "3.6", "6.1", "7.0", "2024-03-11")]
    late = ("2024-03", "1.0", "1.0", "1.0", "2024-04-10")
    fine = ("2024-03", "1.05", "1.0", "1.0", "2024-03-12")
    outcome = await office.load(PriceIndex(), columns, *rows, late, fine, by="clerk.li")
    assert (outcome.changed, sorted(problem.row_number for problem in outcome.problems)) == (2, [4, 5])
    assert (await office.load(PriceIndex(), columns, *rows, by="clerk.li")).unchanged == 2
    stored = await office.fetch("SELECT month, cpi_tenths FROM price_index ORDER BY loaded_order")
    assert [(row.month, row.cpi_tenths) for row in stored] == [("2024-02", 36), ("2024-02", 36)]
