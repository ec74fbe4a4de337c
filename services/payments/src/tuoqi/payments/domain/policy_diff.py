"""What a change of policy does to one person in one month, and what it comes to for all: who gains, who loses, how much."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tuoqi.payments.domain.denial import NOT_IN_FORCE, Denial, why_not
from tuoqi.payments.domain.due import Entitlement
from tuoqi.payments.domain.entitlement import entitled_spans, opened
from tuoqi.payments.domain.facts import Interval, PersonFacts
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import Policy
from tuoqi.payments.domain.price import Index

BIGGEST = 20
"""So many of the biggest changes are told with the totals."""


@dataclass(frozen=True, slots=True)
class Change:
    """One programme of one person under the old policy and the new one, in fen for the month."""

    programme: str
    before_fen: int
    after_fen: int
    because: Entitlement | Denial
    """Why the new policy says so."""


@dataclass(frozen=True, slots=True)
class PersonChange:
    """Everything that changes for one person."""

    person_id: str
    changes: tuple[Change, ...]

    @property
    def net_fen(self) -> int:
        """What the person gains in all; negative where the person loses."""
        return sum(one.after_fen - one.before_fen for one in self.changes)


@dataclass(slots=True)
class ProgrammeTotal:
    """One programme over all people."""

    persons_before: int = 0
    persons_after: int = 0
    fen_before: int = 0
    fen_after: int = 0
    gaining: int = 0
    losing: int = 0
    gain_fen: int = 0
    loss_fen: int = 0


@dataclass(slots=True)
class Totals:
    """What was counted so far."""

    persons: int = 0
    gaining: int = 0
    losing: int = 0
    shifted: int = 0
    """People whose programmes change and whose sum does not."""
    programmes: dict[str, ProgrammeTotal] = field(default_factory=dict)
    biggest: list[tuple[int, str, PersonChange]] = field(default_factory=list)

    def add(self, person_id: str, pairs: Iterable[tuple[str, int, int]], change: PersonChange | None) -> None:
        """One person: the programmes with any amount before or after, and what changes."""
        self.persons += 1
        for programme, before, after in pairs:
            total = self.programmes.setdefault(programme, ProgrammeTotal())
            total.persons_before += before > 0
            total.persons_after += after > 0
            total.fen_before += before
            total.fen_after += after
            total.gaining += after > before
            total.losing += after < before
            total.gain_fen += max(after - before, 0)
            total.loss_fen += max(before - after, 0)
        if change is None:
            return
        net = change.net_fen
        self.gaining += net > 0
        self.losing += net < 0
        self.shifted += net == 0
        entry = (abs(net), person_id, change)
        if len(self.biggest) < BIGGEST:
            heapq.heappush(self.biggest, entry)
        else:
            heapq.heappushpop(self.biggest, entry)


def due_in(
    facts: PersonFacts, intervals: Sequence[Interval], policy: Policy, month: Month, index: Index
) -> dict[str, Entitlement]:
    """What a person is entitled to for one month, whenever that month is paid."""
    if month < policy.policy_start:
        return {}
    within = (int(month), int(month))
    due = entitled_spans(facts, intervals, policy, cycle_month=month, within=within)
    return {key: months[month] for key, months in opened(due, policy, index, within).items() if month in months}


def compare(
    facts: PersonFacts,
    intervals: Sequence[Interval],
    policies: tuple[Policy, Policy],
    month: Month,
    index: Index,
    totals: Totals,
) -> PersonChange | None:
    """What changes for a person from the first policy to the second; None where nothing does. Adds to the totals."""
    old, new = policies
    before, after = (due_in(facts, intervals, policy, month, index) for policy in policies)
    keys = [*new.order, *(key for key in old.order if key not in new.order)]
    pairs = [(key, _fen(before.get(key)), _fen(after.get(key))) for key in keys if key in before or key in after]
    changed = tuple(
        Change(key, was, becomes, after[key] if key in after else _denial(facts, intervals, new, key, month, index))
        for key, was, becomes in pairs
        if was != becomes
    )
    change = PersonChange(facts.person_id, changed) if changed else None
    totals.add(facts.person_id, pairs, change)
    return change


def _fen(entitlement: Entitlement | None) -> int:
    return entitlement.amount_fen if entitlement else 0


def _denial(
    facts: PersonFacts, intervals: Sequence[Interval], policy: Policy, programme: str, month: Month, index: Index
) -> Denial:
    """Why the new policy pays nothing; one that it does not have any more is not in force."""
    if programme not in policy.order:
        return Denial(NOT_IN_FORCE, (("policy_start", str(policy.policy_start)),))
    return why_not(facts, intervals, policy, cycle_month=month, programme=programme, month=month, index=index)
