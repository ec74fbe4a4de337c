"""`tuoqi bench rpc`: batch get of people's files beside a bare grpc.aio echo of the same bytes.

Both are answered by one process and asked by another, with the same number of calls under way. Ours passes the guard
(token, right, validation, trace, metrics) and asks PostgreSQL at each call; the echo passes nothing. The limit is an
echo of messages, read and written at both ends as gRPC services do; beside it stands one that passes bytes on unread.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, Final

import asyncpg
import grpc
import uvloop

from tuoqi.benchmarks.cluster import Cluster, cpu_s, database_of, fill, people_server
from tuoqi.benchmarks.people_server import ECHO, UNREAD
from tuoqi.contracts.registry.v1 import person_service_pb2 as pb
from tuoqi.contracts.registry.v1.person_service_pb2_grpc import PersonServiceStub
from tuoqi.kit.rpc.agreed import MESSAGE_BYTES_MAX
from tuoqi.kit.rpc.client import connect
from tuoqi.registry.store.kept import FILES_MAX

BATCH: Final = 1_000
UNDER_WAY: Final = 4
KNOWN_BATCHES: Final = 20
"""Batches that are asked for again and again: 20,000 people."""
LEAST_RATIO: Final = 0.5


@dataclass(frozen=True, slots=True)
class Run:
    """One measured run of one side."""

    per_s: float
    """People a second."""
    seconds: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Sides:
    """All runs."""

    ours: list[Run]
    echo: list[Run]
    passing: list[Run]
    first: Run
    """Ours for people never asked for before."""


def bench_rpc(persons: int, calls: int, runs: int, seed: int, say: Callable[[str], None]) -> dict[str, Any]:
    """The whole measurement; one JSON object."""
    with database_of("registry") as cluster:
        say(f"writing {persons:,} people")
        fill(cluster, persons)
        ids = asyncio.run(_ids(cluster, seed))
        with people_server(cluster) as (process, addresses):
            token = (cluster.home.secrets / "platform.token").read_text().strip()
            measured = uvloop.run(_measure(addresses, token, ids, calls, runs, process, cluster, say))
            memory_mb = process.memory_info().rss / 1e6
    return _report(persons, calls, *measured, memory_mb)


async def _ids(cluster: Cluster, seed: int) -> list[str]:
    connection = await asyncpg.connect(cluster.migrator)
    ids = [row[0] for row in await connection.fetch("SELECT person_id FROM persons ORDER BY person_id")]
    await connection.close()
    random.Random(seed).shuffle(ids)  # noqa: S311  repeatable, no secret
    return ids


async def _measure(
    addresses: dict[str, str], token: str, ids: Sequence[str], calls: int, runs: int, process: Any, cluster: Cluster,
    say: Callable[[str], None],
) -> tuple[Sides, int, int]:  # fmt: skip
    batches = [pb.GetPersonsRequest(person_ids=ids[at : at + BATCH]) for at in range(0, len(ids) - BATCH + 1, BATCH)]
    parts = [process, cluster.postgres]
    options = [("grpc.max_receive_message_length", MESSAGE_BYTES_MAX)]
    async with (
        connect(addresses["registry"], token, "clerk.li", "bench") as channel,
        grpc.aio.insecure_channel(addresses["echo"], options=options) as bare,
    ):
        get: Any = PersonServiceStub(channel).GetPersons
        read = pb.GetPersonsResponse.FromString
        echo: Any = bare.unary_unary(ECHO, pb.GetPersonsResponse.SerializeToString, read)
        passing: Any = bare.unary_unary(UNREAD, None, read)
        known = batches[:KNOWN_BATCHES]
        answers = [await get(batch) for batch in known]
        as_bytes = [answer.SerializeToString() for answer in answers]
        # Those asked for once only: nothing of them was read before, by us or by PostgreSQL's own cache of pages.
        first = await _run(get, batches[KNOWN_BATCHES:], len(batches) - KNOWN_BATCHES, parts)
        for batch in known:
            await get(batch)
        sides = Sides([], [], [], first)
        for number in range(1, runs + 1):
            say(f"run {number} of {runs}: batch get, then the echo")
            sides.ours.append(await _run(get, known, calls, parts))
            sides.echo.append(await _run(echo, answers, calls, parts))
            sides.passing.append(await _run(passing, as_bytes, calls, parts))
    return sides, len(known[0].SerializeToString()), len(as_bytes[0])


async def _run(call: Any, given: Sequence[Any], calls: int, parts: Sequence[Any]) -> Run:
    before, begun = sum(map(cpu_s, parts)), time.perf_counter()
    left = islice(cycle(given), calls)

    async def ask() -> None:
        for one in left:
            await call(one)

    await asyncio.gather(*(ask() for _ in range(UNDER_WAY)))
    seconds = time.perf_counter() - begun
    return Run(calls * BATCH / seconds, seconds, sum(map(cpu_s, parts)) - before)


def _side(runs: Sequence[Run]) -> dict[str, Any]:
    return {
        "per_s": round(statistics.median(run.per_s for run in runs)),
        "seconds": round(statistics.median(run.seconds for run in runs), 3),
        "cpu_s": round(statistics.median(run.cpu_s for run in runs), 3),
        "runs": [round(run.per_s) for run in runs],
    }


def _report(persons: int, calls: int, sides: Sides, asked: int, answered: int, memory_mb: float) -> dict[str, Any]:
    ours, limit, passing = (
        statistics.median(run.per_s for run in runs) for runs in (sides.ours, sides.echo, sides.passing)
    )
    return {
        "name": "rpc",
        "ours": _side(sides.ours),
        "limit": _side(sides.echo),
        "naive": None,
        "ours_to_limit": round(ours / limit, 3),
        "ours_to_naive": None,
        "least_ratio": LEAST_RATIO,
        "never_asked_before": {**_side([sides.first]), "to_limit": round(sides.first.per_s / limit, 3)},
        "bytes_passed_on": {**_side(sides.passing), "ours_to_it": round(ours / passing, 3)},
        "memory_mb_max": round(memory_mb, 1),
        "sizes": {
            "persons": persons, "batch": BATCH, "calls": calls, "calls_under_way": UNDER_WAY,
            "people_asked_for": KNOWN_BATCHES * BATCH, "request_bytes": asked, "answer_bytes": answered,
        },
        "conditions": {
            "cores": os.cpu_count(),
            "python": sys.version.split()[0],
            "echo": "the answer there and back, no guard, no interceptor",
            "ours": f"people read before are kept in memory ({FILES_MAX:,} at most), checked at each call",
            "switched_off": "nothing: token, right, validation, trace and metrics as shipped",
        },
    }  # fmt: skip
