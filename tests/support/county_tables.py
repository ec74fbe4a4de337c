"""The county's CSV files, read and written by tests."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path


def cells(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of one of the county's files."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = list(csv.reader(file))
    return header, rows


def write_cells(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    """A file of the same kind with these rows."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def column(header: Sequence[str], key: str) -> int:
    """The place of the column with this key."""
    return next(index for index, cell in enumerate(header) if f"[{key}]" in cell)


def column_of(path: Path, key: str) -> list[str]:
    """One column of a file."""
    header, rows = cells(path)
    return [row[column(header, key)] for row in rows]
