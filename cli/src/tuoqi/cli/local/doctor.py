"""Can this machine run the platform? One line for each thing that commonly stands in the way."""

import os
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import psutil

from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.home import Home, read_json
from tuoqi.cli.local.jars import find_java, locked_jars, missing_jars
from tuoqi.cli.local.leftovers import supervisor_of
from tuoqi.cli.local.plan import SERVICES
from tuoqi.cli.local.ports import holder, is_free
from tuoqi.cli.local.postgres import postgres_server

PYTHON_MIN = (3, 11)
FIRST_START_BYTES = 1_500_000_000
"""Jars, a copy of PostgreSQL, Kafka's and PostgreSQL's first files, and a demo county."""
NEXT_START_BYTES = 300_000_000
MEMORY_BYTES = 1_500_000_000
"""1 GB for services and PostgreSQL, the rest for Kafka."""


@dataclass(frozen=True, slots=True)
class Check:
    """One finding."""

    name: str
    ok: bool
    message: str


def examine(home: Home, services: Iterable[str] = SERVICES) -> list[Check]:
    """Every check, in the order in which a start would meet it; changes nothing but missing folders."""
    return [
        _guarded("folders", lambda: _folders(home)),
        _python(),
        _guarded("disk", lambda: _space(home)),
        _memory(),
        _guarded("postgres", lambda: _postgres(home)),
        _guarded("java", lambda: f"{find_java()}"),
        _jars(home),
        *_ports(home, tuple(services)),
    ]


def require_space(home: Home) -> None:
    """Stop before a start that would fill the disk.

    Raises:
        LocalError: naming the folder, what is free and what is needed.
    """
    _space(home)


def _guarded(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, ok=True, message=look())
    except LocalError as error:
        return Check(name, ok=False, message=str(error))


def _folders(home: Home) -> str:
    home.create()
    if not os.access(home.run, os.W_OK):
        raise LocalError(f"{home.run} cannot be written by this user; it belongs to another one.")
    return f"{home.root}, downloads in {home.shared_cache}"


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("python", ok=sys.version_info[:2] >= PYTHON_MIN, message=f"Python {version}; 3.11 or later is needed")


def _space(home: Home) -> str:
    first = not (home.postgres / "data").is_dir()
    needed = FIRST_START_BYTES if first else NEXT_START_BYTES
    free = shutil.disk_usage(home.root).free
    text = f"{free / 1e9:.1f} GB free in {home.root}, {needed / 1e9:.1f} GB needed"
    if free < needed:
        raise LocalError(f"There is not enough space: {text}.")
    return text


def _memory() -> Check:
    free = psutil.virtual_memory().available
    return Check("memory", ok=free >= MEMORY_BYTES, message=f"{free / 1e9:.1f} GB available, 1.5 GB needed")


def _postgres(home: Home) -> str:
    if os.environ.get("TUOQI_DATABASE"):
        return "TUOQI_DATABASE is used"
    server = postgres_server(home, port=0)
    return f"{server.binaries}{f', as user {server.user}' if server.user else ''}"


def _jars(home: Home) -> Check:
    if os.environ.get("KAFKA_HOME") or os.environ.get("TUOQI_KAFKA"):
        return Check("kafka", ok=True, message="KAFKA_HOME or TUOQI_KAFKA is used")
    missing, total = len(missing_jars(home.shared_cache)), len(locked_jars())
    text = f"{total - missing} of {total} jars fetched and whole"
    return Check("kafka", ok=True, message=text + ("; `tuoqi up` fetches the rest (44 MB)" if missing else ""))


def _ports(home: Home, services: tuple[str, ...]) -> list[Check]:
    kept: dict[str, int] = read_json(home.run / "platform.json").get("ports", {})
    if supervisor_of(home):
        return [Check("ports", ok=True, message="in use by this platform, which is running")]
    taken = [f"{port} ({name}) by {holder(port)}" for name, port in kept.items() if not is_free(port)]
    if taken:
        return [Check("ports", ok=True, message=f"in use: {', '.join(taken)}; another one is chosen at the next start")]
    return [Check("ports", ok=True, message=f"{2 * len(services) + 3} are free or chosen at the first start")]
