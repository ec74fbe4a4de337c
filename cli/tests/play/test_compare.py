"""Two payment_lines files side by side."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tuoqi.cli.__main__ import app
from tuoqi.cli.comparing import compare, summarised
from tuoqi.kit.errors import TuoqiError

OURS = (
    "项目[programme],人员编号[person_id],姓名[name],证件号码[id_number],享受月份[benefit_month],类型[line_type],"
    "金额[amount],原因[reason],说明[explanation]\n"
)
OLD = "programme,证件号码,姓名,benefit_month,类型,金额\n"
ONE, TWO, THREE = "629999195001010015", "629999195001010023", "629999195001010031"


def _write(tmp_path: Path, name: str, header: str, *rows: str) -> Path:
    path = tmp_path / name
    path.write_text(header + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def _both(tmp_path: Path) -> tuple[Path, Path]:
    old = _write(
        tmp_path, "old.csv", OLD,
        f"dibao,{ONE},甲,2024-01,REGULAR,300",
        f"dibao,{TWO},乙,2024-01,REGULAR,300.00",
        f"dibao,{THREE},丙,2024-01,REGULAR,50.5",
    )  # fmt: skip
    new = _write(
        tmp_path, "new.csv", OURS,
        f"dibao,p1,甲,{ONE},2024-01,REGULAR,300.00,interval_amount,按认定金额。",
        f"dibao,p2,乙,{TWO},2024-01,REGULAR,250.00,interval_amount,金额已调整。",
        f"dibao,p2,乙,{TWO},2023-12,BACKPAY,0.05,late_fact,补发。",
    )  # fmt: skip
    return old, new


def test_every_line_is_equal_different_or_in_one_file_only(tmp_path: Path) -> None:
    outcomes = [(d.outcome, d.line["name"], d.old_fen, d.new_fen) for d in compare(*_both(tmp_path))]
    assert sorted(outcomes) == [
        ("DIFFERENT", "乙", 30_000, 25_000),
        ("EQUAL", "甲", 30_000, 30_000),
        ("NEW_ONLY", "乙", 0, 5),
        ("OLD_ONLY", "丙", 5_050, 0),
    ]


def test_sums_are_by_programme_and_reason(tmp_path: Path) -> None:
    assert summarised(compare(*_both(tmp_path))) == [
        ("dibao", "", "OLD_ONLY", 1, 5_050, 0),
        ("dibao", "interval_amount", "DIFFERENT", 1, 30_000, 25_000),
        ("dibao", "interval_amount", "EQUAL", 1, 30_000, 30_000),
        ("dibao", "late_fact", "NEW_ONLY", 1, 0, 5),
    ]


def test_the_command_writes_every_row_with_our_explanation(tmp_path: Path) -> None:
    old, new = _both(tmp_path)
    out = tmp_path / "differences.csv"
    result = CliRunner().invoke(app, ["compare", str(old), str(new), "--out", str(out)])
    assert result.exit_code == 0
    assert "一致 1，仅旧有 1，仅新有 1，金额不同 1" in result.stderr
    with out.open(encoding="utf-8-sig", newline="") as file:
        rows = {row["结果[outcome]"]: row for row in csv.DictReader(file)}
    assert rows["DIFFERENT"]["差额[difference]"] == "-50.00"
    assert rows["DIFFERENT"]["说明[explanation]"] == "金额已调整。"
    assert out.stat().st_mode & 0o077 == 0


def test_lines_of_one_key_in_several_cycles_are_summed(tmp_path: Path) -> None:
    row = f"dibao,p1,甲,{ONE},2024-01,REGULAR,-0.01,r,e"
    new = _write(tmp_path, "new.csv", OURS, row, row)
    (only,) = compare(new, new)
    assert (only.outcome, only.new_fen) == ("EQUAL", -2)


def test_masked_numbers_never_stand_for_a_person(tmp_path: Path) -> None:
    old = _write(tmp_path, "old.csv", "programme,id_number,benefit_month,line_type,amount\n",
                 "dibao,629999********0015,2024-01,REGULAR,1")  # fmt: skip
    with pytest.raises(TuoqiError) as refusal:
        compare(old, old)
    assert refusal.value.slug == "compare.person"


@pytest.mark.parametrize("amount", ["1.234", "eins", ""])
def test_an_amount_that_is_none_is_named_by_file_and_row(tmp_path: Path, amount: str) -> None:
    old = _write(tmp_path, "old.csv", OLD, f"dibao,{ONE},甲,2024-01,REGULAR,{amount}")
    with pytest.raises(TuoqiError) as refusal:
        compare(old, old)
    assert refusal.value.details["row"] == 2
