"""Topics, lag and offsets by kafka-python, for tools and for the start of a platform; no service needs it to run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import TopicAlreadyExistsError

from tuoqi.contracts.topics import MAX_VALUE_BYTES, Topic, topics
from tuoqi.kit.kafka import KafkaAddress

DAY_MS = 86_400_000


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


@contextmanager
def _admin(address: KafkaAddress) -> Iterator[Any]:
    admin: Any = KafkaAdminClient(**address.client_options())
    try:
        yield admin
    finally:
        admin.close()


def plan_topics(address: KafkaAddress) -> list[TopicStep]:
    """What `apply_topics` would do. Raises KafkaError."""
    with _admin(address) as admin:
        return _steps(admin)


def apply_topics(address: KafkaAddress, *, replication: int = 1) -> list[TopicStep]:
    """Make the broker as the contract says; what was done. Never deletes a topic and never takes partitions away.

    Returns when every new topic can be written. Raises KafkaError.
    """
    with _admin(address) as admin:
        steps = _steps(admin)
        known = topics()
        new = {step.topic: _creation(known[step.topic], replication) for step in steps if step.action == "create"}
        if new:
            with suppress(TopicAlreadyExistsError):  # another platform's command was faster
                admin.create_topics(new, wait_for_metadata=True)
        more = {step.topic: known[step.topic].partitions for step in steps if step.action == "add_partitions"}
        if more:
            admin.create_partitions(more)
        changed = [
            ConfigResource(ConfigResourceType.TOPIC, step.topic, wanted_config(known[step.topic]))
            for step in steps
            if step.action == "configure"
        ]
        if changed:
            admin.alter_configs(changed)
        return steps


def _creation(entry: Topic, replication: int) -> dict[str, Any]:
    return {"num_partitions": entry.partitions, "replication_factor": replication, "configs": wanted_config(entry)}


def _steps(admin: Any) -> list[TopicStep]:
    """The differences between contract and broker, topic by topic."""
    existing = sorted(set(admin.list_topics()) & set(topics()))
    described = {t["name"]: len(t["partitions"]) for t in admin.describe_topics(existing)} if existing else {}
    settings = _settings(admin, existing)
    steps = []
    for entry in topics().values():
        if entry.name not in described:
            steps.append(TopicStep(entry.name, "create", f"{entry.partitions} partitions"))
            continue
        if described[entry.name] < entry.partitions:
            detail = f"{described[entry.name]} → {entry.partitions}"
            steps.append(TopicStep(entry.name, "add_partitions", detail))
        wanted = wanted_config(entry)
        differs = {key: value for key, value in wanted.items() if settings[entry.name].get(key) != value}
        if differs:
            steps.append(TopicStep(entry.name, "configure", " ".join(f"{k}={v}" for k, v in differs.items())))
    return steps


def _settings(admin: Any, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Topic → its settings, defaults included."""
    if not names:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name, None) for name in names]
    answer = admin.describe_configs(asked, config_filter="all")
    return {
        name: {key: str(config["value"]) for key, config in configs.items()}
        for by_name in answer.values()
        for name, configs in by_name.items()
    }


def groups_of(address: KafkaAddress, prefix: str) -> list[str]:
    """The consumer groups whose name begins so. Raises KafkaError."""
    with _admin(address) as admin:
        return sorted(group["group_id"] for group in admin.list_groups() if group["group_id"].startswith(prefix))


def lag(address: KafkaAddress, groups: Iterable[str]) -> dict[str, dict[str, int]]:
    """Group → topic → events that it has not committed, over all partitions that it ever committed.

    Raises KafkaError.
    """
    with _admin(address) as admin:
        names = sorted(groups)
        committed: dict[str, Any] = admin.list_group_offsets(names) if names else {}
        partitions = {partition for offsets in committed.values() for partition in offsets}
        ends = _ends(admin, partitions)
        result: dict[str, dict[str, int]] = {}
        for name in names:
            by_topic: dict[str, int] = {}
            for partition, position in sorted(committed[name].items()):
                behind = max(0, ends[partition] - max(0, position.offset))
                by_topic[partition.topic] = by_topic.get(partition.topic, 0) + behind
            result[name] = by_topic
        return result


def ends_of(address: KafkaAddress, names: Sequence[str]) -> dict[str, int]:
    """Topic → the sum of its partitions' ends: every record that was ever written. Raises KafkaError."""
    with _admin(address) as admin:
        described = admin.describe_topics(list(names))
        partitions = {TopicPartition(t["name"], p["partition_index"]) for t in described for p in t["partitions"]}
        sums = dict.fromkeys(names, 0)
        for partition, end in _ends(admin, partitions).items():
            sums[partition.topic] += end
        return sums


def _ends(admin: Any, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    wanted = dict.fromkeys(partitions, OffsetSpec.LATEST)
    if not wanted:
        return {}
    return {partition: found.offset for partition, found in admin.list_partition_offsets(wanted).items()}


__all__ = [
    "KafkaAddress",
    "TopicStep",
    "apply_topics",
    "ends_of",
    "groups_of",
    "lag",
    "plan_topics",
    "wanted_config",
]
