"""The rules of programmes: one function each, from a person's facts to spans of months with an amount.

A programme is a row of the county's table; its `rule` names a function in `RULES`. Rules know nothing of each other: what
one programme does to another is a stacking step, run afterwards. Death and a move are asked elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tuoqi.payments.domain.conditions import ALWAYS, first_month, months_of, months_when
from tuoqi.payments.domain.due import Entitlement, Facts, Span
from tuoqi.payments.domain.facts import (
    Counting,
    Interval,
    PersonFacts,
    after_application,
    counting,
    decided_day,
    hukou_inside,
)
from tuoqi.payments.domain.months import Month, month_after_birthday
from tuoqi.payments.domain.policy import Policy, Programme, ProgrammeVersion
from tuoqi.payments.domain.policy_rules import APPLICATION_C, BIRTHDAY_A, AgeBands, AmountRow, Band, StatusAmount
from tuoqi.payments.domain.spans import BEGINNING, FOREVER, Range, intersect, subtract

AGE_BAND = "age_band"
STATUS_AMOUNT = "status_amount"
ACCEPTED = "_accepted"
"""Categories whose names end so have the day of acceptance 受理日期 as that of their decision."""
GRANTED = "granted"
BY_APPLICATION = ("month_of_application", "month_after_application")
USUAL_STARTS = ("month_after_decision", "month_of_application")
"""Starts that a sentence tells without being told."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a rule is asked: one programme for one person, with all the person's intervals by category."""

    programme: Programme
    facts: PersonFacts
    by_category: Mapping[str, Sequence[Interval]]
    policy: Policy
    cycle_month: Month

    @property
    def own(self) -> Sequence[Interval]:
        """The intervals of the programme's own category."""
        return self.by_category.get(self.programme.category, ())


Rule = Callable[[Claim], list[Span]]
"""A claim → what is due in which months; death and move are asked elsewhere."""


def in_categories(intervals: Sequence[Interval]) -> dict[str, list[Interval]]:
    """A person's intervals by category."""
    by_category: defaultdict[str, list[Interval]] = defaultdict(list)
    for interval in intervals:
        by_category[interval.category].append(interval)
    return by_category


def versions(programme: Programme) -> Iterator[tuple[int, int, ProgrammeVersion]]:
    """First month, last month and content of each version of a programme's rules."""
    following = [int(version.effective_from) for version in programme.versions[1:]] + [FOREVER + 1]
    for version, after in zip(programme.versions, following, strict=True):
        yield int(version.effective_from), after - 1, version


def age_bands_on_acceptance(claim: Claim) -> list[Span]:
    """By age at the end of the month before, for whoever was accepted 受理 and is on the county's register."""
    accepted = acceptances(claim.own, claim.cycle_month)
    if claim.programme.hukou_in_county:
        inside = hukou_inside(claim.facts.hukou, claim.policy.county)
        accepted = [(intersect(covered, inside), on) for covered, on in accepted]
    due: list[Span] = []
    for first, last, version in versions(claim.programme):
        rule = age_rule(version)
        open_months = _open_months(rule, claim)
        for band_first, band_last, band, known in _bands(rule, claim.facts.birth_date):
            for covered, on in accepted:
                here = intersect(covered, [(max(first, band_first), min(last, band_last))])
                if open_months is not None:
                    here = intersect(here, open_months)
                if here:
                    frozen = (*known, ("accepted_on", on.isoformat()))
                    due.extend(
                        (start, end, Entitlement(fen, AGE_BAND, frozen, version.name))
                        for fen, months in (_cases(band, here, claim) if band.cases else ((band.monthly_fen, here),))
                        for start, end in months
                    )
    return due


def age_rule(version: ProgrammeVersion) -> AgeBands:
    """The bands of a version; TypeError where its programme has another rule."""
    if not isinstance(version.parameters, AgeBands):
        raise TypeError(f"{version.name} has no age bands")
    return version.parameters


def _open_months(rule: AgeBands, claim: Claim) -> Sequence[Range] | None:
    """The months that the version's own conditions and the application leave open; None where it has none."""
    months = None if rule.when is None else months_when(rule.when, claim.facts, claim.by_category)
    if rule.start == APPLICATION_C:
        first = min((after_application(one) for one in claim.own if one.is_decided), default=FOREVER)
        months = intersect(ALWAYS if months is None else months, [(int(first), FOREVER)])
    return months


def _cases(band: Band, months: Sequence[Range], claim: Claim) -> Iterator[tuple[int, Sequence[Range]]]:
    """What a band pays in which of these months: the first case that fits, else the band's own sum."""
    for case in band.cases:
        here = intersect(months, months_when(case.when, claim.facts, claim.by_category))
        yield case.monthly_fen, here
        months = subtract(months, here)
    yield band.monthly_fen, months


def _bands(rule: AgeBands, born: date) -> Iterator[tuple[int, int, Band, Facts]]:
    """First month, last month and frozen facts of each age band."""
    known: Facts = (("birth_date", born.isoformat()),)
    if rule.start != BIRTHDAY_A:
        known = (*known, ("start", rule.start))
    firsts = [int(month_after_birthday(born, band.from_age)) - rule.lead(n) for n, band in enumerate(rule.bands)]
    for position, (band, first) in enumerate(zip(rule.bands, firsts, strict=True)):
        ages = (*known, ("from_age", str(band.from_age)))
        if position + 1 == len(firsts):
            yield first, FOREVER, band, ages
        else:
            yield first, firsts[position + 1] - 1, band, (*ages, ("below_age", str(rule.bands[position + 1].from_age)))


def acceptances(own: Sequence[Interval], cycle_month: Month) -> list[tuple[list[Range], date]]:
    """The months that acceptances 受理 cover, each month once, with the day of the acceptance that covers it first.

    An acceptance counts only in cycles after its own month. It covers all months up to its end, but where one decided
    before it has ended, none between that end and its own month. Validity does not end it.
    """
    decided = sorted(
        (one for one in own if one.is_decided and Month.of(decided_day(one)) < cycle_month),
        key=lambda one: (decided_day(one), one.loaded_seq),
    )
    covered: list[tuple[list[Range], date]] = []
    for one in decided:
        on = decided_day(one)
        ends = [Month.of(e.ended_on) for e in decided if decided_day(e) < on and e.ended_on is not None]
        months = [(BEGINNING, FOREVER if one.ended_on is None else int(Month.of(one.ended_on)))]
        if ends:
            months = subtract(months, [(min(ends) + 1, Month.of(on) - 1)])
        for earlier, _ in covered:
            months = subtract(months, earlier)
        if months:
            covered.append((months, on))
    return covered


def status_amount(claim: Claim) -> list[Span]:
    """By the interval that counts: the first row of amounts that fits it, in the months in which all conditions hold."""
    due: list[Span] = []
    for first, last, version in versions(claim.programme):
        rule = status_rule(version)
        runs = counting(claim.own, first_month(rule))
        if rule.ends_before:
            runs = [ended_before(run) for run in runs]
        within = [(max(run.first, first), min(run.last, last)) for run in runs]
        if all(begin > end for begin, end in within):
            continue
        conditions = months_of(rule, claim.facts, claim.by_category)
        for run, stretch in zip(runs, within, strict=True):
            here = [stretch] if conditions is ALWAYS else intersect([stretch], conditions)
            for row, months in _rows(rule, run.interval, here, claim):
                amount = row.monthly_fen if row.monthly_fen is not None else run.interval.amount_fen
                if amount:
                    known = _frozen(run.interval, row, rule, claim.facts)
                    entitlement = Entitlement(amount, STATUS_AMOUNT, known, version.name, row.facility)
                    due.extend((begin, end, entitlement) for begin, end in months if begin <= end)
    return due


def _rows(
    rule: StatusAmount, interval: Interval, months: Sequence[Range], claim: Claim
) -> Iterator[tuple[AmountRow, Sequence[Range]]]:
    """By which row an interval is paid in which of these months: in each the first that fits."""
    if not rule.varied:
        row = rule.row(interval.subtype, interval.level)
        if row is not None:
            yield row, months
        return
    for row in rule.rows:
        if row.fits(interval.subtype, interval.level):
            here = months
            if row.when is not None:
                here = intersect(months, months_when(row.when, claim.facts, claim.by_category))
            yield row, here
            months = subtract(months, here)


def ended_before(run: Counting) -> Counting:
    """A run whose month of ending is not paid; one that never ends stays as it is."""
    ended = run.interval.last_day
    return run if ended is None or run.last < Month.of(ended) else Counting(run.first, run.last - 1, run.interval)


def status_rule(version: ProgrammeVersion) -> StatusAmount:
    """The parameters of a version; TypeError where its programme has another rule."""
    if not isinstance(version.parameters, StatusAmount):
        raise TypeError(f"{version.name} has no table of amounts")
    return version.parameters


def _frozen(interval: Interval, row: AmountRow, rule: StatusAmount, facts: PersonFacts) -> Facts:
    """What the sentence of a line needs, and what decided its amount."""
    known = [("decided_on", decided_day(interval).isoformat())]
    if interval.category.endswith(ACCEPTED):
        known.append(("by_acceptance", "1"))
    if rule.start in BY_APPLICATION and interval.applied_on is not None:
        known.append(("applied_on", interval.applied_on.isoformat()))
    if rule.start not in USUAL_STARTS:
        known.append(("start", rule.start))
    if row.subtypes or row.levels:
        known += [(name, value) for name, value in (("subtype", interval.subtype), ("level", interval.level)) if value]
    if row.label:
        known.append(("label", row.label))
    if row.monthly_fen is None:
        known.append(("by_interval", "1"))
    if rule.from_age is not None or rule.child:
        known.append(("birth_date", facts.birth_date.isoformat()))
    if rule.from_age is not None:
        known.append(("from_age", str(rule.from_age)))
    known += [("while_on", category) for category in rule.while_on]
    return tuple(known)


def granted_amount(claim: Claim) -> list[Span]:
    """The sum of a month's grants 一次性救助: each is an amount that was decided by itself, so no death or move ends it."""
    sums: dict[Month, tuple[int, int]] = {}
    for grant in claim.facts.grants:
        if grant.programme == claim.programme.key:
            fen, count = sums.get(grant.benefit_month, (0, 0))
            sums[grant.benefit_month] = (fen + grant.amount_fen, count + 1)
    due: list[Span] = []
    for month, (fen, count) in sorted(sums.items()):
        version = claim.programme.version_in(month)
        if version is not None:
            due.append((month, month, Entitlement(fen, GRANTED, (("grants", str(count)),), version.name)))
    return due


def _by_index(_claim: Claim) -> list[Span]:
    """The price subsidy follows from what is due after stacking, see `price`: by itself it has no span."""
    return []


RULES: dict[str, Rule] = {
    "age_bands_on_acceptance": age_bands_on_acceptance,
    "status_amount": status_amount,
    "price_index": _by_index,
    "granted_amount": granted_amount,
}
"""Rule of a programme → function; `policy_rules.PARAMETERS` has the same keys."""
