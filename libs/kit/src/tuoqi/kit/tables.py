"""Tables of the public file contract: columns, headers, rows in and rows out. It knows no column by name.

A file of 50,000 rows with 20 columns is read within a second: each column has one parser, made once, and works on all
cells of the column in one go.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from functools import lru_cache
from typing import Final, Literal

from tuoqi.kit.cells import Bad, CellParser, cell_formatter, cell_parser
from tuoqi.kit.errors import TuoqiError, register_errors
from tuoqi.kit.masking import hide_private, mask_number

Kind = Literal["text", "date", "month", "money", "decimal1", "int", "code", "datetime"]


class Clear(Enum):
    """What the cell 清空 means: the stored value is to be emptied. An empty cell, None, leaves it as it is."""

    CLEAR = "清空"


CLEAR: Final = Clear.CLEAR

Value = str | int | date | datetime | None | Literal[Clear.CLEAR]
"""text, month, code → str; money → fen; decimal1 → tenths; int → int; date → date; datetime → county time with zone."""

register_errors(
    {
        "table.missing_columns": ("INVALID_ARGUMENT", "文件缺少必需的列：{columns}。"),
        "table.column_twice": ("INVALID_ARGUMENT", "列 {column} 在表头中出现了不止一次。"),
        "table.no_columns": ("INVALID_ARGUMENT", "表头没有一列可以识别，请对照文件格式。"),
    },
)


@dataclass(frozen=True)
class Column:
    """One column of a file kind."""

    key: str
    title_zh: str
    kind: Kind = "text"
    required: bool = False
    """The file must have the column and each row a value."""
    choices: Mapping[str, str] | None = None
    """For `code`: code → Chinese word; a cell may hold either. None: any code."""
    masked: bool = False
    """Identity numbers, accounts, phones: a report never shows the value in full."""
    max_length: int = 500
    """Characters of a text or code."""
    pattern: str = ""
    """A regular expression that the whole text must match; `pattern_zh` says it in words."""
    pattern_zh: str = ""
    minimum: int | None = None
    """The least money (fen), decimal (tenths) or int that is allowed."""

    @property
    def heading(self) -> str:
        """The header cell, `中文[key]`."""
        return f"{self.title_zh}[{self.key}]"

    def problem(self, row_number: int, value: str, reason: str, *, only_warning: bool = False) -> Problem:
        """A problem of a cell of this column, its value masked as the column wants it."""
        shown = mask_number(value) if self.masked else hide_private(value)
        return Problem(row_number, self.heading, shown[:100], reason, only_warning)


@dataclass(frozen=True, slots=True)
class Problem:
    """A cell that was rejected, or only doubted."""

    row_number: int
    column: str
    value: str
    """Masked."""
    reason: str
    """One Chinese sentence."""
    only_warning: bool = False


@dataclass(frozen=True, slots=True)
class ParsedRow:
    """One good row; every column of the kind has its value, None where the file lacks the column."""

    number: int
    """The row's number in the file, the header being row 1."""
    values: dict[str, Value]


@dataclass(frozen=True)
class Header:
    """Where the columns of a kind stand in one file."""

    columns: tuple[Column, ...]
    positions: tuple[int | None, ...]
    """For each column its place in the file's rows."""
    width: int
    warnings: tuple[str, ...]
    """Sentences in Chinese, like those about extra columns."""
    parsers: tuple[CellParser, ...] = field(repr=False, compare=False)

    @classmethod
    def match(cls, cells: Sequence[str], columns: Sequence[Column]) -> Header:
        """Find the columns by `中文[key]`, `中文` or `key`.

        Raises table.missing_columns, table.column_twice and table.no_columns. Extra columns only warn.
        """
        names = {_plain(name): column.key for column in columns for name in (column.title_zh, column.key)}
        places: dict[str, int] = {}
        extra: list[str] = []
        for place, cell in enumerate(cells):
            key = _find(cell, names)
            if key is None:
                if _plain(cell):
                    extra.append(cell.strip("\ufeff \u3000"))
            elif key in places:
                raise TuoqiError("table.column_twice", column=next(c.heading for c in columns if c.key == key))
            else:
                places[key] = place
        if not places:
            raise TuoqiError("table.no_columns")
        missing = [column.heading for column in columns if column.required and column.key not in places]
        if missing:
            raise TuoqiError("table.missing_columns", columns="、".join(missing))
        warnings = (f"多余的列不读入：{'、'.join(extra)}。",) if extra else ()
        return cls(
            columns=tuple(columns),
            positions=tuple(places.get(column.key) for column in columns),
            width=len(cells),
            warnings=warnings,
            parsers=tuple(_parser(column) for column in columns),
        )


_BRACKETS: Final = str.maketrans("【】［］〔〕", "[][][]", "\ufeff\u200b")
_BOTH: Final = re.compile(r"(.*)\[(.+)\]")


def _plain(cell: str) -> str:
    return "".join(unicodedata.normalize("NFKC", cell.translate(_BRACKETS)).split()).lower()


def _find(cell: str, names: Mapping[str, str]) -> str | None:
    plain = _plain(cell)
    both = _BOTH.fullmatch(plain)
    if both is None:
        return names.get(plain)
    return names.get(both.group(2)) or names.get(both.group(1))


def _parser(column: Column) -> CellParser:
    return cell_parser(
        column.kind,
        clear=CLEAR,
        choices=column.choices,
        max_length=column.max_length,
        pattern=column.pattern,
        pattern_zh=column.pattern_zh,
        minimum=column.minimum,
    )


_REQUIRED: Final = Bad("此列必填。")
_REQUIRED_CLEAR: Final = Bad("此列必填，不能清空。")
_TOO_WIDE: Final = "本行的格数多于表头，请检查逗号和引号。"


def parse_rows(header: Header, rows: Iterable[tuple[int, Sequence[str]]]) -> tuple[list[ParsedRow], list[Problem]]:
    """The good rows, and a problem for every rejected cell; a row with one is not among the good.

    `rows` are (row number, cells). Short rows are filled up with empty cells, rows without any content are passed over.
    """
    numbers, cells, problems = _even(header, rows)
    if not cells:
        return [], problems
    by_place = list(zip(*cells, strict=True))
    bad_rows: set[int] = set()
    parsed: list[Sequence[object]] = []
    empty: tuple[None, ...] = (None,) * len(cells)
    for column, place, parse in zip(header.columns, header.positions, header.parsers, strict=True):
        if place is None:
            parsed.append(empty)
            continue
        values, flawed = parse(by_place[place])
        if column.required or flawed:
            for index, bad in _find_bad(values, required=column.required):
                bad_rows.add(index)
                problems.append(column.problem(numbers[index], by_place[place][index].strip(), bad.reason))
        parsed.append(values)
    keys = [column.key for column in header.columns]
    good = [
        ParsedRow(number, dict(zip(keys, values, strict=True)))
        for index, (number, values) in enumerate(zip(numbers, zip(*parsed, strict=True), strict=True))
        if index not in bad_rows
    ]
    problems.sort(key=lambda problem: problem.row_number)
    return good, problems


def _even(
    header: Header, rows: Iterable[tuple[int, Sequence[str]]]
) -> tuple[list[int], list[Sequence[str]], list[Problem]]:
    """Rows of the header's width; too wide ones become problems."""
    width = header.width
    numbers: list[int] = []
    even: list[Sequence[str]] = []
    problems: list[Problem] = []
    for number, cells in rows:
        row: Sequence[str] = cells
        if len(row) != width:
            if any(cell.strip() for cell in row[width:]):
                problems.append(Problem(number, "", hide_private(row[width])[:100], _TOO_WIDE))
                continue
            row = [*row[:width], *[""] * (width - len(row))]
        if not any(row) or not "".join(row).strip():
            continue
        numbers.append(number)
        even.append(row)
    return numbers, even, problems


def _find_bad(values: Sequence[object], *, required: bool) -> list[tuple[int, Bad]]:
    found: list[tuple[int, Bad]] = []
    for index, value in enumerate(values):
        if isinstance(value, Bad):
            found.append((index, value))
        elif required and value is None:
            found.append((index, _REQUIRED))
        elif required and value is CLEAR:
            found.append((index, _REQUIRED_CLEAR))
    return found


@lru_cache(maxsize=64)
def _row_formatter(columns: tuple[tuple[str, Kind], ...]) -> Callable[[Mapping[str, object]], list[str]]:
    formatters = [(key, cell_formatter(kind)) for key, kind in columns]

    def format_it(values: Mapping[str, object]) -> list[str]:
        return ["" if (value := values.get(key)) is None else to_text(value) for key, to_text in formatters]

    return format_it


def row_formatter(columns: Sequence[Column]) -> Callable[[Mapping[str, object]], list[str]]:
    """The function that writes a row of these columns: values by key → cells."""
    return _row_formatter(tuple((column.key, column.kind) for column in columns))


def format_row(columns: Sequence[Column], values: Mapping[str, object]) -> list[str]:
    """One row as the contract writes it: codes, ISO dates, two decimals; a missing value is an empty cell."""
    return row_formatter(columns)(values)
