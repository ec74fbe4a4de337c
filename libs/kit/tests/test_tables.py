"""Headers are found, cells are read and written, each bad cell is named, and it is fast."""

from __future__ import annotations

import time
from datetime import date, datetime

import pytest

from tuoqi.kit.clock import COUNTY_ZONE
from tuoqi.kit.errors import TuoqiError, meaning_of
from tuoqi.kit.masking import mask_number
from tuoqi.kit.tables import CLEAR, Column, Header, Kind, ParsedRow, Problem, Value, format_row, parse_rows

NAME = Column("name", "姓名", required=True)
NUMBER = Column("id_number", "证件号码", masked=True)
CATEGORY = Column("category", "类别", "code", choices={"dibao": "低保", "tekun": "特困"})
AMOUNT = Column("amount", "金额", "money")
BIRTH = Column("birth_date", "出生日期", "date")
COLUMNS = (NAME, NUMBER, CATEGORY, AMOUNT, BIRTH)


def read(kind: Kind, cell: str, *, minimum: int | None = None) -> object:
    """The value of one cell, or the reason why it was rejected."""
    column = Column("x", "某", kind, minimum=minimum)
    good, problems = parse_rows(Header.match(["x", "n"], [column, Column("n", "号")]), [(2, [cell, "1"])])
    return problems[0].reason if problems else good[0].values["x"]


@pytest.mark.parametrize(
    "cells",
    [
        ["姓名[name]", "证件号码[id_number]", "类别[category]", "金额[amount]", "出生日期[birth_date]"],
        ["\ufeff姓名", "证件号码", "类别", "金额", "出生日期"],
        ["name", "ID_NUMBER", "category", "amount", "birth_date"],
        [" 姓 名 【name】", "证件号码［id_number］", "类别［ category ］", "金额 ", "\u3000出生日期"],
    ],
)
def test_a_header_is_found_as_printed_in_chinese_in_english_and_as_people_type_it(cells: list[str]) -> None:
    header = Header.match(cells, COLUMNS)
    assert header.positions == (0, 1, 2, 3, 4)
    assert header.warnings == ()


def test_order_is_free_and_extra_columns_only_warn() -> None:
    header = Header.match(["备用", "金额", "", "姓名"], COLUMNS)
    assert header.positions == (3, None, None, 1, None)
    assert header.warnings == ("多余的列不读入：备用。",)
    good, problems = parse_rows(header, [(2, ["secret", "1.5", "", "甲"])])
    assert problems == []
    values: dict[str, Value] = {"name": "甲", "id_number": None, "category": None, "amount": 150, "birth_date": None}
    assert good == [ParsedRow(2, values)]


@pytest.mark.parametrize(
    ("cells", "slug", "says"),
    [
        (["金额", "类别"], "table.missing_columns", "姓名[name]"),
        (["姓名", "name"], "table.column_twice", "姓名[name]"),
        (["甲", "乙"], "table.no_columns", "表头"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused(cells: list[str], slug: str, says: str) -> None:
    with pytest.raises(TuoqiError) as refused:
        Header.match(cells, COLUMNS)
    assert refused.value.slug == slug
    assert says in meaning_of(refused.value)[1]


@pytest.mark.parametrize("cell", ["2026-07-10", "2026/7/10", "20260710", " 2026-7-10 ", "２０２６-07-10"])
def test_a_date_is_read_in_every_form(cell: str) -> None:
    assert read("date", cell) == date(2026, 7, 10)


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("text", "  甲 乙 ", "甲 乙"),
        ("text", "", None),
        ("text", " 清空 ", CLEAR),
        ("date", "清空", CLEAR),
        ("date", "2024-02-29", date(2024, 2, 29)),
        ("month", "2026-07", "2026-07"),
        ("money", "50", 5000),
        ("money", "-50.00", -5000),
        ("money", "-0.05", -5),
        ("money", "0.1", 10),
        ("money", "+12.34", 1234),
        ("money", "１２.5", 1250),
        ("decimal1", "-0.3", -3),
        ("decimal1", "102", 1020),
        ("int", "-7", -7),
        ("datetime", "2026-07-10 9:05", datetime(2026, 7, 10, 9, 5, tzinfo=COUNTY_ZONE)),
        ("datetime", "2026/7/10 23:59:58", datetime(2026, 7, 10, 23, 59, 58, tzinfo=COUNTY_ZONE)),
    ],
)
def test_a_cell_becomes_its_value(kind: Kind, cell: str, value: object) -> None:
    assert read(kind, cell) == value


@pytest.mark.parametrize(
    ("kind", "cell", "says"),
    [
        ("money", "1.234", "两位小数"),
        ("money", "1,000", "金额"),
        ("money", "1e3", "金额"),
        ("money", "五十", "金额"),
        ("money", "9999999999999", "金额"),
        ("decimal1", "0.25", "一位小数"),
        ("int", "1.0", "整数"),
        ("date", "2026-02-30", "没有这一天"),
        ("date", "2025-02-29", "没有这一天"),
        ("date", "2026-07/10", "不是日期"),
        ("date", "45000", "不是日期"),
        ("date", "0026-07-10", "不是日期"),
        ("month", "2026-13", "不是月份"),
        ("month", "202607", "不是月份"),
        ("datetime", "2026-07-10", "不是时间"),
        ("datetime", "2026-07-10 24:00", "不是时间"),
        ("datetime", "2026-02-30 09:00", "没有这一天"),
        ("text", "a\x00b", "控制字符"),
        ("text", "字" * 501, "过长"),
    ],
)
def test_a_cell_that_cannot_be_read_is_a_problem_with_its_reason(kind: Kind, cell: str, says: str) -> None:
    reason = read(kind, cell)
    assert isinstance(reason, str)
    assert says in reason


def test_a_coded_cell_takes_the_code_or_the_word_and_lists_what_is_allowed() -> None:
    header = Header.match(["姓名", "类别"], COLUMNS)
    good, problems = parse_rows(header, [(2, ["甲", "低保"]), (3, ["乙", "Tekun"]), (4, ["丙", "低保户"])])
    assert [row.values["category"] for row in good] == ["dibao", "tekun"]
    (problem,) = problems
    assert (problem.row_number, problem.column, problem.value) == (4, "类别[category]", "低保户")
    assert "低保[dibao]、特困[tekun]" in problem.reason


def test_minimum_and_pattern_bound_a_column() -> None:
    assert read("money", "-0.01", minimum=0) == "不能小于 0.00。"
    code = Column("code", "区划代码", pattern="[0-9]{12}", pattern_zh="应为 12 位数字")
    _, problems = parse_rows(Header.match(["code"], [code]), [(2, ["99010110120"])])
    assert problems[0].reason == "格式不对：应为 12 位数字。"


def test_a_bad_row_loses_only_itself_and_names_every_bad_cell() -> None:
    header = Header.match(["姓名", "金额", "出生日期"], COLUMNS)
    rows = [(2, ["甲", "1", "20260101"]), (3, ["", "x", "y"]), (4, ["清空", "2", ""]), (5, ["乙"]), (6, ["", " ", ""])]
    good, problems = parse_rows(header, rows)
    assert [row.number for row in good] == [2, 5]
    assert [(p.row_number, p.column) for p in problems] == [
        (3, "姓名[name]"),
        (3, "金额[amount]"),
        (3, "出生日期[birth_date]"),
        (4, "姓名[name]"),
    ]


def test_a_row_wider_than_the_header_is_not_taken() -> None:
    """A comma without quotes shifts cells; taking the row would put them into the wrong columns."""
    good, problems = parse_rows(Header.match(["姓名"], COLUMNS), [(2, ["甲", "", " "]), (3, ["乙", "住址"])])
    assert [row.number for row in good] == [2]
    assert [problem.row_number for problem in problems] == [3]


def test_a_problem_never_shows_a_private_number() -> None:
    """In masked columns nothing in full; elsewhere whatever looks like a number that landed in the wrong column."""
    assert NUMBER.problem(7, "629999194001010018", "校验位不对。") == Problem(
        7, "证件号码[id_number]", "629999********0018", "校验位不对。"
    )
    assert "62999919400101001" not in AMOUNT.problem(7, "629999194001010018", "不是金额。").value
    assert mask_number("13912345678") == "139****5678"
    assert mask_number("12345678") == "12****78"
    assert mask_number("1234567") == "1******"
    assert mask_number("") == ""


def test_a_row_is_written_as_the_contract_says() -> None:
    values = {"name": "甲", "category": "dibao", "amount": -5000, "birth_date": date(1940, 1, 1)}
    assert format_row(COLUMNS, values) == ["甲", "", "dibao", "-50.00", "1940-01-01"]
    moments = (Column("a", "甲", "datetime"), Column("b", "乙", "decimal1"), Column("c", "丙", "money"))
    at = datetime(2026, 7, 10, 9, 5, tzinfo=COUNTY_ZONE)
    assert format_row(moments, {"a": at, "b": -3, "c": 5}) == ["2026-07-10 09:05", "-0.3", "0.05"]
    with pytest.raises(TypeError):
        format_row((AMOUNT,), {"amount": 50.0})


def test_what_is_written_is_read_back_the_same() -> None:
    header = Header.match([column.heading for column in COLUMNS], COLUMNS)
    values: dict[str, Value] = {
        "name": "甲",
        "id_number": "x",
        "category": "tekun",
        "amount": -1,
        "birth_date": date(2000, 2, 29),
    }
    good, problems = parse_rows(header, [(2, format_row(COLUMNS, values))])
    assert problems == []
    assert good == [ParsedRow(2, values)]


def test_fifty_thousand_rows_of_twenty_columns_take_at_most_a_second() -> None:
    """Half of the columns unique text, as in a roster; measured in CPU time, for other work shares the machine."""
    groups: list[tuple[Kind, int]] = [("text", 12), ("date", 3), ("money", 2), ("int", 2), ("datetime", 1)]
    kinds = [kind for kind, count in groups for _ in range(count)]
    columns = [Column(f"c{place}", f"列{place}", kind) for place, kind in enumerate(kinds)]
    header = Header.match([column.key for column in columns], columns)
    rows = [
        (n, [*[f"{n}-{p}" for p in range(12)], "2026-07-10", f"19{n % 90 + 10}-01-02", "", f"{n}.5", "50", "3", "", ""])
        for n in range(50_000)
    ]
    begin = time.process_time()
    good, problems = parse_rows(header, rows)
    took = time.process_time() - begin
    assert (len(good), len(problems)) == (50_000, 0)
    assert took <= 1.0
