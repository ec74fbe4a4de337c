"""A service dies where a test asks for it, once, and only on a platform with a settable clock."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tuoqi.kit import failpoints


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    signals: list[int] = []
    monkeypatch.setattr(os, "kill", lambda _pid, number: signals.append(number))
    monkeypatch.setattr(failpoints, "_prefix", "")
    failpoints.arm(tmp_path, "payments", allowed=True)
    return signals


def test_a_service_dies_once_at_an_armed_point_and_nowhere_else(tmp_path: Path, killed: list[int]) -> None:
    (tmp_path / "payments.command.begun").touch()
    (tmp_path / "visits.command.before_commit").touch()
    failpoints.reach("command.before_commit")
    assert killed == []
    failpoints.reach("command.begun")
    failpoints.reach("command.begun")
    assert killed == [signal.SIGKILL]


def test_a_number_says_how_many_times_the_point_is_passed_unharmed(tmp_path: Path, killed: list[int]) -> None:
    file = tmp_path / "payments.compute.progress"
    file.write_text("2")
    for _ in range(2):
        failpoints.reach("compute.progress")
    assert (killed, file.exists()) == ([], True)
    failpoints.reach("compute.progress")
    assert (killed, file.exists()) == ([signal.SIGKILL], False)


def test_a_live_platform_takes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="settable clock"):
        failpoints.arm(tmp_path, "payments", allowed=False)
