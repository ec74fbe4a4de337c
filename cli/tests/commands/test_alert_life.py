"""`tuoqi alerts`: every command explains itself, and a report names its subject once."""

from __future__ import annotations

from typing import Any

import pytest

COMMANDS = [
    "alerts report", "alerts reports", "alerts kinds", "alerts show", "alerts act", "alerts close", "alerts confirm",
    "alerts send-back", "alerts reopen", "alerts warning issue", "alerts warning end", "alerts warning list",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_about_alerts_has_help_with_an_example_and_machine_output(fakes: Any, command: str) -> None:
    result = fakes.run(*command.split(), "--help")
    assert result.exit_code == 0
    assert f"Example: tuoqi {command}" in result.stdout
    assert "--json" in result.stdout


@pytest.mark.parametrize("about", [(), ("--person", "a", "--facility", "b"), ("--unknown", "--place", "W-1")])
def test_a_report_names_one_subject_and_no_more(fakes: Any, about: tuple[str, ...]) -> None:
    result = fakes.run("alerts", "report", "child_missing", *about, "--by", "worker.tian")
    assert result.exit_code != 0
    assert "--unknown" in result.output


def test_evidence_is_written_as_kind_and_reference(fakes: Any) -> None:
    result = fakes.run("alerts", "act", "a", "remedy", "--evidence", "photo", "--by", "worker.tian")
    assert result.exit_code != 0
    assert "photo=" in result.output
