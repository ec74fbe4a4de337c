"""Where the money comes from: sources 资金来源, their shares 分担比例 of each programme, and how sums are split. Pure.

A county's file says who bears how much; a sum of fen is split by the largest remainder, so that the parts always sum to
it. What was paid and returned of a commitment is split within it: no source pays or gets back more than it committed.
"""

import re
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy_fields import Node, PolicyError

FUNDING_FILE = "funding.yaml"
EVERY_OTHER = "default"
"""The programme key of the shares that hold for programmes that the file does not name."""
UNASSIGNED = "unassigned"
"""The source of programmes for which the county names none; it has no money."""
WHOLE = 10_000
"""100 percent in the hundredths in which shares are kept."""
LEVELS = ("central", "province", "city", "county", "lottery")
_KEY = re.compile(r"[a-z][a-z0-9_]*")
_PERCENT = re.compile(r"\d{1,3}(\.\d{1,2})?")


@dataclass(frozen=True, slots=True)
class Source:
    """One source; `lottery` is a project of the welfare lottery fund 福彩公益金项目, which is spent by documents too."""

    key: str
    name: str
    level: str


@dataclass(frozen=True, slots=True)
class Shares:
    """Who bears a programme for cycles of months from `effective_from` on: source → hundredths of a percent."""

    effective_from: Month
    parts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FundingRules:
    """The county's sources and shares; `refuse_when_short` refuses instructions that a source cannot bear."""

    refuse_when_short: bool = False
    sources: tuple[Source, ...] = ()
    shares: Mapping[str, tuple[Shares, ...]] = field(default_factory=dict)

    def source(self, key: str) -> Source:
        """The source with a key. KeyError where the county has none."""
        for source in self.sources:
            if source.key == key:
                return source
        raise KeyError(key)

    def name(self, key: str) -> str:
        """A source's name for people."""
        known = {source.key: source.name for source in self.sources}
        return known.get(key, "未落实资金来源" if key == UNASSIGNED else key)

    def parts(self, programme: str, month: Month) -> Mapping[str, int]:
        """The shares of a programme in a cycle of this month; all unassigned where the county says nothing."""
        versions = self.shares.get(programme) or self.shares.get(EVERY_OTHER) or ()
        position = bisect_right([version.effective_from for version in versions], month)
        return versions[position - 1].parts if position else {UNASSIGNED: WHOLE}


def parse_funding(files: Mapping[str, object], county: str, programmes: Collection[str]) -> FundingRules:
    """Reads `funding.yaml`; PolicyError names file, place and reason. A county without the file has no sources."""
    if FUNDING_FILE not in files:
        return FundingRules()
    node = Node.of_file(files, FUNDING_FILE)
    node.only("county", "refuse_when_short", "sources", "shares")
    if node.text("county") != county:
        raise PolicyError(node.path("county"), f"应与其他文件的县代码 {county} 相同")
    sources = tuple(_source(row) for row in node.rows("sources"))
    keys = [source.key for source in sources]
    _distinct(node, "sources", keys)
    shares: dict[str, tuple[Shares, ...]] = {}
    for row in node.rows("shares"):
        row.only("programme", "versions")
        programme = row.text("programme")
        if programme != EVERY_OTHER and programme not in programmes:
            raise PolicyError(row.path("programme"), f"没有补贴项目 {programme}")
        if programme in shares:
            raise PolicyError(row.path("programme"), f"{programme} 重复")
        versions = tuple(_shares(version, keys) for version in row.rows("versions"))
        for position, (before, after) in enumerate(pairwise(versions), start=1):
            if after.effective_from <= before.effective_from:
                raise PolicyError(f"{row.path('versions')}[{position}]", "应按 effective_from 递增")
        shares[programme] = versions
    return FundingRules(node.flag("refuse_when_short"), sources, shares)


def _source(node: Node) -> Source:
    node.only("key", "name", "level")
    key = node.text("key", _KEY, "小写英文字母、数字和下划线")
    if key == UNASSIGNED:
        raise PolicyError(node.path("key"), f"{UNASSIGNED} 留作未落实来源，不能使用")
    return Source(key, node.text("name"), node.choice("level", LEVELS))


def _shares(node: Node, sources: Collection[str]) -> Shares:
    node.only("effective_from", "percent")
    month = node.month("effective_from")
    given = node.content.get("percent")
    if not isinstance(given, Mapping) or not given:
        raise PolicyError(node.path("percent"), "应为“来源: 百分比”")
    parts: dict[str, int] = {}
    for source, value in given.items():
        place = f"{node.path('percent')}.{source}"
        if source not in sources:
            raise PolicyError(place, f"没有资金来源 {source}，可用：{'、'.join(sources)}")
        written = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
        if not _PERCENT.fullmatch(written) or not Decimal(written):
            raise PolicyError(place, f"应为大于 0 的百分比（最多两位小数，小数加引号），现为 {value!r}")
        parts[str(source)] = int(Decimal(written) * 100)
    if sum(parts.values()) != WHOLE:
        raise PolicyError(node.path("percent"), f"合计应为 100，现为 {Decimal(sum(parts.values())) / 100}")
    return Shares(month, parts)


def _distinct(node: Node, field: str, keys: Sequence[str]) -> None:
    for position, key in enumerate(keys):
        if key in keys[:position]:
            raise PolicyError(f"{node.path(field)}[{position}].key", f"{key} 重复")


def split(amount_fen: int, weights: Mapping[str, int]) -> dict[str, int]:
    """A sum by weights: whole fen, the largest remainders rounded up, ties by key; the parts sum to it exactly.

    Where every weight is 0 the sum must be 0 too. No part of a sum that is not above the weights exceeds its weight.
    """
    total = sum(weights.values())
    if not total:
        if amount_fen:
            raise ValueError("a sum cannot be split by weights of 0")
        return dict.fromkeys(weights, 0)
    sign = -1 if amount_fen < 0 else 1
    quotas = {key: divmod(abs(amount_fen) * weight, total) for key, weight in weights.items()}
    parts = {key: whole for key, (whole, _) in quotas.items()}
    missing = abs(amount_fen) - sum(parts.values())
    for key in sorted(quotas, key=lambda key: (-quotas[key][1], key))[:missing]:
        parts[key] += 1
    return {key: sign * part for key, part in parts.items()}


@dataclass(frozen=True, slots=True)
class Sums:
    """What went through the bank of one cycle and programme so far, in fen: committed, paid, returned, repaid."""

    committed_fen: int = 0
    paid_fen: int = 0
    returned_fen: int = 0
    repaid_fen: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        """Both together."""
        return Sums(
            self.committed_fen + other.committed_fen,
            self.paid_fen + other.paid_fen,
            self.returned_fen + other.returned_fen,
            self.repaid_fen + other.repaid_fen,
        )

    @property
    def open_fen(self) -> int:
        """Committed, and neither paid nor returned yet."""
        return self.committed_fen - self.paid_fen - self.returned_fen


def allocate(sums: Sums, parts: Mapping[str, int]) -> dict[str, Sums]:
    """The sums by source. Paid and returned are split within what each source committed, repaid by what it paid."""
    committed = split(sums.committed_fen, parts)
    paid = _within(sums.paid_fen, committed, parts)
    left = {source: committed[source] - paid[source] for source in parts}
    returned = _within(sums.returned_fen, left, parts)
    repaid = _within(sums.repaid_fen, paid, parts)
    return {source: Sums(committed[source], paid[source], returned[source], repaid[source]) for source in parts}


def _within(amount_fen: int, weights: Mapping[str, int], parts: Mapping[str, int]) -> dict[str, int]:
    usable = sum(weights.values()) > 0 and all(weight >= 0 for weight in weights.values())
    return split(amount_fen, weights if usable else parts)


class FundAccount(StrEnum):
    """The accounts of one source."""

    ALLOTMENT = "ALLOTMENT"  # 拨入
    AVAILABLE = "AVAILABLE"  # 可用
    COMMITTED = "COMMITTED"  # 已代发在途
    PAID = "PAID"  # 已支出


class FundMovement(StrEnum):
    """What happened to a source's money."""

    ALLOTTED = "ALLOTTED"
    COMMITTED = "COMMITTED"
    PAID = "PAID"
    RETURNED = "RETURNED"
    REPAID = "REPAID"
    SPENT = "SPENT"


FUND_ACCOUNTS: dict[FundMovement, tuple[FundAccount, FundAccount]] = {
    FundMovement.ALLOTTED: (FundAccount.AVAILABLE, FundAccount.ALLOTMENT),
    FundMovement.COMMITTED: (FundAccount.COMMITTED, FundAccount.AVAILABLE),
    FundMovement.PAID: (FundAccount.PAID, FundAccount.COMMITTED),
    FundMovement.RETURNED: (FundAccount.AVAILABLE, FundAccount.COMMITTED),
    FundMovement.REPAID: (FundAccount.AVAILABLE, FundAccount.PAID),
    FundMovement.SPENT: (FundAccount.PAID, FundAccount.AVAILABLE),
}
"""Movement → the account debited, the account credited; a negative amount is its opposite."""


def movements(before: Sums, after: Sums) -> list[tuple[FundMovement, int]]:
    """What has to be booked on one source so that its sums become those afterwards."""
    changes = (
        (FundMovement.COMMITTED, after.committed_fen - before.committed_fen),
        (FundMovement.PAID, after.paid_fen - before.paid_fen),
        (FundMovement.RETURNED, after.returned_fen - before.returned_fen),
        (FundMovement.REPAID, after.repaid_fen - before.repaid_fen),
    )
    return [(movement, fen) for movement, fen in changes if fen]
