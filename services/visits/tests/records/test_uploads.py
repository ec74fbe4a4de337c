"""Devices upload records over gRPC: each lands once, is answered by itself, and counts on its own day."""

from __future__ import annotations

import asyncio
import random
from time import perf_counter
from typing import Any

import grpc
import pytest

from tuoqi.contracts.visits.v1 import record_service_pb2 as pb
from tuoqi.kit.rpc.client import refusal_of
from tuoqi.kit.stamps import stamp_of

pytestmark = pytest.mark.postgres
EVERYTHING = """
SELECT (SELECT json_agg(p ORDER BY person_id) FROM plans p)::text, (SELECT json_agg(o) FROM overdues o)::text,
       (SELECT json_agg(r ORDER BY visit_id) FROM visit_records r)::text, (SELECT count(*) FROM outbox)
"""


def states(answers: list[pb.RecordAnswer]) -> list[tuple[str, str]]:
    """What became of each record, and why not."""
    return [(one.state, one.slug) for one in answers]


async def test_the_same_upload_twice_changes_nothing_and_is_answered_alike(desk: Any) -> None:
    """Tables and outbox stay as they are."""
    batch = [desk.record(1), desk.record(2, hour=10, result="NOT_FOUND"), desk.record(1)]
    assert states(await desk.upload(*batch)) == [("TAKEN", ""), ("TAKEN", ""), ("HERE", "")]
    before = await desk.rows(EVERYTHING)
    desk.go_to("2026-03-05")
    assert [one.state for one in await desk.upload(*batch)] == ["HERE"] * 3
    assert await desk.rows(EVERYTHING) == before


async def test_an_id_with_other_content_is_refused_and_never_overwrites(desk: Any) -> None:
    """Also where only a sealed part differs, and from another person."""
    await desk.upload(desk.record(1, note="在家"))
    before = await desk.rows(EVERYTHING)
    others = [desk.record(1, note="不在家"), desk.record(1, result="REFUSED"), desk.record(1)]
    others.append(desk.record(1, note="在家", person_id=desk.make.person(2)))
    assert states(await desk.upload(*others)) == [("REFUSED", "visits.record_differs")] * 4
    assert await desk.rows(EVERYTHING) == before


async def test_each_bad_record_is_refused_by_itself_with_the_field_to_mend(desk: Any) -> None:
    """The good ones around it are taken."""
    bad = {
        "visit_id": desk.record(1, visit_id="7"),
        "person_id": desk.record(2, person_id=desk.make.person(9)),
        "channel": desk.record(3, channel="PIGEON"),
        "result": desk.record(4, result="SLEPT"),
        "visitor_role": desk.record(5, visitor_role="king"),
        "findings": desk.record(6, findings=["张三病了"]),
        "services": desk.record(7, services={"meal": 0}),
        "checklist": desk.record(8, checklist={"gas": "perhaps"}),
        "ended_at": desk.record(9, ended_at=stamp_of(desk.make.at("2026-03-03"))),
        "attachments": desk.record(10, attachments=[pb.AttachmentRef(kind="photo", sha256="a" * 64)]),
        "started_at": desk.record(11, day="1930-01-01"),
        "place": desk.record(12, place=pb.Place(latitude=91, longitude=0)),
        "note": desk.record(13, note="长" * 501),
        "corrects": desk.record(14, corrects=desk.record(14).visit_id),
    }
    answers = await desk.upload(desk.record(20), *bad.values(), desk.record(21, hour=11))
    assert [one.state for one in answers] == ["TAKEN", *["REFUSED"] * len(bad), "TAKEN"]
    assert [one.field for one in answers[1:-1]] == list(bad)
    assert all(one.reason and "{" not in one.reason for one in answers[1:-1])
    assert await desk.rows("SELECT count(*) FROM visit_records") == [(2,)]


async def test_a_check_for_children_is_not_taken_of_an_elder(desk: Any) -> None:
    """The list of checks goes by the person's age."""
    answers = await desk.upload(desk.record(1, checklist={"gas": "ok", "guardian_present": "ok"}))
    assert states(answers) == [("REFUSED", "visits.record_field")]
    assert "监护人是否在家" in answers[0].reason


async def test_nobody_uploads_reads_or_reveals_beyond_his_regions(desk: Any) -> None:
    """The worker of one village, a person of another township."""
    theirs = desk.record(1, person_id=desk.make.person(3))
    assert states(await desk.upload(theirs)) == [("REFUSED", "visits.record_region")]
    assert states(await desk.upload(theirs, user="clerk.li")) == [("TAKEN", "")]
    async with desk.stub(purpose="核对") as stub:
        for call in (
            stub.ListRecords(pb.ListRecordsRequest(person_id=desk.make.person(3))),
            stub.GetRecord(pb.GetRecordRequest(visit_id=theirs.visit_id)),
            stub.RevealRecord(pb.RevealRecordRequest(visit_id=theirs.visit_id)),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                await call
            assert refusal_of(refused.value).slug == "auth.no_region"


async def test_a_record_is_kept_whole_and_its_private_parts_are_sealed(desk: Any) -> None:
    """Place rounded, grade and plan of the moment, both times; nothing private stands in plain columns or events."""
    record = desk.record(
        1, visitor="访员甲", note="药快没了", checklist={"medicines": "concern"}, created_offline=True,
        place=pb.Place(latitude=30.123456, longitude=104.987654), findings=["no_medicine"], services={"meal": 2},
        ended_at=stamp_of(desk.make.at("2026-03-04", 10)), visitor_role="grid_worker",
    )  # fmt: skip
    assert states(await desk.upload(record)) == [("TAKEN", "")]
    async with desk.stub("worker.tian") as stub:
        shown = (await stub.GetRecord(pb.GetRecordRequest(visit_id=record.visit_id))).record
        with pytest.raises(grpc.RpcError) as refused:
            await stub.RevealRecord(pb.RevealRecordRequest(visit_id=record.visit_id))
        assert refusal_of(refused.value).slug == "auth.no_purpose"
    assert (shown.grade, shown.plan_number, shown.counts, shown.way, shown.uploaded_by) == (
        "HIGH", 1, True, "device", "worker.tian"
    )  # fmt: skip
    assert shown.created_offline
    assert dict(shown.services) == {"meal": 2}
    async with desk.stub("worker.tian", "核对用药") as stub:
        private = await stub.RevealRecord(pb.RevealRecordRequest(visit_id=record.visit_id))
    assert (private.visitor, private.note) == ("访员甲", "药快没了")
    assert (private.place.latitude, private.place.longitude) == (30.12, 104.99)
    assert [(one.name, one.word) for one in private.checklist] == [("药品是否齐备", "有问题")]
    written = str(await desk.rows("SELECT CAST(r AS text) FROM visit_records r"))
    told = b"".join(row[0] for row in await desk.rows("SELECT value FROM outbox"))
    for text in ("访员甲", "药快没了", "medicines", "30.12"):
        assert text not in written
        assert text.encode().hex() not in written
        assert text.encode() not in told
    audit = await desk.rows("SELECT purpose, outcome FROM audit WHERE method LIKE '%RevealRecord' ORDER BY id")
    assert audit[-2:] == [("核对用药", "begun"), ("核对用药", "ok")]


async def test_a_sensor_is_neither_a_visit_nor_a_try(desk: Any) -> None:
    """It is kept, says why it does not count, and moves nothing."""
    window = await desk.plan()
    await desk.upload(desk.record(1, channel="SENSOR"), desk.record(2, channel="SENSOR", result="NOT_FOUND"))
    assert await desk.rows("SELECT counts, not_counted_because FROM visit_records") == [(False, "channel")] * 2
    assert await desk.plan() == window


async def test_wrong_clocks_are_marked_and_both_times_kept(desk: Any) -> None:
    """Ahead: it counts on the day of arrival. Years behind: on its own day."""
    answers = await desk.upload(desk.record(1, day="2031-01-01"), desk.record(2, day="2019-05-01"), desk.record(3))
    assert [one.clock_doubted for one in answers] == [True, True, False]
    rows = await desk.rows("SELECT counts_on::text, clock_ahead, clock_behind FROM visit_records ORDER BY visit_id")
    assert rows == [("2026-03-04", True, False), ("2019-05-01", False, True), ("2026-03-04", False, False)]


async def test_lists_say_what_counts_and_why_not_page_by_page(desk: Any) -> None:
    """The newest first, none twice."""
    await desk.upload(*(desk.record(number, day=f"2026-03-0{1 + number % 3}", hour=number) for number in range(1, 8)))
    await desk.upload(desk.record(9, hour=11, result="REFUSED"))
    seen: list[pb.RecordSummary] = []
    token = ""
    async with desk.stub("clerk.li") as stub:
        while True:
            request = pb.ListRecordsRequest(person_id=desk.make.person(1), page_size=3, page_token=token)
            answer = await stub.ListRecords(request)
            seen += answer.records
            token = answer.next_page_token
            if not token:
                break
    assert len({one.visit_id for one in seen}) == len(seen) == 8
    assert [one.counts_on for one in seen] == sorted((one.counts_on for one in seen), reverse=True)
    assert [(one.counts, one.not_counted_reason) for one in seen if one.result == "REFUSED"] == [
        (False, "本人或家人拒绝")
    ]


def days_work(desk: Any, source: random.Random) -> list[pb.VisitForm]:
    """What two devices collect in three days without a network."""
    records = []
    for number in range(40):
        person = desk.make.person(source.choice((1, 2)))
        day = f"2026-03-{source.randint(3, 6):02d}"
        result = source.choice(("MET", "MET", "NOT_FOUND", "REFUSED", "INFORMANT_ONLY", "MOVED"))
        # Each at a second of its own: what happens at equal times is told apart by arrival.
        started = desk.make.at(day, source.randint(7, 18))
        started = started.replace(minute=number)
        records.append(desk.record(number, person_id=person, result=result, started_at=stamp_of(started)))
    return records


STATE = """
SELECT (SELECT json_agg(json_build_array(person_id, grade, window_first, deadline, opened_on) ORDER BY person_id)
        FROM plans)::text,
       (SELECT json_agg(json_build_array(person_id, deadline, state) ORDER BY person_id, deadline) FROM overdues)::text,
       (SELECT json_agg(json_build_array(visit_id, person_id, started_at, counts_on, counts, grade) ORDER BY visit_id)
        FROM visit_records)::text,
       (SELECT json_agg(state::json -> 'plan' -> 'tries' ORDER BY person_id) FROM plans)::text
"""


@pytest.mark.parametrize("seed", range(3))
async def test_two_devices_late_shuffled_and_repeated_end_as_punctual_ones_do(new_desk: Any, seed: int) -> None:
    """Three days without a network change when records arrive, and nothing of what they amount to."""
    source = random.Random(seed)  # noqa: S311
    punctual, late = await new_desk(), await new_desk()
    records = days_work(punctual, source)
    for one in sorted(records, key=lambda record: record.started_at.seconds):
        punctual.clock.move_to(max(punctual.clock.now(), one.started_at.ToDatetime(punctual.clock.now().tzinfo)))
        await punctual.upload(one)
    punctual.go_to("2026-03-07")
    late.go_to("2026-03-07")
    shuffled = [*records, *source.sample(records, 15)]
    source.shuffle(shuffled)
    for device in (shuffled[::2], shuffled[1::2]):
        sent = 0
        while sent < len(device):
            size = source.randint(1, 9)
            await late.upload(*device[sent : sent + size])
            # The answer was lost on the way: the device sends some of it again.
            sent += source.randint(1, size)
    for desk in (punctual, late):
        await desk.midnight("2026-03-12")
    once = "SELECT count(*), count(DISTINCT visit_id) FROM visit_records"
    assert await late.rows(once) == [(40, 40)]
    assert await late.rows(STATE) == await punctual.rows(STATE)


async def test_an_upload_never_holds_the_loop_longer_than_others_may_wait(desk: Any) -> None:
    """500 records in one batch; somebody else's turn comes within 50 ms of work, on a busy machine within four times."""
    longest = 0.0

    async def breathe() -> None:
        nonlocal longest
        while True:
            begun = perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, perf_counter() - begun)

    async with desk.stub("clerk.li") as stub:
        other = asyncio.create_task(breathe())
        people = [desk.make.person(1 + number % 3) for number in range(500)]
        batch = [desk.record(number, person_id=person, hour=8) for number, person in enumerate(people)]
        answers = [one async for one in stub.UploadRecords(iter([pb.UploadRecordsRequest(records=batch)]))]
        other.cancel()
    assert {one.state for one in answers[0].answers} == {"TAKEN"}
    assert longest < 0.2, longest
