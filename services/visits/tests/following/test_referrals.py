"""Findings of records become alerts and referrals, once each, and never get lost; on PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tuoqi.contracts.visits.v1 import finding_pb2
from tuoqi.contracts.visits.v1 import referral_service_pb2 as pb
from tuoqi.kit.commands import Call
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor, acting
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.records import VisitForm
from tuoqi.visits.handlers.records import on_visit_arrived
from tuoqi.visits.jobs.intake import Arriving, Intake, Told
from tuoqi.visits.jobs.referrals import Arrival, ReferralTerms, follow_records
from tuoqi.visits.rpc.referrals import ReferralServicer
from tuoqi.visits.store import NoteSeal

pytestmark = pytest.mark.postgres
ANYWHERE, ELSEWHERE = Actor("li"), Actor("feng", regions=("990101002",))
REFERRALS = "tuoqi.visits.referral.v1"
FINDINGS = "tuoqi.visits.finding.v1"


async def arrive(county: Any, number: int, at: datetime, *forms: VisitForm) -> None:
    """Records of person k arrive, as every way in takes them."""
    name = county.make.person(number)

    async def body(tx: Any) -> None:
        calls = [Call(name, on_visit_arrived, form, f"r{form.visit_id}", at, "tian") for form in forms]
        files = await county.commander.within(tx, VisitFile, calls)
        arrivals = [Arrival(name, form, "tian", form.corrects) for form in forms]
        await follow_records(tx, county.commander, arrivals, files, county.rules.findings, at)

    await county.commander.transaction(body)


def form(number: int, at: datetime, *findings: str, result: str = "MET", **changes: Any) -> VisitForm:
    """A record with findings."""
    return VisitForm(f"00000000-0000-4000-a000-{number:012d}", at, "IN_PERSON", result, findings=findings, **changes)


async def reported(county: Any) -> list[tuple[str, str]]:
    """Code and alert kind of every finding that was told."""
    rows = await county.rows("SELECT value FROM outbox WHERE topic = :topic ORDER BY seq", topic=FINDINGS)
    told = [finding_pb2.FindingReported.FromString(bytes(value)) for (value,) in rows]
    return [(one.code, one.alert_kind) for one in told]


async def test_a_finding_is_told_and_goes_to_its_department(county: Any, make: Any) -> None:
    """An alert, a referral with a term, and one that is only kept; an unknown code goes to the township."""
    await county.told(1)
    at = make.at("2026-03-05", 10)
    await arrive(county, 1, at, form(1, at, "ELDER_FOUND_DOWN", "gas_unsafe", "self_unclean", "roof_leaks"))
    assert await reported(county) == [("roof_leaks", ""), ("gas_unsafe", ""), ("ELDER_FOUND_DOWN", "elder_found_down")]
    rows = await county.rows(
        "SELECT code, department, reason, state, due_at, rules_from::text FROM referrals ORDER BY 1"
    )
    assert rows == [
        ("ELDER_FOUND_DOWN", "health", "finding", "OPEN", make.at("2026-03-07", 0), "2024-01-01"),
        ("gas_unsafe", "urban_management", "finding", "OPEN", make.at("2026-03-09", 0), "2024-01-01"),
        ("roof_leaks", "township", "look_at", "OPEN", make.at("2026-03-11", 0), "2024-01-01"),
    ]
    assert await county.rows('SELECT code, kind FROM findings ORDER BY code COLLATE "C"') == [
        ("ELDER_FOUND_DOWN", "urgent"),
        ("gas_unsafe", "safety"),
        ("roof_leaks", ""),
        ("self_unclean", "hygiene"),
    ]
    assert [name for name, _ in await county.said(REFERRALS)] == ["ReferralOpened"] * 3


async def test_a_record_that_comes_a_week_late_still_raises(county: Any, make: Any) -> None:
    """It is told now, says when it was seen, and the department's term runs from now."""
    await county.told(1)
    await arrive(county, 1, make.at("2026-03-12"), form(1, make.at("2026-03-05"), "ELDER_FOUND_DOWN"))
    ((value, moment),) = await county.rows("SELECT value, ce_time FROM outbox WHERE topic = :topic", topic=FINDINGS)
    told = finding_pb2.FindingReported.FromString(bytes(value))
    assert (moment, told.found_at) == (make.at("2026-03-12"), make.stamp(make.at("2026-03-05")))
    assert await county.rows("SELECT due_at FROM referrals") == [(make.at("2026-03-14", 0),)]


async def test_the_same_found_again_joins_until_it_is_settled(county: Any, make: Any) -> None:
    """Within thirty days it joins, also in one file; after them, and after it was settled, it is a new one."""
    await county.told(1)
    days = [make.at(day) for day in ("2026-03-05", "2026-03-08", "2026-03-20")]
    await arrive(county, 1, days[2], *(form(n, at, "gas_unsafe") for n, at in enumerate(days)))
    assert await county.rows("SELECT array_length(string_to_array(sources, ' '), 1) FROM referrals") == [(3,)]
    late = make.at("2026-04-25")
    await arrive(county, 1, late, form(9, late, "GAS_UNSAFE"))
    assert len(await county.rows("SELECT 1 AS one FROM referrals")) == 2
    (referral_id,) = (await county.rows("SELECT referral_id FROM referrals ORDER BY opened_at DESC LIMIT 1"))[0]
    await county.referrals.settle(ANYWHERE, referral_id, "已更换软管")
    await arrive(county, 1, late, form(10, late, "gas_unsafe"))
    assert len(await county.rows("SELECT 1 AS one FROM referrals")) == 3
    names = [name for name, _ in await county.said(REFERRALS)]
    assert (names.count("ReferralOpened"), names.count("ReferralJoined"), names.count("ReferralSettled")) == (3, 2, 1)


async def test_a_correction_takes_back_the_referral_and_leaves_what_still_holds(county: Any, make: Any) -> None:
    """What the later record no longer tells is CORRECTED; what it still tells, and what another record told, stays."""
    await county.told(1)
    at = make.at("2026-03-05", 10)
    services = (("meal", 2),)
    await arrive(county, 1, at, form(1, at, "gas_unsafe", "low_mood", "food_short", services=services))
    await arrive(county, 1, at, form(2, at, "food_short"))
    later = make.at("2026-03-06")
    wrong = form(1, at).visit_id
    await arrive(county, 1, later, form(3, at, "low_mood", services=(("meal", 1),), corrects=wrong))
    assert await county.rows("SELECT code, state FROM referrals ORDER BY code") == [
        ("food_short", "OPEN"),
        ("gas_unsafe", "CORRECTED"),
        ("low_mood", "OPEN"),
    ]
    assert await county.rows("SELECT code FROM findings WHERE corrected_at IS NULL ORDER BY code") == [
        ("food_short",),
        ("low_mood",),
    ]
    assert await county.rows("SELECT source, count, voided FROM service_given ORDER BY source") == [
        (wrong, 2, True),
        (form(3, at).visit_id, 1, False),
    ]


async def test_a_correction_raises_no_alarm_a_second_time(county: Any, make: Any) -> None:
    """Through the whole way in: what the wrong record told already is kept, what it did not is told."""
    name = await county.told(1)
    at, later = make.at("2026-03-05", 10), make.at("2026-03-06")
    intake = Intake(county.commander, NoteSeal(b"k" * 32), county.rules.findings, county.rules.records)
    first = form(1, at, "ELDER_FOUND_DOWN", "gas_unsafe")
    second = form(2, at, "elder_found_down", "low_mood", corrects=first.visit_id)
    for record, moment in ((first, at), (second, later)):
        told = Told(2, name, record, record.visit_id)
        how = Arriving(moment, ANYWHERE, "device")
        taken = await county.commander.transaction(lambda tx, told=told, how=how: intake.take(tx, [told], how))
        assert [one.state for one in taken.answers] == ["TAKEN"]
    assert await reported(county) == [("gas_unsafe", ""), ("ELDER_FOUND_DOWN", "elder_found_down"), ("low_mood", "")]
    assert await county.rows("SELECT code, state FROM referrals ORDER BY code") == [
        ("ELDER_FOUND_DOWN", "OPEN"),
        ("gas_unsafe", "CORRECTED"),
        ("low_mood", "OPEN"),
    ]


async def test_who_moved_or_died_is_told_to_the_registry(county: Any, make: Any) -> None:
    """A check for the register; no alert and no referral."""
    await county.told(1)
    at = make.at("2026-03-05", 10)
    await arrive(county, 1, at, form(1, at, result="DIED"), form(2, at, result="MOVED"))
    assert await reported(county) == [("result_died", ""), ("result_moved", "")]
    assert not await county.rows("SELECT 1 AS one FROM referrals")


async def test_an_overdue_referral_is_told_once_however_late_the_clock_runs(county: Any, make: Any) -> None:
    """At the end of its term, also after a week of silence, and again for a new term."""
    await county.told(1)
    at = make.at("2026-03-05", 10)
    await arrive(county, 1, at, form(1, at, "gas_unsafe"))
    timer = ReferralTerms(county.commander, county.database)
    async with county.database.begin() as tx:
        assert await timer.next_due(tx) == make.at("2026-03-09", 0)
    assert [await timer.run(make.at("2026-03-20")) for _ in range(2)] == [1, 0]
    assert (await county.said(REFERRALS))[1:] == [("ReferralOverdue", make.at("2026-03-09", 0))]
    ((referral_id,),) = await county.rows("SELECT referral_id FROM referrals")
    await county.referrals.redirect(ANYWHERE, referral_id, "township", 2, "不归我局管")
    assert [await timer.run(make.at("2026-03-20")) for _ in range(2)] == [1, 0]


async def test_a_department_accepts_declines_and_settles(county: Any, make: Any) -> None:
    """Sent back it is still to be done; every word is sealed and shown in order; what is settled stays so."""
    await county.told(1)
    at = make.at("2026-03-05", 10)
    await arrive(county, 1, at, form(1, at, "gas_unsafe"))
    servicer = ReferralServicer(county.referrals)
    with acting(ANYWHERE):
        (one,) = (await servicer.ListReferrals(pb.ListReferralsRequest(), None)).referrals
        assert (one.name, one.department_name, one.state) == ("燃气不安全", "城市管理执法局", "OPEN")
        name = {"referral_id": one.referral_id}
        await servicer.AcceptReferral(pb.AcceptReferralRequest(**name), None)
        sent = await servicer.DeclineReferral(pb.DeclineReferralRequest(**name, reason="不归我局"), None)
        assert sent.referral.state == "DECLINED"
        with pytest.raises(TuoqiError, match=r"visits\.referral_state"):
            await servicer.AcceptReferral(pb.AcceptReferralRequest(**name), None)
        request = pb.RedirectReferralRequest(**name, department="township", working_days=1)
        assert (await servicer.RedirectReferral(request, None)).referral.department == "township"
        done = await servicer.SettleReferral(pb.SettleReferralRequest(**name, outcome="已整改"), None)
        assert (done.referral.state, done.referral.overdue) == ("DONE", False)
        for again in (servicer.SettleReferral(pb.SettleReferralRequest(**name, outcome="x"), None),
                      servicer.RedirectReferral(pb.RedirectReferralRequest(**name, department="police"), None)):  # fmt: skip
            with pytest.raises(TuoqiError, match=r"visits\.referral_state"):
                await again
        shown = await servicer.GetReferral(pb.GetReferralRequest(**name), None)
        assert [(word.by, word.act, word.text) for word in shown.words] == [
            ("li", "decline", "不归我局"),
            ("li", "settle", "已整改"),
        ]
        assert not (await servicer.ListReferrals(pb.ListReferralsRequest(), None)).referrals
        figures = (await servicer.GetReferralFigures(pb.GetReferralFiguresRequest(), None)).figures
        assert [(f.department, f.referrals, f.people, f.done, f.done_in_time, f.open) for f in figures] == [
            ("township", 1, 1, 1, 1, 0)
        ]
    sealed = await county.rows(
        "SELECT sealed, (SELECT string_agg(encode(value, 'escape'), '') FROM outbox) FROM referrals"
    )
    assert "已整改".encode() not in bytes(sealed[0][0])
    assert "已整改" not in sealed[0][1]


async def test_nobody_sees_or_acts_beyond_his_regions(county: Any, make: Any) -> None:
    """Another township's user finds neither the list, nor the referral, nor the figures."""
    await county.told(1)
    at = make.at("2026-03-05", 10)
    await arrive(county, 1, at, form(1, at, "gas_unsafe"))
    ((referral_id,),) = await county.rows("SELECT referral_id FROM referrals")
    servicer = ReferralServicer(county.referrals)
    with acting(ELSEWHERE):
        assert not (await servicer.ListReferrals(pb.ListReferralsRequest(), None)).referrals
        assert not (await servicer.GetReferralFigures(pb.GetReferralFiguresRequest(), None)).figures
        with pytest.raises(TuoqiError, match=r"visits\.referral_unknown"):
            await servicer.AcceptReferral(pb.AcceptReferralRequest(referral_id=referral_id), None)


async def test_referrals_come_page_by_page(county: Any, make: Any) -> None:
    """Every one once, the most urgent first; only those of a department, only those past their term."""
    await county.told(1)
    at = make.at("2026-03-05", 10)
    codes = ("gas_unsafe", "low_mood", "food_short", "house_dangerous", "roof_leaks")
    await arrive(county, 1, at, form(1, at, *codes))
    county.clock.move_to(make.at("2026-03-10"))
    servicer, seen, token = ReferralServicer(county.referrals), [], ""
    with acting(ANYWHERE):
        while True:
            request = pb.ListReferralsRequest(page_size=2, page_token=token)
            answer = await servicer.ListReferrals(request, None)
            seen += [one.code for one in answer.referrals]
            token = answer.next_page_token
            if not token:
                break
        late = await servicer.ListReferrals(pb.ListReferralsRequest(overdue=True), None)
        own = await servicer.ListReferrals(pb.ListReferralsRequest(department="housing"), None)
        for bad in (pb.ListReferralsRequest(state="LATE"), pb.ListReferralsRequest(page_token="2026-01-01~x")):
            with pytest.raises(TuoqiError, match=r"visits\.bad"):
                await servicer.ListReferrals(bad, None)
    assert seen == ["food_short", "gas_unsafe", "roof_leaks", "house_dangerous", "low_mood"]
    assert [one.code for one in late.referrals] == ["food_short", "gas_unsafe"]
    assert [one.code for one in own.referrals] == ["house_dangerous"]
