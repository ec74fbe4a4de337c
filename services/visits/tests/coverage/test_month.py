"""November 2026 of eight people, worked out on paper, beside what the platform says of it."""

from __future__ import annotations

from typing import Any

import pytest

from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.visits.domain.coverage import BY
from tuoqi.visits.jobs import coverage as jobs
from tuoqi.visits.store import coverage as store

MONTH, OTHER = "2026-11", "990101102201"

# On paper. Who was to be seen: a, b, c, d, e, f (g closed in October, h opens in December; i has no plan).
#   a HIGH   village, worker w1: met in person on the 3rd, by phone on the 12th; the deadline of the 20th missed, made up
#   b HIGH   village, w1: not found on the 5th and the 9th; deadlines of the 8th and 15th missed, both still open
#   c MEDIUM village, w2: told of by an informant on the 30th; nothing missed
#   d MEDIUM other township, nobody's: no record; its deadline of the 30th missed, cleared by a late record of October
#   e LOW    other township, w2: its quarter ends in December: no record, nothing missed
#   f MEDIUM village until the 10th, died; deadline of the 9th withdrawn; refused on the 2nd
#   i no plan: met by phone on the 4th — a visit of others


@pytest.fixture
async def november(village: Any) -> Any:
    """The month as rows."""
    await village.plan("a", "HIGH", "2026-01-05", worker="w1")
    await village.plan("b", "HIGH", "2026-11-01", worker="w1")
    await village.plan("c", "MEDIUM", "2026-03-01", worker="w2")
    await village.plan("d", "MEDIUM", "2026-03-01", region=OTHER)
    await village.plan("e", "LOW", "2026-11-30", region=OTHER, worker="w2")
    await village.plan("f", "MEDIUM", "2026-02-01", "2026-11-10")
    await village.plan("g", "MEDIUM", "2026-02-01", "2026-10-31")
    await village.plan("h", "MEDIUM", "2026-12-01")
    await village.run("INSERT INTO plans (person_id, version, region, state) VALUES ('i', 1, '990101101201', '{}')")
    await village.visit("a", "2026-11-03")
    await village.visit("a", "2026-11-12", "PHONE")
    await village.visit("b", "2026-11-05", result="NOT_FOUND")
    await village.visit("b", "2026-11-09", result="NOT_FOUND")
    await village.visit("c", "2026-11-30", "PHONE", "INFORMANT_ONLY")
    await village.visit("c", "2026-12-01")
    await village.visit("f", "2026-11-02", result="REFUSED")
    await village.visit("i", "2026-11-04", "PHONE")
    await village.missed("a", "2026-11-20", "MADE_UP")
    await village.missed("b", "2026-11-08", "OPEN")
    await village.missed("b", "2026-11-15", "OPEN")
    await village.missed("d", "2026-11-30", "CLEARED", "MEDIUM")
    await village.missed("f", "2026-11-09", "WITHDRAWN", "MEDIUM")
    await village.missed("f", "2026-10-31", "OPEN", "MEDIUM")
    return village


async def _computed(village: Any, by: str, regions: tuple[str, ...] = ("",)) -> Any:
    async with village.platform.database.begin() as tx:
        month = jobs.month_of(MONTH, regions)
        await store.gather(tx, month)
        return await jobs.compute(tx, MONTH, month, by)


def _numbers(line: Any) -> tuple[int, ...]:
    return (
        line.to_see, line.seen, line.not_seen, line.kept_own, line.visits, line.visits_met,
        line.found, line.made_up, line.cleared, line.withdrawn, line.ended, line.still_open,
    )  # fmt: skip


async def test_the_total_is_what_was_added_up_on_paper(november: Any) -> None:
    """Six to see, two of them seen: 33.33 %; four kept by their own frequency: 66.66 %."""
    answer = await _computed(november, "")
    assert _numbers(answer.total) == (6, 2, 4, 4, 6, 3, 5, 1, 1, 1, 0, 2)
    assert (answer.total.rate, answer.total.rate_own) == (3333, 6666)
    assert answer.visits_of_others == 1
    assert answer.adds_up


async def test_villages_are_what_was_added_up_on_paper(november: Any) -> None:
    """Four people in one village, two in the other; f counts where he lived although he died on the way."""
    answer = await _computed(november, "village")
    assert {line.key: _numbers(line) for line in answer.lines} == {
        "990101101201": (4, 2, 2, 2, 6, 3, 4, 1, 0, 1, 0, 2),
        "990101102201": (2, 0, 2, 2, 0, 0, 1, 0, 1, 0, 0, 0),
    }


async def test_workers_grades_and_channels_are_what_was_added_up_on_paper(november: Any) -> None:
    """Whoever is nobody's stands in the row without a key, and so does by channel whoever was not seen."""
    workers = await _computed(november, "worker")
    assert {line.key: (line.to_see, line.seen) for line in workers.lines} == {"": (2, 0), "w1": (2, 1), "w2": (2, 1)}
    grades = await _computed(november, "grade")
    assert {line.key: (line.to_see, line.seen) for line in grades.lines} == {
        "HIGH": (2, 1),
        "LOW": (1, 0),
        "MEDIUM": (3, 1),
    }
    channels = await _computed(november, "channel")
    assert {line.key: (line.to_see, line.seen) for line in channels.lines} == {
        "": (4, 0),
        "IN_PERSON": (1, 1),
        "PHONE": (1, 1),
    }


@pytest.mark.parametrize("by", BY)
async def test_the_rows_of_every_breakdown_add_up_to_the_total(november: Any, by: str) -> None:
    """Each number, added by hand."""
    answer = await _computed(november, by)
    assert tuple(map(sum, zip(*(_numbers(line) for line in answer.lines), strict=True))) == _numbers(answer.total)
    assert answer.adds_up


async def test_visits_are_told_by_channel_and_result(november: Any) -> None:
    """Six records of people to be seen: two met, one told of, two not found, one refused."""
    answer = await _computed(november, "")
    assert {(one.channel, one.result): one.visits for one in answer.total.tallies} == {
        ("IN_PERSON", "MET"): 1,
        ("PHONE", "MET"): 1,
        ("PHONE", "INFORMANT_ONLY"): 1,
        ("IN_PERSON", "NOT_FOUND"): 2,
        ("IN_PERSON", "REFUSED"): 1,
    }


async def test_a_corrected_record_counts_no_longer(november: Any) -> None:
    """What another record took the place of is in no number."""
    await november.run("UPDATE visit_records SET corrected_by = 'v099' WHERE person_id = 'c'")
    answer = await _computed(november, "")
    assert (answer.total.seen, answer.total.visits) == (1, 5)


async def test_whoever_asks_sees_his_regions_only(november: Any) -> None:
    """A township's officer gets the township's numbers as the total."""
    answer = await _computed(november, "village", ("990101102",))
    assert [line.key for line in answer.lines] == ["990101102201"]
    assert answer.total.to_see == 2
    assert answer.adds_up


async def test_a_cell_opens_to_exactly_the_people_it_counts(november: Any) -> None:
    """What the people add is the number of the cell, page by page."""
    async with november.platform.database.begin() as tx:
        await store.gather(tx, jobs.month_of(MONTH, ("",)))
        first = await store.page_of_people(tx, "", "", "not_seen", "", 3)
        rest = await store.page_of_people(tx, "", "", "not_seen", first[-1].person_id, 3)
        assert [row.person_id for row in (*first, *rest)] == ["b", "d", "e", "f"]
        open_ones = await store.page_of_people(tx, "village", "990101101201", "still_open", "", 10)
        assert [(row.person_id, row.adds) for row in open_ones] == [("b", 2)]


async def test_a_frozen_month_stays_as_it_was_and_opens_to_the_same_people(
    november: Any, freezer: Any, county: Actor
) -> None:
    """A record that comes later changes the month, not the report; and the tables refuse any change."""
    async with november.platform.database.begin() as tx:
        report = await jobs.freeze(tx, freezer, MONTH, "11月", county)
    await november.visit("b", "2026-11-29")
    assert (await _computed(november, "")).total.seen == 3
    assert [answer.total.seen for answer in jobs.content_of(report)] == [2] * len(BY)
    async with november.platform.database.begin() as tx:
        rows = await store.page_of_people(tx, "", "", "seen", "", 10, report_id=report.report_id)
        assert [row.person_id for row in rows] == ["a", "c"]
    for table in ("frozen_reports", "frozen_people"):
        with pytest.raises(Exception, match="append-only"):
            await november.run(f"DELETE FROM {table}")


async def test_only_the_whole_county_freezes(november: Any, freezer: Any) -> None:
    """A township's officer cannot freeze a part."""
    async with november.platform.database.begin() as tx:
        with pytest.raises(TuoqiError, match="no_region"):
            await jobs.freeze(tx, freezer, MONTH, "11月", Actor("supervisor.gu", regions=("990101101",)))


async def test_who_has_not_been_seen_for_longest_comes_first(november: Any) -> None:
    """Who was never seen counts from the opening of the plan; pages follow each other without gap or repeat."""
    async with november.platform.database.begin() as tx:
        asked: dict[str, Any] = {"regions": ("",), "below": "", "grade": "", "worker": ""}
        day = freezer_day()
        first = await store.unseen(tx, **asked, by_day=day, after=None, page=2)
        rest = await store.unseen(tx, **asked, by_day=day, after=(first[-1].since, first[-1].person_id), page=9)
    assert [(row.person_id, str(row.since), row.last_seen is None) for row in (*first, *rest)] == [
        ("d", "2026-03-01", True),
        ("b", "2026-11-01", True),
        ("a", "2026-11-12", False),
        ("e", "2026-11-30", True),
        ("c", "2026-12-01", False),
        ("h", "2026-12-01", True),
    ]


def freezer_day() -> Any:
    """The first of December."""
    return jobs.month_of("2026-12", ("",)).first


async def test_a_month_that_is_none_is_refused() -> None:
    """Thirteen months has no year."""
    with pytest.raises(TuoqiError, match="bad_month"):
        jobs.month_of("2026-13", ("",))


async def test_the_file_has_every_breakdown(november: Any, county: Actor) -> None:
    """One line for the whole, then villages, townships, workers, grades, channels; rates as people write them."""
    exporter = jobs.CoverageExporter(november.platform.database)

    class Asked:
        subject = MONTH

    rows = [row async for run in exporter.rows(Asked(), county) for row in run]  # type: ignore[arg-type]  # what it reads of it
    assert rows[0]["rate"] == "33.33%"
    assert {row["by"] for row in rows} == {"全部", "村", "乡镇", "工作人员", "等级", "方式"}
