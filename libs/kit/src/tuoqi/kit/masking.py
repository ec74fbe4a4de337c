"""Numbers that name a person are never shown in full: not in logs, not in reports."""

from __future__ import annotations

import re
from typing import Final

_PRIVATE: Final = re.compile(
    r"(?<!\d)(?:"
    r"\d{17}[\dXx]"  # identity number, or a card of 18 digits
    r"|\d{15,19}"  # old identity number, card
    r"|1[3-9]\d{9}"  # mobile phone
    r")(?!\d)",
)
_LONG: Final = 15
_MIDDLE: Final = 8


def hide_private(text: str) -> str:
    """The text with every identity, card and phone number replaced by stars and its last two characters."""
    return _PRIVATE.sub(lambda found: f"***{found.group()[-2:]}", text)


def mask_number(number: str) -> str:
    """A number as a list shows it to whoever may not see it whole: `629999********0018`, `139****5678`."""
    length = len(number)
    if length >= _LONG:
        return f"{number[:6]}{'*' * (length - 10)}{number[-4:]}"
    if length >= _MIDDLE:
        return (
            f"{number[:3]}{'*' * (length - 7)}{number[-4:]}" if length > _MIDDLE else f"{number[:2]}****{number[-2:]}"
        )
    return number[:1] + "*" * (length - 1)
