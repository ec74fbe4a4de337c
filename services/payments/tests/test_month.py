"""A month of payments on a real PostgreSQL, from the registry's events to the bank's answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from tuoqi.contracts.payments.v1 import payments_service_pb2 as pb
from tuoqi.payments.jobs.exports import PaymentLines

pytestmark = pytest.mark.postgres

Office = Any
"""`conftest.Office`; conftest is no module that tests can import."""


async def test_a_month_goes_from_draft_to_closed_and_every_act_is_told(office: Office) -> None:
    await office.on_dibao(1, 400, account="A")
    await office.on_dibao(2, 300, account="B")
    old = await office.register(3, "1940-03-01", account="C")
    await office.status(old, "old_age_accepted", "2023-12-01")
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    lines = {"01 dibao REGULAR 2024-01 400", "02 dibao REGULAR 2024-01 300", "03 old_age_allowance REGULAR 2024-01 50"}
    assert await office.lines("2024-01") == lines
    bank = await office.instructions("2024-01")
    assert [(row["account_no"], row["amount"], row["memo"]) for row in bank] == [
        *sorted([("A", 40_000, "低保金"), ("B", 30_000, "低保金")], key=lambda row: _id(bank, row[0])),
        ("C", 5_000, "高龄津贴"),
    ]
    results = [(row["instruction_id"], "SUCCESS", "", "2024-01-28") for row in bank]
    outcome = await office.results(*results)
    assert (outcome.changed, outcome.problems) == (3, [])
    with office.by("finance.qian"):
        closed = await office.service.CloseCycle(pb.CloseCycleRequest(cycle="2024-01"), None)
    assert closed.cycle.state == "CLOSED"
    assert dict(closed.cycle.instructions) == {"SUCCESS": 3}
    assert list((await office.show("2024-01")).control_findings) == []
    assert await office.said() == [
        *("CycleOpened", "PaymentLinesDecided", "CycleComputed", "CycleReviewed", "CyclePosted", "CycleApproved"),
        *("CycleInstructed", "InstructionSettled", "InstructionSettled", "InstructionSettled", "CycleClosed"),
    ]
    versions = await office.fetch("SELECT aggregate_version AS v FROM outbox ORDER BY seq")
    assert [row.v for row in versions] == list(range(1, 12))


def _id(bank: list[dict[str, Any]], account: str) -> str:
    return next(str(row["instruction_id"]) for row in bank if row["account_no"] == account)


async def test_computing_twice_writes_nothing_twice(office: Office) -> None:
    await office.on_dibao(1, 400, account="A")
    office.go_to("2024-03-20")
    await office.open("2024-03")
    first = await office.compute("2024-03")
    again = await office.compute("2024-03")
    assert first == again
    assert [(total.line_type, total.lines) for total in first.totals] == [("BACKPAY", 2), ("REGULAR", 1)]
    (row,) = await office.fetch("SELECT (SELECT count(*) FROM payment_lines) AS l, (SELECT count(*) FROM outbox) AS e")
    assert (row.l, row.e) == (3, 3)


async def test_two_computing_at_once_write_once(office: Office) -> None:
    await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.open("2024-01")
    both = await asyncio.gather(office.compute("2024-01"), office.compute("2024-01"))
    assert [cycle.state for cycle in both] == ["COMPUTED", "COMPUTED"]
    assert len(await office.lines("2024-01")) == 1


async def test_a_computing_that_was_cut_off_leaves_nothing_and_is_begun_again(office: Office) -> None:
    for number in range(1, 8):
        await office.on_dibao(number, 400, account=f"A{number}")
    office.go_to("2024-01-20")
    await office.open("2024-01")
    with office.by("clerk.li"):
        answers = office.service.ComputeCycle(pb.ComputeCycleRequest(cycle="2024-01"), None)
        async for answer in answers:
            if answer.persons_done:
                break
        await answers.aclose()
    written = "(SELECT count(*) FROM payment_lines) + (SELECT count(*) FROM ledger_entries) AS n"
    (row,) = await office.fetch(f"SELECT {written}")
    assert (row.n, (await office.show("2024-01")).state) == (0, "DRAFT")
    await office.compute("2024-01")
    assert len(await office.lines("2024-01")) == 7
    assert await office.findings() == []


async def test_facts_that_became_known_after_the_cut_off_wait_for_the_next_cycle(office: Office) -> None:
    """Also where the cycle is computed only afterwards."""
    person = await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.open("2024-01")
    office.go_to("2024-01-21")
    await office.status(person, "dibao", "2023-12-02", yuan=500)
    await office.died(person, "2023-12-31")
    await office.compute("2024-01")
    assert await office.lines("2024-01") == {"01 dibao REGULAR 2024-01 400"}


async def test_a_death_stops_the_allowance_and_recovers_what_was_paid(office: Office) -> None:
    """The death itself writes no money; the next cycle does, from facts that came by events."""
    person = await office.on_dibao(1, 400, account="A")
    for month in ("01", "02", "03"):
        office.go_to(f"2024-{month}-20")
        await office.pay(f"2024-{month}")
    await office.died(person, "2024-01-15")
    assert await office.recoveries() == set()
    office.go_to("2024-04-20")
    await office.pay("2024-04")
    assert await office.lines("2024-04") == {f"01 dibao RECOVERY 2024-{month} -400" for month in ("02", "03")}
    assert await office.recoveries() == {"01 dibao 2024-02 400", "01 dibao 2024-03 400"}
    assert await office.instructions("2024-04") == []
    (line, _) = await office.export(PaymentLines(office.tools), "2024-04")
    assert "去世" in str(line["explanation"])
    assert await office.findings() == []


async def test_a_withdrawn_death_pays_again_and_reduces_the_open_case(office: Office) -> None:
    person = await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    await office.died(person, "2023-12-15")
    office.go_to("2024-02-20")
    await office.pay("2024-02")
    assert await office.recoveries() == {"01 dibao 2024-01 400"}
    await office.died(person, "")
    office.go_to("2024-03-20")
    await office.pay("2024-03")
    assert await office.recoveries() == set()
    assert [row["amount"] for row in await office.instructions("2024-03")] == [80_000]
    assert await office.findings() == []


async def test_cancelling_undoes_lines_cash_and_ledger_and_later_cycles_go_first(office: Office) -> None:
    person = await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    await office.open("2024-02")
    await office.compute("2024-02")
    await office.died(person, "2023-12-15")
    office.go_to("2024-03-20")
    await office.open("2024-03")
    await office.compute("2024-03")
    assert await office.recoveries() == {"01 dibao 2024-01 400"}
    cancelled = await office.cancel("2024-02")
    assert [cycle.ref.name for cycle in cancelled] == ["2024-03", "2024-02"]
    assert await office.recoveries() == set()
    (row,) = await office.fetch("SELECT sum(amount_fen) AS fen FROM payment_lines WHERE NOT cancelled")
    assert row.fen == 40_000
    assert await office.findings() == []
    await office.open("2024-03")
    assert [total.amount_fen for total in (await office.compute("2024-03")).totals] == [-40_000]


async def test_money_that_a_cancelled_cycle_had_withdrawn_waits_again_and_goes_out_later(office: Office) -> None:
    """Also where the cycle it was taken from went out meanwhile without it."""
    person = await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.open("2024-01")
    await office.compute("2024-01")
    await office.review_and_post("2024-01")
    await office.status(person, "dibao", "2023-12-01", yuan=300)
    office.go_to("2024-01-28")
    await office.open("2024-01")
    await office.compute("2024-01-2")
    assert await office.lines("2024-01-2") == {"01 dibao RECOVERY 2024-01 -100"}
    first = (await office.show("2024-01-2")).ref
    await office.approve(await _first_of_month(office))
    await office.instruct(await _first_of_month(office))
    assert [row["amount"] for row in await office.instructions(await _first_of_month(office))] == [30_000]
    await office.cancel(first.cycle_id)
    (held,) = await office.fetch("SELECT amount_fen, part FROM outgoing WHERE state = 'WAITING'")
    assert (held.amount_fen, held.part) == (10_000, 1)
    assert await office.findings() == []
    await office.status(person, "dibao", "2023-12-01", yuan=400)
    office.go_to("2024-02-20")
    await office.pay("2024-02")
    assert [row["amount"] for row in await office.instructions("2024-02")] == [50_000]
    assert await office.findings() == []


async def _first_of_month(office: Office) -> str:
    (row,) = await office.fetch("SELECT cycle_id FROM cycles WHERE name = '2024-01'")
    return str(row.cycle_id)


async def test_the_tables_refuse_a_second_line_of_a_key_and_a_second_regular_line(office: Office) -> None:
    """The second wall stands even where the code before it failed."""
    await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.open("2024-01")
    await office.compute("2024-01")
    copy = "INSERT INTO payment_lines SELECT * FROM payment_lines"
    with pytest.raises(DBAPIError, match="payment_lines_pkey"):
        await office.fetch(f"{copy} RETURNING 1")
    await office.open("2024-01")
    second = (await office.show("2024-01-2")).ref.cycle_id
    with pytest.raises(DBAPIError, match="payment_lines_regular_once"):
        await office.fetch(
            "INSERT INTO payment_lines SELECT :second, programme, person_id, benefit_month, line_id, line_type,"
            " amount_fen, reason, entitled_fen, paid_fen, facts, rule_version, facility, may_be_posted, false"
            " FROM payment_lines RETURNING 1",
            second=second,
        )


async def test_the_ledger_can_only_grow(office: Office) -> None:
    await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.open("2024-01")
    await office.compute("2024-01")
    for change in ("DELETE FROM ledger_entries RETURNING 1", "UPDATE ledger_entries SET amount_fen = 0 RETURNING 1"):
        with pytest.raises(DBAPIError, match="append-only"):
            await office.fetch(change)


async def test_lines_are_listed_page_by_page(office: Office) -> None:
    for number in (1, 2, 3):
        await office.on_dibao(number, 400, account=f"A{number}")
    office.go_to("2024-01-20")
    await office.open("2024-01")
    await office.compute("2024-01")
    seen, token = [], ""
    with office.by("auditor.zhou"):
        while True:
            request = pb.ListLinesRequest(cycle="2024-01", page_size=2, page_token=token)
            page = await office.service.ListLines(request, None)
            seen += [line.person_id[-1] for line in page.lines]
            token = page.next_page_token
            if not token:
                break
    assert seen == ["1", "2", "3"]
