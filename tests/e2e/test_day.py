"""A clerk's day on a small county by the real command; what followed in every service is counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import oracles
import pytest
from county_command import tuoqi, tuoqi_json
from county_month import county
from county_platform import CLERK, CountyPlatform

pytestmark = [pytest.mark.platform, pytest.mark.timeout(600)]
FILES = ("regions", "facilities", "persons", "stays", "assessments", "statuses", "guardianship", "workers")


@pytest.fixture(scope="module")
async def platform() -> AsyncIterator[CountyPlatform]:
    """The county's register is loaded, nothing else."""
    async with CountyPlatform() as running:
        county(running.files, persons=600)
        for kind in FILES:
            await tuoqi(running, "import", kind, f"{kind}.csv", "--by", CLERK)
        await running.settle()
        yield running


@pytest.fixture(scope="module")
async def parts(platform: CountyPlatform) -> Mapping[str, Any]:
    """The day by its parts."""
    return {part["name"]: part for part in await tuoqi_json(platform, "day")}


async def test_rows_that_came_back_are_mended_and_loaded_and_visits_opens_plans(parts: Mapping[str, Any]) -> None:
    assert parts["import"]["facts"]["rejected"] == 3
    assert "变更 3 行，未变 0 行，退回 0 行" in parts["import"]["facts"]["reloaded"]
    events = parts["import"]["events"]
    assert (events["registry.PersonRegistered"], events["registry.PersonStatusChanged"]) == (5, 5)
    assert events["visits.VisitPlanOpened"] == 3


async def test_a_merge_closes_the_second_files_plan_and_its_undo_opens_one_again(parts: Mapping[str, Any]) -> None:
    merged, undone = parts["merge"]["events"], parts["unmerge"]["events"]
    assert (merged["registry.PersonMerged"], merged["visits.VisitPlanClosed"]) == (1, 1)
    assert (undone["registry.PersonUnmerged"], undone["visits.VisitPlanOpened"]) == (1, 1)


async def test_a_split_tells_both_households_and_who_left(parts: Mapping[str, Any]) -> None:
    assert parts["split"]["events"] == {"registry.HouseholdChanged": 2, "registry.PersonChanged": 2}


async def test_a_facility_merger_moves_every_resident_at_once(parts: Mapping[str, Any]) -> None:
    residents = parts["facility_merger"]["facts"]["residents"]
    assert residents > 0
    assert parts["facility_merger"]["events"]["registry.PersonStatusChanged"] == residents
    assert parts["facility_merger"]["events"]["registry.FacilityChanged"] == 2


async def test_a_vacant_post_is_filled(parts: Mapping[str, Any]) -> None:
    facts = parts["posts"]["facts"]
    assert facts["vacant_after"] == facts["vacant_before"] - 1
    assert parts["posts"]["events"] == {"registry.WorkerPostsChanged": 1}


async def test_a_certificate_that_lapses_is_told_by_the_clock(parts: Mapping[str, Any]) -> None:
    assert parts["lapse"]["events"]["registry.LifeEventReached"] >= 1


async def test_after_the_day_the_platform_says_that_all_is_well_and_it_is(
    platform: CountyPlatform, parts: Mapping[str, Any]
) -> None:
    assert parts
    assert "all parts are up and caught up" in await tuoqi(platform, "status")
    findings = await oracles.all_oracles(platform)
    assert not findings, "\n".join(findings)
