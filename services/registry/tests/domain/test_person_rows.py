"""Rows of persons.csv on one person."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tuoqi.registry.domain.cells import Cells, Flaws
from tuoqi.registry.domain.person import HukouSince, Person
from tuoqi.registry.domain.person_rows import Regions, apply_person_row, normalise

TODAY = date(2026, 11, 22)
REGIONS = Regions(known={"990101101201", "990101101202"}, county="990101")
FIRST: dict[str, Any] = {"name": "测一", "id_number": "990101193607010016", "hukou_region": "990101101201"}


def take(before: Person | None, *, cleared: tuple[str, ...] = (), **given: Any) -> tuple[Person | None, Flaws]:
    flaws = Flaws()
    cells = normalise(Cells(given, frozenset(cleared)), flaws)
    return apply_person_row(before, cells, flaws, new_id="p1", today=TODAY, regions=REGIONS), flaws


def known(**more: Any) -> Person:
    person, flaws = take(None, **{**FIRST, **more})
    assert person is not None, flaws
    return person


def test_a_first_row_registers_with_what_the_number_tells() -> None:
    person = known()
    assert (person.birth_date, person.sex) == (date(1936, 7, 1), "M")
    assert person.hukou == (HukouSince("990101101201", TODAY),)
    assert person.private == {"name": "测一", "id_number": "990101193607010016"}


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"id_number": FIRST["id_number"], "hukou_region": "990101101201"}, "name"),
        ({"name": "测一", "id_number": FIRST["id_number"]}, "hukou_region"),
        ({"name": "测一", "temp_id": "T1", "hukou_region": "990101101201", "sex": "M"}, "birth_date"),
        ({"name": "测一", "temp_id": "T1", "hukou_region": "990101101201", "birth_date": date(1950, 1, 1)}, "sex"),
        ({**FIRST, "birth_date": date(1936, 7, 2)}, "birth_date"),
        ({**FIRST, "sex": "F"}, "sex"),
        ({**FIRST, "id_number": "990101193607010017"}, "id_number"),
        ({**FIRST, "guardian_id_number": "123"}, "guardian_id_number"),
        ({**FIRST, "death_date": date(2026, 11, 23)}, "death_date"),
        ({**FIRST, "death_date": date(1936, 6, 30)}, "death_date"),
    ],
)
def test_a_first_row_that_lacks_or_contradicts_is_rejected_in_its_column(row: dict[str, Any], column: str) -> None:
    person, flaws = take(None, **row)
    assert person is None
    assert [flaw.column for flaw in flaws.found if not flaw.only_warning] == [column]


def test_an_empty_cell_leaves_and_a_cleared_one_empties() -> None:
    before = known(phone="1", address="甲", residence_region="990101101202", death_date=date(2026, 1, 2))
    after, _ = take(before, cleared=("phone", "death_date", "residence_region"), id_number=FIRST["id_number"])
    assert after is not None
    assert (after.private.get("phone"), after.private["address"]) == (None, "甲")
    assert (after.died_on, after.residence_region) == (None, "")


@pytest.mark.parametrize("column", ["name", "id_number", "sex", "birth_date", "hukou_region"])
def test_what_a_person_cannot_be_without_is_not_emptied(column: str) -> None:
    given: dict[str, Any] = {} if column == "id_number" else {"id_number": FIRST["id_number"]}
    after, flaws = take(known(), cleared=(column,), **given)
    assert after is None
    assert [flaw.column for flaw in flaws.found] == [column]


def test_the_same_row_again_is_the_same_person() -> None:
    before = known(phone="1")
    after, _ = take(before, **FIRST, phone="1")
    assert after is before


def test_a_new_hukou_holds_from_the_day_of_loading() -> None:
    after, _ = take(known(), id_number=FIRST["id_number"], hukou_region="990101101202")
    assert after is not None
    assert after.hukou == (HukouSince("990101101201", TODAY), HukouSince("990101101202", TODAY))


def test_someone_with_a_temporary_id_receives_a_number_once() -> None:
    temporary, _ = take(
        None, name="测", temp_id="T1", sex="F", birth_date=date(1936, 7, 1), hukou_region="990101101201"
    )
    assert temporary is not None
    numbered, _ = take(temporary, temp_id="T1", id_number=FIRST["id_number"])
    assert numbered is not None
    assert (numbered.number, numbered.sex) == (FIRST["id_number"], "M")
    other, flaws = take(numbered, temp_id="T1", id_number="990101194611220029")
    assert other is None
    assert flaws.found[0].column == "id_number"


def test_doubts_do_not_keep_a_row_out() -> None:
    person, flaws = take(
        None, **FIRST, account_no="6299990000000000013", account_holder_id="7", residence_region="990101999999"
    )
    assert person is not None
    assert {flaw.column for flaw in flaws.found} == {"account_no", "account_holder_id", "residence_region"}


def test_the_guardian_holds_the_account_only_where_both_numbers_are_the_same() -> None:
    guardian = "99010219400505002x"
    assert known(guardian_id_number=guardian, account_holder_id="990102400505002").account_held_by_guardian
    assert not known(guardian_id_number=guardian).account_held_by_guardian
    assert not known(guardian_id_number=guardian, account_holder_id=FIRST["id_number"]).account_held_by_guardian


def test_a_number_of_another_province_only_warns() -> None:
    person, flaws = take(None, **{**FIRST, "hukou_region": "110101001001"})
    assert person is not None
    assert [(flaw.column, flaw.only_warning) for flaw in flaws.found] == [("id_number", True)]


def test_a_number_of_another_county_of_the_province_says_nothing() -> None:
    person, flaws = take(None, **{**FIRST, "hukou_region": "990203001001"})
    assert person is not None
    assert flaws.found == []


def test_an_odd_name_or_phone_only_warns_and_a_usual_one_is_brought_to_one_form() -> None:
    person, flaws = take(None, **{**FIRST, "name": "古丽• 测试", "phone": "139-0000-1234", "guardian_phone": "没有"})
    assert person is not None
    assert [(flaw.column, flaw.only_warning) for flaw in flaws.found] == [("guardian_phone", True)]
    assert (person.private["name"], person.private["phone"]) == ("古丽·测试", "13900001234")
    assert person.private["guardian_phone"] == "没有"
