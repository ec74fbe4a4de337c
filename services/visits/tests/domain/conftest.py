"""One person's life, played against the shipped county's grade tables."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path

import pytest
import yaml

from tuoqi.visits.domain import causes
from tuoqi.visits.domain.days import COUNTY_ZONE
from tuoqi.visits.domain.facts import GuardianshipScore, PersonFacts, StatusInterval
from tuoqi.visits.domain.grades import VisitPolicy
from tuoqi.visits.domain.happenings import Happening, OverdueFound, OverduesChanged
from tuoqi.visits.domain.plan import VisitPlan, VisitRecord
from tuoqi.visits.domain.policy import read_policy

GRADES = Path(__file__).parents[4] / "deploy/counties/990101/visits/grades.yaml"


class Life:
    """Plays causes in order; keeps everything said, and every overdue visit's state as told."""

    def __init__(self, policy: VisitPolicy, born: date) -> None:
        self.policy = policy
        self.facts = PersonFacts(birth_date=born)
        self.plan = VisitPlan("person-1", self.facts)
        self.said: list[Happening] = []
        self.states: dict[date, str] = {}

    def learn(self, day: str, hour: int = 9, **changes: object) -> tuple[Happening, ...]:
        """On `day` the registry tells the facts that changed."""
        self.facts = replace(self.facts, **changes)  # type: ignore[arg-type] # names are those of PersonFacts
        return self._take(causes.facts_changed(self.plan, self.facts, at(day, hour), self.policy))

    def status(self, day: str, category: str, **columns: object) -> tuple[Happening, ...]:
        """On `day` one more status interval becomes known, decided that day unless said otherwise."""
        row = {"decided_on": date.fromisoformat(day), "order": len(self.facts.statuses), **columns}
        one = StatusInterval(category=category, **row)  # type: ignore[arg-type] # names are those of StatusInterval
        return self.learn(day, statuses=(*self.facts.statuses, one))

    def score(self, day: str, score: int) -> tuple[Happening, ...]:
        """On `day` a guardianship assessment of that day becomes known."""
        one = GuardianshipScore(date.fromisoformat(day), score, len(self.facts.scores))
        return self.learn(day, scores=(*self.facts.scores, one))

    def visit(self, arrived: str, result: str = "MET", *, on: str = "", hour: int = 8) -> tuple[Happening, ...]:
        """A record arrives at noon of a day; `on` is the day it is dated, the same one where left out."""
        record = VisitRecord(f"visit-{len(self.said)}", at(on or arrived, hour), result)
        return self._take(causes.visit_arrived(self.plan, record, at(arrived, 12), self.policy))

    def night(self, day: str) -> tuple[Happening, ...]:
        """The check runs for 00:00 of `day`."""
        return self._take(causes.midnight(self.plan, date.fromisoformat(day), self.policy))

    def window(self) -> tuple[str, str]:
        """The running window as two ISO dates."""
        assert self.plan.window is not None
        return self.plan.window.first.isoformat(), self.plan.window.deadline.isoformat()

    def _take(self, outcome: causes.Outcome) -> tuple[Happening, ...]:
        self.plan, said = outcome
        self.said.extend(said)
        for one in said:
            if isinstance(one, OverdueFound):
                assert one.deadline not in self.states, "a deadline was found twice"
                self.states[one.deadline] = "OPEN"
            elif isinstance(one, OverduesChanged):
                self.states.update((deadline, state.value) for deadline, state in one.changes)
        return said


def at(day: str, hour: int) -> datetime:
    """A full hour of a day, county time."""
    return datetime.combine(date.fromisoformat(day), time(hour), COUNTY_ZONE)


@pytest.fixture(scope="session")
def policy() -> VisitPolicy:
    """The grade tables that ship."""
    return read_policy(yaml.safe_load(GRADES.read_text(encoding="utf-8")))


@pytest.fixture
def life(policy: VisitPolicy) -> Callable[[str], Life]:
    """Begins a life: `life("1940-05-05")`."""
    return lambda born: Life(policy, date.fromisoformat(born))


@pytest.fixture
def weekly(life: Callable[[str], Life]) -> Callable[[], Life]:
    """A woman of 84, known on 3 March 2025 to live alone: HIGH, seen every 7 days, first by 10 March."""

    def begin() -> Life:
        one = life("1941-01-01")
        one.status("2025-03-03", "living_alone_elder")
        return one

    return begin


@pytest.fixture
def monthly(life: Callable[[str], Life]) -> Callable[[], Life]:
    """A man of 70, known on 10 March 2025 to live alone: MEDIUM, seen every calendar month, first in April."""

    def begin() -> Life:
        one = life("1955-01-01")
        one.status("2025-03-10", "living_alone_elder")
        return one

    return begin
