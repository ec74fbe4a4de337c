"""One home is merged into another on a real PostgreSQL: 40 residents move, or nobody does; and back again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from tuoqi.contracts.registry.v1 import facility_service_pb2 as pb
from tuoqi.contracts.registry.v1 import place_pb2, status_pb2
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor, acting
from tuoqi.registry.domain.categories import PolicyError
from tuoqi.registry.domain.facility import read_facility_rules

pytestmark = pytest.mark.postgres
Servicer = Callable[[Any], Any]
DAY = "2026-11-20"


async def fill(office: Any, town: Any, people: int, *, beds: str, there: int = 0) -> list[dict[str, str]]:
    """An old home with so many people, and a new one with these beds, where some live already."""
    rows = [town.person(number) for number in range(people + there)]
    await office.load("persons", *rows)
    await office.load("facilities", town.home("OLD", "60"), town.home("NEW", beds))
    old, new = rows[:people], rows[people:]
    stays = [town.stay(one, "OLD", "2026-01-01") for one in old] + [town.stay(one, "NEW", "2025-01-01") for one in new]
    assert (await office.load("stays", *stays)).changed == len(rows)
    return old


async def merge(registry: Any, officer: Actor, on: str = DAY, use: str = "") -> pb.FacilityMerger:
    request = pb.MergeFacilitiesRequest(from_code="OLD", into_code="NEW", on=on, building_use=use)
    with acting(officer):
        answer: pb.MergeFacilitiesResponse = await registry.MergeFacilities(request, None)
    return answer.merger


async def undo(registry: Any, officer: Actor) -> pb.FacilityMerger:
    with acting(officer):
        answer = await registry.UndoFacilityMerger(pb.UndoFacilityMergerRequest(from_code="OLD"), None)
    merger: pb.FacilityMerger = answer.merger
    return merger


async def occupied(registry: Any, officer: Actor, day: str = "") -> dict[str, int]:
    with acting(officer):
        answer = await registry.ListFacilities(pb.ListFacilitiesRequest(on=day), None)
    return {one.code: one.occupied for one in answer.facilities}


async def test_forty_residents_move_in_one_act_and_each_is_told(
    office: Any, town: Any, desk_of: Servicer, officer: Actor
) -> None:
    await fill(office, town, 40, beds="41", there=1)
    before = len(await office.said())
    registry = desk_of(office)
    merger = await merge(registry, officer, use="civil_affairs_station")
    assert (merger.residents, merger.merged_on, merger.made_by) == (40, DAY, "reviewer.zhao")
    assert await occupied(registry, officer, "2026-11-19") == {"NEW": 1, "OLD": 40}
    assert await occupied(registry, officer, DAY) == {"NEW": 41, "OLD": 0}
    said = await office.said(after=before)
    told = [one for one in said if isinstance(one.message, status_pb2.PersonStatusChanged)]
    assert {one.version for one in told} == {2}
    assert len({one.key for one in told}) == len(told) == 40
    stays = [[(stay.facility, stay.began_on, stay.ended_on) for stay in one.message.stays] for one in told]
    assert stays == [[("OLD", "2026-01-01", "2026-11-19"), ("NEW", DAY, "")]] * 40
    facilities = [one.message.facility for one in said if isinstance(one.message, place_pb2.FacilityChanged)]
    assert [(one.code, one.closed_on, one.merged_into, one.building_use) for one in facilities] == [
        ("OLD", "2026-11-19", "NEW", "civil_affairs_station"),
        ("NEW", "", "", ""),
    ]


async def test_one_bed_too_few_leaves_everybody_where_he_is(
    office: Any, town: Any, desk_of: Servicer, officer: Actor
) -> None:
    await fill(office, town, 3, beds="4", there=2)
    before = len(await office.said())
    registry = desk_of(office)
    with pytest.raises(TuoqiError) as refusal:
        await merge(registry, officer)
    assert refusal.value.slug == "registry.merger_beds_short"
    wanted = {"beds": 4, "occupied": 2, "wanted": 3, "missing": 1, "day": DAY}
    assert {key: refusal.value.details[key] for key in wanted} == wanted
    assert await occupied(registry, officer) == {"NEW": 2, "OLD": 3}
    assert len(await office.said()) == before


async def test_an_undone_merger_leaves_everything_as_it_was_and_both_in_the_history(
    office: Any, town: Any, desk_of: Servicer, officer: Actor
) -> None:
    await fill(office, town, 3, beds="3")
    registry = desk_of(office)
    await merge(registry, officer)
    office.clock.move_to(office.clock.now() + timedelta(hours=2))
    undone = await undo(registry, officer)
    assert undone.HasField("undone_at")
    assert await occupied(registry, officer) == {"NEW": 0, "OLD": 3}
    last = [one.message for one in await office.said(status_pb2.PersonStatusChanged)][-3:]
    assert [[(stay.facility, stay.ended_on) for stay in one.stays] for one in last] == [[("OLD", "")]] * 3
    kept = await office.fetch("SELECT facility_code, ended_on FROM stay_history")
    assert sorted((row.facility_code, row.ended_on is None) for row in kept) == [
        *[("NEW", True)] * 3,
        *[("OLD", False)] * 3,
        *[("OLD", True)] * 3,
    ]
    assert (await merge(registry, officer)).residents == 3


async def test_a_merger_is_not_undone_the_day_after(office: Any, town: Any, desk_of: Servicer, officer: Actor) -> None:
    await fill(office, town, 1, beds="3")
    registry = desk_of(office)
    await merge(registry, officer)
    office.clock.move_to(office.clock.now() + timedelta(days=1))
    with pytest.raises(TuoqiError, match=r"registry\.merger_undo_late"):
        await undo(registry, officer)


@pytest.mark.parametrize("changed", ["stays", "facilities"])
async def test_a_merger_is_not_undone_after_something_changed(
    office: Any, town: Any, desk_of: Servicer, officer: Actor, changed: str
) -> None:
    (person,) = await fill(office, town, 1, beds="3")
    registry = desk_of(office)
    await merge(registry, officer)
    office.clock.move_to(office.clock.now() + timedelta(hours=1))
    if changed == "stays":
        await office.load("stays", town.stay(person, "NEW", DAY, "2026-11-22"))
    else:
        await office.load("facilities", town.home("NEW", "4"))
    with pytest.raises(TuoqiError, match=r"registry\.merger_changed"):
        await undo(registry, officer)


async def test_the_dead_do_not_move_and_who_lives_in_both_keeps_one_stay(
    office: Any, town: Any, desk_of: Servicer, officer: Actor
) -> None:
    dead, double, left = await fill(office, town, 3, beds="1")
    await office.load("deaths", {"id_number": dead["id_number"], "death_date": "2026-10-05"})
    await office.load(
        "stays", town.stay(double, "NEW", "2026-11-01"), town.stay(left, "OLD", "2026-01-01", "2026-11-19")
    )
    merger = await merge(desk_of(office), officer)
    assert merger.residents == 0
    rows = await office.fetch("SELECT facility_code, ended_on FROM stays ORDER BY facility_code, ended_on")
    assert [(row.facility_code, row.ended_on) for row in rows] == [
        ("NEW", None),
        ("OLD", date(2026, 10, 5)),
        ("OLD", date(2026, 11, 19)),
        ("OLD", date(2026, 11, 19)),
    ]


@pytest.mark.parametrize(
    ("asked", "slug"),
    [
        ({"on": "2026-11-23"}, "registry.merger_in_future"),
        ({"into_code": "OLD"}, "registry.merger_same"),
        ({"into_code": "NIX"}, "registry.facility_unknown"),
        ({"building_use": "casino"}, "registry.building_use_unknown"),
        ({"on": "2026-01-01"}, "registry.merger_stays_later"),
        ({"on": "2026-02-30"}, "registry.not_a_day"),
    ],
)
async def test_a_merger_that_cannot_be_is_refused_with_its_reason(
    office: Any, town: Any, desk_of: Servicer, officer: Actor, asked: dict[str, str], slug: str
) -> None:
    await fill(office, town, 1, beds="3")
    request = pb.MergeFacilitiesRequest(**{"from_code": "OLD", "into_code": "NEW", "on": DAY} | asked)
    with acting(officer), pytest.raises(TuoqiError) as refusal:
        await desk_of(office).MergeFacilities(request, None)
    assert refusal.value.slug == slug


async def test_nobody_moves_into_a_home_that_was_merged_and_it_is_not_merged_twice(
    office: Any, town: Any, desk_of: Servicer, officer: Actor
) -> None:
    await fill(office, town, 1, beds="3")
    other = town.person(9)
    await office.load("persons", other)
    registry = desk_of(office)
    await merge(registry, officer)
    done = await office.load("stays", town.stay(other, "OLD", DAY), town.stay(other, "OLD", "2026-10-01", "2026-11-19"))
    assert (done.changed, [problem.row_number for problem in office.refused(done)]) == (1, [2])
    with pytest.raises(TuoqiError, match=r"registry\.facility_closed"):
        await merge(registry, officer)
    with acting(officer):
        answer = await registry.GetFacility(pb.GetFacilityRequest(code="OLD"), None)
    assert (answer.facility.gaps, [one.residents for one in answer.mergers]) == ([], [1])
    assert not answer.facility.HasField("free")
    assert answer.facility.building_use_name == "闲置"


@pytest.mark.parametrize("document", [{"lived_in": ["castle"]}, {"fire_ready": ["("]}, {"agreements": {"x": {}}}])
def test_rules_of_facilities_that_cannot_be_used_are_refused(document: dict[str, Any]) -> None:
    with pytest.raises(PolicyError):
        read_facility_rules({"township_elder_home": "敬老院"}, document)
