"""Health means progress: what makes a service say that it does not serve, and what does not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from tuoqi.kit import progress as module
from tuoqi.kit.database import Database
from tuoqi.kit.healthcheck import serves
from tuoqi.kit.progress import STALL_S, Progress


@dataclass
class Relay:
    """As much of a relay as is looked at."""

    sent: int = 0


@dataclass
class Consumer:
    """As much of a consumer as is looked at."""

    name: str = "tuoqi.test.tally"
    stopped_reason: str = ""


@dataclass
class Clock:
    """The system's clock, moved by the test."""

    seconds: float = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr(module, "system_seconds", moved)
    return moved


async def old_event(database: Database, age_s: float) -> None:
    """An event that waits for Kafka since then."""
    async with database.begin() as tx:
        await tx.execute(
            "INSERT INTO unsent (seq, recorded_at) VALUES (1, now() - make_interval(secs => CAST(:age AS float)))",
            age=age_s,
        )


def watcher(database: Any, relay: Relay, *consumers: Consumer) -> Progress:
    parts: list[Any] = [relay, list(consumers)]
    return Progress(database, *parts)


@pytest.mark.postgres
async def test_an_old_event_is_trouble_only_while_none_is_sent(database_for: Any, clock: Clock) -> None:
    database, relay = await database_for(), Relay()
    progress = watcher(database, relay)
    await old_event(database, STALL_S + 5)
    assert await progress.trouble() == ""
    clock.seconds += STALL_S + 1
    assert "1 events wait unsent" in await progress.trouble()
    relay.sent += 1
    assert await progress.trouble() == ""


@pytest.mark.postgres
async def test_a_young_event_is_no_trouble_after_a_long_calm(database_for: Any, clock: Clock) -> None:
    database = await database_for()
    progress = watcher(database, Relay())
    assert await progress.trouble() == ""
    clock.seconds += 10 * STALL_S
    await old_event(database, 1)
    assert await progress.trouble() == ""


@pytest.mark.postgres
async def test_a_stopped_subscription_is_trouble(database_for: Any) -> None:
    progress = watcher(await database_for(), Relay(), Consumer(), Consumer("tuoqi.test.other", "20 in a row"))
    assert "tuoqi.test.other is stopped" in await progress.trouble()


async def test_a_database_that_does_not_answer_is_trouble() -> None:
    class Away:
        def begin(self) -> Any:
            raise OSError("away")

    assert "database" in await watcher(Away(), Relay()).trouble()


@pytest.mark.parametrize("state", ["SERVING", "NOT_SERVING", "UNKNOWN"])
def test_the_container_is_healthy_only_while_the_service_says_so(state: str) -> None:
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.ServingStatus.Value(state))
    server = grpc.server(ThreadPoolExecutor(1))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        assert serves(f"127.0.0.1:{port}") is (state == "SERVING")
    finally:
        server.stop(None).wait()


def test_a_container_that_nobody_answers_for_is_not_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuoqi.kit.healthcheck.ASK_S_MAX", 0.3)
    assert serves("127.0.0.1:1") is False
