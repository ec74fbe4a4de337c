"""A look at the whole county at once: a new grade table begins, or the rules are others than at the last look.

Whoever would be told nothing need not be looked at one by one: between two turning days of a person only the tables can
change the grade, and millions of people share few standings. Here is decided whom a look concerns; what it makes of
them is the handlers' business as ever.
"""

from dataclasses import dataclass
from datetime import date

from tuoqi.visits.domain.days import ONE_DAY, age_on, last_birth_date
from tuoqi.visits.domain.facts import Standing
from tuoqi.visits.domain.grades import VisitPolicy


@dataclass(frozen=True, slots=True)
class CountyLook:
    """A look on `day`. `tables` are the first days of tables that somebody may not have been looked at by.

    `by_other_rules`: whatever a plan says so far was decided by other rules, so that it also counts for plans looked at
    on the day itself.
    """

    policy: VisitPolicy
    day: date
    tables: tuple[date, ...] = ()
    by_other_rules: bool = False

    def births(self) -> tuple[date, ...]:
        """Birth dates, rising: people between two of them have the same ages in the eyes of every table."""
        days = {self.day, *self.tables}
        return tuple(sorted({last_birth_date(age, day) + ONE_DAY for age in self.policy.ages() for day in days}))

    def days(self) -> tuple[date, ...]:
        """Days, rising: plans looked at last between two of them have the same judgements before them."""
        return tuple(sorted({*self.tables, self.day + ONE_DAY}))

    def ages(self) -> tuple[int, ...]:
        """Ages at whose birthdays a plan must be due though other rules did not say so."""
        return tuple(sorted(self.policy.ages())) if self.by_other_rules else ()

    def concerns(
        self, standing: Standing | None, grade: str, birth_date: date, looked_on: date, *, due_too_late: bool
    ) -> bool:
        """Whether anything may change for someone who has `grade` ('' none) since the last look on `looked_on`.

        Of someone whose `standing` is not known nothing can be said.
        """
        if standing is None:
            return True
        now = self.by_other_rules and looked_on <= self.day
        if now and (due_too_late or self._grade(standing, birth_date, self.day) != grade):
            return True
        return any(looked_on < day and self._grade(standing, birth_date, day) != grade for day in self.tables)

    def _grade(self, standing: Standing, birth_date: date, day: date) -> str:
        rule = self.policy.on(day).judge(standing, age_on(birth_date, day))
        return "" if rule is None else rule.key
