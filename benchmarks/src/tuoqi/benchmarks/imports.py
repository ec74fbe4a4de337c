"""`tuoqi bench import`: a file of persons through the real command into a real registry, measured beside its limit.

The file goes the whole way: `tuoqi import` reads it and sends it by gRPC, the registry checks, seals, hashes, stores and
tells, and the relay takes every event to Kafka; the clock stops when the last one is acknowledged. The limit is reading
the sheet, encrypting the same fields and COPY of the rows that the import left, one after the other. With `platform`
all services run and take in the events meanwhile, as they do in a county.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from tuoqi.benchmarks import import_limit
from tuoqi.benchmarks.running import Running, Watch, conditions, platform_of
from tuoqi.cli.county import generate_county
from tuoqi.cli.files.reading import open_table
from tuoqi.cli.files.writing import writing
from tuoqi.cli.local.plan import SERVICES

SHEET_ROWS_MAX = 200_000
"""Longer files are CSV: no clerk keeps a longer sheet."""
NAIVE_ROWS = 2_000
SEED = 5
CLERK = "clerk.li"


@dataclass(frozen=True, slots=True)
class Run:
    """One measured import."""

    seconds: float
    """Until the last event was acknowledged."""
    command_s: float
    """Until the command was back."""
    rows: int
    events: int
    cpu_s: dict[str, float]
    memory_mb: dict[str, float]


def bench_import(rows: int, runs: int, *, whole: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """The whole measurement; one JSON object. `whole`: with all services, and without the limit of COPY."""
    ours, limits, naives = [], [], []
    with tempfile.TemporaryDirectory(prefix="tuoqi-bench-files-") as folder:
        say(f"writing a county of {rows:,} people")
        regions, persons = _county(Path(folder), rows)
        for number in range(1, runs + 1):
            with platform_of(SERVICES if whole else ("registry",)) as running:
                say(f"run {number} of {runs}: the import of {persons.name}")
                _import(running, "regions", regions)
                ours.append(_measure(running, persons, say))
                say(f"run {number} of {runs}: the limit")
                read_s, texts = import_limit.read_sheet(persons)
                limit = {"read": read_s, "encrypt": import_limit.encrypt(texts)}
                sample = texts[:NAIVE_ROWS]
                del texts
                copied = import_limit.copy_again(running.database_url("registry"), ours[-1].rows)
                limits.append({**limit, **{f"copy {table}": seconds for table, seconds in copied.items()}})
                say(f"run {number} of {runs}: the naive way, one ORM transaction for each of {NAIVE_ROWS:,} rows")
                naives.append(len(sample) / import_limit.naive(running.database_url("registry"), sample))
    return _report(persons, ours, limits, naives, whole=whole)


def _report(
    persons: Path, ours: list[Run], limits: list[dict[str, float]], naives: list[float], *, whole: bool
) -> dict[str, Any]:
    rows = ours[0].rows
    seconds = statistics.median(run.seconds for run in ours)
    limit_s = statistics.median(sum(limit.values()) for limit in limits)
    naive_rate = statistics.median(naives)
    parts = {name: round(statistics.median(limit[name] for limit in limits), 3) for name in limits[0]}
    return {
        "name": "import",
        "ours": {
            "per_s": round(rows / seconds),
            "seconds": round(seconds, 3),
            "cpu_s": round(statistics.median(sum(run.cpu_s.values()) for run in ours), 1),
            "runs": [round(rows / run.seconds) for run in ours],
        },
        "limit": {
            "per_s": round(rows / limit_s),
            "seconds": round(limit_s, 3),
            "cpu_s": None,
            "runs": [round(rows / sum(limit.values())) for limit in limits],
        },
        "naive": {
            "per_s": round(naive_rate),
            "seconds": round(NAIVE_ROWS / naive_rate, 3),
            "cpu_s": None,
            "runs": [round(rate) for rate in naives],
        },
        "ours_to_limit": round(limit_s / seconds, 3),
        "ours_to_naive": round(rows / seconds / naive_rate, 1),
        "times_the_limit": round(seconds / limit_s, 2),
        "memory_mb_max": max(max(run.memory_mb.values()) for run in ours),
        "memory_mb": {name: max(run.memory_mb.get(name, 0.0) for run in ours) for name in ours[0].memory_mb},
        "command_s": round(statistics.median(run.command_s for run in ours), 3),
        "cpu_s": {name: statistics.median(run.cpu_s[name] for run in ours) for name in ours[0].cpu_s},
        "limit_s": parts,
        "sizes": {"rows": rows, "events": ours[0].events, "file": persons.suffix, "naive_rows": NAIVE_ROWS},
        "conditions": conditions(services=list(SERVICES) if whole else ["registry"], encryption="on", events="on"),
    }


def _county(folder: Path, rows: int) -> tuple[Path, Path]:
    """The files of regions and of persons, the latter a sheet unless it would be too long for one."""
    generate_county(folder, persons=rows, seed=SEED)
    persons = folder / "persons.csv"
    if rows <= SHEET_ROWS_MAX:
        table, sheet = open_table(persons), folder / "persons.xlsx"
        with writing(sheet) as write:
            write(table.columns)
            for _, cells in table.rows():
                write(cells)
        persons = sheet
    return folder / "regions.csv", persons


def _measure(running: Running, persons: Path, say: Callable[[str], None]) -> Run:
    with Watch(running) as watch:
        begun = time.monotonic()
        process = _command(running, "persons", persons)
        watch.others["command"] = psutil.Process(process.pid)
        out, told = process.communicate()
        command_s = time.monotonic() - begun
        if process.returncode:
            raise RuntimeError(told.decode()[-2_000:])
        asyncio.run(_sent(running.database_url("registry")))
        seconds = time.monotonic() - begun
        say(f"{seconds:.1f} s")
    result = json.loads(out)
    return Run(seconds, command_s, result["rows_changed"], result["events"], watch.cpu_s, watch.memory_mb)


def _import(running: Running, kind: str, file: Path) -> None:
    process = _command(running, kind, file)
    _, told = process.communicate()
    if process.returncode:
        raise RuntimeError(told.decode()[-2_000:])


def _command(running: Running, kind: str, file: Path) -> subprocess.Popen[bytes]:
    command = (sys.executable, "-m", "tuoqi.cli", "import", kind, str(file), "--by", CLERK, "--json")
    return subprocess.Popen(  # noqa: S603  our own command
        command, env=running.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


async def _sent(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        while await connection.fetchval("SELECT EXISTS (SELECT 1 FROM unsent)"):  # noqa: ASYNC110  another process
            await asyncio.sleep(0.02)
    finally:
        await connection.close()
