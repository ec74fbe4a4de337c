"""What a posting list may show, and how an objection is decided."""

from dataclasses import replace

import pytest

from tuoqi.payments.domain.cycle import open_cycle
from tuoqi.payments.domain.due import Entitlement
from tuoqi.payments.domain.errors import CycleError
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import Policy
from tuoqi.payments.domain.posting import Objection, decided, has_child_programme, mask_name

MAY = Month.parse("2024-05")
ONE = Objection("o", "c", "p", "dibao", "amount", "clerk")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("张三", "张*"),
        ("张小丰", "张*丰"),
        ("欧阳娜娜", "欧**娜"),
        ("阿依古丽·买买提", "阿******提"),
        ("张", "*"),
        ("", "*"),
    ],
)
def test_a_list_never_shows_a_whole_name(name: str, shown: str) -> None:
    assert mask_name(name) == shown


def test_a_child_programme_counts_where_it_is_due_or_topped_up_to_nothing_and_not_where_it_was_stopped(
    policy: Policy,
) -> None:
    full = Entitlement(135900, "status_amount", (), "v")
    topped, stopped = replace(full, amount_fen=0), replace(full, amount_fen=0, stopped=True)
    for entitlement, expected in ((full, True), (topped, True), (stopped, False)):
        due = {"de_facto_unattended_living": {MAY: entitlement}}
        assert has_child_programme(due, policy, [MAY]) is expected
    assert not has_child_programme({"orphan_living": {MAY: full}}, policy, [MAY.plus(1)])
    assert not has_child_programme({"dibao": {MAY: full}}, policy, [MAY])


@pytest.mark.parametrize(
    ("by", "outcome", "reason", "follow_up", "slug"),
    [
        ("clerk", "DISMISSED", "no_evidence", "", "payments.objection_own"),
        ("rev", "MAYBE", "no_evidence", "", "payments.objection_code"),
        ("rev", "DISMISSED", "whatever", "", "payments.objection_code"),
        ("rev", "DISMISSED", "no_evidence", "cancel_cycle", "payments.objection_follow_up"),
        ("rev", "UPHELD", "verified_wrong", "", "payments.objection_follow_up"),
        ("rev", "UPHELD", "verified_wrong", "burn_it", "payments.objection_code"),
    ],
)
def test_a_decision_that_may_not_be_made_is_refused(
    policy: Policy, by: str, outcome: str, reason: str, follow_up: str, slug: str
) -> None:
    cycle = open_cycle(MAY, [], policy)
    with pytest.raises(CycleError) as refused:
        decided(ONE, cycle, by=by, outcome=outcome, reason=reason, follow_up=follow_up)
    assert refused.value.slug == slug
    assert refused.value.sentence.endswith("。")


def test_an_objection_is_decided_once(policy: Policy) -> None:
    cycle = open_cycle(MAY, [], policy)
    decided(ONE, cycle, by="rev", outcome="DISMISSED", reason="no_evidence", follow_up="")
    with pytest.raises(CycleError, match="objection_decided"):
        decided(
            replace(ONE, outcome="DISMISSED"), cycle, by="rev", outcome="UPHELD", reason="no_evidence", follow_up=""
        )
