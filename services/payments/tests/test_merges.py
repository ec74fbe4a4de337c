"""Two files of one person: paid together while merged, each for itself again afterwards, on a real PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from tuoqi.contracts.registry.v1 import person_pb2, status_pb2
from tuoqi.kit.stamps import stamp_of
from tuoqi.payments.consumer import PERSON, STATUS

pytestmark = pytest.mark.postgres
Office = Any
"""`conftest.Office`; conftest is no module that tests can import."""


async def merge(office: Office, file: str, into: str) -> None:
    """What the registry tells of a merge."""
    now = stamp_of(office.clock.now())
    told = person_pb2.PersonMerged(person=office.people[file], into_person_id=into, known_at=now)
    await office._tell(file, told, PERSON.name)  # noqa: SLF001  the tests' own office
    died = office.people[into].died_on or office.people[file].died_on
    facts = person_pb2.PersonFacts()
    facts.CopyFrom(office.people[into])
    facts.died_on = died
    await office._tell(into, person_pb2.PersonChanged(person=facts, known_at=now), PERSON.name)  # noqa: SLF001
    await tell_statuses(office, file)
    await tell_statuses(office, into, into, file)


async def unmerge(office: Office, file: str, into: str) -> None:
    """What the registry tells when a merge is taken back."""
    now = stamp_of(office.clock.now())
    told = person_pb2.PersonUnmerged(person=office.people[file], from_person_id=into, known_at=now)
    await office._tell(file, told, PERSON.name)  # noqa: SLF001
    await office._tell(into, person_pb2.PersonChanged(person=office.people[into], known_at=now), PERSON.name)  # noqa: SLF001
    await tell_statuses(office, file, file)
    await tell_statuses(office, into, into)


async def tell_statuses(office: Office, person: str, *files: str) -> None:
    """The intervals of these files, side by side, as the person's."""
    intervals = [one for file in files for one in office.intervals.get(file, {}).values()]
    event = status_pb2.PersonStatusChanged(person_id=person, intervals=intervals, known_at=stamp_of(office.clock.now()))
    await office._tell(person, event, STATUS.name)  # noqa: SLF001


async def two_old_files(office: Office, *, account: str = "B") -> tuple[str, str]:
    """Two files of a woman of 83, both with the old-age allowance."""
    one = await office.register(1, "1940-03-01", account="A")
    other = await office.register(2, "1940-03-01", account=account)
    for file in (one, other):
        await office.status(file, "old_age_accepted", "2023-12-01")
    return one, other


async def pay(office: Office, *months: str) -> None:
    for month in months:
        office.go_to(f"{month}-20")
        await office.pay(month)


def old_age(person: str, kind: str, month: str, yuan: int) -> str:
    return f"{person} old_age_allowance {kind} {month} {yuan}"


async def test_what_two_merged_files_were_both_paid_is_recovered_once_in_the_next_cycle(office: Office) -> None:
    one, other = await two_old_files(office)
    await pay(office, "2024-01", "2024-02")
    await merge(office, other, one)
    await pay(office, "2024-03")
    assert await office.lines("2024-03") == {
        old_age("01", "RECOVERY", "2024-01", -50),
        old_age("01", "RECOVERY", "2024-02", -50),
        old_age("01", "REGULAR", "2024-03", 50),
    }
    assert await office.recoveries() == {"01 old_age_allowance 2024-01 50", "01 old_age_allowance 2024-02 50"}
    await pay(office, "2024-04")
    assert await office.lines("2024-04") == {old_age("01", "REGULAR", "2024-04", 50)}
    assert await office.findings() == []


@pytest.mark.parametrize(("file", "into"), [(1, 9), (9, 1)])
async def test_files_far_apart_are_paid_as_one_person(office: Office, file: int, into: int) -> None:
    """People are reckoned two at a time; the file and its person are never in one run."""
    people = {number: await office.on_dibao(number, 100, account=f"A{number}") for number in (1, 3, 5, 7, 9)}
    await pay(office, "2024-01")
    await merge(office, people[file], people[into])
    await pay(office, "2024-02")
    others = {f"0{number} dibao REGULAR 2024-02 100" for number in (3, 5, 7, into)}
    assert await office.lines("2024-02") == {*others, f"0{into} dibao RECOVERY 2024-01 -100"}
    assert await office.findings() == []


async def test_an_unmerge_pays_back_what_was_recovered_and_each_file_goes_on_by_its_own_lines(office: Office) -> None:
    one, other = await two_old_files(office)
    await pay(office, "2024-01")
    await merge(office, other, one)
    await pay(office, "2024-02")
    await unmerge(office, other, one)
    await pay(office, "2024-03")
    assert await office.lines("2024-03") == {
        old_age("01", "BACKPAY", "2024-01", 50),
        old_age("01", "REGULAR", "2024-03", 50),
        old_age("02", "BACKPAY", "2024-02", 50),
        old_age("02", "REGULAR", "2024-03", 50),
    }
    assert await office.recoveries() == set()
    totals = await office.fetch("SELECT person_id, sum(amount_fen) AS fen FROM payment_lines GROUP BY 1 ORDER BY 1")
    assert [int(row.fen) for row in totals] == [15_000, 15_000]
    assert await office.findings() == []


async def test_a_merge_known_after_the_cut_off_waits_for_the_next_cycle(office: Office) -> None:
    one, other = await two_old_files(office)
    office.go_to("2024-01-20")
    await office.open("2024-01")
    office.go_to("2024-01-21")
    await merge(office, other, one)
    await office.compute("2024-01")
    assert await office.lines("2024-01") == {
        old_age("01", "REGULAR", "2024-01", 50),
        old_age("02", "REGULAR", "2024-01", 50),
    }


async def test_the_interval_decided_last_counts_whichever_file_it_stands_in(office: Office) -> None:
    """Also where it lowers the amount: rule 1.9 knows one person."""
    one = await office.on_dibao(1, 400, account="A")
    other = await office.on_dibao(2, 300, decided="2024-02-10", account="B")
    await pay(office, "2024-03")
    await merge(office, other, one)
    await pay(office, "2024-04")
    assert await office.lines("2024-04") == {
        "01 dibao RECOVERY 2024-03 -400",
        "01 dibao REGULAR 2024-04 300",
    }


async def test_money_of_a_merged_file_that_was_not_paid_out_is_withdrawn_first(office: Office) -> None:
    """It waits for an account: nothing went out twice, so nobody owes anything."""
    one, other = await two_old_files(office, account="")
    await pay(office, "2024-01")
    assert await office.waiting() == {"02 old_age_allowance 2024-01 50 ACCOUNT"}
    await merge(office, other, one)
    await pay(office, "2024-02")
    assert (await office.waiting(), await office.recoveries()) == (set(), set())
    steps = await office.fetch("SELECT person_id, from_person_id, amount_fen FROM cash_steps WHERE kind = 'WITHDRAW'")
    assert [(row.person_id, row.from_person_id, row.amount_fen) for row in steps] == [(one, other, 5_000)]
    assert await office.findings() == []


async def test_cancelling_gives_a_merged_file_back_what_was_withdrawn_from_it(office: Office) -> None:
    one, other = await two_old_files(office, account="")
    await pay(office, "2024-01")
    await merge(office, other, one)
    office.go_to("2024-02-20")
    await office.open("2024-02")
    await office.compute("2024-02")
    assert await office.waiting() == set()
    await office.cancel("2024-02")
    assert await office.waiting() == {"02 old_age_allowance 2024-01 50 ACCOUNT"}
    assert await office.findings() == []


async def test_what_a_merged_file_owes_is_reduced_by_what_the_person_is_paid_for_that_month(office: Office) -> None:
    one = await office.on_dibao(1, 400, account="A")
    other = await office.on_dibao(2, 300, account="B")
    await office.status(one, "dibao", "2023-12-01", yuan=400, ended="2023-12-31")
    await pay(office, "2024-01")
    await office.status(other, "dibao", "2023-12-01", yuan=300, ended="2023-12-31")
    await pay(office, "2024-02")
    assert await office.recoveries() == {"02 dibao 2024-01 300"}
    await merge(office, other, one)
    await office.status(one, "dibao", "2023-12-01", yuan=400)
    await tell_statuses(office, one, one, other)
    office.go_to("2024-03-20")
    await office.open("2024-03")
    await office.compute("2024-03")
    assert await office.recoveries() == set()
    steps = await office.fetch("SELECT from_person_id, amount_fen FROM cash_steps WHERE kind = 'REDUCE_CASE'")
    assert [(row.from_person_id, row.amount_fen) for row in steps] == [(other, 30_000)]
    assert await office.findings() == []
    await office.cancel("2024-03")
    assert await office.recoveries() == {"02 dibao 2024-01 300"}
    assert await office.findings() == []


async def test_a_death_that_one_file_knows_holds_back_the_money_of_both(office: Office) -> None:
    one, other = await two_old_files(office)
    office.go_to("2024-01-20")
    await office.open("2024-01")
    await office.compute("2024-01")
    await office.died(one, "2024-01-15")
    await merge(office, other, one)
    await office.review_and_post("2024-01")
    office.go_to("2024-01-28")
    await office.approve("2024-01")
    await office.instruct("2024-01")
    assert await office.instructions("2024-01") == []
    assert await office.waiting() == {
        "01 old_age_allowance 2024-01 50 HEIR",
        "02 old_age_allowance 2024-01 50 HEIR",
    }


async def test_waiting_money_of_a_file_without_an_account_goes_to_the_persons(office: Office) -> None:
    one, other = await two_old_files(office, account="")
    office.go_to("2024-01-20")
    await office.open("2024-01")
    await office.compute("2024-01")
    await merge(office, other, one)
    await office.review_and_post("2024-01")
    office.go_to("2024-01-28")
    await office.approve("2024-01")
    await office.instruct("2024-01")
    assert [(row["account_no"], row["amount"]) for row in await office.instructions("2024-01")] == [("A", 10_000)]
    assert await office.findings() == []


async def test_computing_a_cycle_of_merged_files_again_writes_nothing_twice(office: Office) -> None:
    one, other = await two_old_files(office)
    await pay(office, "2024-01")
    await merge(office, other, one)
    office.go_to("2024-02-20")
    await office.open("2024-02")
    assert await office.compute("2024-02") == await office.compute("2024-02")
    lines = await office.fetch("SELECT line_id FROM payment_lines ORDER BY line_id")
    assert len(lines) == len({row.line_id for row in lines}) == 4
