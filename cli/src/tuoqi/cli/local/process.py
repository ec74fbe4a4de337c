"""What a part of the platform is, how it is started, and its log.

A child runs in a process group of its own (Ctrl-C in the terminal does not reach it, the supervisor stops it in order)
and asks the kernel for a signal when the supervisor dies, so nothing outlives a `kill -9`.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from tuoqi.cli.local.errors import LocalError

LAUNCH = Path(__file__).parent / "launch.py"
LOG_BYTES_MAX = 10_000_000
TAIL_LINES = 12
TAIL_BYTES = 16_384


async def until(check: Callable[[], Awaitable[bool]], pause_s: float) -> None:
    """Ask again and again until the answer is yes; for ever otherwise, so the caller sets the limit."""
    while True:
        if await check():
            return
        await asyncio.sleep(pause_s)


async def at_once() -> None:
    """The readiness of a part that is ready as soon as it runs."""


@dataclass(frozen=True, slots=True)
class Part:
    """One program of the platform: everything the supervisor must know to keep it running."""

    name: str
    command: tuple[str, ...]
    ready: Callable[[], Awaitable[None]] = at_once
    """Returns when the program does its work; asked anew after each start, cancelled if the program ends."""
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    """The unprivileged user to run as, where the platform runs as root."""
    ready_s_max: float = 60.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_s_max: float = 10.0
    """After this many seconds a stop is no longer asked for but done (SIGKILL)."""
    orphan_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends when the supervisor dies."""


async def start(part: Part, logs: Path) -> asyncio.subprocess.Process:
    """Start one part with its log."""
    command = (*launcher("child"), str(os.getpid()), str(int(part.orphan_signal)), part.user, *part.command)
    with open_log(logs / f"{part.name}.log") as log:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=child_environment(part.env),
            process_group=0,
        )


async def run_once(part: Part, logs: Path, *, timeout_s: float = 120.0) -> None:
    """Run a program that must end by itself with success, such as a migration.

    Raises:
        LocalError: with the end of its log, if it fails or takes too long.
    """
    process = await start(part, logs)
    log = logs / f"{part.name}.log"
    try:
        code = await asyncio.wait_for(process.wait(), timeout_s)
    except TimeoutError as error:
        raise LocalError(f"{part.name} did not end within {timeout_s:.0f} s: {tail(log)}") from error
    finally:
        if process.returncode is None:
            send(process.pid, signal.SIGKILL)
            await process.wait()
    if code:
        raise LocalError(f"{part.name} failed ({ending(code)}); the end of {log}:\n{tail(log)}")


async def stop(process: asyncio.subprocess.Process, part: Part) -> None:
    """Ask a part to end, and end it when it takes longer than it may; returns when it is gone."""
    if process.returncode is None:
        send(process.pid, part.stop_signal, group=False)
        try:
            await asyncio.wait_for(process.wait(), part.stop_s_max)
        except TimeoutError:
            send(process.pid, signal.SIGKILL)
            await process.wait()


def send(pid: int, number: signal.Signals, *, group: bool = True) -> None:
    """Signal a child, or its whole group; one that is gone needs none."""
    try:
        if group:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        return


def launcher(act: str) -> Sequence[str]:
    """The command that becomes another one (see launch.py); `-I -S` makes it start in 15 ms."""
    return (sys.executable, "-I", "-S", str(LAUNCH), act)


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without the superuser's address, plus what the part needs."""
    inherited = {k: v for k, v in os.environ.items() if k not in {"TUOQI_DATABASE", "TUOQI_DATABASE_PASSWORD_FILE"}}
    return {**inherited, "PYTHONUNBUFFERED": "1", **extra}


def ending(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    return f"killed by {signal.Signals(-code).name}"


def open_log(path: Path) -> BinaryIO:
    """Open a log for appending, so that it can be cut while a child writes to it."""
    rotate(path)
    return path.open("ab")


def rotate(path: Path, bytes_max: int = LOG_BYTES_MAX) -> None:
    """Keep one older log beside the present one. Copied and cut, because children hold the file open."""
    try:
        if path.stat().st_size <= bytes_max:
            return
    except FileNotFoundError:
        return
    # On a full disk the copy fails, and cutting the log is what helps.
    with contextlib.suppress(OSError):
        shutil.copyfile(path, path.with_suffix(".log.1"))
    os.truncate(path, 0)


def tail(path: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:]) or "(empty log)"
