"""Where Kafka is and how to speak to it; topics, lag and offsets by kafka-python, for tools and start-up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic

from tuoqi.contracts.topics import MAX_VALUE_BYTES, Topic, topics
from tuoqi.kit.settings import Settings, read_secret

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """A broker and who connects."""

    servers: str
    user: str = ""
    password: str = ""

    @classmethod
    def of(cls, settings: Settings) -> KafkaAddress:
        """As the service's settings say."""
        return cls(settings.kafka, settings.kafka_user, read_secret(settings.kafka_password_file))

    @classmethod
    def from_files(cls, servers: str, user: str, password_file: Path | None) -> KafkaAddress:
        """As a tool is told."""
        return cls(servers, user, read_secret(password_file))

    def client_options(self) -> dict[str, Any]:
        """What aiokafka and kafka-python both understand."""
        options: dict[str, Any] = {"bootstrap_servers": self.servers.split(",")}
        if self.user:
            options |= {
                "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": "SCRAM-SHA-256",
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return options


@dataclass(frozen=True, slots=True)
class TopicStep:
    """One difference between the contract and the broker."""

    topic: str
    action: str
    """`create`, `add_partitions` or `configure`."""
    detail: str


def wanted_config(entry: Topic) -> dict[str, str]:
    """The topic's settings as the contract wants them."""
    state = entry.name.endswith(".state.v1")
    return {
        "cleanup.policy": "compact" if state else "delete",
        "retention.ms": "-1" if state else str(entry.retention_days * DAY_MS),
        "max.message.bytes": str(MAX_VALUE_BYTES + 48_000),
        "min.insync.replicas": "1",
    }


def plan_topics(address: KafkaAddress) -> list[TopicStep]:
    """What `apply_topics` would do."""
    admin = KafkaAdminClient(**address.client_options())
    try:
        return [step for step, _ in _steps(admin)]
    finally:
        admin.close()


def apply_topics(address: KafkaAddress, *, replication: int = 1) -> list[TopicStep]:
    """Make the broker as the contract says; what was done. Never deletes a topic and never takes partitions away."""
    admin = KafkaAdminClient(**address.client_options())
    try:
        steps = _steps(admin)
        new = [entry for step, entry in steps if step.action == "create"]
        if new:
            admin.create_topics(
                [NewTopic(e.name, e.partitions, replication, topic_configs=wanted_config(e)) for e in new]
            )
        more = {entry.name: NewPartitions(entry.partitions) for step, entry in steps if step.action == "add_partitions"}
        if more:
            admin.create_partitions(more)
        return [step for step, _ in steps]
    finally:
        admin.close()


def _steps(admin: Any) -> list[tuple[TopicStep, Topic]]:
    existing = set(admin.list_topics())
    described = {t["name"]: len(t["partitions"]) for t in admin.describe_topics(sorted(existing & set(topics())))}
    steps = []
    for entry in topics().values():
        if entry.name not in existing:
            steps.append((TopicStep(entry.name, "create", f"{entry.partitions} partitions"), entry))
        elif described.get(entry.name, entry.partitions) < entry.partitions:
            detail = f"{described[entry.name]} → {entry.partitions}"
            steps.append((TopicStep(entry.name, "add_partitions", detail), entry))
    return steps


def lag(address: KafkaAddress, groups: Iterable[str]) -> dict[str, int]:
    """Events that each group has not committed yet, over all partitions that it ever committed."""
    admin = KafkaAdminClient(**address.client_options())
    consumer = KafkaConsumer(**address.client_options())
    try:
        result = {}
        for group in groups:
            committed = admin.list_group_offsets(group) if hasattr(admin, "list_group_offsets") else {}
            ends = consumer.end_offsets(list(committed)) if committed else {}
            result[group] = sum(max(0, ends[p] - o.offset) for p, o in committed.items())
        return result
    finally:
        consumer.close()
        admin.close()


__all__ = [
    "ConfigResource",
    "ConfigResourceType",
    "KafkaAddress",
    "TopicStep",
    "apply_topics",
    "lag",
    "plan_topics",
    "wanted_config",
]
