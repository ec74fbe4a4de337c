"""`tuoqi bench pipeline`: Kafka → state + inbox + outbox in PostgreSQL → relay → Kafka, measured beside its limit.

Everything runs on this machine at once: one service process, the broker, the database. Durability is on
(`synchronous_commit`, `acks=all`). The events lie in Kafka before the service starts, so that what is measured is the
service and not the one who feeds it. The limit is one `INSERT … SELECT` of the same rows out of a staged table; the
naive way is one ORM transaction for each event.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from tuoqi.benchmarks import naive
from tuoqi.benchmarks.database import Sql
from tuoqi.benchmarks.tally import OUT, TOPIC
from tuoqi.cli.local import control
from tuoqi.cli.local.home import Home
from tuoqi.cli.local.plan import Endpoints, Plan, Service
from tuoqi.contracts.visits.v1.plan_pb2 import VisitOverdueFound
from tuoqi.kit.ids import id_maker
from tuoqi.kit.kafka import KafkaAddress
from tuoqi.kit.kafka_tools import apply_topics

PEOPLE_SHARE = 0.3
"""60,000 people for 200,000 events."""
NAIVE_EVENTS = 2_000
MODULE = "tuoqi.benchmarks.tally"
AT = datetime(2026, 11, 1, tzinfo=UTC)
WAIT_S_MAX = 600


@dataclass(frozen=True, slots=True)
class Run:
    """One measured run of the product."""

    seconds: float
    cpu_s: dict[str, float]
    memory_mb_max: float


def bench_pipeline(events: int, runs: int, say: Callable[[str], None]) -> dict[str, Any]:
    """The whole measurement; one JSON object as `quality` asks for it."""
    ours, limits, naives = [], [], []
    for number in range(1, runs + 1):
        with _platform() as (home, endpoints):
            say(f"run {number} of {runs}: writing {events:,} events to Kafka")
            _feed(home, endpoints, events)
            say(f"run {number} of {runs}: the product")
            ours.append(_measure(home, endpoints, events))
            sql = Sql(home, endpoints)
            say(f"run {number} of {runs}: the limit, INSERT … SELECT of the same rows")
            limits.append(sql.limit())
            say(f"run {number} of {runs}: the naive way, one ORM transaction for each of {NAIVE_EVENTS:,} events")
            naives.append(naive.measure(sql.url, NAIVE_EVENTS))
    return _report(events, ours, limits, naives)


def _report(events: int, ours: list[Run], limits: list[float], naives: list[float]) -> dict[str, Any]:
    cpu = {
        part: statistics.median(run.cpu_s[part] for run in ours) / events * 1e6
        for part in ("service", "postgres", "broker")
    }
    our_rate = statistics.median(events / run.seconds for run in ours)
    limit_rate = statistics.median(events / seconds for seconds in limits)
    naive_rate = statistics.median(NAIVE_EVENTS / seconds for seconds in naives)
    return {
        "name": "pipeline",
        "ours": {
            "per_s": round(our_rate),
            "seconds": round(statistics.median(run.seconds for run in ours), 3),
            "cpu_s": round(statistics.median(sum(run.cpu_s.values()) for run in ours), 3),
            "runs": [round(events / run.seconds) for run in ours],
        },
        "limit": {
            "per_s": round(limit_rate),
            "seconds": round(statistics.median(limits), 3),
            "cpu_s": None,
            "runs": [round(events / seconds) for seconds in limits],
        },
        "naive": {
            "per_s": round(naive_rate),
            "seconds": round(statistics.median(naives), 3),
            "cpu_s": None,
            "runs": [round(NAIVE_EVENTS / seconds) for seconds in naives],
        },
        "ours_to_limit": round(our_rate / limit_rate, 3),
        "ours_to_naive": round(our_rate / naive_rate, 1),
        "memory_mb_max": round(max(run.memory_mb_max for run in ours), 1),
        "cpu_us_per_event": {**{part: round(us, 1) for part, us in cpu.items()}, "all": round(sum(cpu.values()), 1)},
        "sizes": {"events": events, "people": int(events * PEOPLE_SHARE), "naive_events": NAIVE_EVENTS},
        "conditions": {
            "cores": os.cpu_count(),
            "python": sys.version.split()[0],
            "durability": "synchronous_commit=on, acks=all",
            "switched_off": "nothing: headers, validation, metrics and tracing as shipped",
        },
    }


@contextmanager
def _platform() -> Iterator[tuple[Home, Endpoints]]:
    """A platform of its own with no service running, the schema and the topics made."""
    root = Path(tempfile.mkdtemp(prefix="tuoqi-bench-"))
    root.chmod(0o755)
    home = Home(root, Home.from_environment().shared_cache)
    found: list[Endpoints] = []
    idle = (sys.executable, "-c", "import signal; signal.pause()")
    service = Service("alerts", idle, (sys.executable, "-m", MODULE, "migrate"), health=False)
    plan = Plan(services=(service,), topics=f"{__name__}:make_topics", clock="settable", clock_start=AT.isoformat())
    try:
        control.up(home, plan, detach=True, say=lambda _: None, ready=found.append)
        yield home, found[0]
    finally:
        control.down(home)
        shutil.rmtree(root, ignore_errors=True)


def make_topics(bootstrap: str, user: str, password: str) -> None:
    """Called by the supervisor before it starts the service."""
    apply_topics(KafkaAddress(bootstrap, user, password))


def _address(home: Home, endpoints: Endpoints) -> KafkaAddress:
    return KafkaAddress.from_files(endpoints.kafka, "admin", home.secrets / "kafka" / "admin.password")


def _feed(home: Home, endpoints: Endpoints, events: int) -> None:
    new_id = id_maker(b"a benchmark's ids are no secret")
    people = [new_id(AT, "person", n) for n in range(int(events * PEOPLE_SHARE))]
    producer = KafkaProducer(
        **_address(home, endpoints).client_options(), acks="all", linger_ms=20, batch_size=256 * 1024
    )
    for number in range(events):
        person = people[number * 7919 % len(people)]
        event = VisitOverdueFound(
            person_id=person, overdue_id=new_id(AT, "overdue", number), grade="HIGH", deadline="2026-11-10"
        )
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", new_id(AT, "event", number).encode()),
            ("ce_source", b"tuoqi.bench"),
            ("ce_type", b"tuoqi.visits.v1.VisitOverdueFound"),
            ("ce_subject", person.encode()),
            ("ce_time", b"2026-11-11T00:00:00+08:00"),
            ("ce_aggregateversion", b"%d" % (number + 1)),
            ("ce_causationid", b"bench"),
            ("content-type", b"application/protobuf"),
            ("traceparent", b"00-%032x-%016x-%02x" % (number + 1, number + 1, number % 100 == 0)),
            ("correlation_id", b"bench-%d" % number),
        ]
        producer.send(TOPIC.name, event.SerializeToString(), person.encode(), headers)
    producer.flush()
    producer.close()


def _measure(home: Home, endpoints: Endpoints, events: int) -> Run:
    """Start the service and wait until every derived event can be read from Kafka."""
    from tuoqi.cli.local.plan import service_environment  # noqa: PLC0415  only here, beside the process it is for

    plan = Plan(services=(Service.of("alerts"),), clock="settable", clock_start=AT.isoformat())
    environment = {**os.environ, **service_environment(plan, "alerts", endpoints, home)}
    reader = KafkaConsumer(**_address(home, endpoints).client_options())
    partitions = [TopicPartition(OUT.name, p) for p in range(OUT.partitions)]
    others = _others(home)
    with (home.logs / "measured.log").open("wb") as log:
        process = psutil.Popen([sys.executable, "-m", MODULE], env=environment, stdout=log, stderr=log)
        try:
            begun = _first_event(process, reader, partitions)
            before = {name: _cpu(parts) for name, parts in others.items()}
            service_before, written_before = _cpu([process]), sum(reader.end_offsets(partitions).values())
            memory = 0.0
            while sum(reader.end_offsets(partitions).values()) < events:
                memory = max(memory, process.memory_info().rss / 1e6)
                if process.poll() is not None or time.monotonic() - begun > WAIT_S_MAX:
                    raise RuntimeError((home.logs / "measured.log").read_text()[-2_000:])
                time.sleep(0.05)
            seconds = time.monotonic() - begun
            share = events / (events - written_before)
            cpu = {name: (_cpu(parts) - before[name]) * share for name, parts in others.items()}
            cpu["service"] = (_cpu([process]) - service_before) * share
        finally:
            process.terminate()
            process.wait(30)
            reader.close()
    return Run(seconds * share, cpu, memory)


def _first_event(process: psutil.Popen, reader: Any, partitions: list[TopicPartition]) -> float:
    """Wait past the start of the interpreter: throughput is asked for, not start-up."""
    begun = time.monotonic()
    while sum(reader.end_offsets(partitions).values()) == 0:
        if process.poll() is not None or time.monotonic() - begun > WAIT_S_MAX:
            raise RuntimeError("the measured service did not begin")
        time.sleep(0.01)
    return time.monotonic()


def _others(home: Home) -> dict[str, list[psutil.Process]]:
    """The database's and the broker's processes, by the supervisor's own account."""
    pids = {part.name: part.pid for part in control.status(home).parts if part.pid}
    return {"postgres": [psutil.Process(pids["postgres"])], "broker": [psutil.Process(pids["kafka"])]}


def _cpu(processes: list[psutil.Process]) -> float:
    """CPU seconds of processes and of all their children, ended ones included."""
    total = 0.0
    for process in processes:
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
    return total
