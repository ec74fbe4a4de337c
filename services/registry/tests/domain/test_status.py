"""Rows of statuses.csv on one person's intervals."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tuoqi.registry.domain.categories import Category, PolicyError, read_categories
from tuoqi.registry.domain.cells import Cells, Flaws
from tuoqi.registry.domain.status import Interval, apply_row, read_interval

TODAY = date(2026, 11, 22)
BORN = date(1936, 7, 1)
CATEGORIES = read_categories(
    [
        {
            "categories": [
                {"key": "dibao", "name": "低保/低保对象", "required": ["amount"], "has_amount": True},
                {"key": "orphan", "name": "孤儿", "required": ["subtype"], "subtypes": {"dispersed": "散居"}},
                {"key": "sealed", "name": "密", "sealed_as": {"category": "orphan", "subtype": "dispersed"}},
                {"key": "tekun", "name": "特困", "required": ["level"], "levels": {"full": "全自理", "none": "全护理"}},
            ]
        }
    ]
)


def read(key: str, **given: Any) -> tuple[Interval | None, Flaws]:
    flaws = Flaws()
    return read_interval(Cells(given), CATEGORIES[key], flaws, today=TODAY, born=BORN), flaws


def row(key: str, **given: Any) -> Interval:
    interval, flaws = read(key, **given)
    assert interval is not None, flaws
    return interval


def dibao(decided: str, amount: int = 78_000, **more: Any) -> Interval:
    return row("dibao", decided_on=date.fromisoformat(decided), amount=amount, **more)


def loaded(*rows: Interval) -> list[Interval]:
    intervals: tuple[Interval, ...] = ()
    for number, one in enumerate(rows, start=1):
        intervals = apply_row(intervals, one, new_id=f"i{number}", order=number).intervals
    return list(intervals)


@pytest.mark.parametrize(
    ("key", "given", "column"),
    [
        ("dibao", {}, "amount"),
        ("dibao", {"amount": 0}, "amount"),
        ("orphan", {}, "subtype"),
        ("orphan", {"subtype": "x"}, "subtype"),
        ("tekun", {}, "level"),
        ("tekun", {"level": "半"}, "level"),
        ("dibao", {"amount": 1, "decided_on": date(2026, 11, 23)}, "decided_on"),
        ("dibao", {"amount": 1, "applied_on": date(1936, 6, 30)}, "applied_on"),
        ("dibao", {"amount": 1, "ended_on": date(1936, 6, 30)}, "ended_on"),
    ],
)
def test_a_row_that_lacks_or_contradicts_is_rejected_in_its_column(
    key: str, given: dict[str, Any], column: str
) -> None:
    interval, flaws = read(key, **given)
    assert interval is None
    assert [flaw.column for flaw in flaws.found] == [column]


def test_ends_may_lie_ahead_and_words_may_be_chinese() -> None:
    interval = row("tekun", level="全护理", ended_on=date(2027, 1, 1), valid_until=date(2030, 1, 1))
    assert interval.level == "none"


def test_an_amount_where_none_belongs_only_warns() -> None:
    interval, flaws = read("tekun", level="full", amount=5)
    assert interval is not None
    assert interval.amount_fen == 0
    assert [flaw.only_warning for flaw in flaws.found] == [True]


def test_a_row_of_the_same_interval_replaces_it_whole() -> None:
    (first,) = loaded(dibao("2026-01-05", ended_on=date(2026, 3, 1), decision_no="一"))
    applied = apply_row([first], dibao("2026-01-05", 50_000), new_id="i9", order=2)
    assert applied.saved is not None
    assert applied.is_told
    assert applied.saved.interval_id == first.interval_id
    assert (applied.saved.amount_fen, applied.saved.ended_on, applied.saved.decision_no) == (50_000, None, "")
    assert applied.saved.loaded_order == 2


def test_another_day_of_decision_is_another_interval() -> None:
    assert len(loaded(dibao("2026-01-05"), dibao("2026-02-05"))) == 2


def test_an_equal_row_changes_nothing_while_its_interval_is_the_one_loaded_last() -> None:
    intervals = loaded(dibao("2026-01-05"))
    assert apply_row(intervals, dibao("2026-01-05"), new_id="i9", order=2).saved is None


def test_an_equal_row_makes_its_interval_the_last_loaded_again() -> None:
    intervals = loaded(dibao("2026-01-05"), dibao("2026-01-05", 50_000, applied_on=date(2026, 1, 1)))
    applied = apply_row(intervals, dibao("2026-01-05"), new_id="i9", order=3)
    assert applied.saved is not None
    assert (applied.saved.interval_id, applied.saved.loaded_order, applied.is_told) == ("i1", 3, True)


def test_a_change_of_sealed_texts_is_kept_but_not_told() -> None:
    intervals = loaded(dibao("2026-01-05", decision_no="一"))
    applied = apply_row(intervals, dibao("2026-01-05", decision_no="二"), new_id="i9", order=2)
    assert applied.saved is not None
    assert (applied.saved.decision_no, applied.saved.loaded_order, applied.is_told) == ("二", 1, False)


def test_the_sealed_category_is_one_with_what_it_is_kept_as() -> None:
    open_row = row("orphan", subtype="散居", decided_on=date(2026, 1, 5))
    sealed_row = row("sealed", decided_on=date(2026, 1, 5))
    assert sealed_row.key == open_row.key
    (only,) = loaded(open_row, sealed_row)
    assert (only.is_sealed, only.category, only.subtype) == (True, "orphan", "dispersed")


def test_a_policy_with_a_mistake_is_refused() -> None:
    for entry in (
        {"key": "a"},
        {"key": "a", "name": "甲", "requires": ["level"]},
        {"key": "a", "name": "甲", "required": ["colour"]},
        {"key": "a", "name": "甲", "levels": {1: "一"}},
        {"key": "a", "name": "甲", "sealed_as": {"category": "b", "subtype": "c"}},
    ):
        with pytest.raises(PolicyError):
            read_categories([{"categories": [entry]}])
    assert isinstance(CATEGORIES["tekun"], Category)
