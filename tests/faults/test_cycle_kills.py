"""kill -9 at every step of a cycle: lines, ledger, instructions and events end up as if nothing had happened.

`TUOQI_KILL_ROUNDS` says how many months are lived, each of which kills the service at every point of every step once.
"""

from __future__ import annotations

import os

import oracles
import pytest
from cycle_kills import POINTS, RELAY, SILENT, Cycles, KilledPlatform, events_of

ROUNDS = int(os.environ.get("TUOQI_KILL_ROUNDS", "20"))
PERSONS = 120


async def _lived(rounds: int, *, kills: bool) -> tuple[Cycles, oracles.Dump, list[str]]:
    async with KilledPlatform() as platform:
        cycles = Cycles(platform, rounds, kills=kills)
        await cycles.live(persons=PERSONS)
        findings = await oracles.all_oracles(platform)
        assert not findings, "\n".join(findings)
        tables = await oracles.comparable(platform)
        books = {place: rows for place, rows in tables.items() if place[0] == "payments"}
        return cycles, books, await events_of(platform)


@pytest.mark.faults
@pytest.mark.timeout(4 * 3600)
async def test_kills_at_every_step_of_a_cycle_change_nothing() -> None:
    """Each point of each step, as many times as there are rounds; the relay's points after each step in turn."""
    undisturbed, tables, events = await _lived(ROUNDS, kills=False)
    assert not undisturbed.died
    killed, killed_tables, killed_events = await _lived(ROUNDS, kills=True)
    different = oracles.differences(tables, killed_tables)
    assert not different, "\n".join(different)
    assert events == killed_events
    assert {at: killed.died[at] for at in killed.died if at[1] not in RELAY} == {
        (step, point): ROUNDS for step, points in POINTS.items() for point in points
    }
    relayed = sum(count for (_, point), count in killed.died.items() if point in RELAY)
    assert relayed == ROUNDS * len(POINTS.keys() - SILENT)
    assert len(killed_tables["payments", "payment_lines"]) > PERSONS


@pytest.mark.platform
@pytest.mark.timeout(300)
async def test_one_death_in_the_middle_of_each_step_of_a_cycle_leaves_the_books_right() -> None:
    """The reduced form: one month, before the commit of each step; every oracle holds afterwards."""
    points = ("command.before_commit", "import.before_commit")
    async with KilledPlatform() as platform:
        cycles = Cycles(platform, 1, kills=True, points=points)
        await cycles.live(persons=PERSONS)
        assert set(cycles.died) == {(step, one) for step, all_of in POINTS.items() for one in all_of if one in points}
        findings = await oracles.all_oracles(platform)
        assert not findings, "\n".join(findings)
