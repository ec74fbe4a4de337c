"""Single cells of the file contract: from text to value and back.

A parser takes all cells of a column at once. Cells that repeat (dates, codes, amounts) are parsed once and looked up
after that; a cell that cannot be read becomes a `Bad` with its reason, never an exception.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from tuoqi.kit.clock import COUNTY_ZONE

CLEAR_WORD: Final = "清空"


class Bad:
    """Why a cell was rejected, in Chinese."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


CellParser = Callable[[Sequence[str]], tuple[Sequence[object], bool]]
"""Cells of a column → their values, and whether any of them is Bad."""

_One = Callable[[str], object]


class _Memo(dict[str, object]):
    """Cell → value, computed at its first sight."""

    __slots__ = ("_parse", "flawed")

    def __init__(self, parse: _One) -> None:
        super().__init__()
        self._parse = parse
        self.flawed = False

    def __missing__(self, cell: str) -> object:
        value = self[cell] = self._parse(cell)
        if isinstance(value, Bad):
            self.flawed = True
        return value


def cell_parser(
    kind: str,
    *,
    clear: object,
    choices: Mapping[str, str] | None,
    max_length: int,
    pattern: str,
    pattern_zh: str,
    minimum: int | None,
) -> CellParser:
    """The parser of a column; `clear` is what the cell 清空 becomes. Raises KeyError for a kind that does not exist."""
    if kind == "text" or (kind == "code" and choices is None):
        read = _text(max_length, pattern, pattern_zh)
    elif kind == "code":
        read = _code(choices or {})
    elif kind in _NUMBERS:
        read = _at_least(minimum, _NUMBERS[kind], kind)
    else:
        read = _PLAIN[kind]

    def parse(cell: str) -> object:
        content = cell.strip()
        if not content:
            return None
        return clear if content == CLEAR_WORD else read(content)

    def parse_column(cells: Sequence[str]) -> tuple[Sequence[object], bool]:
        memo = _Memo(parse)
        return list(map(memo.__getitem__, cells)), memo.flawed

    return parse_column


def _text(max_length: int, pattern: str, pattern_zh: str) -> _One:
    matches = re.compile(pattern).fullmatch if pattern else None
    too_long = Bad(f"内容过长，最多 {max_length} 个字。")
    unfit = Bad(f"格式不对：{pattern_zh or pattern}。")
    control = Bad("含有不可见的控制字符。")

    def read(content: str) -> object:
        if len(content) > max_length:
            return too_long
        if not content.isprintable() and any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in content):
            return control
        if matches is not None and not matches(content):
            return unfit
        return content

    return read


def _code(choices: Mapping[str, str]) -> _One:
    known = {word: code for code, word in choices.items()} | {code: code for code in choices}
    allowed = "、".join(f"{word}[{code}]" if word != code else code for code, word in choices.items())
    unknown = Bad(f"不在允许的范围内，可填：{allowed}。")

    def read(content: str) -> object:
        return known.get(content) or known.get(_half_width(content)) or known.get(content.lower()) or unknown

    return read


def _half_width(content: str) -> str:
    return unicodedata.normalize("NFKC", content).replace(" ", "")


_DATE: Final = re.compile(r"([0-9]{4})([-/])([0-9]{1,2})\2([0-9]{1,2})|([0-9]{4})([0-9]{2})([0-9]{2})")
_DATE_BAD: Final = Bad("不是日期，应写作 2026-07-10、2026/7/10 或 20260710。")
_NO_SUCH_DAY: Final = Bad("没有这一天。")
_MONTH: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_MONTH_BAD: Final = Bad("不是月份，应写作 2026-07。")
_MOMENT: Final = re.compile(r"(\S+)[ T]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_MOMENT_BAD: Final = Bad("不是时间，应写作 2026-07-10 09:30 或 2026-07-10 09:30:00。")
_MONEY: Final = re.compile(r"([+-]?)([0-9]{1,12})(?:\.([0-9]{1,2}))?")
_MONEY_BAD: Final = Bad("不是金额，应以元计，最多两位小数，不带逗号和单位。")
_DECIMAL1: Final = re.compile(r"([+-]?)([0-9]{1,9})(?:\.([0-9]))?")
_DECIMAL1_BAD: Final = Bad("应为数字，最多一位小数。")
_INT: Final = re.compile(r"[+-]?[0-9]{1,15}")
_INT_BAD: Final = Bad("应为整数。")
_FIRST_YEAR: Final = 1800


def _date(content: str) -> object:
    found = _DATE.fullmatch(content) or _DATE.fullmatch(_half_width(content))
    if found is None:
        return _DATE_BAD
    year, _, month, day, *packed = found.groups()
    if year is None:
        year, month, day = packed
    if int(year) < _FIRST_YEAR:
        return _DATE_BAD
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return _NO_SUCH_DAY


def _month(content: str) -> object:
    found = _MONTH.fullmatch(content) or _MONTH.fullmatch(_half_width(content))
    return found.group() if found and int(found.group(1)) >= _FIRST_YEAR else _MONTH_BAD


def _moment(content: str) -> object:
    found = _MOMENT.fullmatch(content)
    if found is None:
        return _MOMENT_BAD
    day = _date(found.group(1))
    if not isinstance(day, date):
        return day
    try:
        clock = (int(found.group(2)), int(found.group(3)), int(found.group(4) or 0))
        return datetime(day.year, day.month, day.day, *clock, tzinfo=COUNTY_ZONE)
    except ValueError:
        return _MOMENT_BAD


def _scaled(shape: re.Pattern[str], digits: int, bad: Bad) -> _One:
    def read(content: str) -> object:
        found = shape.fullmatch(content) or shape.fullmatch(_half_width(content))
        if found is None:
            return bad
        sign, whole, fraction = found.groups()
        amount = int(whole + (fraction or "").ljust(digits, "0"))
        return -amount if sign == "-" else amount

    return read


def _int(content: str) -> object:
    found = _INT.fullmatch(content) or _INT.fullmatch(_half_width(content))
    return int(found.group()) if found else _INT_BAD


_NUMBERS: Final[dict[str, _One]] = {
    "money": _scaled(_MONEY, 2, _MONEY_BAD),
    "decimal1": _scaled(_DECIMAL1, 1, _DECIMAL1_BAD),
    "int": _int,
}
_PLAIN: Final[dict[str, _One]] = {"date": _date, "month": _month, "datetime": _moment}


def _at_least(minimum: int | None, read: _One, kind: str) -> _One:
    if minimum is None:
        return read
    too_little = Bad(f"不能小于 {cell_formatter(kind)(minimum)}。")

    def read_checked(content: str) -> object:
        value = read(content)
        return too_little if isinstance(value, int) and value < minimum else value

    return read_checked


def _write_scaled(digits: int) -> Callable[[object], str]:
    unit = 10**digits

    def write(value: object) -> str:
        if not isinstance(value, int):
            raise TypeError(f"an integer amount is expected, not {type(value).__name__}")
        whole, rest = divmod(abs(value), unit)
        return f"{'-' if value < 0 else ''}{whole}.{rest:0{digits}d}"

    return write


def _write_date(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _write_moment(value: object) -> str:
    if not isinstance(value, datetime):
        return str(value)
    local = value.astimezone(COUNTY_ZONE)
    return local.strftime("%Y-%m-%d %H:%M:%S" if local.second else "%Y-%m-%d %H:%M")


_WRITERS: Final[dict[str, Callable[[object], str]]] = {
    "money": _write_scaled(2),
    "decimal1": _write_scaled(1),
    "date": _write_date,
    "datetime": _write_moment,
}


def cell_formatter(kind: str) -> Callable[[object], str]:
    """How a value of this kind is written: two decimals from fen, ISO dates, county time; anything else as it is."""
    return _WRITERS.get(kind, str)
