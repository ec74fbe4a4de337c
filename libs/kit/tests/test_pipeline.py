"""The pipeline on a real PostgreSQL: applied once, wrong ones aside, everything else flows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tuoqi.contracts.alerts.v1 import alert_pb2
from tuoqi.contracts.topics import topic
from tuoqi.contracts.visits.v1 import plan_pb2
from tuoqi.kit.context import Context
from tuoqi.kit.database import Conflict, Database, Tx
from tuoqi.kit.drive import Driver
from tuoqi.kit.errors import Rejected
from tuoqi.kit.handlers import Change, Handlers, Projection, Subscription, expect_rows
from tuoqi.kit.pipeline import Pipeline, Stopped
from tuoqi.kit.testing import records
from tuoqi.kit.testing.playing import AT, origin_of

pytestmark = pytest.mark.postgres

CONSUMER = "tuoqi.test.tally"
PLAN = topic("tuoqi.visits.plan.v1")


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a person was missed."""

    person_id: str
    missed: int
    grade: str = ""
    version: int = 0


class TallyStore:
    """Tallies in one table."""

    def __init__(self) -> None:
        self.conflicts = 0

    async def load(self, tx: Tx, keys: Collection[str]) -> dict[str, Tally]:
        rows = await tx.fetch(
            "SELECT * FROM tally WHERE person_id = ANY(CAST(:keys AS text[])) ORDER BY person_id FOR UPDATE",
            keys=list(keys),
        )
        return {row.person_id: Tally(row.person_id, row.missed, row.grade, row.version) for row in rows}

    async def save(self, tx: Tx, changes: Sequence[Change[Tally]]) -> None:
        if self.conflicts:
            self.conflicts -= 1
            raise Conflict("someone else")
        touched = await tx.execute(
            "INSERT INTO tally SELECT * FROM unnest(CAST(:p AS text[]), CAST(:m AS int[]), CAST(:g AS text[]),"
            " CAST(:v AS bigint[])) ON CONFLICT (person_id) DO UPDATE SET missed = excluded.missed,"
            " grade = excluded.grade, version = excluded.version",
            p=[c.key for c in changes],
            m=[c.state.missed for c in changes],
            g=[c.state.grade for c in changes],
            v=[c.state.version for c in changes],
        )
        expect_rows(touched, len(changes))


def on_missed(tally: Tally | None, event: plan_pb2.VisitOverdueFound, ctx: Context) -> Tally | None:
    if event.grade == "REJECT":
        raise Rejected("test.rejected")
    if event.grade == "BREAK":
        raise ZeroDivisionError
    tally = tally or Tally(event.person_id, 0)
    ref = alert_pb2.AlertRef(alert_id=ctx.new_id(), kind="visit_overdue", person_id=event.person_id)
    ctx.emit(alert_pb2.AlertAcknowledged(alert=ref))
    return replace(tally, missed=tally.missed + 1, grade=event.grade)


TALLY = Handlers(state=Tally, key=lambda event: event.person_id, on={plan_pb2.VisitOverdueFound: on_missed})
MIRROR = Projection(
    table="mirror",
    key=("person_id",),
    columns=(("person_id", "text"), ("grade", "text"), ("version", "bigint")),
    on={plan_pb2.VisitPlanOpened: lambda event, version: (event.person_id, event.grade, version)},
)


def person(number: int) -> str:
    return f"018f0000-0000-7000-8000-{number:012d}"


def missed(number: int, *, who: int = 1, grade: str = "HIGH") -> records.FakeRecord:
    event = plan_pb2.VisitOverdueFound(
        person_id=person(who), overdue_id=person(900 + number), grade=grade, deadline="2026-11-10"
    )
    return records.record_of(event, ce_id=f"event-{number}", key=person(who), at=AT, version=number)


def opened(number: int, *, version: int, grade: str) -> records.FakeRecord:
    event = plan_pb2.VisitPlanOpened(person_id=person(1), grade=grade, deadline="2026-11-10")
    return records.record_of(event, ce_id=f"opened-{number}", key=person(1), at=AT, version=version)


@dataclass
class Bench:
    """A pipeline with its database."""

    database: Database
    pipeline: Pipeline
    store: TallyStore
    driver: Driver
    woken: list[int]

    async def all(self, sql: str) -> list[Any]:
        async with self.database.begin() as tx:
            return list(await tx.fetch(sql))

    async def one(self, sql: str) -> Any:
        return (await self.all(sql))[0][0]


async def make_bench(database_for: Any, *, parks: bool = False) -> Bench:
    database = await database_for("", Path(__file__).parent / "tally_migrations")
    store, woken = TallyStore(), list[int]()
    subscription = Subscription(CONSUMER, (PLAN,), handlers=(TALLY,), projections=(MIRROR,), parks=parks)
    pipeline = Pipeline(subscription, {Tally: store}, database, origin_of("alerts"), lambda: woken.append(1))
    return Bench(database, pipeline, store, Driver([pipeline], database), woken)


async def test_state_inbox_and_outbox_of_a_batch_are_written_together(database_for: Any) -> None:
    bench = await make_bench(database_for)
    await bench.pipeline.process([missed(1), missed(2), missed(3, who=2)])
    assert [tuple(r) for r in await bench.all("SELECT person_id, missed, version FROM tally ORDER BY 1")] == [
        (person(1), 2, 2),
        (person(2), 1, 1),
    ]
    assert await bench.one("SELECT count(*) FROM inbox") == 3
    sent = await bench.all("SELECT key, aggregate_version, causation_id FROM outbox ORDER BY seq")
    assert [tuple(row) for row in sent] == [
        (person(1), 1, "event-1"),
        (person(1), 2, "event-2"),
        (person(2), 1, "event-3"),
    ]
    assert await bench.one("SELECT count(*) FROM unsent") == 3
    assert bench.woken


async def test_a_message_that_comes_again_changes_nothing(database_for: Any) -> None:
    bench = await make_bench(database_for)
    await bench.pipeline.process([missed(1), missed(1)])
    await bench.pipeline.process([missed(1), missed(2)])
    assert await bench.one("SELECT missed FROM tally") == 2
    assert await bench.one("SELECT count(*) FROM outbox") == 2


async def test_a_rejected_message_costs_only_itself(database_for: Any) -> None:
    bench = await make_bench(database_for)
    await bench.pipeline.process([missed(1), missed(2, grade="REJECT"), missed(3, grade="BREAK"), missed(4)])
    assert await bench.one("SELECT missed FROM tally") == 2
    letters = await bench.all("SELECT ce_id, reason FROM dead_letters ORDER BY id")
    assert [tuple(row) for row in letters] == [("event-2", "test.rejected"), ("event-3", "handler.failed")]
    assert {row[0] for row in await bench.all("SELECT ce_id FROM inbox")} == {"event-1", "event-4"}
    await bench.pipeline.process([missed(2, grade="REJECT")])
    assert await bench.one("SELECT count(*) FROM dead_letters") == 2


def poisons() -> list[tuple[str, records.FakeRecord]]:
    good = missed(77, who=7)
    invalid = plan_pb2.VisitOverdueFound(person_id="nobody", overdue_id=person(1), grade="HIGH", deadline="soon")
    return [
        ("wire.bad_header", records.with_header(missed(10, who=7), "ce_source", None)),
        ("wire.bad_header", records.with_header(missed(11, who=7), "ce_source", b"\xff\xfe")),
        ("wire.no_id", records.without_header(good, "ce_id")),
        ("wire.no_type", records.without_header(missed(12, who=7), "ce_type")),
        ("wire.unknown_type", records.with_header(missed(13, who=7), "ce_type", b"tuoqi.visits.v9.Unheard")),
        ("wire.no_value", records.with_value(missed(14, who=7), None)),
        ("wire.undecodable", records.with_value(missed(15, who=7), (good.value or b"")[:-3])),
        ("wire.undecodable", records.with_value(missed(16, who=7), b"\xff\x00\x9a\x07" * 8)),
        ("wire.invalid", records.with_value(missed(17, who=7), invalid.SerializeToString())),
        ("wire.undecodable", records.with_value(missed(18, who=7), b"\xff" * 1_000_000)),
    ]


async def test_the_ten_poisons_lie_in_the_dead_letters_and_the_rest_flows(database_for: Any) -> None:
    bench = await make_bench(database_for)
    bad = poisons()
    await bench.pipeline.process([missed(1), *(record for _, record in bad), missed(2)])
    assert await bench.one("SELECT missed FROM tally") == 2
    reasons = [row[0] for row in await bench.all("SELECT reason FROM dead_letters ORDER BY id")]
    assert reasons == [reason for reason, _ in bad]


async def test_a_row_that_cannot_be_saved_is_found_by_halving(database_for: Any) -> None:
    bench = await make_bench(database_for)
    await bench.pipeline.process([missed(n, who=n, grade="X" * 40 if n == 5 else "HIGH") for n in range(1, 12)])
    assert await bench.one("SELECT count(*) FROM tally") == 10
    assert [tuple(r) for r in await bench.all("SELECT ce_id, reason FROM dead_letters")] == [
        ("event-5", "save.refused")
    ]


async def test_a_lost_race_starts_again_from_the_load(database_for: Any) -> None:
    bench = await make_bench(database_for)
    bench.store.conflicts = 3
    await bench.pipeline.process([missed(1)])
    assert await bench.one("SELECT missed FROM tally") == 1
    assert await bench.one("SELECT count(*) FROM outbox") == 1


async def test_an_older_version_never_overwrites_a_newer_mirror(database_for: Any) -> None:
    bench = await make_bench(database_for)
    await bench.pipeline.process([opened(1, version=5, grade="HIGH"), opened(2, version=4, grade="LOW")])
    await bench.pipeline.process([opened(3, version=3, grade="BLUE")])
    assert [tuple(row) for row in await bench.all("SELECT grade, version FROM mirror")] == [("HIGH", 5)]


async def test_twenty_rejections_in_a_row_stop_the_consumer_until_it_is_resumed(database_for: Any) -> None:
    bench = await make_bench(database_for)
    batch = [missed(n, grade="REJECT") for n in range(1, 25)] + [missed(99)]
    with pytest.raises(Stopped):
        await bench.pipeline.process(batch)
    with pytest.raises(Stopped):
        await bench.pipeline.process([missed(100)])
    assert await bench.one("SELECT count(*) FROM dead_letters") == 20
    assert await bench.one("SELECT count(*) FROM inbox") == 0
    assert await bench.driver.resume(CONSUMER)
    await bench.pipeline.process(batch)
    assert await bench.one("SELECT missed FROM tally") == 1


async def test_after_a_resume_the_count_begins_anew(database_for: Any) -> None:
    bench = await make_bench(database_for)
    with pytest.raises(Stopped):
        await bench.pipeline.process([missed(n, grade="REJECT") for n in range(1, 21)])
    assert await bench.driver.resume(CONSUMER)
    await bench.pipeline.process([*(missed(n, grade="REJECT") for n in range(21, 31)), missed(99)])
    assert await bench.one("SELECT missed FROM tally") == 1


async def test_where_order_decides_a_rejection_parks_the_rest_of_its_key(database_for: Any) -> None:
    bench = await make_bench(database_for, parks=True)
    await bench.pipeline.process([missed(1), missed(2, grade="REJECT"), missed(3), missed(4, who=2)])
    await bench.pipeline.process([missed(5), missed(3)])
    assert [tuple(r) for r in await bench.all("SELECT person_id, missed FROM tally ORDER BY 1")] == [
        (person(1), 1),
        (person(2), 1),
    ]
    assert [r[0] for r in await bench.all("SELECT ce_id FROM parked ORDER BY id")] == ["event-3", "event-5"]
    letter = await bench.one("SELECT id FROM dead_letters")
    assert await bench.driver.redrive([letter], by="ops") == (0, 1)
    assert await bench.driver.dismiss(letter, by="ops", why="a test") == 2
    assert await bench.one(f"SELECT missed FROM tally WHERE person_id = '{person(1)}'") == 3
    assert await bench.one("SELECT count(*) FROM parked") == 0
    assert await bench.one("SELECT count(*) FROM inbox") == 4


async def test_a_dead_letter_whose_cause_is_gone_is_applied_by_driving_it_again(database_for: Any) -> None:
    bench = await make_bench(database_for, parks=True)
    await bench.pipeline.process([missed(1, grade="X" * 40)])
    await bench.pipeline.process([missed(2)])
    async with bench.database.begin() as tx:
        await tx.execute("ALTER TABLE tally DROP CONSTRAINT short_grade")
    assert await bench.driver.redrive([], by="ops") == (2, 0)
    assert await bench.one("SELECT missed FROM tally") == 2
    assert await bench.one("SELECT state FROM dead_letters") == "applied"
