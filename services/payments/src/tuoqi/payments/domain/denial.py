"""Why nothing is due for a month: asked where something was paid and must be recovered, or by whoever wants to know."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from tuoqi.payments.domain.entitlement import Claim, Facts, acceptances, in_categories
from tuoqi.payments.domain.facts import Interval, PersonFacts, after_decision, away, hukou_inside, ruling
from tuoqi.payments.domain.months import Month, month_after_birthday
from tuoqi.payments.domain.policy import AgeBands, Policy
from tuoqi.payments.domain.spans import covers

DIED = "died"
MOVED_OUT = "moved_out"
HUKOU_OUTSIDE = "hukou_outside"
NOT_ACCEPTED = "not_accepted"
ACCEPTANCE_ENDED = "acceptance_ended"
BELOW_AGE = "below_age"
STATUS_ENDED = "status_ended"
STATUS_WITHDRAWN = "status_withdrawn"
NOT_IN_FORCE = "not_in_force"


@dataclass(frozen=True, slots=True)
class Denial:
    """Reason code, the facts that speak against the month, and the version of the rules that was asked."""

    reason: str
    facts: Facts = ()
    rule_version: str = ""


def why_not(
    facts: PersonFacts,
    intervals: Sequence[Interval],
    policy: Policy,
    *,
    cycle_month: Month,
    programme: str,
    month: Month,
) -> Denial:
    """The first reason why a programme is not due for a month in a cycle; death and move come first."""
    row = policy.programme(programme)
    version = row.version_in(month)
    if version is None or month < policy.policy_start:
        return Denial(NOT_IN_FORCE, (("policy_start", str(policy.policy_start)),))
    denial = _gone(facts, month)
    if denial is None:
        claim = Claim(row, facts, in_categories(intervals), policy, cycle_month)
        denial = REASONS[row.rule](claim, month)
    return replace(denial, rule_version=version.name)


def _gone(facts: PersonFacts, month: Month) -> Denial | None:
    """Death or a move before the month; None where neither speaks."""
    if facts.died_on is not None and month > Month.of(facts.died_on):
        return Denial(DIED, _days(died_on=facts.died_on))
    for absence in facts.absences:
        first, last = away(absence)
        if first <= month <= last:
            return Denial(MOVED_OUT, _days(moved_out_on=absence.moved_out_on, returned_on=absence.returned_on))
    return None


def _no_acceptance(claim: Claim, month: Month) -> Denial:
    """The register, the acceptance, the age: in this order."""
    inside = hukou_inside(claim.facts.hukou, claim.policy.county)
    if claim.programme.hukou_in_county and not covers(inside, month):
        return Denial(HUKOU_OUTSIDE)
    if not any(covers(covered, month) for covered, _ in acceptances(claim.own, claim.cycle_month)):
        days = [one.ended_on for one in claim.own if one.is_decided and one.ended_on is not None]
        ended = max((day for day in days if Month.of(day) < month), default=None)
        return Denial(ACCEPTANCE_ENDED, _days(ended_on=ended)) if ended else Denial(NOT_ACCEPTED)
    version = claim.programme.version_in(month)
    if version is None or not isinstance(version.parameters, AgeBands):
        raise TypeError(f"{claim.programme.key} has no age bands in {month}")
    youngest = version.parameters.bands[0].from_age
    born = claim.facts.birth_date
    starts = ("from_month", str(month_after_birthday(born, youngest)))
    return Denial(BELOW_AGE, (*_days(birth_date=born), ("from_age", str(youngest)), starts))


def _no_interval(claim: Claim, month: Month) -> Denial:
    """The ruling interval has ended; or none rules, since its row was voided or its days were mended."""
    for rule in ruling(claim.own, after_decision):
        if rule.first <= month <= rule.last and rule.interval.last_day is not None:
            known = _days(decided_on=rule.interval.decided_on, ended_on=rule.interval.last_day)
            return Denial(STATUS_ENDED, known)
    return Denial(STATUS_WITHDRAWN)


REASONS: dict[str, Callable[[Claim, Month], Denial]] = {
    "age_bands_on_acceptance": _no_acceptance,
    "interval_amount": _no_interval,
}
"""Rule of a programme → why it is not due; `entitlement.RULES` has the same keys."""


def _days(**days: date | None) -> Facts:
    return tuple((name, day.isoformat()) for name, day in days.items() if day is not None)
