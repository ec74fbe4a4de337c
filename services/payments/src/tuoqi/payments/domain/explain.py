"""The sentence of a payment line 说明, which a clerk reads to the person.

Made from reason code and frozen facts when it is shown, to someone with the right; it names no one and is never stored,
sent or logged.
"""

from collections.abc import Callable, Mapping
from datetime import date

from tuoqi.payments.domain import denial, entitlement
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.settlement import Line, LineType


def yuan(fen: int) -> str:
    """An amount as it is read aloud: `50.00元`, never through a float."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}元"


def explain(line: Line, programme_name: str) -> str:
    """One Chinese sentence: what is paid or recovered for which month, and why."""
    because = REASONS[line.reason](dict(line.facts))
    what = f"{_month(line.benefit_month)}{programme_name}"
    if line.type is LineType.RECOVERY:
        rest = f"该月应发{yuan(line.entitled_fen)}，已发{yuan(line.paid_fen)}"
        return f"收回{what}{yuan(-line.amount_fen)}：{because}，{rest}。"
    if line.type is LineType.DIFFERENCE:
        rest = f"该月应发{yuan(line.entitled_fen)}，此前已发{yuan(line.paid_fen)}"
        return f"补发{what}差额{yuan(line.amount_fen)}：{because}，{rest}。"
    if line.type is LineType.BACKPAY:
        rest = f"该月应发{yuan(line.entitled_fen)}，此前没有发放"
        return f"补发{what}{yuan(line.amount_fen)}：{because}，{rest}。"
    return f"发放{what}{yuan(line.amount_fen)}：{because}。"


def _month(month: Month) -> str:
    return f"{month.year}年{month.number}月"


def _day(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day.year}年{day.month}月{day.day}日"


def _age_band(facts: Mapping[str, str]) -> str:
    upper = facts.get("below_age")
    ages = f"已满{facts['from_age']}周岁" + (f"、未满{upper}周岁" if upper else "")
    return f"出生日期为{_day(facts['birth_date'])}，到上月末{ages}，申请于{_day(facts['accepted_on'])}受理"


def _interval_amount(facts: Mapping[str, str]) -> str:
    return f"资格于{_day(facts['decided_on'])}认定，从次月起按认定的金额发放"


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
    return f"受理已于{_day(facts['ended_on'])}终止，从次月起停发"


def _below_age(facts: Mapping[str, str]) -> str:
    born, start = _day(facts["birth_date"]), Month.parse(facts["from_month"])
    return f"出生日期为{born}，满{facts['from_age']}周岁的次月是{_month(start)}，该月尚未到龄"


def _status_ended(facts: Mapping[str, str]) -> str:
    return f"资格已于{_day(facts['ended_on'])}终止，从次月起停发"


def _status_withdrawn(_facts: Mapping[str, str]) -> str:
    return "该月没有有效的认定，原记录已作废或更正"


def _not_in_force(facts: Mapping[str, str]) -> str:
    return f"该政策从{_month(Month.parse(facts['policy_start']))}起执行，该月不在其内"


REASONS: dict[str, Callable[[Mapping[str, str]], str]] = {
    entitlement.AGE_BAND: _age_band,
    entitlement.INTERVAL_AMOUNT: _interval_amount,
    denial.DIED: _died,
    denial.MOVED_OUT: _moved_out,
    denial.HUKOU_OUTSIDE: _hukou_outside,
    denial.NOT_ACCEPTED: _not_accepted,
    denial.ACCEPTANCE_ENDED: _acceptance_ended,
    denial.BELOW_AGE: _below_age,
    denial.STATUS_ENDED: _status_ended,
    denial.STATUS_WITHDRAWN: _status_withdrawn,
    denial.NOT_IN_FORCE: _not_in_force,
}
"""Reason code → why, as a clause of the sentence."""
