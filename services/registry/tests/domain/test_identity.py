"""Identity numbers and cards."""

from __future__ import annotations

from datetime import date

import pytest

from tuoqi.registry.domain.identity import birth_in, normalise_card, normalise_number, number_flaw, passes_luhn, sex_in


@pytest.mark.parametrize(
    ("number", "sex", "birth"),
    [
        ("990101193607010016", "M", date(1936, 7, 1)),
        ("990101194611220029", "F", date(1946, 11, 22)),
        ("990101201202290037", "M", date(2012, 2, 29)),
        ("99010219400505002X", "F", date(1940, 5, 5)),
    ],
)
def test_a_right_number_tells_sex_and_birth(number: str, sex: str, birth: date) -> None:
    assert number_flaw(number) == ""
    assert (sex_in(number), birth_in(number)) == (sex, birth)


@pytest.mark.parametrize(
    ("number", "word"),
    [
        ("990101193607010017", "校验码"),
        ("990101201502300065", "出生日期"),
        ("99010119360701001", "18 位"),
        ("99010119360701001Y", "18 位"),
        ("", "18 位"),
    ],
)
def test_a_wrong_number_is_named_with_its_reason(number: str, word: str) -> None:
    assert word in number_flaw(number)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("99010219400505002x", "99010219400505002X"),
        (" 990101 19360701 0016 ", "990101193607010016"),
        ("９９０１０１１９３６０７０１００１６", "990101193607010016"),
        ("990102400505002", "99010219400505002X"),
    ],
)
def test_a_number_written_another_way_is_the_same_number(text: str, number: str) -> None:
    assert normalise_number(text) == number


def test_a_card_ends_in_its_check_digit() -> None:
    for card in ("6299990000000000012", "629999000000000025", "62999900000000038"):
        assert passes_luhn(card)
        assert not passes_luhn(card[:-1] + str((int(card[-1]) + 1) % 10))
    assert normalise_card("6299 9900-0000 0000 012") == "6299990000000000012"
    assert not passes_luhn("ABC")
