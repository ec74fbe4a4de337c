"""What the rules of programmes are told by a county: the parameters of each rule, read from one version of a programme."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from tuoqi.payments.domain.policy_fields import Node, rising
from tuoqi.payments.domain.policy_price import PriceIndexRule, read_price_index
from tuoqi.payments.domain.policy_standards import SHARE_FIELDS, Standards, read_rounding, read_share, rounded
from tuoqi.payments.domain.policy_terms import TERM_FIELDS
from tuoqi.payments.domain.policy_when import OLDEST, WHEN_FIELDS, When, read_when

BIRTHDAY_A, BIRTHDAY_B, APPLICATION_C = "month_after_birthday", "birthday_month", "month_after_application"
AGE_STARTS = (BIRTHDAY_A, BIRTHDAY_B, APPLICATION_C)
"""From which month an allowance by age is paid: A, B, or C which pays nothing back."""
BAND_CHANGES = (BIRTHDAY_A, BIRTHDAY_B)
"""From which month the next band pays."""


@dataclass(frozen=True, slots=True)
class BandCase:
    """In months in which these conditions hold, so much instead of what the band says."""

    when: When
    monthly_fen: int


@dataclass(frozen=True, slots=True)
class Band:
    """From this age on, in completed years, so much a month; the first case that fits a month comes before it."""

    from_age: int
    monthly_fen: int
    cases: tuple[BandCase, ...] = ()


@dataclass(frozen=True, slots=True)
class AgeBands:
    """Parameters of the rule `age_bands_on_acceptance`: bands by rising age, and from which month an age counts."""

    bands: tuple[Band, ...]
    start: str = BIRTHDAY_A
    band_change: str = BIRTHDAY_A
    when: When | None = None

    def lead(self, position: int) -> int:
        """By how many months the band at this place begins before the month after the birthday."""
        rule = self.start if position == 0 and self.start != APPLICATION_C else self.band_change
        return 1 if rule == BIRTHDAY_B else 0


@dataclass(frozen=True, slots=True)
class AmountRow:
    """What intervals of these subtypes and levels (empty: any) are paid; None means the amount of the interval itself."""

    subtypes: tuple[str, ...]
    levels: tuple[str, ...]
    monthly_fen: int | None
    facility: bool
    label: str
    """How the sentence of a line names this row, like `分散供养、半护理`."""
    when: When | None = None
    """Only in months in which these conditions hold; the rows after it pay the others."""

    def fits(self, subtype: str, level: str) -> bool:
        """Whether an interval is paid by this row."""
        return (not self.subtypes or subtype in self.subtypes) and (not self.levels or level in self.levels)

    def covers(self, other: AmountRow) -> bool:
        """Whether every interval and month that the other row fits is paid by this one."""
        return self.when is None and all(
            not mine or (theirs and set(theirs) <= set(mine))
            for mine, theirs in ((self.subtypes, other.subtypes), (self.levels, other.levels))
        )


@dataclass(frozen=True, slots=True)
class StatusAmount:
    """Parameters of the rule `status_amount`: from which month, under which conditions, and how much."""

    start: str
    from_age: int | None
    child: bool
    while_on: tuple[str, ...]
    rows: tuple[AmountRow, ...]
    start_back_months: int | None = None
    """The first month lies at most so many months before that of the decision."""
    ends_before: bool = False
    """The month in which an interval ends is not paid any more 当月即停."""
    when: When | None = None
    varied: bool = False
    """Some row has conditions of its own, so that an interval may be paid by several."""

    def row(self, subtype: str, level: str) -> AmountRow | None:
        """The first row that fits an interval; None where it is not paid."""
        return next((row for row in self.rows if row.fits(subtype, level)), None)


@dataclass(frozen=True, slots=True)
class GrantedAmount:
    """The rule `granted_amount` has no parameters: each grant 一次性救助 carries its amount."""


Parameters = AgeBands | StatusAmount | PriceIndexRule | GrantedAmount

STARTS = ("month_after_decision", "month_of_decision", "month_of_application", "month_after_application")
"""From which month an interval counts; `facts.STARTS` has the same names."""
STOPS = ("month_of_end", "month_before_end")
"""The last month of an interval: that of its end, or the one before it."""

_ALWAYS = ("version", "effective_from", *TERM_FIELDS)


def _age_bands(node: Node, _standards: Standards) -> AgeBands:
    """Bands by strictly rising age."""
    node.only(*_ALWAYS, "bands", "start", "band_change", "regions", "while_on", "while_on_any", "not_on")
    bands = []
    for row in node.rows("bands"):
        row.only("from_age", "monthly_yuan", "cases")
        cases = [_case(case) for case in row.rows("cases")] if row.has("cases") else []
        bands.append(Band(row.number("from_age", 0, OLDEST), row.fen("monthly_yuan"), tuple(cases)))
    rising(node, "bands", [band.from_age for band in bands])
    start = node.choice("start", AGE_STARTS) if node.has("start") else BIRTHDAY_A
    follows = BIRTHDAY_B if start == BIRTHDAY_B else BIRTHDAY_A
    change = node.choice("band_change", BAND_CHANGES) if node.has("band_change") else follows
    when = read_when(node, ("regions", "while_on", "while_on_any", "not_on"))
    return AgeBands(tuple(bands), start, change, when)


def _case(node: Node) -> BandCase:
    """One case of a band."""
    node.only(*WHEN_FIELDS, "monthly_yuan")
    when = read_when(node)
    if when is None:
        node.fault("monthly_yuan", f"没有写条件，应写以下之一：{'、'.join(WHEN_FIELDS)}")
    return BandCase(when or When(), node.fen("monthly_yuan"))


def _status_amount(node: Node, standards: Standards) -> StatusAmount:
    """Start, conditions and the table of amounts."""
    own = ("start", "start_back_months", "stop", "from_age", "child", "while_on", "amounts")
    more = ("regions", "while_on_any", "not_on", "below_age")
    node.only(*_ALWAYS, *own, *more)
    rows = tuple(_amount_row(row, standards) for row in node.rows("amounts"))
    _reachable(node, rows)
    return StatusAmount(
        start=node.choice("start", STARTS),
        from_age=node.number("from_age", 1, OLDEST) if node.has("from_age") else None,
        child=node.flag("child"),
        while_on=node.words("while_on"),
        rows=rows,
        start_back_months=node.number("start_back_months", 0, 600) if node.has("start_back_months") else None,
        ends_before=node.has("stop") and node.choice("stop", STOPS) == STOPS[1],
        when=read_when(node, more),
        varied=any(row.when for row in rows),
    )


def _reachable(node: Node, rows: Sequence[AmountRow]) -> None:
    """Refuses a row that never pays, since an earlier one fits all that it fits."""
    for position, row in enumerate(rows):
        earlier = next((n for n, before in enumerate(rows[:position]) if before.covers(row)), None)
        if earlier is not None and node.clean("amounts"):
            node.refuse(f"{node.path('amounts')}[{position}]", f"第 {earlier + 1} 行已包括这一行，这一行永远用不到")


def _amount_row(node: Node, standards: Standards) -> AmountRow:
    """A sum, shares of standards, both together, or what the interval itself carries."""
    sums = ("yuan", "percent", "share", "of", "parts", "rounding", "at_least_yuan", "at_most_yuan")
    node.only("subtype", "level", "of_interval", "facility", "label", *sums, *WHEN_FIELDS)
    fen = _monthly_fen(node, standards)
    if (fen is None) != node.flag("of_interval"):
        node.fault("yuan", "应写 yuan、percent（或 share）与 of、parts，或 of_interval: true，且只写其一")
    for name in ("at_least_yuan", "at_most_yuan"):
        if fen is None and node.has(name):
            node.fault(name, "金额以认定为准时不写上下限")
    return AmountRow(
        subtypes=node.words("subtype"),
        levels=node.words("level"),
        monthly_fen=fen,
        facility=node.flag("facility"),
        label=node.text("label") if node.has("label") else "",
        when=read_when(node),
    )


def _monthly_fen(node: Node, standards: Standards) -> int | None:
    """The sum of a row: what is written in yuan, and the shares of standards, rounded together; within its limits."""
    shares = [read_share(node, standards)] if any(node.has(name) for name in SHARE_FIELDS) else []
    for part in node.rows("parts") if node.has("parts") else ():
        part.only(*SHARE_FIELDS, "minus")
        shares.append(read_share(part, standards) * (-1 if part.flag("minus") else 1))
    rounding = read_rounding(node)
    if not shares and not node.has("yuan"):
        return None
    exact = sum(shares, Fraction(0))
    fen = max(rounded(exact.numerator, exact.denominator, rounding), 0) + (node.fen("yuan") if node.has("yuan") else 0)
    least = node.fen("at_least_yuan") if node.has("at_least_yuan") else fen
    most = node.fen("at_most_yuan") if node.has("at_most_yuan") else max(fen, least)
    return min(max(fen, least), most)


def _granted_amount(node: Node, _standards: Standards) -> GrantedAmount:
    """Nothing but version and date may be written."""
    node.only("version", "effective_from")
    return GrantedAmount()


PARAMETERS: dict[str, Callable[[Node, Standards], Parameters]] = {
    "age_bands_on_acceptance": _age_bands,
    "status_amount": _status_amount,
    "price_index": read_price_index,
    "granted_amount": _granted_amount,
}
"""Rule of a programme → reader of its parameters; `rules.RULES` has the same keys."""

WITH_CATEGORY = ("age_bands_on_acceptance", "status_amount")
"""The rules that look at the intervals of one category."""
