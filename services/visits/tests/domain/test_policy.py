"""A policy file is read whole or refused with the path of the fault."""

from copy import deepcopy
from datetime import date
from typing import Any

import pytest

from tuoqi.visits.domain.facts import PersonFacts
from tuoqi.visits.domain.fields import PolicyError
from tuoqi.visits.domain.grades import VisitPolicy, grade_on, next_change
from tuoqi.visits.domain.policy import read_policy

FILE: dict[str, Any] = {
    "grade_tables": [
        {
            "effective_from": "2024-01-01",
            "groups": {"elder": {"age_from": 60}},
            "grades": [{"grade": "LOW", "group": "elder", "every": {"days": 30}, "any_of": [{"age_from": 80}]}],
        },
        {
            "effective_from": date(2025, 1, 1),
            "groups": {"elder": {"age_from": 60}},
            "grades": [{"grade": "LOW", "group": "elder", "every": {"days": 30}, "any_of": [{"age_from": 75}]}],
        },
    ]
}


def test_a_table_holds_from_its_own_day_and_its_beginning_is_a_day_to_look() -> None:
    policy = read_policy(FILE)
    facts = PersonFacts(date(1948, 1, 1))
    assert grade_on(facts, date(2024, 12, 31), policy) is None
    assert grade_on(facts, date(2025, 1, 1), policy) is not None
    assert next_change(facts, date(2024, 6, 1), policy) == date(2025, 1, 1)
    assert grade_on(PersonFacts(date(1930, 1, 1)), date(2023, 12, 31), policy) is None


def test_the_shipped_tables_say_which_categories_matter(policy: VisitPolicy) -> None:
    assert {"orphan", "dibao", "disabled_elder"} <= policy.categories()
    assert policy.ages() == {18, 60, 80}


@pytest.mark.parametrize(
    ("place", "value", "path"),
    [
        (("effective_from",), "soon", "grade_tables[0].effective_from"),
        (("effective_from",), "2025-06-01", "grade_tables"),
        (("grades",), [], "grade_tables[0].grades"),
        (("groups", "elder"), {"age_to": 3}, "grade_tables[0].groups.elder.age_to"),
        (("groups", "elder"), {"age_from": -3}, "grade_tables[0].groups.elder.age_from"),
        (("grades", 0, "grade"), "", "grade_tables[0].grades[0].grade"),
        (("grades", 0, "group"), "child", "grade_tables[0].grades[0].group"),
        (("grades", 0, "every"), {"days": 0}, "grade_tables[0].grades[0].every.days"),
        (("grades", 0, "every"), {"calendar": "decade"}, "grade_tables[0].grades[0].every.calendar"),
        (("grades", 0, "every"), {}, "grade_tables[0].grades[0].every"),
        (("grades", 0, "any_of"), [{}], "grade_tables[0].grades[0].any_of[0]"),
        (("grades", 0, "any_of"), [{"levels": ["1"]}], "grade_tables[0].grades[0].any_of[0]"),
        (("grades", 0, "any_of"), [{"categories": [3]}], "grade_tables[0].grades[0].any_of[0].categories[0]"),
        (("grades", 0, "two_failed_tries"), "yes", "grade_tables[0].grades[0].two_failed_tries"),
        (("grades", 0, "colour"), "red", "grade_tables[0].grades[0].colour"),
    ],
)
def test_a_fault_is_named_by_its_path(place: tuple[str | int, ...], value: object, path: str) -> None:
    data = deepcopy(FILE)
    inner: Any = data["grade_tables"][0]
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(PolicyError) as caught:
        read_policy(data)
    assert caught.value.path == path


def test_a_grade_that_stands_twice_and_a_file_that_is_no_mapping_are_refused() -> None:
    data = deepcopy(FILE)
    data["grade_tables"][0]["grades"] *= 2
    with pytest.raises(PolicyError, match="两次"):
        read_policy(data)
    with pytest.raises(PolicyError, match="应为"):
        read_policy([])
