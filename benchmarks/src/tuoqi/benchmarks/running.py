"""A platform of a benchmark's own, and what its processes use: CPU by part, peak memory by part."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import psutil

from tuoqi.cli.local import control
from tuoqi.cli.local.home import Home
from tuoqi.cli.local.plan import Endpoints, Plan, Service
from tuoqi.cli.local.vault import Vault, read_secret

SAMPLE_S = 0.1
TOPICS = "tuoqi.cli.topics:apply"


@dataclass(frozen=True, slots=True)
class Running:
    """A platform that runs."""

    home: Home
    endpoints: Endpoints

    def database_url(self, service: str) -> str:
        """A service's database, as the role that owns its schema."""
        password = read_secret(Vault(self.home.secrets).migrator(service))
        return f"postgresql://tuoqi_{service}_migrator:{password}@{self.endpoints.postgres}/tuoqi_{service}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which a `tuoqi` command means this platform."""
        return {**os.environ, "TUOQI_HOME": str(self.home.root), "TUOQI_CACHE": str(self.home.shared_cache)}


@contextmanager
def platform_of(services: Sequence[str], *, clock_start: str = "") -> Iterator[Running]:
    """Kafka, PostgreSQL and these services in a home of their own, gone afterwards; with a start the clock is set."""
    root = Path(tempfile.mkdtemp(prefix="tuoqi-bench-"))
    root.chmod(0o755)
    home = Home(root, Home.from_environment().shared_cache)
    found: list[Endpoints] = []
    plan = Plan(services=tuple(Service.of(name) for name in services), topics=TOPICS)
    if clock_start:
        plan = replace(plan, clock="settable", clock_start=clock_start)
    try:
        control.up(home, plan, detach=True, say=lambda _: None, ready=found.append)
        yield Running(home, found[0])
    finally:
        control.down(home)
        shutil.rmtree(root, ignore_errors=True)


@dataclass
class Watch:
    """Looks at a platform's processes ten times a second while its block runs."""

    running: Running
    others: dict[str, psutil.Process] = field(default_factory=dict)
    """Processes beside the platform's, by name; may be added while it watches."""
    memory_mb: dict[str, float] = field(default_factory=dict)
    """Peaks by part. PostgreSQL's is the largest of its processes, whose shared buffers all of them count."""
    cpu_s: dict[str, float] = field(default_factory=dict)
    """By part, children included."""

    def __enter__(self) -> Self:
        parts = {part.name: part.pid for part in control.status(self.running.home).parts if part.pid}
        self._parts = {name: psutil.Process(pid) for name, pid in parts.items()}
        self._before = {name: _cpu(process) for name, process in self._parts.items()}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()
        self.cpu_s = {name: round(_cpu(process) - self._before[name], 1) for name, process in self._parts.items()}

    def _look(self) -> None:
        while not self._over.wait(SAMPLE_S):
            for name, process in {**self._parts, **self.others}.items():
                with suppress(psutil.NoSuchProcess):
                    family = [process, *process.children()]
                    peak = max(_memory(one) for one in family)
                    self.memory_mb[name] = max(self.memory_mb.get(name, 0.0), round(peak, 1))


def conditions(**more: object) -> dict[str, Any]:
    """What a report says about its circumstances."""
    return {
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "durability": "synchronous_commit=on, acks=all",
        "switched_off": "nothing",
        **more,
    }


def _memory(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        return float(process.memory_info().rss) / 1e6
    return 0.0


def _cpu(process: psutil.Process) -> float:
    total = 0.0
    with suppress(psutil.NoSuchProcess):
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
    return total
