"""The conditions of a programme that a month does not meet, and what would meet them: one sentence each."""

from collections.abc import Callable, Iterator

from tuoqi.payments.domain import denial
from tuoqi.payments.domain.conditions import childhood, first_month, on_status
from tuoqi.payments.domain.facts import counting, hukou_inside
from tuoqi.payments.domain.months import Month, month_after_birthday
from tuoqi.payments.domain.policy import CATEGORY, ProgrammeVersion
from tuoqi.payments.domain.policy_price import PriceIndexRule
from tuoqi.payments.domain.policy_rules import APPLICATION_C, StatusAmount
from tuoqi.payments.domain.rules import Claim, acceptances, age_rule, status_rule
from tuoqi.payments.domain.spans import covers

START_WORDS = {
    "month_after_decision": "认定的次月",
    "month_of_decision": "认定的当月",
    "month_of_application": "申请的当月",
    "month_after_application": "申请的次月",
}
"""Start rule → from when something counts, in words; `facts.STARTS` has the same names."""


def unmet(claim: Claim, month: Month, reason: str) -> Iterator[str]:
    """What would meet the conditions of the programme that the month does not meet, in the order of looking."""
    version = claim.programme.version_in(month)
    if version is None or month < claim.policy.policy_start:
        return
    yield from CONDITIONS[claim.programme.rule](claim, version, month, reason)


def _bands(claim: Claim, version: ProgrammeVersion, month: Month, reason: str) -> Iterator[str]:
    """The register, the acceptance, the age, and what the version asks for beside them."""
    rule = age_rule(version)
    if claim.programme.hukou_in_county and not covers(hukou_inside(claim.facts.hukou, claim.policy.county), month):
        yield "户籍迁入本县并登记后，从迁入的当月起可以享受。"
    if not any(covers(covered, month) for covered, _ in acceptances(claim.own, claim.cycle_month)):
        if any(one.is_decided and one.ended_on is not None for one in claim.own):
            yield "重新提出申请并受理后，从再次受理的当月起可以享受。"
        elif rule.start == APPLICATION_C:
            yield "提出申请并受理后可以享受，申请以前的月份不补发。"
        else:
            yield "提出申请并受理后可以享受：从受理次月的周期起计入，此前符合条件的月份一并补发。"
    youngest = rule.bands[0].from_age
    yield from _age(claim, youngest, month, month_after_birthday(claim.facts.birth_date, youngest).plus(-rule.lead(0)))
    yield from _beside(reason)


def _age(claim: Claim, age: int, month: Month, start: Month) -> Iterator[str]:
    """The month of a birthday, or the one after it where the county counts from there."""
    if month < start:
        after = "的次月" if start == month_after_birthday(claim.facts.birth_date, age) else "的当月"
        yield f"满{age}周岁{after}{start.year}年{start.number}月起可以享受。"


def _beside(reason: str) -> Iterator[str]:
    """What a version asks for beside its rule: certification, the turn of a period, conditions of its own."""
    if reason == denial.NOT_CERTIFIED:
        yield "完成生存认证后，认证有效的月份可以享受。"
    elif reason == denial.CONDITION_NOT_MET:
        yield "该月符合该项目的附加条件（户籍区划、年龄或其他身份）时可以享受。"


def _status(claim: Claim, version: ProgrammeVersion, month: Month, reason: str) -> Iterator[str]:
    """The interval and its level, other statuses, the age, childhood."""
    rule = status_rule(version)
    running = [run for run in counting(claim.own, first_month(rule)) if run.first <= month <= run.last]
    grown_up = rule.child and not covers(childhood(claim.facts, claim.by_category), month)
    if grown_up and not running:
        yield "该项目只发给未满18周岁或在校就读的人员。"
        return
    if not running and reason != denial.NOT_BEGUN:
        yield f"经申请并认定符合{claim.programme.name}条件后，从{START_WORDS[rule.start]}起可以享受。"
    elif running and rule.row(running[0].interval.subtype, running[0].interval.level) is None:
        yield f"重新认定为发放范围内的类别或等级（{_paid_rows(rule)}）后可以享受。"
    for category in rule.while_on:
        if not covers(on_status(claim.by_category.get(category, ())), month):
            word = claim.policy.words.get(f"{CATEGORY}{category}", category)
            yield f"认定{word}后，从认定的次月起、享受{word}期间可以享受。"
    if rule.from_age is not None:
        yield from _age(claim, rule.from_age, month, month_after_birthday(claim.facts.birth_date, rule.from_age))
    if grown_up:
        yield "在校就读经认定后，从认定的当月起、就读期间可以继续享受。"
    yield from _beside(reason)


def _paid_rows(rule: StatusAmount) -> str:
    """The rows of amounts in the county's own words, else their codes."""
    names = [row.label or "/".join((*row.subtypes, *row.levels)) for row in rule.rows]
    return "、".join(name for name in names if name)


def _price(claim: Claim, version: ProgrammeVersion, _month: Month, reason: str) -> Iterator[str]:
    """The index of the month, the groups."""
    rule = version.parameters
    if not isinstance(rule, PriceIndexRule):
        raise TypeError(f"{version.name} is not paid by the price index")
    limits = f"居民消费价格同比{_percent(rule.cpi_tenths)}以上或食品同比{_percent(rule.food_tenths)}以上"
    if rule.scpi_tenths is not None:
        limits += f"或低收入居民价格指数同比{_percent(rule.scpi_tenths)}以上"
    if reason == denial.NO_INDEX_YET:
        yield f"该月价格指数公布并达到启动条件（{limits}）后发放。"
    elif reason == denial.INDEX_BELOW:
        yield f"该月价格指数经修订达到启动条件（{limits}）后发放。"
    elif reason == denial.NO_PRICE_GROUP:
        groups = "、".join(claim.policy.words[group] for group in rule.groups)
        yield f"该月享受{groups}之一时发放。"


def _percent(tenths: int) -> str:
    return f"{tenths // 10}.{tenths % 10}%"


def _grant(_claim: Claim, _version: ProgrammeVersion, _month: Month, _reason: str) -> Iterator[str]:
    """An amount that is decided by itself."""
    yield "提出申请并经审批通过后发放。"


CONDITIONS: dict[str, Callable[[Claim, ProgrammeVersion, Month, str], Iterator[str]]] = {
    "age_bands_on_acceptance": _bands,
    "status_amount": _status,
    "price_index": _price,
    "granted_amount": _grant,
}
"""Rule of a programme → the conditions that a month does not meet; `rules.RULES` has the same keys."""
