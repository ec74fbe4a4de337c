"""The reconciliation closes to zero, and where it does not it names the very instruction or line."""

from __future__ import annotations

from typing import Any

import pytest

from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.jobs.reconcile import Reconciliation, reconcile
from tuoqi.payments.store.reconcile import Check

pytestmark = pytest.mark.postgres

Office = Any


async def _open(office: Office, cycle: str = "") -> dict[str, Check]:
    return {one.key: one for one in await reconcile(office.tools, cycle) if not one.closes}


async def _two_months(office: Office) -> list[str]:
    """January with a return, a death that recovers, a re-issue in February, something waiting."""
    for number in (1, 2, 3):
        await office.on_dibao(number, 100 * number, account=f"A{number}" if number < 3 else "")
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    sent = [row["instruction_id"] for row in await office.instructions("2024-01")]
    await office.results((sent[0], "RETURNED", "", ""), (sent[1], "SUCCESS", "", "2024-01-28"))
    await office.died("00000000-0000-4000-8000-000000000003", "2023-12-03")
    office.go_to("2024-02-20")
    await office.pay("2024-02")
    return sent


async def test_every_figure_closes_after_returns_recoveries_and_waiting(office: Office) -> None:
    await _two_months(office)
    assert await _open(office) == {}
    assert await _open(office, "2024-02") == {}
    checks = await reconcile(office.tools)
    (settled,) = [one for one in checks if one.key == "settled" and one.cycle == "2024-01"]
    assert settled.left == settled.right > 0
    assert {one.cycle for one in checks} == {"2024-01", "2024-02", ""}


async def test_a_changed_instruction_is_named(office: Office) -> None:
    sent = await _two_months(office)
    await office.fetch("UPDATE instructions SET state = 'RETURNED' WHERE instruction_id = :id RETURNING 1", id=sent[1])
    found = await _open(office, "2024-01")
    assert {"settled", "returned", "answers", "funds_paid"} <= set(found)
    assert found["settled"].ids == (sent[1],)
    assert found["answers"].ids == (sent[1],)


async def test_two_faults_that_cancel_each_other_out_are_both_named(office: Office) -> None:
    sent = await _two_months(office)
    for instruction_id, sign in zip(sent, ("+", "-"), strict=True):
        await office.fetch(
            f"UPDATE instructions SET amount_fen = amount_fen {sign} 1 WHERE instruction_id = :id RETURNING 1",
            id=instruction_id,
        )
    found = await _open(office, "2024-01")
    assert (found["instructed"].difference, set(found["instructed"].ids)) == (0, set(sent))
    assert set(found["items"].ids) == set(sent)


async def test_a_lost_line_and_an_answer_that_nobody_decided_are_named(office: Office) -> None:
    sent = await _two_months(office)
    await office.results((sent[0] + "x", "SUCCESS", "", "2024-02-01"))
    await office.fetch("UPDATE payment_lines SET amount_fen = amount_fen + 1 WHERE person_id LIKE '%02' RETURNING 1")
    found = await _open(office)
    assert {"lines_totals", "lines_ledger", "lines_money", "unmatched"} <= set(found)
    assert found["unmatched"].left == 1
    one = next(check for check in await reconcile(office.tools) if check.key == "lines_ledger" and check.ids)
    assert one.ids == ("dibao/00000000-0000-4000-8000-000000000002/2024-01",)


async def test_the_report_is_a_table_for_who_may_see_it(office: Office) -> None:
    await _two_months(office)
    rows = await office.export(Reconciliation(office.tools), "2024-01", user="auditor.zhou")
    assert {row["difference"] for row in rows} == {"0.00"}
    with pytest.raises(TuoqiError) as refused:
        await office.export(Reconciliation(office.tools), "2024-01", user="clerk.li")
    assert refused.value.slug == "auth.no_right"
