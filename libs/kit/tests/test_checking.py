"""A county's folder is checked as a service reads it, with every fault on one line of JSON and an exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tuoqi.kit.checking import Findings, attempt, check
from tuoqi.kit.county import County, CountyError, Fault

USERS = {"users.yaml": "users: []\n", "roles.yaml": "roles: []\n"}


class PolicyError(ValueError):
    """A refusal that names its place, as services have them."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {"county.yaml": 'code: "990101"\nname: 示范县\n', "visits/a.yaml": "grades:\n  - name: x\n", **USERS}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def refuse(_county: County) -> Any:
    raise PolicyError("grades[0].name", "is wrong")


def test_a_refusal_that_names_a_place_in_the_only_file_gets_its_line(folder: Path) -> None:
    county = County.load(folder)
    assert attempt(refuse, county, "visits") == (Fault("visits/a.yaml", 2, "grades[0].name", "is wrong"),)
    (folder / "visits" / "b.yaml").write_text("a: 1\n", encoding="utf-8")
    assert attempt(refuse, County.load(folder), "visits") == (Fault("", 0, "", "grades[0].name: is wrong"),)
    assert attempt(lambda _: None, county) == ()


def test_what_is_found_is_one_line_of_json_and_an_exit_code(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("visits", folder, lambda _: Findings((), {"grades": 1})) == 0
    assert json.loads(capsys.readouterr().out) == {"service": "visits", "faults": [], "content": {"grades": 1}}
    assert check("visits", folder, lambda county: Findings(attempt(refuse, county, "visits"))) == 1
    (fault,) = json.loads(capsys.readouterr().out)["faults"]
    assert (fault["file"], fault["line"], fault["reason"]) == ("visits/a.yaml", 2, "is wrong")


def test_users_that_cannot_be_read_and_a_folder_that_is_none_are_faults(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "users.yaml").write_text("users: 1\n", encoding="utf-8")
    assert check("visits", folder, lambda _: Findings()) == 1
    assert "users" in capsys.readouterr().out
    assert check("visits", folder / "none", lambda _: Findings()) == 1


def test_a_fault_of_the_program_is_not_taken_for_one_of_the_files(folder: Path) -> None:
    def broken(_county: County) -> Findings:
        raise RuntimeError("a fault of ours")

    with pytest.raises(RuntimeError):
        check("visits", folder, broken)
    with pytest.raises(CountyError):
        County.load(folder).document("visits/none.yaml")
