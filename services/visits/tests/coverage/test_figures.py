"""Figures over a small village, worked out on paper; each opens to exactly what it counted."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.visits.domain.figures import Figures, Period, parse_figures
from tuoqi.visits.jobs.figures import FigureDesk, content_of

FILE = Path(__file__).parents[4] / "deploy/counties/990101/visits/figures.yaml"
NOVEMBER = Period(date(2026, 11, 1), date(2026, 11, 30))
A, B, C, D = (f"00000000-0000-4000-8000-00000000000{one}" for one in "abcd")


@pytest.fixture(scope="module")
def definitions() -> Figures:
    """Those that ship."""
    return parse_figures(yaml.safe_load(FILE.read_text(encoding="utf-8")))


# On paper, November:
#   A elder HIGH: 2 visits, 3 meals, named at a clinic (also named at one of December)       → 1 person, 6 events
#   B elder MEDIUM: 1 visit, 1 not found, 1 haircut, a voided meal                            → 1 person, 2 events
#   C child YELLOW: 1 visit, named at two law lectures                                        → a minor, no elder
#   D elder, no plan: 2 baths                                                                 → in no figure of grades
@pytest.fixture
async def november(village: Any) -> Any:
    """The month as rows."""
    await village.plan(A, "HIGH", "2026-01-01")
    await village.plan(B, "MEDIUM", "2026-01-01", region="990101102201")
    await village.plan(C, "YELLOW", "2026-01-01", born="2015-06-01")
    await village.run(
        "INSERT INTO plans (person_id, version, region, birth_date, state) VALUES (:p, 1, '990101101201', :b, '{}')",
        p=D,
        b=date(1950, 1, 1),
    )
    for person, day, result in ((A, 3, "MET"), (A, 9, "MET"), (B, 4, "MET"), (B, 5, "NOT_FOUND"), (C, 6, "MET")):
        await village.visit(person, f"2026-11-{day:02d}", result=result)
    for place, (person, kind, count, voided) in enumerate(
        [(A, "meal", 3, False), (B, "haircut", 1, False), (B, "meal", 9, True), (D, "bath", 2, False)]
    ):
        await village.run(
            "INSERT INTO service_given (source, kind, person_id, count, day, region, by_visit, voided, recorded_by,"
            " recorded_at) VALUES (:s, :k, :p, :c, :d, '990101101201', false, :v, 'x', now())",
            s=f"s{place}", k=kind, p=person, c=count, d=date(2026, 11, 10), v=voided,
        )  # fmt: skip
    for name, kind, day, others, about, state in (
        ("clinic", "free_clinic", date(2026, 11, 11), 30, False, "HELD"),
        ("clinic-2", "free_clinic", date(2026, 12, 1), 30, False, "HELD"),
        ("law-1", "law_lecture", date(2026, 11, 12), 6000, True, "HELD"),
        ("law-2", "law_lecture", date(2026, 11, 13), 499, False, "HELD"),
        ("law-3", "law_lecture", date(2026, 11, 14), 7, False, "CANCELLED"),
        ("swim", "drowning_prevention", date(2026, 11, 15), 0, False, "HELD"),
    ):
        await village.run(
            "INSERT INTO activities (activity_id, version, number, kind, campaign, region, channel, state, edition, day,"
            " others, others_approximate, places, places_approximate, materials, materials_approximate, evidence, named,"
            " recorded_by, recorded_at) VALUES (:n, 1, :n, :k, '', '990101101000', '', :s, 1, :d, :o, :a, 0, false,"
            " 15000, false, '', 0, 'x', now())",
            n=name, k=kind, s=state, d=day, o=others, a=about,
        )  # fmt: skip
    for name, person in (("clinic", A), ("clinic-2", A), ("law-1", C), ("law-2", C), ("law-3", C)):
        await village.run(
            "INSERT INTO attendance (activity_id, person_id, role, counts, region, recorded_by, recorded_at)"
            " VALUES (:a, :p, 'participant', true, '990101101201', 'x', now())",
            a=name,
            p=person,
        )
    return village


@pytest.fixture
async def answer(november: Any, definitions: Figures, freezer: Any, county: Actor) -> dict[str, Any]:
    """All figures of November by id."""
    desk = FigureDesk(definitions, freezer)
    async with november.platform.database.begin() as tx:
        found = await desk.compute(tx, desk.ask((), NOVEMBER, county))
    assert list(found.problems) == []
    return {one.figure_id: one for one in found.figures}


async def test_persons_and_times_of_elders_are_what_was_added_up_on_paper(answer: dict[str, Any]) -> None:
    """Two elders; 2 + 3 + 1 events of one and 1 + 1 of the other."""
    assert answer["IND-028"].total.value == 2
    assert answer["IND-029"].total.value == 8
    assert answer["IND-112"].total.value == 5
    assert answer["IND-179"].total.value == 3


async def test_counted_ones_never_become_persons(answer: dict[str, Any]) -> None:
    """6,499 at law lectures nobody named: one person, and the answer says how many it does not know."""
    law = answer["IND-193"]
    assert (law.distinct, law.total.value, law.total.named, law.total.unnamed) == (True, 1, 2, 6499)
    assert law.total.approximate
    assert answer["IND-192"].total.value == 2
    assert answer["IND-138"].total.value == 1


async def test_units_are_exact(answer: dict[str, Any]) -> None:
    """15,000 copies are 1.5 万份: the whole number and its decimals."""
    total = answer["IND-057"].total
    assert (total.value, total.decimals) == (15_000, 4)


async def test_no_number_of_persons_is_above_its_number_of_times(answer: dict[str, Any]) -> None:
    """人 ≤ 人次, of every figure: each person was named by at least one event."""
    for figure in answer.values():
        if figure.distinct:
            assert figure.total.value <= figure.total.named


async def test_a_figure_opens_to_exactly_what_it_counted(
    november: Any, definitions: Figures, freezer: Any, county: Actor
) -> None:
    """Page by page; the rows add up to the number, for every figure."""
    desk = FigureDesk(definitions, freezer)
    async with november.platform.database.begin() as tx:
        for figure in definitions.figures:
            asked = desk.ask([figure.figure_id], NOVEMBER, county)
            total = (await desk.compute(tx, asked)).figures[0].total
            rows, token = await desk.rows(tx, asked, None, 2)
            while token:
                day, source, source_id, person_id = token.split("~")
                more, token = await desk.rows(tx, asked, (date.fromisoformat(day), source, source_id, person_id), 2)
                rows += more
            assert len({(row.source, row.source_id, row.person_id) for row in rows}) == len(rows)
            persons = {row.person_id for row in rows} - {""}
            assert total.value == (len(persons) if figure.is_distinct else sum(row.times for row in rows))


async def test_by_township_the_times_add_up_and_small_numbers_of_children_are_not_told(
    november: Any, definitions: Figures, freezer: Any, county: Actor
) -> None:
    """One child of one township is told nowhere; the events of two townships are those of the county."""
    desk = FigureDesk(definitions, freezer)
    async with november.platform.database.begin() as tx:
        found = await desk.compute(tx, desk.ask(("IND-029", "IND-138"), NOVEMBER, county, "", "town"))
    times, children = found.figures
    assert {cell.key: cell.value for cell in times.cells} == {"990101101000": 7, "990101102000": 1}
    assert [(cell.rest, cell.HasField("value"), cell.named) for cell in children.cells] == [(True, False, 0)]


async def test_whoever_asks_counts_his_regions_only(november: Any, definitions: Figures, freezer: Any) -> None:
    """A township's officer counts the township."""
    desk = FigureDesk(definitions, freezer)
    async with november.platform.database.begin() as tx:
        asked = desk.ask(("IND-029",), NOVEMBER, Actor("supervisor.gu", regions=("990101102",)))
        assert (await desk.compute(tx, asked)).figures[0].total.value == 1


async def test_a_frozen_report_stays_as_it_was(
    november: Any, definitions: Figures, freezer: Any, county: Actor
) -> None:
    """What is learnt later is not in it."""
    desk = FigureDesk(definitions, freezer)
    async with november.platform.database.begin() as tx:
        report = await desk.freeze(tx, desk.ask((), NOVEMBER, county), "11月", county)
    await november.visit(A, "2026-11-20")
    frozen = {one.figure_id: one.total.value for one in content_of(report)}
    assert frozen["IND-029"] == 8
    assert report.definitions_hash == definitions.version


async def test_pairings_count_those_that_ran_in_the_period(
    november: Any, definitions: Figures, freezer: Any, county: Actor
) -> None:
    """Two helpers of three children; one pairing ended before, one begins later."""
    for name, helper, person, begun, ended in (
        ("p1", "h1", A, date(2026, 1, 1), None),
        ("p2", "h1", B, date(2026, 1, 1), date(2026, 11, 2)),
        ("p3", "h2", C, date(2026, 11, 30), None),
        ("p4", "h3", D, date(2026, 1, 1), date(2026, 11, 1)),
        ("p5", "h4", D, date(2026, 12, 1), None),
    ):
        await november.run(
            "INSERT INTO pairings (pairing_id, version, kind, person_id, helper_id, helper_as, region, began_on, ended_on,"
            " end_reason, set_id, begun_by, begun_at, ended_by) VALUES (:i, 1, 'loving_mother', :p, :h, 'worker',"
            " '990101101201', :b, :e, :r, '', 'x', now(), '')",
            i=name, h=helper, p=person, b=begun, e=ended, r="x" if ended else "",
        )  # fmt: skip
    desk = FigureDesk(definitions, freezer)
    async with november.platform.database.begin() as tx:
        found = await desk.compute(tx, desk.ask(("IND-188", "IND-189"), NOVEMBER, county))
    assert [one.total.value for one in found.figures] == [2, 3]


async def test_an_unknown_figure_is_refused(definitions: Figures, freezer: Any, county: Actor) -> None:
    """Its id is named."""
    with pytest.raises(TuoqiError, match="figure_unknown"):
        FigureDesk(definitions, freezer).ask(("IND-999",), NOVEMBER, county)
