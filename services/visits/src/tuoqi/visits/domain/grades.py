"""Risk grades 风险等级: which one a person has on a day, and when it may next change by the mere passing of time.

The table itself is county data (`policy.py`); here is only how a table is read.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from tuoqi.visits.domain.days import ONE_DAY, birthday
from tuoqi.visits.domain.facts import PersonFacts
from tuoqi.visits.domain.windows import Frequency


@dataclass(frozen=True, slots=True)
class Condition:
    """One way to fit a grade: everything that is set must hold.

    `categories`: any of them in force, with one of `subtypes` and `levels` where those are set. `score_from` and
    `score_below` bound the guardianship score.
    """

    categories: tuple[str, ...] = ()
    subtypes: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    age_from: int = 0
    score_from: int | None = None
    score_below: int | None = None

    def holds(self, facts: PersonFacts, day: date) -> bool:
        """Whether the person fits on `day`."""
        old_enough = birthday(facts.birth_date, self.age_from) <= day
        return old_enough and self._score_fits(facts) and (not self.categories or self._status_fits(facts, day))

    def _score_fits(self, facts: PersonFacts) -> bool:
        if self.score_from is None and self.score_below is None:
            return True
        score = facts.guardianship_score()
        if score is None:
            return False
        return (self.score_from is None or score >= self.score_from) and (
            self.score_below is None or score < self.score_below
        )

    def _status_fits(self, facts: PersonFacts, day: date) -> bool:
        intervals = (facts.in_force(category, day) for category in self.categories)
        return any(
            one is not None
            and (not self.subtypes or one.subtype in self.subtypes)
            and (not self.levels or one.level in self.levels)
            for one in intervals
        )


@dataclass(frozen=True, slots=True)
class GradeRule:
    """One row of the table. `age_from` and `age_below` govern the whole row (an elder's, a child's), 0 is no bound."""

    key: str
    every: Frequency
    any_of: tuple[Condition, ...]
    age_from: int = 0
    age_below: int = 0
    two_failed_tries: bool = False  # whether two failed tries on end raise an alert

    def fits(self, facts: PersonFacts, day: date) -> bool:
        """Whether the person belongs to this row on `day`."""
        if birthday(facts.birth_date, self.age_from) > day:
            return False
        if self.age_below and birthday(facts.birth_date, self.age_below) <= day:
            return False
        return any(condition.holds(facts, day) for condition in self.any_of)

    def ages(self) -> Iterator[int]:
        """The ages at which someone may come under this row or leave it."""
        yield from (age for age in (self.age_from, self.age_below) if age)
        yield from (condition.age_from for condition in self.any_of if condition.age_from)


@dataclass(frozen=True, slots=True)
class GradeTable:
    """The rows in force from `effective_from` on; the first that fits holds."""

    effective_from: date
    rules: tuple[GradeRule, ...]

    def rule(self, key: str) -> GradeRule:
        """The row of a grade; KeyError where this table has none of that name."""
        for rule in self.rules:
            if rule.key == key:
                return rule
        raise KeyError(key)


@dataclass(frozen=True, slots=True)
class VisitPolicy:
    """A county's grade tables in order of their effective dates. Before the first nobody has a grade."""

    tables: tuple[GradeTable, ...]
    _ages: frozenset[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Collect the ages once: they are asked for with every look at a plan."""
        ages = frozenset(age for table in self.tables for rule in table.rules for age in rule.ages())
        object.__setattr__(self, "_ages", ages)

    def on(self, day: date) -> GradeTable:
        """The table in force on `day`."""
        place = bisect_right([table.effective_from for table in self.tables], day)
        return self.tables[place - 1] if place else GradeTable(day, ())

    def categories(self) -> frozenset[str]:
        """Every status category that any table asks for."""
        rules = (rule for table in self.tables for rule in table.rules)
        return frozenset(name for rule in rules for condition in rule.any_of for name in condition.categories)

    def ages(self) -> frozenset[int]:
        """Every age at which any table may change somebody's grade."""
        return self._ages


def grade_on(facts: PersonFacts, day: date, policy: VisitPolicy) -> GradeRule | None:
    """The grade of the person on `day` by what is known now; None for whoever is not to be visited."""
    if facts.not_visited(day):
        return None
    return next((rule for rule in policy.on(day).rules if rule.fits(facts, day)), None)


def next_change(facts: PersonFacts, after: date, policy: VisitPolicy) -> date | None:
    """The first day later than `after` on which the grade may change though nothing new is learnt.

    May, not will: a day too many costs one look, a day too few would forget somebody.
    """
    return min((day for day in _turning_days(facts, policy) if day > after), default=None)


def _turning_days(facts: PersonFacts, policy: VisitPolicy) -> Iterator[date]:
    yield from (birthday(facts.birth_date, age) for age in policy.ages())
    yield from (table.effective_from for table in policy.tables)
    for one in facts.statuses:
        if one.decided_on is not None:
            yield one.decided_on
        if one.last_day is not None:
            yield one.last_day + ONE_DAY
    if facts.died_on is not None:
        yield facts.died_on + ONE_DAY
    for absence in facts.absences:
        yield absence.moved_out_on + ONE_DAY
        if absence.returned_on is not None:
            yield absence.returned_on
    for stay in facts.stays:
        yield stay.first_day
        if stay.last_day is not None:
            yield stay.last_day + ONE_DAY
