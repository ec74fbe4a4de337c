"""What is shown while something long is under way."""

from __future__ import annotations

import pytest

from tuoqi.cli import output
from tuoqi.cli.output import Progress


def test_progress_tells_rate_and_time_left_from_the_first_word_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows that a broken-off load took before are no speed of this one."""
    now = [0.0]
    monkeypatch.setattr(output.time, "monotonic", lambda: now[0])
    progress = Progress("persons", rated=True)
    now[0] = 100.0
    progress.tell(40_000, 100_000)
    now[0] = 200.0
    progress.tell(60_000, 100_000)
    assert progress.done == 60_000
    assert "persons 60000/100000 200 行/秒，约剩 3 分 20 秒" in capsys.readouterr().err


def test_unrated_progress_tells_only_how_far(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(output.time, "monotonic", lambda: now[0])
    progress = Progress("play")
    now[0] = 10.0
    progress.tell(3, 9)
    assert capsys.readouterr().err == "play 3/9\n"
