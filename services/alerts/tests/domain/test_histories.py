"""Whole lives of alerts of every kind, each minute worked out by hand: over weekends, holidays and days worked instead."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuoqi.alerts.domain import acts
from tuoqi.alerts.domain import alert as alerts
from tuoqi.alerts.domain.acts import Hand
from tuoqi.alerts.domain.alert import Alert, AlertRefusedError, Happening, Subject
from tuoqi.alerts.domain.parts import Evidence
from tuoqi.alerts.domain.rules import AlertPolicy, Severity
from tuoqi.alerts.domain.terms import COUNTY_ZONE

PHOTO = (Evidence("photo", "ab" * 32),)
URGENT = ["child_alone", "child_missing", "abuse_suspected", "elder_unreachable", "elder_found_down"]


def on(text: str) -> datetime:
    """A minute of 2026 in the county: `MM-DD HH:MM`."""
    return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=COUNTY_ZONE)


class Life:
    """One alert and what is done about it; `history` has every step with its minute."""

    def __init__(self, policy: AlertPolicy, kind: str, at: str, **about: Any) -> None:
        self.policy = policy
        subject = Subject("person", "p")
        self.alert, self.said = alerts.raise_alert("a", kind, on(at), policy, subject=subject, **about)

    def _after(self, outcome: tuple[Alert, tuple[Happening, ...]]) -> None:
        self.alert, said = outcome
        self.said = (*self.said, *said)

    def tick(self, at: str) -> None:
        """The clock runs, perhaps late."""
        self._after(alerts.escalate(self.alert, on(at), self.policy))

    def acknowledge(self, at: str, by: str = "worker") -> None:
        """Somebody takes it on."""
        self._after(alerts.acknowledge(self.alert, by, on(at), self.policy))

    def join(self, at: str, **about: Any) -> None:
        """A further one joins."""
        self._after(alerts.join(self.alert, on(at), self.policy, **about))

    def act(self, what: str, at: str, by: str = "worker", evidence: tuple[Evidence, ...] = ()) -> None:
        """Something is done."""
        self._after(acts.record_act(self.alert, what, Hand(by, on(at), evidence), self.policy))

    def close(self, outcome: str, at: str, by: str = "worker", **more: Any) -> None:
        """Somebody closes it or proposes to."""
        self._after(acts.close_by_hand(self.alert, outcome, Hand(by, on(at), **more), self.policy))

    def decide(self, at: str, by: str, *, agreed: bool = True) -> None:
        """A second person decides."""
        self._after(acts.decide_closing(self.alert, Hand(by, on(at)), self.policy, agreed=agreed))

    def reopen(self, at: str, by: str = "boss") -> None:
        """It is opened again."""
        within = self.policy.reopen_within
        self._after(acts.reopen(self.alert, Hand(by, on(at)), self.policy, within=within))

    @property
    def steps(self) -> list[str]:
        """The steps taken, `step MM-DD HH:MM`."""
        found = sorted(self.alert.escalations, key=lambda step: step.at)
        return [f"{one.step} {one.at.astimezone(COUNTY_ZONE):%m-%d %H:%M}" for one in found]

    def refused(self, slug: str, attempt: str, *arguments: Any, **more: Any) -> None:
        """An attempt is refused for this reason, and changes nothing."""
        before = self.alert
        with pytest.raises(AlertRefusedError) as caught:
            getattr(self, attempt)(*arguments, **more)
        assert (caught.value.slug, self.alert) == (slug, before)


def test_a_mandatory_report_before_a_holiday_runs_by_its_acts_one_after_the_other(policy: AlertPolicy) -> None:
    """Raised on the evening before a holiday week whose Saturday after is worked: the 3rd working day is that Saturday."""
    life = Life(policy, "mandatory_report", "09-30 22:00")
    life.refused("alerts.acknowledged_by_act", "acknowledge", "09-30 22:30")
    life.act("police", "10-01 09:00")
    assert life.steps == ["township 09-30 23:00", "county 10-01 02:00"]
    life.act("on_site", "10-01 20:00")
    life.tick("10-10 21:59")
    assert len(life.steps) == 2
    assert alerts.next_due(life.alert, policy) == on("10-17 22:00")
    life.act("plan", "10-16 08:00")
    life.tick("11-20 00:00")
    assert life.steps[2:] == ["letter 11-06 22:00", "government 11-14 22:00"]


def test_a_mandatory_report_that_nobody_reports_to_the_police_climbs_although_somebody_was_there(
    policy: AlertPolicy,
) -> None:
    life = Life(policy, "mandatory_report", "03-02 09:00")
    life.act("on_site", "03-02 09:20")
    life.tick("03-03 09:00")
    assert life.alert.acknowledged_at is None
    assert life.steps == ["township 03-02 10:00", "county 03-02 13:00", "leaders 03-03 09:00"]


@pytest.mark.parametrize("kind", URGENT)
def test_an_urgent_alert_taken_on_in_time_climbs_only_where_nobody_goes(policy: AlertPolicy, kind: str) -> None:
    life = Life(policy, kind, "03-06 18:00")  # a Friday evening: running terms know no weekend
    life.acknowledge("03-06 18:59")
    life.tick("03-31 00:00")
    assert life.steps == [
        "township 03-08 18:00",
        "county 03-10 18:00",
        "letter 03-14 18:00",
        "government 03-22 18:00",
    ]


@pytest.mark.parametrize("kind", URGENT)
def test_an_urgent_alert_is_taken_on_by_whoever_is_on_site_and_closed_by_a_second_person(
    policy: AlertPolicy, kind: str
) -> None:
    life = Life(policy, kind, "03-06 18:00")
    life.act("on_site", "03-06 18:40")
    assert life.alert.acknowledged_by == "worker"
    life.close("resolved", "03-06 20:00", by="head")
    life.refused("alerts.own_work", "decide", "03-06 20:01", "head")
    life.refused("alerts.own_work", "decide", "03-06 20:01", "worker")
    life.decide("03-06 21:00", "county")
    assert (life.alert.closed_as, life.steps) == ("resolved", [])
    life.refused("alerts.closed", "act", "plan", "03-07 09:00")


def test_a_major_hazard_has_the_day_to_be_taken_on_and_three_working_days_for_a_plan(policy: AlertPolicy) -> None:
    """Raised on the Friday before the spring festival: Saturday is worked, then nine days are not."""
    life = Life(policy, "major_hazard", "02-13 16:00")
    assert alerts.acknowledge_by(life.alert, policy) == on("02-14 00:00")
    life.acknowledge("02-13 17:30")
    life.tick("03-31 00:00")
    assert life.steps == [
        "township 02-13 17:00",
        "county 02-28 16:00",
        "letter 03-04 16:00",
        "government 03-12 16:00",
    ]


def test_a_major_hazard_is_closed_by_the_inspecting_department_once_there_is_a_plan(policy: AlertPolicy) -> None:
    life = Life(policy, "major_hazard", "02-13 16:00")
    life.refused("alerts.needs_act", "close", "remedied", "02-13 16:30", by="fire", inspects=True)
    life.act("plan", "02-14 10:00")
    life.refused("alerts.inspecting_department", "close", "remedied", "02-25 10:00", by="clerk")
    life.close("remedied", "02-25 10:00", by="fire", inspects=True)
    assert life.alert.closed_at == on("02-25 10:00")


@pytest.mark.parametrize(
    ("plan", "steps"),
    [
        ("", ["township 03-18 09:00", "county 03-20 09:00", "letter 03-24 09:00", "government 04-01 09:00"]),
        ("03-10 08:00", ["township 04-02 09:00", "county 04-04 09:00", "letter 04-08 09:00", "government 04-16 09:00"]),
        ("03-18 10:00", ["township 03-18 09:00", "county 04-04 09:00", "letter 04-08 09:00", "government 04-16 09:00"]),
    ],
)
def test_a_general_hazard_has_15_days_and_30_once_its_plan_is_recorded(
    policy: AlertPolicy, plan: str, steps: list[str]
) -> None:
    life = Life(policy, "general_hazard", "03-02 09:00")
    life.acknowledge("03-02 10:00")
    if plan:
        life.act("plan", plan)
    life.tick("05-01 00:00")
    assert life.steps == steps


def test_a_general_hazard_closes_with_evidence_and_a_second_person_who_may_send_it_back(policy: AlertPolicy) -> None:
    life = Life(policy, "general_hazard", "03-02 09:00")
    life.acknowledge("03-02 12:00")
    life.act("remedy", "03-05 09:00")
    life.refused("alerts.needs_evidence", "close", "remedied", "03-05 09:10")
    life.refused("alerts.unknown_outcome", "close", "visited", "03-05 09:10")
    life.close("remedied", "03-05 09:10", evidence=PHOTO)
    life.decide("03-05 11:00", "head", agreed=False)
    life.refused("alerts.no_proposal", "decide", "03-05 12:00", "head")
    life.act("remedy", "03-06 09:00", evidence=PHOTO)
    life.close("remedied", "03-06 09:10")
    life.decide("03-06 10:00", "head")
    assert (life.alert.is_open, life.alert.closed_as, life.steps) == (False, "remedied", [])


def test_a_water_point_without_equipment_is_high_and_has_three_days(policy: AlertPolicy) -> None:
    life = Life(policy, "water_point_unequipped", "07-10 08:00")
    life.tick("08-10 00:00")
    assert life.steps == [
        "township 07-10 12:00",
        "county 07-10 16:00",
        "leaders 07-11 08:00",
        "letter 07-20 08:00",
        "government 07-28 08:00",
    ]
    assert alerts.acknowledge_by(life.alert, policy) == on("07-11 08:00")


def test_a_weather_alert_is_settled_by_tasks_and_the_warning_and_never_by_hand(policy: AlertPolicy) -> None:
    life = Life(policy, "weather_warning", "01-05 20:00")
    life.acknowledge("01-05 23:59")
    life.refused("alerts.settled_by_warning", "act", "visit_tasks", "01-06 09:00")
    life.refused("alerts.settled_by_warning", "close", "resolved", "01-06 09:00")
    life.tick("01-09 19:59")
    assert life.steps == ["township 01-07 20:00"]


@pytest.mark.parametrize("kind", ["visit_overdue", "two_failed_tries"])
def test_nobody_closes_or_acts_on_what_visits_alone_settle(policy: AlertPolicy, kind: str) -> None:
    life = Life(policy, kind, "03-02 00:00", grade="HIGH")
    life.refused("alerts.settled_by_visits", "close", "resolved", "03-02 09:00")
    life.refused("alerts.settled_by_visits", "act", "visit", "03-02 09:00")
    life.acknowledge("03-02 03:00")
    assert life.alert.acknowledged_at == on("03-02 03:00")


def test_a_severity_that_rises_takes_the_shorter_terms_from_then_on(policy: AlertPolicy) -> None:
    """MEDIUM at midnight; a HIGH one joins 30 h later: what is past by the shorter terms is due at once."""
    life = Life(policy, "visit_overdue", "03-02 00:00", grade="LOW")
    life.join("03-03 06:00", grade="RED")
    assert life.alert.severity is Severity.HIGH
    assert life.steps == ["township 03-03 00:00", "county 03-03 06:00", "leaders 03-03 06:00"]
    life.tick("03-31 00:00")
    assert life.steps[3:] == ["letter 03-10 00:00", "government 03-18 00:00"]


def test_a_mandatory_report_is_not_closed_by_any_of_its_reporters_nor_before_everything_is_done(
    policy: AlertPolicy,
) -> None:
    life = Life(policy, "mandatory_report", "03-02 09:00", by="teacher", cause="6")
    life.join("03-02 10:00", by="doctor", cause="4")
    life.act("police", "03-02 10:05")
    for what in ("on_site", "plan"):
        life.act(what, "03-02 20:00")
    life.refused("alerts.needs_act", "close", "resolved", "03-20 09:00", by="county")
    life.act("review", "03-30 09:00")
    for reporter in ("teacher", "doctor"):
        life.refused("alerts.closed_by_its_reporter", "close", "resolved", "03-30 10:00", by=reporter)
    life.close("resolved", "03-30 10:00", by="county")
    assert not life.alert.is_open


def test_a_further_report_voids_the_proposal_to_close(policy: AlertPolicy) -> None:
    life = Life(policy, "child_alone", "03-02 09:00")
    life.act("on_site", "03-02 09:30")
    life.close("resolved", "03-02 10:00")
    life.join("03-02 10:30", by="neighbour")
    life.refused("alerts.no_proposal", "decide", "03-02 11:00", "county")


def test_an_alert_opened_again_is_asked_for_anew_and_repeats_no_step(policy: AlertPolicy) -> None:
    life = Life(policy, "child_alone", "03-02 09:00")
    life.act("on_site", "03-02 10:30")  # an hour and a half later: the township was told
    life.refused("alerts.still_open", "reopen", "03-02 10:31")
    life.close("resolved", "03-02 11:00")
    life.decide("03-02 12:00", "county")
    life.reopen("03-05 08:00")
    assert (life.alert.is_open, life.alert.acknowledged_at, life.alert.done) == (True, None, frozenset())
    life.refused("alerts.needs_act", "close", "resolved", "03-05 08:10")
    life.tick("03-31 00:00")
    assert life.steps == [
        "township 03-02 10:00",
        "county 03-05 12:00",
        "leaders 03-06 08:00",
        "letter 03-13 08:00",
        "government 03-21 08:00",
    ]


def test_an_alert_is_opened_again_within_the_countys_days_only(policy: AlertPolicy) -> None:
    life = Life(policy, "child_missing", "03-02 09:00")
    life.close("resolved", "03-02 11:00")
    life.decide("03-02 12:00", "county")
    life.refused("alerts.reopen_too_late", "reopen", "04-01 12:01")
    life.reopen("04-01 12:00")
    assert life.alert.opened_at == on("04-01 12:00")


def test_a_mandatory_report_opened_again_needs_no_second_receipt(policy: AlertPolicy) -> None:
    life = Life(policy, "mandatory_report", "03-02 09:00")
    for what in ("police", "on_site", "plan", "review"):
        life.act(what, "03-02 09:30")
    life.close("transferred", "03-03 09:00", by="county")
    life.reopen("03-04 09:00")
    life.acknowledge("03-04 09:10")
    for what in ("on_site", "plan", "review"):
        life.act(what, "03-04 12:00")
    life.close("resolved", "03-05 09:00", by="county")
    assert not life.alert.is_open


KINDS = st.sampled_from(["mandatory_report", "child_alone", "major_hazard", "general_hazard", "water_point_unequipped"])
DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["police", "on_site", "plan", "review", "remedy", "ack", "join"]), st.integers(0, 60_000)
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(kind=KINDS, deeds=DEEDS, ticks=st.lists(st.integers(0, 70_000), max_size=6))
def test_whatever_the_order_and_lateness_of_ticks_the_history_is_the_same(
    policy: AlertPolicy, kind: str, deeds: list[tuple[str, int]], ticks: list[int]
) -> None:
    def history(moments: list[int]) -> list[Happening]:
        start = on("02-12 10:00")
        life = Life(policy, kind, "02-12 10:00")
        plan = [(minute, 1, what) for what, minute in deeds] + [(minute, 0, "tick") for minute in moments]
        for minute, _, what in sorted([*plan, (80_000, 0, "tick")], key=lambda one: one[:2]):
            at = f"{start + timedelta(minutes=minute):%m-%d %H:%M}"
            try:
                if what in {"tick", "join"}:
                    getattr(life, what)(at)
                elif what == "ack":
                    life.acknowledge(at)
                else:
                    life.act(what, at)
            except AlertRefusedError:
                life.tick(at)
        return sorted(life.said, key=lambda one: one.at)

    assert history(ticks) == history([])
