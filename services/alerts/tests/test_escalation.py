"""The escalation clock on a real PostgreSQL: late, twice or after a week, each step is taken once, at its own time."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.message import Message

from tuoqi.alerts.consumer import SUBSCRIPTION
from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.domain.rules import AlertPolicy
from tuoqi.alerts.domain.terms import COUNTY_ZONE
from tuoqi.alerts.jobs import escalation
from tuoqi.alerts.jobs.escalation import EscalationTimer
from tuoqi.alerts.store import AlertBookStore
from tuoqi.contracts.alerts.v1.alert_pb2 import AlertEscalated, AlertJoined, AlertRaised
from tuoqi.contracts.visits.v1.plan_pb2 import (
    OverdueState,
    TwoTriesFailed,
    VisitOverdueFound,
    VisitOverdueSettled,
    VisitPlanOpened,
)
from tuoqi.kit.commands import Commander
from tuoqi.kit.database import Database
from tuoqi.kit.pipeline import Pipeline
from tuoqi.kit.testing.playing import origin_of
from tuoqi.kit.testing.records import FakeRecord, record_of

pytestmark = pytest.mark.postgres
FIRST = date(2026, 3, 2)
STORE = AlertBookStore()


def at(day: int, hour: int = 0) -> datetime:
    """The hour of a day, counted from the first."""
    return datetime.combine(FIRST + timedelta(days=day), time(hour), COUNTY_ZONE)


def person(number: int) -> str:
    """The id of an invented person."""
    return str(UUID(int=0x0189 << 112 | 7 << 76 | 8 << 60 | number))


@dataclass
class Alerts:
    """The service without Kafka: its pipeline, its clock, and what it said."""

    database: Database
    pipeline: Pipeline
    timer: EscalationTimer
    given: int = 0

    async def hear(self, *messages: tuple[Message, datetime]) -> list[FakeRecord]:
        """A batch of visits' events with their times."""
        records = []
        for message, moment in messages:
            self.given += 1
            key = str(getattr(message, "person_id"))  # noqa: B009  every event of the topic has it
            records.append(record_of(message, ce_id=f"ce-{self.given}", key=key, at=moment))
        await self.pipeline.process(records)
        return records

    async def said(self) -> list[tuple[str, str, int, datetime, bytes]]:
        """Every event in the outbox: id, type, version, time, value."""
        async with self.database.begin() as tx:
            rows = await tx.fetch(
                "SELECT ce_id, ce_type, aggregate_version, ce_time, value FROM outbox ORDER BY key, aggregate_version"
            )
        return [(row.ce_id, row.ce_type, row.aggregate_version, row.ce_time, row.value) for row in rows]

    async def steps(self) -> list[tuple[str, datetime]]:
        """The steps told so far, in order of their telling."""
        told = [
            (AlertEscalated.FromString(value), moment)
            for _, kind, _, moment, value in await self.said()
            if kind == AlertEscalated.DESCRIPTOR.full_name
        ]
        assert all(event.escalated_at.ToDatetime(tzinfo=UTC) == moment for event, moment in told)
        return [(event.step, moment) for event, moment in told]


@pytest.fixture
async def make(
    database_for: Callable[..., Awaitable[Database]], policy: AlertPolicy
) -> Callable[[], Awaitable[Alerts]]:
    async def make_one() -> Alerts:
        database = await database_for("alerts")
        origin = origin_of("alerts", policy)
        stores: dict[type, Any] = {AlertBook: STORE}
        pipeline = Pipeline(SUBSCRIPTION, stores, database, origin, lambda: None)
        commander = Commander(stores, database, origin, lambda: None)
        return Alerts(database, pipeline, EscalationTimer(commander, STORE, policy))

    return make_one


def found(number: int, day: int, grade: str = "HIGH") -> tuple[Message, datetime]:
    """The deadline of the day before `day` was missed."""
    deadline = (FIRST + timedelta(days=day - 1)).isoformat()
    event = VisitOverdueFound(person_id=person(number), overdue_id=person(999), grade=grade, deadline=deadline)
    return event, at(day)


def settled(number: int, day: int, moment: datetime, state: str = "MADE_UP") -> tuple[Message, datetime]:
    """The overdue found on `day` changed at a moment."""
    change = OverdueState(overdue_id=person(999), deadline=(FIRST + timedelta(days=day - 1)).isoformat(), state=state)
    return VisitOverdueSettled(person_id=person(number), changes=[change]), moment


HIGH_STEPS = [
    ("township", at(1, 4)),
    ("county", at(1, 8)),
    ("leaders", at(2)),
    ("letter", at(9)),
    ("government", at(17)),
]


async def test_the_clock_takes_each_step_at_its_moment_and_not_before(make: Callable[[], Awaitable[Alerts]]) -> None:
    alerts = await make()
    await alerts.hear(found(1, 1))
    for number, (_, moment) in enumerate(HIGH_STEPS):
        async with alerts.database.begin() as tx:
            assert await alerts.timer.next_due(tx) == moment
        assert await alerts.timer.run(moment - timedelta(seconds=1)) == 0
        assert await alerts.timer.run(moment) == 1
        assert await alerts.timer.run(moment) == 0
        assert await alerts.steps() == HIGH_STEPS[: number + 1]
    async with alerts.database.begin() as tx:
        assert await alerts.timer.next_due(tx) is None


async def test_after_a_pause_the_events_are_those_of_a_punctual_run_to_the_byte(
    make: Callable[[], Awaitable[Alerts]],
) -> None:
    """The steps of two alerts of one person interleave; late and punctual they have the same ids, versions and times."""
    histories = []
    for hours in (1, 24 * 20):
        alerts = await make()
        await alerts.hear(found(1, 1, "LOW"), (TwoTriesFailed(person_id=person(1), grade="LOW"), at(1, 10)))
        moment = at(1)
        while moment <= at(21):
            await alerts.timer.run(moment)
            moment += timedelta(hours=hours)
        await alerts.timer.run(at(21))
        histories.append(await alerts.said())
    punctual, late = histories
    assert late == punctual
    assert [moment for *_, moment, _ in late] == sorted(moment for *_, moment, _ in late)
    assert len(late) == 2 + 4 + 3  # government is due only on the 22nd day after the raise


async def test_an_alert_raised_late_by_a_late_check_climbs_from_its_own_time(
    make: Callable[[], Awaitable[Alerts]],
) -> None:
    alerts = await make()
    assert await alerts.timer.run(at(10)) == 0
    await alerts.hear(found(1, 1))
    assert await alerts.timer.run(at(10)) == 4
    assert await alerts.steps() == HIGH_STEPS[:4]


async def test_a_closed_alert_is_never_due_again(make: Callable[[], Awaitable[Alerts]]) -> None:
    alerts = await make()
    await alerts.hear(found(1, 1), settled(1, 1, at(1, 5)))
    assert await alerts.timer.run(at(99)) == 0
    assert await alerts.steps() == HIGH_STEPS[:1]


async def test_due_times_of_rules_that_are_no_more_are_written_anew(make: Callable[[], Awaitable[Alerts]]) -> None:
    """Without that the clock would find the same row due for ever."""
    alerts = await make()
    await alerts.hear(found(1, 1))
    async with alerts.database.begin() as tx:
        await tx.execute("UPDATE alerts SET due_at = :early", early=at(0))
    assert await alerts.timer.run(at(1)) == 1
    async with alerts.database.begin() as tx:
        assert await alerts.timer.next_due(tx) == at(1, 4)
    assert await alerts.steps() == []


async def test_more_people_than_a_chunk_holds_are_all_handled_once(
    make: Callable[[], Awaitable[Alerts]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(escalation, "BOOKS_MAX", 7)
    alerts = await make()
    await alerts.hear(*(found(number, 1) for number in range(30)))
    assert await alerts.timer.run(at(1, 8)) == 60
    assert Counter(await alerts.steps()) == dict.fromkeys(HIGH_STEPS[:2], 30)


async def test_two_clocks_and_the_events_at_the_same_moment_lose_and_double_nothing(
    make: Callable[[], Awaitable[Alerts]],
) -> None:
    """Whoever waits for the lock of a book must see what the one before him did to its alerts."""
    alerts = await make()
    people = range(40)
    await alerts.hear(*(found(number, 1) for number in people))

    async def hear() -> None:
        await alerts.hear(*(found(number, 3, "LOW") for number in people))
        await alerts.hear(*(settled(number, 1, at(3, 1)) for number in people))

    await asyncio.gather(alerts.timer.run(at(1, 4)), hear(), alerts.timer.run(at(2)))
    await alerts.timer.run(at(2))
    assert Counter(await alerts.steps()) == dict.fromkeys(HIGH_STEPS[:3], len(people))
    said = await alerts.said()
    assert Counter(version for _, _, version, _, _ in said) == dict.fromkeys(range(1, 6), len(people))
    async with alerts.database.begin() as tx:
        rows = await tx.fetch("SELECT CAST(causes AS text) AS causes, joined FROM alerts WHERE closed_at IS NULL")
    day = (FIRST + timedelta(days=2)).isoformat()
    assert [(row.joined, row.causes.count(day)) for row in rows] == [(1, 1)] * len(people)


async def test_events_delivered_twice_count_once_and_what_is_not_ours_is_passed_over(
    make: Callable[[], Awaitable[Alerts]],
) -> None:
    alerts = await make()
    opened = VisitPlanOpened(person_id=person(1), grade="HIGH", deadline="2026-03-09")
    records = await alerts.hear((opened, at(0)), found(1, 1), found(1, 8))
    await alerts.pipeline.process(records)
    kinds = [kind.rpartition(".")[2] for _, kind, *_ in await alerts.said()]
    assert (kinds.count(AlertRaised.DESCRIPTOR.name), kinds.count(AlertJoined.DESCRIPTOR.name)) == (1, 1)


async def test_every_missed_visit_is_in_exactly_one_alert_whatever_the_batches_and_the_clock(
    make: Callable[[], Awaitable[Alerts]],
) -> None:
    """Random histories of twenty people, once message by message with a clock every hour, once in one batch."""
    chance = random.Random(20260302)  # noqa: S311  no secret: a reproducible history
    events: list[tuple[Message, datetime]] = []
    missed: set[tuple[str, str]] = set()
    for number in range(20):
        for day in sorted(chance.sample(range(1, 60), 6)):
            events.append(found(number, day, chance.choice(["HIGH", "LOW"])))
            missed.add((person(number), (FIRST + timedelta(days=day - 1)).isoformat()))
            if chance.random() < 0.6:
                state = chance.choice(["MADE_UP", "CLEARED", "WITHDRAWN"])
                events.append(settled(number, day, at(day, chance.randrange(1, 24)), state))
    events.sort(key=lambda pair: pair[1])
    histories = [await _history(await make(), events, one_batch=one_batch) for one_batch in (False, True)]
    assert histories[0] == histories[1]
    causes = Counter((person_id, deadline) for person_id, deadlines in histories[0] for deadline in deadlines)
    assert causes == dict.fromkeys(missed, 1)


async def _history(
    alerts: Alerts, events: Sequence[tuple[Message, datetime]], *, one_batch: bool
) -> list[tuple[str, tuple[str, ...]]]:
    """Every alert's person and missed deadlines; the raise, joins, steps and end must agree with the table."""
    if one_batch:
        await alerts.hear(*events)
    else:
        for event, moment in events:
            await alerts.timer.run(moment)
            await alerts.hear((event, moment))
    await alerts.timer.run(at(90))
    async with alerts.database.begin() as tx:
        rows = await tx.fetch(
            "SELECT person_id, alert_id, joined, CAST(causes AS text) AS causes, jsonb_array_length(causes) AS n,"
            " jsonb_array_length(escalations) AS steps FROM alerts ORDER BY raised_at, person_id"
        )
        versions = await tx.fetch("SELECT sum(version) AS events FROM alert_books")
    assert all(row.n == row.joined + 1 for row in rows)
    said = await alerts.said()
    assert len(said) == versions[0].events
    assert sum(row.steps for row in rows) == len(await alerts.steps())
    return [(row.person_id, tuple(part for part in row.causes.split('"') if part.startswith("2026"))) for row in rows]
