"""What people report: once for each key, joined by kind and subject, sealed, and seen by those who may."""

from __future__ import annotations

from typing import Any

import pytest

from tuoqi.contracts.alerts.v1 import alerts_service_pb2 as pb
from tuoqi.contracts.alerts.v1 import report_service_pb2 as reports

pytestmark = pytest.mark.postgres
CHILD, OTHER, SECOND_FILE, NOBODY = (f"01890000-0000-7000-8000-{n:012x}" for n in (0, 1, 3, 99))
PLAIN = "tuoqi.alerts.alert.v1"
HIDDEN = "tuoqi.alerts.restricted.v1"


async def test_a_report_uploaded_twice_is_one_and_a_further_one_joins_with_its_own_reporter(desk: Any) -> None:
    first = await desk.report("worker", "child_alone", person_id=CHILD, cause="CHILD_ALONE_UNDER_8")
    again = await desk.report("worker", "child_alone", person_id=CHILD, cause="CHILD_ALONE_UNDER_8")
    desk.later(minutes=5)
    further = await desk.report("clerk", "child_alone", person_id=CHILD, cause="NO_GUARDIAN_PRESENT")
    assert (first.joined, again.repeated, again.alert_id) == (False, True, first.alert_id)
    assert (further.alert_id, further.joined, further.repeated) == (first.alert_id, True, False)
    rows = await desk.fetch("SELECT by_user, cause, alert_id FROM alert_reports ORDER BY reported_at")
    assert [(row.by_user, row.cause) for row in rows] == [
        ("worker.tian", "CHILD_ALONE_UNDER_8"),
        ("clerk.li", "NO_GUARDIAN_PRESENT"),
    ]
    assert [kind for _, kind in await desk.said()] == ["AlertRaised", "AlertReported", "AlertJoined", "AlertReported"]


async def test_what_was_written_is_sealed_in_the_database_and_opened_for_those_who_may_look(desk: Any) -> None:
    text = "孩子一个人在家两天了"
    taken = await desk.report("worker", "child_alone", person_id=CHILD, cause="NO_GUARDIAN_PRESENT", text=text)
    (row,) = await desk.fetch("SELECT note FROM alert_history WHERE note IS NOT NULL")
    assert text.encode() not in bytes(row.note)
    headers = await desk.fetch("SELECT CAST(o AS text) AS row FROM outbox o")
    names = ("worker.tian", b"worker.tian".hex())
    assert all(name not in one.row for one in headers for name in names), "no event says who reported"
    answer = await desk.call("supervisor", "GetAlert", pb.GetAlertRequest(alert_id=taken.alert_id))
    assert [(one.what, one.by, one.note) for one in answer.history] == [
        ("raised", "worker.tian", ""),
        ("reported", "worker.tian", text),
    ]
    assert answer.history[1].codes["cause"] == "NO_GUARDIAN_PRESENT"


@pytest.mark.parametrize(
    ("slug", "about"),
    [
        ("alerts.unknown_kind", {"kind": "visit_overdue", "person_id": CHILD}),
        ("alerts.unknown_cause", {"kind": "mandatory_report", "person_id": CHILD, "cause": "10"}),
        ("alerts.unknown_cause", {"kind": "mandatory_report", "person_id": CHILD}),
        ("alerts.wrong_subject", {"kind": "general_hazard", "person_id": CHILD}),
        ("alerts.person_unknown", {"kind": "elder_unreachable", "person_id": NOBODY, "cause": "ELDER_UNREACHABLE"}),
        ("auth.no_region", {"kind": "elder_unreachable", "person_id": OTHER, "cause": "ELDER_UNREACHABLE"}),
        ("alerts.needs_region", {"kind": "water_point_unequipped", "water_point": "W-1"}),
    ],
)
async def test_a_report_that_does_not_fit_is_refused_and_leaves_nothing(
    desk: Any, slug: str, about: dict[str, Any]
) -> None:
    await desk.refused(slug, "worker", "ReportAlert", reports.ReportAlertRequest(key="k1", **about))
    assert await desk.fetch("SELECT 1 FROM alerts UNION ALL SELECT 1 FROM alert_reports") == []


async def test_a_report_about_a_second_file_goes_to_the_main_one(desk: Any) -> None:
    """The second file's address is in another township; the person lives where the main file says."""
    taken = await desk.report("worker", "child_missing", person_id=SECOND_FILE, cause="CHILD_MISSING")
    joined = await desk.report("clerk", "child_missing", person_id=CHILD, cause="CHILD_MISSING")
    assert (joined.alert_id, joined.joined) == (taken.alert_id, True)
    rows = await desk.fetch("SELECT book, person_id FROM alerts")
    assert [(row.book, row.person_id) for row in rows] == [(CHILD, CHILD)]


async def test_alerts_raised_before_a_merge_are_shown_under_the_main_file_and_in_its_region(desk: Any) -> None:
    await desk.fetch(
        "INSERT INTO alerts (alert_id, book, subject_id, kind, severity, raised_at, severity_since, rules_from,"
        " rules_version, joined, causes, acknowledged_by, escalations, closed_as) VALUES ('a', :p, :p, 'child_alone',"
        " 'CRITICAL', now(), now(), '2024-01-01', '', 0, '[]', '', '[]', '') RETURNING 1",
        p=SECOND_FILE,
    )
    for wanted in ({}, {"person_id": CHILD}, {"person_id": SECOND_FILE}):
        answer = await desk.call("supervisor", "ListAlerts", pb.ListAlertsRequest(**wanted))
        assert [one.person_id for one in answer.alerts] == [CHILD]
    assert await desk.listed("ma") == []


async def test_somebody_unknown_has_an_alert_of_his_own_each_time(desk: Any) -> None:
    for key in ("k1", "k2", "k1"):
        await desk.report(
            "worker", "child_missing", key, unknown=reports.Somebody(), region="990101101201", cause="CHILD_MISSING"
        )
    assert await desk.listed("town") == ["child_missing"] * 2
    assert await desk.listed("ma") == []


async def test_who_lacks_the_right_sees_no_restricted_alert_in_lists_counts_or_by_its_id(desk: Any) -> None:
    taken = await desk.report("worker", "mandatory_report", person_id=CHILD, cause="6", text="邻居看到伤痕")
    assert await desk.listed("town") == []
    assert await desk.listed("clerk") == []
    answer = await desk.call("clerk", "ListAlerts", pb.ListAlertsRequest())
    assert dict(answer.open_by_severity) == {}
    await desk.refused("state.not_found", "clerk", "GetAlert", pb.GetAlertRequest(alert_id=taken.alert_id))
    request = pb.AcknowledgeAlertRequest(alert_id=taken.alert_id)
    await desk.refused("state.not_found", "clerk", "AcknowledgeAlert", request)
    assert await desk.listed("supervisor") == ["mandatory_report"]
    assert await desk.listed("reviewer") == ["mandatory_report"]


async def test_its_own_reporter_is_told_that_it_exists_and_how_it_stands_and_nothing_more(desk: Any) -> None:
    taken = await desk.report("worker", "mandatory_report", person_id=CHILD, cause="6", text="邻居看到伤痕")
    answer = await desk.call("worker", "GetAlert", pb.GetAlertRequest(alert_id=taken.alert_id))
    assert (answer.alert.state_only, answer.alert.person_id, answer.alert.region) == (True, "", "")
    assert len(answer.history) == 0
    mine = await desk.call("worker", "ListMyReports", reports.ListMyReportsRequest())
    assert [(one.alert_id, one.acknowledged, one.closed) for one in mine.reports] == [(taken.alert_id, False, False)]


async def test_who_may_not_see_it_is_not_told_that_somebody_reported_it_before(desk: Any) -> None:
    answers = [
        await desk.report(who, "mandatory_report", person_id=CHILD, cause="6") for who in ("worker", "town", "reviewer")
    ]
    assert [one.joined for one in answers] == [False, False, True]
    assert len({one.alert_id for one in answers}) == 1


async def test_restricted_kinds_are_told_on_their_own_topic_and_never_on_the_open_one(desk: Any) -> None:
    taken = await desk.report("worker", "abuse_suspected", person_id=CHILD, cause="ABUSE_SUSPECTED")
    await desk.act("reviewer", taken.alert_id, "on_site")
    assert {topic for topic, _ in await desk.said()} == {HIDDEN}
    await desk.report("worker", "child_alone", "k2", person_id=CHILD, cause="NO_GUARDIAN_PRESENT")
    assert [kind for _, kind in await desk.said(PLAIN)] == ["AlertRaised", "AlertReported"]


async def test_whoever_is_shown_a_restricted_alert_in_a_list_stands_in_the_audit(desk: Any) -> None:
    taken = await desk.report("worker", "mandatory_report", person_id=CHILD, cause="6")
    await desk.report("worker", "child_alone", "k2", person_id=CHILD, cause="NO_GUARDIAN_PRESENT")
    await desk.listed("supervisor")
    await desk.listed("clerk")
    rows = await desk.fetch("SELECT actor, subject FROM audit")
    assert [(row.actor, row.subject) for row in rows] == [("supervisor.gu", f"alert_id={taken.alert_id}")]


async def test_pages_of_one_township_are_full_whatever_lies_elsewhere(desk: Any) -> None:
    for number in range(6):
        about = {"unknown": reports.Somebody(), "cause": "CHILD_MISSING"}
        await desk.report("clerk", "child_missing", f"k{number}", region="990101102001", **about)
        desk.later(minutes=1)
        await desk.report("clerk", "child_missing", f"m{number}", region="990101101201", **about)
        desk.later(minutes=1)
    token, sizes = "", []
    for _ in range(3):
        request = pb.ListAlertsRequest(page_size=2, page_token=token)
        answer = await desk.call("town", "ListAlerts", request)
        token = answer.next_page_token
        sizes.append(len(answer.alerts))
    assert (sizes, token) == ([2, 2, 2], "")


async def test_an_alert_whose_persons_region_nobody_has_told_is_for_the_county_only(desk: Any) -> None:
    await desk.report("worker", "child_alone", person_id=CHILD, cause="NO_GUARDIAN_PRESENT")
    await desk.fetch("DELETE FROM people RETURNING 1")
    assert await desk.listed("supervisor") == []
    assert await desk.listed("clerk") == ["child_alone"]
