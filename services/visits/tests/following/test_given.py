"""Services given: counted once each, people and times told apart; on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tuoqi.contracts.visits.v1 import given_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor, acting
from tuoqi.kit.rpc.tables import ChunkOutcome
from tuoqi.kit.tables import Header, parse_rows
from tuoqi.visits.jobs.given import GivenDesk, GivenImporter
from tuoqi.visits.jobs.imports import VisitsImporter
from tuoqi.visits.rpc.given import GivenServicer
from tuoqi.visits.store import NoteSeal

pytestmark = pytest.mark.postgres
ANYWHERE = Actor("li")
HEADER = ["temp_id", "day", "kind", "count", "provider"]


def servicer(county: Any) -> GivenServicer:
    """The service."""
    kinds = county.rules.services
    return GivenServicer(GivenDesk(county.commander, kinds), county.database, county.clock, kinds)


def given(key: str, person_id: str, **changes: Any) -> pb.ServiceGiven:
    """One bath on 3 March."""
    content = {"key": key, "person_id": person_id, "kind": "bath", "count": 1, "day": "2026-03-03"} | changes
    return pb.ServiceGiven(**content)


async def load(county: Any, people: Any, lines: list[list[str]], ctx: Any) -> ChunkOutcome:
    """Load a file of services as the kit does."""
    importer = GivenImporter(people, county.rules.services)
    good, problems = parse_rows(Header.match(HEADER, importer.columns), list(enumerate(lines, start=2)))
    async with county.database.begin() as tx:
        outcome = await importer.load(tx, good, ctx)
    outcome.problems[:0] = problems
    return outcome


async def test_a_record_counts_its_services_once(county: Any, people: Any, make: Any) -> None:
    """Of a file of visits loaded twice every service stands once, in the village where the person lived."""
    await county.told(1)
    header = ["visit_id", "temp_id", "started_at", "channel", "result", "services"]
    line = ["00000000-0000-4000-a000-000000000001", "n-1", "2026-03-04 08:00", "入户", "MET", "meal:2;bath:1"]
    importer = VisitsImporter(county.commander, people, NoteSeal(b"k" * 32))
    for digit in "ef":
        good, _ = parse_rows(Header.match(header, importer.columns), [(2, line)])
        async with county.database.begin() as tx:
            await importer.load(tx, good, county.context(make.at("2026-03-05"), digit=digit))
    rows = await county.rows("SELECT kind, count, day::text, region, by_visit FROM service_given ORDER BY kind")
    assert rows == [("bath", 1, "2026-03-04", "990101001201", True), ("meal", 2, "2026-03-04", "990101001201", True)]


async def test_people_and_times_are_told_apart(county: Any) -> None:
    """Two people, three baths, four meals: by kind, by village and month, and over everything."""
    first, second = await county.told(1), await county.told(2, residence_region="990101002201")
    services = [
        given("a", first),
        given("b", first, day="2026-02-27"),
        given("c", second),
        given("d", second, kind="meal", count=4),
    ]
    with acting(ANYWHERE):
        answer = await servicer(county).RecordServices(pb.RecordServicesRequest(services=services), None)
        assert (answer.recorded, answer.known_before) == (4, 0)
        asked = {"from": "2026-02-01", "to": "2026-03-31"}
        lines = await servicer(county).ListServices(pb.ListServicesRequest(**asked, by=["kind"]), None)
        places = await servicer(county).ListServices(pb.ListServicesRequest(**asked, by=["month", "village"]), None)
        meals = await servicer(county).ListServices(pb.ListServicesRequest(**asked, kind="meal"), None)
    assert [(one.name, one.group, one.people, one.times) for one in lines.lines] == [
        ("助浴", "助浴", 2, 3),
        ("送餐就餐", "助餐", 1, 4),
    ]
    assert (lines.total.people, lines.total.times, lines.total.times_at_visits) == (2, 7, 0)
    assert [(one.village, one.month, one.people, one.times) for one in places.lines] == [
        ("990101001201", "2026-02", 1, 1),
        ("990101001201", "2026-03", 1, 1),
        ("990101002201", "2026-03", 1, 5),
    ]
    assert (list(meals.lines), meals.total.people, meals.total.times) == ([], 1, 4)
    with acting(Actor("feng", regions=("990101002",))):
        mine = await servicer(county).ListServices(pb.ListServicesRequest(**asked), None)
    assert (mine.total.people, mine.total.times) == (1, 5)


async def test_a_key_is_one_service(county: Any) -> None:
    """The same again is known; something else under the key is refused, and then nothing of the call is kept."""
    name = await county.told(1)
    with acting(ANYWHERE):
        ask = servicer(county).RecordServices
        await ask(pb.RecordServicesRequest(services=[given("a", name)]), None)
        again = await ask(pb.RecordServicesRequest(services=[given("a", name), given("b", name)]), None)
        assert (again.recorded, again.known_before) == (1, 1)
        for other in (given("a", name, count=2), given("a", name, kind="meal")):
            with pytest.raises(TuoqiError, match=r"visits\.given_key"):
                await ask(pb.RecordServicesRequest(services=[given("c", name), other]), None)
        for wrong, slug in (
            (given("d", name, kind="dance"), "given_unknown_kind"),
            (given("d", name, day="2026-03-06"), "given_day"),
            (given("d", "00000000-0000-4000-8000-000000000099"), "person_unknown"),
        ):
            with pytest.raises(TuoqiError, match=slug):
                await ask(pb.RecordServicesRequest(services=[wrong]), None)
    with acting(Actor("feng", regions=("990101002",))), pytest.raises(TuoqiError, match="no_region"):
        await ask(pb.RecordServicesRequest(services=[given("e", name)]), None)
    assert await county.rows("SELECT source FROM service_given ORDER BY 1") == [("key:a",), ("key:b",)]


async def test_a_later_row_takes_the_place_of_an_earlier_one(county: Any, people: Any, make: Any) -> None:
    """Another count replaces, the same changes nothing, 0 takes it out."""
    await county.told(1)
    ctx = county.context(make.at("2026-03-05"))
    line = ["n-1", "2026-03-03", "助浴", "1", "HC-01"]
    assert (await load(county, people, [line], ctx)).changed == 1
    assert (await load(county, people, [line], replace(ctx, content_hash="e" * 64))).unchanged == 1
    assert (await load(county, people, [[*line[:3], "3", "HC-01"]], ctx)).changed == 1
    assert await county.rows("SELECT count, voided FROM service_given") == [(3, False)]
    assert (await load(county, people, [[*line[:3], "0", "HC-01"]], ctx)).changed == 1
    assert await county.rows("SELECT count, voided FROM service_given") == [(3, True)]


async def test_bad_rows_are_named_and_the_others_kept(county: Any, people: Any, make: Any) -> None:
    """Nobody, a stranger, an unknown kind, a day to come, one before birth, too many, somebody of another township."""
    await county.told(1)
    await county.told(2, residence_region="990101002201")
    lines = [
        ["", "2026-03-03", "bath", "1", ""],
        ["stranger", "2026-03-03", "bath", "1", ""],
        ["n-1", "2026-03-03", "跳舞", "1", ""],
        ["n-1", "2026-03-06", "bath", "1", ""],
        ["n-1", "1940-03-06", "bath", "1", ""],
        ["n-1", "2026-03-03", "bath", "101", ""],
        ["n-2", "2026-03-03", "bath", "1", ""],
        ["n-1", "2026-03-03", "bath", "1", "张三的店"],
        ["n-1", "2026-03-03", "bath", "2", ""],
    ]
    outcome = await load(county, people, lines, county.context(make.at("2026-03-05"), regions=("990101001",)))
    found = sorted((one.row_number, one.column.split("[")[1]) for one in outcome.problems)
    assert found == [
        (2, "id_number]"), (3, "temp_id]"), (4, "kind]"), (5, "day]"), (6, "day]"), (7, "count]"), (8, "temp_id]"),
        (9, "provider]"),
    ]  # fmt: skip
    assert outcome.changed == 1
