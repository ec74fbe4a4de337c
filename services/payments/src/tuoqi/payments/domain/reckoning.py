"""One person in one cycle: from facts and what went before to lines and the steps of their cash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tuoqi.payments.domain.cash import CaseKey, Pending, Step, by_file, plan_cash
from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.denial import Denial, why_not
from tuoqi.payments.domain.entitlement import entitled
from tuoqi.payments.domain.facts import Interval, PersonFacts
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import Policy
from tuoqi.payments.domain.settlement import Earlier, Settlement, settle


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


def reckon(known: Known, cycle: Cycle, policy: Policy) -> tuple[Settlement, tuple[Step, ...]]:
    """What the cycle writes for the person, and where the money goes. Run again over the same it answers the same."""
    due = entitled(
        known.facts,
        known.intervals,
        policy,
        cycle_month=cycle.month,
        first=policy.policy_start,
        last=cycle.month,
    )

    def denial(programme: str, month: Month) -> Denial:
        return why_not(known.facts, known.intervals, policy, cycle_month=cycle.month, programme=programme, month=month)

    settlement = settle(
        known.facts.person_id,
        cycle_month=cycle.month,
        due=due,
        earlier=known.earlier,
        order=policy.order,
        reach_back_months=cycle.rules.reach_back_months,
        why_not=denial,
    )
    steps = plan_cash(settlement.lines, known.pending, known.cases or {}, policy.order)
    if known.shares:
        steps = by_file(steps, known.cases or {}, known.shares)
    return settlement, steps
