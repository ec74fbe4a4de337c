"""Templates of banks: what they write, what they read, and what they refuse."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tuoqi.payments.domain.bankfiles import (
    Answer,
    BankFileError,
    Splitter,
    file_name,
    read_reply,
    render,
    table,
    totals_of,
)
from tuoqi.payments.domain.banks import BankFormat, Reply, parse_banks
from tuoqi.payments.domain.policy_fields import PolicyError

FIXED: dict[str, Any] = {
    "key": "fixed",
    "name": "定长",
    "kind": "fixed_width",
    "encoding": "gb18030",
    "rows_per_file": 2,
    "banks": [{"code": "ccb", "names": ["建设银行"]}],
    "other_banks": "other",
    "header": [
        {"name": "类型", "from": "const", "const": "1", "width": 1},
        {"name": "笔数", "from": "count", "width": 4, "pad": "0", "align": "right"},
        {"name": "合计", "from": "sum", "width": 10, "pad": "0", "align": "right", "unit": "fen"},
    ],
    "columns": [
        {"name": "账号", "from": "account_no", "width": 20},
        {"name": "户名", "from": "account_name", "width": 8},
        {"name": "金额", "from": "amount", "width": 8, "pad": "0", "align": "right", "unit": "fen"},
        {"name": "流水", "from": "instruction_id", "width": 12},
    ],
    "reply": {
        "kind": "fixed_width",
        "encoding": "gb18030",
        "columns": [
            {"name": "流水", "from": "instruction_id", "width": 12},
            {"name": "金额", "from": "amount", "width": 8, "pad": "0", "align": "right", "unit": "fen"},
            {"name": "码", "from": "result", "width": 2},
            {"name": "日期", "from": "settled_on", "width": 8},
            {"name": "原因", "from": "return_reason", "width": 10},
        ],
        "trailer": [
            {"name": "笔数", "from": "count", "width": 4, "pad": "0", "align": "right"},
            {"name": "合计", "from": "sum", "width": 10, "pad": "0", "align": "right", "unit": "fen"},
        ],
        "results": {"00": "SUCCESS", "99": "RETURNED"},
    },
}
CSV: dict[str, Any] = {
    "key": "csv",
    "name": "清单",
    "kind": "csv",
    "encoding": "gb18030",
    "delimiter": "|",
    "headings": True,
    "rows_per_file": 100,
    "columns": [
        {"name": "账号", "from": "account_no"},
        {"name": "金额", "from": "amount"},
        {"name": "流水", "from": "instruction_id"},
        {"name": "序号", "from": "nth"},
    ],
    "reply": {
        "kind": "csv",
        "encoding": "gb18030",
        "headings": True,
        "columns": [
            {"name": "流水", "from": "instruction_id"},
            {"name": "状态", "from": "result"},
            {"name": "日期", "from": "settled_on"},
            {"name": "金额", "from": "amount"},
        ],
        "results": {"好": "SUCCESS", "坏": "RETURNED"},
    },
}


def _format(row: dict[str, Any]) -> BankFormat:
    return parse_banks({"banks.yaml": {"county": "990101", "formats": [row]}}, "990101").formats[0]


def _reply(row: dict[str, Any]) -> Reply:
    reply = _format(row).reply
    assert reply is not None
    return reply


def _instruction(
    nth: int, *, bank: str = "建设银行城关支行", name: str = "甲乙", fen: int = 5_000
) -> dict[str, str | int]:
    return {
        "batch": "2024-01-b1", "instruction_id": f"2024-01-{nth:04d}", "account_name": name,
        "account_no": f"62999900000000{nth:04d}", "bank": bank, "amount": fen, "memo": "低保金",
    }  # fmt: skip


def test_a_fixed_width_file_pads_by_bytes_and_carries_count_and_sum() -> None:
    format_ = _format(FIXED)
    splitter = Splitter(format_)
    assert splitter.add(_instruction(1)) is None
    full = splitter.add(_instruction(2, name="甲某人乙", fen=7))
    assert full is not None
    data = render(format_, full, totals_of(full, "2024-01", 1))
    assert data.decode("gb18030").split("\r\n") == [
        "100020000005007",
        "629999000000000001  甲乙    000050002024-01-0001",
        "629999000000000002  甲某人乙000000072024-01-0002",
        "",
    ]
    assert [len(line) for line in data.split(b"\r\n")[1:3]] == [48, 48]
    assert file_name(format_, "2024-01", 1, full) == "2024-01-b1-fixed-ccb-001.txt"


def test_a_value_that_does_not_fit_is_refused_and_never_cut() -> None:
    format_ = _format(FIXED)
    splitter = Splitter(format_)
    splitter.add(_instruction(1, name="甲某人乙丙"))
    (part,) = splitter.rest()
    with pytest.raises(BankFileError) as refused:
        render(format_, part, totals_of(part, "2024-01", 1))
    assert (refused.value.slug, refused.value.detail["field"]) == ("payments.bank_field_too_long", "户名")


def test_files_are_split_by_bank_and_by_their_most_rows() -> None:
    format_ = _format(FIXED)
    splitter = Splitter(format_)
    banks = ["建设银行甲", "农行", "建设银行乙", "建设银行丙", "农行"]
    full = [part for nth, bank in enumerate(banks) if (part := splitter.add(_instruction(nth, bank=bank)))]
    files = [(part.code, part.nth, len(part.records), part.amount_fen) for part in [*full, *splitter.rest()]]
    assert files == [("ccb", 1, 2, 10_000), ("other", 1, 2, 10_000), ("ccb", 2, 1, 5_000)]


def test_a_csv_file_has_headings_its_own_delimiter_and_yuan() -> None:
    format_ = _format(CSV)
    splitter = Splitter(format_)
    splitter.add(_instruction(1, fen=123_456))
    (part,) = splitter.rest()
    text = render(format_, part, totals_of(part, "2024-01", 1)).decode("gb18030")
    assert text == "账号|金额|流水|序号\r\n629999000000000001|1234.56|2024-01-0001|1\r\n"
    assert table(format_, part, {})[0] == ["账号", "金额", "流水", "序号"]


def _line(identity: str, fen: int, code: str, day: str, reason: str = "") -> bytes:
    raw = f"{identity:<12}{fen:08d}{code}{day:<8}".encode("gb18030") + reason.encode("gb18030")
    return raw.ljust(40) + b"\n"


def test_a_fixed_width_reply_is_read_and_its_sums_checked() -> None:
    body = _line("2024-01-0001", 5_000, "00", "20240128") + _line("2024-01-0002", 0, "99", "", "户名不符")
    answers = read_reply(_reply(FIXED), body + b"00020000005000\n", [])
    assert answers == [
        Answer("2024-01-0001", "SUCCESS", "", "2024-01-28", "50.00"),
        Answer("2024-01-0002", "RETURNED", "户名不符", "", "0.00"),
    ]
    for wrong in (b"00030000005000\n", b"00020000005001\n"):
        with pytest.raises(BankFileError) as refused:
            read_reply(_reply(FIXED), body + wrong, [])
        assert refused.value.slug == "payments.bank_reply_sums"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param("流水,状态,日期\n1,好,2024-01-01\n", "缺少列 金额", id="a column is missing"),
        pytest.param(
            "流水,状态,日期,金额\n1,好了,2024-01-01,1\n", "结果“好了”不在模板中（好、坏）", id="an unknown word"
        ),
        pytest.param("流水,状态,日期,金额\n1,好,2024-01-01,一元\n", "金额不是数字", id="no number"),
        pytest.param("流水,状态,日期,金额\n1,好\n", "列数不够", id="a short row"),
    ],
)
def test_a_reply_that_does_not_fit_names_row_and_reason(data: str, reason: str) -> None:
    with pytest.raises(BankFileError) as refused:
        read_reply(_reply(CSV), data.encode("gb18030"), [])
    assert refused.value.detail["reason"] == reason


def test_a_table_reply_finds_its_columns_by_their_headings() -> None:
    data = "金额,流水,多余,状态,日期\n50,2024-01-0001,x,好,2024/01/28\n\n".encode("gb18030")
    assert read_reply(_reply(CSV), data, []) == [Answer("2024-01-0001", "SUCCESS", "", "2024-01-28", "50.00")]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        pytest.param({"kind": "pdf"}, "formats[0].kind", id="a kind that nobody writes"),
        pytest.param({"encoding": "latin-1"}, "formats[0].encoding", id="an encoding without Chinese"),
        pytest.param({"rows_per_file": 60_000}, "formats[0].rows_per_file", id="too many rows"),
        pytest.param({"columns": FIXED["columns"][:2]}, "formats[0].columns", id="no amount"),
        pytest.param({"other": 1}, "formats[0].other", id="a field that nobody reads"),
        pytest.param({"columns": [{"name": "x", "from": "amount"}]}, "formats[0].columns[0].width", id="no width"),
        pytest.param(
            {"columns": [{**FIXED["columns"][0], "pad": "零"}]}, "formats[0].columns[0].pad", id="a pad of two bytes"
        ),
        pytest.param(
            {"reply": {**FIXED["reply"], "results": {"00": "SUCCESS"}}}, "formats[0].reply.results", id="no return"
        ),
    ],
)
def test_a_faulty_template_names_file_place_and_reason(change: dict[str, Any], path: str) -> None:
    with pytest.raises(PolicyError) as refused:
        _format({**deepcopy(FIXED), **change})
    assert refused.value.path == f"banks.yaml: {path}"
    assert refused.value.reason
