"""The real thing: Apache Kafka and PostgreSQL as `tuoqi up` starts them, with stand-ins for the services."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import asyncpg
import psutil
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from tuoqi.cli.local import control
from tuoqi.cli.local.doctor import examine
from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.home import Home, read_json
from tuoqi.cli.local.kafka import answers, login
from tuoqi.cli.local.leftovers import parts_of, supervisor_of
from tuoqi.cli.local.plan import Endpoints, Plan, Service
from tuoqi.cli.local.vault import Vault, read_secret

pytestmark = [pytest.mark.platform, pytest.mark.timeout(180)]
TOPIC = "tuoqi.test.thing.v1"
Dummy = Callable[..., tuple[str, ...]]


class Platform(Protocol):
    """See conftest."""

    home: Home
    plan: Plan
    endpoints: Endpoints

    def up(self) -> None:
        """Start detached."""

    def processes(self) -> list[psutil.Process]:
        """Everything that runs for this home."""


def _pid(home: Home, name: str) -> int:
    status = control.status(home)
    pid = next(part.pid for part in status.parts if part.name == name)
    assert pid, status
    return pid


def _until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.1)


def _gone(processes: list[psutil.Process]) -> bool:
    return not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


async def _database(platform: Platform, role: str, password: str, database: str) -> Any:
    host, _, port = platform.endpoints.postgres.partition(":")
    return await asyncpg.connect(host=host, port=int(port), user=role, password=password, database=database)


def _kafka_login(platform: Platform, user: str) -> dict[str, Any]:
    return login(platform.endpoints.kafka, user, read_secret(Vault(platform.home.secrets).kafka(user)))


def test_everything_is_up_and_says_so(platform: Platform) -> None:
    status = control.status(platform.home)
    assert status.all_up, status
    assert [part.name for part in status.parts] == ["postgres", "kafka", "registry", "visits"]
    assert control.endpoints(platform.home) == platform.endpoints
    assert all(check.ok for check in examine(platform.home)), examine(platform.home)


def test_a_second_start_is_refused_while_the_first_runs(platform: Platform) -> None:
    with pytest.raises(LocalError, match="already running"):
        platform.up()
    with pytest.raises(LocalError, match="already running"):
        control.reset(platform.home)
    assert control.status(platform.home).all_up


async def test_a_service_uses_what_its_migrator_made_and_makes_nothing(platform: Platform) -> None:
    vault = Vault(platform.home.secrets)
    owner = await _database(
        platform, "tuoqi_registry_migrator", read_secret(vault.migrator("registry")), "tuoqi_registry"
    )
    await owner.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    await owner.execute("CREATE TABLE thing (id bigint GENERATED ALWAYS AS IDENTITY, name text)")
    await owner.execute("CREATE SEQUENCE counter")
    user = await _database(platform, "tuoqi_registry", read_secret(vault.database("registry")), "tuoqi_registry")
    assert await user.fetchval("INSERT INTO thing (name) VALUES ('a') RETURNING id") == 1
    assert await user.fetchval("SELECT nextval('counter')") == 1
    await user.execute("UPDATE thing SET name = 'b'")
    await user.execute("DELETE FROM thing")
    for refused in ("CREATE TABLE mine ()", "DROP TABLE thing", "TRUNCATE thing", "CREATE SCHEMA mine"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await user.execute(refused)
    await owner.execute("DROP TABLE thing; DROP SEQUENCE counter")
    await owner.close()
    await user.close()


async def test_no_service_enters_anothers_database_and_none_without_its_password(platform: Platform) -> None:
    password = read_secret(Vault(platform.home.secrets).database("registry"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await _database(platform, "tuoqi_registry", password, "tuoqi_visits")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await _database(platform, "tuoqi_registry", "guessed", "tuoqi_registry")


def test_kafka_lets_each_user_in_by_its_own_password_only(platform: Platform) -> None:
    for user in ("ops", "registry", "visits"):
        assert answers(platform.endpoints.kafka, user, read_secret(Vault(platform.home.secrets).kafka(user)))
    assert not answers(platform.endpoints.kafka, "registry", read_secret(Vault(platform.home.secrets).kafka("visits")))
    with pytest.raises(KafkaError):
        KafkaAdminClient(bootstrap_servers=platform.endpoints.kafka, bootstrap_timeout_ms=2000)


def test_topics_come_from_the_plan_and_never_by_themselves(platform: Platform) -> None:
    client = KafkaAdminClient(**_kafka_login(platform, "registry"))
    assert TOPIC in client.list_topics()
    client.close()
    producer = KafkaProducer(**_kafka_login(platform, "registry"), max_block_ms=1500)
    with pytest.raises(KafkaError):
        producer.send("tuoqi.typo.v1", b"x").get(3)
    producer.close()


def test_a_killed_kafka_comes_back_with_its_records(platform: Platform) -> None:
    producer = KafkaProducer(**_kafka_login(platform, "registry"), acks="all")
    producer.send(TOPIC, b"kept").get(30)
    producer.close()
    killed = _pid(platform.home, "kafka")
    os.kill(killed, signal.SIGKILL)
    _until(lambda: any(part.restarts for part in control.status(platform.home).parts), 10)
    _until(lambda: control.status(platform.home).all_up, 60)
    assert _pid(platform.home, "kafka") != killed
    consumer = KafkaConsumer(
        TOPIC, **_kafka_login(platform, "registry"), auto_offset_reset="earliest", consumer_timeout_ms=20_000
    )
    assert next(consumer).value == b"kept"
    consumer.close()


def test_a_killed_postgresql_and_a_killed_service_come_back(platform: Platform) -> None:
    killed = {name: _pid(platform.home, name) for name in ("postgres", "registry")}
    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)
    _until(lambda: not control.status(platform.home).all_up, 10)
    _until(lambda: control.status(platform.home).all_up, 60)
    assert all(_pid(platform.home, name) != pid for name, pid in killed.items())


def test_a_killed_supervisor_leaves_no_process_and_the_next_start_has_the_data(platform: Platform) -> None:
    running = platform.processes()
    supervisor = supervisor_of(platform.home)
    assert supervisor
    assert len(running) > 10
    supervisor.kill()
    _until(lambda: _gone(running), 20)
    assert control.status(platform.home).state == "died"
    platform.up()
    assert control.status(platform.home).all_up
    client = KafkaAdminClient(**_kafka_login(platform, "registry"))
    assert TOPIC in client.list_topics()
    client.close()


def test_no_secret_is_in_a_log_or_in_the_arguments_of_a_process(platform: Platform) -> None:
    secrets = [read_secret(path) for path in platform.home.secrets.rglob("*") if path.is_file()]
    seen = "".join(log.read_text(errors="replace") for log in platform.home.logs.iterdir())
    seen += "".join(" ".join(process.cmdline()) for process in platform.processes())
    assert "Kafka Server started" in seen
    assert "database system is ready" in seen
    assert [secret for secret in secrets if secret in seen] == []


@pytest.fixture
def second(home: Home, dummy: Dummy) -> Iterator[tuple[Home, Plan]]:
    """A home beside the running one; stopped whatever happens."""
    yield home, Plan(services=(Service("alerts", dummy("sleep"), health=False),))
    control.down(home)


def test_a_second_home_runs_beside_the_first_until_ctrl_c(platform: Platform, second: tuple[Home, Plan]) -> None:
    home, plan = second
    code = (
        "import sys; from pathlib import Path; from tuoqi.cli.local import control; "
        "from tuoqi.cli.local.home import Home; from tuoqi.cli.local.plan import Plan; "
        "control.up(Home(Path(sys.argv[1]), Path(sys.argv[2])), Plan.from_json(sys.argv[3]), detach=False, "
        "say=lambda text: None, ready=lambda endpoints: print('ready', flush=True))"
    )
    arguments = [sys.executable, "-c", code, str(home.root), str(home.shared_cache), plan.to_json()]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as foreground:
        assert foreground.stdout
        assert foreground.stdout.readline() == "ready\n"
        assert control.status(home).all_up
        assert control.status(platform.home).all_up
        mine = set(read_json(home.run / "platform.json")["ports"].values())
        assert not mine & set(read_json(platform.home.run / "platform.json")["ports"].values())
        running = [psutil.Process(foreground.pid), *psutil.Process(foreground.pid).children(recursive=True)]
        foreground.send_signal(signal.SIGINT)
        assert foreground.wait(60) == 0
    assert _gone(running)
    assert control.status(home).state == "stopped"


def test_a_failed_migration_stops_everything_with_its_own_words(second: tuple[Home, Plan], dummy: Dummy) -> None:
    home, _ = second
    plan = Plan(services=(Service("alerts", dummy("sleep"), dummy("crash"), health=False),))
    with pytest.raises(LocalError, match=r"alerts-migrate failed(.|\n)*the dummy has no county"):
        control.up(home, plan, detach=True, say=lambda _: None, ready=lambda _: None)
    _until(lambda: supervisor_of(home) is None, 10)
    assert parts_of(home) == []
    assert control.status(home).state == "failed"
    assert "the dummy has no county" in control.status(home).message


def test_down_waits_for_the_last_process_and_reset_takes_the_data(home: Home) -> None:
    started: list[Endpoints] = []
    control.up(home, Plan(services=()), detach=True, say=lambda _: None, ready=started.append)
    supervisor = supervisor_of(home)
    assert started
    assert supervisor
    running = [supervisor, *supervisor.children(recursive=True)]
    assert control.down(home)
    assert _gone(running)
    assert not control.down(home)
    control.reset(home)
    assert not home.postgres.exists()
    assert not home.secrets.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root must hand PostgreSQL to another user")
async def test_as_root_a_home_that_postgresql_cannot_reach_stops_the_start_and_stays_closed(home: Home) -> None:
    closed = home.root.parent / "closed"
    closed.mkdir(mode=0o700)
    hidden = Home(closed / "home", home.shared_cache)
    with pytest.raises(LocalError, match=rf"cannot enter {closed}"):
        await asyncio.to_thread(
            control.up, hidden, Plan(services=()), detach=True, say=lambda _: None, ready=lambda _: None
        )
    assert closed.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(closed)
