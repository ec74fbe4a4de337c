"""What facilities are there, what they lack, what they come to; on a real PostgreSQL."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from tuoqi.contracts.registry.v1 import facility_service_pb2 as pb
from tuoqi.contracts.registry.v1 import place_pb2
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor, acting

pytestmark = pytest.mark.postgres
SITES = Path(__file__).parents[4] / "cli/src/tuoqi/cli/county/data/elder_child_sites.csv"
Servicer = Callable[[Any], Any]


def site_rows(town: Any) -> list[dict[str, str]]:
    """The 18 sites of the demo county, figures as a real plan prints them."""
    sites = list(csv.DictReader(SITES.read_text(encoding="utf-8").splitlines()))
    return [
        town.home(f"S{number:02d}", "", kind="一老一小幸福院", **site) for number, site in enumerate(sites, start=1)
    ]


async def test_the_18_sites_add_up_to_the_plan_s_figures_and_one_has_a_fire_gap(
    office: Any, town: Any, desk_of: Servicer, officer: Actor
) -> None:
    assert (await office.load("facilities", *site_rows(town))).changed == 18
    with acting(officer):
        first = await desk_of(office).ListFacilities(pb.ListFacilitiesRequest(page_size=10), None)
        rest = await desk_of(office).ListFacilities(
            pb.ListFacilitiesRequest(page_size=10, page_token=first.next_page_token), None
        )
        gaps = await desk_of(office).ListFacilities(pb.ListFacilitiesRequest(gap="fire"), None)
    assert [len(first.facilities), len(rest.facilities), rest.next_page_token] == [10, 8, ""]
    for totals in (first.totals, rest.totals):
        assert (totals.facilities, totals.unreadable) == (18, 0)
        assert dict(totals.area_m2) == {"total_area_m2": "52473.1", "canteen_m2": "2221.4", "outdoor_m2": "33560"}
    (gap,) = gaps.facilities
    assert gap.details["fire_equipment"] == "正在建设中还未配置"
    told = [one.message.facility for one in await office.said(place_pb2.FacilityChanged)]
    assert [one.code for one in told if one.fire_gap] == [gap.code]


async def test_a_figure_that_is_none_is_shown_and_counted_apart(
    office: Any, town: Any, desk_of: Servicer, officer: Actor
) -> None:
    await office.load(
        "facilities", town.home("A", "约八十", total_area_m2="未测"), town.home("B", total_area_m2="100.5 m²")
    )
    with acting(officer):
        answer = await desk_of(office).ListFacilities(pb.ListFacilitiesRequest(), None)
    a, _ = answer.facilities
    assert (a.details["beds"], a.HasField("beds"), "beds" in a.gaps) == ("约八十", False, True)
    assert (answer.totals.area_m2["total_area_m2"], answer.totals.unreadable, answer.totals.beds) == ("100.5", 1, 2)


async def test_beds_occupied_and_free_are_as_of_the_day_asked_for(
    office: Any, town: Any, desk_of: Servicer, officer: Actor
) -> None:
    people = [town.person(number) for number in range(3)]
    await office.load("persons", *people)
    await office.load("facilities", town.home("A", "3"))
    await office.load(
        "stays",
        town.stay(people[0], "A", "2026-01-01", "2026-03-31"),
        town.stay(people[1], "A", "2026-03-31"),
        town.stay(people[2], "A", "2026-05-01"),
    )
    counts = []
    with acting(officer):
        for day in ("2025-12-31", "2026-03-31", "2026-04-01", ""):
            line = (await desk_of(office).GetFacility(pb.GetFacilityRequest(code="A", on=day), None)).facility
            counts.append((line.occupied, line.free))
    assert counts == [(0, 3), (2, 1), (1, 2), (2, 1)]


async def test_a_doctor_is_missing_until_an_agreement_holds_and_again_after_its_end(
    office: Any, town: Any, desk_of: Servicer, officer: Actor
) -> None:
    await office.load("facilities", town.home("A"))
    registry = desk_of(office)
    asked = {"code": "A", "kind": "medical_contract", "partner": "测试卫生院", "valid_from": "2026-01-01"}
    with acting(officer):
        made = await registry.RecordAgreement(pb.RecordAgreementRequest(**asked), None)
        again = await registry.RecordAgreement(pb.RecordAgreementRequest(**asked, valid_to="2026-06-30"), None)
        with pytest.raises(TuoqiError, match=r"registry\.agreement_unchanged"):
            await registry.RecordAgreement(pb.RecordAgreementRequest(**asked, valid_to="2026-06-30"), None)
        with pytest.raises(TuoqiError, match=r"registry\.agreement_kind_unknown"):
            await registry.RecordAgreement(pb.RecordAgreementRequest(**{**asked, "kind": "x"}), None)
        days = {}
        for day in ("2025-12-31", "2026-06-30", "2026-07-01"):
            answer = await registry.GetFacility(pb.GetFacilityRequest(code="A", on=day), None)
            days[day] = "medical" in answer.facility.gaps
    assert made.agreement.agreement_id == again.agreement.agreement_id
    assert days == {"2025-12-31": True, "2026-06-30": False, "2026-07-01": True}


async def test_facilities_elsewhere_are_neither_shown_nor_changed(
    office: Any, town: Any, desk_of: Servicer, officer: Actor
) -> None:
    await office.load("facilities", town.home("A"), town.home("B", region="990101102201"))
    feng = Actor(user="clerk.feng", regions=("990101102",), rights=officer.rights)
    registry = desk_of(office)
    with acting(feng):
        answer = await registry.ListFacilities(pb.ListFacilitiesRequest(), None)
        below = await registry.ListFacilities(pb.ListFacilitiesRequest(region="990101101000"), None)
        with pytest.raises(TuoqiError, match=r"registry\.facility_unknown"):
            await registry.GetFacility(pb.GetFacilityRequest(code="A"), None)
        order = pb.MergeFacilitiesRequest(from_code="B", into_code="A", on="2026-11-22")
        with pytest.raises(TuoqiError, match=r"auth\.no_region"):
            await registry.MergeFacilities(order, None)
    assert [one.code for one in answer.facilities] == ["B"]
    assert list(below.facilities) == []


async def test_accounts_of_facilities_are_resolved_as_known_at_the_moment_asked_for(
    office: Any, town: Any, desk_of: Servicer
) -> None:
    await office.load("facilities", town.home("A", account_no="629999000000000025"), town.home("B"))
    first = office.clock.now()
    office.clock.move_to(first + timedelta(days=1))
    await office.load("facilities", town.home("A", account_no="629999000000000033"))
    answers = []
    for moment in (first - timedelta(hours=1), first, first + timedelta(days=2)):
        stamp = Timestamp()
        stamp.FromDatetime(moment.astimezone(UTC))
        request = pb.ResolveFacilityPayeesRequest(codes=["B", "A", "Z"], as_of=stamp)
        answers.append(await desk_of(office).ResolveFacilityPayees(request, None))
    keys = [[payee.account_key for payee in answer.payees] for answer in answers]
    assert [[payee.code for payee in answer.payees] for answer in answers] == [["B", "A", "Z"]] * 3
    assert [[bool(key) for key in row] for row in keys] == [[False] * 3, [False, True, False], [False, True, False]]
    assert keys[1][1] != keys[2][1]


async def test_what_was_known_of_a_facility_before_stays_readable(
    office: Any, town: Any, desk_of: Servicer, officer: Actor
) -> None:
    await office.load("facilities", town.home("A", "20", fire_equipment="正在建设中还未配置"))
    office.clock.move_to(office.clock.now() + timedelta(days=1))
    await office.load("facilities", town.home("A", "30"))
    with acting(officer):
        answer = await desk_of(office).GetFacility(pb.GetFacilityRequest(code="A"), None)
    (past,) = answer.past
    assert (past.details["beds"], past.details["fire_equipment"]) == ("20", "正在建设中还未配置")
    assert past.superseded_at.ToDatetime().date() == date(2026, 11, 23)
