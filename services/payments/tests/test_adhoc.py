"""Cycles of some programmes only, trials, histories, and acts that meet: on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from tuoqi.contracts.payments.v1 import cycle_pb2, posting_service_pb2
from tuoqi.contracts.payments.v1 import payments_service_pb2 as pb
from tuoqi.kit.county import County, CountyError
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Rights
from tuoqi.kit.stamps import stamp_of
from tuoqi.payments.rpc.posting import PostingServicer

pytestmark = pytest.mark.postgres

Office = Any
"""`conftest.Office`; conftest is no module that tests can import."""


async def opened(office: Office, month: str, *programmes: str) -> pb.Cycle:
    """An ad-hoc cycle whose cut-off is now."""
    with office.by("clerk.li"):
        request = pb.OpenCycleRequest(month=month, cutoff=stamp_of(office.clock.now()), programmes=programmes)
        return (await office.service.OpenCycle(request, None)).cycle


async def tried(office: Office, **asked: Any) -> pb.Trial:
    with office.by("clerk.li"):
        answers = [answer async for answer in office.service.TryCycle(pb.TryCycleRequest(**asked), None)]
    assert all(not answer.HasField("trial") for answer in answers[:-1])
    return answers[-1].trial


async def old_and_poor(office: Office) -> str:
    """Somebody with an old-age allowance and dibao."""
    person = await office.register(1, "1940-01-01", account="A")
    await office.status(person, "old_age_accepted", "2023-12-01")
    await office.status(person, "dibao", "2023-12-01", yuan=400)
    return str(person)


async def counted(office: Office) -> dict[str, int]:
    """The rows of every table of payments that a computing could touch."""
    tables = ("cycles", "payment_lines", "outgoing", "ledger_entries", "cash_steps", "outbox", "cycle_acts")
    return {name: (await office.fetch(f"SELECT count(*) AS n FROM {name}"))[0].n for name in tables}


async def test_an_ad_hoc_cycle_writes_only_its_programmes_and_the_next_full_one_the_rest(office: Office) -> None:
    await old_and_poor(office)
    office.go_to("2024-01-05")
    first = await opened(office, "2024-01", "dibao")
    assert (first.ref.name, list(first.programmes)) == ("2024-01", ["dibao"])
    await office.compute("2024-01")
    assert await office.lines("2024-01") == {"01 dibao REGULAR 2024-01 400"}
    office.go_to("2024-01-20")
    second = await office.open("2024-01")
    assert (second.ref.name, list(second.programmes)) == ("2024-01-2", [])
    await office.compute("2024-01-2")
    assert await office.lines("2024-01-2") == {"01 old_age_allowance REGULAR 2024-01 50"}
    assert await office.findings() == []
    assert cycle_pb2.CycleOpened.FromString(
        (await office.fetch("SELECT value FROM outbox ORDER BY seq LIMIT 1"))[0].value
    ).programmes == ["dibao"]


async def test_what_an_ad_hoc_cycle_leaves_out_is_neither_lost_nor_paid_twice_over_months(office: Office) -> None:
    person = await old_and_poor(office)
    await office.pay("2024-01")
    await office.status(person, "dibao", "2023-12-01", yuan=300)
    office.go_to("2024-02-05")
    await opened(office, "2024-02", "old_age_allowance")
    await office.compute("2024-02")
    assert await office.lines("2024-02") == {"01 old_age_allowance REGULAR 2024-02 50"}
    office.go_to("2024-02-20")
    await office.open("2024-02")
    await office.compute("2024-02-2")
    expected = {"01 dibao RECOVERY 2024-01 -100", "01 dibao REGULAR 2024-02 300"}
    assert await office.lines("2024-02-2") == expected
    office.go_to("2024-03-20")
    await office.open("2024-03")
    await office.compute("2024-03")
    assert await office.lines("2024-03") == {"01 dibao REGULAR 2024-03 300", "01 old_age_allowance REGULAR 2024-03 50"}
    assert await office.findings() == []


async def test_an_ad_hoc_cycle_of_an_unknown_programme_is_not_opened_and_of_all_is_a_full_one(office: Office) -> None:
    with pytest.raises(TuoqiError) as refused:
        await opened(office, "2024-01", "lottery", "dibao")
    assert (refused.value.slug, refused.value.details["programmes"]) == ("payments.cycle_programme_unknown", "lottery")
    full = await opened(office, "2024-01", *reversed(office.tools.policy.order))
    assert list(full.programmes) == []


async def test_a_trial_tells_what_a_cycle_would_write_and_writes_nothing(office: Office) -> None:
    """Of a draft, and of a catch-up cycle that nobody opened; then the cycle writes exactly that."""
    await old_and_poor(office)
    office.go_to("2024-01-20")
    await office.open("2024-01")
    before = await counted(office)
    trial = await tried(office, cycle="2024-01")
    assert await counted(office) == before
    computed = await office.compute("2024-01")
    assert list(trial.totals) == list(computed.totals)
    assert (trial.name, trial.persons) == ("2024-01", 1)
    assert list((await tried(office)).totals) == []
    await office.on_dibao(2, 300)
    missed = await tried(office)
    assert (missed.name, missed.month, missed.persons) == ("2024-01-2", "2024-01", 1)
    assert [(one.programme, one.line_type, one.amount_fen) for one in missed.totals] == [("dibao", "REGULAR", 30000)]
    assert list((await tried(office, programmes=["old_age_allowance"])).totals) == []
    assert (await tried(office, month="2024-02")).persons == 2


async def test_a_trial_is_refused_where_the_cycle_could_not_be_computed(office: Office) -> None:
    async def slug_of(**asked: Any) -> str:
        with pytest.raises(TuoqiError) as refused:
            await tried(office, **asked)
        return refused.value.slug

    assert await slug_of() == "payments.cycle_month_missing"
    assert await slug_of(cycle="2024-01") == "payments.cycle_unknown"
    office.go_to("2024-01-20")
    await office.open("2024-01")
    assert await slug_of(month="2024-01") == "payments.cycle_earlier_not_computed"
    await office.compute("2024-01")
    assert await slug_of(cycle="2024-01") == "payments.cycle_wrong_state"
    assert await slug_of(month="2023-12") == "payments.cycle_month_before_policy"


async def test_the_history_tells_who_did_what_when(office: Office) -> None:
    await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    cycle = await office.pay("2024-01")
    (row,) = await office.instructions("2024-01")
    await office.results([row["instruction_id"], "SUCCESS", "", "2024-01-28"])
    shown = await office.show("2024-01")
    assert [(one.act, one.by) for one in shown.history] == [
        ("open", "clerk.li"),
        ("compute", "clerk.li"),
        ("review", "reviewer.zhao"),
        ("post", "reviewer.zhao"),
        ("approve", "finance.qian"),
        ("instruct", "finance.qian"),
        ("settle_instruction", "finance.qian"),
    ]
    assert shown.history[-1].at.ToDatetime().date().isoformat() == "2024-01-28"
    assert cycle.history == []


async def test_a_cancelled_cycle_keeps_its_history_and_the_reason(office: Office) -> None:
    await office.open("2024-01")
    await office.cancel("2024-01", "开错月份")
    shown = await office.show("2024-01")
    assert [one.act for one in shown.history] == ["open", "cancel"]
    assert shown.cancelled_because == "开错月份"


async def test_nobody_is_reviewer_and_finance_at_once_in_the_county_s_files(office: Office, tmp_path: Path) -> None:
    """A service does not start with such a user."""
    shutil.copytree(office.county.folder, tmp_path / "county")
    users = tmp_path / "county" / "users.yaml"
    users.write_text(users.read_text("utf-8").replace("roles: [reviewer]", "roles: [reviewer, finance]"), "utf-8")
    with pytest.raises(CountyError, match=r"reviewer\.zhao may not be finance and reviewer"):
        Rights.from_county(County.load(tmp_path / "county"))


async def at_once(*acts: Any) -> tuple[list[Any], list[str]]:
    """What came of acts that meet: answers, and the slugs of refusals."""
    done = await asyncio.gather(*acts, return_exceptions=True)
    unexpected = [one for one in done if isinstance(one, BaseException) and not isinstance(one, TuoqiError)]
    assert not unexpected
    return [one for one in done if not isinstance(one, TuoqiError)], [
        one.slug for one in done if isinstance(one, TuoqiError)
    ]


async def test_of_two_that_do_the_same_at_once_exactly_one_does_it(office: Office) -> None:
    """Computing answers both; reviewing, posting, approving, instructing and cancelling refuse the second."""
    await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.open("2024-01")
    both, _ = await at_once(office.compute("2024-01"), office.compute("2024-01"))
    assert [one.state for one in both] == ["COMPUTED", "COMPUTED"]
    assert len(await office.fetch("SELECT 1 FROM payment_lines")) == 1
    _, refused = await at_once(office.review_and_post("2024-01"), office.review_and_post("2024-01"))
    assert refused == ["payments.cycle_wrong_state"]
    office.go_to("2024-01-27")
    done, refused = await at_once(office.approve("2024-01"), office.approve("2024-01", "finance.sun"))
    assert (len(done), refused) == (1, ["payments.cycle_wrong_state"])
    done, refused = await at_once(office.instruct("2024-01"), office.instruct("2024-01"), office.cancel("2024-01"))
    assert len(done) == 1
    assert len(refused) == 2
    acts = [one.act for one in (await office.show("2024-01")).history]
    assert len(acts) == len(set(acts)) == 6
    assert await office.findings() == []


async def test_an_objection_and_the_approval_that_meet_never_both_succeed(office: Office) -> None:
    person = await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.open("2024-01")
    await office.compute("2024-01")
    await office.review_and_post("2024-01")
    office.go_to("2024-01-27")

    async def objected() -> Any:
        with office.by("clerk.li"):
            request = posting_service_pb2.RaiseObjectionRequest(
                cycle="2024-01", person_id=person, programme="dibao", category="other"
            )
            return await PostingServicer(office.tools).RaiseObjection(request, None)

    done, refused = await at_once(office.approve("2024-01"), objected())
    assert (len(done), len(refused)) == (1, 1)


async def test_a_computing_whose_caller_goes_away_leaves_nothing_and_can_be_repeated(office: Office) -> None:
    """Wherever in the work that is."""
    for number in range(1, 8):
        await office.on_dibao(number, 400)
    office.go_to("2024-01-20")
    await office.open("2024-01")
    before = await counted(office)
    for steps in (1, 2, 3):
        with office.by("clerk.li"):
            answers = office.service.ComputeCycle(pb.ComputeCycleRequest(cycle="2024-01"), None)
            for _ in range(steps):
                await anext(answers)
            await answers.aclose()
        assert await counted(office) == before
    assert (await office.compute("2024-01")).state == "COMPUTED"
    assert len(await office.fetch("SELECT 1 FROM payment_lines")) == 7
