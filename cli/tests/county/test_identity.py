"""Identity numbers and card digits against fixed, fictitious examples."""

import pytest

from tuoqi.cli.county.identity import (
    birth_date_of,
    check_character,
    id_number_problem,
    is_luhn_valid,
    luhn_digit,
    make_id_number,
    sex_of,
)

VALID = [
    ("990101193607010016", "男", "1936-07-01"),
    ("990101194611220029", "女", "1946-11-22"),
    ("990101193611220120", "女", "1936-11-22"),
    ("990101201202290037", "男", "2012-02-29"),
    ("990101200811220080", "女", "2008-11-22"),
    ("99010219400505002X", "女", "1940-05-05"),
]


@pytest.mark.parametrize(("number", "sex", "birth"), VALID)
def test_a_valid_number_tells_sex_and_birth_and_is_made_from_its_parts(number: str, sex: str, birth: str) -> None:
    assert id_number_problem(number) is None
    assert (sex_of(number), birth_date_of(number).isoformat()) == (sex, birth)
    assert make_id_number(number[:6], number[6:14], int(number[14:17])) == number


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        ("990101193607010017", "check"),
        ("990101201502300065", "date"),
        ("99010119360701001", "length"),
        ("99010119360701001６", "characters"),
        ("9901011936070100A6", "characters"),
    ],
)
def test_a_wrong_number_is_named_by_its_first_problem(number: str, problem: str) -> None:
    assert id_number_problem(number) == problem


@pytest.mark.parametrize("sequence", [0, 1000, -1])
def test_a_sequence_outside_its_range_makes_no_number(sequence: int) -> None:
    with pytest.raises(ValueError, match="no identity number"):
        make_id_number("990101", "19360701", sequence)


def test_changing_any_digit_of_a_number_changes_its_check() -> None:
    body = VALID[0][0][:17]
    right = check_character(body)
    for place, digit in enumerate(body):
        other = str((int(digit) + 1) % 10)
        assert check_character(body[:place] + other + body[place + 1 :]) != right


@pytest.mark.parametrize("card", ["6299990000000000012", "629999000000000025", "62999900000000038"])
def test_a_card_ends_in_its_luhn_digit_and_in_no_other(card: str) -> None:
    assert luhn_digit(card[:-1]) == card[-1]
    assert [digit for digit in "0123456789" if is_luhn_valid(card[:-1] + digit)] == [card[-1]]
