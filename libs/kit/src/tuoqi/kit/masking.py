"""Numbers that name a person are never shown in full: not in logs, not in reports."""

from __future__ import annotations

import re
from typing import Final

_FIND: Final = re.compile(
    r"(?P<id>(?<![0-9A-Za-z])(?:"
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # an id of ours
    r"|(?=(?:[0-9]*[a-f]){4})(?:[0-9a-f]{32}|[0-9a-f]{64})"  # a trace, a hash; four letters at least
    r")(?![0-9A-Za-z]))"
    r"|(?<!\d)(?:"
    r"\d{17}[\dXx]"  # identity number, or a card of 18 digits
    r"|\d{15,19}"  # old identity number, card
    r"|1[3-9]\d{9}"  # mobile phone
    r")(?!\d)",
)
_LONG: Final = 15
_MIDDLE: Final = 8


def hide_private(text: str) -> str:
    """The text with every identity, card and phone number replaced by stars and its last two characters.

    Ids, traces and hashes stay whole, though digits may run long in them: logs are followed by these.
    """
    return _FIND.sub(lambda found: found.group() if found["id"] else f"***{found.group()[-2:]}", text)


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
