"""The county's rules about alerts as values: kinds, severities, terms and ladders of escalation 升级."""

from bisect import bisect_right
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import IntEnum

from tuoqi.alerts.domain.parts import PERSON
from tuoqi.alerts.domain.sources import Sources
from tuoqi.alerts.domain.telling import OnCall
from tuoqi.alerts.domain.terms import Term, WorkCalendar
from tuoqi.alerts.domain.warning_rules import WarningRules


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
    """One thing to be done, and by when, counted from the raise; once the act `extended_by` is done, by `extended`."""

    what: str
    within: Term
    extended_by: str = ""
    extended: Term | None = None

    def end(self, start: datetime, calendar: WorkCalendar, done: Container[str]) -> datetime:
        """When its term ends."""
        term = self.extended if self.extended is not None and self.extended_by in done else self.within
        return term.end(start, calendar)


@dataclass(frozen=True, slots=True)
class Coded:
    """One code of a kind with the county's word; `finding` is what visits call the same thing."""

    code: str
    name: str
    finding: str = ""


@dataclass(frozen=True, slots=True)
class SeverityRule:
    """What a kind demands at one severity. `grades`: the person's grades it is for; none means all others."""

    severity: Severity
    acknowledge: Term
    acts: tuple[Act, ...] = ()
    grades: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KindRule:
    """One kind of alert 预警种类. `closes` names the rule by which it may be closed.

    `acknowledged_by` is the act that alone acknowledges it; `needs` must have been done before it closes; `reported`
    says whether people may report it, about a subject of one of `subjects`, for one of `causes` where there are any.
    A `restricted` kind is seen only with a right of its own.
    """

    kind: str
    name: str
    closes: str
    by_severity: tuple[SeverityRule, ...]
    restricted: bool = False
    reported: bool = False
    subjects: tuple[str, ...] = (PERSON,)
    causes: tuple[Coded, ...] = ()
    outcomes: tuple[Coded, ...] = ()
    acknowledged_by: str = ""
    needs: tuple[str, ...] = ()

    @property
    def acts(self) -> frozenset[str]:
        """Everything that may be recorded as done."""
        terms = [act for rule in self.by_severity for act in rule.acts]
        named = {act.what for act in terms} | {act.extended_by for act in terms} | {self.acknowledged_by, *self.needs}
        return frozenset(named - {""})

    def cause_of(self, finding: str) -> str:
        """The code of its own for what visits call `finding`; else that word itself."""
        return next((one.code for one in self.causes if finding and one.finding == finding), finding)

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

    def knows(self, key: str) -> bool:
        """Whether the county has such a kind."""
        return any(rule.kind == key for rule in self.kinds)

    def acknowledging(self, severity: Severity, raised_at: datetime) -> Iterator[tuple[str, datetime]]:
        """Who is told when, as long as nobody acknowledges."""
        for rung in self.not_acknowledged.get(severity, ()):
            yield rung.step, rung.after.end(raised_at, self.calendar)

    def acting(
        self, kind: str, severity: Severity, start: datetime, done: Container[str] = frozenset()
    ) -> Iterator[tuple[str, datetime]]:
        """Who is told when, as long as the earliest act that is not `done` yet is not; nothing where none is left."""
        acts = [act for act in self.kind(kind).at(severity).acts if act.what not in done]
        if acts:
            end = min(act.end(start, self.calendar, done) for act in acts)
            for rung in self.not_acted:
                yield rung.step, rung.after.end(end, self.calendar)


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """A county's rules in order of their effective dates.

    `county_version` names the files they were read from; an alert stores it.
    """

    versions: tuple[AlertRules, ...]
    county_version: str = ""
    reopen_within: timedelta = timedelta(days=30)
    sources: Sources = field(default_factory=Sources)
    warnings: WarningRules | None = None
    oncall: OnCall = field(default_factory=OnCall)

    def on(self, day: date) -> AlertRules:
        """The rules in force on `day`; before the first, the first (an alert is never left without rules)."""
        place = bisect_right([version.effective_from for version in self.versions], day)
        return self.versions[max(place - 1, 0)]

    def knowing(self, kind: str, day: date) -> AlertRules:
        """The rules in force on `day`; where they lack the kind, the first later ones that have it. KeyError if none."""
        rules = self.on(day)
        if rules.knows(kind):
            return rules
        later = [one for one in self.versions if one.effective_from > rules.effective_from and one.knows(kind)]
        if not later:
            raise KeyError(kind)
        return later[0]

    def knows(self, kind: str, day: date) -> bool:
        """Whether an alert of this kind can be raised on `day`."""
        return any(one.knows(kind) for one in self.versions if one is self.on(day) or one.effective_from > day)
