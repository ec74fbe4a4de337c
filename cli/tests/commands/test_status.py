"""`tuoqi status` and `tuoqi screening`: help, sums of money, and the platform's own status as before."""

from __future__ import annotations

from typing import Any

import pytest

COMMANDS = """
status show|status history|status open|status change|status end|status hear|status snapshot|status categories
screening lists|screening run|screening list|screening decide
"""


@pytest.mark.parametrize("command", [c.strip() for line in COMMANDS.split("\n") for c in line.split("|") if c.strip()])
def test_every_command_has_help_with_an_example_and_machine_output(fakes: Any, command: str) -> None:
    result = fakes.run(*command.split(), "--help")
    assert result.exit_code == 0
    assert f"Example: tuoqi {command}" in result.stdout
    assert "--json" in result.stdout


@pytest.mark.parametrize("amount", ["7.005", "-7", "七", "1,000", "1.x", "٣"])
def test_a_sum_that_is_no_sum_goes_nowhere(fakes: Any, amount: str) -> None:
    given = ("status", "open", "T1", "--category", "低保", "--reason", "applied", "--by", "clerk.li")
    result = fakes.run(*given, "--amount", amount)
    assert result.exit_code == 1
    assert "cli.not_money" in result.stderr


def test_without_a_subject_it_is_still_the_platforms_own_status(fakes: Any) -> None:
    result = fakes.run("status", "--json")
    assert '"parts"' in result.stdout
