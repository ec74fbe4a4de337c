"""Whoever is paid from cached spans gets the same lines to the byte as when looked at anew, on a real PostgreSQL."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import pytest

pytestmark = pytest.mark.postgres
County = Any
"""`conftest.County`; conftest is no module that tests can import."""


async def test_nobody_is_looked_at_again_for_whom_nothing_changed(county: County) -> None:
    await county.small_county()
    await county.cycle("2024-01")
    assert await county.steady_people() == set()
    await county.cycle("2024-02")
    assert await county.steady_people() == {f"{n:02d}" for n in range(1, 9)}
    assert await county.lines("2024-02") == {
        line.replace("2024-01", "2024-02") for line in await county.lines("2024-01")
    }
    assert await county.findings() == []


async def test_birthdays_bands_and_ends_are_paid_from_spans_to_the_byte(both_ways: Any) -> None:
    async def play(county: County) -> None:
        people = await county.small_county()
        await county.status(people[3], "dibao", "2023-11-01", yuan=400, ended="2024-03-15")
        for month in ("01", "02", "03", "04", "05", "06"):
            await county.cycle(f"2024-{month}")

    county = await both_ways(play)
    assert len(await county.steady_people()) == 8
    lines = await county.lines("2024-05")
    assert "07 orphan_living REGULAR 2024-04 1359" in await county.lines("2024-04")
    assert not any("orphan_living" in line or line.startswith("04") for line in lines)


async def test_skipped_months_are_back_paid_from_spans(both_ways: Any) -> None:
    async def play(county: County) -> None:
        await county.small_county()
        await county.cycle("2024-01")
        await county.cycle("2024-04")

    county = await both_ways(play)
    assert len(await county.steady_people()) == 8
    assert {"01 old_age_allowance BACKPAY 2024-02 50", "01 old_age_allowance REGULAR 2024-04 50"} <= await county.lines(
        "2024-04"
    )


async def test_a_second_cycle_of_a_month_writes_nothing_for_steady_people(both_ways: Any) -> None:
    async def play(county: County) -> None:
        people = await county.small_county()
        await county.cycle("2024-01")
        await county.status(people[3], "dibao", "2023-11-01", yuan=450)
        await county.cycle("2024-01", 25)

    county = await both_ways(play)
    assert await county.lines("2024-01-2") == {"04 dibao DIFFERENCE 2024-01 50"}


async def test_a_late_death_after_steady_months_is_recovered(both_ways: Any) -> None:
    async def play(county: County) -> None:
        people = await county.small_county()
        for month in ("01", "02", "03"):
            await county.cycle(f"2024-{month}")
        await county.died(people[0], "2024-01-31")
        await county.cycle("2024-04")
        await county.died(people[0], "")
        await county.cycle("2024-05")

    county = await both_ways(play)
    assert "01 old_age_allowance RECOVERY 2024-02 -50" in await county.lines("2024-04")
    assert {f"01 old_age_allowance BACKPAY 2024-0{n} 50" for n in (2, 3, 4)} <= await county.lines("2024-05")


async def test_what_became_known_for_a_cancelled_cycle_is_looked_at_again(both_ways: Any) -> None:
    """Its markers have the newest facts, but nothing of it is paid."""

    async def play(county: County) -> None:
        people = await county.small_county()
        await county.cycle("2024-01")
        await county.status(people[3], "dibao", "2024-01-25", yuan=500)
        cancelled = await county.cycle("2024-02")
        await county.cancel(cancelled)
        await county.cycle("2024-02", 25)
        await county.cycle("2024-03")

    county = await both_ways(play)
    assert "04 dibao REGULAR 2024-02 500" in await county.lines("2024-02-2")
    assert "04 dibao REGULAR 2024-03 500" in await county.lines("2024-03")


async def test_a_new_index_month_is_paid_from_spans_and_a_revised_one_by_person(both_ways: Any) -> None:
    async def play(county: County) -> None:
        people = await county.small_county()
        await county.cycle("2024-01")
        await county.status(people[3], "dibao", "2024-01-25", ended="2024-02-02", yuan=400)
        await county.index("2024-01", "2024-02-10", 36, 40)
        await county.cycle("2024-02")
        await county.index("2024-01", "2024-03-10", 36, 50)
        await county.index("2024-02", "2024-03-11", 20, 30)
        await county.cycle("2024-03")

    county = await both_ways(play)
    assert "05 price_subsidy PRICE 2024-01 31" in await county.lines("2024-02")
    assert "05 price_subsidy PRICE 2024-01 8" in await county.lines("2024-03")


async def test_an_acceptance_that_does_not_count_yet_counts_in_the_next_cycle(both_ways: Any) -> None:
    async def play(county: County) -> None:
        person = await county.register(1, "1940-05-05")
        await county.status(person, "old_age_accepted", "2024-02-05")
        for month in ("02", "03", "04"):
            await county.cycle(f"2024-{month}")

    county = await both_ways(play)
    assert await county.lines("2024-02") == set()
    assert "01 old_age_allowance BACKPAY 2024-01 50" in await county.lines("2024-03")


async def test_grants_known_taken_back_and_ahead_of_their_month_are_paid_once(both_ways: Any) -> None:
    async def play(county: County) -> None:
        people = await county.small_county()
        await county.cycle("2024-01")
        await county.grant(people[3], 1, "2024-01")
        await county.grant(people[8], 2, "2024-03")
        await county.cycle("2024-02")
        await county.void(1)
        await county.cycle("2024-03")
        await county.cycle("2024-04")

    county = await both_ways(play)
    assert "09 temporary_assistance REGULAR 2024-03 500" in await county.lines("2024-03")
    assert "04 temporary_assistance RECOVERY 2024-01 -500" in await county.lines("2024-03")


async def test_a_merged_file_is_looked_at_and_paid_once(both_ways: Any) -> None:
    async def play(county: County) -> None:
        people = await county.small_county()
        await county.cycle("2024-01")
        await county.merge(people[1], people[0])
        await county.cycle("2024-02")
        await county.cycle("2024-03")

    county = await both_ways(play)
    assert not any(line.startswith("02") for line in await county.lines("2024-03"))
    assert "01" not in await county.steady_people()


async def test_a_cycle_of_some_programmes_leaves_the_others_to_the_next_full_one(both_ways: Any) -> None:
    made: list[str] = []

    async def play(county: County) -> None:
        people = await county.small_county()
        await county.cycle("2024-01")
        await county.status(people[2], "dibao", "2024-01-25", yuan=450)
        made.append(await county.cycle("2024-02", 10, ["dibao"]))
        await county.cycle("2024-02", 20)
        await county.cycle("2024-03")

    county = await both_ways(play)
    assert await county.lines(made[0]) == {
        f"0{n} dibao REGULAR 2024-02 {fen}" for n, fen in ((3, 450), (4, 400), (5, 400))
    }
    assert "03 old_age_allowance REGULAR 2024-02 50" in await county.lines("2024-02-2")
    assert "03 dibao REGULAR 2024-03 450" in await county.lines("2024-03")


async def test_a_gap_as_long_as_back_pay_reaches_is_settled_person_by_person(both_ways: Any) -> None:
    async def play(county: County) -> None:
        await county.small_county()
        await county.cycle("2024-01")
        await county.cycle("2026-03")

    county = await both_ways(play)
    assert await county.steady_people() == set()


@pytest.mark.parametrize("seed", range(4))
async def test_any_history_is_the_same_both_ways(both_ways: Any, seed: int) -> None:
    async def play(county: County) -> None:
        rng = random.Random(seed)  # noqa: S311  repeatable, no secret
        people = await county.small_county()
        day, made = date(2024, 1, 10), 0
        last = ""
        while day < date(2025, 3, 1):
            county.go_to(day.isoformat())
            for _ in range(rng.randrange(3)):
                made += 1
                await county.something(rng, rng.choice(people), made, day)
            act, month = rng.random(), f"{day:%Y-%m}"
            if act < 0.1 and last:
                await county.cancel(last)
                last = ""
            elif act < 0.2:
                some = rng.sample(["dibao", "old_age_allowance", "price_subsidy"], 2)
                last = await county.cycle(month, day.day, some)
            elif act < 0.85:
                last = await county.cycle(month, day.day)
            day += timedelta(days=rng.choice((8, 15, 30, 31, 45)))

    await both_ways(play)
