"""What a person is entitled to, month by month: a pure function of the facts known at a cut-off.

The engine walks spans of months in which nothing changes and opens them into months only at the end. A programme is a
row of the county's table; its `rule` names a function in `RULES` that answers spans. Rules know nothing of each other:
what one programme does to another is a stacking step 叠加规则, run afterwards in the county's order. Nothing here knows
what was paid.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from tuoqi.payments.domain.facts import (
    Interval,
    PersonFacts,
    after_decision,
    counting,
    decided_day,
    hukou_inside,
    present,
)
from tuoqi.payments.domain.months import Month, month_after_birthday, months_between
from tuoqi.payments.domain.policy import AgeBands, Policy, Programme, ProgrammeVersion
from tuoqi.payments.domain.spans import FOREVER, Range, intersect, subtract

Facts = tuple[tuple[str, str], ...]
"""Facts frozen with a line: names and values in a fixed order, dates in ISO form."""

AGE_BAND = "age_band"
INTERVAL_AMOUNT = "interval_amount"


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What is due for one month: an amount in fen, why, from which facts, by which version of the rules.

    An amount of 0 says that a stacking step stopped the programme, and why. `facility` marks what belongs to the
    facility that cares for the person.
    """

    amount_fen: int
    reason: str
    facts: Facts
    rule_version: str
    facility: bool = False


Span = tuple[int, int, Entitlement]
"""First and last month, both included, and what is due in each of them."""


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

StackingStep = Callable[[dict[str, Entitlement]], dict[str, Entitlement]]
"""What is due in one month before a step, by programme → the same after it."""


def entitled(
    facts: PersonFacts,
    intervals: Sequence[Interval],
    policy: Policy,
    *,
    cycle_month: Month,
    first: Month,
    last: Month,
) -> dict[str, dict[Month, Entitlement]]:
    """What a person is entitled to in each month from first to last, by programme, in a cycle of `cycle_month`.

    Months in which nothing is due are not in the answer; programmes without any month are not either.
    """
    due = spans(facts, intervals, policy, cycle_month=cycle_month, within=(int(first), int(last)))
    due = stacked(due, [STACKING[step] for step in policy.stacking])
    return {programme: _by_month(found) for programme, found in due.items() if found}


def spans(
    facts: PersonFacts, intervals: Sequence[Interval], policy: Policy, *, cycle_month: Month, within: Range
) -> dict[str, list[Span]]:
    """Each programme by itself, before stacking, in the months that death and move leave open."""
    by_category = in_categories(intervals)
    open_months = intersect(present(facts), [(max(within[0], int(policy.policy_start)), min(within[1], cycle_month))])
    due: dict[str, list[Span]] = {}
    for programme in policy.programmes:
        if programme.category in by_category:
            found = RULES[programme.rule](Claim(programme, facts, by_category, policy, cycle_month))
            due[programme.key] = [
                (first, last, entitlement)
                for span_first, span_last, entitlement in found
                for first, last in intersect([(span_first, span_last)], open_months)
            ]
    return due


def in_categories(intervals: Sequence[Interval]) -> dict[str, list[Interval]]:
    """A person's intervals by category."""
    by_category: defaultdict[str, list[Interval]] = defaultdict(list)
    for interval in intervals:
        by_category[interval.category].append(interval)
    return by_category


def _by_month(found: Sequence[Span]) -> dict[Month, Entitlement]:
    months: dict[Month, Entitlement] = {}
    for first, last, entitlement in sorted(found, key=lambda span: span[0]):
        months.update(dict.fromkeys(months_between(first, last), entitlement))
    return months


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
        for band_first, band_last, amount, known in _bands(version, claim.facts.birth_date):
            for covered, on in accepted:
                entitlement = Entitlement(amount, AGE_BAND, (*known, ("accepted_on", on.isoformat())), version.name)
                here = intersect(covered, [(max(first, band_first), min(last, band_last))])
                due.extend((start, end, entitlement) for start, end in here)
    return due


def _bands(version: ProgrammeVersion, born: date) -> Iterator[tuple[int, int, int, Facts]]:
    """First month, last month, amount and frozen facts of each age band of one version."""
    if not isinstance(version.parameters, AgeBands):
        raise TypeError(f"{version.name} has no age bands")
    bands = version.parameters.bands
    known = ("birth_date", born.isoformat())
    for band, older in zip(bands, (*bands[1:], None), strict=True):
        first = int(month_after_birthday(born, band.from_age))
        ages = (known, ("from_age", str(band.from_age)))
        if older is None:
            yield first, FOREVER, band.monthly_fen, ages
        else:
            last = int(month_after_birthday(born, older.from_age)) - 1
            yield first, last, band.monthly_fen, (*ages, ("below_age", str(older.from_age)))


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
        months = [(0, FOREVER if one.ended_on is None else int(Month.of(one.ended_on)))]
        if ends:
            months = subtract(months, [(min(ends) + 1, Month.of(on) - 1)])
        for earlier, _ in covered:
            months = subtract(months, earlier)
        if months:
            covered.append((months, on))
    return covered


def interval_amount(claim: Claim) -> list[Span]:
    """The amount that the counting interval itself carries, from the month after the decision."""
    due: list[Span] = []
    for run in counting(claim.own, after_decision):
        known = (("decided_on", decided_day(run.interval).isoformat()),)
        for first, last, version in versions(claim.programme):
            start, end = max(run.first, first), min(run.last, last)
            if start <= end and run.interval.amount_fen:
                due.append((start, end, Entitlement(run.interval.amount_fen, INTERVAL_AMOUNT, known, version.name)))
    return due


RULES: dict[str, Rule] = {
    "age_bands_on_acceptance": age_bands_on_acceptance,
    "interval_amount": interval_amount,
}
"""Rule of a programme → function; `policy.PARAMETERS` has the same keys."""

STACKING: dict[str, StackingStep] = {}
"""Name of a stacking step → function. The programmes in use stack with everything, so the table is empty."""


def stacked(due: Mapping[str, list[Span]], steps: Sequence[StackingStep]) -> dict[str, list[Span]]:
    """Runs the steps in order over each stretch of months in which no programme changes."""
    if not steps or not any(due.values()):
        return dict(due)
    edges = sorted({edge for found in due.values() for first, last, _ in found for edge in (first, last + 1)})
    after: defaultdict[str, list[Span]] = defaultdict(list)
    for first, following in pairwise(edges):
        here = {
            programme: entitlement
            for programme, found in due.items()
            for span_first, span_last, entitlement in found
            if span_first <= first <= span_last
        }
        for step in steps:
            here = step(here) if here else here
        for programme, entitlement in here.items():
            after[programme].append((first, following - 1, entitlement))
    return dict(after)
