"""Names 姓名 and telephone numbers 电话 as clerks write them: brought to one form, odd ones doubted, none refused."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

NAME_MIN: Final = 2
NAME_MAX: Final = 20
MIDDLE_DOT: Final = "·"
"""U+00B7 间隔号, as residents' cards print it between the parts of a minority name."""
_DOTS: Final = re.compile(r"\s*[•‧∙⋅・･．●‣᛫⸱]\s*|(?<=[^\x00-\x7f])\s*\.\s*(?=[^\x00-\x7f])")
_PADDING: Final = re.compile(r"(?<=[^\x00-\x7f])\s+(?=[^\x00-\x7f])")
_MOBILE_LENGTH: Final = 11
_MOBILE: Final = re.compile(r"1[3-9][0-9]{9}")
_LANDLINE: Final = re.compile(r"0[0-9]{2,3}[0-9]{7,8}|[2-8][0-9]{6,7}|[48]00[0-9]{7}")
_COUNTRY: Final = re.compile(r"(?:\+|00)86(?=[01])")
_BETWEEN_DIGITS: Final = str.maketrans("", "", " -()—－（）.\u3000\u2013")


def normalise_name(text: str) -> str:
    """The name with one kind of middle dot and without blanks that only line two characters up (张　三 → 张三).

    Characters themselves are never replaced: a rare one is somebody's name, also where another looks alike.
    """
    if text.isalpha():
        return text
    return _PADDING.sub("", _DOTS.sub(MIDDLE_DOT, text))


def is_odd_name(name: str) -> bool:
    """A name of one character or of more than twenty: possible, but worth a look."""
    return not NAME_MIN <= len(name) <= NAME_MAX


def normalise_phone(text: str) -> str:
    """A mobile or landline number as digits alone; what is neither comes back as it was written."""
    if len(text) == _MOBILE_LENGTH and text.isascii() and text.isdigit():
        return text
    digits = _COUNTRY.sub("", unicodedata.normalize("NFKC", text).translate(_BETWEEN_DIGITS))
    return digits if is_phone(digits) else text


def is_phone(number: str) -> bool:
    """Whether digits are a mobile number 手机, a landline with or without area code 固话, or a service number."""
    return bool(_MOBILE.fullmatch(number) or _LANDLINE.fullmatch(number))
