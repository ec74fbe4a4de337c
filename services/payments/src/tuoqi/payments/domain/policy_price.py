"""The price supplement 价格临时补贴 as a county writes it: what triggers it, the formula, its standards and its groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tuoqi.payments.domain.policy_fields import Node, rising
from tuoqi.payments.domain.policy_standards import HALF_UP, Standards, read_rounding

SCPI = "standard_times_scpi"
TRIGGER = "standard_times_trigger"
FRACTION = "fraction_of_standard"
FIXED = "fixed_amount"
FORMULAS = (SCPI, TRIGGER, FRACTION, FIXED)
"""The formulas of the price subsidy; `price.FORMULAS` has the same names."""
_FIELDS = (
    *("version", "effective_from", "cpi_percent", "food_percent", "scpi_percent", "formula", "of", "floor_yuan"),
    *("amount_yuan", "groups", "fractions", "rounding", "group_standards"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """From this CPI on, in tenths of a percent, the standard divided by so much."""

    from_cpi_tenths: int
    divide_by: int


@dataclass(frozen=True, slots=True)
class GroupStandard:
    """A group with a standard of its own, like orphans by the urban one; a label narrows it to rows of that label."""

    programme: str
    label: str
    fen: int

    def fits(self, programme: str, facts: Mapping[str, str]) -> bool:
        """Whether it is the standard of whoever is entitled to a programme by these facts."""
        return self.programme == programme and self.label in {"", facts.get("label", "")}


@dataclass(frozen=True, slots=True)
class PriceIndexRule:
    """Parameters of the rule `price_index`: what triggers 启动, who is in it, and how much."""

    cpi_tenths: int
    food_tenths: int
    formula: str
    standard_fen: int
    floor_fen: int
    groups: tuple[str, ...]
    fractions: tuple[Step, ...] = ()
    scpi_tenths: int | None = None
    """Set where the index of low-income households triggers as well."""
    rounding: str = HALF_UP
    group_standards: tuple[GroupStandard, ...] = ()


def read_price_index(node: Node, standards: Standards) -> PriceIndexRule:
    """Triggers, groups and formula."""
    node.only(*_FIELDS)
    formula = node.choice("formula", FORMULAS)
    steps = []
    for row in node.rows("fractions") if formula == FRACTION else ():
        row.only("from_cpi_percent", "divide_by")
        steps.append(Step(_tenths(row, "from_cpi_percent"), row.number("divide_by", 1, 1000)))
    rising(node, "fractions", [one.from_cpi_tenths for one in steps])
    groups = node.words("groups")
    if not groups and node.clean("groups"):
        node.fault("groups", "应为非空列表")
    for name, needs in (("fractions", FRACTION), ("amount_yuan", FIXED)):
        if formula and formula != needs and node.has(name):
            node.fault(name, f"只用于公式 {needs}，现为 {formula}")
    return PriceIndexRule(
        cpi_tenths=_tenths(node, "cpi_percent"),
        food_tenths=_tenths(node, "food_percent"),
        formula=formula,
        standard_fen=node.fen("amount_yuan") if formula == FIXED else standards.fen(node, "of"),
        floor_fen=node.fen("floor_yuan"),
        groups=groups,
        fractions=tuple(steps),
        scpi_tenths=_tenths(node, "scpi_percent") if node.has("scpi_percent") else None,
        rounding=read_rounding(node),
        group_standards=_group_standards(node, standards, groups),
    )


def _group_standards(node: Node, standards: Standards, groups: tuple[str, ...]) -> tuple[GroupStandard, ...]:
    """Standards of single groups; the first that fits holds, so one without a label stands after those with one."""
    found: list[GroupStandard] = []
    for row in node.rows("group_standards") if node.has("group_standards") else ():
        row.only("programme", "label", "of")
        programme = row.choice("programme", groups)
        label = row.text("label") if row.has("label") else ""
        if any(one.programme == programme and one.label in {"", label} for one in found):
            row.fault("programme", f"{programme} 的前一行已包括这一行，这一行永远用不到")
        found.append(GroupStandard(programme, label, standards.fen(row, "of")))
    return tuple(found)


def _tenths(node: Node, name: str) -> int:
    """A change in percent with one decimal, as tenths of a percent 千分数."""
    hundredths = node.percent(name)
    if hundredths % 10:
        node.fault(name, "应为百分数，最多一位小数")
    return hundredths // 10
