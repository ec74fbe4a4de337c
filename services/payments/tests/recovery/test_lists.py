"""Forecast, files in and out, and what was changed by something else than a cycle."""

from __future__ import annotations

from typing import Any

import pytest

from tuoqi.contracts.payments.v1 import recovery_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.jobs.recovery_files import RecoveryNotices, Repayments

pytestmark = pytest.mark.postgres

Recovering = Any
COLUMNS = ("案卷编号", "人员编号", "退回金额", "退回日期", "收据号", "还款人", "项目", "享受月份")


async def forecast(recovering: Recovering) -> list[tuple[str, str, int, int, str]]:
    with recovering.office.by("clerk.li"):
        answer = await recovering.service.ForecastRecoveries(pb.ForecastRecoveriesRequest(), None)
    return [
        (one.person_id[-2:], one.benefit_month, one.amount_fen, one.owed_fen, one.reason) for one in answer.forecasts
    ]


async def test_a_death_that_became_known_is_forecast_exactly_as_the_next_cycle_recovers_it(
    recovering: Recovering,
) -> None:
    office = recovering.office
    await recovering.paid(1, 400, months=3)
    await recovering.office.on_dibao(2, 200, account="A2")
    assert await forecast(recovering) == []
    person = "00000000-0000-4000-8000-000000000001"
    await office.died(person, "2024-01-15")
    before = await forecast(recovering)
    assert before == [
        ("01", "2024-02", 40_000, 40_000, "died"),
        ("01", "2024-03", 40_000, 40_000, "died"),
    ]
    assert await recovering.files() == []
    await office.pay("2024-04")
    items = (await recovering.whole((await recovering.file(person)).ref.recovery_id)).items
    assert [("01", one.benefit_month, one.owed_fen, one.owed_fen, one.reason) for one in items] == before
    assert await forecast(recovering) == []


async def test_a_forecast_tells_what_has_not_gone_out_from_what_would_be_owed(recovering: Recovering) -> None:
    office = recovering.office
    person = await recovering.paid(1, 400, months=2)
    await office.compute((await office.open("2024-03")).ref.cycle_id)
    await office.died(person, "2024-01-15")
    office.go_to("2024-04-01")
    await office.died(person, "2024-01-15")
    assert [(month, owed) for _, month, _, owed, _ in await forecast(recovering)] == [
        ("2024-02", 40_000),
        ("2024-03", 0),
    ]


async def test_a_file_of_repayments_books_what_it_can_and_names_the_rest(recovering: Recovering) -> None:
    office = recovering.office
    person = await recovering.owing(months=3)
    one = (await recovering.file(person)).ref.recovery_id
    importer = Repayments(office.tools, recovering.desk)
    rows = [
        (one, "", "100.00", "2024-04-02", "F1", "本人", "", ""),
        ("", person, "50", "2024-04-02", "F2", "heir", "dibao", "2024-03"),
        (one, "", "9000", "2024-04-02", "F3", "self", "", ""),
        (one, "", "10", "2024-04-02", "F1", "self", "", ""),
        ("", "00000000-0000-4000-8000-000000000009", "10", "2024-04-02", "F4", "self", "", ""),
        (one, "", "10", "2030-01-01", "F5", "self", "", ""),
        (one, "", "10", "2024-04-02", "F6", "nobody", "", ""),
        (one, "", "10", "2024-04-02", "F7", "self", "dibao", ""),
    ]
    taken = await office.load(importer, COLUMNS, *rows, by="clerk.li")
    assert (taken.changed, taken.unchanged, taken.events) == (2, 0, 2)
    assert [(one.row_number, one.column) for one in taken.problems] == [
        (8, "还款人[payer]"), (4, "退回金额[amount]"), (5, "收据号[receipt_no]"), (6, "人员编号[person_id]"),
        (7, "退回日期[paid_on]"), (9, "项目[programme]"),
    ]  # fmt: skip
    again = await office.load(importer, COLUMNS, *rows[:2], by="clerk.li")
    assert (again.changed, again.unchanged, again.problems) == (0, 2, [])
    assert [item.owed_fen for item in (await recovering.whole(one)).items] == [30_000, 35_000]
    with pytest.raises(TuoqiError, match=r"auth\.no_right"):
        await office.load(importer, COLUMNS, rows[0], by="finance.qian")
    assert await office.findings() == []
    await recovering.followed()


async def test_notices_are_printed_item_by_item_with_the_name_the_registry_gives_and_why(
    recovering: Recovering,
) -> None:
    person = await recovering.owing(months=3)
    one = (await recovering.file(person)).ref.recovery_id
    exporter = RecoveryNotices(recovering.office.tools)
    assert await recovering.office.export(exporter, user="clerk.li") == []
    await recovering.act("IssueNotice", one)
    rows = await recovering.office.export(exporter, user="clerk.li")
    assert [(row["name"], row["benefit_month"], row["amount"], row["total"]) for row in rows] == [
        ("甲01", "2024-02", 40_000, 80_000),
        ("甲01", "2024-03", 40_000, 80_000),
    ]
    assert all("低保" in row["sentence"] and "应发0.00元" in row["sentence"] for row in rows)


async def test_what_no_cycle_changed_is_followed_by_the_clock(recovering: Recovering) -> None:
    """Like a late answer of the bank that shows money paid twice."""
    office = recovering.office
    person = await recovering.paid()
    async with office.database.begin() as tx:
        await tx.execute(
            "INSERT INTO recovery_cases (person_id, programme, benefit_month, amount_fen)"
            " VALUES (:person, 'dibao', '2024-02', 40000)",
            person=person,
        )
    assert await recovering.timer.run(office.clock.now()) == 1
    file = await recovering.file(person)
    item = (await recovering.whole(file.ref.recovery_id)).items[0]
    assert (file.state, file.owed_fen, item.reason) == ("OPEN", 40_000, "bank_paid_twice")
    assert item.sentence == "银行重复或多付的款项，应予退回。"
    async with office.database.begin() as tx:
        await tx.execute("UPDATE recovery_cases SET amount_fen = 0 WHERE person_id = :person", person=person)
    assert await recovering.timer.run(office.clock.now()) == 1
    assert (await recovering.file(person)).state == "SETTLED"
    await recovering.followed()
