"""A service's wiring: what every `__main__` hands over, and what every room may ask of.

`python -m tuoqi.<service>` serves until SIGTERM; `python -m tuoqi.<service> migrate` brings the database up to date.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import uvloop
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker

from tuoqi.contracts.topics import topics
from tuoqi.kit import failpoints
from tuoqi.kit.checking import Findings, attempt, check
from tuoqi.kit.clock import BusinessClock, SettableClock, SystemBusinessClock
from tuoqi.kit.commands import Commander
from tuoqi.kit.consumer import Consumer, Offsets, make_broker
from tuoqi.kit.context import Origin
from tuoqi.kit.county import County
from tuoqi.kit.crypto import Keys, load_keys
from tuoqi.kit.database import Database
from tuoqi.kit.drive import Driver
from tuoqi.kit.handlers import Store, Subscription
from tuoqi.kit.ids import IdMaker, id_maker
from tuoqi.kit.kafka import KafkaAddress
from tuoqi.kit.logs import configure_logs, get_logger
from tuoqi.kit.metrics import serve_metrics
from tuoqi.kit.pipeline import Pipeline
from tuoqi.kit.progress import Progress
from tuoqi.kit.relay import Relay
from tuoqi.kit.rights import Rights
from tuoqi.kit.rpc.client import Peers
from tuoqi.kit.rpc.platform import PlatformServicer, add_platform
from tuoqi.kit.rpc.server import Guard, serve
from tuoqi.kit.rpc.tables import Exporter, Importer, add_tables
from tuoqi.kit.settings import Settings
from tuoqi.kit.timers import Timer, Timers, stored_clock
from tuoqi.kit.tracing import configure_tracing, shutdown_tracing

GRACE_S = 5.0
KAFKA_RETRY_S = 2.0
GC_THRESHOLDS = (50_000, 20, 20)
"""A batch makes ten thousands of short-lived objects; by default Python would look through them at every 700th."""
_CHECK_ARGUMENTS = 3
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
logger = get_logger(room="service")


@dataclass
class Runtime:
    """Everything that a running service has. Rooms get of it what they need, in `__main__` and nowhere else."""

    name: str
    settings: Settings
    county: County
    policy: Any
    """The county's rules as this service reads them."""
    database: Database
    clock: BusinessClock
    ids: IdMaker
    keys: Keys
    origin: Origin
    relay: Relay
    commander: Commander
    peers: Peers
    offsets: Offsets
    consumers: list[Consumer] = field(default_factory=list)
    timers: Timers = field(init=False)
    driver: Driver = field(init=False)


@dataclass(frozen=True)
class Parts:
    """What a service adds to the kit: built from its runtime, once."""

    servicers: Sequence[Callable[[grpc.aio.Server], None]] = ()
    importers: Sequence[Importer] = ()
    exporters: Sequence[Exporter] = ()
    timers: Sequence[Timer] = ()
    background: Sequence[Callable[[], Awaitable[None]]] = ()


@dataclass(frozen=True)
class Service:
    """A service as its `__main__` declares it."""

    name: str
    build: Callable[[Runtime], Parts]
    settings: type[Settings] = Settings
    subscriptions: Sequence[Subscription] = ()
    stores: Mapping[type, Store[Any]] = field(default_factory=dict)
    read_policy: Callable[[County], Any] = lambda county: county
    migrations: Path | None = None
    """Where the schema's revisions lie, if not in the package `tuoqi.<name>`."""
    find_faults: Callable[[County], Findings] | None = None
    """Checks a county's files, where the service has more to say than whether `read_policy` takes them."""


def main(service: Service) -> None:
    """The whole of a `__main__`: serve; or migrate, or check a county's folder, where the first argument says so."""
    if len(sys.argv) == _CHECK_ARGUMENTS and sys.argv[1] == "check":
        find = service.find_faults or (lambda county: Findings(attempt(service.read_policy, county, service.name)))
        sys.exit(check(service.name, Path(sys.argv[2]), find))
    settings = service.settings()  # type: ignore[call-arg]  # pydantic-settings fills it from the environment
    configure_logs(service.name)
    if sys.argv[1:] == ["migrate"]:
        # A service that serves needs no Alembic.
        from tuoqi.kit.migrate import migrate, migrations_of  # noqa: PLC0415

        uvloop.run(migrate(settings, service.name, service.migrations or migrations_of(service.name)))
        return
    if sys.argv[1:]:
        sys.exit(f"usage: python -m tuoqi.{service.name} [migrate | check FOLDER]")
    uvloop.run(_serve(service, settings))


async def make_runtime(service: Service, settings: Settings) -> Runtime:
    """Everything of a service but what runs: databases, clock, stores. Raises what a missing setting raises."""
    county = County.load(settings.county_dir)
    database = Database(settings, application=service.name)
    clock = await _clock(settings, database)
    keys = load_keys(settings)
    ids = id_maker(keys.identity)
    policy = service.read_policy(county)
    origin = Origin([entry for entry in topics().values() if entry.owner == service.name], ids, policy)
    kafka = KafkaAddress.of(settings)
    relay = Relay(service.name, database, kafka)
    runtime = Runtime(
        name=service.name,
        settings=settings,
        county=county,
        policy=policy,
        database=database,
        clock=clock,
        ids=ids,
        keys=keys,
        origin=origin,
        relay=relay,
        commander=Commander(service.stores, database, origin, relay.wake),
        peers=Peers(settings, service.name),
        offsets=Offsets(kafka),
    )
    pipelines = [
        Pipeline(subscription, service.stores, database, origin, relay.wake) for subscription in service.subscriptions
    ]
    runtime.consumers = [Consumer(pipeline, runtime.offsets) for pipeline in pipelines]
    runtime.driver = Driver(pipelines, database)
    return runtime


async def _serve(service: Service, settings: Settings) -> None:
    configure_tracing(service.name, settings.trace_ratio, settings.otlp_endpoint)
    failpoints.arm(settings.failpoint_dir, service.name, allowed=settings.clock == "settable")
    runtime = await make_runtime(service, settings)
    parts = service.build(runtime)
    runtime.timers = Timers(parts.timers, runtime.clock, runtime.database)
    serve_metrics(settings.metrics_host, settings.metrics_port)
    broker = make_broker(KafkaAddress.of(settings), f"tuoqi-{service.name}")
    for consumer in runtime.consumers:
        consumer.subscribe(broker, settings.batch_records)
    server = await serve(
        settings,
        Guard(settings, Rights.from_county(runtime.county), runtime.database, runtime.clock),
        [
            *parts.servicers,
            add_platform(PlatformServicer(runtime)),
            *add_tables(runtime, parts.importers, parts.exporters),
        ],
    )
    reads = not runtime.consumers or await _begin_reading(broker)
    tasks = [
        runtime.relay.run(),
        *([] if reads else [_keep_trying_to_read(broker)]),
        runtime.timers.live(),
        *(consumer.watch() for consumer in runtime.consumers),
        Progress(runtime.database, runtime.relay, runtime.consumers).watch(server.set_serving),
        *(background() for background in parts.background),
    ]
    # What was loaded at start stays for good and need not be looked through again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    server.set_serving(True)
    logger.info("serving", address=server.address)
    await _until_told_or_broken([asyncio.ensure_future(task) for task in tasks])
    server.set_serving(False)
    await broker.stop()
    await runtime.offsets.close()
    await server.stop(GRACE_S)
    await runtime.database.close()
    shutdown_tracing()


async def _begin_reading(broker: KafkaBroker) -> bool:
    """Start the subscriptions; False where Kafka is away."""
    try:
        await broker.start()
    except (KafkaError, OSError, TimeoutError) as fault:
        logger.warning("Kafka is away, reading begins when it is back", fault=type(fault).__name__)
        await broker.stop()
        return False
    return True


async def _keep_trying_to_read(broker: KafkaBroker) -> None:
    """Calls are answered without Kafka; this lives as long as the process."""
    while True:
        await asyncio.sleep(KAFKA_RETRY_S)
        if await _begin_reading(broker):
            await asyncio.Event().wait()


async def _until_told_or_broken(tasks: Sequence[asyncio.Future[None]]) -> None:
    """Wait for a signal. A task that ends has broken: the process leaves and is started again by its supervisor."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, told.set)
    waiting: asyncio.Future[Any] = asyncio.ensure_future(told.wait())
    done, _ = await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    for task in done - {waiting}:
        logger.critical("a part of the service broke, leaving", exc_info=task.exception())
        os._exit(70)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _clock(settings: Settings, database: Database) -> BusinessClock:
    if settings.clock == "system":
        return SystemBusinessClock()
    stored = await stored_clock(database)
    start = stored or settings.clock_start or datetime.now(UTC)
    return SettableClock(start if start.tzinfo else start.replace(tzinfo=UTC))
