"""Writes a table as the public file contract wants it: UTF-8 with BOM and CRLF, or XLSX with every cell as text.

A file appears whole or not at all: it is written beside its place and renamed.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

import xlsxwriter

from tuoqi.kit.errors import TuoqiError, register_errors

Write = Callable[[Sequence[str]], None]
"""Appends one row."""
PRIVATE: Final = 0o600
PUBLIC: Final = 0o644
_SHEET_ROWS_MAX: Final = 1_048_576

register_errors(
    {
        "file.unwritable": ("FAILED_PRECONDITION", "文件 {name} 写不了：{detail}。"),
        "file.too_long": ("OUT_OF_RANGE", "XLSX 一张表最多 1048576 行，请改用 .csv。"),
    }
)


@contextmanager
def writing(path: Path, *, mode: int = PUBLIC) -> Iterator[Write]:
    """A table that stands at `path` once the block ends well; a spreadsheet where the name ends so.

    Raises file.unwritable, file.too_long.
    """
    with _drafted(path, mode) as draft, _sheet(draft) if path.suffix.lower() == ".xlsx" else _text(draft) as write:
        yield write


@contextmanager
def text_file(path: Path, *, mode: int = PUBLIC) -> Iterator[TextIO]:
    """A text that stands at `path` once the block ends well. Raises file.unwritable."""
    with _drafted(path, mode) as draft, draft.open("w", encoding="utf-8") as file:
        yield file


@contextmanager
def _drafted(path: Path, mode: int) -> Iterator[Path]:
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode))
        try:
            yield draft
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise TuoqiError("file.unwritable", name=str(path), detail=error.strerror or error) from error


@contextmanager
def _text(draft: Path) -> Iterator[Write]:
    with draft.open("w", encoding="utf-8-sig", newline="") as file:
        yield csv.writer(file).writerow


@contextmanager
def _sheet(draft: Path) -> Iterator[Write]:
    book = xlsxwriter.Workbook(str(draft), {"constant_memory": True})
    yield _SheetWriter(book.add_worksheet()).write
    book.close()


class _SheetWriter:
    """Rows of one worksheet; each cell is text, so that no identity number becomes a number and no text a formula."""

    def __init__(self, sheet: Any) -> None:
        self._sheet = sheet
        self._row = 0

    def write(self, cells: Sequence[str]) -> None:
        if self._row >= _SHEET_ROWS_MAX:
            raise TuoqiError("file.too_long")
        for column, cell in enumerate(cells):
            self._sheet.write_string(self._row, column, cell)
        self._row += 1
