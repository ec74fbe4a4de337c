"""Records are taken once, in the file's order, each as a moment of its own; on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tuoqi.kit.commands import Call
from tuoqi.kit.rights import Actor
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import Header, parse_rows
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.handlers.plans import on_person_told, on_status_changed
from tuoqi.visits.jobs.imports import VisitsImporter
from tuoqi.visits.store import NoteSeal

pytestmark = pytest.mark.postgres
HEADER = ["visit_id", "temp_id", "person_id", "started_at", "channel", "visitor", "result", "findings", "services"]
EVERYTHING = """
SELECT (SELECT json_agg(p ORDER BY person_id) FROM plans p)::text, (SELECT json_agg(o) FROM overdues o)::text,
       (SELECT json_agg(r ORDER BY visit_id) FROM visit_records r)::text, (SELECT count(*) FROM outbox)
"""


def row(number: int, who: str = "n-1", day: str = "2026-03-04 08:00", result: str = "MET", **cells: str) -> list[str]:
    """One line of a file."""
    given = {
        "visit_id": f"00000000-0000-4000-a000-{number:012d}",
        "temp_id": who,
        "started_at": day,
        "channel": "电话",
        "result": result,
    } | cells
    return [given.get(column, "") for column in HEADER]


def context(make: Any, day: str = "2026-03-05", regions: tuple[str, ...] = ("",)) -> LoadContext:
    """A clerk loads a file."""
    moment = make.at(day, 12)
    return LoadContext(
        at=moment,
        today=moment.date(),
        actor=Actor("zhang", regions=regions),
        content_hash="f" * 64,
        attempt=1,
        dry_run=False,
        traceparent="",
        correlation_id="c",
    )


async def load(platform: Any, people: Any, lines: list[list[str]], ctx: LoadContext) -> ChunkOutcome:
    """Load lines as the kit does."""
    importer = VisitsImporter(platform.commander, people, NoteSeal(b"k" * 32))
    good, problems = parse_rows(Header.match(HEADER, importer.columns), list(enumerate(lines, start=2)))
    async with platform.database.begin() as tx:
        outcome = await importer.load(tx, good, ctx)
    outcome.problems[:0] = problems
    return outcome


@pytest.fixture
async def known(platform: Any, make: Any) -> Any:
    """Two elders who live alone, HIGH since 2 March."""
    for number in (1, 2):
        name = make.person(number)
        told = make.statuses(make.living_alone(), person_id=name)
        calls = [
            Call(name, on_person_told, make.registered(person_id=name), f"p{number}", make.at("2026-03-02"), "test"),
            Call(name, on_status_changed, told, f"s{number}", make.at("2026-03-02"), "test"),
        ]
        await platform.commander.run(VisitFile, calls)
    return platform


async def test_the_same_records_twice_change_nothing(known: Any, people: Any, make: Any) -> None:
    """The second load, and a record that stands twice in one file, change neither tables nor outbox."""
    lines = [row(1), row(2, "n-2", result="未找到"), row(1)]
    first = await load(known, people, lines, context(make))
    assert (first.changed, first.unchanged, first.problems) == (2, 1, [])
    assert first.events == 2
    before = await known.rows(EVERYTHING)
    again = await load(known, people, lines, replace(context(make), content_hash="e" * 64, attempt=2))
    assert (again.changed, again.unchanged, again.events) == (0, 3, 0)
    assert await known.rows(EVERYTHING) == before


async def test_a_record_moves_the_plan_and_is_told_on_its_own_topic(known: Any, people: Any, make: Any) -> None:
    """A visit within the window opens the next one; VisitRecorded goes to the records' topic under the person."""
    await load(known, people, [row(1, services="meal:1；bath:2")], context(make))
    assert await known.rows("SELECT window_first::text, deadline::text FROM plans ORDER BY person_id LIMIT 1") == [
        ("2026-03-05", "2026-03-11")
    ]
    assert await known.rows("SELECT key FROM outbox WHERE topic = 'tuoqi.visits.record.v1'") == [(make.person(1),)]
    assert await known.rows("SELECT services, clock_ahead FROM visit_records") == [("meal:1;bath:2", False)]


async def test_rows_that_cannot_be_taken_are_named_and_the_others_taken(known: Any, people: Any, make: Any) -> None:
    """Nobody, somebody unknown, two different people, a bad code, a time before birth."""
    lines = [
        row(1, ""),
        row(2, "stranger"),
        row(3, "n-1", person_id=make.person(2)),
        row(4, services="meal"),
        row(5, findings="张三病了"),
        row(6, day="1930-01-01 08:00"),
        row(7, result="SLEPT"),
        row(8),
    ]
    outcome = await load(known, people, lines, context(make))
    assert [
        (one.row_number, one.column.split("[")[1]) for one in sorted(outcome.problems, key=lambda p: p.row_number)
    ] == [
        (2, "id_number]"),
        (3, "temp_id]"),
        (4, "temp_id]"),
        (5, "services]"),
        (6, "findings]"),
        (7, "started_at]"),
        (8, "result]"),
    ]
    assert (outcome.changed, people.calls) == (1, 1)


async def test_a_clerk_records_only_people_of_his_regions(known: Any, people: Any, make: Any) -> None:
    """Another township's clerk is refused, row by row."""
    outcome = await load(known, people, [row(1)], context(make, regions=("990101002",)))
    assert (outcome.changed, len(outcome.problems)) == (0, 1)
    assert (await load(known, people, [row(1)], context(make, regions=("990101001",)))).changed == 1


async def test_a_device_clock_that_runs_ahead_is_marked(known: Any, people: Any, make: Any) -> None:
    """Both times are kept, it counts on the day of arrival."""
    await load(known, people, [row(1, day="2027-01-01 08:00")], context(make))
    assert await known.rows("SELECT started_at, arrived_at, counts_on::text, clock_ahead FROM visit_records") == [
        (make.at("2027-01-01", 8), make.at("2026-03-05", 12), "2026-03-05", True)
    ]


async def test_a_record_of_somebody_not_told_of_yet_is_kept(platform: Any, people: Any, make: Any) -> None:
    """The registry knows the person, the event is still on its way: the record waits in the person's file."""
    outcome = await load(platform, people, [row(1)], context(make))
    assert (outcome.changed, outcome.events) == (1, 1)
    calls = [Call(make.person(1), on_person_told, make.registered(), "p", make.at("2026-03-02"), "test")]
    file = (await platform.commander.run(VisitFile, calls))[make.person(1)]
    assert (file.early, file.plan.grade) == ((), "LOW")
