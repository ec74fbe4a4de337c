"""The midnight sweep finds what a punctual one finds, once, in order of time; on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.testing.playing import origin_of
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.grades import VisitPolicy
from tuoqi.visits.domain.rules import VisitsRules
from tuoqi.visits.handlers.plans import on_person_told, on_status_changed
from tuoqi.visits.jobs.sweep import MidnightSweep
from tuoqi.visits.store import VisitFileStore

pytestmark = pytest.mark.postgres
PEOPLE = 7
OVERDUES = "SELECT overdue_id, person_id, grade, deadline, state FROM overdues ORDER BY overdue_id"


async def populate(platform: Any, make: Any) -> None:
    """Elders who live alone, known since 2 March."""
    calls = []
    for number in range(PEOPLE):
        name = make.person(number)
        told = make.statuses(make.living_alone(), person_id=name)
        calls += [
            Call(name, on_person_told, make.registered(person_id=name), f"p{number}", make.at("2026-03-02"), "test"),
            Call(name, on_status_changed, told, f"s{number}", make.at("2026-03-02"), "test"),
        ]
    await platform.commander.run(VisitFile, calls)


async def test_a_late_sweep_says_what_punctual_ones_say(make: Any, new_platform: Any) -> None:
    """Four weeks swept at once, twice, make the same overdues and the same events as one sweep a day."""
    punctual, late = await new_platform(), await new_platform()
    for platform in (punctual, late):
        await populate(platform, make)
    for day in range(3, 31):
        await MidnightSweep(punctual.commander, punctual.database, punctual.policy, 1_000).run(
            make.at(f"2026-03-{day:02d}", 0)
        )
    sweep = MidnightSweep(late.commander, late.database, late.policy, 3)
    assert await sweep.run(make.at("2026-03-30", 12)) > 0
    assert await sweep.run(make.at("2026-03-30", 12)) == 0
    assert await late.rows(OVERDUES) == await punctual.rows(OVERDUES)
    assert len(await late.rows(OVERDUES)) == 3 * PEOPLE
    assert sorted(await late.said()) == sorted(await punctual.said())


async def test_the_sweep_goes_in_order_of_time(platform: Any, make: Any) -> None:
    """No plan's later midnight is judged before another's earlier one; the next due moment is the earliest of all."""
    await populate(platform, make)
    sweep = MidnightSweep(platform.commander, platform.database, platform.policy, 3)
    async with platform.database.begin() as tx:
        assert await sweep.next_due(tx) == make.at("2026-03-10", 0)
    await sweep.run(make.at("2026-03-30"))
    moments = [row[2] for row in await platform.said() if row[0].endswith("VisitOverdueFound")]
    assert moments == sorted(moments)
    assert moments[0] == make.at("2026-03-10", 0)


async def test_nothing_is_due_where_nobody_is_known(platform: Any, make: Any) -> None:
    """An empty county has no due moment."""
    sweep = MidnightSweep(platform.commander, platform.database, platform.policy, 3)
    async with platform.database.begin() as tx:
        assert await sweep.next_due(tx) is None
    assert await sweep.run(make.at("2030-01-01")) == 0


async def test_new_rules_are_seen_by_every_plan_once(platform: Any, make: Any) -> None:
    """A grade table that changed while the service was down regrades at the first look, and never again."""
    await populate(platform, make)
    await MidnightSweep(platform.commander, platform.database, platform.policy, 3).run(make.at("2026-03-03"))
    (table,) = platform.policy.tables
    softer = replace(table, rules=tuple(rule for rule in table.rules if rule.key != "HIGH"))
    policy = VisitPolicy((softer,))
    commander = Commander(
        {VisitFile: VisitFileStore()}, platform.database, origin_of("visits", VisitsRules(policy)), lambda: None
    )
    for done in (PEOPLE, 0):
        sweep = MidnightSweep(commander, platform.database, policy, 3)
        assert await sweep.run(make.at("2026-03-04")) == done
    assert await platform.rows("SELECT DISTINCT grade FROM plans") == [("MEDIUM",)]
