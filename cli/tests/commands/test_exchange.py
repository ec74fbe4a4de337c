"""Files in and out through the command line, against a real gRPC server that follows the contract."""

from __future__ import annotations

import csv
import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

HEADER = "甲[a],乙[b]"


def _csv(tmp_path: Path, *rows: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "rows.csv"
    path.write_bytes(("\r\n".join((HEADER, *rows)) + "\r\n").encode(encoding))
    return path


def test_a_file_arrives_row_by_row_with_its_numbers_and_hash(fakes: Any, tmp_path: Path) -> None:
    """Rows keep the numbers that a person sees, chunks hold at most 1,000, the hash is that of the bytes."""
    path = _csv(tmp_path, *(f"{n},x" for n in range(2500)))
    result = fakes.run("import", "persons", path, "--by", "clerk.li", "--json")
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert fakes.files.chunks == [1000, 1000, 500]
    assert fakes.files.rows[0] == (2, ["0", "x"])
    assert fakes.files.rows[-1] == (2501, ["2499", "x"])
    assert fakes.files.header.content_hash == hashlib.sha256(path.read_bytes()).hexdigest()
    assert fakes.files.header.total_rows == 2500
    assert answer["rows_changed"] == 2500
    assert answer["warnings"] == ["列“多余”不在格式中。"]
    assert fakes.files.users == ["clerk.li"]


def test_a_broken_load_goes_on_after_the_row_that_was_taken(fakes: Any, tmp_path: Path) -> None:
    fakes.files.resume_after = 3
    assert fakes.run("import", "persons", _csv(tmp_path, "a,1", "b,2", "c,3"), "--by", "clerk.li").exit_code == 0
    assert [number for number, _ in fakes.files.rows] == [4]


def test_a_file_that_was_loaded_before_says_when_and_sends_nothing(fakes: Any, tmp_path: Path) -> None:
    fakes.files.loaded_before = True
    result = fakes.run("import", "persons", _csv(tmp_path, "a,1"), "--by", "clerk.li")
    assert result.exit_code == 0
    assert fakes.files.rows == []
    assert "已于 2023-11-15 06:13:20 导入过" in result.stderr


def test_rejected_rows_are_named_and_written_in_the_same_columns_for_their_owner_only(
    fakes: Any, tmp_path: Path
) -> None:
    rejects = tmp_path / "bad.csv"
    rejects.write_text("an older one, readable for all")
    rejects.chmod(0o644)
    path = _csv(tmp_path, "good,1", 'bad,"two, of them"', "bad")
    result = fakes.run("import", "persons", path, "--by", "clerk.li", "--rejects", rejects)
    assert result.exit_code == 0
    assert "3\t甲[a]\tb*d\t不对。" in result.stdout
    assert "退回 2 行" in result.stderr
    assert stat.S_IMODE(rejects.stat().st_mode) == 0o600
    with rejects.open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [
            ["甲[a]", "乙[b]", "原因[reason]"],
            ["bad", "two, of them", "甲[a]：不对。"],
            ["bad", "", "甲[a]：不对。"],
        ]


def test_dry_run_and_again_reach_the_service(fakes: Any, tmp_path: Path) -> None:
    fakes.run("import", "persons", _csv(tmp_path, "a,1"), "--by", "clerk.li", "--dry-run", "--again")
    assert fakes.files.header.dry_run
    assert fakes.files.header.again


def test_a_refusal_is_the_services_sentence_and_slug_on_stderr_and_exit_code_1(fakes: Any, tmp_path: Path) -> None:
    result = fakes.run("import", "persons", _csv(tmp_path, "a,1"), "--json")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.strip() == "请用 --by 说明经办人。 [auth.no_user]"


def test_the_user_may_come_from_the_environment(fakes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUOQI_USER", "clerk.feng")
    fakes.run("import", "persons", _csv(tmp_path, "a,1"))
    assert fakes.files.users == ["clerk.feng"]


def test_an_unknown_kind_names_the_known_ones(fakes: Any, tmp_path: Path) -> None:
    result = fakes.run("import", "pets", _csv(tmp_path, "a,1"), "--by", "clerk.li")
    assert result.exit_code == 1
    assert "cli.unknown_kind" in result.stderr
    assert "regions、persons" in result.stderr


def test_a_command_without_its_arguments_is_a_usage_error(fakes: Any) -> None:
    assert fakes.run("import", "persons").exit_code == 2


def test_a_platform_that_does_not_answer_is_said_so(fakes: Any, tmp_path: Path) -> None:
    platform = fakes.home / "run" / "platform.json"
    shape = json.loads(platform.read_text())
    shape["endpoints"]["grpc"]["registry"] = "127.0.0.1:1"
    platform.write_text(json.dumps(shape))
    result = fakes.run("import", "persons", _csv(tmp_path, "a,1"), "--by", "clerk.li")
    assert result.exit_code == 1
    assert "[platform.away]" in result.stderr


def test_an_export_is_utf8_with_bom_and_crlf(fakes: Any, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    result = fakes.run("export", "alerts", "--out", out, "--by", "clerk.li", "--json")
    assert json.loads(result.stdout)["rows"] == 2
    assert out.read_bytes() == "\ufeff甲[a],乙[b]\r\n1,2\r\n=1+1,身份\r\n".encode()
    assert not fakes.files.exported.reveal


def test_an_export_to_xlsx_keeps_every_cell_as_text(fakes: Any, tmp_path: Path) -> None:
    out = tmp_path / "out.xlsx"
    assert fakes.run("export", "alerts", "--out", out, "--reveal", "--by", "auditor.zhou").exit_code == 0
    with CalamineWorkbook.from_path(str(out)) as book:
        assert book.get_sheet_by_index(0).to_python() == [["甲[a]", "乙[b]"], ["1", "2"], ["=1+1", "身份"]]
    assert fakes.files.exported.reveal
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_a_broken_export_leaves_the_old_file_and_no_draft(fakes: Any, tmp_path: Path) -> None:
    out = tmp_path / "only" / "out.csv"
    out.parent.mkdir()
    out.write_text("old")
    fakes.files.export.append(["break"])
    assert fakes.run("export", "alerts", "--out", out, "--by", "clerk.li").exit_code == 1
    assert [path.name for path in out.parent.iterdir()] == ["out.csv"]
    assert out.read_text() == "old"
