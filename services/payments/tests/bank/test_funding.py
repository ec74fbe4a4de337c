"""Sources bear what goes to the bank, in sums that close against the ledger; short ones are refused where wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from tuoqi.contracts.payments.v1 import funding_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.domain.ledger import Movement, post
from tuoqi.payments.domain.months import Month
from tuoqi.payments.rpc.funding import FundingServicer
from tuoqi.payments.rpc.payments import PaymentsServicer
from tuoqi.payments.store import funding, ledger

pytestmark = pytest.mark.postgres

Office = Any


async def _funds(office: Office) -> dict[str, tuple[int, ...]]:
    """Source → allotted, committed, paid, returned, balance; those that ever moved."""
    with office.by("finance.qian"):
        answer = await FundingServicer(office.tools).ListFunds(pb.ListFundsRequest(), None)
    rows = {
        one.source: (one.allotted_fen, one.committed_fen, one.paid_fen, one.returned_fen, one.balance_fen)
        for one in answer.funds
    }
    return {source: figures for source, figures in rows.items() if any(figures)}


async def _allot(office: Office, source: str, fen: int, document: str = "1号", user: str = "finance.qian") -> pb.Fund:
    with office.by(user):
        request = pb.AllotFundsRequest(source=source, amount_fen=fen, document_no=document)
        answer: pb.AllotFundsResponse = await FundingServicer(office.tools).AllotFunds(request, None)
    return answer.fund


async def _spend(office: Office, source: str, fen: int, document: str) -> pb.Fund:
    with office.by("finance.qian"):
        request = pb.SpendProjectRequest(source=source, amount_fen=fen, document_no=document)
        answer: pb.SpendProjectResponse = await FundingServicer(office.tools).SpendProject(request, None)
    return answer.fund


async def test_a_cycle_is_borne_by_shares_and_moves_with_the_banks_answers(office: Office) -> None:
    await office.on_dibao(1, 333, account="A")
    await office.on_dibao(2, 100, account="B")
    office.go_to("2024-01-20")
    await _allot(office, "central", 50_000)
    await office.pay("2024-01")
    assert await _funds(office) == {
        "central": (50_000, 30_310, 0, 0, 19_690),
        "province": (0, 8_660, 0, 0, -8_660),
        "county": (0, 4_330, 0, 0, -4_330),
    }
    first, second = sorted(await office.instructions("2024-01"), key=lambda row: row["amount"])
    await office.results((first["instruction_id"], "SUCCESS", "", "2024-01-28"))
    await office.results((second["instruction_id"], "RETURNED", "", ""))
    assert await _funds(office) == {
        "central": (50_000, 0, 7_000, 23_310, 43_000),
        "province": (0, 0, 2_000, 6_660, -2_000),
        "county": (0, 0, 1_000, 3_330, -1_000),
    }
    with office.by("auditor.zhou"):
        answer = await FundingServicer(office.tools).GetCycleFunds(pb.GetCycleFundsRequest(cycle="2024-01"), None)
    assert sum(row.committed_fen for row in answer.rows) == 43_300


async def test_a_document_counts_once_and_never_with_another_sum(office: Office) -> None:
    assert (await _allot(office, "central", 100)).balance_fen == 100
    assert (await _allot(office, "central", 100)).balance_fen == 100
    assert (await _allot(office, "central", -40, "2号")).balance_fen == 60
    for source, slug in (("central", "payments.funding_document_taken"), ("moon", "payments.funding_source_unknown")):
        with pytest.raises(TuoqiError) as refused:
            await _allot(office, source, 70)
        assert refused.value.slug == slug


async def test_a_lottery_project_is_spent_by_documents_and_never_beyond_what_it_has(office: Office) -> None:
    await _allot(office, "lottery_elder_home", 1_000)
    assert (await _spend(office, "lottery_elder_home", 600, "支-1")).balance_fen == 400
    with pytest.raises(TuoqiError) as refused:
        await _spend(office, "lottery_elder_home", 500, "支-2")
    assert refused.value.slug == "payments.funding_project_short"
    with pytest.raises(TuoqiError) as refused:
        await _spend(office, "central", 1, "支-3")
    assert refused.value.slug == "payments.funding_no_project"
    assert (await _funds(office))["lottery_elder_home"] == (1_000, 0, 0, 0, 400)


async def test_a_county_may_refuse_instructions_that_a_source_cannot_bear(office: Office) -> None:
    await office.on_dibao(1, 400, account="A")
    office.tools = replace(office.tools, funding=replace(office.tools.funding, refuse_when_short=True))
    office.service = PaymentsServicer(office.tools)
    office.go_to("2024-01-20")
    await _allot(office, "central", 28_000)
    await _allot(office, "province", 7_999)
    await _allot(office, "county", 4_000)
    with pytest.raises(TuoqiError) as refused:
        await office.pay("2024-01")
    assert refused.value.slug == "payments.funding_short"
    assert "省级财政配套缺 0.01 元" in str(refused.value.details["short"])
    assert (await office.show("2024-01")).state == "APPROVED"
    await _allot(office, "province", 1, "2号")
    await office.instruct("2024-01")
    assert {source: figures[-1] for source, figures in (await _funds(office)).items()} == dict.fromkeys(
        ("central", "province", "county"), 0
    )


async def test_the_shares_of_a_cycle_stay_as_they_were_when_it_was_instructed(office: Office) -> None:
    await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    (sent,) = await office.instructions("2024-01")
    office.tools = replace(office.tools, funding=replace(office.tools.funding, shares={}))
    await office.results((sent["instruction_id"], "SUCCESS", "", "2024-01-28"))
    assert set(await _funds(office)) == {"central", "province", "county"}


async def test_a_repayment_comes_back_to_the_sources_by_the_shares_that_hold_whoever_booked_it(office: Office) -> None:
    await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    for fen in (1_001, 2_000):
        async with office.database.begin() as tx:
            posting = post(
                "", Movement.REPAID, fen, programme="dibao", person_id="p", benefit_month=Month.parse("2024-01")
            )
            await ledger.book(tx, ledger.entry_rows([posting], office.clock.now()))
            for _ in range(2):
                await funding.follow(tx, "")
    with office.by("finance.qian"):
        answer = await FundingServicer(office.tools).ListFunds(pb.ListFundsRequest(), None)
    assert {one.source: one.repaid_fen for one in answer.funds if one.repaid_fen} == {
        "central": 2_101,
        "province": 600,
        "county": 300,
    }


async def test_entries_of_sources_can_only_grow(office: Office) -> None:
    await _allot(office, "central", 100)
    for table in ("funding_entries", "funding_receipts"):
        with pytest.raises(DBAPIError, match="append-only"):
            await office.fetch(f"UPDATE {table} SET amount_fen = 0 RETURNING 1")
