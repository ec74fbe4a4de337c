"""What the domain decides of change requests and comparison lists, without a database."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tuoqi.registry.domain.categories import PolicyError
from tuoqi.registry.domain.cells import Cells
from tuoqi.registry.domain.change import Change, conflicts, read_change_policy, refusal_of
from tuoqi.registry.domain.change_views import File, Views
from tuoqi.registry.domain.comparison import read_comparison_policy
from tuoqi.registry.domain.person import Absence, HukouSince, Person

PERSON = Person(
    "p1", date(1936, 7, 1), "M", (HukouSince("990101101201", date(2026, 1, 1)),), private={"temp_id": "T1"}, version=1
)
VIEWS = Views({}, date(2026, 11, 22))
MADE = Change(
    "c1", "persons", "SUBMITTED", (), (), "li", datetime(2026, 11, 22, tzinfo=UTC), needs_checker=True, rows_total=1
)


@pytest.mark.parametrize(
    ("seen", "now", "found"),
    [
        ({"phone": "1"}, {"phone": "1"}, {}),
        ({"phone": "1"}, {"phone": "2"}, {"phone": "2"}),
        ({"phone": ""}, {}, {}),
        ({"category": "a"}, {"amount": "5.00"}, {"category": "", "amount": "5.00"}),
    ],
)
def test_only_a_touched_column_that_stands_otherwise_now_is_a_conflict(
    seen: dict[str, str], now: dict[str, str], found: dict[str, str]
) -> None:
    assert conflicts(seen, now) == found


@pytest.mark.parametrize(
    ("step", "user", "slug"),
    [
        ("approve", "li", "change.maker_may_not_check"),
        ("approve", "zhao", ""),
        ("refuse", "li", "change.maker_may_not_check"),
        ("withdraw", "zhao", "change.not_maker"),
        ("rebase", "li", "change.wrong_state"),
        ("undo", "li", "change.wrong_state"),
    ],
)
def test_who_may_take_which_step(step: str, user: str, slug: str) -> None:
    assert refusal_of(MADE, step, user) == slug


def away(*days: tuple[str, str]) -> File:
    absences = tuple(Absence(date.fromisoformat(out), date.fromisoformat(back) if back else None) for out, back in days)
    return File(Person(**{name: getattr(PERSON, name) for name in PERSON.__slots__} | {"absences": absences}))


@pytest.mark.parametrize(
    ("before", "now", "row"),
    [
        ("", away(("2026-03-01", "")), ("", "")),
        ("2026-03-01至", away(("2026-03-01", "2026-04-01")), ("2026-03-01", "")),
        ("2026-02-01至2026-02-10；2026-03-01至", away(("2026-02-01", "2026-02-10")), ("2026-03-01", "")),
    ],
)
def test_a_move_is_put_back_by_the_row_that_leads_to_what_was(before: str, now: File, row: tuple[str, str]) -> None:
    made = VIEWS.inverse("moves", {}, {"moved_out_on": before}, now, Cells({}))
    assert made == {"temp_id": "T1", "moved_out_on": row[0], "returned_on": row[1]}


def test_a_move_that_no_row_leads_back_to_says_so() -> None:
    now = away(("2026-03-01", ""))
    before = "2025-01-01至2025-02-01；2025-05-01至2025-06-01"
    assert isinstance(VIEWS.inverse("moves", {}, {"moved_out_on": before}, now, Cells({})), str)


def test_a_name_that_was_never_empty_is_not_emptied_and_a_note_is() -> None:
    assert VIEWS.inverse("persons", {}, {"note": ""}, File(PERSON), Cells({})) == {"temp_id": "T1", "note": "清空"}
    assert isinstance(VIEWS.inverse("persons", {}, {"name": ""}, File(PERSON), Cells({})), str)
    assert isinstance(VIEWS.inverse("persons", {}, {"name": "甲"}, File(), Cells({})), str)


def test_a_county_says_which_requests_need_no_second_user() -> None:
    rule = {"unchecked_rows": 2, "unchecked_columns": ["phone"]}
    policy = read_change_policy([{"changes": {"kinds": {"persons": rule, "stays": {"unchecked_rows": 1}}}}])
    asked = [("persons", 2, {"phone"}), ("persons", 3, {"phone"}), ("persons", 1, {"name"}), ("stays", 1, {"bed"})]
    assert [policy.needs_checker(*one) for one in asked] == [False, True, True, False]
    assert policy.needs_checker("deaths", 1, set())


RULE = {"key": "r", "when": ["car"], "look": "wards", "text": "看"}


@pytest.mark.parametrize(
    "wrong",
    [
        {**RULE, "look": "moon"},
        {**RULE, "when": ["lottery"]},
        {**RULE, "categories": ["nobility"]},
        {**RULE, "text": "{category}"},
        {**RULE, "ends": True},
        {**RULE, "extra": 1},
    ],
)
def test_a_rule_that_cannot_be_used_stops_the_start(wrong: dict[str, Any]) -> None:
    assert read_comparison_policy([{"comparison": {"kinds": {"car": "车"}, "rules": [RULE]}}], {}).rules[0].key == "r"
    with pytest.raises(PolicyError):
        read_comparison_policy([{"comparison": {"kinds": {"car": "车"}, "rules": [wrong]}}], {})
    with pytest.raises(PolicyError):
        read_change_policy([{"changes": {"chunk_rows": 0}}])
