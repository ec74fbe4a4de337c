"""Explaining a month: every programme is considered, and what would change it is said from the rules' own data."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest

from tuoqi.payments.domain.considering import Considered, Standing, consider
from tuoqi.payments.domain.facts import Absence, HukouKnown, Interval, PersonFacts
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import Policy
from tuoqi.payments.domain.price import IndexMonth

MAY = Month.parse("2024-05")
HERE = (HukouKnown(date(2023, 12, 1), "990101101001"),)


def person(born: str, **facts: object) -> PersonFacts:
    base = PersonFacts("p", date.fromisoformat(born), hukou=HERE)
    return replace(base, **facts)  # type: ignore[arg-type]


def interval(category: str, decided: str, **columns: object) -> Interval:
    base = Interval(category, "", "", None, date.fromisoformat(decided), None, None, None, 1)
    return replace(base, **columns)  # type: ignore[arg-type]


def month_of(
    policy: Policy,
    facts: PersonFacts,
    *intervals: Interval,
    month: Month = MAY,
    cycle_month: Month = MAY,
    paid: Mapping[str, int] | None = None,
    index: Mapping[Month, IndexMonth] | None = None,
) -> dict[str, Considered]:
    found = consider(facts, intervals, policy, cycle_month=cycle_month, month=month, paid=paid or {}, index=index or {})
    assert [one.programme.key for one in found] == list(policy.order)
    for one in found:
        sentences = [one.sentence(policy.words), *one.changes]
        assert all(sentence.endswith("。") for sentence in sentences), sentences
    return {one.programme.key: one for one in found}


def test_every_programme_is_considered_also_for_somebody_of_whom_nothing_is_known(policy: Policy) -> None:
    found = month_of(policy, person("1970-01-01"))
    assert {one.standing for one in found.values()} == {Standing.NOT_DUE}
    assert found["dibao"].changes == ("经申请并认定符合低保金条件后，从认定的次月起可以享受。",)
    assert found["disability_living"].changes == (
        "经申请并认定符合困难残疾人生活补贴条件后，从申请的当月起可以享受。",
        "认定低保后，从认定的次月起、享受低保期间可以享受。",
    )
    assert found["temporary_assistance"].changes == ("提出申请并经审批通过后发放。",)


def test_of_several_conditions_all_that_are_not_met_are_named(policy: Policy) -> None:
    facts = person("1947-02-10", hukou=(HukouKnown(date(2023, 12, 1), "990202101001"),))
    found = month_of(policy, facts)["old_age_allowance"]
    assert found.changes == (
        "户籍迁入本县并登记后，从迁入的当月起可以享受。",
        "提出申请并受理后可以享受：从受理次月的周期起计入，此前符合条件的月份一并补发。",
        "满80周岁的次月2027年3月起可以享受。",
    )


def test_a_birthday_ahead_is_said_with_the_amount_that_it_brings(policy: Policy) -> None:
    found = month_of(policy, person("1947-02-10"), interval("old_age_accepted", "2024-01-05"))["old_age_allowance"]
    assert found.changes == ("以现有登记信息，从2027年3月起每月50.00元。", "满80周岁的次月2027年3月起可以享受。")
    paid = month_of(policy, person("1940-02-10"), interval("old_age_accepted", "2024-01-05"))["old_age_allowance"]
    assert (paid.entitled_fen, paid.standing) == (5000, Standing.UNPAID)
    assert paid.changes == ("下一周期将补发50.00元。", "以现有登记信息，从2030年3月起每月100.00元。")


def test_an_acceptance_that_counts_from_the_next_cycle_on_says_so(policy: Policy) -> None:
    found = month_of(policy, person("1940-02-10"), interval("old_age_accepted", "2024-05-15"))["old_age_allowance"]
    assert found.entitled_fen == 0
    assert found.changes[0] == "已受理，从2024年6月的周期起计入，届时该月应发50.00元。"


def test_an_end_ahead_is_said_with_its_reason(policy: Policy) -> None:
    row = interval("dibao", "2023-12-01", amount_fen=40000, valid_until=date(2024, 11, 30))
    found = month_of(policy, person("1970-01-01"), row, paid={"dibao": 40000})["dibao"]
    assert found.standing is Standing.PAID
    assert found.changes == ("以现有登记信息，从2024年12月起停发：资格的有效期到2024年11月30日为止，从次月起停发。",)


def test_what_stacking_stopped_names_the_programme_that_stops_it(policy: Policy) -> None:
    rows = (
        interval("dibao", "2023-12-01", amount_fen=40000),
        interval("tekun", "2023-12-01", subtype="scattered", level="full"),
    )
    found = month_of(policy, person("1950-01-01"), *rows, paid={"dibao": 40000})
    assert found["dibao"].standing is Standing.OVERPAID
    assert found["dibao"].sentence(policy.words) == "2024年5月低保金不发：该月已享受特困供养金，两项不能同时享受。"
    assert found["dibao"].changes == ("下一周期将收回400.00元。", "该月不再享受特困供养金时可以享受。")


def test_of_two_that_exclude_each_other_the_lower_one_says_what_it_stands_behind(policy: Policy) -> None:
    rows = (
        interval("dibao", "2023-12-01", amount_fen=40000),
        interval("disabled_elder", "2023-12-01", level="3"),
        interval("disability", "2023-12-01", subtype="1", level="1", applied_on=date(2023, 12, 1)),
    )
    found = month_of(policy, person("1950-01-01"), *rows)["elder_nursing_subsidy"]
    assert found.changes == ("该月金额高于重度残疾人护理补贴，或不再享受重度残疾人护理补贴时可以享受。",)


def test_a_level_that_is_not_paid_names_those_that_are(policy: Policy) -> None:
    row = interval("disability", "2023-12-01", subtype="1", level="3", applied_on=date(2023, 12, 1))
    found = month_of(policy, person("1970-01-01"), row)["disability_nursing"]
    assert found.changes == ("重新认定为发放范围内的类别或等级（一级、二级、智力或精神三级）后可以享受。",)


def test_a_grown_up_child_goes_on_by_attending_a_school(policy: Policy) -> None:
    row = interval("orphan", "2015-12-01", subtype="dispersed")
    found = month_of(policy, person("2004-06-01"), row)["orphan_living"]
    assert found.changes == ("在校就读经认定后，从认定的当月起、就读期间可以继续享受。",)
    young = month_of(policy, person("2007-06-01"), row, paid={"orphan_living": 135900})["orphan_living"]
    assert young.changes == (
        "以现有登记信息，从2025年7月起停发：出生日期为2007年6月1日，到该月的上月末已满18周岁，该月没有在校就读的认定。",
    )


def test_death_and_a_move_come_first_and_only_their_withdrawal_or_return_changes_them(policy: Policy) -> None:
    row = interval("dibao", "2023-12-01", amount_fen=40000)
    dead = month_of(policy, person("1970-01-01", died_on=date(2024, 4, 10)), row, paid={"dibao": 40000})["dibao"]
    assert dead.changes == ("下一周期将收回400.00元。", "死亡登记有误并撤销后，按原规定补发。")
    away = month_of(policy, person("1970-01-01", absences=(Absence(date(2024, 4, 10)),)), row)["dibao"]
    assert away.changes == ("迁回本县并登记后，从迁回的当月起恢复。",)


def test_the_price_subsidy_waits_for_its_index_and_its_groups(policy: Policy) -> None:
    row = interval("dibao", "2023-12-01", amount_fen=40000)
    low = IndexMonth(MAY, date(2024, 6, 10), 20, 30, 21)
    high = IndexMonth(MAY, date(2024, 6, 10), 40, 30, 41)
    waiting = month_of(policy, person("1970-01-01"), row)["price_subsidy"]
    limits = "居民消费价格同比3.5%以上或食品同比6.0%以上"
    assert waiting.changes == (f"该月价格指数公布并达到启动条件（{limits}）后发放。",)
    below = month_of(policy, person("1970-01-01"), row, index={MAY: low})["price_subsidy"]
    assert below.changes == (f"该月价格指数经修订达到启动条件（{limits}）后发放。",)
    outside = month_of(policy, person("1970-01-01"), index={MAY: high})["price_subsidy"]
    assert outside.changes[0].startswith("该月享受低保金、特困供养金")
    due = month_of(policy, person("1970-01-01"), row, index={MAY: high})["price_subsidy"]
    assert (due.entitled_fen, due.changes) == (3200, ("下一周期将补发32.00元。",))


@pytest.mark.parametrize(("cycle", "said"), [("2026-05", "下一周期将补发400.00元。"), ("2026-06", "已超过补发期限")])
def test_the_limit_of_back_pay_is_said(policy: Policy, cycle: str, said: str) -> None:
    row = interval("dibao", "2023-12-01", amount_fen=40000)
    found = month_of(policy, person("1970-01-01"), row, cycle_month=Month.parse(cycle))["dibao"]
    assert found.changes[0].startswith(said)


def test_before_the_policy_begins_nothing_would_change_it(policy: Policy) -> None:
    row = interval("dibao", "2022-12-01", amount_fen=40000)
    found = month_of(policy, person("1970-01-01"), row, month=Month.parse("2023-11"))["dibao"]
    assert found.entitled_fen == 0
    assert found.sentence(policy.words).startswith("2023年11月低保金不发：该项目从2024年1月起执行")


def test_who_is_too_old_for_a_child_programme_is_not_told_to_apply(policy: Policy) -> None:
    found = month_of(policy, person("1940-02-10"))
    assert found["orphan_living"].changes == ("该项目只发给未满18周岁或在校就读的人员。",)
    child = month_of(policy, person("2015-02-10"))
    assert child["orphan_living"].changes == ("经申请并认定符合孤儿基本生活费条件后，从认定的次月起可以享受。",)


def test_what_is_decided_already_and_has_not_begun_needs_nobody_to_do_anything(policy: Policy) -> None:
    row = interval("dibao", "2024-05-10", amount_fen=40000)
    assert month_of(policy, person("1970-01-01"), row)["dibao"].changes == (
        "以现有登记信息，从2024年6月起每月400.00元。",
    )
