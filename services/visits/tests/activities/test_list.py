"""Lists of names by file: once however often loaded, bad rows named."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tuoqi.kit.rights import Actor
from tuoqi.kit.rpc.tables import LoadContext
from tuoqi.kit.tables import ParsedRow
from tuoqi.visits.domain.activities import ActivityState, Count, Said
from tuoqi.visits.jobs.attendance_file import AttendanceImporter

HELD_ON = date(2026, 11, 20)


def _row(number: int, activity: str, temp_id: str, role: str | None = None) -> ParsedRow:
    values = {"activity": activity, "id_number": None, "temp_id": temp_id, "person_id": None, "role": role}
    return ParsedRow(number=number, values=values)


@pytest.fixture
def load(desk: Any, people: Any, make: Any, clerk: Actor) -> Any:
    """Loads rows as a file."""
    importer = AttendanceImporter(desk, people, desk.rules)
    at = make.at("2026-11-25")
    ctx = LoadContext(at, at.date(), clerk, "hash", 1, dry_run=False, traceparent="", correlation_id="")

    async def run(*rows: ParsedRow) -> Any:
        async with desk.database.begin() as tx:
            return await importer.load(tx, rows, ctx)

    return run


async def test_a_list_loaded_twice_counts_once(desk: Any, clerk: Actor, load: Any, platform: Any) -> None:
    """Two people, one of them twice on the list; loaded again nothing changes and nothing is told."""
    said = Said(HELD_ON, "990101101201", others=Count(10))
    await desk.say(clerk, "PF-1", "law_lecture", "", said, ActivityState.HELD, {})
    rows = (_row(1, "PF-1", "n-1"), _row(2, "PF-1", "n-2", "guardian"), _row(3, "PF-1", "n-1"))
    first, again = await load(*rows), await load(*rows)
    assert (first.changed, first.unchanged, first.problems) == (2, 1, [])
    assert (again.changed, again.unchanged) == (0, 3)
    assert [row[0].rsplit(".", 1)[1] for row in await platform.said()] == ["ActivityHeld", "AttendanceRecorded"]


async def test_bad_rows_are_named_and_the_others_kept(desk: Any, clerk: Actor, load: Any) -> None:
    """An activity nobody knows, one that is not held yet, a person nobody knows."""
    await desk.say(clerk, "PF-1", "law_lecture", "", Said(HELD_ON, "990101101201"), ActivityState.HELD, {})
    await desk.say(clerk, "PF-2", "law_lecture", "", Said(HELD_ON, "990101101201"), ActivityState.PLANNED, {})
    outcome = await load(
        _row(1, "PF-9", "n-1"), _row(2, "PF-2", "n-1"), _row(3, "PF-1", "n-99"), _row(4, "PF-1", "nobody"),
        _row(5, "PF-1", "n-1"),
    )  # fmt: skip
    assert sorted(problem.row_number for problem in outcome.problems) == [1, 2, 3, 4]
    assert outcome.changed == 1
