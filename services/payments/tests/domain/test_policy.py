"""A county's policy files: what is shipped reads as it says, every fault is named with its place and its reason."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from tuoqi.payments.domain import denial, facts, policy_price, policy_rules, policy_stacking, price, rules
from tuoqi.payments.domain.entitlement import entitled
from tuoqi.payments.domain.facts import HukouKnown, Interval, PersonFacts
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import Policy, parse_policy
from tuoqi.payments.domain.policy_fields import PolicyError


def files() -> dict[str, Any]:
    """A whole policy of another county, small and right."""
    return {
        "programmes.yaml": {
            "county": "990102",
            "policy_start": "2024-01",
            "stacking": [],
            "programmes": [
                {
                    "key": "old_age_allowance",
                    "name": "高龄津贴",
                    "rule": "age_bands_on_acceptance",
                    "category": "old_age_accepted",
                    "versions": [
                        {
                            "version": "a@1",
                            "effective_from": "2024-01",
                            "bands": [{"from_age": 80, "monthly_yuan": 50}, {"from_age": 90, "monthly_yuan": "80.50"}],
                        },
                        {
                            "version": "a@2",
                            "effective_from": "2024-04",
                            "bands": [{"from_age": 75, "monthly_yuan": 60}],
                        },
                    ],
                }
            ],
        },
        "cycles.yaml": {
            "county": "990102",
            "versions": [
                {
                    "effective_from": "2024-01",
                    "cut_off_day": 15,
                    "cut_off_hour": 12,
                    "posting_days": 5,
                    "reach_back_months": 12,
                    "two_approvers_above_yuan": 100,
                }
            ],
        },
    }


def test_the_shipped_county_reads_as_its_rules_say(policy: Policy) -> None:
    may = Month.parse("2024-05")
    rules = policy.cycle_rules(may)
    assert policy.order == (
        *("old_age_allowance", "elder_service_subsidy", "elder_nursing_subsidy", "tekun_support", "orphan_living"),
        *("de_facto_unattended_living", "dibao", "disability_living", "disability_nursing", "price_subsidy"),
        *("temporary_assistance", "education_grant", "funeral_relief", "condolence"),
    )
    assert [one.key for one in policy.programmes if one.for_children] == ["orphan_living", "de_facto_unattended_living"]
    assert len(policy.stacking) == 7
    assert (rules.posting_days, rules.reach_back_months, rules.two_approvers_above_fen) == (7, 24, 500_000_000)
    assert policy.programme("dibao").version_in(may) is not None
    assert policy.programme("dibao").version_in(Month.parse("2023-12")) is None


def test_a_new_version_pays_from_its_own_month_and_names_itself() -> None:
    """Bands and amounts of another county, changed in April: earlier months keep the old ones."""
    policy = parse_policy(files())
    person = PersonFacts("p", date(1946, 1, 1), hukou=(HukouKnown(date(2024, 1, 1), "990102001001"),))
    older = PersonFacts("q", date(1930, 1, 1), hukou=(HukouKnown(date(2024, 1, 1), "990101001001"),))
    row = Interval("old_age_accepted", "", "", None, date(2023, 12, 1), None, None, None, 1)
    month = Month.parse("2024-05")
    found = {
        one.person_id: entitled(one, [row], policy, cycle_month=month, first=policy.policy_start, last=month)[
            "old_age_allowance"
        ]
        for one in (person, older)
    }
    assert {str(m): one.amount_fen for m, one in found["p"].items()} == {"2024-04": 6000, "2024-05": 6000}
    assert [(one.amount_fen, one.rule_version) for one in found["q"].values()] == [
        *[(8050, "a@1")] * 3,
        *[(6000, "a@2")] * 2,
    ]


def programmes(content: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = content["programmes.yaml"]["programmes"][0]
    return row


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a file is missing": (lambda c: c.pop("cycles.yaml"), "cycles.yaml"),
    "a file is no mapping": (lambda c: c.update({"cycles.yaml": [1]}), "cycles.yaml:"),
    "a field is missing": (lambda c: programmes(c).pop("name"), "programmes.yaml: programmes[0].name"),
    "a field is misspelt": (lambda c: programmes(c).update(nmae="x"), "programmes.yaml: programmes[0].nmae"),
    "a rule is unknown": (lambda c: programmes(c).update(rule="x"), "programmes.yaml: programmes[0].rule"),
    "a county code is a number": (lambda c: c["programmes.yaml"].update(county=990102), "programmes.yaml: county"),
    "two counties": (lambda c: c["cycles.yaml"].update(county="990103"), "cycles.yaml: county"),
    "a month is none": (
        lambda c: programmes(c)["versions"][1].update(effective_from="2024-13"),
        "programmes.yaml: programmes[0].versions[1].effective_from",
    ),
    "versions do not rise": (
        lambda c: programmes(c)["versions"][1].update(effective_from="2024-01"),
        "programmes.yaml: programmes[0].versions[1]",
    ),
    "an amount is a float": (
        lambda c: programmes(c)["versions"][0]["bands"][0].update(monthly_yuan=50.5),
        "programmes.yaml: programmes[0].versions[0].bands[0].monthly_yuan",
    ),
    "an amount has three decimals": (
        lambda c: programmes(c)["versions"][0]["bands"][0].update(monthly_yuan="50.505"),
        "programmes.yaml: programmes[0].versions[0].bands[0].monthly_yuan",
    ),
    "bands do not rise": (
        lambda c: programmes(c)["versions"][0]["bands"].reverse(),
        "programmes.yaml: programmes[0].versions[0].bands[1]",
    ),
    "no bands": (
        lambda c: programmes(c)["versions"][0].update(bands=[]),
        "programmes.yaml: programmes[0].versions[0].bands",
    ),
    "a programme twice": (
        lambda c: c["programmes.yaml"]["programmes"].append(programmes(c)),
        "programmes.yaml: programmes[1].key",
    ),
    "a flag is a word": (
        lambda c: programmes(c).update(hukou_in_county="yes"),
        "programmes.yaml: programmes[0].hukou_in_county",
    ),
    "a step is unknown": (
        lambda c: c["programmes.yaml"].update(stacking=[{"step": "x"}]),
        "programmes.yaml: stacking[0].step",
    ),
    "a cut-off day that some months lack": (
        lambda c: c["cycles.yaml"]["versions"][0].update(cut_off_day=31),
        "cycles.yaml: versions[0].cut_off_day",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_place_and_a_reason(fault: str) -> None:
    broken, (spoil, path) = files(), FAULTS[fault]
    parse_policy(broken)
    spoil(broken)
    with pytest.raises(PolicyError) as refused:
        parse_policy(broken)
    assert refused.value.path == path
    assert refused.value.reason


def test_every_name_that_a_file_may_use_is_computed_and_denied_by_a_function() -> None:
    """A rule, start or formula that can be read and not computed would be found only when money is due."""
    assert set(policy_rules.PARAMETERS) == set(rules.RULES) == set(denial.REASONS)
    assert set(policy_rules.STARTS) == set(facts.STARTS)
    assert set(policy_price.FORMULAS) == set(price.FORMULAS)
    assert set(policy_stacking.STEPS) == {"exclude", "take_higher", "top_up", "cap"}
