"""One person in one cycle: from facts and what went before to lines and the steps of their cash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tuoqi.payments.domain.cash import CaseKey, Pending, Step, by_file, plan_cash
from tuoqi.payments.domain.cycle import Cycle, order_in
from tuoqi.payments.domain.denial import Denial, why_not
from tuoqi.payments.domain.due import Span
from tuoqi.payments.domain.entitlement import NO_INDEX, entitled_spans, in_cycle
from tuoqi.payments.domain.facts import Interval, PersonFacts
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.offset import Agreement, offset
from tuoqi.payments.domain.policy import Policy
from tuoqi.payments.domain.price import Index
from tuoqi.payments.domain.settlement import Earlier, Settlement, settle
from tuoqi.payments.domain.spans import FOREVER


@dataclass(frozen=True, slots=True)
class Known:
    """All that a cycle knows of one person: facts at the cut-off, and what earlier cycles have left."""

    facts: PersonFacts
    intervals: Sequence[Interval]
    earlier: Earlier
    pending: Sequence[Pending] = ()
    cases: Mapping[CaseKey, int] | None = None
    shares: Mapping[CaseKey, Mapping[str, int]] | None = None
    """Of cases that merged files owe, the part of each."""
    agreements: Sequence[Agreement] = ()
    """What the person agreed to have set against open cases 协议抵扣."""


@dataclass(frozen=True, slots=True)
class Reckoned:
    """What a cycle writes for one person, where the money goes, and the spans it follows from, open ends included."""

    settlement: Settlement
    steps: tuple[Step, ...]
    spans: Mapping[str, list[Span]]


def reckon(known: Known, cycle: Cycle, policy: Policy, index: Index = NO_INDEX) -> Reckoned:
    """What the cycle writes for the person, and where the money goes. Run again over the same it answers the same."""
    start = int(policy.policy_start)
    spans = entitled_spans(known.facts, known.intervals, policy, cycle_month=cycle.month, within=(start, FOREVER))

    def denial(programme: str, month: Month) -> Denial:
        return why_not(
            known.facts, known.intervals, policy, cycle_month=cycle.month, programme=programme, month=month, index=index
        )

    settlement = settle(
        known.facts.person_id,
        cycle_month=cycle.month,
        due=in_cycle(spans, known.facts, policy, index, cycle.month),
        earlier=known.earlier,
        order=order_in(cycle, policy),
        reach_back_months=cycle.rules.reach_back_months,
        limits={key: reach.limit(cycle.month) for key, reach in policy.reach_back.items()},
        why_not=denial,
    )
    steps = plan_cash(settlement.lines, known.pending, known.cases or {}, policy.order)
    if known.shares:
        steps = by_file(steps, known.cases or {}, known.shares)
    if known.agreements and known.facts.died_on is None:
        facility = frozenset((line.programme, line.benefit_month) for line in settlement.lines if line.facility)
        steps = offset(steps, known.agreements, known.cases or {}, known.shares or {}, policy.order, facility)
    return Reckoned(settlement, steps, spans)
