"""What TaskService answers: to each caller only what lies in his regions, page by page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tuoqi.contracts.visits.v1 import task_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor, acting
from tuoqi.visits.jobs.day import DayDesk
from tuoqi.visits.rpc.tasks import TaskServicer

pytestmark = pytest.mark.postgres

VILLAGE, NEXT, TOWN = "990101001201", "990101001202", "990101001000"
WHOLE, THERE = Actor("reviewer.zhao", "年底调整"), Actor("worker.ma", "走访", regions=(NEXT,))


@pytest.fixture
async def servicer(county: Any, doors: Any) -> TaskServicer:
    """Four people in two villages, one of which has a grid worker; all shared out."""
    await county.elders([1, 2])
    await county.elders([3, 4], region=NEXT)
    await county.worker(1, ("grid_worker", VILLAGE))
    await county.run(county.clock.now() + timedelta(minutes=15))
    days = DayDesk(county.database, doors, county.rules)
    return TaskServicer(county.database, county.clock, county.desk, days, county.sharing)


async def test_load_counts_also_whom_nobody_looks_after(servicer: TaskServicer) -> None:
    """Two weekly people for the one worker; the two of the other village stand as unassigned."""
    with acting(WHOLE):
        load = await servicer.GetLoad(pb.GetLoadRequest(), None)
    assert [(one.people, one.visits_hundredths, dict(one.by_grade)) for one in load.workers] == [(2, 870, {"HIGH": 2})]
    assert (load.unassigned, load.evenness) == (2, 100)
    with acting(THERE):
        load = await servicer.GetLoad(pb.GetLoadRequest(region=TOWN), None)
    assert (len(load.workers), load.unassigned) == (0, 2)


async def test_assignments_are_listed_page_by_page(servicer: TaskServicer, make: Any) -> None:
    """The pages together are the list; unassigned ones can be asked for alone."""
    found, token = [], ""
    with acting(WHOLE):
        for _ in range(2):
            request = pb.ListAssignmentsRequest(page_size=2, page_token=token)
            answer = await servicer.ListAssignments(request, None)
            found += [one.person_id for one in answer.assignments]
            token = answer.next_page_token
        alone = await servicer.ListAssignments(pb.ListAssignmentsRequest(unassigned=True), None)
    assert (found, token) == ([make.person(number) for number in range(1, 5)], "")
    assert [(one.person_id, one.reason) for one in alone.assignments] == [
        (make.person(3), "no_worker"),
        (make.person(4), "no_worker"),
    ]


async def test_extra_tasks_are_listed_page_by_page_within_the_callers_regions(
    servicer: TaskServicer, make: Any
) -> None:
    """An order for the township: the clerk of one village sees its two tasks."""
    with acting(WHOLE):
        order = pb.OrderTasksRequest(cause_id="spring", kind="festival", region=TOWN)
        answer = await servicer.OrderTasks(order, None)
    assert (answer.batch.tasks, answer.batch.open, answer.ordered_before) == (4, 4, False)
    found, token = [], ""
    with acting(THERE):
        for _ in range(2):
            listed = await servicer.ListExtraTasks(pb.ListExtraTasksRequest(page_size=1, page_token=token), None)
            found += [one.person_id for one in listed.tasks]
            token = listed.next_page_token
    assert (sorted(found), token) == ([make.person(3), make.person(4)], "")


async def test_the_day_says_why_in_chinese(servicer: TaskServicer) -> None:
    """An urgent task stands before the window that ends soon, and the person only once."""
    with acting(THERE):
        person = pb.OrderTasksRequest(cause_id="u1", kind="urgent", person_ids=["00000000-0000-4000-8000-000000000004"])
        await servicer.OrderTasks(person, None)
        day = await servicer.ListDay(pb.ListDayRequest(region=NEXT, day="2026-03-07"), None)
    assert [(one.name, [reason.why_zh for reason in one.reasons]) for one in day.visits] == [
        ("人3", ["到期"]),
        ("人4", ["紧急探访", "到期"]),
    ]
    assert {one.grade_zh for one in day.visits} == {"高风险"}
    assert (day.urgent, day.capacity, day.day) == (1, 12, "2026-03-07")


@pytest.mark.parametrize(
    ("request_", "slug"),
    [
        (pb.OrderTasksRequest(cause_id="a", kind="festival"), "visits.order_whom"),
        (pb.OrderTasksRequest(cause_id="a", kind="party", region=NEXT), "visits.unknown_kind"),
        (pb.OrderTasksRequest(cause_id="a", kind="festival", region=TOWN), "auth.no_region"),
        (pb.OrderTasksRequest(cause_id="a", kind="festival", region="123"), "visits.bad_region"),
    ],
)
async def test_an_order_that_cannot_be_is_refused(servicer: TaskServicer, request_: Any, slug: str) -> None:
    """Nobody named, a kind unknown, a region beyond the caller's, a code that is none; nothing is kept."""
    with acting(THERE), pytest.raises(TuoqiError) as refused:
        await servicer.OrderTasks(request_, None)
    assert refused.value.slug == slug


async def test_the_county_is_shared_out_only_by_who_acts_everywhere(servicer: TaskServicer) -> None:
    """And a decision by hand needs a reason."""
    with acting(THERE), pytest.raises(TuoqiError) as refused:
        await servicer.ShareOut(pb.ShareOutRequest(), None)
    assert refused.value.slug == "auth.no_region"
    people = ["00000000-0000-4000-8000-000000000001"]
    with acting(Actor("reviewer.zhao")), pytest.raises(TuoqiError) as bare:
        await servicer.Assign(pb.AssignRequest(person_ids=people, worker_id=""), None)
    assert bare.value.slug == "auth.no_purpose"
