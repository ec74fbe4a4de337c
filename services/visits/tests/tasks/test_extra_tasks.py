"""Extra tasks on a real database: opened once, done by a visit, overdue once, over once; nobody concerned is forgotten."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tuoqi.kit.commands import Call
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.visits.domain.batches import Scope, TaskBatch
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.handlers.plans import on_status_changed
from tuoqi.visits.jobs import ordering

pytestmark = pytest.mark.postgres

VILLAGE, NEXT = "990101001201", "990101001202"
HOUR = timedelta(hours=1)
CLERK = Actor("clerk.li")
OVER = ("TaskBatchOrdered", "TaskBatchSettled")


def order(county: Any, cause: str = "festival-1", *, kind: str = "festival", hours: int = 0, **scope: Any) -> TaskBatch:
    """An order of the clerk."""
    batch: TaskBatch = county.desk.new_order(
        cause, kind, Scope(**scope), by=CLERK.user, at=county.clock.now(), due_at=None, hours=hours
    )
    return batch


async def test_a_warning_makes_a_task_for_everybody_concerned_and_is_over_when_all_are_done(county: Any) -> None:
    """Two in the township, one elsewhere; told how many there are, and once that none is open any more."""
    first, second = await county.elders([1, 2])
    (other,) = await county.elders([3], region="990102001201")
    await county.warn(county.clock.now())
    await county.run(county.clock.now())
    assert await county.tasks() == {first: "OPEN", second: "OPEN"}
    await county.visit(first, 1, county.clock.now() + HOUR)
    await county.run(county.clock.now() + HOUR)
    assert [kind for kind, _ in await county.said(*OVER)] == ["TaskBatchOrdered"]
    await county.visit(second, 2, county.clock.now() + HOUR, result="NOT_FOUND")
    await county.visit(second, 3, county.clock.now() + 2 * HOUR, result="INFORMANT_ONLY")
    await county.run(county.clock.now() + 3 * HOUR)
    assert await county.tasks() == {first: "DONE", second: "DONE"}
    assert [kind for kind, _ in await county.said(*OVER)] == ["TaskBatchOrdered", "TaskBatchSettled"]
    assert await county.rows("SELECT done, ended FROM task_batches") == [(2, 0)]
    assert other not in await county.tasks()


async def test_whoever_comes_to_be_concerned_while_a_warning_holds_gets_a_task_too(county: Any, make: Any) -> None:
    """By a new grade and by moving in; once the common moment has passed, due a day later; not after the end."""
    (first,) = await county.elders([1])
    (mover,) = await county.elders([2], region="990102001201")
    start = county.clock.now()
    await county.warn(start)
    await county.run(start)
    await county.tell(mover, make.registered(person_id=mover, residence_region=NEXT), start + HOUR)
    assert await county.next_due() is not None
    await county.run(start + HOUR)
    assert await county.tasks() == {first: "OPEN", mover: "OPEN"}
    (late,) = await county.elders([3], at=start + 30 * HOUR)
    await county.run(start + 30 * HOUR)
    due = dict(await county.rows("SELECT person_id, due_at FROM extra_tasks"))
    assert (due[first], due[mover], due[late]) == (start + 24 * HOUR, start + 24 * HOUR, start + 54 * HOUR)
    await county.warning_ends(start + 31 * HOUR)
    await county.run(start + 31 * HOUR)
    assert set((await county.tasks()).values()) == {"CANCELLED"}
    await county.elders([4], at=start + 32 * HOUR)
    await county.run(start + 32 * HOUR)
    assert make.person(4) not in await county.tasks()
    assert [kind for kind, _ in await county.said(*OVER)] == list(OVER)


async def test_an_overdue_task_is_told_once_at_its_own_moment_also_after_a_week(county: Any) -> None:
    """The clock stood still for a week: told with the time of its due moment, and a late visit still ends it."""
    (person,) = await county.elders([1])
    start = county.clock.now()
    await county.desk.order(order(county, kind="urgent", persons=(person,)), CLERK, start)
    await county.run(start + HOUR)
    assert await county.next_due() == start + 24 * HOUR
    await county.run(start + 7 * 24 * HOUR)
    await county.run(start + 8 * 24 * HOUR)
    told = await county.rows("SELECT ce_time FROM outbox WHERE ce_type LIKE '%ExtraTaskOverdue'")
    assert told == [(start + 24 * HOUR,)]
    await county.visit(person, 1, start + 9 * 24 * HOUR)
    assert await county.tasks() == {person: "DONE"}


async def test_what_comes_after_a_moment_that_nobody_looked_at_is_told_after_it(county: Any) -> None:
    """The service was down: overdue first, at its own time, then done; and never again."""
    (person,) = await county.elders([1])
    start = county.clock.now()
    await county.desk.order(order(county, kind="urgent", persons=(person,)), CLERK, start)
    await county.visit(person, 1, start + 50 * HOUR)
    await county.run(start + 51 * HOUR)
    kinds = [kind for kind, _ in await county.said("ExtraTaskOverdue", "ExtraTaskSettled")]
    assert kinds == ["ExtraTaskOverdue", "ExtraTaskSettled"]
    told = await county.rows("SELECT ce_time FROM outbox WHERE ce_type LIKE '%ExtraTaskOverdue'")
    assert told == [(start + 24 * HOUR,)]
    assert await county.rows("SELECT state, overdue FROM extra_tasks") == [("DONE", True)]


async def test_a_late_record_counts_by_its_own_time(county: Any) -> None:
    """A visit made before the task was opened does not end it; one made after it does, whenever its record comes."""
    (person,) = await county.elders([1])
    start = county.clock.now()
    await county.desk.order(order(county, persons=(person,)), CLERK, start)
    await county.visit(person, 1, start - HOUR, arrived_at=start + HOUR)
    assert await county.tasks() == {person: "OPEN"}
    await county.visit(person, 2, start + HOUR, arrived_at=start + 50 * HOUR)
    assert await county.tasks() == {person: "DONE"}


@pytest.mark.parametrize("change", [{"died_on": "2026-03-02"}, {"absences": "2026-03-02"}])
async def test_nobody_is_sent_to_the_dead_and_the_moved(county: Any, make: Any, change: dict[str, str]) -> None:
    """Their open tasks are withdrawn, the batch is over, and no moment passes for them any more."""
    (person,) = await county.elders([1])
    start = county.clock.now()
    await county.desk.order(order(county, persons=(person,)), CLERK, start)
    if "absences" in change:
        away = make.registered(person_id=person)
        away.person.absences.add(moved_out_on=change["absences"])
    else:
        away = make.registered(person_id=person, **change)
    await county.tell(person, away, start + HOUR)
    assert await county.tasks() == {person: "WITHDRAWN"}
    await county.run(start + 400 * HOUR)
    assert await county.said("ExtraTaskOverdue") == []
    assert await county.rows("SELECT done, ended FROM task_batches") == [(0, 1)]


async def test_an_order_for_a_region_grade_and_status_reaches_just_these(county: Any, make: Any) -> None:
    """Everybody of the set, in runs that resume; sent again it changes nothing, another under its name is refused."""
    people = await county.elders(range(1, 8))
    tekun = make.living_alone(2, category="tekun", subtype="scattered", level="full")
    care = make.statuses(make.living_alone(), tekun, person_id=people[3])
    call = Call(people[3], on_status_changed, care, "tekun", county.clock.now(), "test")
    await county.commander.run(VisitFile, [call])
    scope = {"regions": ("990101001",), "grades": ("HIGH",), "categories": ("tekun",)}
    standing = await county.desk.order(order(county, **scope), CLERK, county.clock.now())
    assert (standing.sums.tasks, standing.known_before) == (1, False)
    assert await county.tasks() == {people[3]: "OPEN"}
    again = await county.desk.order(order(county, **scope), CLERK, county.clock.now())
    assert (again.sums.tasks, again.known_before) == (1, True)
    with pytest.raises(TuoqiError) as refused:
        await county.desk.order(order(county, persons=(people[0],)), CLERK, county.clock.now())
    assert refused.value.slug == "visits.order_differs"


async def test_an_order_that_is_broken_off_is_finished_by_the_clock(
    county: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each person once, and never told to be over before all are made."""
    people = await county.elders(range(1, 11))
    monkeypatch.setattr(ordering, "RUN", 3)
    note, calls = ordering.store.fill_up_to, []

    async def broken(*args: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("broken off")
        await note(*args)

    monkeypatch.setattr(ordering.store, "fill_up_to", broken)
    with pytest.raises(RuntimeError, match="broken off"):
        await county.desk.order(order(county, regions=("990101",)), CLERK, county.clock.now())
    for number, person in enumerate(sorted(await county.tasks())):
        await county.visit(person, number, county.clock.now() + HOUR)
    assert await county.said(*OVER) == []
    await county.run(county.clock.now() + 2 * HOUR)
    assert sorted(await county.tasks()) == people
    assert (await county.rows("SELECT count(*) FROM extra_tasks WHERE state = 'DONE'")) == [(6,)]
    assert [kind for kind, _ in await county.said(*OVER)] == ["TaskBatchOrdered"]


async def test_many_visits_at_once_end_a_batch_once(county: Any) -> None:
    """Transactions side by side close the last tasks: no update is lost, and the end is told once."""
    people = await county.elders(range(1, 21))
    await county.desk.order(order(county, regions=("990101",)), CLERK, county.clock.now())
    at = county.clock.now() + HOUR
    await asyncio.gather(*(county.visit(person, number, at) for number, person in enumerate(people)))
    await asyncio.gather(*(county.orders.run(at) for _ in range(3)))
    assert await county.rows("SELECT done, ended FROM task_batches") == [(20, 0)]
    assert [kind for kind, _ in await county.said(*OVER)] == list(OVER)


async def test_an_order_is_taken_back_by_whoever_acts_there(county: Any) -> None:
    """What is done stays done, the rest is cancelled; a warning's tasks end with the warning alone."""
    first, second = await county.elders([1, 2])
    await county.desk.order(order(county, persons=(first, second)), CLERK, county.clock.now())
    await county.visit(first, 1, county.clock.now() + HOUR)
    with pytest.raises(TuoqiError) as refused:
        await county.desk.cancel("festival-1", Actor("x", regions=("990102",)), county.clock.now())
    assert refused.value.slug == "visits.unknown_batch"
    standing = await county.desk.cancel("festival-1", CLERK, county.clock.now() + HOUR)
    assert (standing.sums.open, standing.sums.done, standing.sums.ended) == (0, 1, 1)
    assert [kind for kind, _ in await county.said(*OVER)] == list(OVER)
    await county.warn(county.clock.now())
    with pytest.raises(TuoqiError) as kept:
        await county.desk.cancel("00000000-0000-4000-8000-0000000000aa", CLERK, county.clock.now())
    assert kept.value.slug == "visits.batch_of_warning"


async def carer_dies(county: Any, carer: str, *, died_on: str | None = "2026-03-01", version: int = 2) -> None:
    """The registry's event about a carer, as it is mirrored."""
    await county.rows(
        "INSERT INTO carer_deaths VALUES (:carer, :version, CAST(:died AS text)::date, :at) ON CONFLICT (person_id)"
        " DO UPDATE SET version = excluded.version, died_on = excluded.died_on RETURNING 1",
        carer=carer, version=version, died=died_on, at=county.clock.now(),
    )  # fmt: skip


async def guarded_by(county: Any, child: str, carer: str, *, until: str = "") -> None:
    """A guardianship, as it is mirrored."""
    await county.rows(
        "INSERT INTO carers VALUES (:child, 1, :guardians, :carer) RETURNING 1",
        child=child, guardians=f'[["{carer}","2020-01-01","{until}"]]', carer=carer,
    )  # fmt: skip


async def test_the_death_of_a_carer_orders_a_task_within_24_hours(county: Any, make: Any) -> None:
    """For whom the dead was guardian on that day, and for the old of the same household; each once."""
    child, ward, elder, other = await county.elders(range(1, 5))
    carer = make.person(50)
    await guarded_by(county, child, carer)
    await guarded_by(county, ward, carer, until="2025-12-31")
    await county.rows("INSERT INTO households VALUES ('h1', 1, :members) RETURNING 1", members=f"{carer} {elder}")
    await carer_dies(county, carer)
    start = county.clock.now()
    await county.run(start)
    assert await county.tasks() == {child: "OPEN", elder: "OPEN"}
    assert await county.rows("SELECT DISTINCT due_at - opened_at FROM extra_tasks") == [(24 * HOUR,)]
    await guarded_by(county, other, carer)
    await county.run(start + HOUR)
    await county.run(start + 2 * HOUR)
    assert await county.tasks() == {child: "OPEN", elder: "OPEN", other: "OPEN"}
    assert carer not in str(await county.rows("SELECT cause_id FROM extra_tasks"))


async def test_a_death_that_is_withdrawn_takes_its_tasks_back(county: Any, make: Any) -> None:
    """And one of long ago that becomes known today orders nothing."""
    child, ward = await county.elders([1, 2])
    await guarded_by(county, child, make.person(50))
    await guarded_by(county, ward, make.person(51))
    await carer_dies(county, make.person(50))
    await carer_dies(county, make.person(51), died_on="2025-11-01")
    await county.run(county.clock.now())
    assert await county.tasks() == {child: "OPEN"}
    await carer_dies(county, make.person(50), died_on=None, version=3)
    await county.run(county.clock.now() + HOUR)
    assert await county.tasks() == {child: "CANCELLED"}
    assert await county.next_due() is None
