"""One person's life through the handlers of visits and alerts, as the platform would take it.

Events go from one to the other, sweeps come when they come, and what is read off is overdue visits and alerts with
their histories.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from naive_visits import ZONE, Facts, Told

from tuoqi.alerts.domain import book as books
from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.domain.policy import read_policy as read_alerts
from tuoqi.alerts.handlers.telling import told as tell_alerts
from tuoqi.alerts.handlers.visits import BOOK_HANDLERS
from tuoqi.kit.context import Context, Emission
from tuoqi.kit.testing.playing import origin_of
from tuoqi.visits.domain import file as files
from tuoqi.visits.domain.causes import next_due_day
from tuoqi.visits.domain.days import midnight_of
from tuoqi.visits.domain.facts import Absence, CareFacts, GuardianshipScore, PersonFacts, StatusInterval, Stay
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.plan import VisitRecord
from tuoqi.visits.domain.policy import read_policy as read_grades
from tuoqi.visits.domain.rules import VisitsRules
from tuoqi.visits.handlers.plans import tell

COUNTY = Path(__file__).parents[2] / "deploy/counties/990101"
PERSON = "00000000-0000-4000-8000-000000000001"


@cache
def _visits() -> Any:
    return origin_of("visits", VisitsRules(read_grades(yaml.safe_load((COUNTY / "visits/grades.yaml").read_text()))))


@cache
def _alerts() -> Any:
    return origin_of("alerts", read_alerts(yaml.safe_load((COUNTY / "alerts/kinds.yaml").read_text())))


class Life:
    """The services' reading."""

    def __init__(self) -> None:
        self.file = VisitFile(PERSON)
        self.book: AlertBook | None = None
        self.said: list[Emission] = []
        self.heard: list[Emission] = []
        self.seen: set[str] = set()
        self._number = itertools.count()

    def live(self, told: Sequence[Told], until: date, swept: Callable[[date], bool] = lambda _day: True) -> None:
        """All of it; the sweep runs at 00:00 of the days on which `swept` says so, and at last once more."""
        left = sorted(told, key=lambda one: one.at)
        day = left[0].at.astimezone(ZONE).date()
        while day <= until:
            if swept(day) or day == until:
                self._sweep(day)
            while left and left[0].at.astimezone(ZONE).date() == day:
                self._take(left.pop(0))
            day = date.fromordinal(day.toordinal() + 1)
        self._sweep(until)
        if self.book is not None:
            ctx = self._context(_alerts(), self.heard, midnight_of(until))
            book, taken = books.escalate(self.book, ctx.at, ctx.policy)
            self.book = tell_alerts((book, tuple(sorted(taken, key=lambda step: step.at))), ctx)

    def overdues(self) -> list[tuple[date, str, str]]:
        """Every missed deadline with its grade and what became of it."""
        found: dict[str, tuple[str, str]] = {}
        for one in self.said:
            name, event = one.message.DESCRIPTOR.name, one.message
            if name == "VisitOverdueFound":
                assert event.deadline not in found, "a deadline was found twice"
                found[event.deadline] = (event.grade, "OPEN")
            elif name == "VisitOverdueSettled":
                for change in event.changes:
                    found[change.deadline] = (found[change.deadline][0], change.state)
        return [(date.fromisoformat(day), *rest) for day, rest in sorted(found.items())]

    def plans(self) -> list[tuple[datetime, str, str]]:
        """What happened to plans."""
        words = {"VisitPlanOpened": "opened", "VisitPlanRegraded": "regraded", "VisitPlanClosed": "closed"}
        return [
            (one.at, words[one.message.DESCRIPTOR.name], getattr(one.message, "grade", ""))
            for one in self.said
            if one.message.DESCRIPTOR.name in words
        ]

    def alerts(self) -> list[tuple[Any, ...]]:
        """Every alert: kind, raise, severity, causes that joined, steps, end."""
        found: dict[str, list[Any]] = {}
        for one in self.heard:
            name, event = one.message.DESCRIPTOR.name, one.message
            if name == "AlertRaised":
                found[event.alert.alert_id] = [event.alert.kind, one.at, event.severity, 0, [], None, ""]
            elif name == "AlertJoined":
                found[event.alert.alert_id][2:4] = [event.severity, event.joined]
            elif name == "AlertEscalated":
                found[event.alert.alert_id][4].append((event.step, one.at))
            elif name == "AlertClosed":
                found[event.alert.alert_id][5:7] = [one.at, event.closed_as]
        return sorted((*row[:4], tuple(row[4]), *row[5:]) for row in found.values())

    def _sweep(self, day: date) -> None:
        # As the sweep does it: nobody is judged before he is due.
        while self.file.plan and (due := next_due_day(self.file.plan, _visits().policy.grades)) and due <= day:
            self._did(files.turn_of_day(self.file, due, _visits().policy.grades), midnight_of(due))

    def _take(self, told: Told) -> None:
        policy = _visits().policy.grades
        if told.facts is not None:
            care, person = _care(told.facts), _person(told.facts)
            if self.file.plan is None:
                self._did(files.learn_care(self.file, care, told.at, policy), told.at)
                self._did(files.learn_person(self.file, person, told.at, policy), told.at)
                return
            # One row is one moment: only what changed is told.
            facts = self.file.plan.facts
            if (facts.died_on, facts.absences) != (person.died_on, person.absences):
                self._did(files.learn_person(self.file, person, told.at, policy), told.at)
            if (facts.statuses, facts.stays, facts.scores) != (care.statuses, care.stays, care.scores):
                self._did(files.learn_care(self.file, care, told.at, policy), told.at)
        elif told.started is not None and told.visit_id not in self.seen:
            self.seen.add(told.visit_id)
            record = VisitRecord(told.visit_id, told.started, told.result)
            self._did(files.take_record(self.file, record, told.at, policy), told.at)

    def _did(self, outcome: files.Outcome, at: datetime) -> None:
        self.file, happened = outcome
        self.file = replace(self.file, news=())
        first = len(self.said)
        tell(PERSON, happened, self._context(_visits(), self.said, at))
        for emission in self.said[first:]:
            handler = BOOK_HANDLERS.on.get(type(emission.message))
            if handler is not None:
                ctx = self._context(_alerts(), self.heard, emission.at)
                self.book = handler(self.book, emission.message, ctx) or self.book

    def _context(self, origin: Any, emissions: list[Emission], at: datetime) -> Context:
        ctx = Context(origin, emissions, at=at, cause=f"life-{next(self._number)}")
        ctx.key = PERSON
        return ctx


def _person(facts: Facts) -> PersonFacts:
    return PersonFacts(facts.born, facts.died, tuple(Absence(out, back) for out, back in facts.away))


def _care(facts: Facts) -> CareFacts:
    return CareFacts(
        statuses=tuple(
            StatusInterval(one.category, one.decided, one.subtype, one.level, one.applied, one.ended, one.valid, order)
            for order, one in enumerate(facts.statuses)
        ),
        stays=tuple(Stay("F", first, last) for first, last in facts.stays),
        scores=tuple(GuardianshipScore(day, score, order) for order, (day, score) in enumerate(facts.scores)),
    )
