"""A PostgreSQL of a benchmark's own with one service's schema and keys, and nothing else: no broker, no services."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import asyncpg
import psutil

from tuoqi.cli.local.home import Home
from tuoqi.cli.local.plan import Endpoints, Plan, migration_environment, service_environment
from tuoqi.cli.local.postgres import postgres_server
from tuoqi.cli.local.provision import provision
from tuoqi.cli.local.vault import Vault
from tuoqi.kit.migrate import migrate, migrations_of
from tuoqi.kit.settings import Settings

READY_S_MAX = 60


@dataclass(frozen=True, slots=True)
class Cluster:
    """One that runs."""

    home: Home
    postgres: psutil.Process
    environment: Mapping[str, str]
    """What the service's process is given."""
    migrator: str
    """The URL of the role that owns the schema."""
    superuser: str
    """The URL of the cluster's owner, without a database."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def database_of(service: str) -> Iterator[Cluster]:
    """A cluster with the empty database of a service; gone with all its files afterwards."""
    root = Path(tempfile.mkdtemp(prefix="tuoqi-bench-"))
    root.chmod(0o755)
    home = Home(root, Home.from_environment().shared_cache)
    home.create()
    vault = Vault(home.secrets)
    vault.fill((service,))
    server = postgres_server(home, port=free_port())
    asyncio.run(server.prepare())
    with (home.logs / "postgres.log").open("wb") as log:
        process = psutil.Popen(server.part().command, user=server.user or None, stdout=log, stderr=log)
    try:
        _wait(server.address().answers, process, home)
        asyncio.run(provision(server.address(), home.secrets, (service,)))
        address = server.address()
        superuser = f"postgresql://{address.user}:{address.password}@{address.host}:{address.port}"
        yield _migrated(service, home, process, server.port, vault, superuser)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        shutil.rmtree(root, ignore_errors=True)


def fill(cluster: Cluster, persons: int) -> float:
    """Write so many invented people by one process a core, then gather statistics; the seconds it took."""
    begun = time.perf_counter()
    environment = {**os.environ, **cluster.environment}
    writers = os.cpu_count() or 1
    bounds = [persons * share // writers for share in range(writers + 1)]
    running = [
        psutil.Popen(
            [sys.executable, "-m", "tuoqi.benchmarks.people", str(first), str(last - first), str(persons)],
            env=environment,
        )
        for first, last in pairwise(bounds)
    ]
    if sum(process.wait() != 0 for process in running):
        raise RuntimeError("the people could not be written")
    asyncio.run(_analyze(cluster.migrator))
    return time.perf_counter() - begun


async def _analyze(url: str) -> None:
    connection = await asyncpg.connect(url)
    for table in ("person_search", "persons", "person_statuses", "subject_keys"):
        await connection.execute(f"VACUUM (ANALYZE) {table}")
    await connection.close()


@contextmanager
def people_server(cluster: Cluster) -> Iterator[tuple[psutil.Process, dict[str, str]]]:
    """The registry's PersonService over that register, and a bare echo, in one process; where both listen."""
    command = [sys.executable, "-m", "tuoqi.benchmarks.people_server"]
    with (cluster.home.logs / "server.log").open("wb") as log:
        process = psutil.Popen(command, env={**os.environ, **cluster.environment}, stdout=subprocess.PIPE, stderr=log)
        try:
            said = process.stdout.readline()
            if not said:
                raise RuntimeError((cluster.home.logs / "server.log").read_text()[-2_000:])
            yield process, json.loads(said)
        finally:
            process.terminate()
            process.wait(30)


def cpu_s(process: psutil.Process) -> float:
    """CPU seconds of a process and its children, ended ones included."""
    own = process.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            total += times.user + times.system
    return float(total)


def _wait(answers: Callable[[], Coroutine[None, None, bool]], process: psutil.Popen, home: Home) -> None:
    ends = time.monotonic() + READY_S_MAX
    while not asyncio.run(answers()):
        if process.poll() is not None or time.monotonic() > ends:
            raise RuntimeError((home.logs / "postgres.log").read_text())
        time.sleep(0.1)


def _migrated(service: str, home: Home, process: psutil.Popen, port: int, vault: Vault, superuser: str) -> Cluster:
    plan = Plan(services=(), clock="system")
    endpoints = Endpoints(
        kafka="127.0.0.1:9", postgres=f"127.0.0.1:{port}", grpc={service: "127.0.0.1:0"}, metrics={service: 0}
    )
    given = migration_environment(plan, service, endpoints, home)
    owner = Settings(
        database_url=given["TUOQI_DATABASE_URL"], database_password_file=Path(given["TUOQI_DATABASE_PASSWORD_FILE"])
    )
    asyncio.run(migrate(owner, service, migrations_of(service)))
    password = vault.migrator(service).read_text().strip()
    return Cluster(
        home=home,
        postgres=psutil.Process(process.pid),
        superuser=superuser,
        environment=service_environment(plan, service, endpoints, home),
        migrator=f"postgresql://tuoqi_{service}_migrator:{password}@127.0.0.1:{port}/tuoqi_{service}",
    )
