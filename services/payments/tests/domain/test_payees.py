"""Whose account money goes to, and how it is put into instructions."""

from datetime import date

import pytest

from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.payees import (
    AccountVersion,
    Item,
    Payee,
    Stay,
    Waiting,
    instructions,
    reissue_id,
    whose_account,
)

DAY = date(2024, 5, 28)
OWN, HOUSE = AccountVersion("v1", "k1", 1), AccountVersion("v2", "k2", 2)
ADULT, CHILD = date(1950, 1, 1), date(2012, 5, 5)
STAY = Stay("house", date(2024, 1, 1), None, HOUSE)


@pytest.mark.parametrize(
    ("payee", "facility_line", "expected"),
    [
        pytest.param(Payee(ADULT, died=False, account=OWN), False, OWN, id="an adult's own account"),
        pytest.param(Payee(ADULT, died=False, account=None), False, Waiting.ACCOUNT, id="no account"),
        pytest.param(Payee(ADULT, died=True, account=OWN, stays=(STAY,)), True, Waiting.HEIR, id="a death comes first"),
        pytest.param(
            Payee(CHILD, died=False, account=OWN, held_by_guardian=True), False, OWN, id="a guardian's account"
        ),
        pytest.param(Payee(CHILD, died=False, account=OWN), False, Waiting.GUARDIAN, id="a holder who is no guardian"),
        pytest.param(
            Payee(CHILD, died=False, account=None, held_by_guardian=True),
            False,
            Waiting.ACCOUNT,
            id="guardian, no account",
        ),
        pytest.param(Payee(date(2006, 5, 28), died=False, account=OWN), False, OWN, id="18 on the day is an adult"),
        pytest.param(
            Payee(date(2006, 5, 29), died=False, account=OWN), False, Waiting.GUARDIAN, id="18 tomorrow is a child"
        ),
        pytest.param(
            Payee(CHILD, died=False, account=OWN, stays=(STAY,)), True, HOUSE, id="the facility before the guardian"
        ),
        pytest.param(
            Payee(ADULT, died=False, account=OWN, stays=(STAY,)), False, OWN, id="a stay alone moves no money"
        ),
        pytest.param(Payee(ADULT, died=False, account=OWN), True, Waiting.FACILITY, id="no stay"),
    ],
)
def test_the_first_case_that_fits_decides(payee: Payee, facility_line: bool, expected: object) -> None:  # noqa: FBT001
    assert whose_account(payee, DAY, facility_line=facility_line) == expected


def test_a_stay_counts_on_its_first_and_last_day_and_needs_an_account() -> None:
    ends_today = Stay("old", date(2024, 1, 1), DAY, OWN)
    begins_today = Stay("new", DAY, None, HOUSE)
    for stays, expected in [
        ((ends_today,), OWN),
        ((begins_today, ends_today), HOUSE),
        ((Stay("gone", date(2024, 1, 1), date(2024, 5, 27), OWN),), Waiting.FACILITY),
        ((Stay("poor", date(2024, 1, 1), None, None),), Waiting.FACILITY),
    ]:
        payee = Payee(ADULT, died=False, account=OWN, stays=stays)
        assert whose_account(payee, DAY, facility_line=True) == expected


def test_one_instruction_for_each_account_number_and_programme_named_by_the_row_changed_last() -> None:
    """Two people on one number share one; another programme does not; money that waited joins its programme."""
    may, june = Month.parse("2024-05"), Month.parse("2024-06")
    older, newer = AccountVersion("v1", "same", 1), AccountVersion("v9", "same", 9)
    found = [
        (Item("2024-06", "b", "dibao", june, 300), older),
        (Item("2024-06", "a", "old_age_allowance", june, 50), newer),
        (Item("2024-05", "a", "dibao", may, 400), newer),
        (Item("2024-06", "a", "dibao", june, 400), newer),
    ]
    made = instructions(found, ("old_age_allowance", "dibao"))
    assert [(one.programme, one.account.version_id, one.amount_fen) for one in made] == [
        ("old_age_allowance", "v9", 50),
        ("dibao", "v9", 1100),
    ]
    assert [(item.person_id, str(item.benefit_month)) for item in made[1].items] == [
        ("a", "2024-05"),
        ("a", "2024-06"),
        ("b", "2024-06"),
    ]
    assert instructions(reversed(found), ("old_age_allowance", "dibao")) == made


def test_a_reissue_names_the_instruction_it_replaces() -> None:
    assert [reissue_id("2024-05-0001"), reissue_id("2024-05-0001-R2")] == ["2024-05-0001-R2", "2024-05-0001-R3"]
