"""Corrections link and never overwrite; and because of a visit that was none nobody waits longer."""

from __future__ import annotations

from typing import Any

import pytest

from tuoqi.contracts.visits.v1 import record_pb2
from tuoqi.contracts.visits.v1 import record_service_pb2 as pb

pytestmark = pytest.mark.postgres


def slugs(answers: list[pb.RecordAnswer]) -> list[str]:
    """Why each was refused; its state where it was not."""
    return [one.slug or one.state for one in answers]


def correcting(desk: Any, number: int, old: int, **changes: Any) -> pb.VisitForm:
    """A record in the place of another one."""
    record: pb.VisitForm = desk.record(number, corrects=desk.record(old).visit_id, **changes)
    return record


async def told(desk: Any, kind: type[Any]) -> list[Any]:
    """Events of a type, in order."""
    name = kind.DESCRIPTOR.full_name
    rows = await desk.rows("SELECT value FROM outbox WHERE ce_type = :name ORDER BY seq", name=name)
    return [kind.FromString(row[0]) for row in rows]


async def test_a_success_taken_back_lets_the_window_run_again_that_it_had_satisfied(desk: Any) -> None:
    """Both records stay, linked both ways; the old one counts no longer."""
    before = await desk.plan()
    await desk.upload(desk.record(1))
    assert await desk.plan() == ("2026-03-05", "2026-03-11")
    desk.go_to("2026-03-06")
    assert slugs(await desk.upload(correcting(desk, 2, 1, result="NOT_FOUND"))) == ["TAKEN"]
    assert await desk.plan() == before
    rows = "SELECT counts, not_counted_because, corrects IS NULL, corrected_by IS NULL FROM visit_records ORDER BY visit_id"
    assert await desk.rows(rows) == [(False, "corrected", True, False), (False, "not_found", False, True)]
    (corrected,) = await told(desk, record_pb2.VisitCorrected)
    assert (corrected.counts_on, corrected.result, corrected.day_empty) == ("2026-03-04", "MET", True)


async def test_a_deadline_that_only_a_false_visit_had_met_is_found_missed_now(desk: Any) -> None:
    """Once, at the moment of learning; the next window follows from it."""
    await desk.upload(desk.record(1))
    desk.go_to("2026-03-11")
    await desk.upload(correcting(desk, 2, 1, result="REFUSED"))
    assert await desk.rows("SELECT deadline::text, state FROM overdues") == [("2026-03-09", "OPEN")]
    assert await desk.plan() == ("2026-03-10", "2026-03-16")
    await desk.midnight("2026-03-12")
    mine = "SELECT count(*) FROM overdues WHERE person_id = :id"
    assert await desk.rows(mine, id=desk.make.person(1)) == [(1,)]


@pytest.mark.parametrize(("day", "states"), [("2026-03-11", ["MADE_UP"]), ("2026-03-08", [])])
async def test_a_visit_told_under_a_wrong_day_makes_up_what_was_missed_or_was_in_time(
    desk: Any, day: str, states: list[str]
) -> None:
    """The deadline was the 9th: seen on the 11th it is made up at once, seen on the 8th nothing was missed."""
    await desk.upload(desk.record(1))
    desk.go_to("2026-03-11")
    await desk.upload(correcting(desk, 2, 1, day=day))
    assert [state for (state,) in await desk.rows("SELECT state FROM overdues")] == states


async def test_nothing_becomes_open_again(desk: Any) -> None:
    """An overdue that a false visit had made up stays made up."""
    await desk.midnight("2026-03-10")
    desk.go_to("2026-03-11")
    await desk.upload(desk.record(1, day="2026-03-11"))
    assert await desk.rows("SELECT state FROM overdues WHERE person_id = :id", id=desk.make.person(1)) == [("MADE_UP",)]
    await desk.upload(correcting(desk, 2, 1, day="2026-03-11", hour=10, result="NOT_FOUND"))
    assert await desk.rows("SELECT state FROM overdues WHERE person_id = :id", id=desk.make.person(1)) == [("MADE_UP",)]
    assert await desk.plan() == ("2026-03-10", "2026-03-16")


async def test_a_correction_that_succeeds_counts_on_its_own_day(desk: Any) -> None:
    """A failed try that was none; the window goes by the new record."""
    await desk.upload(desk.record(1, day="2026-03-03", result="NOT_FOUND"))
    await desk.upload(correcting(desk, 2, 1, day="2026-03-03"))
    assert await desk.plan() == ("2026-03-04", "2026-03-10")
    assert await desk.rows("SELECT counts FROM visit_records ORDER BY visit_id") == [(False,), (True,)]


async def test_tries_are_counted_without_the_record_that_was_wrong(desk: Any) -> None:
    """The alert about two failed tries ends where one of them was none, and begins where a success was none."""
    kinds = "SELECT ce_type FROM outbox WHERE ce_type LIKE '%Tr%' ORDER BY seq"
    await desk.upload(desk.record(1, hour=8, result="NOT_FOUND"), desk.record(2, hour=9, result="REFUSED"))
    await desk.upload(correcting(desk, 3, 2, hour=9, result="MOVED"))
    assert [row[0].rsplit(".", 1)[1] for row in await desk.rows(kinds)] == ["TwoTriesFailed", "FailedTriesEnded"]
    desk.go_to("2026-03-05")
    await desk.upload(desk.record(4, day="2026-03-05"))
    # What the plan kept of tries was the last two; the older failed one is remembered all the same.
    await desk.upload(correcting(desk, 5, 4, day="2026-03-05", result="NOT_FOUND"))
    assert [row[0].rsplit(".", 1)[1] for row in await desk.rows(kinds)][2:] == ["TwoTriesFailed"]


async def test_corrections_chain_and_only_the_tip_is_corrected(desk: Any) -> None:
    """Somebody else's record, one that is not here, and one that was corrected before are refused."""
    other = desk.make.person(2)
    await desk.upload(desk.record(1), desk.record(7, person_id=other))
    answers = await desk.upload(
        correcting(desk, 2, 1, result="REFUSED"),
        correcting(desk, 3, 1),
        correcting(desk, 4, 7),
        correcting(desk, 5, 99),
        correcting(desk, 6, 2, result="MET", hour=10),
        correcting(desk, 2, 1, result="REFUSED"),
    )
    assert slugs(answers) == [
        "TAKEN",
        "visits.corrected_already",
        "visits.corrects_other_person",
        "visits.corrects_unknown",
        "TAKEN",
        "HERE",
    ]
    assert [one.send_again for one in answers] == [False, False, False, True, False, False]
    async with desk.stub("clerk.li") as stub:
        for number in (1, 2, 6):
            answer = await stub.GetRecord(pb.GetRecordRequest(visit_id=desk.record(number).visit_id))
            assert [one.visit_id for one in answer.chain] == [desk.record(n).visit_id for n in (1, 2, 6)]
            assert [one.counts for one in answer.chain] == [False, False, True]


async def test_a_day_with_another_visit_is_not_empty(desk: Any) -> None:
    """Whoever counts days keeps it."""
    await desk.upload(desk.record(1), desk.record(2, hour=10))
    await desk.upload(correcting(desk, 3, 1, result="REFUSED"))
    assert [one.day_empty for one in await told(desk, record_pb2.VisitCorrected)] == [False]
    assert [one.not_counted_because for one in await told(desk, record_pb2.VisitRecorded)] == ["", "", "refused"]
