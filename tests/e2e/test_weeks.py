"""Four weeks with a township offline and a service down for a week: nobody is forgotten, no alert tells another story.

`TUOQI_WEEKS_PERSONS=25000` plays the demonstration county's size.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import four_weeks
import oracles
import pytest
from county_platform import CountyPlatform

pytestmark = [pytest.mark.platform, pytest.mark.timeout(3_000)]
PERSONS = int(os.environ.get("TUOQI_WEEKS_PERSONS", "600"))
LADDER = {
    "HIGH": {"township": 4, "county": 8, "leaders": 24, "letter": 24 + 7 * 24, "government": 24 + 15 * 24},
    "MEDIUM": {"township": 24, "county": 48, "leaders": 72, "letter": 14 * 24, "government": 22 * 24},
}
"""Hours from the raise of an alert about a missed visit to each step, as the county's table gives them."""


@dataclass(frozen=True)
class Lived:
    """What one way of playing came to."""

    overdue: list[dict[str, str]]
    alerts: list[dict[str, str]]
    findings: list[str]


async def _live(folder: Path, *, disturbed: bool) -> Lived:
    async with CountyPlatform() as platform:
        await four_weeks.FourWeeks(platform, folder, disturbed=disturbed).play()
        findings = [
            *await oracles.one_alert_each(platform),
            *await oracles.versions_unbroken(platform),
            *await oracles.nothing_stuck(platform),
            *await oracles.no_dead_letters(platform),
        ]
        overdue = await four_weeks.outcome(platform, platform.files, "visits_overdue")
        return Lived(overdue, await four_weeks.outcome(platform, platform.files, "alerts"), findings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The county's files."""
    made = tmp_path_factory.mktemp("weeks")
    four_weeks.county(made, persons=PERSONS)
    return made


@pytest.fixture(scope="module")
async def disturbed(folder: Path) -> Lived:
    """Everything goes wrong."""
    return await _live(folder, disturbed=True)


@pytest.fixture(scope="module")
async def calm(folder: Path) -> Lived:
    """The same arrivals, nothing stands still."""
    return await _live(folder, disturbed=False)


async def test_each_missed_visit_is_in_exactly_one_alert_and_no_version_is_skipped(disturbed: Lived) -> None:
    assert not disturbed.findings, "\n".join(disturbed.findings)
    assert len(disturbed.overdue) > PERSONS // 50
    assert {row["state"] for row in disturbed.overdue} >= {"OPEN", "CLEARED", "MADE_UP", "WITHDRAWN"}


async def test_a_week_without_a_service_changes_no_missed_visit_and_no_alert(disturbed: Lived, calm: Lived) -> None:
    assert disturbed.overdue == calm.overdue
    assert disturbed.alerts == calm.alerts


async def test_every_alert_about_one_missed_visit_took_the_steps_of_the_table_until_it_closed(disturbed: Lived) -> None:
    end = datetime.combine(four_weeks.MADE_UP_ON, datetime.min.time()) + timedelta(hours=21)
    alone = [row for row in disturbed.alerts if row["kind"] == "visit_overdue" and row["joined"] == "0"]
    assert len(alone) > PERSONS // 100
    for row in alone:
        raised = datetime.fromisoformat(row["raised_at"])
        until = datetime.fromisoformat(row["closed_at"]) if row["closed_at"] else end
        steps = {step: raised + timedelta(hours=hours) for step, hours in LADDER[row["severity"]].items()}
        due = sorted((at, step) for step, at in steps.items() if at <= until)
        assert row["escalations"] == ";".join(f"{step}@{at:%Y-%m-%d %H:%M}" for at, step in due), row
