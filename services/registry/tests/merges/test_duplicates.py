"""Files that may be one person's: found while loading and by a scan, decided by people, on a real PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from tuoqi.contracts.registry.v1 import merge_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor, acting
from tuoqi.registry.domain.duplicates import is_slip, likely_numbers, slips
from tuoqi.registry.domain.identity import number_flaw
from tuoqi.registry.rpc.merges import MergeServicer

Row = dict[str, str]
CLERK = Actor(user="clerk.li", purpose="核对重复")
NUMBER = "990101193607010016"


def valid(body: str) -> str:
    """The right number of 17 characters."""
    return next(body + last for last in "0123456789X" if not number_flaw(body + last))


def twin(temp_id: str = "T-9", **more: str) -> Row:
    """A row without a number of the man of the fixture."""
    row = {"name": "古丽·测试", "temp_id": temp_id, "sex": "男", "birth_date": "1936-07-01"}
    return {**row, "hukou_region": "990101101201", "residence_region": "990101101202", **more}


def test_a_wrong_check_character_and_neighbours_in_the_wrong_order_point_to_the_right_number() -> None:
    assert NUMBER in likely_numbers("990101193607010017")
    swapped = NUMBER[:14] + NUMBER[15] + NUMBER[14] + NUMBER[16:]
    assert number_flaw(NUMBER[:15] + NUMBER[16] + NUMBER[15] + NUMBER[17])
    assert NUMBER in likely_numbers(NUMBER[:15] + NUMBER[16] + NUMBER[15] + NUMBER[17])
    assert all(not number_flaw(one) for one in likely_numbers(swapped))
    assert likely_numbers("没有") == []


def test_numbers_of_one_name_that_differ_by_one_slip_are_paired_once() -> None:
    one, two = valid("99010119360701001"), valid("99010119360701091")
    swapped, far = valid("99010119360701100"), valid("99010219480228003")
    people = {"a": one, "b": two, "c": swapped, "d": far}
    assert sorted(slips(people)) == [("a", "b"), ("a", "c")]
    assert is_slip(one, two)
    assert not is_slip(one, far)


@pytest.fixture
def merges(office: Any) -> MergeServicer:
    """The service over the office."""
    return MergeServicer(office.desk, office.database, office.servicer._commander)  # noqa: SLF001  the office's own


async def queue(merges: MergeServicer, state: str = "", actor: Actor = CLERK, **fields: Any) -> list[Any]:
    with acting(actor):
        return list((await merges.ListDuplicates(pb.ListDuplicatesRequest(state=state, **fields), None)).pairs)


async def decide(merges: MergeServicer, pair: Any, decision: str, why: str = "") -> str:
    with acting(CLERK):
        request = pb.DecideDuplicateRequest(
            person_id=pair.first.person_id,
            file_id=pair.second.person_id,
            decision=decision,
            reason=pb.MergeReason(text=why),
        )
        return (await merges.DecideDuplicate(request, None)).state


async def scan(merges: MergeServicer) -> list[Any]:
    with acting(CLERK):
        return [step async for step in merges.ScanDuplicates(pb.ScanDuplicatesRequest(), None)]


@pytest.mark.postgres
async def test_twins_are_found_as_they_are_loaded_also_within_one_chunk(
    office: Any, merges: MergeServicer, old: Row
) -> None:
    await office.load("persons", old, twin("T-9"))
    await office.load("persons", twin("T-10"), twin("T-11", residence_region="990101101201"))
    pairs = await queue(merges)
    assert [(pair.reason, pair.state) for pair in pairs] == [("same_name_birth_village", "open")] * 3
    assert pairs[0].first.id_number == "990101********0016"
    assert {pair.second.temp_id for pair in pairs} == {"T-9", "T-10"}
    assert await queue(merges, actor=Actor(user="clerk.feng", regions=("990101102",))) == []


@pytest.mark.postgres
async def test_a_file_that_moves_into_the_village_becomes_a_twin_and_one_that_stays_the_same_is_looked_at_no_more(
    office: Any, merges: MergeServicer, old: Row
) -> None:
    await office.load("persons", old, twin(residence_region="990101101201"))
    assert await queue(merges) == []
    await office.load("persons", twin(phone="13900000000", residence_region=""))
    assert await queue(merges) == []
    await office.load("persons", twin())
    assert len(await queue(merges)) == 1


@pytest.mark.postgres
async def test_what_was_decided_does_not_come_back_and_a_merge_takes_the_pair_along(
    office: Any, merges: MergeServicer, old: Row
) -> None:
    await office.load("persons", old, twin("T-9"), twin("T-10"))
    numbered = [pair for pair in await queue(merges) if pair.first.id_number]
    with pytest.raises(TuoqiError, match=r"merge\.reason_missing"):
        await decide(merges, numbered[0], "different")
    assert await decide(merges, numbered[0], "merge") == "merged"
    assert await decide(merges, numbered[1], "different", "两位同名老人") == "different"
    assert await queue(merges) == []
    await scan(merges)
    await office.load("persons", {**old, "name": "别名"}, old)
    assert await queue(merges) == []
    assert [pair.decided_by for pair in await queue(merges, "different")] == ["clerk.li"]
    with acting(CLERK):
        await merges.UnmergePerson(pb.UnmergePersonRequest(file_id=numbered[0].second.person_id), None)
    assert len(await queue(merges, "different")) == 2


@pytest.mark.postgres
async def test_later_puts_a_pair_aside_and_it_is_still_there(office: Any, merges: MergeServicer, old: Row) -> None:
    await office.load("persons", old, twin())
    assert await decide(merges, (await queue(merges))[0], "later") == "later"
    assert (len(await queue(merges)), len(await queue(merges, "later"))) == (0, 1)


@pytest.mark.postgres
async def test_a_scan_finds_what_nobody_looked_at_and_slips_of_numbers_with_progress(
    office: Any, merges: MergeServicer, old: Row
) -> None:
    other = {
        **old,
        "id_number": valid("99010119360701091"),
        "birth_date": "",
        "household_no": "",
        "residence_region": "",
    }
    await office.load("persons", old, other, twin(), {**other, "id_number": valid("99010119480228003")})
    async with office.database.begin() as tx:
        await tx.execute("DELETE FROM duplicate_pairs")
        await tx.execute("DELETE FROM twin_keys")
    steps = await scan(merges)
    assert [(step.step, step.done, step.total, step.found) for step in steps][-1] == ("numbers", 4, 4, 2)
    assert sorted(pair.reason for pair in await queue(merges)) == ["number_slip", "same_name_birth_village"]
    assert (await scan(merges))[-1].found == 0


@pytest.mark.postgres
async def test_a_rejected_number_is_told_whose_it_may_be(office: Any, old: Row) -> None:
    """The clerk sees the person's id beside the reason, and never the right number."""
    await office.load("persons", old)
    (row,) = await office.fetch("SELECT person_id FROM persons")
    outcome = await office.load("persons", {**old, "id_number": "990101193607010017"})
    (problem,) = office.refused(outcome)
    assert row.person_id in problem.reason
    assert NUMBER not in problem.reason
    unknown = await office.load("persons", {**old, "id_number": "990101194611220020"})
    assert all(row.person_id not in one.reason for one in office.refused(unknown))


@pytest.mark.postgres
async def test_names_of_children_are_shown_for_a_purpose_only(office: Any, merges: MergeServicer, child: Row) -> None:
    little = {"name": child["name"], "temp_id": "T-1", "sex": "女", "birth_date": "2015-03-09"}
    await office.load("persons", {**child, "household_no": ""}, {**little, "hukou_region": child["hukou_region"]})
    (pair,) = await queue(merges, actor=Actor(user="clerk.li"))
    assert (pair.first.name, pair.second.name, pair.second.temp_id) == ("", "", "")
    (pair,) = await queue(merges)
    assert (pair.first.name, pair.second.temp_id) == (child["name"], "T-1")
