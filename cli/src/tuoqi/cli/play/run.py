"""One run from start to stop: a platform of its own, the calendar, the tables, and nothing left behind."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from tuoqi.cli.commands.local import TOPICS
from tuoqi.cli.local import control
from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.home import Home
from tuoqi.cli.local.kafka import ADMIN
from tuoqi.cli.local.plan import Endpoints, Plan
from tuoqi.cli.platform import Platform, county_dir, here, kafka_address
from tuoqi.cli.play.calendar import OPENING, Act, Step, agenda, read_calendar
from tuoqi.cli.play.keys import folder_hash, seed_keys
from tuoqi.cli.play.officers import Officers
from tuoqi.cli.play.outputs import clear, write_summary, write_tables
from tuoqi.cli.play.player import Played, Player
from tuoqi.contracts.topics import topics
from tuoqi.kit.clock import COUNTY_ZONE
from tuoqi.kit.kafka_tools import ends_of

Told = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Run:
    """What to play, and where."""

    folder: Path
    out: Path
    reveal: bool = False
    home: Path | None = None
    """Where the platform lives; kept afterwards. None: a folder for the time, removed afterwards."""


def play(run: Run, say: Callable[[str], None], told: Told) -> dict[str, Any]:
    """Play a folder; the summary, which says where the run stopped if it did.

    Raises LocalError where no platform can be started, and what a missing calendar or a failing export raises.
    """
    steps = read_calendar(run.folder)
    for step in steps:
        if step.problem:
            say(f"第 {step.row} 行不能执行，将在该行停止：{step.problem}")
    clear(run.out)
    played = Played()
    with _ended_by_signal(), _home(run.home) as home:
        seed_keys(home, folder_hash(run.folder, steps))
        with _platform(home, _start_of(steps), played, say):
            asyncio.run(_play(run, home, steps, played, told))
            ends = ends_of(kafka_address(home, ADMIN), sorted(topics()))
    return write_summary(played, ends, run.out)


async def _play(run: Run, home: Home, steps: list[Step], played: Played, told: Told) -> None:
    acts = list(agenda(steps))
    place = 0

    def tell(act: Act) -> None:
        nonlocal place
        told(place, len(acts), describe(act))
        place += 1

    async with Platform.of(home) as platform, Officers(platform) as officers:
        await Player(run.folder, officers, played).play(acts, tell)
        with played.timed("export"):
            await write_tables(officers.finance, played, run.out, reveal=run.reveal)


def describe(act: Act) -> str:
    """An act for the progress line."""
    step = act.step
    if act.approval:
        return f"{act.at:%Y-%m-%d} approve {step.month}"
    return f"{act.at:%Y-%m-%d} {step.action} {step.kind or step.month}".strip()


def _start_of(steps: list[Step]) -> datetime:
    day = next((step.day for step in steps if step.day), None)
    if day is None:
        raise LocalError("No row of the calendar can be played.")
    return datetime.combine(day, OPENING, COUNTY_ZONE)


@contextmanager
def _home(given: Path | None) -> Iterator[Home]:
    """An empty home; the caches are those of every platform of this user."""
    cache = here().shared_cache
    if given is not None:
        home = Home(given.absolute(), cache)
        if home.postgres.is_dir() or home.secrets.is_dir():
            raise LocalError(f"{home.root} already holds a platform; `play` needs an empty folder.")
        home.create()
        yield home
        return
    root = Path(tempfile.mkdtemp(prefix="tuoqi-play-"))
    try:
        # PostgreSQL refuses to run as root; its own user must reach its folder inside.
        root.chmod(0o755)
        home = Home(root, cache)
        home.create()
        yield home
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def _platform(home: Home, start: datetime, played: Played, say: Callable[[str], None]) -> Iterator[None]:
    plan = Plan(topics=TOPICS, county=str(county_dir()), clock="settable", clock_start=start.isoformat())

    def ready(_endpoints: Endpoints) -> None:
        say("platform is up")

    try:
        with played.timed("start"):
            control.up(home, plan, detach=True, say=say, ready=ready)
        yield
    finally:
        with played.timed("stop"):
            control.down(home)


@contextmanager
def _ended_by_signal() -> Iterator[None]:
    """A polite end stops the platform too, as Ctrl-C does."""

    def leave(number: int, _frame: object) -> NoReturn:
        sys.exit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
