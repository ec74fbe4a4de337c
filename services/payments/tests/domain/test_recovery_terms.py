"""Terms of recovery without a database: where a repayment goes, equal instalments, the county's file."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy_fields import PolicyError
from tuoqi.payments.domain.recovery import FileState, Item, RecoveryError, RecoveryFile, allocate, even_parts
from tuoqi.payments.domain.recovery_policy import parse_recoveries

ORDER = ("dibao", "disability_living")
DAY = date(2024, 1, 31)
WORDS = [{"key": "one", "name": "一"}]
GOOD: dict[str, Any] = {
    "county": "990101",
    "versions": [{"effective_from": "2024-01", "notice_days": 15, "instalments_max": 36, "offset_max_percent": 50}],
    **dict.fromkeys(("write_off_reasons", "deliveries", "payers", "end_reasons"), WORDS),
}


def item(programme: str, month: str, fen: int, person: str = "p") -> Item:
    return Item(person, programme, Month.parse(month), fen, fen, "died", "c", DAY)


def test_a_repayment_goes_by_month_then_by_the_countys_order() -> None:
    items = [item("disability_living", "2024-01", 50), item("dibao", "2024-02", 100), item("dibao", "2024-01", 100)]
    parts = allocate(items, 160, ORDER)
    assert [(key[1], str(key[2]), fen) for key, fen in parts.items()] == [
        ("dibao", "2024-01", 100),
        ("disability_living", "2024-01", 50),
        ("dibao", "2024-02", 10),
    ]


@given(st.lists(st.integers(0, 500), min_size=1, max_size=8), st.data())
def test_no_repayment_is_lost_or_goes_beyond_a_case(owed: list[int], data: st.DataObject) -> None:
    items = [item("dibao", f"2024-{month:02d}", fen) for month, fen in enumerate(owed, start=1)]
    amount = data.draw(st.integers(0, sum(owed)))
    parts = allocate(items, amount, ORDER)
    assert sum(parts.values()) == amount
    assert all(0 < fen <= one.owed_fen for one in items for key, fen in parts.items() if key == one.key)
    with pytest.raises(RecoveryError, match="recovery_too_much"):
        allocate(items, sum(owed) + 1, ORDER)


@given(st.integers(1, 10_000_000), st.integers(1, 60))
def test_equal_instalments_add_up_and_keep_their_day(total: int, count: int) -> None:
    parts = even_parts(total, count, DAY)
    assert sum(fen for _, fen in parts) == total
    assert [day for day, _ in parts] == sorted({day for day, _ in parts})
    assert all(day.day == 31 or (Month.of(day).last_day == day) for day, _ in parts)


def test_a_notice_keeps_its_term_however_early_it_arrives_and_a_closed_file_takes_none() -> None:
    file = RecoveryFile("r", "p", DAY, items=(item("dibao", "2024-01", 100),))
    noticed = file.issue_notice(on=DAY, days=15)
    assert noticed.state is FileState.NOTICED
    with pytest.raises(RecoveryError, match="recovery_delivered_early"):
        noticed.deliver_notice(on=date(2024, 1, 30), how="post", days=15)
    closed = noticed.changed({one.key: 0 for one in noticed.items}).settled(DAY)
    with pytest.raises(RecoveryError, match="recovery_wrong_state"):
        closed.issue_notice(on=DAY, days=15)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"county": "990102"}, "recoveries.yaml: county"),
        ({"versions": [{**GOOD["versions"][0], "notice_days": 0}]}, "recoveries.yaml: versions[0].notice_days"),
        ({"versions": [{**GOOD["versions"][0], "instalment_max": 2}]}, "recoveries.yaml: versions[0].instalment_max"),
        ({"payers": [*WORDS, *WORDS]}, "recoveries.yaml: payers[1].key"),
    ],
)
def test_a_countys_file_of_recovery_is_refused_with_its_place(change: dict[str, Any], place: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parse_recoveries({"recoveries.yaml": {**GOOD, **change}}, "990101")
    assert refused.value.path == place


def test_a_county_without_the_file_has_the_platforms_own_terms() -> None:
    rules = parse_recoveries({}, "990101").rules(Month.parse("2024-05"))
    assert (rules.notice_days, rules.instalments_max, rules.offset_max_percent) == (15, 36, 50)
    assert parse_recoveries({"recoveries.yaml": GOOD}, "990101").payers == {"one": "一"}
