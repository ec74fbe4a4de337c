"""The cache of spans and the kept sums: void when they must be, gone with a crash, true to the rows."""

from __future__ import annotations

from typing import Any

import pytest

from tuoqi.payments.jobs import compute, steady
from tuoqi.payments.store.ledger import findings, recounted
from tuoqi.payments.store.packed import Packed

pytestmark = pytest.mark.postgres
County = Any
"""`conftest.County`; conftest is no module that tests can import."""


async def test_other_rules_make_every_cached_answer_void(county: County, monkeypatch: pytest.MonkeyPatch) -> None:
    """A county's new files as well as a release that changes the engine."""
    await county.small_county()
    await county.cycle("2024-01")
    mark = steady.rules_mark(county.tools.policy_version)
    assert steady.rules_mark("other files") != mark
    monkeypatch.setattr(compute, "rules_mark", lambda _: mark + 1)
    await county.cycle("2024-02")
    assert await county.steady_people() == set()
    assert {row.rules for row in await county.fetch("SELECT rules FROM reckonings")} == {mark + 1}


async def test_a_crash_in_the_middle_leaves_no_line_and_no_marker(
    county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = await county.small_county()
    await county.cycle("2024-01")
    before = [
        await county.all_rows(f"SELECT * FROM {table}") for table in ("reckonings", "entitlement_spans", "money_sums")
    ]
    await county.status(people[3], "dibao", "2024-01-25", yuan=500)
    written, write = [], Packed.write

    async def crash(packed: Packed, tx: Any) -> None:
        if written:
            raise ConnectionError("the database went away")
        written.extend(packed.lines)
        await write(packed, tx)

    monkeypatch.setattr(Packed, "write", crash)
    with pytest.raises(ConnectionError):
        await county.cycle("2024-02")
    assert written
    after = [
        await county.all_rows(f"SELECT * FROM {table}") for table in ("reckonings", "entitlement_spans", "money_sums")
    ]
    assert after == before
    monkeypatch.undo()
    await county.compute("2024-02")
    assert "04 dibao REGULAR 2024-02 500" in await county.lines("2024-02")
    assert await county.findings() == []


async def test_facts_that_vanished_stop_the_cycle_instead_of_being_paid(county: County) -> None:
    """A person with cached spans of whom nothing is known any more is not paid from them."""
    people = await county.small_county()
    await county.cycle("2024-01")
    async with county.database.begin() as tx:
        await tx.execute("DELETE FROM status_facts WHERE person_id = :person", person=people[3])
    with pytest.raises(Exception, match="cycle_facts_missing"):
        await county.cycle("2024-02")


async def test_the_kept_sums_are_those_of_the_rows(county: County) -> None:
    people = await county.small_county()
    paid = (await county.pay("2024-01")).ref.cycle_id
    await county.died(people[3], "2023-12-31")
    county.go_to("2024-02-20")
    later = await county.cycle("2024-02")
    await county.cancel(later)
    async with county.database.begin() as tx:
        assert [await recounted(tx, one) for one in (paid, later)] == [[], []]
        await tx.execute("UPDATE money_sums SET fen = fen + 1 WHERE kept = 'outgoing' AND cycle_id = :id", id=paid)
        assert len(await recounted(tx, paid)) > 0


async def test_an_unbalanced_posting_is_found(county: County) -> None:
    await county.small_county()
    made = await county.cycle("2024-01")
    async with county.database.begin() as tx:
        await tx.execute(
            "INSERT INTO ledger_entries SELECT 999999, cycle_id, movement, account, 7, programme, person_id,"
            " benefit_month, reference, booked_at FROM ledger_entries WHERE cycle_id = :id LIMIT 1",
            id=made,
        )
        found = await findings(tx, made)
    assert any("借贷不平" in one for one in found)
