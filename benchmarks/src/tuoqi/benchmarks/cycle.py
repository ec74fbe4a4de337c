"""`tuoqi bench cycle`: computing a month's payments for a county of so many people, beside COPY of the same rows.

What is measured is `compute` of the payments service in a process of its own: facts as known at the cut-off, lines,
cash, ledger, sums and events in one durable transaction. The month is an ordinary one: a cycle went before it, and of
two people in a hundred something became known since. The first cycle of the county, in which everybody is looked at, is
measured as well. Each run works on a copy of the same database, and so does its limit.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import psutil

from tuoqi.benchmarks import cycle_limit, payees
from tuoqi.benchmarks.cluster import Cluster, cpu_s, database_of
from tuoqi.benchmarks.cycle_naive import naive
from tuoqi.benchmarks.running import SAMPLE_S, conditions
from tuoqi.payments.domain.months import Month

CURVE: Final = (10_000, 100_000)
"""Sizes measured before the one that is asked for, where they are smaller."""
FIRST: Final = Month.parse("2024-01")
NEXT: Final = Month.parse("2024-02")
NAIVE_PERSONS: Final = 2_000
_LIVE: Final = "tuoqi_payments"
_KEPT: Final = "kept"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Run:
    """One computing, and COPY of what it wrote."""

    seconds: float
    cpu_s: dict[str, float]
    memory_mb: float
    rows: dict[str, int]
    limit_s: float
    limit_cpu_s: float

    @property
    def times(self) -> float:
        """How many times COPY it took."""
        return self.seconds / self.limit_s


@dataclass(frozen=True, slots=True)
class Point:
    """One size of the curve."""

    persons: int
    changed: int
    first: Run
    runs: list[Run]

    @property
    def median(self) -> Run:
        """The run of the middle ratio."""
        return sorted(self.runs, key=lambda run: run.times)[len(self.runs) // 2]


def bench_cycle(persons: int, runs: int, say: Say) -> dict[str, Any]:
    """The whole measurement; one JSON object."""
    sizes = [size for size in CURVE if size < persons] + [persons]
    points = []
    for size in sizes:
        with database_of("payments") as cluster:
            say(f"{size:,} people: facts")
            points.append(_point(cluster, size, runs, say))
            if size == persons:
                say(f"the naive way, one ORM transaction for each of {NAIVE_PERSONS:,} people")
                county = Path(cluster.environment["TUOQI_COUNTY_DIR"])
                rates = [_naive_rate(cluster, county) for _ in range(min(runs, 3))]
    return _report(points, rates)


def _point(cluster: Cluster, persons: int, runs: int, say: Say) -> Point:
    payees.fill(f"{cluster.superuser}/{_LIVE}", persons)
    _clone(cluster, _LIVE, _KEPT)
    say(f"{persons:,} people: the first cycle")
    first = _measure(cluster, FIRST, cached=True)
    say(f"{first.seconds:.1f} s, COPY {first.limit_s:.1f} s")
    # The limit left bare rows behind: the county goes on from a first cycle of its own.
    _clone(cluster, _KEPT, _LIVE)
    _compute(cluster, FIRST)
    changed = payees.change(f"{cluster.superuser}/{_LIVE}", persons)
    _clone(cluster, _LIVE, _KEPT)
    found = []
    for number in range(1, runs + 1):
        found.append(_measure(cluster, NEXT, cached=False))
        _clone(cluster, _KEPT, _LIVE)
        say(f"{persons:,} people, run {number} of {runs}: {found[-1].seconds:.1f} s, COPY {found[-1].limit_s:.1f} s")
    return Point(persons, changed, first, found)


def _measure(cluster: Cluster, month: Month, *, cached: bool) -> Run:
    """Compute a month in the live database, and COPY what it wrote into a copy of the kept one."""
    url = f"{cluster.superuser}/{_LIVE}"
    before = cycle_limit.last_event(url)
    told, used, memory_mb = _compute(cluster, month)
    rows = cycle_limit.rows_of(url, told["cycle_id"], before, cached=cached)
    _clone(cluster, _KEPT, _LIVE)
    postgres = cpu_s(cluster.postgres)
    limit_s = cycle_limit.copy(url, rows)
    return Run(
        seconds=told["seconds"],
        cpu_s=used,
        memory_mb=memory_mb,
        rows={table: count for table, (count, _) in rows.items()},
        limit_s=limit_s,
        limit_cpu_s=cpu_s(cluster.postgres) - postgres,
    )


def _compute(cluster: Cluster, month: Month) -> tuple[dict[str, Any], dict[str, float], float]:
    """One cycle by a payments process of its own: what it says, CPU seconds by part, its largest memory."""
    postgres = cpu_s(cluster.postgres)
    command = (sys.executable, "-m", "tuoqi.benchmarks.cycle_worker", f"{month}")
    with (cluster.home.logs / "worker.log").open("wb") as log:
        worker = psutil.Popen(  # our own command
            command, env={**os.environ, **cluster.environment}, stdout=subprocess.PIPE, stderr=log
        )
        with _peak(worker) as peak:
            said = worker.stdout.readline()
        if worker.wait() or not said:
            raise RuntimeError((cluster.home.logs / "worker.log").read_text()[-2_000:])
    told = json.loads(said)
    used = {"payments": told["cpu_s"], "postgres": round(cpu_s(cluster.postgres) - postgres, 1)}
    return told, used, round(max(peak), 1)


@contextmanager
def _peak(process: psutil.Process) -> Iterator[list[float]]:
    """Looks at the memory of a process ten times a second, in MB."""
    seen, over = [0.0], threading.Event()

    def look() -> None:
        while not over.wait(SAMPLE_S):
            with suppress(psutil.NoSuchProcess):
                seen.append(process.memory_info().rss / 1e6)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _clone(cluster: Cluster, source: str, target: str) -> None:
    asyncio.run(_cloned(cluster.superuser, source, target))


async def _cloned(url: str, source: str, target: str) -> None:
    connection = await asyncpg.connect(f"{url}/postgres")
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{target}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{target}" TEMPLATE "{source}" STRATEGY FILE_COPY')
        # What a run before it left in memory and in the log is not to be paid by the next one.
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


def _naive_rate(cluster: Cluster, county: Path) -> float:
    lines, seconds = naive(f"{cluster.superuser}/{_LIVE}", county, NEXT, NAIVE_PERSONS)
    return lines / seconds


def _report(points: list[Point], naive_rates: list[float]) -> dict[str, Any]:
    last = points[-1]
    lines = last.median.rows["payment_lines"]
    seconds = statistics.median(run.seconds for run in last.runs)
    limit_s = statistics.median(run.limit_s for run in last.runs)
    naive_rate = statistics.median(naive_rates)
    everything = [run for point in points for run in (point.first, *point.runs)]
    return {
        "name": "cycle",
        "ours": _side(lines, seconds, sum(last.median.cpu_s.values()), [run.seconds for run in last.runs]),
        "limit": _side(lines, limit_s, last.median.limit_cpu_s, [run.limit_s for run in last.runs]),
        "naive": {
            "per_s": round(naive_rate),
            "seconds": round(lines / naive_rate, 1),
            "cpu_s": None,
            "runs": [round(rate) for rate in naive_rates],
        },
        "ours_to_limit": round(limit_s / seconds, 3),
        "ours_to_naive": round(lines / seconds / naive_rate, 1),
        "times_the_limit": round(statistics.median(run.times for run in last.runs), 2),
        "times_the_limit_runs": [round(run.times, 2) for run in last.runs],
        "memory_mb_max": max(run.memory_mb for run in everything),
        "cpu_s": last.median.cpu_s,
        "sizes": {
            "persons": last.persons,
            "changed_persons": last.changed,
            "rows": last.median.rows,
            "naive_persons": NAIVE_PERSONS,
            "curve": [_of(point) for point in points],
        },
        "conditions": conditions(
            durability="synchronous_commit=on, fsync=on",
            switched_off="the relay and the fence: no broker and no registry run",
            month="a cycle went before; everybody else is paid from cached spans",
            limit="COPY of the rows that the cycle wrote into the same tables with their keys, one transaction",
            naive="one ORM session and transaction a person, the same engine; seconds are for as many lines as ours",
        ),
    }


def _side(lines: int, seconds: float, used_s: float, runs: list[float]) -> dict[str, Any]:
    return {
        "per_s": round(lines / seconds),
        "seconds": round(seconds, 3),
        "cpu_s": round(used_s, 1),
        "runs": [round(lines / one) for one in runs],
    }


def _of(point: Point) -> Mapping[str, Any]:
    first, lines = point.first, point.median.rows["payment_lines"]
    seconds = statistics.median(run.seconds for run in point.runs)
    return {
        "persons": point.persons,
        "lines": lines,
        "seconds": round(seconds, 3),
        "limit_s": round(statistics.median(run.limit_s for run in point.runs), 3),
        "times_the_limit": round(statistics.median(run.times for run in point.runs), 2),
        "us_per_line": round(seconds / lines * 1e6, 1),
        "memory_mb": max(run.memory_mb for run in point.runs),
        "first_cycle": {
            "lines": first.rows["payment_lines"],
            "seconds": round(first.seconds, 3),
            "limit_s": round(first.limit_s, 3),
            "times_the_limit": round(first.times, 2),
            "memory_mb": first.memory_mb,
        },
    }
