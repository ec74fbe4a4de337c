"""The terms that a county may set for any programme, computed: life certification, and payment by periods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tuoqi.payments.domain.due import Entitlement, Span
from tuoqi.payments.domain.facts import Interval, PersonFacts, decided_day
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import Policy, Programme
from tuoqi.payments.domain.policy_terms import CertificationTerms, Payment
from tuoqi.payments.domain.spans import BEGINNING, FOREVER, Range, union

Due = Mapping[str, Mapping[Month, Entitlement]]
"""What is due, by programme and month."""


def seen_months(terms: CertificationTerms, facts: PersonFacts, own: Sequence[Interval]) -> list[Range]:
    """The months that life certification 生存认证 keeps: those up to the first date, and around each day of being seen.

    Being seen also brings back the months before it that had lapsed, as far as the terms go. The day of a decision on
    one of the programme's own intervals counts, but brings nothing back that its own start does not.
    """
    keeps = terms.every_months + terms.grace_months
    kept: list[Range] = [(BEGINNING, int(terms.first_due) + terms.grace_months)]
    for day in facts.certified_on:
        month = Month.of(day)
        begin = BEGINNING if terms.back_pay_months is None else month - terms.back_pay_months
        kept.append((begin, month + keeps))
    kept += [(BEGINNING, Month.of(decided_day(one)) + keeps) for one in own if one.is_decided]
    return union(kept)


def certified(programme: Programme, found: Sequence[Span], facts: PersonFacts, own: Sequence[Interval]) -> list[Span]:
    """The parts of a programme's spans that are not held back for want of certification."""
    kept: list[Span] = []
    following = [int(version.effective_from) for version in programme.versions[1:]] + [FOREVER + 1]
    for version, after in zip(programme.versions, following, strict=True):
        begin, end = int(version.effective_from), after - 1
        months = seen_months(version.certification, facts, own) if version.certification else [(BEGINNING, FOREVER)]
        for first, last, entitlement in found:
            for start, stop in months:
                here = (max(first, begin, start), min(last, end, stop))
                if here[0] <= here[1]:
                    kept.append((*here, entitlement))
    return sorted(kept, key=lambda span: span[0])


def horizon(policy: Policy, cycle_month: Month) -> Month:
    """The last month that a cycle may pay: its own, or the end of a period that is paid in advance."""
    payments = [v.payment for one in policy.programmes for v in one.versions if v.payment and v.payment.in_advance]
    return max((payment.last(cycle_month) for payment in payments), default=cycle_month)


def payable(due: Due, facts: PersonFacts, policy: Policy, cycle_month: Month) -> dict[str, dict[Month, Entitlement]]:
    """What may be paid by a cycle's month: of programmes paid by periods, the months whose turn has come."""
    kept: dict[str, dict[Month, Entitlement]] = {}
    for key, months in due.items():
        programme = policy.programme(key)
        here = {month: one for month, one in months.items() if is_payable(programme, month, facts, cycle_month)}
        if here:
            kept[key] = here
    return kept


def is_payable(programme: Programme, month: Month, facts: PersonFacts, cycle_month: Month) -> bool:
    """Whether a month's turn has come: a cycle of the period, or one after a death or move that ends the period early."""
    version = programme.version_in(month)
    payment = version.payment if version else None
    if payment is None:
        return month <= cycle_month
    return payment.due_in(month) <= cycle_month or (month <= cycle_month and _left(payment, month, facts))


def _left(payment: Payment, month: Month, facts: PersonFacts) -> bool:
    """Whether the person has died, or moved for good, in the period of a month: nothing is waited for any more."""
    gone = [] if facts.died_on is None else [facts.died_on]
    gone += [absence.moved_out_on for absence in facts.absences if absence.returned_on is None]
    return any(payment.last(Month.of(day)) == payment.last(month) for day in gone)
