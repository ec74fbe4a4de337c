"""The table of when plans ran, written with the files and made again from the events."""

from __future__ import annotations

from typing import Any

from tuoqi.kit.commands import Call
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.handlers.plans import on_midnight, on_person_told, on_status_changed
from tuoqi.visits.jobs.spans import rebuild_spans
from tuoqi.visits.store.spans import FOREVER

SPANS = "SELECT number, grade, region, from_day, to_day FROM plan_spans WHERE to_day >= from_day ORDER BY id"
MOVED = "990101102201"


async def _take(platform: Any, *told: tuple[Any, Any, Any]) -> None:
    calls = [
        Call("00000000-0000-4000-8000-000000000001", handler, message, f"{message!r}{at}", at, "test")
        for handler, message, at in told
    ]
    await platform.commander.run(VisitFile, calls)


async def test_spans_follow_grade_village_and_end_within_one_batch_or_several(platform: Any, make: Any) -> None:
    """Opened on 2 March, moved to another village on the 10th, dead and known on the 20th."""
    born = {"birth_date": "1942-01-15"}
    await _take(
        platform,
        (on_person_told, make.registered(), make.at("2026-03-02")),
        (on_status_changed, make.statuses(make.living_alone()), make.at("2026-03-02", 10)),
    )
    opened = await platform.rows(SPANS)
    assert [(row[0], row[1], row[2], str(row[3])) for row in opened] == [(1, "HIGH", "990101001201", "2026-03-02")]
    assert opened[0][4] == FOREVER
    await _take(
        platform,
        (on_person_told, make.registered(residence_region=MOVED, **born), make.at("2026-03-10")),
        (on_person_told, make.registered(residence_region=MOVED, died_on="2026-03-19", **born), make.at("2026-03-20")),
    )
    assert [(row[1], row[2], str(row[3]), str(row[4])) for row in await platform.rows(SPANS)] == [
        ("HIGH", "990101001201", "2026-03-02", "2026-03-09"),
        ("HIGH", MOVED, "2026-03-10", "2026-03-19"),
    ]


async def test_a_grade_that_changes_at_midnight_ends_one_span_and_begins_the_next(platform: Any, make: Any) -> None:
    """An elder who lives alone turns 80 on 15 May: MEDIUM before, HIGH from that day on."""
    facts = {"birth_date": "1946-05-15"}
    await _take(
        platform,
        (on_person_told, make.registered(**facts), make.at("2026-03-02")),
        (on_status_changed, make.statuses(make.living_alone()), make.at("2026-03-02", 10)),
    )
    day = make.at("2026-05-15", 0)
    await _take(platform, (on_midnight, day.date(), day))
    assert [(row[1], str(row[3]), str(row[4])) for row in await platform.rows(SPANS)] == [
        ("MEDIUM", "2026-03-02", "2026-05-14"),
        ("HIGH", "2026-05-15", str(FOREVER)),
    ]


async def test_spans_made_again_from_the_events_are_the_same(platform: Any, make: Any) -> None:
    """But for the village, which the events do not tell: all spans get that of today."""
    facts = {"birth_date": "1946-05-15"}
    await _take(
        platform,
        (on_person_told, make.registered(**facts), make.at("2026-03-02")),
        (on_status_changed, make.statuses(make.living_alone()), make.at("2026-03-02", 10)),
        (on_midnight, make.at("2026-05-15", 0).date(), make.at("2026-05-15", 0)),
        (on_person_told, make.registered(died_on="2026-06-01", **facts), make.at("2026-06-02")),
        (on_person_told, make.registered(**facts), make.at("2026-06-03")),
    )
    before = await platform.rows(SPANS)
    async with platform.database.begin() as tx:
        await tx.execute("DELETE FROM plan_spans")
    assert await rebuild_spans(platform.commander) == len(before) == 3
    assert await platform.rows(SPANS) == before
