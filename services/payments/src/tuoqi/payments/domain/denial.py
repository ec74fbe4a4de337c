"""Why nothing is due for a month: asked where something was paid and must be recovered, or by whoever wants to know."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from tuoqi.payments.domain.conditions import childhood, first_month, on_status
from tuoqi.payments.domain.due import Facts
from tuoqi.payments.domain.entitlement import NO_INDEX, entitled_spans
from tuoqi.payments.domain.facts import Interval, PersonFacts, after_application, away, counting, hukou_inside, ruling
from tuoqi.payments.domain.months import Month, month_after_birthday
from tuoqi.payments.domain.policy import Policy, ProgrammeVersion
from tuoqi.payments.domain.policy_rules import APPLICATION_C, StatusAmount
from tuoqi.payments.domain.price import Index, price_months, price_rule, triggers
from tuoqi.payments.domain.rules import RULES, Claim, acceptances, age_rule, in_categories, status_rule
from tuoqi.payments.domain.spans import covers
from tuoqi.payments.domain.terms import is_payable, seen_months

DIED = "died"
MOVED_OUT = "moved_out"
HUKOU_OUTSIDE = "hukou_outside"
NOT_ACCEPTED = "not_accepted"
ACCEPTANCE_ENDED = "acceptance_ended"
BELOW_AGE = "below_age"
STATUS_ENDED = "status_ended"
STATUS_WITHDRAWN = "status_withdrawn"
NOT_IN_FORCE = "not_in_force"
NO_STATUS = "no_status"
NOT_DECIDED = "not_decided"
NOT_BEGUN = "not_begun"
LEVEL_NOT_PAID = "level_not_paid"
NOT_ON_STATUS = "not_on_status"
NO_CHILD = "no_child"
NO_GRANT = "no_grant"
NO_INDEX_YET = "no_index_yet"
INDEX_BELOW = "index_below"
NO_PRICE_GROUP = "no_price_group"
NOT_YET_PAYABLE = "not_yet_payable"
NOT_CERTIFIED = "not_certified"
CONDITION_NOT_MET = "condition_not_met"


@dataclass(frozen=True, slots=True)
class Denial:
    """Reason code, the facts that speak against the month, and the version of the rules that was asked."""

    reason: str
    facts: Facts = ()
    rule_version: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a claim and the price index in force."""

    claim: Claim
    index: Index


def why_not(
    facts: PersonFacts,
    intervals: Sequence[Interval],
    policy: Policy,
    *,
    cycle_month: Month,
    programme: str,
    month: Month,
    index: Index = NO_INDEX,
) -> Denial:
    """The first reason why a programme is not due for a month in a cycle; death and move come first.

    Asked only where the engine has no answer for the month: what a stacking step stopped carries its own reason.
    """
    row = policy.programme(programme)
    version = row.version_in(month)
    if version is None or month < policy.policy_start:
        starts = max(policy.policy_start, row.versions[0].effective_from)
        return Denial(NOT_IN_FORCE, (("from_month", str(starts)),))
    question = Question(Claim(row, facts, in_categories(intervals), policy, cycle_month), index)
    denial = None if row.rule == "granted_amount" else _gone(facts, month)
    if denial is None and (version.payment or version.certification):
        denial = _held_back(question.claim, version, month)
    return replace(denial or REASONS[row.rule](question, month), rule_version=version.name)


def _held_back(claim: Claim, version: ProgrammeVersion, month: Month) -> Denial | None:
    """Due by its rule, but for want of certification, or since the turn of its period has not come."""
    if not any(first <= month <= last for first, last, _ in RULES[claim.programme.rule](claim)):
        return None
    terms = version.certification
    if terms and not covers(seen_months(terms, claim.facts, claim.own), month):
        seen = max((day for day in claim.facts.certified_on), default=None)
        return Denial(NOT_CERTIFIED, (("every_months", str(terms.every_months)), *_days(certified_on=seen)))
    if version.payment and not is_payable(claim.programme, month, claim.facts, claim.cycle_month):
        return Denial(NOT_YET_PAYABLE, (("due_in", str(version.payment.due_in(month))),))
    return None


def _gone(facts: PersonFacts, month: Month) -> Denial | None:
    """Death or a move before the month; None where neither speaks."""
    if facts.died_on is not None and month > Month.of(facts.died_on):
        return Denial(DIED, _days(died_on=facts.died_on))
    for absence in facts.absences:
        first, last = away(absence)
        if first <= month <= last:
            return Denial(MOVED_OUT, _days(moved_out_on=absence.moved_out_on, returned_on=absence.returned_on))
    return None


def _no_acceptance(question: Question, month: Month) -> Denial:
    """The register, the acceptance, the age: in this order."""
    claim = question.claim
    inside = hukou_inside(claim.facts.hukou, claim.policy.county)
    if claim.programme.hukou_in_county and not covers(inside, month):
        return Denial(HUKOU_OUTSIDE)
    if not any(covers(covered, month) for covered, _ in acceptances(claim.own, claim.cycle_month)):
        days = [one.ended_on for one in claim.own if one.is_decided and one.ended_on is not None]
        ended = max((day for day in days if Month.of(day) < month), default=None)
        return Denial(ACCEPTANCE_ENDED, _days(ended_on=ended)) if ended else Denial(NOT_ACCEPTED)
    version = claim.programme.version_in(month)
    if version is None:
        raise TypeError(f"{claim.programme.key} has no age bands in {month}")
    rule = age_rule(version)
    youngest, born = rule.bands[0].from_age, claim.facts.birth_date
    start = month_after_birthday(born, youngest).plus(-rule.lead(0))
    if month >= start:
        applied = [after_application(one) for one in claim.own if one.is_decided]
        if rule.start == APPLICATION_C and applied and month < min(applied):
            return Denial(NOT_ACCEPTED)
        return Denial(CONDITION_NOT_MET)
    known = (*_days(birth_date=born), ("from_age", str(youngest)), ("from_month", str(start)))
    return Denial(BELOW_AGE, (*known, *((("start", rule.start),) if rule.lead(0) else ())))


def _no_status(question: Question, month: Month) -> Denial:
    """The interval, its level, and then the conditions beside it, in the order in which a clerk looks."""
    claim = question.claim
    version = claim.programme.version_in(month)
    if version is None:
        raise TypeError(f"{claim.programme.key} has no version in {month}")
    rule = status_rule(version)
    running = [run for run in counting(claim.own, first_month(rule)) if run.first <= month <= run.last]
    if not running:
        return _not_running(claim, rule, month)
    interval = running[0].interval
    if rule.row(interval.subtype, interval.level) is None:
        level = (("subtype", interval.subtype), ("level", interval.level))
        return Denial(LEVEL_NOT_PAID, (*_days(decided_on=interval.decided_on), *level))
    return _no_condition(claim, rule, month)


def _not_running(claim: Claim, rule: StatusAmount, month: Month) -> Denial:
    """The ruling interval has ended; or none rules, since its row was voided, its days were mended, or it never was."""
    for ruler in ruling(claim.own, first_month(rule)):
        if ruler.first <= month <= ruler.last and ruler.interval.last_day is not None:
            return Denial(STATUS_ENDED, _ended(ruler.interval))
    starts, decided = first_month(rule), [one for one in claim.own if one.is_decided]
    later = min(((starts(one), one.decided_on) for one in decided if starts(one) > month), default=None)
    if later:
        return Denial(NOT_BEGUN, (*_days(decided_on=later[1]), ("from_month", str(Month(later[0])))))
    if claim.own and all(one.decided_on is None for one in claim.own):
        return Denial(NOT_DECIDED)
    return Denial(STATUS_WITHDRAWN if claim.own else NO_STATUS, (("category", claim.programme.category),))


def _ended(interval: Interval) -> Facts:
    """By its end, or by its validity where that is earlier."""
    if interval.last_day == interval.ended_on:
        return _days(decided_on=interval.decided_on, ended_on=interval.ended_on)
    return _days(decided_on=interval.decided_on, valid_until=interval.valid_until)


def _no_condition(claim: Claim, rule: StatusAmount, month: Month) -> Denial:
    """Another status that must run, the age, childhood."""
    born = claim.facts.birth_date
    for category in rule.while_on:
        if not covers(on_status(claim.by_category.get(category, ())), month):
            return Denial(NOT_ON_STATUS, (("category", category),))
    if rule.from_age is not None and month < (start := month_after_birthday(born, rule.from_age)):
        known = (*_days(birth_date=born), ("from_age", str(rule.from_age)), ("from_month", str(start)))
        return Denial(BELOW_AGE, known)
    if rule.child and not covers(childhood(claim.facts, claim.by_category), month):
        return Denial(NO_CHILD, _days(birth_date=born))
    if rule.ends_before:
        ended = [one.last_day for one in claim.own if one.last_day is not None and Month.of(one.last_day) == month]
        if ended:
            return Denial(STATUS_ENDED, _days(ended_on=max(ended)))
    if rule.when is not None or rule.varied:
        return Denial(CONDITION_NOT_MET)
    return Denial(STATUS_WITHDRAWN, (("category", claim.programme.category),))


def _no_supplement(question: Question, month: Month) -> Denial:
    """The index of the month, and then the groups."""
    claim = question.claim
    row, rule = question.index.get(month), price_rule(claim.programme, month)
    if row is None or rule is None:
        return Denial(NO_INDEX_YET)
    if not triggers(row, rule[0]):
        known = (("cpi_tenths", str(row.cpi_tenths)), ("food_tenths", str(row.food_tenths)))
        return Denial(INDEX_BELOW, (*known, *_days(published_on=row.published_on)))
    due = entitled_spans(
        claim.facts,
        [one for own in claim.by_category.values() for one in own],
        claim.policy,
        cycle_month=claim.cycle_month,
        within=(int(month), int(month)),
    )
    if covers(price_months(due, claim.programme), month):
        return Denial(NO_INDEX_YET)
    return Denial(NO_PRICE_GROUP)


def _no_grant(_question: Question, _month: Month) -> Denial:
    return Denial(NO_GRANT)


REASONS: dict[str, Callable[[Question, Month], Denial]] = {
    "age_bands_on_acceptance": _no_acceptance,
    "status_amount": _no_status,
    "price_index": _no_supplement,
    "granted_amount": _no_grant,
}
"""Rule of a programme → why it is not due; `rules.RULES` has the same keys."""


def _days(**days: date | None) -> Facts:
    return tuple((name, day.isoformat()) for name, day in days.items() if day is not None)
