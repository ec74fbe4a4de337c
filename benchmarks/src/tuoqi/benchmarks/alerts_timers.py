"""The second part of `tuoqi bench alerts`: the next step of thousands of alerts is due in the same second.

Every run is a process of its own on a copy of the same database. The limit is one `INSERT … SELECT` of the rows that the
run wrote into tables with the same keys, in one durable transaction.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import psutil

from tuoqi.benchmarks.alerts_worker import NAIVE_ALERTS
from tuoqi.benchmarks.cluster import Cluster, cpu_s, database_of

TARGET_S: Final = 5.0
_LIVE: Final = "tuoqi_alerts"
_KEPT: Final = "kept"
_ESCALATED: Final = "ce_type LIKE '%.AlertEscalated'"
_TABLES: Final = {
    "outbox": _ESCALATED,
    "alerts": "true",
    "alert_books": "true",
    "alert_history": "what = 'escalated'",
}
"""What a step writes, and which of the rows are its."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the timer, and the same rows by INSERT … SELECT."""

    told: dict[str, Any]
    postgres_cpu_s: float
    limit_s: float
    events: int
    books: int

    @property
    def seconds(self) -> float:
        """Until the last step was committed."""
        return float(self.told["seconds"])


def bench_timers(timers: int, runs: int, say: Callable[[str], None]) -> dict[str, Any]:
    """So many steps due at one moment; a part of the report. Raises RuntimeError where one is lost or taken twice."""
    with database_of("alerts") as cluster:
        say(f"{timers:,} alerts raised at one moment")
        _worker(cluster, "fill", timers)
        _sql(cluster, _LIVE, "VACUUM (ANALYZE) alerts", "VACUUM (ANALYZE) alert_books")
        _clone(cluster, _LIVE, _KEPT)
        found = []
        for number in range(1, runs + 1):
            found.append(_measure(cluster, timers))
            say(f"timers, run {number} of {runs}: {found[-1].seconds:.2f} s, limit {found[-1].limit_s:.2f} s")
        _clone(cluster, _KEPT, _LIVE)
        sample = _worker(cluster, "naive", 0)
    return _part(timers, found, sample)


def _measure(cluster: Cluster, timers: int) -> Run:
    _clone(cluster, _KEPT, _LIVE)
    before = cpu_s(cluster.postgres)
    told = _worker(cluster, "ours", 0)
    used = cpu_s(cluster.postgres) - before
    (row,) = _sql(
        cluster,
        _LIVE,
        f"SELECT count(*) AS events, count(DISTINCT ce_id) AS ids, count(DISTINCT key) AS books"
        f" FROM outbox WHERE {_ESCALATED}",
    )
    if not row["events"] == row["ids"] == row["books"] == timers == told["done"]:
        raise RuntimeError(f"{timers} steps were due, and this came of them: {dict(row)}, {told}")
    return Run(told, round(used, 2), _limit(cluster), row["events"], row["books"])


def _limit(cluster: Cluster) -> float:
    made = [f"CREATE TABLE limit_{name} (LIKE {name} INCLUDING INDEXES)" for name in _TABLES]
    _sql(cluster, _LIVE, *made, "CHECKPOINT")
    copies = [f"INSERT INTO limit_{name} SELECT * FROM {name} WHERE {rows}" for name, rows in _TABLES.items()]
    begun = time.perf_counter()
    _sql(cluster, _LIVE, "BEGIN", *copies, "COMMIT")
    return time.perf_counter() - begun


def _part(timers: int, found: list[Run], sample: dict[str, Any]) -> dict[str, Any]:
    middle = sorted(found, key=lambda run: run.seconds)[len(found) // 2]
    limit_s = statistics.median(run.limit_s for run in found)
    naive_s = sample["seconds"] / sample["done"] * timers
    return {
        "ours": {
            "per_s": round(timers / middle.seconds),
            "seconds": round(middle.seconds, 3),
            "cpu_s": {"alerts": middle.told["cpu_s"], "postgres": middle.postgres_cpu_s},
            "runs": [round(run.seconds, 3) for run in found],
        },
        "limit": {
            "per_s": round(timers / limit_s),
            "seconds": round(limit_s, 3),
            "cpu_s": None,
            "runs": [round(run.limit_s, 3) for run in found],
        },
        "naive": {
            "per_s": round(timers / naive_s),
            "seconds": round(naive_s, 1),
            "cpu_s": None,
            "runs": [round(naive_s, 1)],
        },
        "ours_to_limit": round(limit_s / middle.seconds, 3),
        "ours_to_naive": round(naive_s / middle.seconds, 1),
        "exactly_once": {"due": timers, "events": middle.events, "alerts": middle.books},
        "memory_mb_max": max(run.told["memory_mb"] for run in found),
        "naive_alerts": min(NAIVE_ALERTS, timers),
        "target_s": TARGET_S,
        "met": middle.seconds <= TARGET_S,
    }


def _worker(cluster: Cluster, part: str, count: int) -> dict[str, Any]:
    command = (sys.executable, "-m", "tuoqi.benchmarks.alerts_worker", part, f"{count}")
    with (cluster.home.logs / "worker.log").open("wb") as log:
        worker = psutil.Popen(  # our own command
            command, env={**os.environ, **cluster.environment}, stdout=subprocess.PIPE, stderr=log
        )
        said = worker.stdout.readline()
        if worker.wait() or not said:
            raise RuntimeError((cluster.home.logs / "worker.log").read_text()[-2_000:])
    told: dict[str, Any] = json.loads(said)
    return told


def _clone(cluster: Cluster, source: str, target: str) -> None:
    # What a run before it left in memory and in the log is not to be paid by the next one.
    _sql(
        cluster,
        "postgres",
        f'DROP DATABASE IF EXISTS "{target}" WITH (FORCE)',
        f'CREATE DATABASE "{target}" TEMPLATE "{source}" STRATEGY FILE_COPY',
        "CHECKPOINT",
    )


def _sql(cluster: Cluster, database: str, *statements: str) -> list[Any]:
    return asyncio.run(_fetch(f"{cluster.superuser}/{database}", statements))


async def _fetch(url: str, statements: tuple[str, ...]) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        for sql in statements:
            rows = await connection.fetch(sql)
    finally:
        await connection.close()
    return list(rows)
