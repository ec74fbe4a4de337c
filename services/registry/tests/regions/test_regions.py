"""Regions by file and by document on a real PostgreSQL: told, resolved, listed; people are not rewritten."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from tuoqi.contracts.registry.v1 import place_pb2
from tuoqi.contracts.registry.v1 import region_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import acting

from .conftest import CLERK, TOWN_CLERK, Desks, person

pytestmark = pytest.mark.postgres
A, B, NEW, TOWN = "990101101201", "990101101202", "990101101301", "990101101000"


def merge(**more: Any) -> pb.ChangeRegionRequest:
    new = [pb.RegionAfter(code=NEW, name="新村")]
    request = {"kind": "merge", "old_codes": [A, B], "new_regions": new, "effective_on": "2026-11-01"}
    return pb.ChangeRegionRequest(**{**request, "document_no": "示民区划〔2026〕3号", **more})


async def change(desks: Desks, request: pb.ChangeRegionRequest) -> pb.ChangeRegionResponse:
    with acting(CLERK):
        return await desks.regions.ChangeRegion(request, None)


async def test_a_merger_tells_each_region_once_and_says_what_took_its_place(desks: Desks) -> None:
    before = len(await desks.office.said(place_pb2.RegionChanged))
    answer = await change(desks, merge())
    assert [(one.code, one.valid_from, one.valid_to) for one in answer.regions] == [
        (A, "2000-01-01", "2026-10-31"), (B, "2000-01-01", "2026-10-31"), (NEW, "2026-11-01", ""),
    ]  # fmt: skip
    said = (await desks.office.said(place_pb2.RegionChanged))[before:]
    assert [(one.key, one.version, list(one.message.replaced_by)) for one in said] == [
        (A, 2, [NEW]), (B, 2, [NEW]), (NEW, 1, []),
    ]  # fmt: skip
    assert {(one.message.change_kind, one.message.effective_on) for one in said} == {("merge", "2026-11-01")}
    with acting(CLERK):
        listed = await desks.regions.ListRegionChanges(pb.ListRegionChangesRequest(code=B), None)
    assert [(one.document_no, one.changed_by) for one in listed.changes] == [("示民区划〔2026〕3号", "clerk.li")]
    with pytest.raises(TuoqiError, match="region_not_in_force"):
        await change(desks, merge())


async def test_an_old_code_says_what_it_was_and_to_which_village_it_belongs_now(desks: Desks) -> None:
    await change(desks, merge())
    with acting(CLERK):
        now = await desks.regions.ResolveRegions(pb.ResolveRegionsRequest(codes=[A, "990101999999"]), None)
        then = await desks.regions.ResolveRegions(pb.ResolveRegionsRequest(codes=[NEW], on="2026-10-31"), None)
    old, unknown = now.regions
    assert (old.known, old.exists, old.counted_as, old.path_zh) == (True, False, NEW, "示范县/镇1/新村")
    assert (unknown.known, unknown.counted_as) == (False, "990101999999")
    assert list(then.regions[0].successors) == [A, B]


async def test_the_tree_of_a_day_comes_in_pages_parents_first(desks: Desks) -> None:
    await change(desks, merge())
    found: list[tuple[int, str]] = []
    token = ""
    with acting(CLERK):
        while True:
            request = pb.ListRegionsRequest(as_of="2026-11-22", under=TOWN, page_size=2, page_token=token)
            answer = await desks.regions.ListRegions(request, None)
            found += [(one.depth, one.region.name) for one in answer.regions]
            token = answer.next_page_token
            if not token:
                break
        before = await desks.regions.ListRegions(pb.ListRegionsRequest(as_of="2026-10-31", under=TOWN), None)
    assert found == [(1, "镇1"), (2, "村13"), (2, "新村")]
    assert [one.region.name for one in before.regions] == ["镇1", "村11", "村12", "村13"]


async def test_only_whoever_may_act_in_all_of_them_changes_regions(desks: Desks) -> None:
    other = pb.RegionAfter(code="990101102201")
    with acting(TOWN_CLERK), pytest.raises(TuoqiError, match=r"auth\.no_region"):
        await desks.regions.ChangeRegion(merge(new_regions=[other]), None)
    with acting(TOWN_CLERK):
        assert (await desks.regions.ChangeRegion(merge(), None)).change_id


async def test_a_person_keeps_the_stored_code_and_the_history_speaks_of_both(desks: Desks) -> None:
    office = desks.office
    await office.load("persons", person("19400301", 1, A, residence_region="990101101203"))
    office.clock.move_to(datetime(2026, 11, 24, 1, tzinfo=UTC))
    await office.load("persons", person("19400301", 1, A, residence_region=A))
    await change(desks, merge(effective_on="2026-11-23"))
    (row,) = await office.fetch("SELECT person_id, residence_region FROM persons")
    assert row.residence_region == A
    with acting(CLERK):
        whole = await desks.regions.GetPersonRegions(pb.GetPersonRegionsRequest(person_id=row.person_id), None)
        then = await desks.regions.GetPersonRegions(
            pb.GetPersonRegionsRequest(person_id=row.person_id, on="2026-11-23"), None
        )
    assert [(one.since, one.stored, one.name_then, one.today) for one in whole.regions] == [
        ("", "990101101203", "村13", "990101101203"), ("2026-11-24", A, "村11", NEW),
    ]  # fmt: skip
    assert [(one.stored, one.name_today) for one in then.regions] == [("990101101203", "村13")]


async def test_where_a_child_was_is_told_for_a_purpose_and_in_the_askers_regions_only(desks: Desks) -> None:
    await desks.office.load("persons", person("20150301", 1, "990101102201"))
    (row,) = await desks.office.fetch("SELECT person_id FROM persons")
    request = pb.GetPersonRegionsRequest(person_id=row.person_id)
    no_purpose = type(CLERK)(user="clerk.li")
    with acting(no_purpose), pytest.raises(TuoqiError, match=r"auth\.no_purpose"):
        await desks.regions.GetPersonRegions(request, None)
    with acting(TOWN_CLERK), pytest.raises(TuoqiError, match=r"state\.not_found"):
        await desks.regions.GetPersonRegions(request, None)


async def test_what_was_changed_by_document_is_never_altered(desks: Desks) -> None:
    await change(desks, merge())
    for table in ("region_changes", "region_mappings"):
        with pytest.raises(DBAPIError, match="append-only"):
            await desks.office.fetch(f"DELETE FROM {table} RETURNING 1")
