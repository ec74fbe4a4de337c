"""Who need not be looked at again: for whom entitled and paid are equal in every month up to the last full cycle's.

After a full cycle (one of all programmes) that holds for everybody whose facts and rules stay as they were, because what
a person is entitled to is a pure function of them: only months after it, and months whose price index is new, have lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tuoqi.payments.domain.cycle import Cycle, State
from tuoqi.payments.domain.due import Entitlement
from tuoqi.payments.domain.facts import Interval, decided_day
from tuoqi.payments.domain.months import Month, months_between
from tuoqi.payments.domain.policy import Policy
from tuoqi.payments.domain.price import RULE, Index, by_index
from tuoqi.payments.domain.spans import FOREVER

BY_ACCEPTANCE = "age_bands_on_acceptance"
"""The rule whose intervals count only in cycles after the month of their decision."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a cycle stands among the others; `base` is the last full one before it, None where nobody is steady."""

    base: Cycle | None = None
    trusted: tuple[int, ...] = ()
    """Places (`seq`) of the cycles whose markers say what `base` left."""
    apart: tuple[str, ...] = ()
    """Ids of cycles of some programmes since then: whoever has lines there is looked at anew."""


NOBODY = Standing()


def standing(cycle: Cycle, cycles: Iterable[Cycle]) -> Standing:
    """Where a full cycle stands; NOBODY for one of some programmes, for the first one, and after too long a gap."""
    before = [one for one in cycles if one.is_live and one.state is not State.DRAFT and one.seq < cycle.seq]
    full = [one for one in before if not one.scope]
    base = max(full, key=lambda one: one.seq, default=None)
    if cycle.scope or base is None:
        return NOBODY
    reach = cycle.rules.reach_back_months
    if base.rules.reach_back_months != reach or cycle.month - base.month > reach:
        return NOBODY
    return Standing(
        base=base,
        trusted=tuple(sorted(one.seq for one in full)),
        apart=tuple(one.cycle_id for one in before if one.seq > base.seq),
    )


Priced = dict[tuple[str, Month], Entitlement]
"""What whoever stands in a group gets, by programme and month."""


def newly_priced(cycle: Cycle, base: Cycle, policy: Policy, index: Index, before: Index) -> Priced | None:
    """The months whose price index triggers and counts in this cycle first; None where nobody is steady for it.

    `index` is in force in this cycle, `before` was in `base`. A row that changed, or one that comes too late to be paid
    whole, is settled person by person.
    """
    limit = cycle.month.plus(-cycle.rules.reach_back_months)
    found: Priced = {}
    for month, row in sorted(index.items()):
        counted = month <= base.month and month in before
        if counted and before[month] != row:
            return None
        if counted or not policy.policy_start <= month <= cycle.month:
            continue
        for programme in policy.programmes:
            given = by_index(programme, row) if programme.rule == RULE else None
            if given is not None and month < limit:
                return None
            if given is not None:
                found[programme.key, month] = given
    return found


def new_months(cycle: Cycle, base: Cycle) -> tuple[Month, ...]:
    """The months that no full cycle has settled yet: skipped ones and the cycle's own; none for a second cycle."""
    return months_between(base.month + 1, cycle.month)


def stable_until(intervals: Sequence[Interval], policy: Policy, cycle_month: Month) -> int:
    """The last month whose cycles find the same spans in the same facts as a cycle of `cycle_month` does.

    An acceptance counts in cycles after its own month only, so one that does not count yet sets an end.
    """
    waiting = {programme.category for programme in policy.programmes if programme.rule == BY_ACCEPTANCE}
    months = [Month.of(decided_day(one)) for one in intervals if one.category in waiting and one.is_decided]
    return int(min((month for month in months if month >= cycle_month), default=FOREVER))
