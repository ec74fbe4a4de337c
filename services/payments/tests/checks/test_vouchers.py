"""Vouchers issued, spent, taken back, expired and settled: on a real PostgreSQL, also many at once."""

from __future__ import annotations

import asyncio
import random
from datetime import date
from typing import Any

import pytest

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.contracts.payments.v1 import voucher_pb2
from tuoqi.contracts.payments.v1 import voucher_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.domain.months import Month, moment
from tuoqi.payments.jobs.voucher_files import VoucherSettlement
from tuoqi.payments.store.vouchers import findings

pytestmark = pytest.mark.postgres


async def slug_of(act: Any) -> str:
    with pytest.raises(TuoqiError) as refused:
        await act
    return refused.value.slug


async def proof(after: Any, month: str) -> list[str]:
    async with after.office.database.begin() as tx:
        return await findings(tx, Month.parse(month))


async def reverse(after: Any, spend_id: str, because: str = "收据有误") -> pb.ReverseSpendResponse:
    with after.office.by("clerk.li", because):
        return await after.vouchers.ReverseSpend(pb.ReverseSpendRequest(spend_id=spend_id), None)


async def settle(after: Any, method: str, month: str, user: str) -> pb.Settlement:
    request = {"PrepareSettlement": pb.PrepareSettlementRequest, "ConfirmSettlement": pb.ConfirmSettlementRequest}
    with after.office.by(user):
        return (await getattr(after.vouchers, method)(request[method](month=month), None)).settlement


async def why_not(after: Any, person: str, month: str = "2026-03") -> str:
    with after.office.by("clerk.li"):
        answer = await after.vouchers.CheckEligibility(pb.CheckEligibilityRequest(person_id=person, month=month), None)
    assert answer.eligible == (not answer.reason)
    assert bool(answer.sentence) == bool(answer.reason)
    return str(answer.reason)


async def one_voucher(after: Any) -> str:
    """March 2026, one voucher, and a facility that takes it."""
    after.office.go_to("2026-03-02")
    person: str = await after.disabled(1, "1950-01-01", "3")
    await after.issue("2026-03")
    await after.enable()
    return person


async def test_who_gets_a_voucher_and_why_others_do_not(after: Any) -> None:
    office = after.office
    office.go_to("2026-02-10")
    ok = await after.disabled(1, "1966-02-28", "2")
    young = await after.disabled(2, "1966-03-01", "2")
    mild = await after.disabled(3, "1950-01-01", "1")
    tekun = await after.disabled(4, "1950-01-01", "4")
    await office.status(tekun, "tekun", "2025-06-01", level="full", subtype="scattered")
    dead = await after.disabled(5, "1950-01-01", "4")
    await office.died(dead, "2026-02-01")
    late = await after.disabled(6, "1950-01-01", "4", decided="2026-03-01")
    never = await office.register(7, "1950-01-01")
    office.go_to("2026-03-02")
    issue = await after.issue("2026-03")
    assert (issue.vouchers, issue.issued_fen, list(issue.control_findings)) == (1, 80_000, [])
    assert issue.refused == {"DIED": 1, "EXCLUDED": 1, "LEVEL": 1, "NOT_ASSESSED": 1, "TOO_YOUNG": 1}
    people = (ok, young, mild, tekun, dead, late, never)
    reasons = ["", "TOO_YOUNG", "LEVEL", "EXCLUDED", "DIED", "NOT_ASSESSED", "NOT_ASSESSED"]
    assert [await why_not(after, person) for person in people] == reasons
    assert await why_not(after, late, "2026-04") == ""


async def test_a_month_is_issued_once_and_later_runs_reach_who_was_missing(after: Any) -> None:
    office = after.office
    office.go_to("2026-03-02")
    await after.disabled(1, "1950-01-01", "3")
    assert (await after.issue("2026-03")).vouchers == 1
    assert (await after.issue("2026-03")).vouchers == 1
    await after.disabled(2, "1950-01-01", "3")
    assert (await after.issue("2026-03")).vouchers == 2
    assert (await after.issue("2026-04")).vouchers == 2
    assert await slug_of(after.issue("2026-05")) == "payments.voucher_issue_month"
    assert await slug_of(after.issue("2026-02")) == "payments.voucher_issue_month"
    assert (await office.said()).count("VoucherIssued") == 3
    versions = await office.fetch("SELECT aggregate_version FROM outbox WHERE topic LIKE '%voucherissue%' ORDER BY seq")
    assert [row.aggregate_version for row in versions] == [1, 2, 1]


async def test_two_issues_at_once_give_everybody_one(after: Any) -> None:
    after.office.go_to("2026-03-02")
    for number in range(1, 31):
        await after.disabled(number, "1950-01-01", "3")
    await asyncio.gather(*(after.issue("2026-03") for _ in range(4)))
    (row,) = await after.office.fetch("SELECT count(*) AS n, count(DISTINCT person_id) AS people FROM vouchers")
    assert (row.n, row.people) == (30, 30)
    assert await proof(after, "2026-03") == []


async def test_facts_that_have_not_arrived_keep_vouchers_from_being_issued(after: Any) -> None:
    after.office.go_to("2026-03-02")
    await after.disabled(1, "1950-01-01", "3")
    after.office.registry.lost = {("tuoqi.registry.status.v1", 3)}
    assert await slug_of(after.issue("2026-03")) == "payments.cycle_facts_missing"


async def test_a_voucher_covers_its_share_up_to_what_is_left(after: Any) -> None:
    person = await one_voucher(after)
    first = await after.spend(person, 601, "R1")
    assert (first.spend.covered_fen, first.voucher.left_fen) == (30_050, 49_950)
    second = await after.spend(person, 2_000, "R2")
    assert (second.spend.covered_fen, second.voucher.left_fen) == (49_950, 0)
    assert await slug_of(after.spend(person, 10, "R3")) == "payments.voucher_used_up"
    with after.office.by("clerk.li"):
        shown = await after.vouchers.GetStatement(pb.GetStatementRequest(person_id=person), None)
    assert [spend.receipt_no for spend in shown.spends] == ["R1", "R2"]
    assert await proof(after, "2026-03") == []


async def test_the_same_bill_is_paid_once_and_another_under_its_key_is_refused(after: Any) -> None:
    person = await one_voucher(after)
    first = await after.spend(person, 100, "R1", key="K1")
    again = await after.spend(person, 100, "R1", key="K1")
    assert again.spent_before
    assert again.spend == first.spend
    assert await slug_of(after.spend(person, 200, "R1", key="K1")) == "payments.voucher_key_used"
    assert await slug_of(after.spend(person, 100, "R1", key="K2")) == "payments.voucher_receipt_used"
    assert (await after.office.said()).count("VoucherSpent") == 1


async def test_only_an_enabled_facility_takes_a_voucher_within_its_month_from_the_living(after: Any) -> None:
    person = await one_voucher(after)
    assert await slug_of(after.spend(person, 100, "R1", facility="HC-02")) == "payments.voucher_provider"
    assert await slug_of(after.spend(person, 100, "R1", spent_on="2026-03-03")) == "payments.voucher_day_ahead"
    assert await slug_of(after.spend(person, 100, "R1", spent_on="2026-02-28")) == "payments.voucher_none"
    with after.office.by("clerk.li"):
        unknown = pb.SetProviderRequest(facility="NOWHERE", enabled=True)
        assert await slug_of(after.vouchers.SetProvider(unknown, None)) == "payments.voucher_provider_kind"
        await after.vouchers.SetProvider(pb.SetProviderRequest(facility="HC-01", enabled=False), None)
    assert await slug_of(after.spend(person, 100, "R1")) == "payments.voucher_provider"
    await after.enable()
    after.office.go_to("2026-03-10")
    await after.office.died(person, "2026-03-05")
    assert await slug_of(after.spend(person, 100, "R1", spent_on="2026-03-06")) == "payments.voucher_person_died"
    assert (await after.spend(person, 100, "R1", spent_on="2026-03-04")).spend.covered_fen == 5_000
    after.office.go_to("2026-04-01")
    assert await slug_of(after.spend(person, 100, "R2", spent_on="2026-03-05")) == "payments.voucher_month_over"


async def test_many_bills_at_once_never_exceed_the_voucher(after: Any) -> None:
    person = await one_voucher(after)
    done = await asyncio.gather(*(after.spend(person, 300, f"R{n}") for n in range(16)), return_exceptions=True)
    covered = [one.spend.covered_fen for one in done if not isinstance(one, BaseException)]
    refused = {one.slug for one in done if isinstance(one, TuoqiError)}
    assert sum(covered) == 80_000
    assert sorted(covered) == [5_000, *[15_000] * 5]
    assert refused == {"payments.voucher_used_up"}
    assert await proof(after, "2026-03") == []
    versions = await after.office.fetch(
        "SELECT aggregate_version AS v FROM outbox WHERE ce_type LIKE '%VoucherSpent' ORDER BY seq"
    )
    assert [row.v for row in versions] == [1, 2, 3, 4, 5, 6]


async def test_a_month_expires_once_late_or_punctual_and_balances_close_to_zero(after: Any) -> None:
    person = await one_voucher(after)
    await after.disabled(2, "1950-01-01", "3")
    await after.issue("2026-03")
    await after.issue("2026-04")
    await after.spend(person, 400, "R1")
    async with after.office.database.begin() as tx:
        assert await after.expiry.next_due(tx) == moment(date(2026, 4, 1), 0)
    assert await after.expiry.run(moment(date(2026, 3, 31), 23)) == 0
    assert await after.expiry.run(moment(date(2026, 6, 15), 9)) == 4
    assert await after.expiry.run(moment(date(2026, 6, 15), 9)) == 0
    async with after.office.database.begin() as tx:
        assert await after.expiry.next_due(tx) is None
    with after.office.by("clerk.li"):
        issue = (await after.vouchers.GetIssue(pb.GetIssueRequest(month="2026-03"), None)).issue
    assert (issue.outstanding_fen, issue.expired_fen, issue.spent_fen, issue.expired) == (0, 140_000, 20_000, True)
    assert list(issue.control_findings) == []
    said = await after.office.fetch("SELECT value FROM outbox WHERE ce_type LIKE '%VoucherExpired' ORDER BY seq")
    told = [voucher_pb2.VoucherExpired.FromString(row.value) for row in said]
    assert [sum(one.amount_fen for one in event.vouchers) for event in told] == [140_000, 160_000]


async def test_a_spend_is_taken_back_with_a_reason_and_expires_where_its_month_is_over(after: Any) -> None:
    person = await one_voucher(after)
    first, second = await after.spend(person, 400, "R1"), await after.spend(person, 400, "R2")
    assert await slug_of(reverse(after, first.spend.spend_id, "")) == "payments.voucher_reason_missing"
    back = await reverse(after, first.spend.spend_id)
    assert (back.voucher.left_fen, back.spend.reversed) == (60_000, True)
    assert await slug_of(reverse(after, first.spend.spend_id)) == "payments.voucher_spend_reversed"
    assert (await after.spend(person, 300, "R1", key="mended")).spend.covered_fen == 15_000
    await after.expiry.run(moment(date(2026, 4, 1), 0))
    after.office.go_to("2026-04-02")
    late = await reverse(after, second.spend.spend_id)
    assert (late.voucher.left_fen, late.voucher.expired_fen) == (0, 65_000)
    assert await proof(after, "2026-03") == []


async def test_a_settlement_takes_two_people_and_what_was_prepared(after: Any) -> None:
    person = await one_voucher(after)
    await after.enable("HC-02")
    await after.spend(person, 400, "R1")
    spent = await after.spend(person, 600, "R1", facility="HC-02")
    assert (
        await slug_of(settle(after, "PrepareSettlement", "2026-03", "finance.qian")) == "payments.voucher_not_expired"
    )
    await after.expiry.run(moment(date(2026, 4, 1), 0))
    after.office.go_to("2026-04-02")
    prepared = await settle(after, "PrepareSettlement", "2026-03", "finance.qian")
    assert [(line.facility, line.amount_fen) for line in prepared.lines] == [("HC-01", 20_000), ("HC-02", 30_000)]
    by_same = settle(after, "ConfirmSettlement", "2026-03", "finance.qian")
    assert await slug_of(by_same) == "payments.voucher_settles_alone"
    exporter = VoucherSettlement(after.spending)
    request = table_pb2.ExportRowsRequest(kind=exporter.kind, subject="2026-03")
    with after.office.by("finance.sun") as actor, pytest.raises(TuoqiError) as refused:
        [run async for run in exporter.rows(request, actor)]
    assert refused.value.slug == "payments.voucher_not_confirmed"
    await reverse(after, spent.spend.spend_id)
    changed = settle(after, "ConfirmSettlement", "2026-03", "finance.sun")
    assert await slug_of(changed) == "payments.voucher_settlement_changed"
    await settle(after, "PrepareSettlement", "2026-03", "finance.qian")
    confirmed = await settle(after, "ConfirmSettlement", "2026-03", "finance.sun")
    assert (confirmed.state, confirmed.amount_fen) == ("CONFIRMED", 20_000)
    again = settle(after, "ConfirmSettlement", "2026-03", "finance.sun")
    assert await slug_of(again) == "payments.voucher_settled"
    with after.office.by("finance.sun") as actor:
        rows = [row async for run in exporter.rows(request, actor) for row in run]
    assert [(row["facility"], row["amount"], row["account_no"]) for row in rows] == [("HC-01", 20_000, "no-HC-01")]
    assert await proof(after, "2026-03") == []
    (due,) = await after.office.fetch(
        "SELECT sum(amount_fen) AS fen FROM voucher_entries WHERE account IN ('VOUCHER_PROVIDER_DUE', 'VOUCHER_OUTSTANDING')"
    )
    assert due.fen == 0


@pytest.mark.parametrize("seed", range(4))
async def test_the_ledger_closes_after_whatever_happens_at_once(after: Any, seed: int) -> None:
    """Bills, reversals, further issues and the end of the month in any order, several at a time."""
    chance = random.Random(seed)  # noqa: S311  no secret, it makes cases
    after.office.go_to("2026-03-02")
    people = [await after.disabled(n, "1950-01-01", "3") for n in range(1, 5)]
    await after.enable()
    await after.issue("2026-03")
    spent: list[str] = []
    slugs: set[str] = set()

    async def act(number: int) -> None:
        kind = chance.choice(["spend"] * 5 + ["reverse"] * 2 + ["issue"] + (["expire"] if number > 40 else []))
        try:
            if kind == "spend":
                done = await after.spend(chance.choice(people), chance.randrange(1, 700), f"R{chance.randrange(60)}")
                spent.append(done.spend.spend_id)
            elif kind == "reverse" and spent:
                await reverse(after, chance.choice(spent))
            elif kind == "issue":
                await after.issue("2026-03")
            elif kind == "expire":
                await after.issuing.expire(Month.parse("2026-03"), moment(date(2026, 4, 1), 0))
        except TuoqiError as refused:
            slugs.add(refused.slug)

    for first in range(0, 60, 6):
        await asyncio.gather(*(act(number) for number in range(first, first + 6)))
        assert await proof(after, "2026-03") == []
    assert {slug.removeprefix("payments.voucher_") for slug in slugs} <= {
        "used_up", "key_used", "receipt_used", "spend_reversed", "issue_month", "bill_too_small",
    }  # fmt: skip
    (over,) = await after.office.fetch("SELECT count(*) AS n FROM vouchers WHERE spent_fen + expired_fen > issued_fen")
    assert over.n == 0
    with pytest.raises(Exception, match="append"):
        await after.office.fetch("UPDATE voucher_entries SET amount_fen = 0 RETURNING 1")
