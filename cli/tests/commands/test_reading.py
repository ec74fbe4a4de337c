"""Tables as counties have them: encodings, spreadsheets, numbers that Excel spoilt."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
import xlsxwriter

from tuoqi.cli.files.reading import open_table
from tuoqi.kit.errors import TuoqiError

TEXT = "姓名[name],备注[note]\r\n张三,\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_text_is_the_same_in_every_encoding_that_counties_use(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(TEXT.encode(encoding))
    table = open_table(path)
    assert table.columns == ["姓名[name]", "备注[note]"]
    assert list(table.rows()) == [(2, ["张三", ""])]
    assert table.total_rows == 1


def test_other_bytes_are_refused_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\r\n\xff\xff,1\r\n")
    with pytest.raises(TuoqiError) as refusal:
        open_table(path)
    assert refusal.value.slug == "file.encoding"


def test_a_cell_with_a_line_break_is_one_row_and_blank_lines_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('a,b\n"x\ny",1\n\nz,2\n', encoding="utf-8")
    assert [(n, cells) for n, cells in open_table(path).rows() if cells] == [(2, ["x\ny", "1"]), (4, ["z", "2"])]


@pytest.mark.parametrize(("content", "slug"), [(b"", "file.empty"), (b"PK\x03\x04 not a sheet", "file.unreadable")])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes, slug: str) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(TuoqiError) as refusal:
        open_table(path)
    assert refusal.value.slug == slug


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(TuoqiError) as refusal:
        open_table(tmp_path / "none.csv")
    assert refusal.value.details["name"] == "none.csv"


def test_spreadsheet_cells_become_the_text_that_the_contract_wants(tmp_path: Path) -> None:
    """Dates are ISO, whole numbers have no point; a number longer than Excel keeps is never filled up with noughts."""
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["date", "moment", "code", "amount", "id", "text"])
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_datetime(1, 0, datetime(1950, 3, 1), day)  # noqa: DTZ001 -- spreadsheets know no zones
        sheet.write_datetime(1, 1, datetime(2026, 11, 1, 9, 30), day)  # noqa: DTZ001
        sheet.write_number(1, 2, 990101101001)
        sheet.write_number(1, 3, 780.5)
        sheet.write_number(1, 4, 629999195001010015)
        sheet.write_string(1, 5, "629999195001010015")
    table = open_table(path)
    assert table.columns[0] == "date"
    assert list(table.rows()) == [
        (2, ["1950-03-01", "2026-11-01 09:30:00", "990101101001", "780.5", "6.29999E+17", "629999195001010015"])
    ]


def test_a_table_that_begins_lower_keeps_the_numbers_that_a_person_sees(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        sheet.write_row(2, 0, ["a"])
        sheet.write_row(3, 0, ["x"])
    assert list(open_table(path).rows()) == [(4, ["x"])]
    text = tmp_path / "a.csv"
    text.write_text("\n,\na\nx\n", encoding="utf-8")
    assert open_table(text).columns == ["a"]
    assert list(open_table(text).rows()) == [(4, ["x"])]
