"""What other systems submit: per-line results, the two keys, release, and the way to the account, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tuoqi.contracts.payments.v1 import disbursement_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError

pytestmark = pytest.mark.postgres

Desk = Any


async def slug_of(act: Any) -> str:
    with pytest.raises(TuoqiError) as refused:
        await act
    return refused.value.slug


def results(answer: pb.SubmitBatchResponse) -> list[str]:
    return [" ".join(filter(None, (one.line_ref, one.outcome, one.reason))) for one in answer.results]


async def test_each_line_has_its_own_result_and_only_those_not_accepted_are_listed(desk: Desk) -> None:
    anna, dead = await desk.office.register(1, "2010-01-01"), await desk.office.register(2, "1940-01-01")
    desk.office.go_to("2024-01-10")
    await desk.office.died(dead, "2023-12-20")
    answer = await desk.submit(
        "autumn",
        ("a-1", anna, 500),
        ("a-2", "00000000-0000-4000-8000-000000000099", 500),
        ("a-3", dead, 500),
        ("a-4", anna, 20_000),
        ("a-5", anna, 0),
        ("a-6", "no id \x00", 500),
        ("a-1", anna, 500),
        ("a-1", anna, 501),
    )
    assert results(answer) == [
        "a-2 REJECTED payments.line_person_unknown",
        "a-3 REJECTED payments.line_after_death",
        "a-4 REJECTED payments.line_above_ceiling",
        "a-5 REJECTED payments.line_amount_wrong",
        "a-6 REJECTED payments.line_person_unknown",
        "a-1 DUPLICATE",
        "a-1 REJECTED payments.line_ref_reused",
    ]
    assert answer.results[2].sentence == "金额 20000.00 元超过上限 10000.00 元。"
    batch = answer.batch
    assert (batch.accepted, batch.duplicates, batch.rejected, batch.amount_fen) == (1, 1, 6, 50_000)
    assert await desk.told() == ["BatchAccepted"]


async def test_a_month_programme_or_system_that_is_not_open_is_refused_by_line(desk: Desk) -> None:
    anna = await desk.office.register(1, "2010-01-01")
    for number, (programme, month, by) in enumerate(
        (
            ("funeral_relief", "2023-12", "system.edu"),
            ("education_grant", "2023-12", "system.rescue"),
            ("education_grant", "2024-01", "system.edu"),
            ("education_grant", "2022-11", "system.edu"),
            ("education_grant", "2023-13", "system.edu"),
            ("", "2023-12", "system.edu"),
        )
    ):
        answer = await desk.submit(f"k{number}", (f"r{number}", anna, 5), month=month, programme=programme, by=by)
        expected = "programme_closed" if number in {0, 1, 5} else "month_wrong" if number == 4 else "month_out_of_reach"
        assert results(answer) == [f"r{number} REJECTED payments.line_{expected}"]


async def test_the_same_key_with_the_same_body_is_answered_byte_by_byte_and_with_another_body_refused(
    desk: Desk,
) -> None:
    anna = await desk.office.register(1, "2010-01-01")
    desk.office.go_to("2024-01-10")
    first = await desk.submit("key", ("a", anna, 500), ("b", "x", 1))
    desk.office.go_to("2024-01-11")
    again = await desk.submit("key", ("a", anna, 500), ("b", "x", 1))
    assert again.SerializeToString(deterministic=True) == first.SerializeToString(deterministic=True)
    assert await slug_of(desk.submit("key", ("a", anna, 501), ("b", "x", 1))) == "payments.batch_key_reused"
    other = await desk.submit("key", ("a", anna, 500), by="system.rescue", programme="temporary_assistance")
    assert other.batch.accepted == 1, "keys and references are each system's own"
    (row,) = await desk.office.fetch("SELECT count(*) AS n, sum(amount_fen) AS fen FROM disbursements")
    assert (row.n, row.fen) == (2, 100_000)


async def test_a_reference_is_taken_once_for_ever_whichever_batch_brings_it(desk: Desk) -> None:
    anna = await desk.office.register(1, "2010-01-01")
    desk.office.go_to("2024-01-10")
    first = await desk.submit("one", ("a", anna, 500))
    answer = await desk.submit("two", ("a", anna, 500), ("b", anna, 500))
    assert results(answer) == ["a DUPLICATE"]
    assert answer.results[0].earlier_batch_id == first.batch.batch_id
    await desk.void(first.batch.batch_id, by="system.edu")
    assert results(await desk.submit("three", ("a", anna, 500))) == ["a DUPLICATE"]


async def test_eight_systems_at_once_with_the_same_references_take_each_once_and_never_fail(desk: Desk) -> None:
    people = [await desk.office.register(number, "2010-01-01") for number in range(1, 21)]
    desk.office.go_to("2024-01-10")
    batches = [[(f"r{n}", people[n], 5) for n in order] for order in (range(20), range(19, -1, -1)) for _ in range(4)]
    answers = await asyncio.gather(*(desk.submit(f"k{n}", *lines) for n, lines in enumerate(batches)))
    assert sum(answer.batch.accepted for answer in answers) == 20
    assert sum(answer.batch.duplicates for answer in answers) == 140
    same = await asyncio.gather(*(desk.submit("same", ("s", people[0], 5)) for _ in range(8)))
    assert len({answer.batch.batch_id for answer in same}) == 1
    assert [answer.batch.accepted for answer in same] == [1] * 8


async def test_a_reference_that_could_be_somebodys_number_refuses_the_whole_batch(desk: Desk) -> None:
    anna = await desk.office.register(1, "2010-01-01")
    assert await slug_of(desk.submit("k", ("990101201001010018", anna, 5))) == "payments.line_ref_private"
    assert await slug_of(desk.submit("k", ("a b", anna, 5))) == "payments.line_ref_wrong"


async def test_a_batch_pays_nothing_before_the_county_releases_it_and_never_by_its_submitter(desk: Desk) -> None:
    office = desk.office
    anna = await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-10")
    batch = (await desk.submit("k", ("a", anna, 500))).batch.batch_id
    office.go_to("2024-01-20")
    first = (await office.pay("2024-01")).ref.cycle_id
    assert await office.lines(first) == {"01 dibao REGULAR 2024-01 400"}
    assert await desk.state("a") == "ACCEPTED"
    assert await slug_of(desk.release(batch, by="system.edu")) == "payments.batch_own"
    released = await desk.release(batch)
    assert (released.state, released.released_by) == ("RELEASED", "reviewer.zhao")
    assert (await desk.release(batch)).released_at == released.released_at
    assert await desk.state("a") == "RELEASED"
    office.go_to("2024-02-20")
    second = (await office.pay("2024-02")).ref.cycle_id
    assert await office.lines(second) == {"01 dibao REGULAR 2024-02 400", "01 education_grant BACKPAY 2024-01 500"}


async def test_a_line_is_followed_to_the_account_and_its_submitter_hears_each_step_once(desk: Desk) -> None:
    office = desk.office
    anna, bert = await office.on_dibao(1, 400, account="A"), await office.on_dibao(2, 400)
    office.go_to("2024-01-10")
    batch = (await desk.submit("k", ("a", anna, 500), ("b", bert, 600))).batch.batch_id
    await desk.release(batch)
    office.go_to("2024-01-20")
    await office.open("2024-01")
    await office.compute("2024-01")
    assert await desk.follow() == 2
    assert await desk.follow() == 0
    await office.review_and_post("2024-01")
    office.go_to("2024-01-28")
    await office.approve("2024-01")
    await office.instruct("2024-01")
    await desk.follow()
    assert await desk.state("b") == "WAITING 2024-01 ACCOUNT"
    ids = {row["memo"]: row["instruction_id"] for row in await office.instructions("2024-01")}
    await office.results((ids["助学金"], "RETURNED", "账号已注销", ""))
    assert await desk.state("a") == "RETURNED 2024-01"
    await desk.follow()
    office.go_to("2024-02-20")
    office.registry.accounts_of[anna] = ("version-B", "B")
    await office.pay("2024-02")
    await desk.follow()
    (again,) = [row for row in await office.instructions("2024-02") if row["instruction_id"] == f"{ids['助学金']}-R2"]
    await office.results((again["instruction_id"], "SUCCESS", "", "2024-02-28"))
    await desk.follow()
    assert await desk.state("a") == "SETTLED 2024-01"
    assert await desk.told() == [
        "BatchAccepted",
        "BatchReleased",
        "DisbursementsMoved IN_CYCLE a,b",
        "DisbursementsMoved INSTRUCTED a",
        "DisbursementsMoved WAITING b",
        "DisbursementsReturned a",
        "DisbursementsMoved INSTRUCTED a",
        "DisbursementsSettled a",
    ]
    versions = await office.fetch(
        "SELECT aggregate_version AS v FROM outbox WHERE topic = 'tuoqi.payments.disbursement.v1' ORDER BY seq"
    )
    assert [row.v for row in versions] == list(range(1, 9))


async def test_a_cancelled_cycle_puts_its_lines_back_and_the_next_one_takes_them_up(desk: Desk) -> None:
    office = desk.office
    anna = await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-10")
    await desk.release((await desk.submit("k", ("a", anna, 500))).batch.batch_id)
    office.go_to("2024-01-20")
    await office.open("2024-01")
    await office.compute("2024-01")
    await desk.follow()
    await office.cancel("2024-01")
    await desk.follow()
    assert (await desk.state("a"), (await desk.told())[-1]) == ("RELEASED", "DisbursementsMoved RELEASED a")
    office.go_to("2024-01-21")
    await office.open("2024-01")
    assert (await office.compute("2024-01-2")).ref.name == "2024-01-2"
    assert await desk.state("a") == "IN_CYCLE 2024-01-2"


async def test_voided_lines_are_not_paid_and_paid_ones_are_recovered(desk: Desk) -> None:
    office = desk.office
    anna = await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-10")
    batch = (
        await desk.submit(
            "k", *((ref, anna, 500) for ref in "abc"), programme="temporary_assistance", by="system.rescue"
        )
    ).batch.batch_id
    assert await desk.void(batch, "a", by="system.rescue") == 1
    assert await desk.void(batch, "a", by="system.rescue") == 0
    assert await slug_of(desk.void(batch, "x")) == "payments.line_unknown"
    assert await slug_of(desk.void(batch, "b", by="system.edu")) == "payments.batch_unknown"
    await desk.release(batch)
    assert await slug_of(desk.void(batch, "b", by="system.rescue")) == "payments.batch_released_already"
    office.go_to("2024-01-20")
    first = (await office.pay("2024-01")).ref.cycle_id
    assert "01 temporary_assistance REGULAR 2024-01 1000" in await office.lines(first)
    assert await desk.void(batch, "b") == 1
    assert await desk.state("b", "system.rescue") == "VOIDED"
    office.go_to("2024-02-20")
    second = (await office.pay("2024-02")).ref.cycle_id
    assert "01 temporary_assistance RECOVERY 2024-01 -500" in await office.lines(second)
    assert await office.findings() == []


async def test_what_a_person_would_get_beyond_the_ceiling_keeps_the_whole_batch_back(desk: Desk) -> None:
    office = desk.office
    anna = await office.register(1, "2010-01-01")
    office.go_to("2024-01-10")
    rescue = {"programme": "temporary_assistance", "by": "system.rescue"}
    await desk.release((await desk.submit("k1", ("a", anna, 4_000), **rescue)).batch.batch_id)
    batch = (await desk.submit("k2", ("b", anna, 600), ("c", anna, 500), **rescue)).batch.batch_id
    assert await slug_of(desk.release(batch)) == "payments.batch_above_ceiling"
    await desk.void(batch, "c")
    assert (await desk.release(batch)).state == "RELEASED"
    twice = (await desk.submit("k3", ("d", anna, 500))).batch.batch_id
    await desk.release(twice)
    assert await slug_of(desk.release((await desk.submit("k4", ("e", anna, 500))).batch.batch_id)) == (
        "payments.batch_school_year"
    )


async def test_a_system_sees_its_own_batches_only_and_the_county_all(desk: Desk) -> None:
    office = desk.office
    anna = await office.register(1, "2010-01-01")
    office.go_to("2024-01-10")
    for number in range(3):
        await desk.submit(f"k{number}", (f"r{number}", anna, 5))
    await desk.submit("k0", ("r0", anna, 5), programme="temporary_assistance", by="system.rescue")
    with office.by("system.rescue"):
        assert len((await desk.batches.ListBatches(pb.ListBatchesRequest(), None)).batches) == 1
        assert await slug_of(desk.batches.GetDisbursement(pb.GetDisbursementRequest(line_ref="r1"), None)) == (
            "payments.line_unknown"
        )
    with office.by("reviewer.zhao"):
        first = await desk.batches.ListBatches(pb.ListBatchesRequest(page_size=2), None)
        rest = await desk.batches.ListBatches(
            pb.ListBatchesRequest(page_size=2, page_token=first.next_page_token), None
        )
        keys = [f"{one.client} {one.idempotency_key}" for one in (*first.batches, *rest.batches)]
        assert keys == ["system.rescue k0", "system.edu k2", "system.edu k1", "system.edu k0"]
    with office.by("system.edu"):
        shown = await desk.batches.GetBatch(pb.GetBatchRequest(batch="k1"), None)
        page = await desk.batches.ListDisbursements(pb.ListDisbursementsRequest(batch="k1"), None)
    assert (dict(shown.states), page.disbursements[0].line_ref) == ({"ACCEPTED": 1}, "r1")
