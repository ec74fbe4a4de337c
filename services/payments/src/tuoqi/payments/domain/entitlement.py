"""What a person is entitled to, month by month: a pure function of the facts known at a cut-off.

The engine walks spans of months in which nothing changes and opens them into months only at the end: each programme by
its rule (`rules`), then what programmes do to each other (`stacking`), then what the price index adds (`price`). Nothing
here knows what was paid.
"""

from collections.abc import Mapping, Sequence

from tuoqi.payments.domain.due import Entitlement, Span
from tuoqi.payments.domain.facts import Interval, PersonFacts, present
from tuoqi.payments.domain.months import Month, months_between
from tuoqi.payments.domain.policy import Policy
from tuoqi.payments.domain.price import Index, price_due
from tuoqi.payments.domain.rules import RULES, Claim, in_categories
from tuoqi.payments.domain.spans import Range, intersect
from tuoqi.payments.domain.stacking import stacked
from tuoqi.payments.domain.terms import certified, horizon, payable

NO_INDEX: Index = {}


def entitled(
    facts: PersonFacts,
    intervals: Sequence[Interval],
    policy: Policy,
    *,
    cycle_month: Month,
    first: Month,
    last: Month,
    index: Index = NO_INDEX,
) -> dict[str, dict[Month, Entitlement]]:
    """What a person is entitled to in each month from first to last, by programme, in a cycle of `cycle_month`.

    Months in which nothing is due are not in the answer, programmes without any month are not either; a month at 0 says
    that a stacking step stopped the programme, or topped it up to nothing. `index` has the price index in force.
    """
    upto = _last(policy, cycle_month) if last >= cycle_month else last
    within = (max(int(first), int(policy.policy_start)), int(upto))
    due = entitled_spans(facts, intervals, policy, cycle_month=cycle_month, within=within)
    return in_cycle(due, facts, policy, index, cycle_month, within=within)


def in_cycle(
    due: Mapping[str, list[Span]],
    facts: PersonFacts,
    policy: Policy,
    index: Index,
    cycle_month: Month,
    *,
    within: Range | None = None,
) -> dict[str, dict[Month, Entitlement]]:
    """Spans of `entitled_spans` opened into the months that a cycle may pay.

    Those of programmes paid by periods are in it when the turn of their period has come.
    """
    months = opened(due, policy, index, within or (int(policy.policy_start), int(_last(policy, cycle_month))))
    return payable(months, facts, policy, cycle_month) if policy.paid_by_period else months


def _last(policy: Policy, cycle_month: Month) -> Month:
    return horizon(policy, cycle_month) if policy.paid_by_period else cycle_month


def opened(
    due: Mapping[str, list[Span]], policy: Policy, index: Index, within: Range
) -> dict[str, dict[Month, Entitlement]]:
    """Spans of `entitled_spans` opened into the months of a range, with what the price index adds."""
    months = {programme: by_month for programme, found in due.items() if (by_month := _by_month(found, within))}
    return months | price_due(due, policy, index, within) if index and months else months


def entitled_spans(
    facts: PersonFacts, intervals: Sequence[Interval], policy: Policy, *, cycle_month: Month, within: Range
) -> dict[str, list[Span]]:
    """The same as spans, after stacking and without the price index; `within` may reach beyond the cycle's month."""
    due = spans(facts, intervals, policy, cycle_month=cycle_month, within=within)
    return stacked(due, policy.stacking, least=policy.stacks_from)


def spans(
    facts: PersonFacts, intervals: Sequence[Interval], policy: Policy, *, cycle_month: Month, within: Range
) -> dict[str, list[Span]]:
    """Each programme by itself, before stacking, in the months that death and move leave open.

    A grant is decided by itself, often because of a death: neither death nor a move ends it.
    """
    by_category = in_categories(intervals)
    whole = [within]
    open_months = intersect(present(facts), whole)
    due: dict[str, list[Span]] = {}
    for programme in policy.programmes:
        if programme.category in by_category or (not programme.category and facts.grants):
            found = RULES[programme.rule](Claim(programme, facts, by_category, policy, cycle_month))
            if programme.certified:
                found = certified(programme, found, facts, by_category.get(programme.category, ()))
            due[programme.key] = _clipped(found, open_months if programme.category else whole)
    return due


def _clipped(found: Sequence[Span], months: Sequence[Range]) -> list[Span]:
    """The parts of spans that lie in the given months."""
    if not found:
        return []
    return [
        (max(first, begin), min(last, end), entitlement)
        for first, last, entitlement in found
        for begin, end in months
        if max(first, begin) <= min(last, end)
    ]


def _by_month(found: Sequence[Span], within: Range) -> dict[Month, Entitlement]:
    months: dict[Month, Entitlement] = {}
    for first, last, entitlement in sorted(found, key=_first):
        months.update(dict.fromkeys(months_between(max(first, within[0]), min(last, within[1])), entitlement))
    return months


def _first(span: Span) -> int:
    return span[0]
