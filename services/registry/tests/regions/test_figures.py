"""Figures on a real PostgreSQL: on both axes of time, by either geography, each opened to its rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tuoqi.contracts.registry.v1 import figure_service_pb2 as pb
from tuoqi.contracts.registry.v1 import region_service_pb2
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor, acting

from .conftest import CLERK, TOWN_CLERK, Desks, Row, number, person

pytestmark = pytest.mark.postgres
A, B, C = "990101101201", "990101101202", "990101102201"


def status(born: str, sequence: int, category: str, decided: str, **more: str) -> Row:
    return {"id_number": number(born, sequence), "category": category, "decided_on": decided, **more}


async def figures(desks: Desks, *ids: str, actor: Actor = CLERK, **asked: Any) -> list[pb.Figure]:
    known = asked.pop("known", None)
    request = pb.ComputeFiguresRequest(figure_ids=ids, **asked)
    if known:
        request.known_at.FromDatetime(known)
    with acting(actor):
        return list((await desks.figures.ComputeFigures(request, None)).figures)


async def total(desks: Desks, figure_id: str, **asked: Any) -> int | None:
    (figure,) = await figures(desks, figure_id, **asked)
    return figure.total.value if figure.total.HasField("value") else None


def cells(figure: pb.Figure) -> dict[str, int | None]:
    return {("rest" if one.rest else one.region): one.value if one.HasField("value") else None for one in figure.cells}


async def test_age_category_and_their_intersection_count_distinct_people(desks: Desks) -> None:
    await desks.office.load(
        "persons",
        person("19400301", 1, A),
        person("19661122", 3, A),
        person("19661123", 5, B),
        person("20150301", 7, C),
    )
    await desks.office.load(
        "statuses",
        status("19400301", 1, "dibao", "2026-01-05", amount="300"),
        status("19400301", 1, "dibao", "2026-06-05", amount="400"),
        status("19400301", 1, "left_behind_elder", "2025-01-05"),
        status("19661122", 3, "dibao", "2026-01-05", amount="300", ended_on="2026-11-21"),
        status("20150301", 7, "dibao", "2026-01-05", amount="300"),
    )
    found = {one.definition.figure_id: one.total.value for one in await figures(desks)}
    assert [found[f"IND-{one}"] for one in ("163", "164", "165", "175", "030", "012")] == [1, 1, 1, 1, 1, 0]
    assert await total(desks, "IND-163", true_on="2026-11-21") == 1, "59 until the next day"
    await desks.office.load("statuses", status("19661122", 3, "dibao", "2026-01-05", amount="300", ended_on="清空"))
    assert await total(desks, "IND-163") == 2
    assert [one.definition.figure_id for one in await figures(desks, "IND-175", "IND-163")] == ["IND-163", "IND-175"]


async def test_what_ended_was_voided_or_overtaken_is_not_in_force(desks: Desks) -> None:
    await desks.office.load("persons", person("20150301", 1, A), person("20150301", 3, A), person("20150301", 5, A))
    await desks.office.load(
        "statuses",
        status("20150301", 1, "disability", "2025-01-01", subtype="1", level="2", valid_until="2026-11-21"),
        status("20150301", 3, "disability", "2025-01-01", subtype="1", level="2", ended_on="2024-12-31"),
        status("20150301", 5, "disability", "2025-01-01", subtype="1", level="2"),
        status("20150301", 5, "disability", "2026-01-01", subtype="1", level="3", ended_on="2026-03-01"),
    )
    counts = [await total(desks, "IND-034", true_on=day) for day in ("2025-06-01", "2026-02-01", "2026-11-22")]
    assert counts == [2, 2, 0]


async def test_a_figure_has_two_axes_what_was_true_and_what_was_known(desks: Desks) -> None:
    office = desks.office
    first = office.clock.now()
    await office.load("persons", person("19400301", 1, A))
    await office.load("statuses", status("19400301", 1, "dibao", "2026-01-05", amount="300"))
    office.clock.move_to(datetime(2026, 12, 10, 1, tzinfo=UTC))
    await office.load("statuses", status("19400301", 1, "dibao", "2026-01-05", amount="300", ended_on="2026-10-31"))
    await office.load("deaths", {"id_number": number("19400301", 1), "death_date": "2026-11-15", "source": "公安"})
    table = {
        (day, known): await total(desks, "IND-163", true_on=day, known=known)
        for day in ("2025-12-31", "2026-10-31", "2026-11-20")
        for known in (first, None)
    }
    assert table == {
        ("2025-12-31", first): 0, ("2025-12-31", None): 0,
        ("2026-10-31", first): 1, ("2026-10-31", None): 1,
        ("2026-11-20", first): 1, ("2026-11-20", None): 0,
    }  # fmt: skip
    assert await total(desks, "IND-175", true_on="2026-11-20") == 0
    assert await total(desks, "IND-175", true_on="2026-11-14") == 1
    assert await total(desks, "IND-175", true_on="2026-11-14", known=datetime(2026, 11, 1, tzinfo=UTC)) == 0


async def test_who_moved_away_or_lives_elsewhere_is_counted_as_the_register_has_him(desks: Desks) -> None:
    far = "990102101201"
    await desks.office.load(
        "persons",
        person("19400301", 1, A, residence_region=far),
        person("19400301", 3, far, residence_region=B),
        person("19400301", 5, far, residence_region=far),
        person("19400301", 7, A),
    )
    await desks.office.load(
        "moves", {"id_number": number("19400301", 7), "moved_out_on": "2026-10-01", "source": "公安"}
    )
    (old,) = await figures(desks, "IND-175", by="village")
    assert (old.total.value, cells(old)) == (2, {A: 1, B: 1})
    assert await total(desks, "IND-175", true_on="2026-09-30") == 3
    assert await total(desks, "IND-012") == 1, "only who lives here"


async def test_figures_are_by_the_regions_of_the_day_or_by_those_of_today(desks: Desks) -> None:
    office = desks.office
    await office.load("persons", person("19400301", 1, A), person("19400301", 3, B), person("19400301", 5, C))
    merger = region_service_pb2.ChangeRegionRequest(
        kind="merge",
        old_codes=[A, B],
        new_regions=[region_service_pb2.RegionAfter(code="990101101301", name="新村")],
        effective_on="2026-11-01",
        document_no="一号",
    )
    with acting(CLERK):
        await desks.regions.ChangeRegion(merger, None)
    then = {"true_on": "2026-10-31", "by": "village"}
    assert cells((await figures(desks, "IND-175", **then))[0]) == {A: 1, B: 1, C: 1}
    assert cells((await figures(desks, "IND-175", geography="today", **then))[0]) == {"990101101301": 2, C: 1}
    assert cells((await figures(desks, "IND-175", by="town"))[0]) == {"990101101000": 2, "990101102000": 1}
    assert await total(desks, "IND-004", true_on="2026-10-31") == 9
    assert await total(desks, "IND-004") == 8
    assert await total(desks, "IND-175", region="990101101301") == 2


async def test_on_a_past_day_people_are_where_they_were_then(desks: Desks) -> None:
    office = desks.office
    await office.load("persons", person("19400301", 1, A, residence_region=A))
    office.clock.move_to(datetime(2026, 12, 1, 1, tzinfo=UTC))
    await office.load("persons", person("19400301", 1, A, residence_region=C))
    assert cells((await figures(desks, "IND-175", by="village"))[0]) == {C: 1}
    assert cells((await figures(desks, "IND-175", by="village", true_on="2026-11-30"))[0]) == {A: 1}
    assert cells((await figures(desks, "IND-175", by="village", true_on="2020-01-01"))[0]) == {}
    assert cells((await figures(desks, "IND-175", by="village", true_on="2021-01-01"))[0]) == {A: 1}


async def test_new_ones_are_those_whose_first_interval_began_in_the_period(desks: Desks) -> None:
    await desks.office.load("persons", *(person("20150301", one, A) for one in (1, 3, 5)))
    orphan = {"category": "orphan", "subtype": "dispersed"}
    await desks.office.load(
        "statuses",
        status("20150301", 1, decided="2024-05-01", **orphan),
        status("20150301", 1, decided="2025-05-01", category="orphan", subtype="institution"),
        status("20150301", 3, decided="2025-02-01", **orphan),
        status("20150301", 5, decided="2025-02-01", category="orphan_type_c"),
    )
    assert await total(desks, "IND-172") == 2
    assert await total(desks, "IND-172", true_on="2025-01-31") == 0
    assert await total(desks, "IND-036") == 3, "the sealed category is never apart"


async def test_counts_below_five_of_a_sensitive_figure_are_not_told_of_a_village(desks: Desks) -> None:
    children = [person("20150301", one, A if one < 12 else B) for one in range(1, 16)]
    await desks.office.load("persons", *children)
    await desks.office.load(
        "statuses",
        *({"id_number": one["id_number"], "category": "orphan", "subtype": "dispersed", "decided_on": "2025-01-01"}
          for one in children),
    )  # fmt: skip
    (orphans,) = await figures(desks, "IND-170", by="village")
    assert (orphans.total.value, cells(orphans)) == (15, {A: None, B: None, "rest": 15})
    assert await total(desks, "IND-170", region=B) is None
    (children_all,) = await figures(desks, "IND-030", by="village")
    assert cells(children_all) == {A: 11, B: 4}


async def test_facilities_beds_and_residents_are_counted(desks: Desks) -> None:
    office = desks.office
    home = {"code": "JLY01", "name": "测试敬老院", "kind": "敬老院", "region": A, "beds": "80", "ownership": "public"}
    empty = {**home, "code": "JLY02", "region": B, "beds": "约八十", "ownership": "private"}
    site = {"code": "XFY01", "name": "幸福院", "kind": "elder_child_home", "region": A, "total_area_m2": "2873.1"}
    station = {"code": "WBZ01", "name": "未保站", "kind": "protection_station", "region": A}
    await office.load("facilities", home, empty, site, station)
    await office.load("persons", person("19400301", 1, A), person("19400301", 3, A))
    await office.load("statuses", status("19400301", 1, "tekun", "2025-01-01", subtype="centralised", level="full"))
    await office.load(
        "stays",
        {"id_number": number("19400301", 1), "facility": "JLY01", "from": "2025-02-01"},
        {"id_number": number("19400301", 3), "facility": "JLY01", "from": "2025-02-01", "to": "2026-01-31"},
    )
    found = {one.definition.figure_id: one.total for one in await figures(desks)}
    expected = {"IND-014": 2, "IND-015": 1, "IND-016": 1, "IND-017": 80, "IND-018": 1, "IND-019": 1, "IND-212": 1}
    assert {key: found[key].value for key in expected} == expected
    assert (found["IND-216"].value, found["IND-216"].decimals) == (28731, 1)
    assert await total(desks, "IND-018", true_on="2026-01-31") == 2
    assert await total(desks, "IND-212", true_on="2025-01-31") == 2
    assert found["IND-135"].value == 1


async def test_a_rate_has_both_its_numbers(desks: Desks) -> None:
    await desks.office.load(
        "workers",
        *(
            {"name": "甲", "id_number": number("19800505", place), "post": "village_child_director", "region": code,
             "from": "2021-01-01"}
            for place, code in enumerate((A, B, C), start=1)
        ),
    )  # fmt: skip
    (rate,) = await figures(desks, "IND-053", by="town")
    assert (rate.total.numerator, rate.total.denominator, rate.total.value) == (3, 12, 2500)
    assert [(one.region, one.numerator, one.denominator) for one in rate.cells] == [
        ("990101101000", 2, 4), ("990101102000", 1, 4), ("990101103000", 0, 4),
    ]  # fmt: skip
    assert await total(desks, "IND-137") == 3


async def test_every_figure_opens_to_as_many_rows_as_it_counts(desks: Desks) -> None:
    await desks.office.load("persons", *(person("19400301", one, A if one % 4 == 1 else C) for one in range(1, 20, 2)))
    found: list[tuple[str, str]] = []
    token = ""
    while True:
        request = pb.ListFigureRowsRequest(figure_id="IND-175", page_size=3, page_token=token)
        with acting(CLERK):
            answer = await desks.figures.ListFigureRows(request, None)
        found += [(one.subject_id, one.region) for one in answer.rows]
        token = answer.next_page_token
        if not token:
            break
    ids = {row.person_id for row in await desks.office.fetch("SELECT person_id FROM persons")}
    assert {one for one, _ in found} == ids
    assert len(found) == len(ids) == await total(desks, "IND-175")
    with acting(TOWN_CLERK):
        own = await desks.figures.ListFigureRows(pb.ListFigureRowsRequest(figure_id="IND-175"), None)
    assert {one.region for one in own.rows} == {A}
    with acting(CLERK):
        villages = await desks.figures.ListFigureRows(pb.ListFigureRowsRequest(figure_id="IND-004"), None)
    assert len(villages.rows) == 9


async def test_rows_of_people_need_a_purpose_and_figures_end_at_the_askers_regions(desks: Desks) -> None:
    await desks.office.load("persons", person("19400301", 1, A), person("19400301", 3, C))
    with acting(Actor(user="clerk.li")), pytest.raises(TuoqiError, match=r"auth\.no_purpose"):
        await desks.figures.ListFigureRows(pb.ListFigureRowsRequest(figure_id="IND-175"), None)
    assert await total(desks, "IND-175", actor=TOWN_CLERK) == 1
    with pytest.raises(TuoqiError, match=r"auth\.no_region"):
        await figures(desks, "IND-175", actor=TOWN_CLERK, region="990101102000")
    with pytest.raises(TuoqiError, match="figure_unknown"):
        await figures(desks, "IND-999")
