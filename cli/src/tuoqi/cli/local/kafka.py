"""A real Apache Kafka on one node (KRaft), for one user of this machine.

Clients log in by SCRAM-SHA-256, the controller's listener by PLAIN; nothing listens without a password, nothing
beyond 127.0.0.1. The quorum is named statically, so the ports may change between two starts.
"""

import asyncio
import base64
import os
import threading
import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.home import Home
from tuoqi.cli.local.jars import RESOURCES, class_path, fetch, find_java
from tuoqi.cli.local.process import Part, run_once, until
from tuoqi.cli.local.vault import Vault, read_secret

ADMIN = "admin"
SCRAM_ITERATIONS = 4096
READY_S_MAX = 90.0
PAUSE_S = 0.2
LOCALE = {"LC_ALL": "C.UTF-8"}
"""Without it Java cannot open a folder whose name is Chinese on a machine without a locale."""

SETTINGS = """\
# Written at every start by the local platform; changes here are lost.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENT://127.0.0.1:{port}
inter.broker.listener.name=CLIENT
listener.security.protocol.map=CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-256
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-256
sasl.mechanism.controller.protocol=PLAIN
listener.name.client.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
username="{admin}" password="{password}";
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.controller.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
username="{admin}" password="{password}" user_{admin}="{password}";
log.dirs={data}
auto.create.topics.enable=false
num.partitions=6
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=6
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.coordinator.threads=1
num.network.threads=2
num.io.threads=4
background.threads=2
# Every topic sets its own retention; this holds for one that forgot. A segment ends after 64 MiB, so that a small
# disk gets its space back.
log.retention.hours=168
log.segment.bytes=67108864
log.cleaner.dedupe.buffer.size=16777216
# A broker that was killed is let in again after 4 s instead of 9 s.
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=1000
"""


@dataclass(frozen=True, slots=True)
class KafkaServer:
    """One broker as it is to run: its command, where it listens, and whose password opens it."""

    home: Home
    port: int
    controller_port: int
    java: Path
    jars: str

    @property
    def bootstrap(self) -> str:
        """Address for clients."""
        return f"127.0.0.1:{self.port}"

    def part(self) -> Part:
        """The broker as a part of the platform; ready when it answers a logged-in client."""
        logging = f"-Dlog4j2.configurationFile={RESOURCES / 'log4j2.properties'}"
        memory = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:MaxMetaspaceSize=128m")
        return Part(
            name="kafka",
            command=(*self._java(), *memory, logging, "kafka.Kafka", str(self._settings)),
            ready=self._ready,
            env=LOCALE,
            ready_s_max=READY_S_MAX,
            stop_s_max=30.0,
        )

    async def prepare(self) -> None:
        """Fetch what is missing, write the settings and, once in a home's life, format the storage."""
        stopped = threading.Event()
        try:
            await asyncio.to_thread(fetch, self.home.shared_cache, stopped.is_set)
        finally:
            stopped.set()
        password = self._password()
        text = SETTINGS.format(
            port=self.port, controller=self.controller_port, data=self._data, admin=ADMIN, password=password
        )
        # Java reads settings as Latin-1; a folder with a Chinese name must be escaped.
        _write_private(self._settings, text.encode("ascii", "backslashreplace").decode("ascii"))
        if not (self._data / "meta.properties").is_file():
            await self._format(password)

    @property
    def _data(self) -> Path:
        return self.home.kafka / "data"

    @property
    def _settings(self) -> Path:
        return self.home.kafka / "server.properties"

    def _java(self) -> tuple[str, ...]:
        return (str(self.java), "-cp", self.jars)

    async def _format(self, password: str) -> None:
        """Secrets go by a file: arguments of a process can be read by every user of the machine."""
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "x")
        credential = f"SCRAM-SHA-256=[name={ADMIN},password={password}]"
        arguments = self.home.kafka / "format.arguments"
        lines = ("format", "-t", cluster, "-c", str(self._settings), "--add-scram", credential, "--ignore-formatted")
        _write_private(arguments, "\n".join(lines))
        quick = ("-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
        try:
            command = (*self._java(), *quick, "kafka.tools.StorageTool", f"@{arguments}")
            await run_once(Part("kafka-format", command, env=LOCALE), self.home.logs)
        finally:
            arguments.unlink()

    async def _ready(self) -> None:
        """Until a client that logs in as admin gets the cluster's metadata."""
        await until(partial(asyncio.to_thread, answers, self.bootstrap, ADMIN, self._password()), PAUSE_S)

    def _password(self) -> str:
        return read_secret(Vault(self.home.secrets).kafka(ADMIN))


def kafka_server(home: Home, *, port: int, controller_port: int) -> KafkaServer:
    """Describe the broker of this home; nothing is fetched or written yet."""
    return KafkaServer(home, port, controller_port, java=find_java(), jars=class_path(home.shared_cache))


def answers(bootstrap: str, user: str, password: str) -> bool:
    """Whether the broker lets this user in and gives its metadata, tried for 2 seconds."""
    from kafka import KafkaAdminClient  # noqa: PLC0415 -- heavy, and only the supervisor needs it
    from kafka.errors import KafkaError  # noqa: PLC0415

    try:
        client = KafkaAdminClient(**login(bootstrap, user, password), bootstrap_timeout_ms=2000)
    except (KafkaError, OSError):
        return False
    try:
        return bool(client.describe_cluster()["brokers"])
    except KafkaError:
        return False
    finally:
        client.close()


def add_users(bootstrap: str, admin_password: str, passwords: dict[str, str]) -> None:
    """Give every user its SCRAM password; repeated at each start, so a service that came later gets in too."""
    from kafka import KafkaAdminClient  # noqa: PLC0415 -- as answers
    from kafka.admin import ScramMechanism, UserScramCredentialUpsertion  # noqa: PLC0415

    client = KafkaAdminClient(**login(bootstrap, ADMIN, admin_password))
    try:
        changes = [
            UserScramCredentialUpsertion(
                user=user, mechanism=ScramMechanism.SCRAM_SHA_256, password=password, iterations=SCRAM_ITERATIONS
            )
            for user, password in passwords.items()
        ]
        failures = {user: why for user, why in client.alter_user_scram_credentials(changes).items() if why}
    finally:
        client.close()
    if failures:
        raise LocalError(f"Kafka refused the passwords of {failures}.")


def login(bootstrap: str, user: str, password: str) -> dict[str, str]:
    """How kafka-python logs in to this platform's broker."""
    return {
        "bootstrap_servers": bootstrap,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": user,
        "sasl_plain_password": password,
    }


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
