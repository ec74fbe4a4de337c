"""Three months of payments by the real command: facts come late, money comes back, and the books close each month."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import oracles
import pytest
from county_command import tuoqi, tuoqi_json
from county_month import county
from county_platform import CLERK, CountyPlatform

pytestmark = [pytest.mark.platform, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
async def platform() -> AsyncIterator[CountyPlatform]:
    """The county is loaded, no cycle was opened yet."""
    async with CountyPlatform() as running:
        folder = running.home.root / "demo"
        folder.mkdir()
        county(folder)
        for kind in ("regions", "facilities", "persons", "stays", "statuses"):
            await tuoqi(running, "import", kind, str(folder / f"{kind}.csv"), "--by", CLERK)
        await running.settle()
        yield running


@pytest.fixture(scope="module")
async def months(platform: CountyPlatform) -> list[dict[str, Any]]:
    """What each month came to."""
    return await tuoqi_json(platform, "year", "--months", "3")


async def test_every_month_goes_to_the_bank_and_the_books_close_to_zero(months: list[dict[str, Any]]) -> None:
    assert [month["cycle"] for month in months] == ["2026-11", "2026-12", "2027-01"]
    assert all(month["instructions"] > 0 and month["differences"] == 0 for month in months)


async def test_what_came_back_goes_out_again_and_what_was_paid_after_a_death_is_recovered(
    months: list[dict[str, Any]],
) -> None:
    assert all(month["returned"] > 0 for month in months)
    assert all(month["fen"]["RECOVERY"] < 0 for month in months[1:])


async def test_after_the_year_every_service_agrees(platform: CountyPlatform, months: list[dict[str, Any]]) -> None:
    assert months
    findings = await oracles.all_oracles(platform)
    assert not findings, "\n".join(findings)
