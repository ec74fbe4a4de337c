"""Amounts as people write them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from tuoqi.kit.errors import TuoqiError, register_errors

_YUAN: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?")

register_errors({"cli.not_an_amount": ("INVALID_ARGUMENT", "“{text}”不是金额，应以元计，最多两位小数。")})


def fen_from(text: str) -> int:
    """Yuan with at most two decimals, as fen. Raises cli.not_an_amount."""
    written = text.strip()
    if not _YUAN.fullmatch(written):
        raise TuoqiError("cli.not_an_amount", text=text)
    return int(Decimal(written) * 100)
