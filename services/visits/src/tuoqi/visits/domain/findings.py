"""Findings 探访发现: what follows from a code that a record tells, for whom, by the county's rules of the day.

No code is lost: one that the rules do not know, or know only for other people, goes to the township to be looked at.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID, uuid5

from tuoqi.visits.domain.days import birthday
from tuoqi.visits.domain.terms import DayTerm, WorkCalendar

LOOK_AT = "look_at"
"""Why a referral was made where no rule says what follows 待研判."""
BY_RULE = "finding"
"""Why a referral was made where a rule says so."""
CHECKS: Mapping[str, str] = {"MOVED": "result_moved", "DIED": "result_died"}
"""A result that asks the registry to check → the code by which it is told."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Of whom it was found, as known: what is not known excludes nobody."""

    birth_date: date | None = None
    grade: str | None = None


@dataclass(frozen=True, slots=True)
class ForWhom:
    """The people whom a rule is about; nought and empty are no bound."""

    age_from: int = 0
    age_below: int = 0
    grades: tuple[str, ...] = ()

    def fits(self, subject: Subject, day: date) -> bool:
        """Whether the person is one of them on `day`."""
        if self.grades and subject.grade not in self.grades:
            return False
        born = subject.birth_date
        if born is None:
            return True
        return birthday(born, self.age_from) <= day and not (self.age_below and birthday(born, self.age_below) <= day)


@dataclass(frozen=True, slots=True)
class Referring:
    """A referral that a finding asks for: to which department, within which term."""

    department: str
    term: DayTerm
    reason: str = BY_RULE


@dataclass(frozen=True, slots=True)
class FindingRule:
    """What follows from one code for some people: an alert, referrals, both or neither."""

    code: str
    name: str
    group: str
    whom: ForWhom = field(default_factory=ForWhom)
    alert: str = ""
    refer: tuple[Referring, ...] = ()
    joins_days: int = 0
    """The same found again within so many days joins the referral that is open."""


@dataclass(frozen=True, slots=True)
class FindingTable:
    """The rules in force from `effective_from` on; of a code the first row that fits holds."""

    effective_from: date
    departments: Mapping[str, str]
    """Code → Chinese name."""
    rules: Mapping[str, tuple[FindingRule, ...]]
    """Code in small letters → its rows."""
    unknown: Referring
    joins_days: int = 30

    def follow(self, code: str, subject: Subject, day: date) -> FindingRule:
        """The row that holds for this person on `day`; for any other code, that the township looks at it."""
        for rule in self.rules.get(code.lower(), ()):
            if rule.whom.fits(subject, day):
                return rule
        return FindingRule(code, code, "", refer=(self.unknown,), joins_days=self.joins_days)

    def name(self, code: str) -> str:
        """The Chinese word of a code; the code itself where there is none."""
        known = self.rules.get(code.lower())
        return known[0].name if known else code


NOBODY = FindingTable(date.min, {"township": "乡镇"}, {}, Referring("township", DayTerm(3, working=True), LOOK_AT))
"""What holds before the first version, and in a county without the file: everything is looked at."""


@dataclass(frozen=True, slots=True)
class FindingRules:
    """A county's versions in order of their effective dates, and which days it works."""

    tables: tuple[FindingTable, ...] = ()
    calendar: WorkCalendar = field(default_factory=WorkCalendar)

    def on(self, day: date) -> FindingTable:
        """The version in force on `day`."""
        place = bisect_right([table.effective_from for table in self.tables], day)
        return self.tables[place - 1] if place else NOBODY

    def departments(self) -> dict[str, str]:
        """Every department of any version: code → Chinese name."""
        names = dict(NOBODY.departments)
        for table in self.tables:
            names |= table.departments
        return names


def finding_id(visit_id: str, code: str) -> str:
    """The id of what one record tells by one code: the same however often the record arrives."""
    return str(uuid5(UUID(visit_id), code.lower()))
