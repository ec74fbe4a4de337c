"""The price subsidy 价格临时补贴: which months trigger it, how much, and who stands in one of its groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from tuoqi.payments.domain.due import Entitlement, Facts, Span
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import Policy, Programme
from tuoqi.payments.domain.policy_price import FIXED, FRACTION, SCPI, TRIGGER, PriceIndexRule
from tuoqi.payments.domain.policy_standards import rounded
from tuoqi.payments.domain.spans import Range, covers, union

PRICE_INDEX = "price_index"
RULE = "price_index"
_THOUSAND = 1_000


@dataclass(frozen=True, slots=True)
class IndexMonth:
    """The index of one month as published on a day; changes against the year before in tenths of a percent."""

    month: Month
    published_on: date
    cpi_tenths: int
    food_tenths: int
    scpi_tenths: int


Index = Mapping[Month, IndexMonth]
"""The row in force for each month."""


def in_force(rows: Iterable[IndexMonth], day: date) -> dict[Month, IndexMonth]:
    """Of rows in the order of loading, for each month the one published last by a day; equal dates: loaded last."""
    found: dict[Month, IndexMonth] = {}
    for row in rows:
        known = found.get(row.month)
        if row.published_on <= day and (known is None or row.published_on >= known.published_on):
            found[row.month] = row
    return found


def triggers(row: IndexMonth, rule: PriceIndexRule) -> bool:
    """Whether a month's index starts the mechanism 启动条件."""
    by_scpi = rule.scpi_tenths is not None and row.scpi_tenths >= rule.scpi_tenths
    return row.cpi_tenths >= rule.cpi_tenths or row.food_tenths >= rule.food_tenths or by_scpi


def supplement(row: IndexMonth, rule: PriceIndexRule) -> int:
    """Fen for one person and month; 0 where the month does not trigger."""
    return max(FORMULAS[rule.formula](row, rule), rule.floor_fen) if triggers(row, rule) else 0


def _by_scpi(row: IndexMonth, rule: PriceIndexRule) -> int:
    return rounded(rule.standard_fen * row.scpi_tenths, _THOUSAND, rule.rounding)


def _by_trigger(row: IndexMonth, rule: PriceIndexRule) -> int:
    """The change that triggered; the higher one where both did."""
    reached = [(row.cpi_tenths, rule.cpi_tenths), (row.food_tenths, rule.food_tenths)]
    if rule.scpi_tenths is not None:
        reached.append((row.scpi_tenths, rule.scpi_tenths))
    highest = max(tenths for tenths, limit in reached if tenths >= limit)
    return rounded(rule.standard_fen * highest, _THOUSAND, rule.rounding)


def _by_fraction(row: IndexMonth, rule: PriceIndexRule) -> int:
    """The fraction of the highest step that the CPI has reached; the first step where only food prices triggered."""
    reached = [one for one in rule.fractions if row.cpi_tenths >= one.from_cpi_tenths] or [rule.fractions[0]]
    return rounded(rule.standard_fen, reached[-1].divide_by, rule.rounding)


def _fixed(_row: IndexMonth, rule: PriceIndexRule) -> int:
    return rule.standard_fen


FORMULAS: dict[str, Callable[[IndexMonth, PriceIndexRule], int]] = {
    SCPI: _by_scpi,
    TRIGGER: _by_trigger,
    FRACTION: _by_fraction,
    FIXED: _fixed,
}
"""Formula → fen before the floor; `policy_rules.FORMULAS` has the same names."""


def price_rule(programme: Programme, month: Month) -> tuple[PriceIndexRule, str] | None:
    """The parameters in a month and the version's name; None before the first version."""
    version = programme.version_in(month)
    if version is None:
        return None
    if not isinstance(version.parameters, PriceIndexRule):
        raise TypeError(f"{programme.key} is not paid by the price index")
    return version.parameters, version.name


def price_months(due: Mapping[str, list[Span]], programme: Programme) -> list[Range]:
    """The months in which a person stands in a group: entitled after stacking, a top-up that comes to 0 included.

    One that is stopped by another programme is in no group by it. However many groups, a month is listed once.
    """
    found: list[Range] = []
    for version, following in zip(programme.versions, (*programme.versions[1:], None), strict=True):
        rule = price_rule(programme, version.effective_from)
        before = None if following is None else int(following.effective_from) - 1
        for group in rule[0].groups if rule else ():
            for first, last, entitlement in due.get(group, ()):
                begin, end = max(first, int(version.effective_from)), last if before is None else min(last, before)
                if begin <= end and not entitlement.stopped:
                    found.append((begin, end))
    return union(found)


def price_due(
    due: Mapping[str, list[Span]], policy: Policy, index: Index, within: Range
) -> dict[str, dict[Month, Entitlement]]:
    """What the index adds, by programme and month, for the months of a range."""
    added: dict[str, dict[Month, Entitlement]] = {}
    for programme in policy.programmes:
        if programme.rule != RULE or not index:
            continue
        months = price_months(due, programme)
        found = {
            month: entitlement
            for month, row in sorted(index.items())
            if within[0] <= month <= within[1] and covers(months, month)
            if (entitlement := by_index(programme, row, due)) is not None
        }
        if found:
            added[programme.key] = found
    return added


def by_index(programme: Programme, row: IndexMonth, due: Mapping[str, list[Span]] | None = None) -> Entitlement | None:
    """What whoever stands in a group gets for the row's month; None where it does not trigger.

    `due` has what one person is entitled to: asked for where groups have standards of their own.
    """
    rule = price_rule(programme, row.month)
    if rule is None:
        return None
    asked, version = rule
    if asked.group_standards and due is not None:
        asked = replace(asked, standard_fen=group_standard(asked, due, row.month))
    fen = supplement(row, asked)
    return Entitlement(fen, PRICE_INDEX, index_facts(row, asked), version) if fen else None


def group_standard(rule: PriceIndexRule, due: Mapping[str, list[Span]], month: Month) -> int:
    """The standard of a person's group in a month; of several groups the highest, since only one is paid."""
    found = [
        next((one.fen for one in rule.group_standards if one.fits(group, dict(entitlement.facts))), rule.standard_fen)
        for group in rule.groups
        for first, last, entitlement in due.get(group, ())
        if first <= month <= last and not entitlement.stopped
    ]
    return max(found, default=rule.standard_fen)


def index_facts(row: IndexMonth, rule: PriceIndexRule) -> Facts:
    """The row as it is frozen with a line, in tenths of a percent."""
    return (
        ("cpi_tenths", str(row.cpi_tenths)),
        ("food_tenths", str(row.food_tenths)),
        ("scpi_tenths", str(row.scpi_tenths)),
        ("published_on", row.published_on.isoformat()),
        ("standard_fen", str(rule.standard_fen)),
    )
