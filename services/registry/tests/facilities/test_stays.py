"""stays.csv on a real PostgreSQL: beds are never overbooked, and whoever listens hears of each stay."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tuoqi.contracts.registry.v1 import status_pb2

pytestmark = pytest.mark.postgres


async def prepare(office: Any, town: Any, people: int, **beds: str) -> list[dict[str, str]]:
    """So many people, and a home for each name with its beds."""
    rows = [town.person(number) for number in range(people)]
    await office.load("persons", *rows)
    await office.load("facilities", *(town.home(code, count) for code, count in beds.items()))
    return rows


async def told(office: Any) -> list[tuple[int, list[tuple[str, str, str]]]]:
    """Version and stays of each event about status."""
    said = await office.said(status_pb2.PersonStatusChanged)
    return [
        (one.version, [(stay.facility, stay.began_on, stay.ended_on) for stay in one.message.stays]) for one in said
    ]


async def test_a_row_with_the_same_person_facility_and_first_day_replaces_the_earlier_one(
    office: Any, town: Any
) -> None:
    (person,) = await prepare(office, town, 1, A="2")
    await office.load("stays", town.stay(person, "A", "2026-03-01"))
    await office.load("stays", town.stay(person, "A", "2026-03-01", "2026-05-31"))
    again = await office.load("stays", town.stay(person, "A", "2026-03-01", "2026-05-31"))
    assert (again.changed, again.unchanged) == (0, 1)
    await office.load("stays", town.stay(person, "A", "2026-08-01"))
    assert await told(office) == [
        (1, [("A", "2026-03-01", "")]),
        (2, [("A", "2026-03-01", "2026-05-31")]),
        (3, [("A", "2026-03-01", "2026-05-31"), ("A", "2026-08-01", "")]),
    ]
    (kept,) = await office.fetch("SELECT * FROM stay_history")
    assert (kept.facility_code, kept.began_on, kept.ended_on) == ("A", date(2026, 3, 1), None)


async def test_an_unknown_facility_and_an_end_before_the_beginning_keep_a_row_out(office: Any, town: Any) -> None:
    (person,) = await prepare(office, town, 1, A="2")
    done = await office.load(
        "stays",
        town.stay(person, "B", "2026-03-01"),
        town.stay(person, "A", "2026-03-02", "2026-03-01"),
        town.stay(person, "A", "2026-11-23"),
        town.stay(person, "A", "1945-05-04"),
        town.stay(town.person(9), "A", "2026-03-01"),
    )
    assert (done.changed, len(office.refused(done))) == (0, 5)
    assert "没有这个设施编号" in office.refused(done)[0].reason
    assert "不能早于入住日期" in office.refused(done)[1].reason


async def test_there_are_never_more_people_than_beds_on_any_day_of_a_stay(office: Any, town: Any) -> None:
    rows = await prepare(office, town, 4, A="2")
    first, second, third, fourth = rows
    await office.load("stays", town.stay(first, "A", "2026-01-01", "2026-06-30"), town.stay(second, "A", "2026-03-01"))
    done = await office.load(
        "stays",
        town.stay(third, "A", "2026-02-01", "2026-02-28"),
        town.stay(third, "A", "2026-06-30"),
        town.stay(fourth, "A", "2026-07-01"),
        town.stay(third, "A", "2026-07-01"),
    )
    assert done.changed == 2
    (june, july) = office.refused(done)
    assert (june.row_number, july.row_number) == (3, 5)
    assert "共 2 张床位，2026-06-30 已住 2 人" in june.reason
    assert "2026-07-01" in july.reason


async def test_a_death_frees_the_bed_whatever_the_stay_says(office: Any, town: Any) -> None:
    first, second = await prepare(office, town, 2, A="1")
    await office.load("stays", town.stay(first, "A", "2026-01-01"))
    await office.load("deaths", {"id_number": first["id_number"], "death_date": "2026-03-10"})
    done = await office.load("stays", town.stay(second, "A", "2026-03-10"), town.stay(second, "A", "2026-03-11"))
    assert [problem.row_number for problem in office.refused(done)] == [2]
    assert done.changed == 1


async def test_a_facility_that_says_no_number_of_beds_has_no_limit(office: Any, town: Any) -> None:
    rows = await prepare(office, town, 3, A="约二十")
    done = await office.load("stays", *(town.stay(person, "A", "2026-01-01") for person in rows))
    assert done.changed == 3


async def test_living_in_two_houses_at_once_is_doubted_and_going_over_on_one_day_is_not(office: Any, town: Any) -> None:
    (person,) = await prepare(office, town, 1, A="2", B="2", C="2")
    done = await office.load(
        "stays",
        town.stay(person, "A", "2026-01-01", "2026-03-01"),
        town.stay(person, "B", "2026-03-01"),
        town.stay(person, "C", "2026-04-01"),
    )
    assert done.changed == 3
    (doubt,) = done.problems
    assert (doubt.row_number, doubt.only_warning) == (4, True)
    assert "设施 B" in doubt.reason


async def test_fewer_beds_than_people_are_doubted_when_the_facility_is_loaded_again(office: Any, town: Any) -> None:
    rows = await prepare(office, town, 2, A="2")
    await office.load("stays", *(town.stay(person, "A", "2026-01-01") for person in rows))
    done = await office.load("facilities", town.home("A", "1"))
    assert done.changed == 1
    (doubt,) = [one for one in done.problems if "床位少于在住人数" in one.reason]
    assert (doubt.only_warning, "已登记 2 人" in doubt.reason) == (True, True)
