"""Lists for people: paged without gap or repeat, within the caller's regions; on PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.contracts.visits.v1 import visits_service_pb2 as pb
from tuoqi.kit.commands import Call
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor, acting
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.handlers.plans import on_person_told, on_status_changed
from tuoqi.visits.jobs.exports import OverdueExporter
from tuoqi.visits.jobs.sweep import MidnightSweep
from tuoqi.visits.rpc.visits import VisitsServicer, prefix_of

pytestmark = pytest.mark.postgres
EVERYWHERE, ELSEWHERE = Actor("zhang"), Actor("li", regions=("990101002",))


@pytest.fixture
async def swept(platform: Any, make: Any) -> Any:
    """Five elders who were missed on 9, 16 and 23 March; the fifth lives in another township."""
    for number in range(1, 6):
        name = make.person(number)
        region = "990101002201" if number == 5 else "990101001201"
        told = make.statuses(make.living_alone(), person_id=name)
        person = make.registered(person_id=name, residence_region=region)
        calls = [
            Call(name, on_person_told, person, f"p{number}", make.at("2026-03-02"), "test"),
            Call(name, on_status_changed, told, f"s{number}", make.at("2026-03-02"), "test"),
        ]
        await platform.commander.run(VisitFile, calls)
    await MidnightSweep(platform.commander, platform.database, platform.policy, 1_000).run(make.at("2026-03-24", 0))
    return platform


async def test_overdues_come_page_by_page_newest_first(swept: Any) -> None:
    """Every missed visit once, and the counts of all of them on each page."""
    servicer, token = VisitsServicer(swept.database), ""
    seen: list[pb.Overdue] = []
    with acting(EVERYWHERE):
        while True:
            answer = await servicer.ListOverdue(pb.ListOverdueRequest(page_size=4, page_token=token), None)
            seen += answer.overdues
            assert answer.count_by_state == {"OPEN": 15}
            token = answer.next_page_token
            if not token:
                break
    assert len({one.overdue_id for one in seen}) == len(seen) == 15
    assert [one.deadline for one in seen] == ["2026-03-23"] * 5 + ["2026-03-16"] * 5 + ["2026-03-09"] * 5


async def test_tasks_are_narrowed_by_region_and_deadline(swept: Any, make: Any) -> None:
    """Pages of tasks of one township; none that is due later than asked."""
    servicer = VisitsServicer(swept.database)
    with acting(EVERYWHERE):
        first = await servicer.ListTasks(pb.ListTasksRequest(region="990101001000", page_size=3), None)
        request = pb.ListTasksRequest(region="990101001000", page_size=3, page_token=first.next_page_token)
        second = await servicer.ListTasks(request, None)
        assert not (await servicer.ListTasks(pb.ListTasksRequest(due_by="2026-03-29"), None)).tasks
    assert [task.person_id for task in (*first.tasks, *second.tasks)] == [make.person(n) for n in (1, 2, 3, 4)]
    assert first.tasks[0].deadline == "2026-03-30"
    assert not second.next_page_token


async def test_nobody_sees_beyond_his_regions(swept: Any, make: Any) -> None:
    """Tasks, missed visits, their counts and the export end at the caller's regions."""
    servicer = VisitsServicer(swept.database)
    with acting(ELSEWHERE):
        tasks = (await servicer.ListTasks(pb.ListTasksRequest(), None)).tasks
        overdue = await servicer.ListOverdue(pb.ListOverdueRequest(), None)
    assert [task.person_id for task in tasks] == [make.person(5)]
    assert overdue.count_by_state == {"OPEN": 3}
    assert {one.person_id for one in overdue.overdues} == {make.person(5)}


async def test_the_export_has_every_overdue_in_order(swept: Any, people: Any) -> None:
    """By deadline and person, with names as the registry gives them; numbers in full only when revealed."""
    exporter = OverdueExporter(swept.database, people)
    runs = [run async for run in exporter.rows(table_pb2.ExportRowsRequest(kind="visits_overdue"), EVERYWHERE)]
    rows = [row for run in runs for row in run]
    assert len(rows) == 15
    assert rows == sorted(rows, key=lambda row: (row["deadline"], row["person_id"]))
    assert rows[0]["name"] == "人01"
    assert {row["id_number"] for row in rows} == {"****"}
    request = table_pb2.ExportRowsRequest(kind="visits_overdue", reveal=True)
    assert {row["id_number"] async for run in exporter.rows(request, ELSEWHERE) for row in run} == {"629999"}


@pytest.mark.parametrize(
    ("region", "prefix"),
    [
        ("", ""),
        ("990101001201", "990101001201"),
        ("990101001000", "990101001"),
        ("990101000000", "990101"),
        ("990100000000", "9901"),
        ("990101010000", "990101010"),
        ("990101100000", "990101100"),
        ("990101001100", "990101001100"),
    ],
)
def test_a_region_stands_for_those_below_it(region: str, prefix: str) -> None:
    """The zeros of its own level fall away, never those of its code."""
    assert prefix_of(region) == prefix


async def test_a_wrong_question_is_refused(swept: Any) -> None:
    """A token of somewhere else, a state and a region that do not exist, and a day that does not."""
    servicer = VisitsServicer(swept.database)
    with acting(EVERYWHERE):
        for request in (pb.ListOverdueRequest(page_token="x"), pb.ListOverdueRequest(state="LATE")):
            with pytest.raises(TuoqiError, match=r"visits\.bad"):
                await servicer.ListOverdue(request, None)
        for task in (pb.ListTasksRequest(region="9901%"), pb.ListTasksRequest(due_by="2026-02-30")):
            with pytest.raises(TuoqiError, match=r"visits\.bad"):
                await servicer.ListTasks(task, None)
