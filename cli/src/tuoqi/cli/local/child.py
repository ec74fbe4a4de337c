"""Keeps one part running: starts it, waits until it is ready, starts it again when it ends, and gives up in time."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.process import Part, ending, start, stop, tail

DELAY_S_FIRST = 0.5
DELAY_S_MAX = 5.0
WINDOW_S = 60.0
STARTS_MAX = 10
"""Starts within the window, before a part that was up is given up."""
STARTS_MAX_NEW = 3
"""The same for a part that never was up: most likely its settings are wrong, and the caller waits."""


def delay_s(starts_in_window: int) -> float:
    """Seconds to wait before the next start, after so many in the last minute."""
    return min(DELAY_S_MAX, DELAY_S_FIRST * 2.0 ** max(0, starts_in_window - 1))


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One line of `tuoqi status`."""

    name: str
    state: str
    """waiting, starting, up, restarting, stopping, stopped or failed"""
    pid: int | None
    restarts: int
    since: str
    """UTC, ISO 8601"""
    message: str = ""


class Child:
    """One part and its process.

    `on_change` is called at each change of state, `on_failure` once if the part is given up after it was up.
    """

    def __init__(
        self, part: Part, logs: Path, *, on_change: Callable[[], None], on_failure: Callable[[LocalError], None]
    ) -> None:
        self.part = part
        self.status = PartStatus(part.name, "waiting", None, 0, _now())
        self._logs = logs
        self._on_change = on_change
        self._on_failure = on_failure
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._starts: list[float] = []

    async def start(self) -> None:
        """Start and return when the part is ready.

        Raises:
            LocalError: if it does not get ready; the end of its log says why.
        """
        self._keeper = asyncio.create_task(self._keep(), name=f"keeper of {self.part.name}")
        up = asyncio.create_task(self._up.wait())
        try:
            await asyncio.wait({up, self._keeper}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
        if not self._up.is_set():
            await self._keeper

    async def stop(self) -> None:
        """End the part, with whatever it is doing; returns when its process is gone."""
        failed = self.status.state == "failed"
        if self._keeper:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._process and self._process.returncode is None:
            self._show("stopping")
            await stop(self._process, self.part)
        if not failed:
            self._show("stopped", pid=None)

    async def _keep(self) -> None:
        try:
            while True:
                self._count_start()
                self._process = await start(self.part, self._logs)
                self._show("starting" if not self._up.is_set() else "restarting", pid=self._process.pid)
                why = await self._watch(self._process)
                self._show("restarting", pid=None, restarts=self.status.restarts + 1, message=why)
                await asyncio.sleep(delay_s(len(self._starts)))
        except LocalError as error:
            self._show("failed", pid=None, message=str(error))
            if self._up.is_set():
                self._on_failure(error)
            raise

    async def _watch(self, process: asyncio.subprocess.Process) -> str:
        """Follow one process from start to end; returns why it ended."""
        ended = asyncio.create_task(process.wait())
        ready = asyncio.ensure_future(self.part.ready())
        try:
            await asyncio.wait({ended, ready}, timeout=self.part.ready_s_max, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done() and not ready.done():
                await stop(process, self.part)
                return f"was not ready within {self.part.ready_s_max:.0f} s"
            if ready.done() and not ended.done():
                ready.result()
                self._up.set()
                self._show("up", message="")
            return f"ended: {ending(await ended)}"
        finally:
            ready.cancel()
            ended.cancel()
            await asyncio.gather(ready, ended, return_exceptions=True)

    def _count_start(self) -> None:
        now = time.monotonic()
        self._starts = [at for at in self._starts if now - at < WINDOW_S]
        limit = STARTS_MAX if self._up.is_set() else STARTS_MAX_NEW
        if len(self._starts) >= limit:
            log = self._logs / f"{self.part.name}.log"
            raise LocalError(
                f"{self.part.name} was started {len(self._starts)} times within {WINDOW_S:.0f} s and is given up "
                f"({self.status.message}); the end of {log}:\n{tail(log)}"
            )
        self._starts.append(now)

    def _show(self, state: str, **changes: object) -> None:
        current = self.status
        pid = changes.get("pid", current.pid)
        self.status = PartStatus(
            name=current.name,
            state=state,
            pid=pid if isinstance(pid, int) else None,
            restarts=int(str(changes.get("restarts", current.restarts))),
            since=_now(),
            message=str(changes.get("message", current.message)),
        )
        self._on_change()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
