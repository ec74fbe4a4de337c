"""The county's rules about alerts as values: kinds, severities, terms and ladders of escalation 升级."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum

from tuoqi.alerts.domain.terms import Term, WorkCalendar


class Severity(IntEnum):
    """How grave an alert is 严重程度; the greater number is the graver."""

    MEDIUM = 1
    HIGH = 2
    CRITICAL = 3


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a ladder: who is told, and how long after the ladder's start."""

    step: str
    after: Term


@dataclass(frozen=True, slots=True)
class Act:
    """One thing to be done, and by when, counted from the raise."""

    what: str
    within: Term


@dataclass(frozen=True, slots=True)
class SeverityRule:
    """What a kind demands at one severity. `grades`: the person's grades it is for; none means all others."""

    severity: Severity
    acknowledge: Term
    acts: tuple[Act, ...] = ()
    grades: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KindRule:
    """One kind of alert 预警种类. `closes` names the rule by which it may be closed."""

    kind: str
    name: str
    closes: str
    by_severity: tuple[SeverityRule, ...]

    def at(self, severity: Severity) -> SeverityRule:
        """The demands at `severity`; KeyError where the kind never has it."""
        for rule in self.by_severity:
            if rule.severity is severity:
                return rule
        raise KeyError(severity.name)

    def severity_of(self, grade: str = "") -> Severity:
        """The severity for a person of `grade`: the entry that names it, else the one that names none."""
        named = [rule for rule in self.by_severity if grade in rule.grades]
        others = [rule for rule in self.by_severity if not rule.grades]
        return (named or others)[0].severity


@dataclass(frozen=True, slots=True)
class AlertRules:
    """The rules in force from `effective_from` on; an alert keeps those it was raised by."""

    effective_from: date
    kinds: tuple[KindRule, ...]
    not_acknowledged: dict[Severity, tuple[Rung, ...]]  # counted from the raise
    not_acted: tuple[Rung, ...]  # counted from the end of the term to act
    calendar: WorkCalendar = field(default_factory=WorkCalendar)

    def kind(self, key: str) -> KindRule:
        """The rule of a kind; KeyError where the county has none."""
        for rule in self.kinds:
            if rule.kind == key:
                return rule
        raise KeyError(key)

    def acknowledging(self, severity: Severity, raised_at: datetime) -> Iterator[tuple[str, datetime]]:
        """Who is told when, as long as nobody acknowledges."""
        for rung in self.not_acknowledged.get(severity, ()):
            yield rung.step, rung.after.end(raised_at, self.calendar)

    def acting(self, kind: str, severity: Severity, raised_at: datetime) -> Iterator[tuple[str, datetime]]:
        """Who is told when, as long as the first act is not done; nothing for a kind without a term to act."""
        acts = self.kind(kind).at(severity).acts
        if acts:
            end = min(act.within.end(raised_at, self.calendar) for act in acts)
            for rung in self.not_acted:
                yield rung.step, rung.after.end(end, self.calendar)


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """A county's rules in order of their effective dates.

    `county_version` names the files they were read from; an alert stores it.
    """

    versions: tuple[AlertRules, ...]
    county_version: str = ""

    def on(self, day: date) -> AlertRules:
        """The rules in force on `day`; before the first, the first (an alert is never left without rules)."""
        place = bisect_right([version.effective_from for version in self.versions], day)
        return self.versions[max(place - 1, 0)]
