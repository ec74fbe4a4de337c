"""What stands in a county's policy, for people who check it: programmes, versions, amounts by month, stacking."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import CATEGORY, Policy, Programme, ProgrammeVersion
from tuoqi.payments.domain.policy_price import FIXED, PriceIndexRule
from tuoqi.payments.domain.policy_rules import AgeBands, StatusAmount
from tuoqi.payments.domain.policy_stacking import Cap, Dated, Exclude, StackingStep, TakeHigher, TopUp
from tuoqi.payments.domain.policy_standards import HUNDREDTHS, percent_text
from tuoqi.payments.domain.policy_when import When
from tuoqi.payments.domain.spans import BEGINNING, FOREVER

Amount = tuple[str, int | None]
"""For whom, in Chinese, and fen a month; None where each case has its own amount."""


def summary(policy: Policy) -> dict[str, Any]:
    """Plain values: the order of programmes, what each version pays from when on, and the steps of stacking."""
    return {
        "county": policy.county,
        "policy_start": str(policy.policy_start),
        "programmes": [_programme(policy, programme) for programme in policy.programmes],
        "stacking": [stacking_words(step, policy) for step in policy.stacking],
        "cycles": [
            {
                "effective_from": str(rules.effective_from),
                "cut_off": f"{rules.cut_off_day} {rules.cut_off_hour:02d}:00",
                "posting_days": rules.posting_days,
                "reach_back_months": rules.reach_back_months,
                "two_approvers_above_fen": rules.two_approvers_above_fen,
            }
            for rules in policy.cycles
        ],
    }


def _programme(policy: Policy, programme: Programme) -> dict[str, Any]:
    ends = [str(after.effective_from.plus(-1)) for _, after in pairwise(programme.versions)] + [""]
    return {
        "key": programme.key,
        "name": programme.name,
        "rule": programme.rule,
        "category": programme.category,
        "versions": [
            {
                "version": version.name,
                "effective_from": str(version.effective_from),
                "until": until,
                "terms": "；".join(_terms(programme, version)),
                "amounts": [{"who": who, "monthly_fen": fen} for who, fen in amounts(policy, version)],
            }
            for version, until in zip(programme.versions, ends, strict=True)
        ],
    }


def amounts(policy: Policy, version: ProgrammeVersion) -> Iterator[Amount]:
    """What a version pays a month, row by row."""
    match version.parameters:
        case AgeBands() as rule:
            for position, band in enumerate(rule.bands):
                later = rule.bands[position + 1 : position + 2]
                ages = f"{band.from_age}–{later[0].from_age - 1} 周岁" if later else f"{band.from_age} 周岁以上"
                for case in band.cases:
                    yield f"{ages}，{_when(policy, case.when)}", case.monthly_fen
                yield ages, band.monthly_fen
        case StatusAmount() as rule:
            for row in rule.rows:
                named = row.label or "、".join(("/".join(row.subtypes), "/".join(row.levels))).strip("、") or "全部"
                yield "，".join(filter(None, (named, _when(policy, row.when)))), row.monthly_fen
        case PriceIndexRule() as rule:
            if rule.formula == FIXED:
                yield "定额", rule.standard_fen
            else:
                yield f"标准（{rule.formula}）", rule.standard_fen
            for one in rule.group_standards:
                yield f"标准：{policy.words[one.programme]}{f'（{one.label}）' if one.label else ''}", one.fen
            yield "最低", rule.floor_fen
        case _:
            yield "逐笔审批", None


def _terms(programme: Programme, version: ProgrammeVersion) -> Iterator[str]:
    if version.payment:
        yield f"每{version.payment.months}个月发一次，{'期初' if version.payment.in_advance else '期末'}发"
    if version.certification:
        yield f"每{version.certification.every_months}个月作一次生存认证"
    if programme.reach_back:
        months = programme.reach_back.months
        yield "补发限当年" if months is None else f"补发限 {months} 个月"


def _when(policy: Policy, when: When | None) -> str:
    """Conditions in words; empty where there is none."""
    if when is None:
        return ""
    ages = (f"满{when.from_age}周岁" if when.from_age else "", f"未满{when.below_age}周岁" if when.below_age else "")
    return "，".join(
        filter(
            None,
            (
                f"户籍在{'、'.join(when.regions)}" if when.regions else "",
                f"享受{_words(policy, when.while_on)}" if when.while_on else "",
                f"享受{_words(policy, when.while_on_any)}之一" if when.while_on_any else "",
                f"不享受{_words(policy, when.not_on)}" if when.not_on else "",
                *ages,
            ),
        )
    )


def stacking_words(step: StackingStep, policy: Policy) -> str:
    """A step of stacking as one Chinese clause."""

    def named(keys: tuple[str, ...]) -> str:
        return "、".join(policy.words.get(key, key) for key in keys)

    match step:
        case Dated():
            return f"{stacking_words(step.step, policy)}（{' 至 '.join(_months(step))}）"
        case Exclude():
            return f"享受{named(step.holding)}的，停发{named(step.stops)}"
        case TakeHigher():
            return f"{named(step.of)}只发较高的一项"
        case TopUp():
            share = "" if step.share == HUNDREDTHS else f"的 {percent_text(step.share)}"
            base = "" if step.base_fen is None else f"按 {step.base_fen // 100} 元"
            return f"{named((step.programme,))}{base}扣除{named(step.minus)}后补足差额{share}"
        case Cap():
            return f"{named(step.of)}合计每月不超过 {step.fen // 100} 元，依次减发{named(step.cut)}"


def _months(step: Dated) -> Iterator[str]:
    yield str(Month(step.first)) if step.first > BEGINNING else "始"
    yield str(Month(step.last)) if step.last < FOREVER else "今后"


def _words(policy: Policy, categories: tuple[str, ...]) -> str:
    return "、".join(policy.words.get(f"{CATEGORY}{key}", key) for key in categories)
