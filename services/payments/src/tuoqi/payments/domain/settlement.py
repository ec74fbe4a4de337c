"""What a cycle writes: entitled minus what earlier lines have settled, month by month 应发与已发之差.

Nothing here knows why something is due; it only compares. Amounts are fen; a recovery is negative.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tuoqi.payments.domain.denial import Denial
from tuoqi.payments.domain.due import Entitlement, Facts
from tuoqi.payments.domain.months import Month

PRICE_SUBSIDY = "price_subsidy"
"""The programme whose positive lines are all of type PRICE 价格临时补贴."""


class LineType(StrEnum):
    """What a payment line is 发放类型."""

    REGULAR = "REGULAR"
    BACKPAY = "BACKPAY"
    DIFFERENCE = "DIFFERENCE"
    RECOVERY = "RECOVERY"
    PRICE = "PRICE"


@dataclass(frozen=True, slots=True)
class Paid:
    """A person's earlier lines of one programme and benefit month, in cycles not cancelled: their sum and how many."""

    sum_fen: int
    count: int


NOTHING_PAID = Paid(0, 0)


@dataclass(frozen=True, slots=True)
class Line:
    """One payment line 发放明细. Its key is (cycle, person, programme, benefit month): a cycle writes at most one."""

    programme: str
    person_id: str
    benefit_month: Month
    type: LineType
    amount_fen: int
    reason: str
    entitled_fen: int
    paid_fen: int
    facts: Facts
    rule_version: str
    facility: bool = False


@dataclass(frozen=True, slots=True)
class BeyondLimit:
    """What the limit cut off in this cycle 超出补发期限.

    The amounts listed for one person, programme and month sum to what the limit keeps back today, so one is negative
    where less is kept back than was listed before.
    """

    programme: str
    person_id: str
    benefit_month: Month
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """All that one cycle writes for one person, in the county's order of programmes, then by month."""

    lines: tuple[Line, ...]
    beyond_limit: tuple[BeyondLimit, ...]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What earlier cycles left: `paid` by programme and month, and what was `listed` as beyond the limit."""

    paid: Mapping[str, Mapping[Month, Paid]]
    listed: Mapping[str, Mapping[Month, int]]


NOTHING_EARLIER = Earlier({}, {})
NO_LIMITS: Mapping[str, Month] = {}

WhyNot = Callable[[str, Month], Denial]
"""(programme, month) → why nothing is due; asked only for months that are recovered whole."""


def settle(
    person_id: str,
    *,
    cycle_month: Month,
    due: Mapping[str, Mapping[Month, Entitlement]],
    earlier: Earlier,
    order: tuple[str, ...],
    reach_back_months: int,
    why_not: WhyNot,
    limits: Mapping[str, Month] = NO_LIMITS,
) -> Settlement:
    """One person's lines of a cycle. Run again over the same input it answers the same.

    `limits` are the first months paid of programmes that do not reach back as far as `reach_back_months`, or further.
    """
    differences = list(_differences(due, earlier.paid, order))
    general = cycle_month.plus(-reach_back_months)
    latest = max(general, *limits.values()) if limits else general
    room: defaultdict[Month, int] = defaultdict(int)
    for difference in differences:
        if difference.amount_fen < 0 and difference.month < latest:
            room[difference.month] -= difference.amount_fen
    lines: list[Line] = []
    kept_back: dict[tuple[str, Month], int] = {}
    for difference in differences:
        amount = difference.amount_fen
        if amount > 0 and difference.month < limits.get(difference.programme, general):
            amount = min(amount, room[difference.month])
            room[difference.month] -= amount
            kept_back[difference.programme, difference.month] = difference.amount_fen - amount
        if amount:
            lines.append(_line(person_id, cycle_month, difference, amount, why_not))
    return Settlement(tuple(lines), tuple(_beyond_limit(person_id, kept_back, earlier.listed, order)))


@dataclass(frozen=True, slots=True)
class _Difference:
    programme: str
    month: Month
    due: Entitlement | None
    paid: Paid

    @property
    def entitled_fen(self) -> int:
        return self.due.amount_fen if self.due else 0

    @property
    def amount_fen(self) -> int:
        return self.entitled_fen - self.paid.sum_fen


def _differences(
    due: Mapping[str, Mapping[Month, Entitlement]],
    paid: Mapping[str, Mapping[Month, Paid]],
    order: tuple[str, ...],
) -> Iterator[_Difference]:
    """The months in which entitled and paid differ: the only cost per month."""
    for programme in order:
        owed = due.get(programme, {})
        settled = paid.get(programme, {})
        if not owed and not settled:
            continue
        months = [
            month
            for month, entitlement in owed.items()
            if entitlement.amount_fen != settled.get(month, NOTHING_PAID).sum_fen
        ]
        months += [month for month, before in settled.items() if month not in owed and before.sum_fen]
        for month in sorted(months):
            yield _Difference(programme, month, owed.get(month), settled.get(month, NOTHING_PAID))


def line_type(programme: str, month: Month, cycle_month: Month, amount_fen: int, paid: Paid) -> LineType:
    """The type of a line for a difference; the first case that fits."""
    if amount_fen < 0:
        return LineType.RECOVERY
    if programme == PRICE_SUBSIDY:
        return LineType.PRICE
    if paid.count == 0 and month >= cycle_month:  # a later month where a period is paid in advance
        return LineType.REGULAR
    if paid.count == 0 or paid.sum_fen <= 0:
        return LineType.BACKPAY
    return LineType.DIFFERENCE


def _line(person_id: str, cycle_month: Month, difference: _Difference, amount_fen: int, why_not: WhyNot) -> Line:
    """The line of a difference; what is recovered whole says why nothing is due any more."""
    due = difference.due
    because = due or why_not(difference.programme, difference.month)
    return Line(
        programme=difference.programme,
        person_id=person_id,
        benefit_month=difference.month,
        type=line_type(difference.programme, difference.month, cycle_month, amount_fen, difference.paid),
        amount_fen=amount_fen,
        reason=because.reason,
        entitled_fen=difference.entitled_fen,
        paid_fen=difference.paid.sum_fen,
        facts=because.facts,
        rule_version=because.rule_version,
        facility=bool(due and due.facility),
    )


def _beyond_limit(
    person_id: str,
    kept_back: Mapping[tuple[str, Month], int],
    listed: Mapping[str, Mapping[Month, int]],
    order: tuple[str, ...],
) -> Iterator[BeyondLimit]:
    """What is kept back now and was not listed before, and what was listed and is kept back no longer."""
    if not kept_back and not listed:
        return
    known = {(key, month): fen for key in order for month, fen in listed.get(key, {}).items()}
    keys = sorted({*kept_back, *known}, key=lambda key: (order.index(key[0]), key[1]))
    for programme, month in keys:
        change = kept_back.get((programme, month), 0) - known.get((programme, month), 0)
        if change:
            yield BeyondLimit(programme, person_id, month, change)
