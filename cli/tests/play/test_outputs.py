"""What a play leaves behind, and the keys that make it the same every time."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tuoqi.cli.local.home import Home
from tuoqi.cli.local.vault import Vault, read_secret
from tuoqi.cli.play.calendar import read_calendar
from tuoqi.cli.play.keys import folder_hash, seed_keys
from tuoqi.cli.play.outputs import clear, lines_by_programme, sort_key, write_summary
from tuoqi.cli.play.player import Played
from tuoqi.contracts.payments.v1 import cycle_pb2
from tuoqi.contracts.payments.v1 import payments_service_pb2 as pb


def _folder(root: Path, content: str = "x") -> Path:
    root.mkdir()
    (root / "a.csv").write_text(content)
    (root / "unnamed.txt").write_text(str(root))
    (root / "calendar.csv").write_text("date,action,kind,file,month\n2024-01-03,import,persons,a.csv,\n")
    return root


def test_keys_follow_from_the_content_alone_and_differ_from_each_other(tmp_path: Path) -> None:
    folders = [_folder(tmp_path / "one"), _folder(tmp_path / "two"), _folder(tmp_path / "three", "y")]
    keys = []
    for number, folder in enumerate(folders):
        home = Home(tmp_path / f"home{number}", tmp_path)
        seed_keys(home, folder_hash(folder, read_calendar(folder)))
        vault = Vault(home.secrets)
        vault.fill(())
        keys.append({name: read_secret(vault.keys / f"{name}.key") for name in ("identity", "lookup", "master")})
        assert stat.S_IMODE((vault.keys / "identity.key").stat().st_mode) == 0o600
    assert keys[0]["identity"] == keys[1]["identity"] != keys[2]["identity"]
    assert keys[0]["lookup"] == keys[1]["lookup"] != keys[0]["identity"]
    assert keys[0]["master"] != keys[1]["master"]
    assert len(bytes.fromhex(keys[0]["identity"])) == 32


def test_keys_of_a_home_that_has_some_are_never_replaced(tmp_path: Path) -> None:
    home = Home(tmp_path, tmp_path)
    seed_keys(home, b"a" * 32)
    with pytest.raises(FileExistsError):
        seed_keys(home, b"b" * 32)


def test_lines_are_sorted_by_programme_person_month_and_type() -> None:
    columns = ["周期[cycle]", "项目[programme]", "人员编号[person_id]", "享受月份[benefit_month]", "类型[line_type]"]
    rows = [["c", "b", "p1", "2024-01", "REGULAR"], ["c", "a", "p2", "2024-02", "REGULAR"],
            ["c", "a", "p2", "2024-02", "BACKPAY"], ["c", "a", "p2", "2024-01", "REGULAR"]]  # fmt: skip
    assert sorted(rows, key=sort_key("payment_lines", columns)) == [rows[3], rows[2], rows[1], rows[0]]


def test_an_earlier_run_is_cleared_away_and_nothing_else(tmp_path: Path) -> None:
    for name in ("payment_lines-2024-01-2.csv", "bank_instructions-2024-01.csv", "summary.json", "alerts.csv"):
        (tmp_path / name).write_text("old")
    kept = {"notes.txt", "payment_lines-old.csv", "persons.csv"}
    for name in kept:
        (tmp_path / name).write_text("kept")
    clear(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == kept


def _total(programme: str, line_type: str, lines: int, fen: int) -> cycle_pb2.ProgrammeTotal:
    return cycle_pb2.ProgrammeTotal(programme=programme, line_type=line_type, lines=lines, amount_fen=fen)


def test_sums_leave_cancelled_cycles_out() -> None:
    cycles = [
        pb.Cycle(state="INSTRUCTED", totals=[_total("dibao", "REGULAR", 2, 60_000)]),
        pb.Cycle(state="POSTED", totals=[_total("dibao", "REGULAR", 1, 30_000), _total("dibao", "RECOVERY", 1, -500)]),
        pb.Cycle(state="CANCELLED", totals=[_total("dibao", "REGULAR", 9, 9)]),
    ]
    assert lines_by_programme(cycles) == {
        "dibao": {"RECOVERY": {"lines": 1, "fen": -500}, "REGULAR": {"lines": 3, "fen": 90_000}}
    }


def test_the_summary_says_where_a_run_stopped(tmp_path: Path) -> None:
    played = Played(failed_row=7, failure="没有这种文件 [cli.unknown_kind]")
    with played.timed("import"):
        pass
    write_summary(played, {"tuoqi.registry.person.v1": 3}, tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert (summary["failed_row"], summary["failure"]) == (7, "没有这种文件 [cli.unknown_kind]")
    assert list(summary["seconds"]) == ["import"]
