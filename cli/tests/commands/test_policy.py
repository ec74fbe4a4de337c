"""`tuoqi policy check` on a folder: every service reads it, every fault is told, and no platform is needed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tuoqi.cli.__main__ import app

DEMO = Path(__file__).parents[3] / "deploy" / "counties" / "990101"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEMO, tmp_path / "county"))


def spoil(folder: Path, name: str, before: str, after: str) -> int:
    """Replaces a text once; the line on which it stood."""
    text = (folder / name).read_text("utf-8")
    assert before in text
    (folder / name).write_text(text.replace(before, after, 1), "utf-8")
    return text[: text.index(before)].count("\n") + 1


def test_a_folder_that_is_right_is_described(folder: Path) -> None:
    shown = CliRunner().invoke(app, ["policy", "check", str(folder), "--month", "2026-11"])
    assert shown.exit_code == 0
    assert "old_age_allowance\t高龄津贴\t2024-01\t\t80–89 周岁\t50.00" in shown.stdout
    assert "没有问题" in shown.stderr


def test_the_faults_of_all_services_are_told_at_once_with_file_and_line(folder: Path) -> None:
    lines = {
        "payments/programmes.yaml": spoil(folder, "payments/programmes.yaml", "category: tekun", "category: tekunn"),
        "visits/grades.yaml": spoil(folder, "visits/grades.yaml", "age_below: 18", "age_belo: 18"),
    }
    told = CliRunner().invoke(app, ["policy", "check", str(folder), "--json"])
    answer = json.loads(told.stdout)
    assert told.exit_code == 1
    assert answer["services"] == ["registry", "visits", "payments", "alerts"]
    found = {fault["file"]: fault["line"] for fault in answer["faults"]}
    assert found["payments/programmes.yaml"] == lines["payments/programmes.yaml"]
    assert abs(found["visits/grades.yaml"] - lines["visits/grades.yaml"]) <= 1
    assert len(answer["faults"]) == 2


def test_a_folder_that_is_none_is_refused_with_a_sentence(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["policy", "check", str(tmp_path / "none")])
    assert told.exit_code != 0
    assert "没有这个文件夹" in told.stderr
