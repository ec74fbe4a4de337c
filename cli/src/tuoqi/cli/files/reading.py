"""Reads a table as text: CSV (UTF-8 with or without BOM, GB18030) and XLSX. Rows are numbered as a person sees them."""

from __future__ import annotations

import codecs
import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Final

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from tuoqi.kit.errors import TuoqiError, register_errors

_BLOCK: Final = 1 << 20
_ZIP: Final = b"PK\x03\x04"
_COMPOUND: Final = b"\xd0\xcf\x11\xe0"
"""How an XLSX and an old XLS begin; the name's ending is often wrong."""
_EXACT_MAX: Final = 10**15
"""Excel keeps 15 digits of a number: of a longer one nobody knows the end."""

register_errors(
    {
        "file.unreadable": ("INVALID_ARGUMENT", "文件 {name} 读不出来：{detail}。"),
        "file.empty": ("INVALID_ARGUMENT", "文件 {name} 没有表头。"),
        "file.encoding": ("INVALID_ARGUMENT", "文件 {name} 既不是 UTF-8 也不是 GB18030 编码。"),
    }
)

Row = tuple[int, list[str]]
"""The row's number in the file, as a person sees it, and its cells as text."""


@dataclass(frozen=True)
class TableFile:
    """A table on disk, ready to be read as often as wanted."""

    path: Path
    columns: list[str]
    total_rows: int
    """Rows below the header."""
    content_hash: str
    """SHA-256 of the file's bytes, hex."""
    _encoding: str
    """Empty where it is a spreadsheet."""
    _sheet: CalamineSheet | None = None
    """Kept as the reader keeps it: as text it would take twice the memory."""

    def rows(self) -> Iterator[Row]:
        """The rows below the header, in order."""
        if self._sheet is not None:
            rows = _rows_of(self._sheet)
            _header(rows, self.path)
            yield from rows
            return
        with self.path.open(encoding=self._encoding, newline="") as file:
            lines = enumerate(csv.reader(file), start=1)
            _header(lines, self.path)
            yield from lines


def open_table(path: Path) -> TableFile:
    """Look at a file: what it is, its header, how many rows.

    Raises file.unreadable, file.empty and file.encoding.
    """
    try:
        start, digest = _bytes_of(path)
        if start.startswith((_ZIP, _COMPOUND)):
            return _spreadsheet(path, digest)
        return _text_table(path, digest)
    except (OSError, CalamineError, csv.Error) as error:
        detail = getattr(error, "strerror", None) or str(error)
        raise TuoqiError("file.unreadable", name=path.name, detail=detail) from error


def _bytes_of(path: Path) -> tuple[bytes, str]:
    """The first bytes, and the hash of all."""
    digest = hashlib.sha256()
    start = b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            start = start or block[:8]
            digest.update(block)
    return start, digest.hexdigest()


def _text_table(path: Path, digest: str) -> TableFile:
    encoding = _encoding_of(path)
    with path.open(encoding=encoding, newline="") as file:
        rows = enumerate(csv.reader(file), start=1)
        _, header = _header(rows, path)
        count = sum(1 for _ in rows)
    return TableFile(path, header, count, digest, encoding)


def _encoding_of(path: Path) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    decoder.decode(block)
                decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return encoding
    raise TuoqiError("file.encoding", name=path.name)


def _header(rows: Iterator[Row], path: Path) -> Row:
    """The first row with any content. Raises file.empty."""
    for number, cells in rows:
        if any(cell.strip() for cell in cells):
            return number, cells
    raise TuoqiError("file.empty", name=path.name)


def _spreadsheet(path: Path, digest: str) -> TableFile:
    with CalamineWorkbook.from_path(str(path)) as book:
        sheet = book.get_sheet_by_index(0)
    rows = _rows_of(sheet)
    _, header = _header(rows, path)
    return TableFile(path, header, sum(1 for _ in rows), digest, "", sheet)


def sheet_rows(path: Path) -> list[list[str]]:
    """All rows of a spreadsheet's first sheet as text, empty ones too. Raises OSError, CalamineError."""
    with CalamineWorkbook.from_path(str(path)) as book:
        return [cells for _, cells in _rows_of(book.get_sheet_by_index(0))]


def _rows_of(sheet: CalamineSheet) -> Iterator[Row]:
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        yield number, [cell if type(cell) is str else _text(cell) for cell in cells]


def _text(cell: object) -> str:
    """A spreadsheet's cell as text: dates in ISO, whole numbers without a point, all digits that Excel knows."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ", "seconds")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, int | float):
        return _number(cell)
    if isinstance(cell, timedelta):
        return str(cell)
    return str(cell)


def _number(cell: float) -> str:
    if abs(cell) >= _EXACT_MAX:
        # An identity number or account typed as a number has lost its last digits. Shown as Excel shows it, it is
        # refused; filled up with noughts, it might be somebody else's.
        return f"{cell:.5E}"
    return str(int(cell)) if cell == int(cell) else f"{cell:.15g}"
