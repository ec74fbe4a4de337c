"""The county's files of checks and vouchers, and what vouchers cover: pure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tuoqi.payments.domain.errors import PaymentsError
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy_fields import PolicyError
from tuoqi.payments.domain.verification import VerificationRules, parse_verification
from tuoqi.payments.domain.vouchers import ACCOUNTS, Movement, Posting, Voucher, VoucherRules, covered, parse_vouchers

COUNTY = Path(__file__).parents[4] / "deploy" / "counties" / "990101" / "payments"
MARCH = Month.parse("2026-03")


def content(name: str) -> Any:
    return yaml.safe_load((COUNTY / name).read_text("utf-8"))


def test_a_county_without_the_files_has_defaults_and_no_vouchers() -> None:
    assert parse_verification({}, "990101") == VerificationRules()
    assert parse_vouchers({}, "990101") == VoucherRules()
    with pytest.raises(PaymentsError, match="voucher_not_offered"):
        VoucherRules().version_in(MARCH)


@pytest.mark.parametrize(
    ("field", "value", "place", "reason"),
    [
        ("confidence_percent", 93, "confidence_percent", "应为 90、95 或 99"),
        ("margin_permille", 0, "margin_permille", "应为 1 到 500 的整数"),
        ("county", "990102", "county", "应与其他文件中的县代码 990101 相同"),
        ("remind_days", [400], "remind_days", "应为 0 到 366 的整数的列表"),
        ("risks", [{"key": "VERY_OLD", "points": 3}], "risks[0].from_age", "缺少此字段"),
        ("risks", [{"key": "RICH", "points": 3}], "risks[0].key", "应为以下之一"),
        ("risks", [{"key": "FIRST_PAYMENT", "points": 3, "from_age": 9}], "risks[0].from_age", "未知的字段"),
        ("risks", [{"key": "FIRST_PAYMENT", "points": 2}] * 2, "risks[1].key", "重复"),
        ("margin", 5, "margin", "未知的字段"),
    ],
)
def test_a_fault_in_verification_yaml_names_file_place_and_reason(
    field: str, value: object, place: str, reason: str
) -> None:
    with pytest.raises(PolicyError) as refused:
        parse_verification({"verification.yaml": content("verification.yaml") | {field: value}}, "990101")
    assert refused.value.path == f"verification.yaml: {place}"
    assert reason in refused.value.reason


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("levels", [], "应列出可以领券的等级"),
        ("levels", [2, 3], "数字加引号"),
        ("covers_percent", 0, "应大于 0 且不超过 100"),
        ("covers_percent", 101, "应大于 0 且不超过 100"),
        ("cap_yuan", 12.5, "小数加引号"),
        ("cap_yuan", 0, "应大于 0"),
        ("from_age", -1, "应为 0 到 130 的整数"),
        ("effective_from", "2026", "应为月份"),
        ("caps", 1, "未知的字段"),
    ],
)
def test_a_fault_in_vouchers_yaml_names_file_place_and_reason(field: str, value: object, reason: str) -> None:
    file = content("vouchers.yaml")
    file["versions"] = [file["versions"][0] | {field: value}]
    with pytest.raises(PolicyError) as refused:
        parse_vouchers({"vouchers.yaml": file}, "990101")
    assert refused.value.path == f"vouchers.yaml: versions[0].{field}"
    assert reason in refused.value.reason


def test_a_later_version_holds_from_its_month_on() -> None:
    file = content("vouchers.yaml")
    file["versions"] = [*file["versions"], file["versions"][0] | {"effective_from": "2026-05", "cap_yuan": 600}]
    rules = parse_vouchers({"vouchers.yaml": file}, "990101")
    assert [rules.version_in(Month.parse(month)).cap_fen for month in ("2026-04", "2026-05")] == [80_000, 60_000]
    with pytest.raises(PaymentsError):
        rules.version_in(Month.parse("2025-12"))


@pytest.mark.parametrize(
    ("bill", "left", "fen"),
    [(100, 80_000, 50), (101, 80_000, 51), (1, 80_000, 1), (200_000, 80_000, 80_000), (200_000, 7, 7)],
)
def test_a_share_is_rounded_half_up_to_the_fen_and_ends_at_what_is_left(bill: int, left: int, fen: int) -> None:
    rules = parse_vouchers({"vouchers.yaml": content("vouchers.yaml")}, "990101").version_in(MARCH)
    assert covered(Voucher("v", "p", MARCH, 80_000, spent_fen=80_000 - left), bill, rules) == fen


@pytest.mark.parametrize("movement", list(Movement))
def test_every_movement_balances_between_two_accounts(movement: Movement) -> None:
    debit, credit = ACCOUNTS[movement]
    assert debit is not credit
    assert sum(fen for _, fen in Posting(movement, MARCH, 123).sides) == 0
