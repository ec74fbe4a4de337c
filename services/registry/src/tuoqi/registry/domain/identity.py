"""Citizen identity numbers 公民身份号码 (GB 11643) and card numbers 卡号: read, completed, checked.

The county code in a number is not checked: codes come and go, and old people were born under codes that are gone.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from operator import mul
from typing import Final

_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
# The check character by the weighted sum of the digits as ASCII codes, whose offset of 48 each shifts the remainders.
_SHIFT: Final = 48 * sum(_WEIGHTS) % 11
_CHECK: Final = "".join("10X98765432"[(rest - _SHIFT) % 11] for rest in range(11))
_FULL: Final = re.compile(r"[0-9]{17}[0-9X]")
_OLD: Final = re.compile(r"[0-9]{15}")
# Luhn doubles every second digit from the right and adds the digits of the product; this maps ASCII digits to that.
_DOUBLED: Final = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
_ZERO: Final = ord("0")
MALE: Final = "M"
FEMALE: Final = "F"


def normalise_number(text: str) -> str:
    """The number in its present form: full-width digits made plain, x made X, 15 digits made 18 characters.

    Text that is no number comes back as it is, without spaces; `number_flaw` says so.
    """
    if len(text) == 18 and text.isascii() and text.isdigit():  # noqa: PLR2004  the length of nearly all numbers
        return text
    plain = "".join(unicodedata.normalize("NFKC", text).split()).upper()
    if _OLD.fullmatch(plain):
        # The old form 一代证 leaves out the century, which was the twentieth, and the check character.
        body = f"{plain[:6]}19{plain[6:]}"
        return body + _check_character(body)
    return plain


def number_flaw(number: str) -> str:
    """What is wrong with a normalised number, one Chinese sentence; empty where it is right."""
    if not _FULL.fullmatch(number):
        return "证件号码应为 18 位（末位可为 X）或 15 位旧号。"
    try:
        birth_in(number)
    except ValueError:
        return "证件号码中的出生日期不存在。"
    if _check_character(number[:17]) != number[17]:
        return "证件号码的校验码不对，请核对。"
    return ""


def birth_in(number: str) -> date:
    """The birth date in a full number. Raises ValueError where there is no such day."""
    return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def sex_in(number: str) -> str:
    """`M` where the 17th digit is odd, else `F`."""
    return MALE if int(number[16]) % 2 else FEMALE


def normalise_card(text: str) -> str:
    """A card or account number without spaces and hyphens, full-width digits made plain."""
    if text.isascii() and text.isdigit():
        return text
    return "".join(unicodedata.normalize("NFKC", text).split()).replace("-", "")


def passes_luhn(card: str) -> bool:
    """Whether a card number consists of digits and ends in its check digit (ISO/IEC 7812)."""
    if not (card.isascii() and card.isdigit()):
        return False
    digits = card.encode()[::-1]
    plain = digits[::2]
    return (sum(plain) - _ZERO * len(plain) + sum(digits[1::2].translate(_DOUBLED))) % 10 == 0


def _check_character(body: str) -> str:
    return _CHECK[sum(map(mul, _WEIGHTS, body.encode())) % 11]
