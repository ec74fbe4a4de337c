"""What visits, payments and the weather raise and close: which kind is data, and nobody is forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tuoqi.alerts.consumer import FINDINGS, PAYMENTS, SUBSCRIPTIONS, TASKS
from tuoqi.contracts.alerts.v1 import warning_service_pb2 as pb
from tuoqi.contracts.payments.v1.cycle_pb2 import CycleRef, InstructionDisputed
from tuoqi.contracts.payments.v1.verification_pb2 import VerificationFound
from tuoqi.contracts.visits.v1.finding_pb2 import FindingReported
from tuoqi.contracts.visits.v1.task_pb2 import ExtraTaskOverdue, ExtraTaskSettled, TaskBatchSettled
from tuoqi.kit.stamps import stamp_of

pytestmark = pytest.mark.postgres
CHILD, OTHER = (f"01890000-0000-7000-8000-{n:012x}" for n in (0, 1))
SOME = "01890000-0000-7000-8000-0000000000aa"
TASK = "01890000-0000-7000-8000-0000000000b{}"
COUNTY = "990101000000"


def finding(desk: Any, kind: str, code: str) -> FindingReported:
    """A finding of visits about the child."""
    seen = stamp_of(desk.clock.now())
    return FindingReported(finding_id=SOME, person_id=CHILD, visit_id=SOME, code=code, alert_kind=kind, found_at=seen)


def disputed(overpaid: int, *people: str) -> InstructionDisputed:
    """The bank contradicts itself about somebody's money."""
    cycle = CycleRef(cycle_id=SOME, name="2026-02")
    return InstructionDisputed(
        cycle=cycle, instruction_id="I-1", amount_fen=100, was="SUCCESS", now="RETURNED", person_ids=people,
        overpaid_fen=overpaid,
    )  # fmt: skip


async def kinds(desk: Any) -> list[tuple[str, str, str]]:
    """(kind, subject kind, how it closed) of every alert."""
    rows = await desk.fetch("SELECT kind, subject_kind, closed_as FROM alerts ORDER BY raised_at, kind, subject_id")
    return [(row.kind, row.subject_kind, row.closed_as) for row in rows]


async def causes(desk: Any) -> list[str]:
    """The causes of what was raised, in order."""
    rows = await desk.fetch("SELECT codes ->> 'cause' AS cause FROM alert_history WHERE what = 'raised' ORDER BY seq")
    return [row.cause for row in rows]


async def test_a_finding_raises_the_kind_it_names_and_one_that_names_none_raises_nothing(desk: Any) -> None:
    events = [finding(desk, "mandatory_report", "abandoned"), finding(desk, "", "no_heating")]
    await desk.hear(FINDINGS, *((CHILD, event) for event in events))
    assert await kinds(desk) == [("mandatory_report", "person", "")]
    assert await causes(desk) == ["6"], "visits' word has become the code of the nine situations"


@pytest.mark.parametrize("kind", ["child_in_well", "visit_overdue", "weather_warning"])
async def test_a_finding_of_a_kind_that_cannot_be_raised_by_it_is_an_alert_all_the_same(desk: Any, kind: str) -> None:
    await desk.hear(FINDINGS, (CHILD, finding(desk, kind, "SEEN")))
    assert await kinds(desk) == [("unknown_finding", "person", "")]
    assert await causes(desk) == [kind]
    assert await desk.fetch("SELECT 1 FROM dead_letters") == []


async def test_late_extra_tasks_are_one_alert_that_closes_with_the_last_of_them(desk: Any) -> None:
    due = stamp_of(desk.clock.now() - timedelta(hours=1))
    for number in (1, 2):
        late = ExtraTaskOverdue(task_id=TASK.format(number), person_id=CHILD, kind="weather", due_at=due)
        await desk.hear(TASKS, (CHILD, late))
    for number, closed in ((1, ""), (9, ""), (2, "withdrawn")):
        settled = ExtraTaskSettled(task_id=TASK.format(number), person_id=CHILD, cause_id=SOME, state="WITHDRAWN")
        await desk.hear(TASKS, (CHILD, settled))
        assert await kinds(desk) == [("task_overdue", "person", closed)]


async def test_what_payments_tells_is_about_the_person_or_the_instruction(desk: Any) -> None:
    await desk.hear(
        PAYMENTS,
        (SOME, disputed(500, CHILD)),
        (SOME, disputed(0, CHILD, OTHER)),
        (SOME, disputed(-500, OTHER)),
        (
            OTHER,
            VerificationFound(
                person_id=OTHER, sample_id=SOME, line_id=SOME, programme="old_age", benefit_month="2026-02",
                finding="DEAD", checked_on="2026-03-01",
            ),
        ),
    )  # fmt: skip
    assert sorted(await kinds(desk)) == [
        ("paid_after_death", "person", ""),
        ("payment_disputed", "instruction", ""),
        ("payment_disputed", "person", ""),
    ]


def test_alerts_listen_to_no_visit_records_and_no_source_waits_for_another() -> None:
    """A flood of records must not delay an alarm."""
    topics = [topic.name for subscription in SUBSCRIPTIONS for topic in subscription.topics]
    assert "tuoqi.visits.record.v1" not in topics
    assert len(topics) == len(set(topics))
    (own,) = [one for one in SUBSCRIPTIONS if one.consumer == "tuoqi.alerts.findings"]
    assert [topic.name for topic in own.topics] == ["tuoqi.visits.finding.v1"]


def bulletin(desk: Any, colour: str, *regions: str, kind: str = "cold_wave", hours: int = 0) -> pb.IssueWarningRequest:
    """What the weather service says."""
    ends = desk.clock.now() + timedelta(hours=hours) if hours else None
    return pb.IssueWarningRequest(key="2026-17", kind=kind, colour=colour, regions=regions, ends_at=stamp_of(ends))


async def test_an_orange_warning_has_an_alert_for_each_region_and_is_taken_over_once(desk: Any) -> None:
    request = bulletin(desk, "ORANGE", "990101102000", "990101101000", "990101101201")
    first = await desk.call("clerk", "IssueWarning", request)
    again = await desk.call("reviewer", "IssueWarning", request)
    assert (again.repeated, again.warning.warning_id) == (True, first.warning.warning_id)
    assert list(first.warning.regions) == ["990101101000", "990101102000"], "a village lies in its township"
    due = first.warning.tasks_due_at.ToDatetime() - first.warning.issued_at.ToDatetime()
    assert due == timedelta(hours=24)
    assert await kinds(desk) == [("weather_warning", "region", "")] * 2
    assert sorted(kind for _, kind in await desk.said()) == ["AlertRaised", "AlertRaised", "WeatherWarningIssued"]
    assert await desk.listed("town") == ["weather_warning"]


@pytest.mark.parametrize(("kind", "visits"), [("heat", True), ("gale", False)])
async def test_a_yellow_warning_has_people_visited_where_the_county_says_so_and_no_alert(
    desk: Any, kind: str, *, visits: bool
) -> None:
    answer = await desk.call("clerk", "IssueWarning", bulletin(desk, "YELLOW", COUNTY, kind=kind))
    assert (answer.warning.HasField("tasks_due_at"), await kinds(desk)) == (visits, [])


async def test_the_alerts_of_a_warning_close_when_everybody_has_been_seen(desk: Any) -> None:
    answer = await desk.call("clerk", "IssueWarning", bulletin(desk, "RED", COUNTY))
    for cause_id in (SOME, answer.warning.warning_id):
        settled = TaskBatchSettled(cause_id=cause_id, done=5, ended=1)
        await desk.hear(TASKS, (cause_id, settled), at=desk.clock.now() + timedelta(hours=3))
    assert await kinds(desk) == [("weather_warning", "region", "tasks_done")]


async def test_a_warning_ends_by_the_clock_at_its_own_minute_however_late_it_runs(desk: Any) -> None:
    await desk.call("clerk", "IssueWarning", bulletin(desk, "RED", COUNTY, hours=30))
    ends = desk.clock.now() + timedelta(hours=30)
    async with desk.database.begin() as tx:
        assert await desk.timer.next_due(tx) == ends
    assert await desk.timer.run(ends - timedelta(seconds=1)) == 0
    assert await desk.timer.run(ends + timedelta(days=7)) == 1
    assert await desk.timer.run(ends + timedelta(days=7)) == 0
    rows = await desk.fetch("SELECT closed_at, closed_as FROM alerts")
    assert [(row.closed_at, row.closed_as) for row in rows] == [(ends, "warning_ended")]
    assert [kind for _, kind in await desk.said("tuoqi.alerts.warning.v1")] == [
        "WeatherWarningIssued",
        "WeatherWarningEnded",
    ]


async def test_a_warning_is_ended_by_hand_once_and_listed_where_it_holds(desk: Any) -> None:
    answer = await desk.call("clerk", "IssueWarning", bulletin(desk, "RED", "990101101000"))
    listing = pb.ListWarningsRequest(only_holding=True)
    for who, found in (("worker", 1), ("ma", 0), ("clerk", 1)):
        assert len((await desk.call(who, "ListWarnings", listing)).warnings) == found
    ending = pb.EndWarningRequest(warning_id=answer.warning.warning_id)
    await desk.refused("auth.no_region", "ma", "EndWarning", ending)
    await desk.call("town", "EndWarning", ending)
    await desk.refused("alerts.warning_ended", "town", "EndWarning", ending)
    assert await kinds(desk) == [("weather_warning", "region", "warning_ended")]
    assert len((await desk.call("clerk", "ListWarnings", listing)).warnings) == 0


@pytest.mark.parametrize(
    ("slug", "who", "about"),
    [
        ("alerts.unknown_warning_kind", "clerk", {"kind": "locusts"}),
        ("alerts.warning_times", "clerk", {"hours": -1}),
        ("auth.no_region", "town", {}),
    ],
)
async def test_a_warning_that_does_not_fit_is_refused(desk: Any, slug: str, who: str, about: dict[str, Any]) -> None:
    await desk.refused(slug, who, "IssueWarning", bulletin(desk, "RED", COUNTY, **about))
