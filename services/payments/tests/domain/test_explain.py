"""The sentence of a line: what a clerk reads to the person, for every reason that the rules can give."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tuoqi.payments.domain import denial, price, rules, stacking
from tuoqi.payments.domain.denial import why_not
from tuoqi.payments.domain.explain import REASONS, because_of, explain, yuan
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import Policy
from tuoqi.payments.domain.settlement import Line, LineType

MAY = Month.parse("2024-05")
A, D = "old_age_allowance", "dibao"
BAND = (("birth_date", "1943-12-05"), ("from_age", "80"), ("below_age", "90"), ("accepted_on", "2024-01-10"))
ENDED = (("decided_on", "2024-01-10"), ("ended_on", "2024-03-31"))
DECIDED = (("decided_on", "2024-01-10"),)
INDEX = (
    *(("cpi_tenths", "36"), ("food_tenths", "-2"), ("scpi_tenths", "31")),
    *(("published_on", "2024-06-12"), ("standard_fen", "78000")),
)
STOPPED = (("by_programme", "tekun_support"), ("instead_of_fen", "40000"))
BORN_2006 = ("birth_date", "2006-03-03")
TOPPED = (
    *(*DECIDED, BORN_2006, ("standard_fen", "135900"), ("less_fen", "50000")),
    *(("less_programme", "dibao"), ("less_programme", "disability_living")),
)

SAMPLES: dict[str, tuple[tuple[tuple[str, str], ...], str]] = {
    rules.AGE_BAND: (
        BAND,
        "出生日期为1943年12月5日，到该月的上月末已满80周岁、未满90周岁，申请于2024年1月10日受理",
    ),
    rules.STATUS_AMOUNT: ((*DECIDED, ("by_interval", "1")), "资格于2024年1月10日认定，从次月起按认定的金额发放"),
    rules.GRANTED: ((("grants", "2"),), "该月经审批通过2笔"),
    price.PRICE_INDEX: (
        INDEX,
        (
            "2024年6月12日公布该月居民消费价格同比上涨3.6%、食品价格同比下降0.2%，达到启动条件，"
            "低收入居民价格指数同比上涨3.1%，计算标准为780.00元"
        ),
    ),
    stacking.STOPPED_BY: (STOPPED, "该月已享受特困供养金，两项不能同时享受"),
    stacking.LOWER_THAN: (STOPPED, "该月与特困供养金只能享受其一，就高发放特困供养金"),
    stacking.TOPPED_UP: (
        TOPPED,
        (
            "资格于2024年1月10日认定，从次月起发放，标准为1359.00元，"
            "该月另发低保金、困难残疾人生活补贴500.00元，按差额补足"
        ),
    ),
    stacking.CAPPED: (
        (*DECIDED, ("capped_reason", rules.STATUS_AMOUNT), ("cap_fen", "100000"), ("cut_fen", "5000")),
        "资格于2024年1月10日认定，从次月起发放，与其他项目合计每月不超过1000.00元，减发50.00元",
    ),
    denial.DIED: ((("died_on", "2024-04-11"),), "本人已于2024年4月11日去世，从次月起停发"),
    denial.MOVED_OUT: (
        (("moved_out_on", "2024-03-10"), ("returned_on", "2024-06-20")),
        "户籍已于2024年3月10日迁出本县，2024年6月20日迁回，其间停发",
    ),
    denial.HUKOU_OUTSIDE: ((), "该月户籍不在本县"),
    denial.NOT_ACCEPTED: ((), "该月没有有效的受理记录"),
    denial.ACCEPTANCE_ENDED: ((("ended_on", "2024-03-31"),), "享受资格已于2024年3月31日终止，从次月起停发"),
    denial.BELOW_AGE: (
        (("birth_date", "1944-09-01"), ("from_age", "80"), ("from_month", "2024-10")),
        "出生日期为1944年9月1日，满80周岁的次月是2024年10月，该月尚未到龄",
    ),
    denial.STATUS_ENDED: (ENDED, "资格已于2024年3月31日终止，从次月起停发"),
    denial.STATUS_WITHDRAWN: ((("category", "dibao"),), "该月没有有效的认定，原记录已作废或更正"),
    denial.NOT_IN_FORCE: ((("from_month", "2024-06"),), "该项目从2024年6月起执行，该月不在其内"),
    denial.NO_STATUS: ((("category", "dibao"),), "没有这一项的认定"),
    denial.NOT_DECIDED: ((), "申请尚未认定"),
    denial.NOT_BEGUN: (
        (("decided_on", "2024-06-10"), ("from_month", "2024-07")),
        "资格于2024年6月10日认定，从2024年7月起享受，该月尚未开始",
    ),
    denial.LEVEL_NOT_PAID: (
        (*DECIDED, ("subtype", "4"), ("level", "3")),
        "2024年1月10日认定的类别或等级不在发放范围",
    ),
    denial.NOT_ON_STATUS: ((("category", "dibao"),), "该月不享受低保"),
    denial.NO_CHILD: (
        (BORN_2006,),
        "出生日期为2006年3月3日，到该月的上月末已满18周岁，该月没有在校就读的认定",
    ),
    denial.NO_GRANT: ((), "该月没有审批通过的救助，或审批已撤销"),
    denial.NO_INDEX_YET: ((), "到截止时点该月的价格指数尚未公布"),
    denial.INDEX_BELOW: (
        (("cpi_tenths", "0"), ("food_tenths", "59"), ("published_on", "2024-06-12")),
        "2024年6月12日公布该月居民消费价格同比持平、食品价格同比上涨5.9%，没有达到启动条件",
    ),
    denial.NO_PRICE_GROUP: ((), "该月不享受价格补贴所覆盖的任何一项救助"),
    denial.NOT_YET_PAYABLE: ((("due_in", "2024-06"),), "该项目按期发放，该月的随2024年6月的周期发放"),
    denial.NOT_CERTIFIED: (
        (("every_months", "12"), ("certified_on", "2023-01-05")),
        "每12个月须作一次生存认证，最近一次为2023年1月5日，认证后补发",
    ),
    denial.CONDITION_NOT_MET: ((), "该月不符合本项目的年龄、身份或户籍地条件"),
}
"""Reason code → frozen facts, and the clause that they must make."""

LATIN, DOUBLED = re.compile(r"[A-Za-z_{}]"), re.compile(r"([，。、：（）])\1|：，|，。|，，|(该月){2}|(的){2}")


def a_line(reason: str, **changes: Any) -> Line:
    facts, _ = SAMPLES[reason]
    line = Line(D, "p", MAY, LineType.REGULAR, 5005, reason, 5005, 0, facts, "v")
    return replace(line, **changes)


def test_every_reason_that_the_rules_can_give_has_a_sample_here() -> None:
    """A reason added without a sentence, or a sentence without a reader, stands out."""
    assert set(SAMPLES) == set(REASONS)


@pytest.mark.parametrize("reason", SAMPLES)
def test_a_reason_says_why_in_plain_chinese(reason: str, policy: Policy) -> None:
    facts, clause = SAMPLES[reason]
    assert because_of(reason, facts, policy.words) == clause


@pytest.mark.parametrize("reason", SAMPLES)
@pytest.mark.parametrize("kind", LineType)
def test_every_line_of_every_reason_is_one_clean_sentence(reason: str, kind: LineType, policy: Policy) -> None:
    """No code words, no open places, no doubled words or signs; one full stop, at the end."""
    recovered = kind is LineType.RECOVERY
    line = a_line(reason, type=kind, amount_fen=-5005 if recovered else 5005, paid_fen=5005 if recovered else 0)
    sentence = explain(line, policy.words)
    assert not LATIN.search(sentence), sentence
    assert not DOUBLED.search(sentence), sentence
    assert sentence.endswith("。"), sentence
    assert sentence.count("。") == 1, sentence
    assert sentence.startswith("收回2024年5月低保金50.05元：" if recovered else ("发放", "补发")), sentence


SENTENCES = {
    "a regular line": (
        a_line(rules.AGE_BAND, programme=A, amount_fen=5000, entitled_fen=5000),
        (
            "发放2024年5月高龄津贴50.00元：出生日期为1943年12月5日，到该月的上月末已满80周岁、未满90周岁，"
            "申请于2024年1月10日受理。"
        ),
    ),
    "back-pay": (
        a_line(rules.STATUS_AMOUNT, type=LineType.BACKPAY),
        (
            "补发2024年5月低保金50.05元：资格于2024年1月10日认定，从次月起按认定的金额发放，"
            "该月应发50.05元，此前没有发放或已收回。"
        ),
    ),
    "back-pay that the limit cuts": (
        a_line(rules.STATUS_AMOUNT, type=LineType.BACKPAY, entitled_fen=40_000),
        (
            "补发2024年5月低保金50.05元：资格于2024年1月10日认定，从次月起按认定的金额发放，"
            "该月应发400.00元，此前没有发放或已收回，该月已超过补发期限，只补发与同月收回相抵的部分。"
        ),
    ),
    "a difference": (
        a_line(rules.STATUS_AMOUNT, type=LineType.DIFFERENCE, amount_fen=50, entitled_fen=5050, paid_fen=5000),
        (
            "补发2024年5月低保金差额0.50元：资格于2024年1月10日认定，从次月起按认定的金额发放，"
            "该月应发50.50元，此前已发50.00元。"
        ),
    ),
    "a recovery": (
        a_line(denial.DIED, type=LineType.RECOVERY, amount_fen=-5000, entitled_fen=0, paid_fen=5000),
        "收回2024年5月低保金50.00元：本人已于2024年4月11日去世，从次月起停发，该月应发0.00元，已发50.00元。",
    ),
    "a price line": (
        a_line(price.PRICE_INDEX, type=LineType.PRICE, programme="price_subsidy", amount_fen=2400, entitled_fen=2400),
        (
            "发放2024年5月价格临时补贴24.00元：2024年6月12日公布该月居民消费价格同比上涨3.6%、食品价格同比下降0.2%，"
            "达到启动条件，低收入居民价格指数同比上涨3.1%，计算标准为780.00元。"
        ),
    ),
    "a price line of a revised row": (
        a_line(
            price.PRICE_INDEX,
            type=LineType.PRICE,
            programme="price_subsidy",
            amount_fen=300,
            entitled_fen=2700,
            paid_fen=2400,
        ),
        (
            "补发2024年5月价格临时补贴差额3.00元：2024年6月12日公布该月居民消费价格同比上涨3.6%、食品价格同比下降0.2%，"
            "达到启动条件，低收入居民价格指数同比上涨3.1%，计算标准为780.00元，该月应发27.00元，此前已发24.00元。"
        ),
    ),
}


@pytest.mark.parametrize("kind", SENTENCES)
def test_a_line_says_in_one_sentence_what_and_why(kind: str, policy: Policy) -> None:
    line, sentence = SENTENCES[kind]
    assert explain(line, policy.words) == sentence


def test_amounts_are_written_to_the_fen() -> None:
    assert [yuan(fen) for fen in (0, 5, 5000, -5, -123_456)] == [
        *("0.00元", "0.05元", "50.00元"),
        *("-0.05元", "-1234.56元"),
    ]


def test_the_facts_that_the_engine_freezes_make_the_clauses_that_fit_them(someone: Callable[[str], Any]) -> None:
    """Labels, applications, acceptances and what was taken off appear as the county words them."""
    elder, child = someone("1955-05-05"), someone("2012-05-05")
    for fact in ("dibao 300", "elder_service_accepted"):
        category, _, amount = fact.partition(" ")
        elder.row(category, "2024-01-10", amount=amount or None)
    elder.row("disability", "2024-02-10", applied="2024-02-03", subtype="5", level="3")
    child.row("de_facto_unattended_child", "2024-01-10")
    child.dibao(400, "2024-01-10")
    found = {
        line.programme: because_of(line.reason, line.facts, elder.policy.words)
        for line in (*elder.run("2024-02"), *child.run("2024-02"))
    }
    assert found == {
        "elder_service_subsidy": "申请于2024年1月10日受理，从次月起发放",
        "dibao": "资格于2024年1月10日认定，从次月起按认定的金额发放",
        "disability_living": "2024年2月3日申请，资格于2024年2月10日认定，从申请当月起发放",
        "disability_nursing": "2024年2月3日申请，资格（智力或精神三级）于2024年2月10日认定，从申请当月起发放",
        "de_facto_unattended_living": (
            "资格于2024年1月10日认定，从次月起发放，标准为1359.00元，该月另发低保金400.00元，按差额补足"
        ),
    }


def ask(person: Any, programme: str, month: str, cycle: str = "2024-06") -> str:
    known = list(person.rows.values())
    asked = why_not(
        person.facts,
        known,
        person.policy,
        cycle_month=Month.parse(cycle),
        programme=programme,
        month=Month.parse(month),
    )
    return because_of(asked.reason, asked.facts, person.policy.words)


def test_what_has_not_begun_or_is_not_decided_is_not_called_withdrawn(someone: Callable[[str], Any]) -> None:
    """Who asks about a month before the first one hears from when, not that a record was void."""
    person = someone("1970-03-03")
    assert ask(person, "dibao", "2024-03") == "没有这一项的认定"
    person.row("dibao", None, amount=400, applied="2024-03-01")
    assert ask(person, "dibao", "2024-03") == "申请尚未认定"
    person.dibao(400, "2024-04-10", ended="2024-05-20")
    assert ask(person, "dibao", "2024-03") == "资格于2024年4月10日认定，从2024年5月起享受，该月尚未开始"
    assert ask(person, "dibao", "2024-06") == "资格已于2024年5月20日终止，从次月起停发"
    person.dibao(400, "2024-04-10", until="2024-05-10")
    assert ask(person, "dibao", "2024-06") == "资格的有效期到2024年5月10日为止，从次月起停发"
    person.dibao(400, "2024-04-10", ended="2024-04-09")
    assert ask(person, "dibao", "2024-05") == "该月没有有效的认定，原记录已作废或更正"
    assert ask(person, "dibao", "2023-12") == "该项目从2024年1月起执行，该月不在其内"
