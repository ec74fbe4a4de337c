"""`tuoqi bench sweep`: the night of a county of so many visit plans, and the re-grading of all of them.

What is measured is the midnight sweep of the visits service in a process of its own, on PostgreSQL, in durable
transactions with their events. Three parts: a night on which three in a hundred missed their deadline and one in a
hundred has a turning day; the look at everybody after the county's grade tables became others; and, as an honest upper
bound, a night on which every one of up to 100,000 people missed a deadline. Each run works on a copy of the same
database.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import asyncpg
import psutil

from tuoqi.benchmarks.cluster import Cluster, cpu_s, database_of
from tuoqi.benchmarks.running import SAMPLE_S, conditions
from tuoqi.benchmarks.sweep_worker import NAIVE_PERSONS

CURVE: Final = (10_000, 100_000)
"""Sizes measured before the one that is asked for, where they are smaller."""
WORST_PERSONS: Final = 100_000
MISSED, TURNING, ALL = 30, 10, 1_000
"""People in a thousand."""
_LIVE: Final = "tuoqi_visits"
_KEPT: Final = "kept"
_SCAN: Final = "SELECT count(*), sum(length(state)), max(next_due), count(DISTINCT grade) FROM plans"
_CHECK: Final = "SELECT ce_type, count(*) AS events FROM outbox GROUP BY ce_type"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Run:
    """One part once: the sweep, and the bare scan of the same plans before it."""

    seconds: float
    judged: int
    cpu_s: dict[str, float]
    memory_mb: float
    scan_s: float
    events: dict[str, int]


@dataclass(frozen=True, slots=True)
class Point:
    """One size of the curve, its runs by part."""

    persons: int
    night: list[Run]
    regrade: list[Run]
    naive_us: float


def bench_sweep(persons: int, runs: int, say: Say) -> dict[str, Any]:
    """The whole measurement; one JSON object."""
    points = []
    for size in [*(size for size in CURVE if size < persons), persons]:
        with database_of("visits") as cluster:
            say(f"{size:,} plans")
            _fill(cluster, size, MISSED, TURNING)
            _clone(cluster, _LIVE, _KEPT)
            night = _runs(cluster, "night", runs, say)
            regrade = _runs(cluster, "regrade", runs, say)
            naive = _swept(cluster, "naive")
            points.append(Point(size, night, regrade, naive.seconds / NAIVE_PERSONS * 1e6))
    with database_of("visits") as cluster:
        worst_persons = min(WORST_PERSONS, persons)
        say(f"{worst_persons:,} plans, all missed")
        _fill(cluster, worst_persons, ALL, 0)
        _clone(cluster, _LIVE, _KEPT)
        worst = _runs(cluster, "night", runs, say)
    return _report(points, worst_persons, worst)


def _runs(cluster: Cluster, part: str, runs: int, say: Say) -> list[Run]:
    found = []
    for number in range(1, runs + 1):
        found.append(_swept(cluster, part))
        last = found[-1]
        say(
            f"{part}, run {number} of {runs}: {last.seconds:.1f} s, {last.judged:,} judged, "
            f"{last.memory_mb:.0f} MB, scan {last.scan_s:.2f} s"
        )
    return found


def _swept(cluster: Cluster, part: str) -> Run:
    """One part by a process of its own, on a copy that is thrown away."""
    _clone(cluster, _KEPT, _LIVE)
    url = f"{cluster.superuser}/{_LIVE}"
    scan_s = _timed(url, _SCAN)
    postgres = cpu_s(cluster.postgres)
    command = (sys.executable, "-m", "tuoqi.benchmarks.sweep_worker", part)
    with (cluster.home.logs / "worker.log").open("wb") as log:
        worker = psutil.Popen(  # our own command
            command, env={**os.environ, **cluster.environment}, stdout=subprocess.PIPE, stderr=log
        )
        with _peak(worker) as peak:
            said = worker.stdout.readline()
        if worker.wait() or not said:
            raise RuntimeError((cluster.home.logs / "worker.log").read_text()[-2_000:])
    told = json.loads(said)
    return Run(
        seconds=told["seconds"],
        judged=told["judged"],
        cpu_s={"visits": told["cpu_s"], "postgres": round(cpu_s(cluster.postgres) - postgres, 1)},
        memory_mb=round(max(peak), 1),
        scan_s=scan_s,
        events={row["ce_type"].rpartition(".")[2]: row["events"] for row in _fetched(url, _CHECK)},
    )


def _fill(cluster: Cluster, persons: int, missed: int, turning: int) -> None:
    """Write the plans by one process a core."""
    environment = {**os.environ, **cluster.environment}
    writers = os.cpu_count() or 1
    bounds = [persons * share // writers for share in range(writers + 1)]
    module = "tuoqi.benchmarks.sweep_people"
    running = [
        psutil.Popen(
            [sys.executable, "-m", module, str(first), str(last - first), str(missed), str(turning)], env=environment
        )
        for first, last in pairwise(bounds)
    ]
    if sum(process.wait() != 0 for process in running):
        raise RuntimeError("the plans could not be written")
    _timed(f"{cluster.superuser}/{_LIVE}", "VACUUM (ANALYZE) plans")


def _timed(url: str, sql: str) -> float:
    begun = time.perf_counter()
    _fetched(url, sql)
    return time.perf_counter() - begun


def _fetched(url: str, *statements: str) -> list[Any]:
    return asyncio.run(_fetch(url, statements))


async def _fetch(url: str, statements: tuple[str, ...]) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        for sql in statements:
            rows = await connection.fetch(sql)
    finally:
        await connection.close()
    return list(rows)


def _clone(cluster: Cluster, source: str, target: str) -> None:
    # What a run before it left in memory and in the log is not to be paid by the next one.
    _fetched(
        f"{cluster.superuser}/postgres",
        f'DROP DATABASE IF EXISTS "{target}" WITH (FORCE)',
        f'CREATE DATABASE "{target}" TEMPLATE "{source}" STRATEGY FILE_COPY',
        "CHECKPOINT",
    )


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


def _report(points: list[Point], worst_persons: int, worst: list[Run]) -> dict[str, Any]:
    last = points[-1]
    everything = [run for point in points for run in (*point.night, *point.regrade)] + worst
    return {
        "name": "sweep",
        "night": _part(last.persons, last.night, last.naive_us),
        "regrade": _part(last.persons, last.regrade, last.naive_us),
        "worst_night": _part(worst_persons, worst, last.naive_us),
        "memory_mb_max": max(run.memory_mb for run in everything),
        "sizes": {
            "persons": last.persons,
            "worst_persons": worst_persons,
            "naive_persons": NAIVE_PERSONS,
            "curve": [
                {
                    "persons": point.persons,
                    "night_s": round(_median(point.night).seconds, 3),
                    "regrade_s": round(_median(point.regrade).seconds, 3),
                    "scan_s": round(_median(point.night).scan_s, 3),
                    "memory_mb": max(run.memory_mb for run in (*point.night, *point.regrade)),
                }
                for point in points
            ],
        },
        "conditions": conditions(
            durability="synchronous_commit=on, fsync=on",
            switched_off="the relay and the fence: no broker and no registry run",
            night="of 1,000 plans 30 missed their deadline and 10 have a turning day; nobody else is due",
            regrade="the tables' age of 80 became 85; every plan counts as looked at, `judged` went to the handlers",
            worst_night="every plan missed its deadline",
            limit="a sequential scan that touches every byte of the same plans, in PostgreSQL",
            naive="every person in a transaction of his own, by the same handlers; seconds are for as many persons",
        ),
    }


def _part(persons: int, runs: list[Run], naive_us: float) -> dict[str, Any]:
    run = _median(runs)
    return {
        "ours": {
            "per_s": round(persons / run.seconds),
            "seconds": round(run.seconds, 3),
            "cpu_s": run.cpu_s,
            "runs": [round(one.seconds, 3) for one in runs],
        },
        "limit": {"seconds": round(run.scan_s, 3), "runs": [round(one.scan_s, 3) for one in runs]},
        "naive": {"seconds": round(naive_us * persons / 1e6, 1), "us_per_person": round(naive_us, 1)},
        "times_the_limit": round(run.seconds / run.scan_s, 1),
        "ours_to_naive": round(naive_us * persons / 1e6 / run.seconds, 1),
        "judged": run.judged,
        "us_per_judged": round(run.seconds / run.judged * 1e6, 1) if run.judged else None,
        "events": run.events,
    }


def _median(runs: list[Run]) -> Run:
    middle = statistics.median_low(run.seconds for run in runs)
    return next(run for run in runs if run.seconds == middle)
