"""Sources of money: shares that are read and refused, sums that are split to the fen."""

from __future__ import annotations

from copy import deepcopy
from random import Random
from typing import Any

import pytest

from tuoqi.payments.domain.funding import (
    UNASSIGNED,
    WHOLE,
    FundingRules,
    Sums,
    allocate,
    movements,
    parse_funding,
    split,
)
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy_fields import PolicyError

FILE: dict[str, Any] = {
    "county": "990101",
    "sources": [
        {"key": "central", "name": "中央", "level": "central"},
        {"key": "county", "name": "县级", "level": "county"},
        {"key": "home", "name": "敬老院", "level": "lottery"},
    ],
    "shares": [
        {
            "programme": "dibao",
            "versions": [
                {"effective_from": "2024-01", "percent": {"central": "66.67", "county": "33.33"}},
                {"effective_from": "2025-01", "percent": {"county": 100}},
            ],
        }
    ],
}


def _rules(content: dict[str, Any]) -> FundingRules:
    return parse_funding({"funding.yaml": content}, "990101", ["dibao"])


def test_shares_hold_from_their_month_on_and_a_programme_without_any_is_unassigned() -> None:
    rules = _rules(FILE)
    assert rules.parts("dibao", Month.parse("2024-12")) == {"central": 6_667, "county": 3_333}
    assert rules.parts("dibao", Month.parse("2025-01")) == {"county": WHOLE}
    assert rules.parts("dibao", Month.parse("2023-12")) == {UNASSIGNED: WHOLE}
    assert rules.parts("tekun_support", Month.parse("2024-12")) == {UNASSIGNED: WHOLE}
    assert parse_funding({}, "990101", []) == FundingRules()


def _with(**change: Any) -> dict[str, Any]:
    return {**deepcopy(FILE), **change}


def _percent(percent: object) -> dict[str, Any]:
    return _with(shares=[{"programme": "dibao", "versions": [{"effective_from": "2024-01", "percent": percent}]}])


@pytest.mark.parametrize(
    ("content", "path"),
    [
        pytest.param(_with(county="990102"), "county", id="another county"),
        pytest.param(_with(sources=FILE["sources"][:1] * 2), "sources[1].key", id="a source twice"),
        pytest.param(
            _with(sources=[{"key": UNASSIGNED, "name": "x", "level": "county"}]), "sources[0].key", id="a kept word"
        ),
        pytest.param(_percent({"central": 60, "county": 30}), "shares[0].versions[0].percent", id="not 100"),
        pytest.param(_percent({"moon": 100}), "shares[0].versions[0].percent.moon", id="an unknown source"),
        pytest.param(
            _percent({"central": 66.6, "county": 33.4}), "shares[0].versions[0].percent.central", id="a float"
        ),
        pytest.param(_percent({"central": 0, "county": 100}), "shares[0].versions[0].percent.central", id="nothing"),
        pytest.param(_with(shares=FILE["shares"] * 2), "shares[1].programme", id="a programme twice"),
        pytest.param(_with(shares=[{**FILE["shares"][0], "programme": "x"}]), "shares[0].programme", id="no programme"),
    ],
)
def test_a_faulty_file_names_file_place_and_reason(content: dict[str, Any], path: str) -> None:
    with pytest.raises(PolicyError) as refused:
        _rules(content)
    assert refused.value.path == f"funding.yaml: {path}"


def test_a_sum_is_split_by_largest_remainder_with_ties_by_key() -> None:
    assert split(100, {"b": 1, "a": 1, "c": 1}) == {"b": 33, "a": 34, "c": 33}
    assert split(-100, {"b": 1, "a": 1, "c": 1}) == {"b": -33, "a": -34, "c": -33}
    assert split(0, {"a": 0}) == {"a": 0}
    with pytest.raises(ValueError, match="weights of 0"):
        split(1, {"a": 0})


def test_whatever_comes_and_goes_each_source_stays_within_what_it_committed() -> None:
    """Random sums: parts sum to the whole, nothing below 0, and what is all settled leaves no fen under way."""
    random = Random(7)  # noqa: S311 -- no secret
    for _ in range(2_000):
        parts = {f"s{i}": random.randint(1, 5_000) for i in range(random.randint(1, 5))}
        committed = random.randint(0, 10_000)
        paid = random.randint(0, committed)
        returned = random.choice([random.randint(0, committed - paid), committed - paid])
        whole = Sums(committed, paid, returned, random.randint(0, paid))
        each = allocate(whole, parts)
        assert _sum(each) == whole
        for one in each.values():
            assert min(one.committed_fen, one.paid_fen, one.returned_fen, one.repaid_fen, one.open_fen) >= 0
            assert one.repaid_fen <= one.paid_fen
            if whole.open_fen == 0:
                assert one.open_fen == 0


def _sum(each: dict[str, Sums]) -> Sums:
    whole = Sums()
    for one in each.values():
        whole = whole + one
    return whole


def test_movements_lead_from_one_state_to_the_next() -> None:
    before, after = Sums(100, 40, 0, 0), Sums(100, 30, 20, 5)
    assert [(movement.value, fen) for movement, fen in movements(before, after)] == [
        ("PAID", -10),
        ("RETURNED", 20),
        ("REPAID", 5),
    ]
