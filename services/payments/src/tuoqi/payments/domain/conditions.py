"""In which months the conditions of a programme hold: other statuses, ages, childhood, where the register is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tuoqi.payments.domain.facts import (
    STARTS,
    HukouKnown,
    Interval,
    PersonFacts,
    after_decision,
    counting,
    decided_day,
    of_decision,
)
from tuoqi.payments.domain.months import Month, month_after_birthday
from tuoqi.payments.domain.payees import ADULT_AGE
from tuoqi.payments.domain.policy import IN_SCHOOL
from tuoqi.payments.domain.policy_rules import StatusAmount
from tuoqi.payments.domain.policy_when import When
from tuoqi.payments.domain.spans import BEGINNING, FOREVER, Range, intersect, subtract, union

ByCategory = Mapping[str, Sequence[Interval]]
"""A person's intervals by category."""
ALWAYS: Sequence[Range] = ((BEGINNING, FOREVER),)


def on_status(intervals: Sequence[Interval]) -> list[Range]:
    """The months in which the interval of a category that counts runs 在保, from the month after its decision."""
    return union([(run.first, run.last) for run in counting(intervals, after_decision)])


def childhood(facts: PersonFacts, by_category: ByCategory) -> list[Range]:
    """The months of a child 儿童: up to that of the 18th birthday, and those that attendance of a school covers."""
    school = [(run.first, run.last) for run in counting(by_category.get(IN_SCHOOL, ()), of_decision)]
    return union([(BEGINNING, int(month_after_birthday(facts.birth_date, ADULT_AGE)) - 1), *school])


def months_of(rule: StatusAmount, facts: PersonFacts, by_category: ByCategory) -> Sequence[Range]:
    """The months in which the conditions beside the interval hold: other statuses, age, childhood."""
    months = ALWAYS
    for category in rule.while_on:
        months = intersect(months, on_status(by_category.get(category, ())))
    if rule.from_age is not None:
        months = intersect(months, [(int(month_after_birthday(facts.birth_date, rule.from_age)), FOREVER)])
    if rule.child:
        months = intersect(months, childhood(facts, by_category))
    if rule.when is not None:
        months = intersect(months, months_when(rule.when, facts, by_category))
    return months


def months_when(when: When, facts: PersonFacts, by_category: ByCategory) -> Sequence[Range]:
    """The months in which all of these conditions hold."""
    months = ALWAYS
    for category in when.while_on:
        months = intersect(months, on_status(by_category.get(category, ())))
    if when.while_on_any:
        held = [one for category in when.while_on_any for one in on_status(by_category.get(category, ()))]
        months = intersect(months, union(held))
    for category in when.not_on:
        months = subtract(months, on_status(by_category.get(category, ())))
    if when.from_age is not None:
        months = intersect(months, [(int(month_after_birthday(facts.birth_date, when.from_age)), FOREVER)])
    if when.below_age is not None:
        months = intersect(months, [(BEGINNING, int(month_after_birthday(facts.birth_date, when.below_age)) - 1)])
    if when.regions:
        months = intersect(months, registered_in(facts.hukou, when.regions))
    return months


def registered_in(history: Sequence[HukouKnown], regions: tuple[str, ...]) -> list[Range]:
    """The months at whose end the household register 户籍 is in one of these regions or below it."""
    found: list[Range] = []
    for position, entry in enumerate(history):
        first = Month.of(entry.known_on) if position else BEGINNING
        later = history[position + 1 : position + 2]
        last = Month.of(later[0].known_on) - 1 if later else FOREVER
        if first <= last and entry.region.startswith(regions):
            found.append((first, last))
    return union(found)


def first_month(rule: StatusAmount) -> Callable[[Interval], int]:
    """From which month an interval counts under a rule; not too long before its decision, where the rule says so."""
    start, most = STARTS[rule.start], rule.start_back_months
    if most is None:
        return start
    return lambda interval: max(start(interval), Month.of(decided_day(interval)) - most)
