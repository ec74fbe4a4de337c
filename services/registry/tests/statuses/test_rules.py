"""Decisions, ages and the county's rules about them: pure."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tuoqi.kit.county import County
from tuoqi.registry.domain.categories import PolicyError, read_categories
from tuoqi.registry.domain.decision import Hearing, file_cut_unheard, is_cut
from tuoqi.registry.domain.life import birthday, completed_years, read_life
from tuoqi.registry.domain.screening import read_screening
from tuoqi.registry.domain.status import Interval, in_force
from tuoqi.registry.store.screening import compiled

COUNTY = Path(__file__).parents[4] / "deploy" / "counties" / "990101"
FILES = County.load(COUNTY).policy("registry")
CATEGORIES = read_categories([one for one in FILES if "categories" in one])


def interval(name: str = "i1", category: str = "dibao", decided: str = "2026-01-05", **more: Any) -> Interval:
    return Interval(
        name, category, more.pop("subtype", ""), more.pop("level", ""), None, date.fromisoformat(decided), **more
    )


@pytest.mark.parametrize(
    ("before", "after", "cut"),
    [
        (interval(amount_fen=100), interval(amount_fen=99), True),
        (interval(amount_fen=100), interval(amount_fen=101), False),
        (interval(), interval(ended_on=date(2026, 6, 1)), True),
        (interval(ended_on=date(2026, 6, 1)), interval(ended_on=date(2026, 5, 1)), True),
        (interval(ended_on=date(2026, 6, 1)), interval(), False),
        (interval(category="tekun", level="none"), interval(category="tekun", level="half"), True),
        (interval(category="tekun", level="full"), interval(category="tekun", level="half"), False),
        (interval(category="tekun", level="full"), interval(category="tekun", level="neu"), False),
        (None, interval(), False),
        (interval(ended_on=date(2025, 1, 1)), interval(ended_on=date(2024, 1, 1)), False),
    ],
)
def test_a_cut_is_less_money_a_lesser_level_or_an_earlier_end(
    before: Interval | None, after: Interval, *, cut: bool
) -> None:
    assert is_cut(before, after, CATEGORIES[after.category]) is cut


@pytest.mark.parametrize(
    ("hearing", "reason", "unheard"),
    [
        (None, "收入超出标准", True),
        (None, "死亡", False),
        (None, "voluntary", False),
        (Hearing("h", "dibao", date(2026, 2, 1), is_used=False), "", False),
        (Hearing("h", "dibao", date(2026, 2, 1), is_used=True), "", True),
        (Hearing("h", "tekun", date(2026, 2, 1), is_used=False), "", True),
        (Hearing("h", "dibao", date(2026, 1, 4), is_used=False), "", True),
    ],
)
def test_a_cut_by_file_wants_a_fresh_hearing_or_a_reason_that_needs_none(
    hearing: Hearing | None, reason: str, *, unheard: bool
) -> None:
    after = interval(ended_on=date(2026, 6, 1), end_reason=reason)
    hearings = [hearing] if hearing else []
    assert file_cut_unheard(interval(), after, CATEGORIES["dibao"], hearings) is unheard


def test_of_a_category_the_one_decided_last_counts_alone() -> None:
    first = interval("a", amount_fen=2, loaded_order=1)
    ended = interval("b", decided="2026-03-01", ended_on=date(2026, 4, 1), loaded_order=2)
    void = interval("c", decided="2026-05-01", ended_on=date(2026, 4, 1), loaded_order=3)
    other = interval("d", category="disability", valid_until=date(2026, 3, 31), loaded_order=4)
    known = [first, ended, void, other]
    assert in_force(known, date(2026, 2, 28)) == {"a", "d"}
    assert in_force(known, date(2026, 4, 1)) == {"b"}
    assert in_force(known, date(2026, 6, 1)) == set()
    assert in_force([interval("e", category="old_age_accepted", valid_until=date(2026, 2, 1))], date(2026, 3, 1)) == {
        "e"
    }


@pytest.mark.parametrize(
    ("born", "age", "day"),
    [
        ("1964-02-29", 60, "2024-02-29"),
        ("1964-02-29", 65, "2029-02-28"),
        ("1963-02-28", 65, "2028-02-28"),
        ("1936-07-01", 90, "2026-07-01"),
    ],
)
def test_years_are_completed_on_the_birthday(born: str, age: int, day: str) -> None:
    on = birthday(date.fromisoformat(born), age)
    assert on == date.fromisoformat(day)
    assert completed_years(date.fromisoformat(born), on) == age
    assert (
        completed_years(date.fromisoformat(born), on.replace(day=on.day - 1) if on.day > 1 else date(2026, 6, 30)) < age
    )


def test_every_category_of_the_county_says_how_it_opens_and_ends() -> None:
    for category in CATEGORIES.values():
        assert category.opens, category.key
        assert category.ends, category.key
    children = ("orphan", "orphan_type_c", "de_facto_unattended_child", "child_in_difficulty", "left_behind_child")
    assert {CATEGORIES[key].posting_days for key in children} == {0}
    heard = {key for key, category in CATEGORIES.items() if category.hearing}
    assert heard == {"tekun", "dibao", "dibao_edge", "rigid_expense_household"}
    assert CATEGORIES["orphan"].ends == CATEGORIES["orphan_type_c"].ends


@pytest.mark.parametrize(
    "entry",
    [
        {"opens": ["nothing"]},
        {"posting_days": -1},
        {"dearest_first": ["1"]},
        {"colour": "red"},
    ],
)
def test_a_category_with_rules_that_cannot_be_used_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(PolicyError):
        read_categories([{"reasons": {"died": "死亡"}, "categories": [{"key": "x", "name": "某", **entry}]}])


@pytest.mark.parametrize(
    "life",
    [{"ages": {"age_60": "60"}}, {"ages": {"a": 200}}, {"days": {}}, {"ages": {"a": 1}, "certificates": {"a": 1}}],
)
def test_life_rules_that_cannot_be_used_are_refused(life: dict[str, Any]) -> None:
    with pytest.raises(PolicyError):
        read_life([{"life": life}])


@pytest.mark.parametrize(
    "condition",
    [
        {"sql": "1=1"},
        {"age": {"older": 3}},
        {"in": ["nobody_knows"]},
        {"in": "any"},
        {"score": {"at_least": 3}},
        {"died": False},
        {"region": "x' OR true --"},
        {"age": {"below": 18}, "died": True},
        {"not_visited": "soon"},
    ],
)
def test_a_screening_list_has_no_words_but_the_known(condition: dict[str, Any]) -> None:
    entry = {"key": "x", "title": "某", "who": [condition], "outcomes": {"done": {"name": "已办"}}}
    with pytest.raises(PolicyError):
        read_screening([{"screening": [entry]}], CATEGORIES)


def test_a_list_becomes_constant_sql_and_parameters() -> None:
    lists = read_screening(FILES, CATEGORIES)
    sql, values = compiled(lists["old_age_not_applied"])
    assert values == {"w0_at_least": 80, "w0_within_days": 30, "w1_categories": ["old_age_accepted"]}
    assert "old_age_not_applied" not in sql
    assert "80" not in sql
