"""Risk grades 风险等级: which one a person has on a day, and when it may next change by the mere passing of time.

The table itself is county data (`policy.py`); here is only how a table is read.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from tuoqi.visits.domain.days import ONE_DAY, age_on, birthday
from tuoqi.visits.domain.facts import PersonFacts, Standing
from tuoqi.visits.domain.windows import Frequency

VERDICTS_MAX = 100_000
"""Judgements that a table keeps; with more it begins anew."""


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

    def holds(self, standing: Standing, age: int) -> bool:
        """Whether someone of this standing and age fits."""
        return (
            age >= self.age_from
            and self._score_fits(standing.score)
            and (not self.categories or any(self._status_fits(*one) for one in standing.statuses))
        )

    def _score_fits(self, score: int | None) -> bool:
        if self.score_from is None and self.score_below is None:
            return True
        if score is None:
            return False
        return (self.score_from is None or score >= self.score_from) and (
            self.score_below is None or score < self.score_below
        )

    def _status_fits(self, category: str, subtype: str, level: str) -> bool:
        return (
            category in self.categories
            and (not self.subtypes or subtype in self.subtypes)
            and (not self.levels or level in self.levels)
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

    def fits(self, standing: Standing, age: int) -> bool:
        """Whether someone of this standing and age belongs to this row."""
        if age < self.age_from or (self.age_below and age >= self.age_below):
            return False
        return any(condition.holds(standing, age) for condition in self.any_of)

    def ages(self) -> Iterator[int]:
        """The ages at which someone may come under this row or leave it."""
        yield from (age for age in (self.age_from, self.age_below) if age)
        yield from (condition.age_from for condition in self.any_of if condition.age_from)


@dataclass(frozen=True, slots=True)
class GradeTable:
    """The rows in force from `effective_from` on; the first that fits holds."""

    effective_from: date
    rules: tuple[GradeRule, ...]
    _verdicts: dict[tuple[Standing, int], GradeRule | None] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def judge(self, standing: Standing, age: int) -> GradeRule | None:
        """The row that holds, None where none does. Millions of people share few standings: each is judged once."""
        key = (standing, age)
        try:
            return self._verdicts[key]
        except KeyError:
            pass
        verdict = None if standing.absent else next((rule for rule in self.rules if rule.fits(standing, age)), None)
        if len(self._verdicts) >= VERDICTS_MAX:
            self._verdicts.clear()
        self._verdicts[key] = verdict
        return verdict

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

    def tables_until(self, day: date) -> list[date]:
        """The first days of all tables that were or are in force on `day`."""
        return [table.effective_from for table in self.tables if table.effective_from <= day]

    def next_table(self, after: date) -> date | None:
        """The first day later than `after` from which another table is in force."""
        return min((table.effective_from for table in self.tables if table.effective_from > after), default=None)

    def categories(self) -> frozenset[str]:
        """Every status category that any table asks for."""
        rules = (rule for table in self.tables for rule in table.rules)
        return frozenset(name for rule in rules for condition in rule.any_of for name in condition.categories)

    def ages(self) -> frozenset[int]:
        """Every age at which any table may change somebody's grade."""
        return self._ages


def grade_on(facts: PersonFacts, day: date, policy: VisitPolicy) -> GradeRule | None:
    """The grade of the person on `day` by what is known now; None for whoever is not to be visited."""
    return policy.on(day).judge(facts.standing(day), age_on(facts.birth_date, day))


def next_change(facts: PersonFacts, after: date, policy: VisitPolicy) -> date | None:
    """The first day later than `after` on which the grade may change though nothing new is learnt.

    May, not will: a day too many costs one look, a day too few would forget somebody.
    """
    own, county = next_turn(facts, after, policy), policy.next_table(after)
    return own if county is None else county if own is None else min(own, county)


def next_turn(facts: PersonFacts, after: date, policy: VisitPolicy) -> date | None:
    """The same by the person's own birthdays and dates alone; new tables turn for the whole county at once."""
    days = _turning_days(facts, policy)
    return min([day for day in days if day > after], default=None)


def _turning_days(facts: PersonFacts, policy: VisitPolicy) -> list[date]:
    # A list, not a generator: this is asked for with every look at every plan.
    days = [birthday(facts.birth_date, age) for age in policy.ages()]
    for one in facts.statuses:
        if one.decided_on is not None:
            days.append(one.decided_on)
        last = one.last_day
        if last is not None:
            days.append(last + ONE_DAY)
    if facts.died_on is not None:
        days.append(facts.died_on + ONE_DAY)
    for absence in facts.absences:
        days.append(absence.moved_out_on + ONE_DAY)
        if absence.returned_on is not None:
            days.append(absence.returned_on)
    for stay in facts.stays:
        days.append(stay.first_day)
        if stay.last_day is not None:
            days.append(stay.last_day + ONE_DAY)
    return days
