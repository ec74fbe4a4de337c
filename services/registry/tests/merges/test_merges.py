"""Merging two files and taking it back, on a real PostgreSQL: what is kept, what is told, what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tuoqi.contracts.registry.v1 import merge_service_pb2 as pb
from tuoqi.contracts.registry.v1 import person_pb2, place_pb2, registry_service_pb2, status_pb2
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor, acting
from tuoqi.registry.rpc.merges import MergeServicer

pytestmark = pytest.mark.postgres
Row = dict[str, str]
CLERK = Actor(user="clerk.li", purpose="核对重复")
TEMP = {
    "name": "古丽·测试",
    "temp_id": "T-9",
    "sex": "男",
    "birth_date": "1936-07-01",
    "hukou_region": "990101101201",
    "residence_region": "990101101202",
}
LIVING_ALONE = {"category": "living_alone_elder", "decided_on": "2026-02-01"}


@pytest.fixture
def merges(office: Any) -> MergeServicer:
    """The service over the office."""
    return MergeServicer(office.desk, office.database, office.servicer._commander)  # noqa: SLF001  the office's own


async def two_files(office: Any, old: Row) -> tuple[str, str]:
    """A person with a number and one with a temporary id, each with a status of its own; their ids."""
    await office.load("persons", old, TEMP)
    await office.load(
        "statuses",
        {"id_number": old["id_number"], "category": "old_age_accepted", "decided_on": "2026-01-05"},
        {"temp_id": "T-9", "category": "old_age_accepted", "decided_on": "2026-03-05"},
        {"temp_id": "T-9", **LIVING_ALONE},
    )
    names = [
        registry_service_pb2.PersonName(id_number=old["id_number"]),
        registry_service_pb2.PersonName(temp_id="T-9"),
    ]
    answer = await office.servicer.IdentifyPersons(registry_service_pb2.IdentifyPersonsRequest(names=names), None)
    one, other = answer.person_ids
    return one, other


async def merge(merges: MergeServicer, one: str, other: str, *, actor: Actor = CLERK, **fields: Any) -> list[Any]:
    """What a merge tells."""
    with acting(actor):
        answer = await merges.MergePersons(pb.MergePersonsRequest(person_id=one, file_id=other, **fields), None)
    return list(answer.events)


async def unmerge(merges: MergeServicer, file: str, **fields: Any) -> list[Any]:
    """What taking a merge back tells."""
    with acting(CLERK):
        answer = await merges.UnmergePerson(pb.UnmergePersonRequest(file_id=file, **fields), None)
    return list(answer.events)


def told_of(said: list[Any], key: str, *kinds: type) -> list[Any]:
    """The messages about one person."""
    return [one.message for one in said if one.key == key and isinstance(one.message, kinds)]


async def versions_rise_by_one(office: Any) -> bool:
    """Whether each topic's events about one key have the versions one, two, three and so on."""
    runs: dict[tuple[str, str], list[int]] = {}
    for one in await office.said():
        runs.setdefault((one.topic, one.key), []).append(one.version)
    stored = await office.fetch("SELECT person_id, version, status_version FROM persons")
    return all(run == list(range(1, len(run) + 1)) for run in runs.values()) and all(
        len(runs.get(("tuoqi.registry.person.v1", row.person_id), ())) == row.version
        and len(runs.get(("tuoqi.registry.status.v1", row.person_id), ())) == row.status_version
        for row in stored
    )


async def test_a_merge_tells_the_file_as_merged_and_the_person_with_the_facts_of_both(
    office: Any, merges: MergeServicer, old: Row
) -> None:
    one, other = await two_files(office, old)
    await office.load("deaths", {"temp_id": "T-9", "death_date": "2026-11-02"})
    before = len(await office.said())
    await merge(merges, one, other)
    said = await office.said(after=before)
    (merged,) = told_of(said, other, person_pb2.PersonMerged)
    assert (merged.into_person_id, merged.person.died_on) == (one, "2026-11-02")
    (deceased,) = told_of(said, one, person_pb2.PersonDeceased)
    assert (deceased.person.died_on, deceased.person.hukou[0].region) == ("2026-11-02", old["hukou_region"])
    (empty,) = told_of(said, other, status_pb2.PersonStatusChanged)
    assert not empty.intervals
    (union,) = told_of(said, one, status_pb2.PersonStatusChanged)
    assert [i.loaded_order for i in union.intervals] == [1, 2, 3]
    assert {(i.category, i.decided_on) for i in union.intervals[:2]} == {
        ("old_age_accepted", "2026-01-05"),
        ("old_age_accepted", "2026-03-05"),
    }
    assert union.intervals[2].category == "living_alone_elder"
    assert len(said) == 4
    assert await versions_rise_by_one(office)


async def test_an_unmerge_returns_to_each_file_its_own(office: Any, merges: MergeServicer, old: Row) -> None:
    one, other = await two_files(office, old)
    await office.load("deaths", {"temp_id": "T-9", "death_date": "2026-11-02"})
    own = {key: told_of(await office.said(), key, status_pb2.PersonStatusChanged)[-1] for key in (one, other)}
    await merge(merges, one, other)
    before = len(await office.said())
    await unmerge(merges, other, reason=pb.MergeReason(text="查明为两人"))
    said = await office.said(after=before)
    (unmerged,) = told_of(said, other, person_pb2.PersonUnmerged)
    assert (unmerged.from_person_id, unmerged.person.died_on) == (one, "2026-11-02")
    (alive,) = told_of(said, one, person_pb2.PersonDeathWithdrawn)
    assert alive.person.died_on == ""
    for key in (one, other):
        (told,) = told_of(said, key, status_pb2.PersonStatusChanged)
        assert (told.intervals, told.stays) == (own[key].intervals, own[key].stays)
    assert await versions_rise_by_one(office)
    acts = await office.fetch("SELECT act FROM merges ORDER BY number")
    assert [row.act for row in acts] == ["merged", "unmerged"]


async def test_rows_that_name_a_merged_file_are_kept_with_it_and_told_of_the_person(
    office: Any, merges: MergeServicer, old: Row
) -> None:
    """Statuses, persons, deaths and moves alike, several rows in one chunk too."""
    one, other = await two_files(office, old)
    await merge(merges, one, other)
    before = len(await office.said())
    await office.load(
        "statuses",
        {"temp_id": "T-9", **LIVING_ALONE, "ended_on": "2026-06-30"},
        {"id_number": old["id_number"], "category": "dibao", "amount": "400", "decided_on": "2026-05-01"},
        {"temp_id": "T-9", "category": "empty_nest_elder", "decided_on": "2026-07-01"},
    )
    said = await office.said(after=before)
    last = told_of(said, one, status_pb2.PersonStatusChanged)[-1]
    assert {(i.category, i.ended_on) for i in last.intervals} == {
        ("old_age_accepted", ""),
        ("living_alone_elder", "2026-06-30"),
        ("dibao", ""),
        ("empty_nest_elder", ""),
    }
    assert sorted(i.loaded_order for i in last.intervals) == [1, 2, 3, 4, 5]
    assert not any(told.intervals for told in told_of(said, other, status_pb2.PersonStatusChanged))
    await office.load("deaths", {"temp_id": "T-9", "death_date": "2026-11-02"})
    await office.load("moves", {"temp_id": "T-9", "moved_out_on": "2026-10-01"})
    await office.load("persons", {**TEMP, "phone": "13900000000"})
    said = await office.said(after=before)
    assert [m.person.died_on for m in told_of(said, other, person_pb2.PersonMerged)] == ["2026-11-02"] * 3
    assert told_of(said, one, person_pb2.PersonDeceased)[-1].person.died_on == "2026-11-02"
    (moved,) = told_of(said, one, person_pb2.PersonMoved)
    assert [a.moved_out_on for a in moved.person.absences] == ["2026-10-01"]
    await office.load("deaths", {"temp_id": "T-9"})
    (back,) = told_of(await office.said(after=before), one, person_pb2.PersonDeathWithdrawn)
    assert back.person.died_on == ""
    assert await versions_rise_by_one(office)
    await unmerge(merges, other)
    (alone,) = told_of((await office.said())[-4:], other, status_pb2.PersonStatusChanged)
    assert {i.category for i in alone.intervals} == {"old_age_accepted", "living_alone_elder", "empty_nest_elder"}
    assert await versions_rise_by_one(office)


async def test_a_death_that_the_other_file_knows_too_stays_when_one_is_withdrawn(
    office: Any, merges: MergeServicer, old: Row
) -> None:
    one, other = await two_files(office, old)
    await merge(merges, one, other)
    for name in ({"temp_id": "T-9"}, {"id_number": old["id_number"]}):
        await office.load("deaths", {**name, "death_date": "2026-11-02"})
    before = len(await office.said())
    await office.load("deaths", {"id_number": old["id_number"]})
    (event,) = told_of(await office.said(after=before), one, person_pb2.PersonChanged)
    assert event.person.died_on == "2026-11-02"


async def test_a_dry_run_says_what_would_be_told_and_keeps_nothing(
    office: Any, merges: MergeServicer, old: Row
) -> None:
    one, other = await two_files(office, old)
    before = await office.said()
    would = await merge(merges, one, other, dry_run=True)
    assert sorted((event.type, event.key) for event in would) == sorted(
        [("PersonMerged", other), ("PersonChanged", one), ("PersonStatusChanged", one), ("PersonStatusChanged", other)]
    )
    assert await office.said() == before
    assert (await office.fetch("SELECT count(*) AS n FROM merges"))[0].n == 0
    assert [(e.type, e.key, e.version) for e in await merge(merges, one, other)] == [
        (e.type, e.key, e.version) for e in would
    ]


async def test_what_names_a_merged_file_finds_the_person(office: Any, merges: MergeServicer, old: Row) -> None:
    one, other = await two_files(office, old)
    await merge(merges, one, other)
    names = [registry_service_pb2.PersonName(temp_id="T-9"), registry_service_pb2.PersonName(person_id=other)]
    request = registry_service_pb2.IdentifyPersonsRequest(names=names)
    assert list((await office.servicer.IdentifyPersons(request, None)).person_ids) == [one, one]
    await unmerge(merges, other)
    assert list((await office.servicer.IdentifyPersons(request, None)).person_ids) == [other, other]


async def test_a_row_that_names_both_files_is_taken_once_they_are_merged_and_changes_the_one_with_the_number(
    office: Any, merges: MergeServicer, old: Row
) -> None:
    one, other = await two_files(office, old)
    both = {**old, "temp_id": "T-9", "phone": "13900000001"}
    (problem,) = office.refused(await office.load("persons", both))
    assert "先并档" in problem.reason
    await merge(merges, one, other)
    before = len(await office.said())
    assert office.refused(await office.load("persons", both)) == []
    assert [type(s.message) for s in await office.said(after=before) if s.key == one] == [person_pb2.PersonChanged]
    status = {"id_number": old["id_number"], "temp_id": "T-9", "category": "dibao", "amount": "400"}
    assert office.refused(await office.load("statuses", {**status, "decided_on": "2026-05-01"})) == []
    files = await office.fetch("SELECT person_id FROM person_statuses WHERE category = 'dibao'")
    assert [row.person_id for row in files] == [one]


async def test_the_person_may_be_named_to_take_a_merge_back_while_only_one_file_is_merged(
    office: Any, merges: MergeServicer, old: Row
) -> None:
    one, other = await two_files(office, old)
    await office.load("persons", {**TEMP, "temp_id": "T-10"})
    rows = await office.fetch("SELECT person_id FROM persons")
    (third,) = {row.person_id for row in rows} - {one, other}
    await merge(merges, one, other)
    await merge(merges, one, third)
    with pytest.raises(TuoqiError, match=r"merge\.which"):
        await unmerge(merges, one)
    await unmerge(merges, third)
    assert {event.key for event in await unmerge(merges, one)} == {one, other}
    assert await versions_rise_by_one(office)


async def test_chains_and_files_that_do_not_fit_are_refused(
    office: Any, merges: MergeServicer, old: Row, child: Row
) -> None:
    one, other = await two_files(office, old)
    await office.load("persons", child, {**TEMP, "temp_id": "T-10"})
    rows = await office.fetch("SELECT person_id FROM persons ORDER BY person_id")
    (little, third) = sorted({row.person_id for row in rows} - {one, other})
    births = await office.fetch("SELECT person_id FROM persons WHERE birth_date > '2000-01-01'")
    little, third = (births[0].person_id, third if births[0].person_id == little else little)
    with pytest.raises(TuoqiError, match=r"merge\.unlike"):
        await merge(merges, one, little)
    with pytest.raises(TuoqiError, match=r"merge\.reason_missing"):
        await merge(merges, one, little, reason=pb.MergeReason(although=True))
    with pytest.raises(TuoqiError, match=r"merge\.same_file"):
        await merge(merges, one, one)
    with pytest.raises(TuoqiError, match=r"merge\.not_merged"):
        await unmerge(merges, other)
    with pytest.raises(TuoqiError, match=r"registry\.person_unknown"):
        await merge(merges, one, other, actor=Actor(user="clerk.feng", regions=("990101102",)))
    await merge(merges, one, other)
    with pytest.raises(TuoqiError, match=r"merge\.merged_already"):
        await merge(merges, third, other)
    with pytest.raises(TuoqiError, match=r"merge\.chain"):
        await merge(merges, other, third)
    with pytest.raises(TuoqiError, match=r"merge\.chain"):
        await merge(merges, third, one)
    await merge(merges, one, little, reason=pb.MergeReason(text="身份证录错", although=True))
    await merge(merges, one, third)
    assert await versions_rise_by_one(office)


async def test_of_two_merges_at_once_one_is_refused(office: Any, merges: MergeServicer, old: Row) -> None:
    one, other = await two_files(office, old)
    both = await asyncio.gather(merge(merges, one, other), merge(merges, other, one), return_exceptions=True)
    refused = [answer for answer in both if isinstance(answer, TuoqiError)]
    assert [error.slug for error in refused] == ["merge.chain"] or [error.slug for error in refused] == [
        "merge.merged_already"
    ]
    assert await versions_rise_by_one(office)


async def test_a_household_counts_people_not_files(office: Any, merges: MergeServicer, old: Row, child: Row) -> None:
    await office.load("persons", old, child, {**TEMP, "household_no": old["household_no"]})
    rows = await office.fetch("SELECT person_id, birth_date FROM persons WHERE temp_hash IS NOT NULL")
    file = rows[0].person_id
    names = [registry_service_pb2.PersonName(id_number=old["id_number"])]
    answer = await office.servicer.IdentifyPersons(registry_service_pb2.IdentifyPersonsRequest(names=names), None)
    await merge(merges, answer.person_ids[0], file)
    households = [one.message for one in await office.said(place_pb2.HouseholdChanged)]
    assert [len(one.member_person_ids) for one in households] == [3, 2]
    await unmerge(merges, file)
    (*_, last) = [one.message for one in await office.said(place_pb2.HouseholdChanged)]
    assert len(last.member_person_ids) == 3
