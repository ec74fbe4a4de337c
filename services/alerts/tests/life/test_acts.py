"""Acts, closings and re-openings by gRPC, with the rights that each needs, and the history that they leave."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tuoqi.alerts.consumer import PLACES_KNOWN
from tuoqi.contracts.alerts.v1 import alerts_service_pb2 as pb
from tuoqi.contracts.alerts.v1 import life_service_pb2 as life
from tuoqi.contracts.registry.v1.place_pb2 import Facility, FacilityChanged
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.stamps import stamp_of

pytestmark = pytest.mark.postgres
CHILD = f"01890000-0000-7000-8000-{0:012x}"
PHOTO = [pb.Evidence(kind="photo", ref="ab" * 32)]


async def hazard(desk: Any, kind: str) -> str:
    """The id of an alert about a facility whose region the registry told."""
    changed = FacilityChanged(facility=Facility(code="F-1", kind="elder_care_facility", region="990101101201"))
    await desk.hear(PLACES_KNOWN, ("F-1", changed))
    alert_id: str = (await desk.report("worker", kind, facility="F-1")).alert_id
    return alert_id


async def test_a_hazard_lives_from_the_report_to_the_second_persons_word(desk: Any) -> None:
    alert_id = await hazard(desk, "general_hazard")
    desk.later(hours=1)
    await desk.act("town", alert_id, "remedy", note="已更换灭火器", evidence=PHOTO)
    desk.later(hours=1)
    closing = life.CloseAlertRequest(alert_id=alert_id, outcome="remedied")
    proposed = (await desk.call("town", "CloseAlert", closing)).alert
    assert (proposed.proposed_outcome, proposed.HasField("closed_at")) == ("remedied", False)
    back = life.DecideClosingRequest(alert_id=alert_id, agreed=False)
    await desk.refused("alerts.needs_reason", "reviewer", "DecideClosing", back)
    agreed = life.DecideClosingRequest(alert_id=alert_id, agreed=True, reason="已到场核实")
    await desk.refused("alerts.own_work", "town", "DecideClosing", agreed)
    desk.later(hours=1)
    closed = (await desk.call("reviewer", "DecideClosing", agreed)).alert
    assert (closed.closed_as, closed.proposed_outcome) == ("remedied", "")
    answer = await desk.call("reviewer", "GetAlert", pb.GetAlertRequest(alert_id=alert_id))
    assert [(one.what, one.by, one.note) for one in answer.history] == [
        ("raised", "worker.tian", ""),
        ("reported", "worker.tian", ""),
        ("act_done", "clerk.feng", "已更换灭火器"),
        ("acknowledged", "clerk.feng", ""),
        ("closing_proposed", "clerk.feng", ""),
        ("closed", "reviewer.zhao", "已到场核实"),
    ]
    assert [(one.kind, one.ref) for one in answer.history[2].evidence] == [("photo", "ab" * 32)]


async def test_a_major_hazard_is_closed_with_the_right_of_the_inspecting_department_only(desk: Any) -> None:
    alert_id = await hazard(desk, "major_hazard")
    await desk.act("town", alert_id, "plan")
    closing = life.CloseAlertRequest(alert_id=alert_id, outcome="remedied")
    await desk.refused("alerts.inspecting_department", "reviewer", "CloseAlert", closing)
    assert (await desk.call("inspector", "CloseAlert", closing)).alert.closed_as == "remedied"


async def test_the_report_to_the_police_needs_its_receipt_which_is_kept_sealed(desk: Any) -> None:
    taken = await desk.report("worker", "mandatory_report", person_id=CHILD, cause="4")
    request = life.RecordActRequest(alert_id=taken.alert_id, what="police")
    await desk.refused("alerts.needs_receipt", "supervisor", "RecordAct", request)
    acknowledging = pb.AcknowledgeAlertRequest(alert_id=taken.alert_id)
    await desk.refused("alerts.acknowledged_by_act", "supervisor", "AcknowledgeAlert", acknowledging)
    receipt = life.PoliceReceipt(told_at=stamp_of(desk.clock.now()), station="示范派出所", receipt_no="R-77")
    after = await desk.act("supervisor", taken.alert_id, "police", police=receipt)
    assert after.HasField("acknowledged_at")
    answer = await desk.call("supervisor", "GetAlert", pb.GetAlertRequest(alert_id=taken.alert_id))
    assert answer.history[2].note == "2026-03-02 09:00 报告 示范派出所，回执 R-77"
    rows = await desk.fetch("SELECT CAST(h AS text) AS row FROM alert_history h")
    assert all("R-77" not in row.row and "派出所" not in row.row for row in rows)


async def closed_one(desk: Any) -> str:
    """A closed alert about a child."""
    taken = await desk.report("worker", "child_missing", person_id=CHILD, cause="CHILD_MISSING")
    closing = life.CloseAlertRequest(alert_id=taken.alert_id, outcome="false_alarm")
    await desk.call("worker", "CloseAlert", closing)
    agreed = life.DecideClosingRequest(alert_id=taken.alert_id, agreed=True)
    await desk.call("reviewer", "DecideClosing", agreed)
    alert_id: str = taken.alert_id
    return alert_id


async def test_an_alert_is_opened_again_once_however_many_ask_at_the_same_time(desk: Any) -> None:
    alert_id = await closed_one(desk)
    desk.later(days=2)
    request = life.ReopenAlertRequest(alert_id=alert_id, reason="又走失")
    answers = await asyncio.gather(
        *(desk.call("reviewer", "ReopenAlert", request) for _ in range(4)), return_exceptions=True
    )
    refusals = [one.slug for one in answers if isinstance(one, TuoqiError)]
    assert (len(refusals), set(refusals)) == (3, {"alerts.newer_open"})
    rows = await desk.fetch("SELECT closed_at, acknowledged_at, reopened_at, due_at FROM alerts")
    assert [(row.closed_at, row.acknowledged_at) for row in rows] == [(None, None)]
    assert rows[0].due_at - rows[0].reopened_at == timedelta(hours=1)
    whats = await desk.fetch("SELECT what FROM alert_history ORDER BY at, seq")
    assert [row.what for row in whats].count("reopened") == 1


async def test_where_a_newer_one_is_open_the_old_one_stays_closed(desk: Any) -> None:
    alert_id = await closed_one(desk)
    newer = await desk.report("worker", "child_missing", "k2", person_id=CHILD, cause="CHILD_MISSING")
    assert newer.alert_id != alert_id
    request = life.ReopenAlertRequest(alert_id=alert_id, reason="又走失")
    await desk.refused("alerts.newer_open", "reviewer", "ReopenAlert", request)


async def test_after_thirty_days_an_alert_is_not_opened_again(desk: Any) -> None:
    alert_id = await closed_one(desk)
    desk.later(days=31)
    request = life.ReopenAlertRequest(alert_id=alert_id, reason="又走失")
    await desk.refused("alerts.reopen_too_late", "reviewer", "ReopenAlert", request)


async def test_nobody_acts_outside_of_his_regions(desk: Any) -> None:
    alert_id = await closed_one(desk)
    for method, request in (
        ("RecordAct", life.RecordActRequest(alert_id=alert_id, what="on_site")),
        ("CloseAlert", life.CloseAlertRequest(alert_id=alert_id, outcome="resolved")),
        ("DecideClosing", life.DecideClosingRequest(alert_id=alert_id, agreed=True)),
        ("ReopenAlert", life.ReopenAlertRequest(alert_id=alert_id, reason="x")),
    ):
        await desk.refused("auth.no_region", "ma", method, request)
