"""Standards 标准 that a county's amounts follow, like the dibao standard or the minimum wage, and shares of them.

Amounts are worked out when the policy is read: a new version of a standard makes a new version of each programme that
uses it. A share is exact until it is rounded, once.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy_fields import Node, distinct, rising

HUNDREDTHS = 10_000
"""Hundredths of a percent in a whole."""
YUAN = 100
"""Fen in a yuan."""
_SHARE = re.compile(r"([1-9]\d{0,2})/([1-9]\d{0,3})")

ROUNDINGS: dict[str, tuple[int, bool]] = {
    "yuan": (100, False),
    "jiao": (10, False),
    "fen": (1, False),
    "yuan_up": (100, True),
}
"""Name of a rounding 取整 → unit in fen, and whether anything over is a whole unit; else half up 四舍五入."""
HALF_UP = "yuan"
"""The rounding where none is written."""


def rounded(numerator: int, denominator: int, rounding: str = HALF_UP) -> int:
    """A sum of fen that is a fraction, rounded to its unit."""
    unit, up = ROUNDINGS[rounding]
    whole = denominator * unit
    if up:
        return -(-numerator // whole) * unit
    return (2 * numerator + whole) // (2 * whole) * unit


def share_fen(standard_fen: int, hundredths: int) -> int:
    """A share of a standard in hundredths of a percent, rounded half up to a whole yuan."""
    return rounded(standard_fen * hundredths, HUNDREDTHS)


def percent_text(hundredths: int) -> str:
    """Hundredths of a percent as people read them: `50%`, `33.33%`."""
    whole, rest = divmod(hundredths, 100)
    return f"{whole}.{rest:02d}%" if rest else f"{whole}%"


@dataclass(frozen=True, slots=True)
class Standard:
    """A sum that programmes refer to 标准, by the month from which it holds."""

    key: str
    name: str
    from_months: tuple[Month, ...]
    fen: tuple[int, ...]


@dataclass(slots=True)
class Standards:
    """The county's standards as they hold in one month; remembers which were asked for."""

    known: Mapping[str, Standard]
    month: Month
    used: set[str] = field(default_factory=set)

    def fen(self, node: Node, name: str) -> int:
        """The sum of the standard that a field names. Refused where there is none by then."""
        key = node.choice(name, tuple(self.known))
        if not key:
            return 0
        self.used.add(key)
        standard = self.known[key]
        position = bisect_right(standard.from_months, self.month)
        if position:
            return standard.fen[position - 1]
        if self.month and standard.from_months:
            node.fault(name, f"{standard.name} 从 {standard.from_months[0]} 起才有，{self.month} 没有")
        return 0

    def changes(self, first: Month, before: Month | None) -> dict[Month, list[str]]:
        """The months after `first` in which a standard that was asked for changes, with its key."""
        found: dict[Month, list[str]] = {}
        for key in sorted(self.used):
            for month in self.known[key].from_months:
                if month > first and (before is None or month < before):
                    found.setdefault(month, []).append(key)
        return dict(sorted(found.items()))


def read_rounding(node: Node) -> str:
    """How a share is rounded; half up to a whole yuan where it is not written."""
    return (node.choice("rounding", tuple(ROUNDINGS)) or HALF_UP) if node.has("rounding") else HALF_UP


SHARE_FIELDS = ("percent", "share", "of")
"""What `read_share` reads."""


def read_share(node: Node, standards: Standards) -> Fraction:
    """A share of a standard, exact, in fen: `percent` or `share` ("1/3"), and `of`."""
    standard_fen = standards.fen(node, "of")
    if node.has("percent") == node.has("share"):
        node.fault("percent", "应写 percent 或 share，且只写其一")
        return Fraction(0)
    if node.has("percent"):
        return Fraction(standard_fen * node.percent("percent"), HUNDREDTHS)
    written = _SHARE.fullmatch(node.text("share", _SHARE, '分数，写作 "1/3"'))
    if written is None:
        return Fraction(0)
    return Fraction(standard_fen * int(written[1]), int(written[2]))


def read_standard(node: Node) -> Standard:
    """One standard with its versions."""
    node.only("key", "name", "versions")
    months, fen = [], []
    for row in node.rows("versions"):
        row.only("effective_from", "yuan")
        months.append(row.month("effective_from"))
        fen.append(row.fen("yuan"))
    rising(node, "versions", months)
    return Standard(node.text("key"), node.text("name"), tuple(months), tuple(fen))


def read_standards(node: Node) -> dict[str, Standard]:
    """All standards of a file by key; none where the file has none."""
    if not node.has("standards"):
        return {}
    found = [read_standard(row) for row in node.rows("standards", empty=True)]
    distinct(node, "standards", [one.key for one in found])
    return {one.key: one for one in found}
