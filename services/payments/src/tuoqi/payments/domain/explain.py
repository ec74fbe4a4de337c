"""The sentence of a payment line 说明, which a clerk reads to the person.

Made from reason code and frozen facts when it is shown, to someone with the right; it names no one and is never stored,
sent or logged.
"""

from collections.abc import Callable, Mapping
from datetime import date

from tuoqi.payments.domain import denial, price, rules, stacking
from tuoqi.payments.domain.due import Facts
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import CATEGORY
from tuoqi.payments.domain.settlement import Line, LineType


def yuan(fen: int) -> str:
    """An amount as it is read aloud: `50.00元`, never through a float."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}元"


def because_of(reason: str, facts: Facts, words: Mapping[str, str]) -> str:
    """Why, as a clause; `words` has the county's names of programmes and categories."""
    known = dict(facts)
    if "by_programme" in known:
        known["by_programme"] = words[known["by_programme"]]
    if "category" in known:
        known["category"] = words.get(f"{CATEGORY}{known['category']}", known["category"])
    if "less_programme" in known:
        known["less_programme"] = "、".join(words[value] for name, value in facts if name == "less_programme")
    return REASONS[reason](known)


def explain(line: Line, words: Mapping[str, str]) -> str:
    """One Chinese sentence: what is paid or recovered for which month, and why; `words` as for `because_of`."""
    because = because_of(line.reason, line.facts, words)
    what = f"{_month(line.benefit_month)}{words[line.programme]}"
    if line.type is LineType.RECOVERY:
        rest = f"该月应发{yuan(line.entitled_fen)}，已发{yuan(line.paid_fen)}"
        return f"收回{what}{yuan(-line.amount_fen)}：{because}，{rest}。"
    if line.type is LineType.DIFFERENCE or (line.type is LineType.PRICE and line.paid_fen):
        rest = f"该月应发{yuan(line.entitled_fen)}，此前已发{yuan(line.paid_fen)}{_limited(line)}"
        return f"补发{what}差额{yuan(line.amount_fen)}：{because}，{rest}。"
    if line.type is LineType.BACKPAY:
        rest = f"该月应发{yuan(line.entitled_fen)}，此前没有发放或已收回{_limited(line)}"
        return f"补发{what}{yuan(line.amount_fen)}：{because}，{rest}。"
    return f"发放{what}{yuan(line.amount_fen)}：{because}。"


def _limited(line: Line) -> str:
    """Of a month beyond the limit only as much is paid as the same month recovers."""
    whole = line.entitled_fen - line.paid_fen
    return "" if line.amount_fen == whole else "，该月已超过补发期限，只补发与同月收回相抵的部分"


def _month(month: Month) -> str:
    return f"{month.year}年{month.number}月"


def _day(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day.year}年{day.month}月{day.day}日"


def _change(text: str) -> str:
    """Tenths of a percent as people read them: `上涨3.5%`."""
    tenths = int(text)
    return f"{'下降' if tenths < 0 else '上涨'}{abs(tenths) // 10}.{abs(tenths) % 10}%" if tenths else "持平"


def _age_band(facts: Mapping[str, str]) -> str:
    upper = facts.get("below_age")
    ages = f"已满{facts['from_age']}周岁" + (f"、未满{upper}周岁" if upper else "")
    by = "该月" if facts.get("start") == "birthday_month" else "到该月的上月末"
    rest = "，从申请次月起发放" if facts.get("start") == "month_after_application" else ""
    return f"出生日期为{_day(facts['birth_date'])}，{by}{ages}，申请于{_day(facts['accepted_on'])}受理{rest}"


STARTED = {
    "month_after_decision": "从次月起",
    "month_of_decision": "从认定当月起",
    "month_of_application": "从申请当月起",
    "month_after_application": "从申请次月起",
}
"""Start rule → from when, in words; `facts.STARTS` has the same names."""


def _status_amount(facts: Mapping[str, str]) -> str:
    applied = facts.get("applied_on")
    label = f"（{facts['label']}）" if "label" in facts else ""
    on = _day(facts["decided_on"])
    decided = f"申请于{on}受理" if "by_acceptance" in facts else f"资格{label}于{on}认定"
    usual = "month_of_application" if applied else "month_after_decision"
    started = STARTED[facts.get("start", usual)] if applied or "start" in facts else "从次月起"
    start = f"{_day(applied)}申请，{decided}，{started}" if applied else f"{decided}，{started}"
    return f"{start}{'按认定的金额' if 'by_interval' in facts else ''}发放"


def _granted(facts: Mapping[str, str]) -> str:
    return f"该月经审批通过{facts['grants']}笔"


def _price_index(facts: Mapping[str, str]) -> str:
    scpi = _change(facts["scpi_tenths"])
    standard = yuan(int(facts["standard_fen"]))
    return f"{_published(facts)}，达到启动条件，低收入居民价格指数同比{scpi}，计算标准为{standard}"


def _published(facts: Mapping[str, str]) -> str:
    cpi, food = _change(facts["cpi_tenths"]), _change(facts["food_tenths"])
    return f"{_day(facts['published_on'])}公布该月居民消费价格同比{cpi}、食品价格同比{food}"


def _stopped_by(facts: Mapping[str, str]) -> str:
    return f"该月已享受{facts['by_programme']}，两项不能同时享受"


def _lower_than(facts: Mapping[str, str]) -> str:
    return f"该月与{facts['by_programme']}只能享受其一，就高发放{facts['by_programme']}"


def _topped_up(facts: Mapping[str, str]) -> str:
    full = yuan(int(facts["standard_fen"]))
    less = f"，该月另发{facts['less_programme']}{yuan(int(facts['less_fen']))}" if "less_programme" in facts else ""
    because = _age_band(facts) if "accepted_on" in facts else _status_amount(facts)
    share = f"的{facts['share_percent']}发放" if "share_percent" in facts else "补足"
    return f"{because}，标准为{full}{less}，按差额{share}"


def _capped(facts: Mapping[str, str]) -> str:
    cap, cut = yuan(int(facts["cap_fen"])), yuan(int(facts["cut_fen"]))
    return f"{REASONS[facts['capped_reason']](facts)}，与其他项目合计每月不超过{cap}，减发{cut}"


def _died(facts: Mapping[str, str]) -> str:
    return f"本人已于{_day(facts['died_on'])}去世，从次月起停发"


def _moved_out(facts: Mapping[str, str]) -> str:
    returned = facts.get("returned_on")
    until = f"{_day(returned)}迁回，其间停发" if returned else "从次月起停发"
    return f"户籍已于{_day(facts['moved_out_on'])}迁出本县，{until}"


def _hukou_outside(_facts: Mapping[str, str]) -> str:
    return "该月户籍不在本县"


def _not_accepted(_facts: Mapping[str, str]) -> str:
    return "该月没有有效的受理记录"


def _acceptance_ended(facts: Mapping[str, str]) -> str:
    return f"享受资格已于{_day(facts['ended_on'])}终止，从次月起停发"


def _below_age(facts: Mapping[str, str]) -> str:
    born, start = _day(facts["birth_date"]), Month.parse(facts["from_month"])
    which = "当月" if facts.get("start") == "birthday_month" else "次月"
    return f"出生日期为{born}，满{facts['from_age']}周岁的{which}是{_month(start)}，该月尚未到龄"


def _status_ended(facts: Mapping[str, str]) -> str:
    if "valid_until" in facts:
        return f"资格的有效期到{_day(facts['valid_until'])}为止，从次月起停发"
    return f"资格已于{_day(facts['ended_on'])}终止，从次月起停发"


def _status_withdrawn(_facts: Mapping[str, str]) -> str:
    return "该月没有有效的认定，原记录已作废或更正"


def _not_decided(_facts: Mapping[str, str]) -> str:
    return "申请尚未认定"


def _not_begun(facts: Mapping[str, str]) -> str:
    start = _month(Month.parse(facts["from_month"]))
    return f"资格于{_day(facts['decided_on'])}认定，从{start}起享受，该月尚未开始"


def _no_status(_facts: Mapping[str, str]) -> str:
    return "没有这一项的认定"


def _level_not_paid(facts: Mapping[str, str]) -> str:
    return f"{_day(facts['decided_on'])}认定的类别或等级不在发放范围"


def _not_on_status(facts: Mapping[str, str]) -> str:
    return f"该月不享受{facts['category']}"


def _no_child(facts: Mapping[str, str]) -> str:
    return f"出生日期为{_day(facts['birth_date'])}，到该月的上月末已满18周岁，该月没有在校就读的认定"


def _no_grant(_facts: Mapping[str, str]) -> str:
    return "该月没有审批通过的救助，或审批已撤销"


def _no_index_yet(_facts: Mapping[str, str]) -> str:
    return "到截止时点该月的价格指数尚未公布"


def _index_below(facts: Mapping[str, str]) -> str:
    return f"{_published(facts)}，没有达到启动条件"


def _no_price_group(_facts: Mapping[str, str]) -> str:
    return "该月不享受价格补贴所覆盖的任何一项救助"


def _not_yet_payable(facts: Mapping[str, str]) -> str:
    return f"该项目按期发放，该月的随{_month(Month.parse(facts['due_in']))}的周期发放"


def _not_certified(facts: Mapping[str, str]) -> str:
    seen = f"最近一次为{_day(facts['certified_on'])}" if "certified_on" in facts else "没有生存认证的记录"
    return f"每{facts['every_months']}个月须作一次生存认证，{seen}，认证后补发"


def _condition_not_met(_facts: Mapping[str, str]) -> str:
    return "该月不符合本项目的年龄、身份或户籍地条件"


def _not_in_force(facts: Mapping[str, str]) -> str:
    return f"该项目从{_month(Month.parse(facts['from_month']))}起执行，该月不在其内"


REASONS: dict[str, Callable[[Mapping[str, str]], str]] = {
    rules.AGE_BAND: _age_band,
    rules.STATUS_AMOUNT: _status_amount,
    rules.GRANTED: _granted,
    price.PRICE_INDEX: _price_index,
    stacking.STOPPED_BY: _stopped_by,
    stacking.LOWER_THAN: _lower_than,
    stacking.TOPPED_UP: _topped_up,
    stacking.CAPPED: _capped,
    denial.DIED: _died,
    denial.MOVED_OUT: _moved_out,
    denial.HUKOU_OUTSIDE: _hukou_outside,
    denial.NOT_ACCEPTED: _not_accepted,
    denial.ACCEPTANCE_ENDED: _acceptance_ended,
    denial.BELOW_AGE: _below_age,
    denial.STATUS_ENDED: _status_ended,
    denial.STATUS_WITHDRAWN: _status_withdrawn,
    denial.NOT_IN_FORCE: _not_in_force,
    denial.NO_STATUS: _no_status,
    denial.NOT_DECIDED: _not_decided,
    denial.NOT_BEGUN: _not_begun,
    denial.LEVEL_NOT_PAID: _level_not_paid,
    denial.NOT_ON_STATUS: _not_on_status,
    denial.NO_CHILD: _no_child,
    denial.NO_GRANT: _no_grant,
    denial.NO_INDEX_YET: _no_index_yet,
    denial.INDEX_BELOW: _index_below,
    denial.NO_PRICE_GROUP: _no_price_group,
    denial.NOT_YET_PAYABLE: _not_yet_payable,
    denial.NOT_CERTIFIED: _not_certified,
    denial.CONDITION_NOT_MET: _condition_not_met,
}
"""Reason code → why, as a clause of the sentence."""
