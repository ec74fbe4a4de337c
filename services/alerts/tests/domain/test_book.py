"""The alerts of one person: one alert for one cause, each overdue visit in exactly one."""

from collections import Counter
from datetime import date, datetime, time, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tuoqi.alerts.domain import book as books
from tuoqi.alerts.domain.alert import Escalated, Happening, Joined, Raised
from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.domain.rules import AlertPolicy
from tuoqi.alerts.domain.terms import COUNTY_ZONE

BEGIN = date(2025, 2, 1)


def at(day: int, hour: int = 0) -> datetime:
    return datetime.combine(BEGIN + timedelta(days=day), time(hour), COUNTY_ZONE)


class Desk:
    """Feeds one person's book, with ids in order."""

    def __init__(self, policy: AlertPolicy) -> None:
        self.policy = policy
        self.book = AlertBook("p")
        self.said: list[Happening] = []
        self.ids = 0

    def new_id(self) -> str:
        """The next id."""
        self.ids += 1
        return f"alert-{self.ids}"

    def take(self, outcome: books.Outcome) -> tuple[Happening, ...]:
        """Keeps the book and what was said."""
        self.book, said = outcome
        self.said += said
        return said

    def found(self, day: int, grade: str = "HIGH") -> tuple[Happening, ...]:
        """The deadline of the day before `day` was missed."""
        deadline = BEGIN + timedelta(days=day - 1)
        found = books.overdue_found(self.book, deadline, grade, at(day), new_id=self.new_id, policy=self.policy)
        return self.take(found)

    def changed(self, day: int, **states: str) -> tuple[Happening, ...]:
        """At 09:00 the deadlines named by their `found` day (d3=…) changed."""
        changes = [(BEGIN + timedelta(days=int(name[1:]) - 1), state) for name, state in states.items()]
        return self.take(books.overdues_changed(self.book, changes, at(day, 9), self.policy))

    def tries_failed(self, day: int) -> tuple[Happening, ...]:
        """At 09:00 a failed try is told that raises or joins."""
        return self.take(books.two_tries_failed(self.book, at(day, 9), new_id=self.new_id, policy=self.policy))


def test_a_further_overdue_visit_joins_the_open_alert_and_after_its_close_a_new_one_is_raised(
    policy: AlertPolicy,
) -> None:
    desk = Desk(policy)
    assert [type(one) for one in desk.found(1)] == [Raised]
    assert Joined in [type(one) for one in desk.found(8)]
    desk.changed(9, d1="MADE_UP", d8="MADE_UP")
    desk.found(15)
    first, second = desk.book.alerts
    assert (first.joined, first.closed_as, [cause.deadline.day for cause in first.causes]) == (1, "visited", [1, 8])
    assert (second.joined, second.is_open) == (0, True)


def test_failed_tries_and_overdue_visits_are_two_alerts(policy: AlertPolicy) -> None:
    desk = Desk(policy)
    desk.found(1)
    assert [type(one) for one in desk.tries_failed(1)] == [Raised]
    assert Joined in [type(one) for one in desk.tries_failed(2)]
    desk.take(books.two_tries_ended(desk.book, "visited", at(3, 9), policy))
    overdue, tries = desk.book.alerts
    assert (overdue.is_open, tries.closed_as, tries.joined) == (True, "visited", 1)
    assert desk.take(books.two_tries_ended(desk.book, "visited", at(4, 9), policy)) == ()


def test_a_change_without_an_open_alert_is_passed_over(policy: AlertPolicy) -> None:
    desk = Desk(policy)
    assert desk.changed(5, d1="CLEARED") == ()


def test_the_book_climbs_all_its_alerts_and_knows_the_next_moment(policy: AlertPolicy) -> None:
    desk = Desk(policy)
    assert books.next_due(desk.book, policy) is None
    desk.found(1, "LOW")
    desk.tries_failed(1)
    assert books.next_due(desk.book, policy) == at(1, 13)
    said = desk.take(books.escalate(desk.book, at(2), policy))
    assert [(one.step, one.at) for one in said if isinstance(one, Escalated)] == [
        ("township", at(2)),
        ("township", at(1, 13)),
        ("county", at(1, 17)),
    ]


STEPS = st.lists(
    st.tuples(st.sampled_from(["found", "found", "visit", "tries", "met", "sweep"]), st.sampled_from(["HIGH", "LOW"])),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(steps=STEPS)
def test_each_overdue_visit_is_in_exactly_one_alert_and_each_step_is_taken_once(
    policy: AlertPolicy, steps: list[tuple[str, str]]
) -> None:
    """Also whether the sweep ever runs between or only at the end changes nothing in the alerts."""
    punctual, lazy = Desk(policy), Desk(policy)
    missed: list[int] = []
    open_days: list[int] = []
    for day, (what, grade) in enumerate(steps, start=1):
        punctual.take(books.escalate(punctual.book, at(day), policy))
        if what == "found":
            missed.append(day)
            open_days.append(day)
        for desk in (punctual, lazy):
            if what == "found":
                desk.found(day, grade)
            elif what == "visit":
                desk.changed(day, **{f"d{one}": "MADE_UP" for one in open_days})
            elif what == "tries":
                desk.tries_failed(day)
            elif what == "met":
                desk.take(books.two_tries_ended(desk.book, "visited", at(day, 9), policy))
        open_days = [] if what == "visit" else open_days
    for desk in (punctual, lazy):
        desk.take(books.escalate(desk.book, at(200), policy))
    assert punctual.book == lazy.book
    causes = Counter(cause.deadline for one in lazy.book.alerts for cause in one.causes)
    assert causes == Counter(BEGIN + timedelta(days=day - 1) for day in missed)
    taken = Counter((one.alert_id, one.step) for one in lazy.said if isinstance(one, Escalated))
    assert set(taken.values()) <= {1}
    for one in lazy.book.alerts:
        assert [step.at for step in one.escalations] == sorted(step.at for step in one.escalations)
        assert all(one.closed_at is None or step.at <= one.closed_at for step in one.escalations)
