"""A recovery file opens by itself, is told of, repaid, and closes by itself."""

from __future__ import annotations

from typing import Any

import pytest

from tuoqi.contracts.payments.v1 import recovery_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError

pytestmark = pytest.mark.postgres

Recovering = Any


async def test_a_cycle_that_finds_a_debt_opens_one_file_for_the_person_with_each_month_and_why(
    recovering: Recovering,
) -> None:
    person = await recovering.owing(months=3)
    file = await recovering.file(person)
    assert (file.state, file.owed_fen, file.items, file.needs_notice) == ("OPEN", 80_000, 2, True)
    whole = await recovering.whole(file.ref.recovery_id)
    assert [(one.programme, one.benefit_month, one.owed_fen, one.reason, one.cycle) for one in whole.items] == [
        ("dibao", "2024-02", 40_000, "status_ended", "2024-04"),
        ("dibao", "2024-03", 40_000, "status_ended", "2024-04"),
    ]
    assert all(one.sentence.startswith("收回2024年") for one in whole.items)
    ((name, told),) = await recovering.said()
    assert (name, told["owed_fen"], told["recovery"]["person_id"]) == ("RecoveryOpened", "80000", person)
    await recovering.followed()


async def test_whatever_a_later_cycle_finds_goes_into_the_open_file(recovering: Recovering) -> None:
    person = await recovering.lowered()
    before = await recovering.file(person)
    await recovering.office.status(person, "dibao", "2023-12-01", yuan=200)
    recovering.office.go_to("2024-04-20")
    await recovering.office.pay("2024-04")
    after = await recovering.file(person)
    assert (before.owed_fen, after.owed_fen, after.ref) == (20_000, 50_000, before.ref)
    assert await recovering.names() == ["RecoveryOpened", "RecoveryChanged"]
    await recovering.followed()


async def test_a_file_closes_when_back_pay_clears_its_cases_and_a_new_debt_opens_it_again_untold(
    recovering: Recovering,
) -> None:
    person = await recovering.lowered()
    one = (await recovering.file(person)).ref.recovery_id
    await recovering.act("IssueNotice", one)
    await recovering.office.status(person, "dibao", "2023-12-01", yuan=400)
    recovering.office.go_to("2024-04-20")
    await recovering.office.pay("2024-04")
    assert (await recovering.file(person)).state == "SETTLED"
    await recovering.office.status(person, "dibao", "2023-12-01", yuan=300)
    recovering.office.go_to("2024-05-20")
    await recovering.office.pay("2024-05")
    again = await recovering.file(person)
    assert (again.state, again.notice_no, again.ref.recovery_id) == ("OPEN", 0, one)
    assert (await recovering.names())[-2:] == ["RecoveryChanged", "RecoveryReopened"]
    await recovering.followed()


async def test_the_term_of_a_notice_runs_from_its_delivery_and_its_passing_is_said_once(recovering: Recovering) -> None:
    person = await recovering.owing()
    one = (await recovering.file(person)).ref.recovery_id
    noticed = (await recovering.act("IssueNotice", one)).recovery
    assert (noticed.state, noticed.due_on, noticed.needs_notice) == ("NOTICED", "2024-04-12", False)
    recovering.office.go_to("2024-04-05")
    delivered = await recovering.act("DeliverNotice", one, delivered_on="2024-04-02", how="family", note="儿子签收")
    assert delivered.recovery.due_on == "2024-04-17"
    async with recovering.office.database.begin() as tx:
        due = await recovering.timer.next_due(tx)
    assert f"{due:%F %H:%M %z}" == "2024-04-18 00:00 +0800"
    recovering.office.go_to("2024-04-17", hour=23)
    assert await recovering.timer.run(recovering.office.clock.now()) == 0
    recovering.office.go_to("2024-04-30")
    assert [await recovering.timer.run(recovering.office.clock.now()) for _ in "ab"] == [1, 0]
    assert (await recovering.names()).count("RecoveryOverdue") == 1
    assert [file.ref.recovery_id for file in await recovering.files(overdue=True)] == [one]
    told = "".join(str(content) for _, content in await recovering.said())
    assert "儿子" not in told
    assert "儿子签收" in [act.note for act in (await recovering.whole(one)).history]
    assert all(not act.note for act in (await recovering.whole(one, "")).history)


async def test_a_repayment_goes_to_the_oldest_month_first_and_settles_the_file(recovering: Recovering) -> None:
    person = await recovering.owing(months=3)
    one = (await recovering.file(person)).ref.recovery_id
    await recovering.repay(one, 500, payer="heir")
    owed = {item.benefit_month: item.owed_fen for item in (await recovering.whole(one)).items}
    assert owed == {"2024-02": 0, "2024-03": 30_000}
    await recovering.repay(one, 300)
    assert (await recovering.file(person)).state == "SETTLED"
    assert await recovering.names() == ["RecoveryOpened", "RecoveryRepaid", "RecoveryRepaid", "RecoveryClosed"]
    assert await recovering.office.recoveries() == set()
    await recovering.followed()


async def test_a_repayment_may_name_its_month(recovering: Recovering) -> None:
    person = await recovering.owing(months=3)
    one = (await recovering.file(person)).ref.recovery_id
    await recovering.repay(one, 100, programme="dibao", benefit_month="2024-03")
    assert [item.owed_fen for item in (await recovering.whole(one)).items] == [40_000, 30_000]
    with pytest.raises(TuoqiError, match="recovery_no_item"):
        await recovering.repay(one, 100, programme="dibao", benefit_month="2024-09")


async def test_more_than_is_owed_is_refused_and_so_is_a_receipt_that_is_taken(recovering: Recovering) -> None:
    person = await recovering.owing()
    one = (await recovering.file(person)).ref.recovery_id
    with pytest.raises(TuoqiError, match="recovery_too_much"):
        await recovering.repay(one, 401)
    first = await recovering.repay(one, 100, receipt_no="S1")
    again = await recovering.repay(one, 100, receipt_no="S1")
    assert (again.repayment_id, again.recovery.owed_fen) == (first.repayment_id, 30_000)
    with pytest.raises(TuoqiError, match="recovery_receipt_taken"):
        await recovering.repay(one, 200, receipt_no="S1")
    with pytest.raises(TuoqiError, match="recovery_day_ahead"):
        await recovering.repay(one, 10, paid_on="2025-01-01")
    with pytest.raises(TuoqiError, match="recovery_code"):
        await recovering.repay(one, 10, payer="nobody")


async def test_a_repayment_booked_wrongly_is_taken_back_by_the_opposite_posting(recovering: Recovering) -> None:
    person = await recovering.owing()
    one = (await recovering.file(person)).ref.recovery_id
    booked = await recovering.repay(one, 400)
    reversal = {"repayment_id": booked.repayment_id, "reason": "串户"}
    after = (await recovering.act("ReverseRepayment", one, "reviewer.zhao", **reversal)).recovery
    assert (after.state, after.owed_fen, after.repaid_fen) == ("OPEN", 40_000, 0)
    entries = await recovering.office.fetch(
        "SELECT account, amount_fen FROM ledger_entries WHERE movement = 'REPAID' ORDER BY posting, account"
    )
    assert [tuple(row) for row in entries] == [
        ("RECOVERABLE", -40_000), ("SUBSIDY_FUND", 40_000), ("RECOVERABLE", 40_000), ("SUBSIDY_FUND", -40_000)
    ]  # fmt: skip
    with pytest.raises(TuoqiError, match="recovery_no_repayment"):
        await recovering.act("ReverseRepayment", one, "reviewer.zhao", **reversal)
    assert (await recovering.names())[-2:] == ["RecoveryRepaymentReversed", "RecoveryReopened"]
    await recovering.followed()


async def test_the_list_narrows_by_state_programme_and_amount_and_pages_without_a_gap(recovering: Recovering) -> None:
    office = recovering.office
    people = [await office.on_dibao(number, 100 * number, account=f"A{number}") for number in (1, 2, 3)]
    for month in ("2024-01", "2024-02"):
        office.go_to(f"{month}-20")
        await office.pay(month)
    for number, person in enumerate(people, start=1):
        await office.status(person, "dibao", "2023-12-01", yuan=100 * number, ended="2024-01-31")
    office.go_to("2024-03-20")
    await office.pay("2024-03")
    assert sorted(file.owed_fen for file in await recovering.files()) == [10_000, 20_000, 30_000]
    assert [file.owed_fen for file in await recovering.files(owed_from_fen=15_000, owed_to_fen=25_000)] == [20_000]
    assert (await recovering.files(programme="tekun_support"), len(await recovering.files(state="OPEN"))) == ([], 3)
    seen, token = [], ""
    for _ in range(4):
        with office.by("clerk.li"):
            page = await recovering.service.ListRecoveries(
                pb.ListRecoveriesRequest(page_size=1, page_token=token), None
            )
        seen += [file.ref.recovery_id for file in page.recoveries]
        token = page.next_page_token
        if not token:
            break
    assert sorted(seen) == sorted(file.ref.recovery_id for file in await recovering.files())
    with office.by("auditor.zhou"):
        (total,) = (await recovering.service.SumRecoveries(pb.SumRecoveriesRequest(), None)).sums
    assert (total.programme, total.age_days, total.items, total.persons, total.owed_fen) == (
        "dibao",
        "0-30",
        3,
        3,
        60_000,
    )
