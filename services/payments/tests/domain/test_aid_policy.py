"""The county's file of one-off aid: what it means, and how each fault names its place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from tuoqi.payments.domain.aid_policy import AidPolicy, in_force, parse_aid_policy
from tuoqi.payments.domain.aid_walls import amount_of
from tuoqi.payments.domain.errors import PaymentsError
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import parse_policy
from tuoqi.payments.domain.policy_fields import PolicyError

FOLDER = Path(__file__).parents[4] / "deploy" / "counties" / "990101" / "payments"


def files() -> dict[str, Any]:
    return {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yaml"))}


def read(change: Callable[[dict[str, Any]], None]) -> AidPolicy:
    given = files()
    policy = parse_policy(files())
    change(given)
    return parse_aid_policy(given, policy)


def test_a_limit_follows_the_standard_from_the_month_in_which_the_standard_changes() -> None:
    def raised(given: dict[str, Any]) -> None:
        (standard,) = [one for one in given["programmes.yaml"]["standards"] if one["key"] == "dibao_standard"]
        standard["versions"].append({"effective_from": "2025-07", "yuan": 800})

    (terms,) = read(raised).programmes["temporary_assistance"].assistance
    assert terms.fen(terms.township_times, Month.parse("2025-06")) == 156_000
    assert terms.fen(terms.township_times, Month.parse("2025-07")) == 160_000


def test_a_county_without_the_file_gives_no_aid_and_takes_no_submissions() -> None:
    policy = read(lambda given: given.pop("aid.yaml") and None)
    assert (policy.programmes, policy.submissions) == ({}, {})
    with pytest.raises(PaymentsError, match="aid_not_a_programme"):
        policy.programme("temporary_assistance")


def test_a_school_year_begins_in_its_month() -> None:
    programme = read(lambda _: None).programmes["education_grant"]
    assert [str(month) for month in programme.school_year(Month.parse("2024-08"))] == ["2023-09", "2024-08"]
    assert [str(month) for month in programme.school_year(Month.parse("2024-09"))] == ["2024-09", "2025-08"]


def test_amounts_are_those_of_the_day_and_none_are_there_before_the_first_version() -> None:
    def later(given: dict[str, Any]) -> None:
        amounts = [{"code": "cremation", "name": "遗体火化", "yuan": "650.50"}]
        given["aid.yaml"]["programmes"][2]["versions"].append({"effective_from": "2025-01", "amounts": amounts})

    programme = read(later).programmes["funeral_relief"]
    assert amount_of(programme, ["cremation"], date(2024, 12, 31)) == 60_000
    assert amount_of(programme, ["cremation"], date(2025, 1, 1)) == 65_050
    with pytest.raises(PaymentsError, match="aid_item_unknown"):
        amount_of(programme, ["urn"], date(2025, 1, 1))
    assert in_force(programme.tables, Month.parse("2023-12")) is None


ASSISTANCE = "programmes[0].versions[0]"


@pytest.mark.parametrize(
    ("change", "place", "reason"),
    [
        (lambda aid: aid.update(county="990102"), "county", "相同"),
        (lambda aid: aid.update(extra=1), "extra", "未知的字段"),
        (lambda aid: aid["programmes"][0].update(programme="dibao"), "programmes[0].programme", "granted_amount"),
        (lambda aid: aid["programmes"][0].update(kind="gift"), "programmes[0].kind", "应为以下之一"),
        (lambda aid: aid["programmes"][0]["versions"][0].update(county_times=1), f"{ASSISTANCE}.county_times", "不高于"),
        (lambda aid: aid["programmes"][0]["versions"][0].update(standard="x"), f"{ASSISTANCE}.standard", "dibao_standard"),
        (
            lambda aid: aid["programmes"][0]["versions"][0].update(effective_from="2023-01"),
            f"{ASSISTANCE}.standard",
            "起才有",
        ),
        (lambda aid: aid["programmes"][0]["versions"][0].update(papers_days=0), f"{ASSISTANCE}.papers_days", "1 到 365"),
        (lambda aid: aid["programmes"][1].update(decided_by="village"), "programmes[1].decided_by", "township、county"),
        (
            lambda aid: aid["programmes"][1]["versions"][0]["amounts"][0].update(yuan=0),
            "programmes[1].versions[0].amounts[0].yuan",
            "大于 0",
        ),
        (
            lambda aid: aid["programmes"][1]["versions"][0]["amounts"][1].update(code="primary"),
            "programmes[1].versions[0].amounts[1].code",
            "重复",
        ),
        (lambda aid: aid["goods"].update(ceiling_yuan=-1), "goods.ceiling_yuan", "应为金额"),
        (lambda aid: aid["submissions"][0].update(submitted_by=[]), "submissions[0].submitted_by", "至少"),
        (lambda aid: aid["submissions"].append(aid["submissions"][0]), "submissions[2]", "重复"),
    ],
)  # fmt: skip
def test_a_fault_names_file_place_and_reason(change: Callable[[dict[str, Any]], Any], place: str, reason: str) -> None:
    with pytest.raises(PolicyError) as found:
        read(lambda given: change(given["aid.yaml"]) and None)
    assert found.value.path.startswith(f"aid.yaml: {place}")
    assert reason in found.value.reason
