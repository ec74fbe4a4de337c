"""Events in, alerts and events out: no database, no Kafka, no clock."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.domain.rules import AlertPolicy
from tuoqi.alerts.domain.terms import COUNTY_ZONE
from tuoqi.alerts.handlers.acts import Acknowledge, EscalationDue, on_acknowledge, on_escalation_due
from tuoqi.alerts.handlers.visits import BOOK_HANDLERS
from tuoqi.contracts.alerts.v1.alert_pb2 import (
    AlertAcknowledged,
    AlertClosed,
    AlertEscalated,
    AlertJoined,
    AlertRaised,
)
from tuoqi.contracts.visits.v1.plan_pb2 import (
    FailedTriesEnded,
    FailedTryJoined,
    OverdueState,
    TwoTriesFailed,
    VisitOverdueFound,
    VisitOverdueSettled,
)
from tuoqi.kit.context import Context, Emission
from tuoqi.kit.errors import Rejected, TuoqiError
from tuoqi.kit.testing.playing import origin_of

PERSON = "01890000-0000-7000-8000-000000000001"
OVERDUE = "01890000-0000-7000-8000-0000000000aa"
FIRST = date(2026, 3, 2)


def at(day: int, hour: int = 0) -> datetime:
    """The hour of a day, counted from the first."""
    return datetime.combine(FIRST + timedelta(days=day), time(hour), COUNTY_ZONE)


def found(day: int, grade: str = "HIGH") -> VisitOverdueFound:
    """The deadline of the day before `day` was missed."""
    deadline = (FIRST + timedelta(days=day - 1)).isoformat()
    return VisitOverdueFound(person_id=PERSON, overdue_id=OVERDUE, grade=grade, deadline=deadline)


def settled(**states: str) -> VisitOverdueSettled:
    """The deadlines named by their `found` day (d3=…) changed in one moment."""
    changes = [
        OverdueState(overdue_id=OVERDUE, deadline=(FIRST + timedelta(days=int(name[1:]) - 1)).isoformat(), state=state)
        for name, state in states.items()
    ]
    return VisitOverdueSettled(person_id=PERSON, changes=changes)


HANDLERS: dict[type, Any] = {**BOOK_HANDLERS.on, Acknowledge: on_acknowledge, EscalationDue: on_escalation_due}


class Desk:
    """One person's book and everything that was said about it."""

    def __init__(self, policy: AlertPolicy) -> None:
        self.origin = origin_of("alerts", policy)
        self.book: AlertBook | None = None
        self.emissions: list[Emission] = []
        self.taken = 0

    def take(self, message: Any, moment: datetime) -> list[Message]:
        """Hand over an event or a command as of a moment; what was said because of it."""
        self.taken += 1
        ctx = Context(self.origin, self.emissions, at=moment, cause=f"cause-{self.taken}", actor="clerk.li")
        ctx.key = PERSON
        before = len(self.emissions)
        self.book = HANDLERS[type(message)](self.book, message, ctx)
        return [emission.message for emission in self.emissions[before:]]

    @property
    def alert_id(self) -> str:
        """The id of the first alert."""
        assert self.book is not None
        return self.book.alerts[0].alert_id


@pytest.fixture
def desk(policy: AlertPolicy) -> Desk:
    return Desk(policy)


def test_a_missed_visit_raises_an_alert_at_its_own_time(desk: Desk) -> None:
    (raised,) = desk.take(found(1), at(1))
    assert isinstance(raised, AlertRaised)
    assert (raised.alert.kind, raised.alert.person_id, raised.severity) == ("visit_overdue", PERSON, "HIGH")
    assert raised.raised_at.ToDatetime(tzinfo=UTC) == at(1)
    assert desk.emissions[0].at == at(1)


def test_steps_due_before_an_event_are_told_before_it_with_their_own_times(desk: Desk) -> None:
    desk.take(found(1), at(1))
    said = desk.take(settled(d1="MADE_UP"), at(1, 8))
    assert [type(one).__name__ for one in said] == ["AlertEscalated", "AlertEscalated", "AlertClosed"]
    assert [one.step for one in said if isinstance(one, AlertEscalated)] == ["township", "county"]
    assert [emission.at for emission in desk.emissions] == [at(1), at(1, 4), at(1, 8), at(1, 8)]


def test_the_steps_of_other_alerts_of_the_person_are_told_first_too_in_order_of_time(desk: Desk) -> None:
    desk.take(found(1, "LOW"), at(1))
    desk.take(TwoTriesFailed(person_id=PERSON, grade="MEDIUM"), at(1, 19))
    desk.take(FailedTriesEnded(person_id=PERSON, ended_as="visited"), at(2, 10))
    times = [emission.at for emission in desk.emissions]
    assert times == sorted(times)
    steps = [(e.message.alert.kind, e.at) for e in desk.emissions if isinstance(e.message, AlertEscalated)]
    assert steps == [
        ("two_failed_tries", at(1, 23)),
        ("visit_overdue", at(2)),
        ("two_failed_tries", at(2, 3)),
    ]


def test_a_further_missed_visit_joins_with_the_count_and_the_higher_severity(desk: Desk) -> None:
    desk.take(found(1, "LOW"), at(1))
    desk.take(Acknowledge(desk.alert_id), at(1, 1))
    (joined,) = desk.take(found(2, "RED"), at(2))
    assert isinstance(joined, AlertJoined)
    assert (joined.joined, joined.severity) == (1, "HIGH")


def test_a_try_that_should_join_raises_where_nothing_is_open(desk: Desk) -> None:
    """Nobody is forgotten because two services disagree."""
    (raised,) = desk.take(FailedTryJoined(person_id=PERSON), at(1, 9))
    assert isinstance(raised, AlertRaised)


def test_the_end_of_what_never_was_changes_nothing(desk: Desk) -> None:
    assert desk.take(settled(d1="ENDED"), at(1)) == []
    assert desk.take(FailedTriesEnded(person_id=PERSON, ended_as="visited"), at(1)) == []
    assert desk.book is None


def test_an_alert_that_closed_is_closed_for_good(desk: Desk) -> None:
    """MADE_UP may still become CLEARED; the alert has its end already."""
    desk.take(found(1), at(1))
    desk.take(settled(d1="MADE_UP"), at(1, 1))
    assert desk.take(settled(d1="CLEARED"), at(1, 2)) == []
    assert desk.take(EscalationDue(desk.alert_id), at(9)) == []


def test_acknowledging_says_so_once_and_stops_that_ladder(desk: Desk) -> None:
    desk.take(TwoTriesFailed(person_id=PERSON, grade="HIGH"), at(1, 9))
    (said,) = desk.take(Acknowledge(desk.alert_id), at(1, 10))
    assert isinstance(said, AlertAcknowledged)
    assert desk.take(Acknowledge(desk.alert_id), at(1, 11)) == []
    assert desk.take(EscalationDue(desk.alert_id), at(9)) == []
    assert desk.book is not None
    assert (desk.book.alerts[0].acknowledged_by, desk.book.alerts[0].due_at) == ("clerk.li", None)


def test_a_closed_alert_cannot_be_acknowledged(desk: Desk) -> None:
    desk.take(found(1), at(1))
    desk.take(settled(d1="WITHDRAWN"), at(1))
    with pytest.raises(TuoqiError) as refused:
        desk.take(Acknowledge(desk.alert_id), at(2))
    assert refused.value.slug == "alerts.closed"


@pytest.mark.parametrize(
    ("day", "state", "slug"),
    [("2026-13-45", "MADE_UP", "alerts.bad_day"), ("2026-03-02", "OPEN", "alerts.unknown_state")],
)
def test_what_the_contract_cannot_mean_is_rejected(desk: Desk, day: str, state: str, slug: str) -> None:
    event = VisitOverdueSettled(person_id=PERSON, changes=[OverdueState(overdue_id=OVERDUE, deadline=day, state=state)])
    with pytest.raises(Rejected) as rejection:
        desk.take(event, at(1))
    assert rejection.value.slug == slug


STATES = ("MADE_UP", "CLEARED", "WITHDRAWN", "ENDED")
STEP = st.tuples(st.sampled_from(["found", "settled", "try", "tries_end", "ack", "clock"]), st.integers(0, 6))


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEP, min_size=1, max_size=40), punctual=st.booleans())
def test_each_missed_visit_is_in_exactly_one_alert_and_each_step_is_taken_once(
    policy: AlertPolicy, steps: list[tuple[str, int]], *, punctual: bool
) -> None:
    """Whatever the history, and whether the clock ran often or never."""
    desk = Desk(policy)
    missed: list[int] = []
    for day, (what, choice) in enumerate(steps, start=1):
        if punctual and desk.book is not None:
            for alert in desk.book.alerts:
                desk.take(EscalationDue(alert.alert_id), at(day))
        if what == "found":
            missed.append(day)
            desk.take(found(day, ("HIGH", "LOW")[choice % 2]), at(day))
        elif what == "settled" and missed:
            desk.take(settled(**{f"d{missed[choice % len(missed)]}": STATES[choice % 4]}), at(day, 9))
        elif what == "try":
            desk.take(TwoTriesFailed(person_id=PERSON, grade="HIGH"), at(day, 9))
        elif what == "tries_end":
            desk.take(FailedTriesEnded(person_id=PERSON, ended_as="visited"), at(day, 9))
        elif what == "ack" and desk.book is not None and desk.book.alerts[-1].is_open:
            desk.take(Acknowledge(desk.book.alerts[-1].alert_id), at(day, 9))
    alerts = desk.book.alerts if desk.book is not None else ()
    counted = Counter(cause.deadline for alert in alerts for cause in alert.causes)
    assert counted == Counter(FIRST + timedelta(days=day - 1) for day in missed)
    said = Counter(type(emission.message) for emission in desk.emissions)
    overdue = [alert for alert in alerts if alert.kind == "visit_overdue"]
    assert sum(alert.joined + 1 for alert in overdue) == len(missed)
    assert said[AlertRaised] == len(alerts)
    assert said[AlertJoined] == sum(alert.joined for alert in alerts)
    assert said[AlertClosed] == sum(not alert.is_open for alert in alerts)
    taken = Counter(
        (e.message.alert.alert_id, e.message.step) for e in desk.emissions if isinstance(e.message, AlertEscalated)
    )
    assert set(taken.values()) <= {1}
    assert len({emission.ce_id for emission in desk.emissions}) == len(desk.emissions)
