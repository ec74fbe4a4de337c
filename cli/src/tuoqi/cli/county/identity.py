"""Citizen identity numbers (公民身份号码, GB 11643) and card check digits: made and checked, pure.

All people whose numbers are made here are invented: province 99 does not exist, nor do cards that begin with 629999.
Never use this module to guess or complete the number of a living person.
"""

from collections.abc import Iterable
from datetime import date
from typing import Final, Literal

_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS: Final = "10X98765432"
_BODY_LENGTH: Final = 17
_LENGTH: Final = 18
_SEQUENCE_MAX: Final = 999
# Luhn doubles every second digit from the right and adds the digits of the product.
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

IdProblem = Literal["length", "characters", "date", "check"]


def check_character(body: str) -> str:
    """The 18th character for the first 17 digits: weighted sum modulo 11, X standing for ten."""
    return _CHECK_CHARACTERS[sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, body, strict=True)) % 11]


def make_id_number(county: str, birth: str, sequence: int) -> str:
    """Join a 6-digit county, a birth date `YYYYMMDD` and a sequence 1–999 (odd for men) to a full number.

    Raises:
        ValueError: a part has the wrong length or the sequence is outside its range.
    """
    body = f"{county}{birth}{sequence:03d}"
    if len(body) != _BODY_LENGTH or not 0 < sequence <= _SEQUENCE_MAX:
        raise ValueError(f"no identity number from {county!r}, {birth!r}, {sequence}")
    return body + check_character(body)


def id_number_problem(number: str) -> IdProblem | None:
    """What is wrong with a number: length, a character, an impossible birth date, the check; None if it is valid."""
    if len(number) != _LENGTH:
        return "length"
    body = number[:_BODY_LENGTH]
    if not (body.isascii() and body.isdigit()) or number[-1] not in _CHECK_CHARACTERS:
        return "characters"
    try:
        birth_date_of(number)
    except ValueError:
        return "date"
    return None if check_character(body) == number[-1] else "check"


def birth_date_of(number: str) -> date:
    """The birth date inside a number; ValueError where no such day exists."""
    return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def sex_of(number: str) -> Literal["男", "女"]:
    """The sex inside a number: an odd sequence is a man's."""
    return "男" if int(number[16]) % 2 else "女"


def luhn_digit(digits: str) -> str:
    """The last digit of a card whose other digits are given (Luhn, ISO/IEC 7812)."""
    return str(-_luhn_sum(reversed(digits)) % 10)


def is_luhn_valid(card: str) -> bool:
    """Whether a card number consists of digits and ends in its Luhn digit."""
    return card.isascii() and card.isdigit() and luhn_digit(card[:-1]) == card[-1]


def _luhn_sum(from_right: Iterable[str]) -> int:
    """Sum of the digits right of which the check digit will stand, the first of them doubled."""
    return sum(_DOUBLED[int(digit)] if place % 2 == 0 else int(digit) for place, digit in enumerate(from_right))
