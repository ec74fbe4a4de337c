"""Sharing out on a real database: what changed is found by itself, told in one transaction, and resumed."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.visits.jobs import sharing as job
from tuoqi.visits.jobs.day import DayDesk

pytestmark = pytest.mark.postgres

VILLAGE, NEXT, TOWN = "990101001201", "990101001202", "990101001000"
QUARTER = timedelta(minutes=15)
CLERK = Actor("clerk.li")


async def test_people_are_shared_out_at_the_next_quarter_and_told_once(county: Any) -> None:
    """Two workers of a village get the same; nothing is due any more afterwards."""
    people = await county.elders(range(1, 11))
    workers = [await county.worker(number, ("grid_worker", VILLAGE)) for number in (1, 2)]
    start = county.clock.now()
    assert await county.next_due() == start + QUARTER
    assert await county.run(start + QUARTER - timedelta(seconds=1)) == 0
    assert await county.run(start + QUARTER) == 10
    assert Counter((await county.assigned()).values()) == {workers[0]: 5, workers[1]: 5}
    assert [key for _, key in await county.said("VisitAssigned")] == people
    assert await county.next_due() is None
    assert await county.run(start + 4 * QUARTER) == 0


async def test_versions_of_a_person_go_on_without_a_gap(county: Any) -> None:
    """Plan, assignment and tasks of a person are one sequence in the outbox."""
    (person,) = await county.elders([1])
    await county.worker(1, ("grid_worker", VILLAGE))
    await county.run(county.clock.now() + QUARTER)
    await county.warn(county.clock.now())
    await county.run(county.clock.now())
    await county.visit(person, 1, county.clock.now() + QUARTER)
    rows = await county.rows("SELECT aggregate_version FROM outbox WHERE key = :key ORDER BY seq", key=person)
    assert [version for (version,) in rows] == list(range(1, len(rows) + 1))
    assert [kind for kind, _ in await county.said()] == [
        "VisitPlanOpened",
        "VisitPlanRegraded",
        "VisitAssigned",
        "ExtraTaskOpened",
        "TaskBatchOrdered",
        "VisitRecorded",
        "ExtraTaskSettled",
    ]


async def test_when_a_post_ends_its_people_are_handed_over_at_midnight(county: Any) -> None:
    """First to the others of the village, and where there is none any more they stand as unassigned."""
    people = await county.elders(range(1, 5))
    first = await county.worker(1, ("grid_worker", VILLAGE))
    second = await county.worker(2, ("grid_worker", VILLAGE))
    await county.run(county.clock.now() + QUARTER)
    await county.worker(1, ("grid_worker", VILLAGE, "2026-01-01", "2026-03-10"), version=2)
    await county.run(county.clock.now() + QUARTER)
    assert set((await county.assigned()).values()) == {first, second}
    due = await county.next_due()
    assert due.isoformat() == "2026-03-11T00:00:00+08:00"
    await county.run(due)
    assert set((await county.assigned()).values()) == {second}
    await county.worker(2, version=2)
    await county.run(county.clock.now() + QUARTER)
    assert await county.assigned() == dict.fromkeys(people, "")
    reasons = await county.rows("SELECT DISTINCT reason FROM assignments")
    assert reasons == [("no_worker",)]


async def test_moving_house_and_closing_follow_by_themselves(county: Any, make: Any) -> None:
    """Who moves gets the worker of the new village; who dies is nobody's any more."""
    mover, dead = await county.elders([1, 2])
    await county.worker(1, ("grid_worker", VILLAGE))
    there = await county.worker(2, ("grid_worker", NEXT))
    await county.run(county.clock.now() + QUARTER)
    now = county.clock.now() + timedelta(hours=1)
    await county.tell(mover, make.registered(person_id=mover, residence_region=NEXT), now)
    await county.tell(dead, make.registered(person_id=dead, died_on="2026-03-01"), now)
    await county.run(now + QUARTER)
    assert await county.assigned() == {mover: there}
    assert (await county.said("VisitAssigned"))[2:] == [("VisitAssigned", mover)]


async def test_a_broken_sharing_out_is_taken_up_again(county: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written before the break is not told twice, the rest follows, and it is as even as in one go."""
    await county.elders(range(1, 11))
    workers = [await county.worker(number, ("grid_worker", VILLAGE)) for number in (1, 2)]
    monkeypatch.setattr(job, "RUN", 4)
    write, calls = county.sharing.write, []

    async def broken(*args: Any, **kwargs: Any) -> int:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("broken off")
        return await write(*args, **kwargs)

    monkeypatch.setattr(county.sharing, "write", broken)
    with pytest.raises(RuntimeError, match="broken off"):
        await county.run(county.clock.now() + QUARTER)
    assert len(await county.assigned()) == 4
    await county.run(county.clock.now() + QUARTER)
    assert Counter((await county.assigned()).values()) == {workers[0]: 5, workers[1]: 5}
    assert len(await county.said("VisitAssigned")) == 10


async def test_by_hand_stays_and_can_be_taken_back(county: Any) -> None:
    """A decision by hand outlives sharing out; the same again changes nothing; taken back, balance counts again."""
    people = await county.elders(range(1, 3))
    workers = [await county.worker(number, ("grid_worker", VILLAGE)) for number in (1, 2)]
    assert await county.desk.assign(people, workers[0], CLERK, county.clock.now()) == 2
    assert await county.desk.assign(people, workers[0], CLERK, county.clock.now()) == 0
    await county.run(county.clock.now() + QUARTER)
    assert await county.assigned() == dict.fromkeys(people, workers[0])
    assert await county.desk.assign(people, "", CLERK, county.clock.now()) == 2
    await county.run(county.clock.now() + QUARTER)
    assert set((await county.assigned()).values()) == set(workers)


@pytest.mark.parametrize(
    ("people", "worker", "actor", "slug"),
    [
        ([1], "00000000-0000-4000-b000-000000000009", CLERK, "visits.not_a_worker"),
        ([99], "00000000-0000-4000-b000-000000000001", CLERK, "visits.unknown_person"),
        ([1], "00000000-0000-4000-b000-000000000001", Actor("x", regions=("990102",)), "visits.unknown_person"),
    ],
)
async def test_what_cannot_be_assigned_is_refused(
    county: Any, make: Any, people: list[int], worker: str, actor: Actor, slug: str
) -> None:
    """Somebody without a post, somebody unknown, somebody of another township."""
    await county.elders([1])
    await county.worker(1, ("grid_worker", VILLAGE))
    with pytest.raises(TuoqiError) as refused:
        await county.desk.assign([make.person(one) for one in people], worker, actor, county.clock.now())
    assert refused.value.slug == slug


async def test_the_day_list_is_in_walking_order_with_names_from_the_registry(county: Any, doors: Any) -> None:
    """Ten of one worker, 3组2号 before 3组10号; another region sees nobody."""
    people = await county.elders(range(1, 11))
    worker = await county.worker(1, ("grid_worker", VILLAGE))
    await county.run(county.clock.now() + QUARTER)
    await county.visit(people[4], 1, county.clock.now())
    days = DayDesk(county.database, doors, county.rules)
    day = county.clock.now().date() + timedelta(days=6)
    walk = await days.walk(regions=("",), below="", worker=worker, day=day)
    assert [stop.name for stop in walk.stops] == [f"人{number}" for number in range(1, 11)]
    assert (walk.waiting, walk.more) == (0, 0)
    elsewhere = await days.walk(regions=("990102",), below="", worker=worker, day=day)
    assert list(elsewhere.stops) == []
