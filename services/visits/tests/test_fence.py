"""On a live clock the sweep waits for what the registry knew before midnight; on PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from tuoqi.kit.clock import SettableClock
from tuoqi.kit.commands import Call
from tuoqi.kit.errors import TuoqiError
from tuoqi.visits.consumer import REGISTRY as SUBSCRIPTION
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.handlers.plans import on_person_told, on_status_changed
from tuoqi.visits.jobs.fence import RegistryFence
from tuoqi.visits.jobs.sweep import MidnightSweep
from tuoqi.visits.peers import Fence

pytestmark = pytest.mark.postgres

FENCE = "00000000-0000-4000-8000-00000000fe4c"
PLACES = frozenset({("tuoqi.registry.person.v1", 0), ("tuoqi.registry.status.v1", 0)})
STATES = "SELECT deadline::text, state FROM overdues ORDER BY deadline"


class LiveClock:
    """Runs by itself."""

    settable = False

    def now(self) -> datetime:
        """Any moment."""
        return datetime(2026, 3, 10, tzinfo=UTC)


class Registry:
    """Gives fences, or is away."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.asked: list[datetime] = []

    async def fence(self, cutoff: datetime) -> Fence:
        """A fence of one partition a topic."""
        self.asked.append(cutoff)
        if len(self.asked) <= self.refusals:
            raise TuoqiError("peer.away")
        return Fence(FENCE, cutoff, PLACES)


async def weekly(platform: Any, make: Any) -> None:
    """One elder who must be seen by 9 March."""
    person = make.person(1)
    told, alone = make.registered(person_id=person), make.statuses(make.living_alone(), person_id=person)
    moment = make.at("2026-03-02")
    calls = [
        Call(person, on_person_told, told, "p", moment, "test"),
        Call(person, on_status_changed, alone, "s", moment, "test"),
    ]
    await platform.commander.run(VisitFile, calls)


async def fences_arrive(platform: Any) -> None:
    """The consumer has noted the fence in both topics."""
    rows = [(FENCE, name, partition, datetime(2026, 3, 9, 16, tzinfo=UTC), 1) for name, partition in sorted(PLACES)]
    async with platform.database.begin() as tx:
        await tx.copy("fences", ("fence_id", "topic", "partition", "cutoff", "version"), rows)


def sweep_of(platform: Any, registry: Registry, clock: Any, wait_s: float) -> MidnightSweep:
    """The sweep as it is wired, with a registry of the test's own."""
    fence = RegistryFence(registry, platform.database, clock, wait_s)
    return MidnightSweep(platform.commander, platform.database, platform.policy, 100, fence)


def missed() -> float:
    """How many waits ended without a fence."""
    return REGISTRY.get_sample_value("tuoqi_fences_total", {"peer": "registry", "outcome": "missed"}) or 0.0


async def test_who_died_in_the_evening_raises_no_alarm(platform: Any, make: Any) -> None:
    """The death is on its way at midnight; the sweep waits for the fence behind it, once a day."""
    await weekly(platform, make)
    registry = Registry()
    sweep = sweep_of(platform, registry, LiveClock(), 30)
    running = asyncio.create_task(sweep.run(make.at("2026-03-10", 0)))
    await asyncio.sleep(0.3)
    assert not running.done()
    person = make.person(1)
    dead = make.registered(person_id=person, died_on="2026-03-08")
    call = Call(person, on_person_told, dead, "d", make.at("2026-03-09", 22), "test")
    await platform.commander.run(VisitFile, [call])
    await fences_arrive(platform)
    async with asyncio.timeout(10):
        await running
    assert await platform.rows(STATES) == []
    assert registry.asked == [make.at("2026-03-10", 0)]
    await sweep.run(make.at("2026-03-10", 0) + timedelta(minutes=5))
    assert len(registry.asked) == 1


async def test_a_registry_that_is_away_does_not_keep_the_sweep_for_ever(platform: Any, make: Any) -> None:
    """After the time is over people are found all the same, and the metric tells."""
    await weekly(platform, make)
    before = missed()
    sweep = sweep_of(platform, Registry(refusals=9), LiveClock(), 0.2)
    assert await sweep.run(make.at("2026-03-10", 0)) == 1
    assert await platform.rows(STATES) == [("2026-03-09", "OPEN")]
    assert missed() == before + 1


async def test_a_sweep_after_a_week_asks_once(platform: Any, make: Any) -> None:
    """One fence at the last midnight, then every missed midnight in its order."""
    await weekly(platform, make)
    registry = Registry()
    await fences_arrive(platform)
    await sweep_of(platform, registry, LiveClock(), 30).run(make.at("2026-03-18", 8))
    assert registry.asked == [make.at("2026-03-18", 0)]
    assert await platform.rows(STATES) == [("2026-03-09", "OPEN"), ("2026-03-16", "OPEN")]
    assert await platform.rows("SELECT fence_id FROM fences") == []


async def test_on_a_settable_clock_nobody_waits(platform: Any, make: Any) -> None:
    """There the driver keeps the order."""
    await weekly(platform, make)
    registry = Registry()
    clock = SettableClock(make.at("2026-03-10", 0))
    assert await sweep_of(platform, registry, clock, 30).run(make.at("2026-03-10", 0)) == 1
    assert registry.asked == []


def test_the_fences_of_both_topics_are_noted() -> None:
    """Each topic's fence says in which partition it stood."""
    assert {one.topic for one in SUBSCRIPTION.projections if one.table == "fences"} == {name for name, _ in PLACES}
