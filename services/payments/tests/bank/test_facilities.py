"""Lines of residents go to their facility's account, by the stay of the day on which the money goes out."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.postgres

Office = Any


async def _resident(office: Office, number: int, born: str = "1950-01-01", *, account: str = "") -> str:
    person: str = await office.register(number, born, account=account)
    await office.status(person, "tekun", "2023-12-01", subtype="centralised", level="full")
    return person


@pytest.fixture
def home(office: Office) -> Office:
    """An office that knows the accounts of two homes."""
    office.registry.facilities = {"H1": ("version-H1", "h1"), "H2": ("version-H2", "h2")}
    return office


async def test_residents_of_a_facility_are_paid_by_one_instruction_a_programme(home: Office) -> None:
    for number in (1, 2):
        person = await _resident(home, number, account=f"own-{number}")
        await home.stay(person, "H1", "2023-01-01")
    await home.on_dibao(3, 400, account="h1")
    home.go_to("2024-01-20")
    await home.pay("2024-01")
    bank = await home.instructions("2024-01")
    assert sorted((row["account_no"], row["memo"]) for row in bank) == [("h1", "低保金"), ("h1", "特困供养金")]
    (items,) = await home.fetch("SELECT count(*) AS n FROM instruction_items WHERE programme = 'tekun_support'")
    assert items.n == 2
    assert await home.findings() == []


async def test_the_stay_of_the_day_of_instruction_counts_and_of_two_the_one_begun_last(home: Office) -> None:
    """The cut-off's facts decide that it is a facility's line, the day's facts whose."""
    person = await _resident(home, 1, account="own")
    await home.stay(person, "H1", "2023-01-01")
    home.go_to("2024-01-20")
    await home.open("2024-01")
    await home.compute("2024-01")
    await home.review_and_post("2024-01")
    home.go_to("2024-01-27")
    await home.stay(person, "H1", "2023-01-01", "2024-01-28")
    await home.stay(person, "H2", "2024-01-28")
    home.go_to("2024-01-28")
    await home.approve("2024-01")
    await home.instruct("2024-01")
    assert [row["account_no"] for row in await home.instructions("2024-01")] == ["h2"]


async def test_no_stay_or_no_account_there_waits_and_goes_out_with_the_next_cycle(home: Office) -> None:
    gone, poor = await _resident(home, 1, account="own"), await _resident(home, 2)
    await home.stay(gone, "H1", "2023-01-01", "2024-01-27")
    await home.stay(poor, "H3", "2023-01-01")
    home.go_to("2024-01-20")
    await home.pay("2024-01")
    assert await home.instructions("2024-01") == []
    waits = await home.waiting()
    assert {row.split()[-1] for row in waits} == {"FACILITY"}
    assert len(waits) == 2
    await home.stay(gone, "H2", "2024-02-01")
    home.registry.facilities["H3"] = ("version-H3", "h3")
    home.go_to("2024-02-20")
    await home.pay("2024-02")
    assert await home.waiting() == set()
    assert sorted(row["account_no"] for row in await home.instructions("2024-02")) == ["h2", "h3"]
    assert await home.findings() == []


async def test_a_death_comes_before_the_facility_and_a_child_there_needs_no_guardian(home: Office) -> None:
    dead = await _resident(home, 1)
    await home.stay(dead, "H1", "2023-01-01")
    child: str = await home.register(2, "2015-01-01")
    await home.status(child, "orphan", "2023-12-01", subtype="institution")
    await home.stay(child, "H1", "2023-01-01")
    home.go_to("2024-01-20")
    await home.open("2024-01")
    await home.compute("2024-01")
    await home.review_and_post("2024-01")
    await home.died(dead, "2024-01-22")
    home.go_to("2024-01-28")
    await home.approve("2024-01")
    await home.instruct("2024-01")
    assert [(row["account_no"], row["memo"]) for row in await home.instructions("2024-01")] == [
        ("h1", "孤儿基本生活费")
    ]
    assert {row.split()[-1] for row in await home.waiting()} == {"HEIR"}


async def test_a_stay_learnt_after_the_day_plays_no_part(home: Office) -> None:
    person = await _resident(home, 1)
    home.go_to("2024-01-20")
    await home.pay("2024-01")
    home.go_to("2024-01-29")
    await home.stay(person, "H1", "2023-01-01")
    assert await home.instructions("2024-01") == []
    assert {row.split()[-1] for row in await home.waiting()} == {"FACILITY"}
