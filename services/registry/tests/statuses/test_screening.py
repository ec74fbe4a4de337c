"""Screening lists on a real PostgreSQL: who stands on them, and what a row comes to."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from tuoqi.contracts.registry.v1 import screening_service_pb2 as pb
from tuoqi.contracts.visits.v1 import record_pb2
from tuoqi.kit import projection
from tuoqi.kit.commands import Commander
from tuoqi.kit.errors import TuoqiError, register_errors
from tuoqi.kit.rights import Actor, acting
from tuoqi.registry.consumer import VISITED_DAYS
from tuoqi.registry.domain.errors import REFUSALS
from tuoqi.registry.rpc.screening import ScreeningServicer

pytestmark = pytest.mark.postgres
register_errors(REFUSALS)
Row = dict[str, str]
CLERK = Actor(user="clerk.li", purpose="动态排查")
HERE, THERE = "990101101201", "990101102201"


@pytest.fixture
def screening(office: Any) -> ScreeningServicer:
    commander = Commander({}, office.database, office.desk.origin, lambda: None)
    return ScreeningServicer(office.database, office.desk, commander)


def born(temp_id: str, day: str, region: str = HERE) -> Row:
    return {"name": "测试", "temp_id": temp_id, "sex": "F", "birth_date": day, "hukou_region": region}


async def names(office: Any) -> dict[str, str]:
    """Person id → temporary id, by order of loading."""
    rows = await office.fetch("SELECT person_id, temp_hash FROM persons")
    vault = office.desk.vault
    known = {vault.temp_hash(f"T{n}"): f"T{n}" for n in range(1, 30)}
    return {row.person_id: known[row.temp_hash] for row in rows}


async def run(screening: ScreeningServicer, key: str, day: str = "", actor: Actor = CLERK) -> tuple[int, int, int]:
    with acting(actor):
        done = await screening.RunScreening(pb.RunScreeningRequest(list=key, day=day), None)
    return done.found, done.added, done.gone


async def listed(office: Any, screening: ScreeningServicer, key: str, actor: Actor = CLERK) -> list[str]:
    known = await names(office)
    with acting(actor):
        answer = await screening.ListScreening(pb.ListScreeningRequest(list=key), None)
    return sorted(known[row.person_id] for row in answer.rows)


async def decide(screening: ScreeningServicer, number: int, outcome: str, remark: str = "") -> pb.ScreeningRow:
    with acting(CLERK):
        request = pb.DecideRowRequest(number=number, outcome=outcome, remark=remark)
        return (await screening.DecideRow(request, None)).row


async def first_row(screening: ScreeningServicer, key: str) -> pb.ScreeningRow:
    with acting(CLERK):
        return (await screening.ListScreening(pb.ListScreeningRequest(list=key), None)).rows[0]


async def test_old_people_without_an_acceptance_are_found_and_let_go(office: Any, screening: ScreeningServicer) -> None:
    await office.load(
        "persons",
        born("T1", "1946-12-22"),
        born("T2", "1946-12-23"),
        born("T3", "1930-01-01"),
        born("T4", "1930-01-01"),
    )
    await office.load("statuses", {"temp_id": "T4", "category": "old_age_accepted", "decided_on": "2020-01-01"})
    assert await run(screening, "old_age_not_applied") == (2, 2, 0)
    assert await listed(office, screening, "old_age_not_applied") == ["T1", "T3"]
    assert await run(screening, "old_age_not_applied") == (2, 0, 0)
    await office.load("statuses", {"temp_id": "T3", "category": "old_age_accepted", "decided_on": "2026-11-22"})
    assert await run(screening, "old_age_not_applied") == (1, 0, 1)
    assert await listed(office, screening, "old_age_not_applied") == ["T1"]


async def test_dead_and_absent_people_are_looked_for_by_no_other_list(
    office: Any, screening: ScreeningServicer
) -> None:
    await office.load("persons", *(born(f"T{n}", "1940-01-01") for n in range(1, 4)))
    await office.load("statuses", {"temp_id": "T1", "category": "tekun", "subtype": "集中", "level": "half"})
    await office.load("statuses", {"temp_id": "T1", "category": "dibao", "amount": "1", "decided_on": "2026-01-01"})
    await office.load("deaths", {"temp_id": "T1", "death_date": "2026-11-01"})
    await office.load("moves", {"temp_id": "T2", "moved_out_on": "2026-11-01"})
    await run(screening, "old_age_not_applied")
    await run(screening, "died_still_open")
    assert await listed(office, screening, "old_age_not_applied") == ["T3"]
    assert await listed(office, screening, "died_still_open") == ["T1"]


async def test_children_without_a_signed_agreement_are_found(office: Any, screening: ScreeningServicer) -> None:
    await office.load(
        "persons",
        *(born(f"T{n}", "2015-01-01") for n in range(1, 4)),
        born("T4", "2000-01-01"),
        born("T9", "1960-01-01"),
    )
    left = {"category": "left_behind_child", "decided_on": "2026-01-01"}
    await office.load("statuses", *({"temp_id": f"T{n}", **left} for n in range(1, 5)))
    known = {name: person_id for person_id, name in (await names(office)).items()}
    insert = (
        "INSERT INTO guardianships (guardianship_id, child_id, kind, began_on, ended_on, signed_on, private, known_at)"
        " VALUES (:id, :child, 'entrusted', '2026-01-01', :ended, '2026-01-02', '', now()) RETURNING 1"
    )
    await office.fetch(insert, id="g1", child=known["T1"], ended=None)
    await office.fetch(insert, id="g2", child=known["T2"], ended=date(2026, 10, 1))
    await run(screening, "left_behind_without_carer")
    assert await listed(office, screening, "left_behind_without_carer") == ["T2", "T3"]
    await run(screening, "grown_up_on_child_category")
    assert await listed(office, screening, "grown_up_on_child_category") == ["T4"]
    with pytest.raises(TuoqiError, match="purpose"):
        await run(screening, "left_behind_without_carer", actor=Actor(user="clerk.li"))


async def test_a_lapsed_certificate_counts_until_a_new_one_or_an_end(office: Any, screening: ScreeningServicer) -> None:
    await office.load("persons", *(born(f"T{n}", "1970-01-01") for n in range(1, 5)))
    paper = {"category": "disability", "subtype": "4", "level": "2", "decided_on": "2020-01-01"}
    await office.load(
        "statuses",
        {"temp_id": "T1", **paper, "valid_until": "2026-11-21"},
        {"temp_id": "T2", **paper, "valid_until": "2026-11-22"},
        {"temp_id": "T3", **paper, "valid_until": "2026-11-21"},
        {"temp_id": "T3", **paper, "decided_on": "2026-11-01", "valid_until": "2036-11-21"},
        {"temp_id": "T4", **paper, "valid_until": "2026-11-21", "ended_on": "2026-11-20"},
    )
    await run(screening, "certificate_lapsed")
    assert await listed(office, screening, "certificate_lapsed") == ["T1"]
    assert await run(screening, "certificate_lapsed", day="2026-11-21") == (0, 0, 1)


async def test_whoever_was_met_once_is_no_longer_never_visited(office: Any, screening: ScreeningServicer) -> None:
    await office.load("persons", *(born(f"T{n}", "1940-01-01") for n in range(1, 4)))
    alone = {"category": "living_alone_elder", "decided_on": "2026-01-01"}
    await office.load("statuses", *({"temp_id": f"T{n}", **alone} for n in range(1, 4)))
    known = {name: person_id for person_id, name in (await names(office)).items()}
    rows = []
    for name, result in (("T1", "MET"), ("T2", "NOT_FOUND"), ("T1", "MET")):
        record = record_pb2.VisitRecorded(
            person_id=known[name], started_at=Timestamp(), counts_on="2026-11-20", channel="IN_PERSON", result=result
        )
        row = VISITED_DAYS.on[record_pb2.VisitRecorded](record, 1)
        rows += [row] if row else []
    async with office.database.begin() as tx:
        await projection.write(tx, VISITED_DAYS, rows)
        await projection.write(tx, VISITED_DAYS, rows)
    await run(screening, "never_visited")
    assert await listed(office, screening, "never_visited") == ["T2", "T3"]


async def test_a_decided_row_keeps_its_person_off_for_as_long_as_the_county_says(
    office: Any, screening: ScreeningServicer
) -> None:
    await office.load("persons", born("T1", "1940-01-01"))
    await run(screening, "old_age_not_applied")
    row = await first_row(screening, "old_age_not_applied")
    done = await decide(screening, row.number, "已申请", "电话里说过")
    assert (done.outcome, done.decided_by, done.again_on) == ("applied", "clerk.li", "2027-01-21")
    (kept,) = await office.fetch("SELECT private FROM screening_rows")
    assert "电话".encode() not in bytes(kept.private)
    assert await run(screening, "old_age_not_applied") == (0, 0, 0)
    office.clock.move_to(datetime(2027, 1, 21, 1, tzinfo=UTC))
    assert await run(screening, "old_age_not_applied") == (1, 1, 0)
    await decide(screening, (await first_row(screening, "old_age_not_applied")).number, "not_eligible")
    office.clock.move_to(office.clock.now() + timedelta(days=3_000))
    assert await run(screening, "old_age_not_applied") == (0, 0, 0)


async def test_rows_are_decided_once_and_by_the_lists_own_words(office: Any, screening: ScreeningServicer) -> None:
    await office.load("persons", born("T1", "1940-01-01"))
    await run(screening, "old_age_not_applied")
    number = (await first_row(screening, "old_age_not_applied")).number
    with pytest.raises(TuoqiError, match="outcome_unknown"):
        await decide(screening, number, "随便")
    await decide(screening, number, "refused")
    with pytest.raises(TuoqiError, match="row_closed"):
        await decide(screening, number, "refused")
    with pytest.raises(TuoqiError, match="row_unknown"):
        await decide(screening, number + 1, "refused")
    with pytest.raises(TuoqiError, match="list_unknown"):
        await run(screening, "nothing")
    with pytest.raises(TuoqiError, match="day_in_future"):
        await run(screening, "old_age_not_applied", day="2026-11-23")


async def test_everybody_sees_and_closes_only_his_own_regions(office: Any, screening: ScreeningServicer) -> None:
    await office.load("persons", born("T1", "1940-01-01"), born("T2", "1940-01-01", THERE))
    mine = Actor(user="clerk.feng", regions=(HERE[:9],))
    assert await run(screening, "old_age_not_applied") == (2, 2, 0)
    assert await listed(office, screening, "old_age_not_applied", mine) == ["T1"]
    assert await run(screening, "old_age_not_applied", actor=mine) == (1, 0, 0)
    assert await listed(office, screening, "old_age_not_applied") == ["T1", "T2"]
    (there,) = [row for row in await _rows(screening) if row.region == THERE]
    with acting(mine), pytest.raises(TuoqiError, match="row_unknown"):
        await screening.DecideRow(pb.DecideRowRequest(number=there.number, outcome="refused"), None)
    with acting(mine):
        lists = (await screening.DescribeLists(pb.DescribeListsRequest(), None)).lists
    assert {one.key: one.open for one in lists}["old_age_not_applied"] == 1


async def test_pages_follow_each_other(office: Any, screening: ScreeningServicer) -> None:
    await office.load("persons", *(born(f"T{n}", "1940-01-01") for n in range(1, 6)))
    await run(screening, "old_age_not_applied")
    seen, token = [], ""
    with acting(CLERK):
        while True:
            request = pb.ListScreeningRequest(list="old_age_not_applied", page_size=2, page_token=token)
            page = await screening.ListScreening(request, None)
            seen += [row.person_id for row in page.rows]
            token = page.next_page_token
            if not token:
                break
    assert len(seen) == len(set(seen)) == 5


async def _rows(screening: ScreeningServicer) -> list[pb.ScreeningRow]:
    with acting(CLERK):
        return list((await screening.ListScreening(pb.ListScreeningRequest(list="old_age_not_applied"), None)).rows)
