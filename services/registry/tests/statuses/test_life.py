"""Days in a life, told once and on time, on a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tuoqi.contracts.registry.v1 import life_pb2
from tuoqi.kit.commands import Commander
from tuoqi.registry.jobs.life import LifeTimer

pytestmark = pytest.mark.postgres
Row = dict[str, str]
REGION = "990101101201"
DISABILITY = {"category": "disability", "subtype": "4", "level": "2", "decided_on": "2026-11-01"}


@pytest.fixture
def timer(office: Any) -> LifeTimer:
    return LifeTimer(office.desk, Commander({}, office.database, office.desk.origin, lambda: None))


def born(temp_id: str, day: str, **more: str) -> Row:
    return {
        "name": "测试", "temp_id": temp_id, "sex": "M", "birth_date": day, "hukou_region": REGION, **more
    }  # fmt: skip


async def due(office: Any, timer: LifeTimer) -> datetime | None:
    async with office.database.begin() as tx:
        return await timer.next_due(tx)


async def advance(office: Any, timer: LifeTimer, day: str) -> int:
    """Move the clock as the platform's driver does, from one due moment to the next."""
    to, done, idle_at = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC), 0, None
    while (moment := await due(office, timer)) is not None and moment <= to:
        at = max(moment, office.clock.now())
        assert at != idle_at, "due again, and nothing was done: the driver would be stuck"
        office.clock.move_to(at)
        did = await timer.run(at)
        done, idle_at = done + did, None if did else at
    office.clock.move_to(to)
    return done + await timer.run(to)


async def told(office: Any) -> list[tuple[str, str, int]]:
    said = await office.said(life_pb2.LifeEventReached)
    return [(one.message.kind, one.message.due_on, one.version) for one in said]


async def test_a_birthday_is_told_at_its_midnight_and_never_again(office: Any, timer: LifeTimer) -> None:
    await office.load("persons", born("T1", "1946-11-25"))
    assert await due(office, timer) == datetime(2026, 11, 24, 16, tzinfo=UTC)
    assert await advance(office, timer, "2026-11-30") == 1
    assert await told(office) == [("age_80", "2026-11-25", 1)]
    assert await timer.run(office.clock.now()) == 0
    assert await due(office, timer) == datetime(2036, 11, 24, 16, tzinfo=UTC)
    (said,) = await office.said(life_pb2.LifeEventReached)
    assert (said.message.age, said.message.interval_id) == (80, "")
    assert said.topic == "tuoqi.registry.life.v1"


async def test_birthdays_before_the_registration_are_nobodys_news(office: Any, timer: LifeTimer) -> None:
    await office.load("persons", born("T1", "1940-03-01"), born("T2", "1946-11-22"))
    assert await timer.run(office.clock.now()) == 1
    assert await told(office) == [("age_80", "2026-11-22", 1)]


async def test_whoever_is_registered_on_his_birthday_is_told_of_on_that_day(office: Any, timer: LifeTimer) -> None:
    await office.load("persons", born("T1", "1990-01-01"))
    await timer.run(office.clock.now())
    await office.load("persons", born("T2", "1946-11-22"))
    moment = await due(office, timer)
    assert moment is not None
    assert moment <= office.clock.now()
    assert await timer.run(office.clock.now()) == 1


async def test_a_pause_of_the_service_loses_nothing(office: Any, timer: LifeTimer) -> None:
    await office.load("persons", born("T1", "1946-12-01"), born("T2", "1961-12-24"), born("T3", "2008-12-03"))
    await timer.run(office.clock.now())
    office.clock.move_to(office.clock.now() + timedelta(days=60))
    assert await timer.run(office.clock.now()) == 3
    assert [kind for kind, _, _ in await told(office)] == ["age_80", "age_18", "age_65"]


@pytest.mark.parametrize(
    ("birth", "day"),
    [
        ("1948-02-29", "2028-02-29"),
        ("1964-02-29", "2029-02-28"),
        ("2012-02-29", "2028-02-29"),
        ("1963-02-28", "2028-02-28"),
    ],
)
async def test_a_leap_day_is_kept_on_the_28th_in_common_years(
    office: Any, timer: LifeTimer, birth: str, day: str
) -> None:
    await office.load("persons", born("T1", birth))
    await advance(office, timer, "2029-12-31")
    assert day in [due_on for _, due_on, _ in await told(office)]


async def test_dead_and_moved_away_people_reach_nothing(office: Any, timer: LifeTimer) -> None:
    await office.load("persons", *(born(f"T{n}", "1946-12-01") for n in range(1, 5)))
    await office.load("deaths", {"temp_id": "T1", "death_date": "2026-11-20"})
    await office.load("moves", {"temp_id": "T2", "moved_out_on": "2026-11-20"})
    await office.load("moves", {"temp_id": "T3", "moved_out_on": "2026-11-01", "returned_on": "2026-11-20"})
    assert await advance(office, timer, "2026-12-31") == 2


async def test_a_death_or_a_move_taken_back_brings_the_missed_day(office: Any, timer: LifeTimer) -> None:
    await office.load("persons", born("T1", "1946-12-01"), born("T2", "1946-12-01"))
    await office.load("deaths", {"temp_id": "T1", "death_date": "2026-11-20"})
    await office.load("moves", {"temp_id": "T2", "moved_out_on": "2026-11-20"})
    assert await advance(office, timer, "2026-12-31") == 0
    await office.load("deaths", {"temp_id": "T1", "death_date": ""})
    await office.load("moves", {"temp_id": "T2", "moved_out_on": ""})
    assert await due(office, timer) is not None
    assert await timer.run(office.clock.now()) == 2
    assert await timer.run(office.clock.now()) == 0


async def test_a_mended_birth_date_tells_a_day_that_had_come_and_repeats_none(office: Any, timer: LifeTimer) -> None:
    await office.load("persons", born("T1", "1946-11-25"), born("T2", "1950-01-01"), born("T3", "1946-11-25"))
    await advance(office, timer, "2026-12-01")
    await office.load("persons", born("T1", "1946-11-23"), born("T2", "1946-11-24"), born("T3", "1951-11-28"))
    await timer.run(office.clock.now())
    assert (await told(office))[2:] == [("age_80", "2026-11-24", 1)]
    # The third was told of by a wrong date: his 80th birthday is still to come, and is told then.
    await advance(office, timer, "2031-12-31")
    assert ("age_80", "2031-11-28", 2) in await told(office)
    assert len([one for one in await told(office) if one[0] == "age_80"]) == 4


async def test_a_certificate_is_reminded_of_and_ends_once(office: Any, timer: LifeTimer) -> None:
    await office.load("persons", born("T1", "1970-01-01"))
    await office.load("statuses", {"temp_id": "T1", **DISABILITY, "valid_until": "2027-08-31"})
    await advance(office, timer, "2027-12-31")
    assert await told(office) == [
        ("certificate_ends_in_6_months", "2027-02-28", 1),
        ("certificate_ends_in_1_month", "2027-07-31", 2),
        ("certificate_ends", "2027-08-31", 3),
    ]
    said = (await office.said(life_pb2.LifeEventReached))[0].message
    (row,) = await office.fetch("SELECT interval_id FROM person_statuses")
    assert (said.interval_id, said.valid_until, said.age) == (row.interval_id, "2027-08-31", 0)


async def test_a_certificate_is_told_of_only_while_it_counts(office: Any, timer: LifeTimer) -> None:
    await office.load("persons", *(born(f"T{n}", "1970-01-01") for n in range(1, 5)))
    paper = {**DISABILITY, "valid_until": "2026-12-15"}
    await office.load(
        "statuses",
        {"temp_id": "T1", **paper},
        {"temp_id": "T2", **paper, "ended_on": "2026-12-01"},
        {"temp_id": "T3", **paper},
        {"temp_id": "T3", **DISABILITY, "decided_on": "2026-11-20", "valid_until": "2029-12-15"},
        {"temp_id": "T4", **paper, "valid_until": "2026-11-21"},
    )
    await advance(office, timer, "2026-12-31")
    # The second ended before its paper, the third has a new one, the fourth had ended before it was known.
    assert await told(office) == [("certificate_ends", "2026-12-15", 1)]
    await office.load("statuses", {"temp_id": "T1", **paper, "valid_until": "2027-01-31"})
    await advance(office, timer, "2027-02-28")
    assert await told(office) == [
        ("certificate_ends", "2026-12-15", 1),
        ("certificate_ends_in_1_month", "2026-12-31", 2),
        ("certificate_ends", "2027-01-31", 3),
    ]


async def test_the_table_of_what_was_told_is_never_changed(office: Any, timer: LifeTimer) -> None:
    await office.load("persons", born("T1", "1946-11-22"))
    await timer.run(office.clock.now())
    with pytest.raises(Exception, match="append-only"):
        await office.fetch("DELETE FROM life_events RETURNING 1")
