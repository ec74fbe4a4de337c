"""The clerk's terminal in the demonstration: runs the command itself, shows its answer and what the services then did."""

from __future__ import annotations

import json
import re
import subprocess  # what is shown is the command itself, run as a clerk runs it
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from tuoqi.kit.errors import TuoqiError, register_errors

CLERK: Final = "clerk.li"
PURPOSE: Final = "示范日"
LINES_SHOWN: Final = 14
_PROGRESS: Final = re.compile(r"\S+ [0-9]+/[0-9]+.*")
Say = Callable[[str], None]

register_errors({"day.step_failed": ("FAILED_PRECONDITION", "这一步没有成功：tuoqi {command}\n{answer}")})


class Terminal:
    """Runs commands on the platform of this home, all through the command line."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._began = datetime.now(UTC)

    def begin(self, title: str) -> None:
        """A new part of the day."""
        self._say(f"\n══ {title}")
        self._began = datetime.now(UTC)

    def note(self, text: str) -> None:
        """A sentence between commands."""
        self._say(f"  {text}")

    def run(self, *arguments: str) -> str:
        """A command that must succeed, shown with its answer. Raises day.step_failed."""
        self._say(f"$ tuoqi {' '.join(arguments)}")
        answer = _call(arguments)
        lines = [line for line in answer.splitlines() if not _PROGRESS.fullmatch(line)]
        for line in lines[:LINES_SHOWN]:
            self._say(f"    {line}")
        if len(lines) > LINES_SHOWN:
            self._say(f"    …… 共 {len(lines)} 行")
        return answer

    def ask(self, *arguments: str) -> list[dict[str, Any]]:
        """What a command answers to a program, one object a line; not shown. Raises day.step_failed."""
        lines = _call((*arguments, "--json"), with_sentences=False).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def settle(self) -> None:
        """Wait until everything is applied everywhere, so that nothing of this part is counted to the next."""
        _call(("clock", "settle"))

    def followed(self) -> dict[str, int]:
        """Wait until everything is applied everywhere; the events since this part of the day began, by kind."""
        self.settle()
        began = self._began.isoformat()
        (counts,) = self.ask("events", "tail", "--from", began, "--until-idle", "1", "--count")
        self._say(f"  → 随后的事件：{'、'.join(f'{kind} {count}' for kind, count in counts.items()) or '没有'}")
        return counts


def _call(arguments: Sequence[str], *, with_sentences: bool = True) -> str:
    """What a command prints: its table, and the sentences that it says beside it."""
    done = subprocess.run(  # noqa: S603  the program is this one, the arguments are the demonstration's own
        [sys.executable, "-m", "tuoqi.cli", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise TuoqiError("day.step_failed", command=" ".join(arguments), answer=done.stderr or done.stdout)
    return done.stdout + (done.stderr if with_sentences else "")
