"""Checks after the payment 发放后抽查: what counts as wrong, who may check, and what a sample says and cannot say.

Rates are millionths, amounts fen; both are whole numbers, bounds rounded away from the estimate.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from tuoqi.payments.domain.errors import PaymentsError
from tuoqi.payments.domain.policy_fields import Node, PolicyError, distinct
from tuoqi.payments.domain.sampling import CONFIDENCES, bounds

VERIFICATION_FILE = "verification.yaml"
MILLION = 1_000_000
RISK_ITEMS_MAX = 5_000
LINE_TYPES = ("REGULAR", "BACKPAY", "DIFFERENCE", "PRICE")
"""The types of line by which money goes out."""
_COUNTY = re.compile(r"\d{6}")


class Finding(StrEnum):
    """What a check found 核查结果."""

    CORRECT = "CORRECT"
    WRONG_PERSON = "WRONG_PERSON"
    DEAD = "DEAD"
    AMOUNT_WRONG = "AMOUNT_WRONG"
    NOT_RECEIVED = "NOT_RECEIVED"
    NOT_FOUND = "NOT_FOUND"


FINDINGS_ZH: Mapping[str, str] = {
    "CORRECT": "正确",
    "WRONG_PERSON": "冒领或发错人",
    "DEAD": "已死亡",
    "AMOUNT_WRONG": "金额不符",
    "NOT_RECEIVED": "未收到",
    "NOT_FOUND": "未找到",
}
METHODS_ZH: Mapping[str, str] = {"VISIT": "入户", "PHONE": "电话", "DOCUMENT": "查阅资料"}
URGENT = frozenset({Finding.DEAD, Finding.WRONG_PERSON})
"""What others are told of at once."""


class Risk(StrEnum):
    """Why a line is drawn beside the random ones 风险加抽."""

    VERY_OLD = "VERY_OLD"
    FIRST_PAYMENT = "FIRST_PAYMENT"
    LARGE_BACKPAY = "LARGE_BACKPAY"
    ACCOUNT_CHANGED = "ACCOUNT_CHANGED"


RISKS_ZH: Mapping[str, str] = {
    "VERY_OLD": "高龄",
    "FIRST_PAYMENT": "首次发放",
    "LARGE_BACKPAY": "大额补发",
    "ACCOUNT_CHANGED": "近期换账号",
}


@dataclass(frozen=True, slots=True)
class VerificationRules:
    """The county's wishes where whoever draws or opens a campaign names none."""

    confidence_percent: int = 95
    margin_permille: int = 50
    expected_permille: int = 50
    risk_items: int = 0
    points: tuple[tuple[Risk, int], ...] = ()
    """Risk → how many lots a line with it has more."""
    very_old_age: int = 90
    large_backpay_fen: int = 100_000
    remind_days: tuple[int, ...] = (30, 7)
    """Days before the last day of a certification campaign."""
    grace_days: int = 0


def parse_verification(files: Mapping[str, object], county: str) -> VerificationRules:
    """Reads `verification.yaml`; the defaults where a county has none. Raises PolicyError with file, place and reason."""
    if VERIFICATION_FILE not in files:
        return VerificationRules()
    node = Node.of_file(files, VERIFICATION_FILE)
    node.only(
        "county", "confidence_percent", "margin_permille", "expected_permille", "risk_items", "risks", "remind_days",
        "grace_days",
    )  # fmt: skip
    if node.text("county", _COUNTY, "六位县级区划代码，加引号") != county:
        raise PolicyError(node.path("county"), f"应与其他文件中的县代码 {county} 相同")
    confidence = node.number("confidence_percent", min(CONFIDENCES), max(CONFIDENCES))
    if confidence not in CONFIDENCES:
        raise PolicyError(node.path("confidence_percent"), f"应为 90、95 或 99，现为 {confidence}")
    risks = list(node.rows("risks", empty=True))
    kinds = [row.choice("key", tuple(Risk)) for row in risks]
    distinct(node, "risks", kinds)
    limits: dict[str, int] = {}
    for kind, row in zip(kinds, risks, strict=True):
        extra = {Risk.VERY_OLD: ("from_age",), Risk.LARGE_BACKPAY: ("above_yuan",)}.get(Risk(kind), ())
        row.only("key", "points", *extra)
        if kind == Risk.VERY_OLD:
            limits["very_old_age"] = row.number("from_age", 18, 130)
        elif kind == Risk.LARGE_BACKPAY:
            limits["large_backpay_fen"] = row.fen("above_yuan")
    return VerificationRules(
        confidence_percent=confidence,
        margin_permille=node.number("margin_permille", 1, 500),
        expected_permille=node.number("expected_permille", 1, 999),
        risk_items=node.number("risk_items", 0, RISK_ITEMS_MAX),
        points=tuple((Risk(kind), row.number("points", 1, 20)) for kind, row in zip(kinds, risks, strict=True)),
        remind_days=_remind_days(node),
        grace_days=node.number("grace_days", 0, 366),
        **limits,
    )


def _remind_days(node: Node) -> tuple[int, ...]:
    """Falling days before the last day."""
    value = node.content.get("remind_days")
    days = value if isinstance(value, list) else [None]
    if not all(isinstance(day, int) and not isinstance(day, bool) and 0 <= day <= 366 for day in days):  # noqa: PLR2004
        raise PolicyError(node.path("remind_days"), f"应为 0 到 366 的整数的列表，现为 {value!r}")
    return tuple(sorted(set(days), reverse=True))


def may_check(checker: str, recorder: str, officers: Sequence[str]) -> None:
    """Refuses a check by, or recorded by, somebody who reviewed or approved the cycle: nobody checks his own work."""
    for one in (checker, recorder):
        if one in officers:
            raise PaymentsError("payments.verification_own_cycle", by=one)


def check_finding(finding: Finding, *, amount_fen: int, right_fen: int, checked_on: date, today: date) -> None:
    """Refuses a finding that says nothing or lies ahead."""
    if checked_on > today:
        raise PaymentsError("payments.verification_day_ahead", on=checked_on)
    if finding is Finding.AMOUNT_WRONG and right_fen == amount_fen:
        raise PaymentsError("payments.verification_amount_right", amount_fen=amount_fen)


def wrong_fen(finding: str, amount_fen: int, right_fen: int) -> int:
    """What was wrongly paid by one line: the difference where the amount was wrong, else all of it.

    A person who was not found counts as wrong 从严计: nobody can say that the money was right.
    """
    if finding == Finding.CORRECT:
        return 0
    return abs(amount_fen - right_fen) if finding == Finding.AMOUNT_WRONG else amount_fen


@dataclass(frozen=True, slots=True)
class Checked:
    """A random line of a sample; `finding` is empty while nobody has checked it."""

    programme: str
    township: str
    amount_fen: int
    finding: str
    right_fen: int


@dataclass(frozen=True, slots=True)
class Stratum:
    """The part of the population that has one programme and township 层."""

    programme: str
    township: str
    population_lines: int
    population_fen: int
    drawn: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the checked random lines of a stratum say about it."""

    stratum: Stratum
    findings: Mapping[str, int]
    checked: int
    wrong: int
    wrong_fen: int
    rate_ppm: int
    low_ppm: int
    high_ppm: int
    projected_fen: int
    low_fen: int
    high_fen: int


def estimate(stratum: Stratum, lines: Sequence[Checked], confidence_percent: int) -> Estimate:
    """Rate and amount of a stratum, or of all of them taken together.

    The amount follows by ratio: wrong fen over checked fen times the population's; its bounds are those of the number of
    wrong lines at the mean amount of a wrong line, or of any line where no wrong one was found.
    """
    seen = [line for line in lines if line.finding]
    lost = [wrong_fen(line.finding, line.amount_fen, line.right_fen) for line in seen]
    wrong = sum(line.finding != Finding.CORRECT for line in seen)
    everything, checked = stratum.population_lines, len(seen)
    low, high = bounds(everything, checked, wrong, confidence_percent)
    checked_fen = sum(line.amount_fen for line in seen)
    projected = low_fen = 0
    if wrong:
        projected = _half_up(stratum.population_fen * sum(lost), checked_fen)
        low_fen = projected * low * checked // (everything * wrong)
        high_fen = _up(projected * high * checked, everything * wrong)
    else:
        high_fen = _up(stratum.population_fen * high, everything)
    return Estimate(
        stratum=stratum,
        findings=dict(sorted(Counter(line.finding for line in seen).items())),
        checked=checked,
        wrong=wrong,
        wrong_fen=sum(lost),
        rate_ppm=_half_up(MILLION * wrong, checked) if checked else 0,
        low_ppm=MILLION * low // everything if everything else 0,
        high_ppm=_up(MILLION * high, everything),
        projected_fen=projected,
        low_fen=low_fen,
        high_fen=max(projected, min(high_fen, stratum.population_fen)),
    )


@dataclass(frozen=True, slots=True)
class Report:
    """All that a sample says."""

    complete: bool
    total: Estimate
    strata: tuple[Estimate, ...]
    says: tuple[str, ...]
    cannot_say: tuple[str, ...]


METHOD = "差错笔数的区间按超几何分布精确反推（有限总体的 Clopper–Pearson 区间），实际覆盖率不低于所列置信度"


def report(strata: Sequence[Stratum], lines: Sequence[Checked], confidence_percent: int) -> Report:
    """The report of a sample: in total, by stratum, and in sentences."""
    by_stratum: dict[tuple[str, str], list[Checked]] = {}
    for line in lines:
        by_stratum.setdefault((line.programme, line.township), []).append(line)
    whole = Stratum(
        "",
        "",
        sum(one.population_lines for one in strata),
        sum(one.population_fen for one in strata),
        sum(one.drawn for one in strata),
    )
    total = estimate(whole, lines, confidence_percent)
    complete = total.checked == whole.drawn
    return Report(
        complete=complete,
        total=total,
        strata=tuple(
            estimate(one, by_stratum.get((one.programme, one.township), []), confidence_percent) for one in strata
        ),
        says=_says(total, confidence_percent, complete=complete),
        cannot_say=_cannot_say(strata),
    )


def _says(total: Estimate, confidence: int, *, complete: bool) -> tuple[str, ...]:
    whole = total.stratum
    if not total.checked:
        return (f"随机抽取的 {whole.drawn} 笔尚未核查，样本还不能说明任何问题。",)
    sentences = [] if complete else [f"随机抽取的 {whole.drawn} 笔中已核查 {total.checked} 笔，以下结果是暂时的。"]
    missing = total.findings.get(Finding.NOT_FOUND, 0)
    share = f"{_percent(total.low_ppm)} 至 {_percent(total.high_ppm)}"
    sentences += [
        f"样本代表已发放的 {whole.population_lines} 笔，共 {_yuan(whole.population_fen)} 元。",
        f"差错笔数的比例估计为 {_percent(total.rate_ppm)}，{confidence}% 置信区间为 {share}。",
        f"差错金额推算为 {_yuan(total.projected_fen)} 元，范围为 {_yuan(total.low_fen)} 元至 {_yuan(total.high_fen)} 元。",
    ]
    if missing:
        sentences.append(f"其中 {missing} 笔没有找到本人，从严按差错计算。")
    return tuple(sentences)


def _cannot_say(strata: Sequence[Stratum]) -> tuple[str, ...]:
    undrawn = sum(not one.drawn for one in strata)
    sentences = [
        "抽查的是已发放的明细，不能说明应发而未发的人有多少。",
        "风险加抽的明细不是随机抽取，只用于发现问题，不计入比例和金额的推算。",
        "金额范围以差错明细的平均金额推算；如差错集中在少数大额明细，实际金额可能超出此范围。",
        "各乡镇、各项目的样本较小，其区间较宽，不宜用来给乡镇排名。",
    ]
    if undrawn:
        sentences.append(f"有 {undrawn} 个项目乡镇组合规模过小，没有抽到明细，不能单独说明。")
    return tuple(sentences)


def _half_up(amount: int, parts: int) -> int:
    return (2 * amount + parts) // (2 * parts) if parts else 0


def _up(amount: int, parts: int) -> int:
    return -(-amount // parts) if parts else 0


def _percent(ppm: int) -> str:
    return f"{ppm // 10_000}.{ppm % 10_000 // 100:02d}%"


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"
