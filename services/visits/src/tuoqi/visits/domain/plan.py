"""The visit plan 探访计划 of one person: what is to happen by when, and which missed deadlines are not settled yet.

Plain values; what each cause makes of them stands in `causes`.
"""

from dataclasses import dataclass
from datetime import date, datetime

from tuoqi.visits.domain.facts import PersonFacts
from tuoqi.visits.domain.happenings import OverdueState
from tuoqi.visits.domain.windows import Window

SUCCESSES = frozenset({"MET", "INFORMANT_ONLY"})
FAILURES = frozenset({"NOT_FOUND", "REFUSED"})
FINDINGS = frozenset({"MOVED", "DIED"})  # ask the registry to check; no try of either kind
RESULTS = SUCCESSES | FAILURES | FINDINGS


@dataclass(frozen=True, slots=True)
class VisitRecord:
    """One record of a visit 探访记录 as the device tells it; the caller sees to it that each id comes once."""

    visit_id: str
    started_at: datetime
    result: str

    def counts_at(self, arrived_at: datetime) -> datetime:
        """When the visit counts: as told, but never later than it arrived (a device with a wrong clock)."""
        return min(self.started_at, arrived_at)


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt to see the person."""

    at: datetime
    succeeded: bool


@dataclass(frozen=True, slots=True)
class Overdue:
    """A missed deadline that may still change; its window never moves."""

    grade: str
    window: Window
    state: OverdueState


@dataclass(frozen=True, slots=True)
class VisitPlan:
    """What is to happen for one person: facts, grade, the running window, and missed deadlines not yet settled.

    `grade` and `window` are None while no plan runs. `tries` are the last two of the running plan: an older one that
    arrives late can never become one of them again. `overdues` holds what may still change; one that is CLEARED or
    WITHDRAWN is final, is told once and then lives in the store's table of overdues alone. `looked_on` is the last
    day whose midnight is done. `satisfied` is the window that the last successful visit satisfied, as long as the one
    after it runs: it runs again where that visit turns out to have been none. `version` belongs to whoever stores and
    emits.
    """

    person_id: str
    facts: PersonFacts
    version: int = 0
    looked_on: date | None = None
    number: int = 0
    grade: str | None = None
    window: Window | None = None
    opened_on: date | None = None
    closed_on: date | None = None
    tries: tuple[Try, ...] = ()
    two_tries_open: bool = False
    overdues: tuple[Overdue, ...] = ()
    satisfied: Window | None = None
