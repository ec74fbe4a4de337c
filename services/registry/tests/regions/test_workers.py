"""Workers and posts by file and command on a real PostgreSQL: intervals, hand-over, coverage; names stay sealed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.contracts.registry.v1 import region_service_pb2, worker_pb2
from tuoqi.contracts.registry.v1 import worker_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor, acting
from tuoqi.registry.jobs.coverage_file import CoverageExporter

from .conftest import CLERK, TOWN_CLERK, Desks, Row, number, person

pytestmark = pytest.mark.postgres
A, B, TOWN = "990101101201", "990101101202", "990101101000"
DIRECTOR, SUPERVISOR = "village_child_director", "township_child_supervisor"


def post(sequence: int, kind: str, region: str, since: str, to: str = "", **more: str) -> Row:
    """A row of workers.csv."""
    row = {"name": f"村干{sequence}", "id_number": number("19800505", sequence), "phone": "13900001234"}
    return {**row, "post": kind, "region": region, "from": since, "to": to, **more}


async def coverage(desks: Desks, actor: Actor = CLERK, **asked: Any) -> dict[str, tuple[int, int]]:
    """By kind required and filled."""
    with acting(actor):
        answer = await desks.workers.GetCoverage(pb.GetCoverageRequest(**asked), None)
    return {one.kind: (one.required, one.filled) for one in answer.totals}


async def vacancies(desks: Desks, **asked: Any) -> list[tuple[str, str]]:
    with acting(CLERK):
        answer = await desks.workers.GetCoverage(pb.GetCoverageRequest(kinds=[DIRECTOR], **asked), None)
    return [(one.region_zh, one.vacant_since) for one in answer.vacancies]


async def appoint(desks: Desks, sequence: int, kind: str, region: str, since: str, actor: Actor = CLERK) -> Any:
    named = pb.WorkerNamed(name=f"村干{sequence}", id_number=number("19800505", sequence), phone="13900001234")
    request = pb.AppointWorkerRequest(person=named, kind=kind, region=region, began_on=since)
    with acting(actor):
        return await desks.workers.AppointWorker(request, None)


async def listed(desks: Desks, actor: Actor = CLERK, **asked: Any) -> list[pb.Worker]:
    with acting(actor):
        return list((await desks.workers.ListWorkers(pb.ListWorkersRequest(**asked), None)).workers)


async def test_a_file_fills_posts_and_tells_who_by_id_only(desks: Desks) -> None:
    done = await desks.office.load("workers", post(1, "儿童主任", A, "2021-03-01"), post(1, "网格员", B, "2022-01-01"))
    assert (done.changed, done.events, done.problems) == (2, 2, [])
    said = await desks.office.said(worker_pb2.WorkerPostsChanged)
    assert [(one.version, [held.kind for held in one.message.posts]) for one in said] == [
        (1, [DIRECTOR]), (2, [DIRECTOR, "grid_worker"]),
    ]  # fmt: skip
    assert said[0].key == said[0].message.worker_id == said[1].key
    for table in ("workers", "posts", "outbox"):
        for row in await desks.office.fetch(f"SELECT CAST(t AS text) AS content FROM {table} t"):
            assert not [one for one in ("村干1", number("19800505", 1), "13900001234") if one in row.content]
            assert number("19800505", 1).encode().hex() not in row.content


async def test_the_same_row_changes_nothing_and_a_last_day_ends_the_same_post(desks: Desks) -> None:
    office = desks.office
    await office.load("workers", post(1, DIRECTOR, A, "2021-03-01"))
    again = await office.load("workers", post(1, DIRECTOR, A, "2021-03-01"))
    assert (again.unchanged, again.events) == (1, 0)
    ended = await office.load("workers", post(1, DIRECTOR, A, "2021-03-01", "2026-06-30"))
    assert (ended.changed, ended.events) == (1, 1)
    (row,) = await office.fetch("SELECT ended_on FROM posts")
    assert row.ended_on.isoformat() == "2026-06-30"
    reopened = await office.load("workers", post(1, DIRECTOR, A, "2021-03-01", "清空"))
    assert reopened.events == 1
    only_phone = await office.load("workers", post(1, DIRECTOR, A, "2021-03-01", phone="13900009999"))
    assert (only_phone.changed, only_phone.events) == (1, 0)


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (post(2, DIRECTOR, A, "2022-01-01"), "起"),
        (post(2, DIRECTOR, TOWN, "2022-01-01"), "区划"),
        (post(2, DIRECTOR, "990101101999", "2022-01-01"), "区划"),
        (post(2, "grid_worker", A, "2022-01-01", "2021-12-31"), "止"),
        (post(2, "grid_worker", A, "2026-11-23"), "起"),
        ({**post(2, "grid_worker", A, "2022-01-01"), "id_number": "990101198005050022"}, "证件号码"),
        ({**post(2, "grid_worker", A, "2022-01-01"), "name": ""}, "姓名"),
    ],
)
async def test_a_row_that_cannot_be_is_rejected_with_its_column(desks: Desks, row: Row, column: str) -> None:
    await desks.office.load("workers", post(1, DIRECTOR, A, "2021-03-01"))
    done = await desks.office.load("workers", row)
    assert [problem.column.partition("[")[0] for problem in desks.office.refused(done)] == [column]
    assert len(await desks.office.fetch("SELECT 1 FROM posts")) == 1


async def test_coverage_counts_each_village_once_and_names_the_vacant_ones(desks: Desks) -> None:
    everywhere = [f"9901011{town:02d}20{village}" for town in (1, 2, 3) for village in (1, 2, 3)]
    rows = [post(place, DIRECTOR, code, "2021-03-01") for place, code in enumerate(everywhere[2:], start=1)]
    await desks.office.load("workers", *rows, post(90, DIRECTOR, A, "2021-03-01", "2026-09-30"))
    found = await coverage(desks)
    assert found[DIRECTOR] == (9, 7)
    assert found[SUPERVISOR] == (3, 0)
    assert found["protection_center"] == (1, 0)
    assert await vacancies(desks) == [("村11", "2026-10-01"), ("村12", "2019-05-27")]
    assert await vacancies(desks, as_of="2026-09-30") == [("村12", "2019-05-27")]
    assert await coverage(desks, as_of="2019-05-26") == {}
    assert await coverage(desks, TOWN_CLERK, kinds=[DIRECTOR]) == {DIRECTOR: (3, 1)}


async def test_coverage_is_as_it_was_known_at_the_moment(desks: Desks) -> None:
    first = desks.office.clock.now()
    await desks.office.load("workers", post(1, DIRECTOR, A, "2021-03-01"))
    desks.office.clock.move_to(datetime(2026, 11, 25, 1, tzinfo=UTC))
    await desks.office.load("workers", post(1, DIRECTOR, A, "2021-03-01", "2026-11-01"))
    later = pb.GetCoverageRequest(kinds=[DIRECTOR], as_of="2026-11-20")
    assert await coverage(desks, kinds=[DIRECTOR], as_of="2026-11-20") == {DIRECTOR: (9, 0)}
    later.known_at.FromDatetime(first)
    with acting(CLERK):
        then = await desks.workers.GetCoverage(later, None)
    assert then.totals[0].filled == 1


async def test_the_post_of_a_merged_village_is_held_in_the_village_that_it_is_now(desks: Desks) -> None:
    await desks.office.load("workers", post(1, DIRECTOR, A, "2021-03-01"), post(2, DIRECTOR, B, "2021-03-01"))
    merger = region_service_pb2.ChangeRegionRequest(
        kind="merge",
        old_codes=[A, B],
        new_regions=[region_service_pb2.RegionAfter(code="990101101301", name="新村")],
        effective_on="2026-11-01",
        document_no="一号",
    )
    with acting(CLERK):
        await desks.regions.ChangeRegion(merger, None)
    assert await coverage(desks, kinds=[DIRECTOR], region=TOWN) == {DIRECTOR: (2, 1)}
    assert await coverage(desks, kinds=[DIRECTOR], region=TOWN, as_of="2026-10-31") == {DIRECTOR: (3, 2)}
    assert len(await listed(desks, region="990101101301", kind=DIRECTOR)) == 2


async def test_a_hand_over_ends_and_opens_in_one_act(desks: Desks) -> None:
    given = await appoint(desks, 1, DIRECTOR, A, "2021-03-01")
    with pytest.raises(TuoqiError, match="post_taken"):
        await appoint(desks, 2, DIRECTOR, A, "2026-11-01")
    named = pb.WorkerNamed(name="村干2", id_number=number("19800505", 2))
    request = pb.HandOverPostRequest(post_id=given.post_id, person=named, on="2026-11-01")
    with acting(CLERK):
        answer = await desks.workers.HandOverPost(request, None)
    assert [(one.ended_on, one.end_reason) for one in answer.before.posts] == [("2026-10-31", "handed_over")]
    assert [(one.began_on, one.ended_on) for one in answer.after.posts] == [("2026-11-01", "")]
    said = await desks.office.said(worker_pb2.WorkerPostsChanged)
    assert [one.version for one in said] == [1, 2, 1]
    assert [one.name for one in await listed(desks, kind=DIRECTOR, as_of="2026-10-31")] == ["村干1"]
    assert [one.name for one in await listed(desks, kind=DIRECTOR)] == ["村干2"]


async def test_a_post_recorded_by_mistake_never_was(desks: Desks) -> None:
    given = await appoint(desks, 1, DIRECTOR, A, "2026-10-01")
    with acting(CLERK):
        answer = await desks.workers.EndPost(
            pb.EndPostRequest(post_id=given.post_id, ended_on="2026-09-30", end_reason="mistake"), None
        )
        with pytest.raises(TuoqiError, match="post_reason"):
            await desks.workers.EndPost(
                pb.EndPostRequest(post_id=given.post_id, ended_on="2026-11-01", end_reason="bored"), None
            )
    assert list(answer.worker.posts) == []
    assert await vacancies(desks, region=TOWN) == [(name, "2019-05-27") for name in ("村11", "村12", "村13")]
    await appoint(desks, 1, DIRECTOR, A, "2026-10-01")
    assert await coverage(desks, kinds=[DIRECTOR], region=TOWN) == {DIRECTOR: (3, 1)}


async def test_numbers_and_phones_are_masked_unless_revealed_and_lists_end_at_the_askers_regions(desks: Desks) -> None:
    await desks.office.load("persons", person("19800505", 1, A))
    await appoint(desks, 1, DIRECTOR, A, "2021-03-01")
    await appoint(desks, 2, DIRECTOR, "990101102201", "2021-03-01")
    masked, _ = sorted(await listed(desks), key=lambda one: one.name)
    assert (masked.id_number, masked.phone) == ("990101********" + number("19800505", 1)[-4:], "139****1234")
    full = sorted(await listed(desks, reveal=True), key=lambda one: one.name)
    assert full[0].id_number == number("19800505", 1)
    (row,) = await desks.office.fetch("SELECT person_id FROM persons")
    assert [one.person_id for one in full] == [row.person_id, ""]
    assert [one.name for one in await listed(desks, TOWN_CLERK)] == ["村干1"]
    with acting(Actor(user="clerk.li")), pytest.raises(TuoqiError, match=r"auth\.no_right"):
        await desks.workers.ListWorkers(pb.ListWorkersRequest(reveal=True), None)
    with pytest.raises(TuoqiError, match=r"auth\.no_region"):
        await appoint(desks, 3, DIRECTOR, "990101103201", "2021-03-01", TOWN_CLERK)


async def test_workers_come_in_pages(desks: Desks) -> None:
    await desks.office.load("workers", *(post(one, "loving_mother", A, "2024-01-01") for one in range(1, 8)))
    found: list[str] = []
    token = ""
    while True:
        with acting(CLERK):
            answer = await desks.workers.ListWorkers(pb.ListWorkersRequest(page_size=3, page_token=token), None)
        found += [one.worker_id for one in answer.workers]
        token = answer.next_page_token
        if not token:
            break
    assert len(found) == len(set(found)) == 7
    assert found == sorted(found)


async def test_the_coverage_file_has_a_row_for_every_required_post(desks: Desks) -> None:
    await appoint(desks, 1, DIRECTOR, A, "2021-03-01")
    exporter = CoverageExporter(desks.office.database, desks.office.desk)
    (rows,) = [run async for run in exporter.rows(table_pb2.ExportRowsRequest(kind="posts_coverage"), TOWN_CLERK)]
    directors = [(row["region_name"], row["filled"]) for row in rows if row["post"] == DIRECTOR]
    assert directors == [("村11", 1), ("村12", 0), ("村13", 0)]
    assert {row["post"] for row in rows} >= {"protection_station", "protection_room", "grid_worker", SUPERVISOR}
