"""A desk for activities, and two villages of people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tuoqi.kit.commands import Commander
from tuoqi.kit.rights import Actor
from tuoqi.kit.testing.playing import origin_of
from tuoqi.visits.domain.activities import Activity, ActivityRules, read_activity_rules
from tuoqi.visits.domain.rules import VisitsRules
from tuoqi.visits.jobs.activities import ActivityDesk
from tuoqi.visits.store.activities import ActivityStore
from tuoqi.visits.store.private import PrivateWords

COUNTY_FILES = Path(__file__).parents[4] / "deploy/counties/990101/visits"


@dataclass(frozen=True)
class StandingClock:
    """It is always the same moment."""

    moment: datetime

    def now(self) -> datetime:
        """That moment."""
        return self.moment


@pytest.fixture(scope="session")
def activity_rules() -> ActivityRules:
    """The kinds that ship."""
    return read_activity_rules(yaml.safe_load((COUNTY_FILES / "activities.yaml").read_text(encoding="utf-8")))


@pytest.fixture
async def desk(platform: Any, make: Any, activity_rules: ActivityRules, grades: Any) -> ActivityDesk:
    """On 25 November 2026, with ten people in one village and ten in another."""
    commander = Commander(
        {Activity: ActivityStore()}, platform.database, origin_of("visits", VisitsRules(grades)), lambda: None
    )
    async with platform.database.begin() as tx:
        for number in range(1, 21):
            await tx.execute(
                "INSERT INTO plans (person_id, version, region, birth_date, state) VALUES (:p, 1, :r, :b, '{}')",
                p=make.person(number),
                r="990101101201" if number <= 10 else "990101102201",
                b=date(2014, 1, number),
            )
    clock: Any = StandingClock(make.at("2026-11-25"))
    return ActivityDesk(platform.database, commander, clock, activity_rules, PrivateWords(bytes(32), "activities"))


@pytest.fixture
def clerk() -> Actor:
    """May act everywhere."""
    return Actor("clerk.li", regions=("",), rights=frozenset({"activity.record"}))
