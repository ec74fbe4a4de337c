"""Care vouchers 养老服务消费券: who gets one, what it covers of a bill, and its double-entry ledger in fen.

A voucher is no cash: nothing is ever paid to the person. It is valid in its month and expires at the end of it.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from tuoqi.payments.domain.errors import PaymentsError
from tuoqi.payments.domain.facts import Interval, PersonFacts, after_decision, counting, present
from tuoqi.payments.domain.months import Month, age_on
from tuoqi.payments.domain.policy_fields import Node, PolicyError, rising
from tuoqi.payments.domain.spans import covers

VOUCHERS_FILE = "vouchers.yaml"
WHOLE = 10_000
"""100 % in hundredths of a percent."""
_COUNTY = re.compile(r"\d{6}")
_KEY = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class VoucherVersion:
    """The rules of vouchers for months from `effective_from` on."""

    name: str
    effective_from: Month
    from_age: int
    """Completed years at the end of the month before."""
    category: str
    levels: tuple[str, ...]
    not_on: tuple[str, ...]
    """Whoever has one of these categories in the month gets none."""
    cap_fen: int
    share: int
    """What a voucher covers of a bill, in hundredths of a percent."""


@dataclass(frozen=True, slots=True)
class VoucherRules:
    """A county's vouchers; without a version it has none."""

    facility_kinds: tuple[str, ...] = ()
    versions: tuple[VoucherVersion, ...] = ()

    def version_in(self, month: Month) -> VoucherVersion:
        """The version of a month; refused before the first."""
        position = bisect_right([version.effective_from for version in self.versions], month)
        if not position:
            raise PaymentsError("payments.voucher_not_offered", month=month)
        return self.versions[position - 1]


def parse_vouchers(files: Mapping[str, object], county: str) -> VoucherRules:
    """Reads `vouchers.yaml`; a county without one has no vouchers. Raises PolicyError with file, place and reason."""
    if VOUCHERS_FILE not in files:
        return VoucherRules()
    node = Node.of_file(files, VOUCHERS_FILE)
    node.only("county", "facility_kinds", "versions")
    if node.text("county", _COUNTY, "六位县级区划代码，加引号") != county:
        raise PolicyError(node.path("county"), f"应与其他文件中的县代码 {county} 相同")
    versions = tuple(_version(row) for row in node.rows("versions"))
    rising(node, "versions", [version.effective_from for version in versions])
    kinds = node.words("facility_kinds")
    if not kinds:
        raise PolicyError(node.path("facility_kinds"), "应列出可以收券的设施类型")
    return VoucherRules(kinds, versions)


def _version(node: Node) -> VoucherVersion:
    node.only(
        "version", "effective_from", "from_age", "category", "levels", "not_on", "cap_yuan", "covers_percent"
    )  # fmt: skip
    levels, share, cap_fen = node.words("levels"), node.percent("covers_percent"), node.fen("cap_yuan")
    if not levels:
        raise PolicyError(node.path("levels"), "应列出可以领券的等级，数字加引号")
    if not 0 < share <= WHOLE:
        raise PolicyError(node.path("covers_percent"), "应大于 0 且不超过 100")
    if not cap_fen:
        raise PolicyError(node.path("cap_yuan"), "应大于 0")
    return VoucherVersion(
        name=node.text("version"),
        effective_from=node.month("effective_from"),
        from_age=node.number("from_age", 0, 130),
        category=node.text("category", _KEY, "小写英文字母、数字和下划线"),
        levels=levels,
        not_on=node.words("not_on"),
        cap_fen=cap_fen,
        share=share,
    )


REFUSED_ZH: Mapping[str, str] = {
    "UNKNOWN": "没有此人的登记信息",
    "DIED": "已登记死亡",
    "MOVED_OUT": "当月户籍已迁出",
    "TOO_YOUNG": "上月末年龄未达到领券年龄",
    "NOT_ASSESSED": "当月没有有效的失能等级评估",
    "LEVEL": "评估等级不在领券范围内",
    "EXCLUDED": "当月享受与消费券不能同时享受的待遇",
}
"""Why somebody gets no voucher."""


def refusal(facts: PersonFacts, intervals: Sequence[Interval], month: Month, rules: VoucherVersion) -> str:
    """Why a person gets no voucher for a month by what is known, a key of `REFUSED_ZH`; empty where there is one."""
    level = _counting_level(intervals, rules.category, month)
    reasons = (
        ("DIED", facts.died_on is not None),
        ("MOVED_OUT", not covers(present(facts), month)),
        ("TOO_YOUNG", age_on(facts.birth_date, month.plus(-1).last_day) < rules.from_age),
        ("NOT_ASSESSED", level is None),
        ("LEVEL", level not in rules.levels),
        ("EXCLUDED", any(_counting_level(intervals, category, month) is not None for category in rules.not_on)),
    )
    return next((reason for reason, holds in reasons if holds), "")


def _counting_level(intervals: Sequence[Interval], category: str, month: Month) -> str | None:
    """The level of the interval of a category that counts and runs in a month; None where none does."""
    own = [one for one in intervals if one.category == category]
    return next((one.interval.level for one in counting(own, after_decision) if one.first <= month <= one.last), None)


@dataclass(frozen=True, slots=True)
class Voucher:
    """One person's voucher of one month."""

    voucher_id: str
    person_id: str
    month: Month
    issued_fen: int
    spent_fen: int = 0
    expired_fen: int = 0

    @property
    def left_fen(self) -> int:
        """What can still be spent."""
        return self.issued_fen - self.spent_fen - self.expired_fen


def covered(voucher: Voucher, bill_fen: int, rules: VoucherVersion) -> int:
    """What the voucher pays of a bill: its share, rounded half up to the fen, up to what is left. Refused at nought."""
    if not voucher.left_fen:
        raise PaymentsError("payments.voucher_used_up", month=voucher.month)
    fen = min(voucher.left_fen, (2 * bill_fen * rules.share + WHOLE) // (2 * WHOLE))
    if not fen:
        raise PaymentsError("payments.voucher_bill_too_small")
    return fen


def check_spend(month: Month, spent_on: date, today: date, died_on: date | None) -> None:
    """Refuses a service outside the voucher's month, ahead of today, or after the person's death."""
    if spent_on > today:
        raise PaymentsError("payments.voucher_day_ahead", on=spent_on)
    if Month.of(spent_on) != month or Month.of(today) != month:
        raise PaymentsError("payments.voucher_month_over", month=Month.of(spent_on))
    if died_on is not None and spent_on > died_on:
        raise PaymentsError("payments.voucher_person_died", on=died_on)


class Account(StrEnum):
    """The accounts 科目 of the vouchers' ledger. They never mix with the cash of cycles."""

    VOUCHER_BUDGET = "VOUCHER_BUDGET"  # 消费券预算
    VOUCHER_OUTSTANDING = "VOUCHER_OUTSTANDING"  # 未使用的消费券
    VOUCHER_PROVIDER_DUE = "VOUCHER_PROVIDER_DUE"  # 应付服务机构款
    VOUCHER_PAID = "VOUCHER_PAID"  # 已结算给服务机构


class Movement(StrEnum):
    """What happened to a voucher's money."""

    ISSUED = "ISSUED"
    SPENT = "SPENT"
    REVERSED = "REVERSED"
    EXPIRED = "EXPIRED"
    SETTLED = "SETTLED"


ACCOUNTS: Mapping[Movement, tuple[Account, Account]] = {
    Movement.ISSUED: (Account.VOUCHER_BUDGET, Account.VOUCHER_OUTSTANDING),
    Movement.SPENT: (Account.VOUCHER_OUTSTANDING, Account.VOUCHER_PROVIDER_DUE),
    Movement.REVERSED: (Account.VOUCHER_PROVIDER_DUE, Account.VOUCHER_OUTSTANDING),
    Movement.EXPIRED: (Account.VOUCHER_OUTSTANDING, Account.VOUCHER_BUDGET),
    Movement.SETTLED: (Account.VOUCHER_PROVIDER_DUE, Account.VOUCHER_PAID),
}
"""Movement → the account debited, the account credited."""


@dataclass(frozen=True, slots=True)
class Posting:
    """One balanced movement; `reference` is the spend or settlement it belongs to."""

    movement: Movement
    month: Month
    amount_fen: int
    voucher_id: str = ""
    facility: str = ""
    reference: str = ""

    @property
    def sides(self) -> tuple[tuple[Account, int], tuple[Account, int]]:
        """Debit above 0, credit below."""
        debit, credit = ACCOUNTS[self.movement]
        return (debit, self.amount_fen), (credit, -self.amount_fen)


@dataclass(frozen=True, slots=True)
class VoucherIssue:
    """A month's issue 发券批次: what others were told of it."""

    month: Month
    issue_id: str
    version: int = 0


@dataclass(frozen=True, slots=True)
class VoucherBook:
    """What others were told of one person's spends."""

    person_id: str
    version: int = 0
