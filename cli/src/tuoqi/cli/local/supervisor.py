"""One process that runs the platform: starts everything in order, keeps it running, stops it in reverse order.

It owns the home's lock for as long as it lives. It tells the truth in run/status.json at every change, and, where it
was started by `up --detach`, its progress through a pipe. Idle it wakes up twice a minute, to look at the logs' sizes.
"""

import argparse
import asyncio
import contextlib
import importlib
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from kafka.errors import KafkaError

from tuoqi.cli.local import health
from tuoqi.cli.local.child import Child
from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.home import Home, read_json, write_json
from tuoqi.cli.local.jars import absent_jars
from tuoqi.cli.local.kafka import ADMIN, KafkaServer, add_users, answers, kafka_server
from tuoqi.cli.local.leftovers import end_leftovers, identity
from tuoqi.cli.local.plan import Endpoints, Plan, Service, migration_environment, service_environment
from tuoqi.cli.local.ports import choose_ports
from tuoqi.cli.local.postgres import PostgresServer, postgres_server
from tuoqi.cli.local.process import Part, rotate, run_once
from tuoqi.cli.local.provision import PostgresAddress, provision
from tuoqi.cli.local.vault import OPERATORS, Vault, read_secret

LOG_CHECK_S = 30.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Say = Callable[[str], None]
Step = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Stage:
    """Parts that start together, then steps that run together; the next stage begins when all are done."""

    label: str
    parts: Sequence[Part] = ()
    steps: Sequence[Step] = ()


class Supervisor:
    """Runs stages, then waits until somebody asks it to stop or a part is given up."""

    def __init__(self, home: Home, stages: Sequence[Stage], say: Say) -> None:
        self._home = home
        self._stages = stages
        self._say = say
        self._stop = asyncio.Event()
        self._failure: LocalError | None = None
        self._state = "starting"
        self._children = [
            Child(part, home.logs, on_change=self._write, on_failure=self._give_up)
            for stage in stages
            for part in stage.parts
        ]

    async def run(self, ready: Callable[[], None]) -> None:
        """From the first start to the last stop.

        Raises:
            LocalError: why it could not start, or why it stopped by itself; everything is stopped then.
        """
        # At once, so that `down` finds this process also while it still fetches.
        self._move("starting")
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop.set)
        try:
            if await self._started():
                self._move("up")
                ready()
                await self._until_stopped()
        except LocalError as error:
            self._failure = error
        finally:
            await self._stop_all()
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)
        if self._failure:
            raise self._failure

    async def _started(self) -> bool:
        """Whether the start came to its end; False where a stop was asked for meanwhile."""
        start = asyncio.create_task(self._start_all())
        asked = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({start, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not start.done():
                return False
            await start
        finally:
            start.cancel()
            asked.cancel()
            await asyncio.gather(start, asked, return_exceptions=True)
        return True

    async def _start_all(self) -> None:
        for stage in self._stages:
            self._say(stage.label)
            children = [child for child in self._children if child.part in stage.parts]
            await _together([child.start() for child in children])
            await _together([step() for step in stage.steps])

    async def _until_stopped(self) -> None:
        while not self._stop.is_set():
            for log in self._home.logs.glob("*.log"):
                rotate(log)
            try:
                await asyncio.wait_for(self._stop.wait(), LOG_CHECK_S)
            except TimeoutError:
                continue

    async def _stop_all(self) -> None:
        self._move("stopping")
        for stage in reversed(self._stages):
            children = [child for child in self._children if child.part in stage.parts]
            await asyncio.gather(*(child.stop() for child in children))
        self._move("failed" if self._failure else "stopped")

    def _give_up(self, error: LocalError) -> None:
        self._failure = self._failure or error
        self._stop.set()

    def _move(self, state: str) -> None:
        self._state = state
        self._write()

    def _write(self) -> None:
        status = {
            "state": self._state,
            "message": str(self._failure or ""),
            "supervisor": identity(os.getpid()),
            "parts": [{**asdict(child.status), "process": identity(child.status.pid)} for child in self._children],
        }
        # A full disk must not end the supervisor before it has stopped its parts.
        with contextlib.suppress(OSError):
            write_json(self._home.run / "status.json", status)


async def _together(work: Sequence[Awaitable[None]]) -> None:
    """All at once; the first failure ends the others."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def run(home: Home, plan: Plan, *, say: Say, ready: Callable[[Endpoints], None]) -> None:
    """Run the platform in this process until it is asked to stop. `ready` is called once everything serves.

    Raises:
        LocalError: if it cannot start, or a part was given up; nothing of it runs then.
    """
    home.create()
    with home.locked():
        end_leftovers(home)
        Vault(home.secrets).fill(plan.names)
        endpoints = Endpoints.of(choose_ports(home, plan.names, say), plan.names)
        stages = platform_stages(home, plan, endpoints)
        state = home.run / "platform.json"
        now = datetime.now(UTC).isoformat(timespec="seconds")
        kept = {"started_at": now, "services": plan.names, "clock": plan.clock, "endpoints": endpoints.to_dict()}
        write_json(state, {**read_json(state), **kept})

        async def supervise() -> None:
            await Supervisor(home, stages, say).run(partial(ready, endpoints))

        asyncio.run(supervise())


def platform_stages(home: Home, plan: Plan, endpoints: Endpoints) -> list[Stage]:
    """Kafka and PostgreSQL, then schemas and topics, then the services."""
    ports: dict[str, int] = read_json(home.run / "platform.json")["ports"]
    servers: list[PostgresServer | KafkaServer] = []
    if url := os.environ.get("TUOQI_DATABASE"):
        superuser = PostgresAddress.from_url(url, os.environ.get("TUOQI_DATABASE_PASSWORD_FILE"))
    else:
        database = postgres_server(home, port=ports["postgres"])
        superuser = database.address()
        servers.append(database)
    if not os.environ.get("TUOQI_KAFKA"):
        servers.append(kafka_server(home, port=ports["kafka"], controller_port=ports["kafka_controller"]))
    absent = 0 if os.environ.get("TUOQI_KAFKA") else absent_jars(home.shared_cache)
    fetching = f" ({absent} jars of Kafka are fetched, once)" if absent else ""
    schemas = partial(_schemas, home, plan, endpoints, superuser)
    topics = partial(asyncio.to_thread, _topics, home, plan, endpoints)
    services = [_service_part(home, plan, endpoints, service) for service in plan.services]
    return [
        Stage(f"preparing Kafka and PostgreSQL{fetching}", steps=[server.prepare for server in servers]),
        Stage("starting Kafka and PostgreSQL", [server.part() for server in servers]),
        Stage("bringing schemas and topics up to date", steps=(schemas, topics)),
        Stage("starting the services", services),
    ]


def _service_part(home: Home, plan: Plan, endpoints: Endpoints, service: Service) -> Part:
    part = Part(service.name, service.command, env=service_environment(plan, service.name, endpoints, home))
    if not service.health:
        return part
    return Part(part.name, part.command, partial(health.until_serving, endpoints.grpc[service.name]), part.env)


async def _schemas(home: Home, plan: Plan, endpoints: Endpoints, superuser: PostgresAddress) -> None:
    await provision(superuser, home.secrets, plan.names)
    migrations = [
        Part(f"{s.name}-migrate", s.migrate, env=migration_environment(plan, s.name, endpoints, home))
        for s in plan.services
        if s.migrate
    ]
    await _together([run_once(migration, home.logs) for migration in migrations])


def _topics(home: Home, plan: Plan, endpoints: Endpoints) -> None:
    """Users first (an outside broker keeps its own), then the topics by whoever knows them."""
    vault = Vault(home.secrets)
    password = read_secret(vault.kafka(ADMIN))
    if os.environ.get("TUOQI_KAFKA"):
        if not answers(endpoints.kafka, ADMIN, password):
            raise LocalError(f"Kafka at {endpoints.kafka} does not let {ADMIN} in with {vault.kafka(ADMIN)}.")
    else:
        users = (*OPERATORS[1:], *plan.names)
        add_users(endpoints.kafka, password, {user: read_secret(vault.kafka(user)) for user in users})
    if plan.topics:
        module, _, function = plan.topics.partition(":")
        try:
            getattr(importlib.import_module(module), function)(endpoints.kafka, ADMIN, password)
        except KafkaError as error:
            raise LocalError(f"The topics could not be applied: {error}.") from error


class Report:
    """The pipe to whoever called `up --detach`; closed once everything is ready."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._open = True

    def tell(self, kind: str, text: object = "") -> None:
        """One line of progress; says nothing once the caller has gone its way.

        Raises:
            LocalError: if the caller was ended while it waited; nobody would know of this platform then.
        """
        if not self._open:
            return
        try:
            os.write(self._descriptor, (json.dumps({"kind": kind, "text": text}) + "\n").encode())
        except BrokenPipeError as error:
            raise LocalError("Whoever started the platform ended before it was ready, so it was stopped.") from error

    def ready(self, endpoints: Endpoints) -> None:
        """Let the caller go."""
        self.tell("ready", endpoints.to_dict())
        os.close(self._descriptor)
        self._open = False


def main() -> None:
    """The detached supervisor: reports progress through the inherited pipe, then lives on without a terminal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--plan", required=True)
    parser.add_argument("--report", type=int, required=True)
    given = parser.parse_args()
    report = Report(given.report)
    try:
        run(
            Home(given.root, given.cache),
            Plan.from_json(given.plan),
            say=partial(report.tell, "say"),
            ready=report.ready,
        )
        report.tell("failed", "The platform was stopped before it was ready.")
    except LocalError as error:
        print(error, file=sys.stderr)
        with contextlib.suppress(LocalError):
            report.tell("failed", str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
