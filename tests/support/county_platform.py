"""A whole platform of its own for one test: Kafka, PostgreSQL and the services, with ways to break them.

Its keys are always the same and its clock is set by hand, so that two platforms that live through the same month write
the same ids, and their tables can be compared.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any, Self
from urllib.request import urlopen

import asyncpg
from aiokafka import AIOKafkaProducer
from kafka import KafkaConsumer, TopicPartition

from tuoqi.cli.driver import Driver
from tuoqi.cli.files.reading import open_table
from tuoqi.cli.local import control
from tuoqi.cli.local.home import Home
from tuoqi.cli.local.plan import SERVICES, Plan, Service
from tuoqi.cli.local.vault import KEYS, Vault, read_secret
from tuoqi.cli.platform import Platform, kafka_address
from tuoqi.cli.transfers import Loaded, import_file
from tuoqi.contracts.common.v1 import platform_pb2 as pb
from tuoqi.contracts.topics import topics
from tuoqi.kit.clock import COUNTY_ZONE

REPOSITORY = Path(__file__).parents[2]
START = "2026-11-01T09:00:00+08:00"
CLERK, OPS = "clerk.li", "ops.zheng"
PURPOSE = "故障测试"
UP_S_MAX = 180.0
REPLAY_S_MAX = 120.0


class CountyPlatform:
    """One platform in a temporary home. `async with` starts it and leaves nothing behind."""

    def __init__(self, services: Sequence[str] = SERVICES, *, tree: Path = REPOSITORY) -> None:
        self.services = tuple(services)
        self.root = Path(tempfile.mkdtemp(prefix="tuoqi-county-"))
        self.root.chmod(0o755)  # PostgreSQL's user must get in
        self.home = Home(self.root / "home", Path(os.environ.get("TUOQI_CACHE") or Path.home() / ".cache" / "tuoqi"))
        self.failpoints = self.root / "failpoints"
        self.failpoints.mkdir()
        self.files = self.root / "files"
        self.files.mkdir()
        self._tree = tree
        self._users: dict[str, Platform] = {}
        self._plan = Plan(
            services=tuple(Service.of(name) for name in services),
            topics="tuoqi.cli.topics:apply",
            county=str(tree / "deploy" / "counties" / "990101"),
            clock="settable",
            clock_start=START,
        )

    async def __aenter__(self) -> Self:
        self.home.create()
        _fixed_keys(Vault(self.home.secrets).keys)
        try:
            await self.up()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def up(self) -> None:
        """Start everything; returns when it serves. Raises LocalError."""
        with _environment(TUOQI_FAILPOINT_DIR=str(self.failpoints), PYTHONPATH=self.python_path()):
            await asyncio.to_thread(
                control.up, self.home, self._plan, detach=True, say=_silent, ready=lambda _endpoints: None
            )

    async def down(self) -> None:
        """Stop everything, keep the data."""
        await self._hang_up()
        await asyncio.to_thread(control.down, self.home)

    async def go_without(self, *services: str) -> None:
        """Stop everything and start all services but these; none named: all of them."""
        await self.down()
        self.services = tuple(name for name in SERVICES if name not in services)
        self._plan = replace(self._plan, services=tuple(Service.of(name) for name in self.services))
        await self.up()

    async def close(self) -> None:
        """Stop everything and remove the home."""
        await self.down()
        shutil.rmtree(self.root, ignore_errors=True)

    # ---- who asks ------------------------------------------------------------------------------------------------

    def user(self, name: str) -> Platform:
        """The platform in this user's name."""
        if name not in self._users:
            self._users[name] = Platform.of(self.home, name, PURPOSE)
        return self._users[name]

    def driver(self, *, settle_s_max: float = 90.0) -> Driver:
        """Moves the clocks of all services."""
        platform = self.user(CLERK)
        return Driver(self.services, platform.common, settle_s_max=settle_s_max)

    async def settle(self) -> None:
        """Return when nothing is under way anywhere. Raises driver.restless."""
        await self.driver().settle()

    async def advance(self, moment: str) -> None:
        """Let the clocks run to this moment of the county, `YYYY-MM-DD HH:MM`."""
        await self.driver().advance(datetime.fromisoformat(moment).replace(tzinfo=COUNTY_ZONE))

    async def load(self, kind: str, path: Path, *, user: str = CLERK, again: bool = False) -> Loaded:
        """Load a file; every row must be taken."""
        loaded = await import_file(self.user(user), kind, open_table(path), again=again)
        assert not loaded.rejected, f"{path.name}: {loaded.rejected[0]}"
        return loaded

    async def replay(self, *services: str) -> int:
        """Send the whole outbox again, of these services (none named: of all); the number of events sent."""
        sent = 0
        for name in services or self.services:
            stub = self.user(OPS).common(name)
            answer = await stub.ReplayEvents(pb.ReplayEventsRequest(), timeout=REPLAY_S_MAX)
            sent += answer.sent
        return sent

    # ---- what breaks ---------------------------------------------------------------------------------------------

    def pid(self, part: str) -> int | None:
        """The process of a part; None while there is none."""
        return next((one.pid for one in control.status(self.home).parts if one.name == part), None)

    def kill(self, part: str) -> None:
        """SIGKILL to the process of a part (a service, `kafka`, `postgres`), where it runs."""
        if pid := self.pid(part):
            os.kill(pid, signal.SIGKILL)

    def arm(self, service: str, point: str) -> Path:
        """Let a service die when it next passes this point; the file is gone once it has."""
        file = self.failpoints / f"{service}.{point}"
        file.touch()
        return file

    async def until_up(self) -> None:
        """Wait until every part does its work again."""
        deadline = monotonic() + UP_S_MAX
        while not control.status(self.home).all_up:
            assert monotonic() < deadline, control.status(self.home)
            await asyncio.sleep(0.1)

    async def wipe_kafka(self) -> None:
        """Stop, throw away all that Kafka has stored, start again with empty topics."""
        await self.down()
        shutil.rmtree(self.home.kafka / "data")
        await self.up()

    # ---- what can be seen ----------------------------------------------------------------------------------------

    async def sql(self, service: str, query: str) -> list[tuple[Any, ...]]:
        """Rows of a service's database, asked as superuser."""
        host, _, port = control.endpoints(self.home).postgres.partition(":")
        connection = await asyncpg.connect(
            host=host,
            port=int(port),
            user="postgres",
            password=read_secret(Vault(self.home.secrets).superuser),
            database=f"tuoqi_{service}",
        )
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    async def records(self) -> list[Any]:
        """Every record of every topic, in order of topic, partition and offset."""
        return await asyncio.to_thread(self._records)

    def _records(self) -> list[Any]:
        consumer: Any = KafkaConsumer(**kafka_address(self.home).client_options(), enable_auto_commit=False)
        try:
            partitions = [TopicPartition(one.name, p) for one in topics().values() for p in range(one.partitions)]
            consumer.assign(partitions)
            consumer.seek_to_beginning(*partitions)
            ends = consumer.end_offsets(partitions)
            found: list[Any] = []
            while any(consumer.position(partition) < end for partition, end in ends.items()):
                for some in consumer.poll(timeout_ms=500).values():
                    found.extend(some)
        finally:
            consumer.close()
        return sorted(found, key=lambda record: (record.topic, record.partition, record.offset))

    async def send_raw(self, records: Sequence[Any]) -> None:
        """Put records (as `tuoqi.kit.testing.records` makes them) into Kafka as they are, in order, by key."""
        # Not kafka-python: it refuses to write a null header.
        producer: Any = AIOKafkaProducer(**kafka_address(self.home).client_options(), max_request_size=2_000_000)
        await producer.start()
        try:
            for record in records:
                headers = list(record.headers)
                await producer.send_and_wait(record.topic, value=record.value, key=record.key, headers=headers)
        finally:
            await producer.stop()

    def metrics(self) -> dict[str, str]:
        """The metrics page of each service."""
        ports = control.endpoints(self.home).metrics
        return {name: _page(f"http://127.0.0.1:{port}/metrics") for name, port in ports.items()}

    def python_path(self) -> str:
        """Source folders that stand before the installed ones, where another tree than this one is to run."""
        if self._tree == REPOSITORY:
            return os.environ.get("PYTHONPATH", "")
        return ":".join(str(folder) for folder in sorted(self._tree.glob("**/src")) if (folder / "tuoqi").is_dir())

    async def _hang_up(self) -> None:
        users, self._users = self._users, {}
        for user in users.values():
            await user.__aexit__()


def _fixed_keys(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in KEYS:
        file = folder / f"{name}.key"
        file.write_text(hashlib.sha256(f"tuoqi test {name}".encode()).hexdigest() + "\n", encoding="ascii")
        file.chmod(0o600)


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update({name: value for name, value in values.items() if value})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _page(url: str) -> str:
    with urlopen(url, timeout=10) as answer:  # noqa: S310  our own service on loopback
        return str(answer.read().decode())


def _silent(_text: str) -> None:
    """Progress that nobody watches."""
