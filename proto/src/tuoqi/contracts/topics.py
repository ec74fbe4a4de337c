"""The catalogue of topics: `topics.yaml` beside each domain's contracts, with the message types it lists.

A topic is read by its name and nothing else: `topic("tuoqi.registry.person.v1")`.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import ModuleType
from typing import Any

import yaml
from google.protobuf.message import Message

DOMAINS = ("registry", "payments", "visits", "alerts")
MAX_VALUE_BYTES = 1_000_000
"""The largest value that a topic takes; Kafka's own default leaves room for headers above it."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the contract, as `topics.yaml` describes it."""

    name: str
    owner: str
    about: str
    key: str
    partitions: int
    retention_days: int
    subscribers: tuple[str, ...]
    """The services that may read; empty means any."""
    types: dict[str, type[Message]]
    """Protobuf full name (`ce_type`) → message class, for every event of the topic."""


@cache
def topics() -> dict[str, Topic]:
    """All topics of all domains by name. Raises where a listed event does not exist in the domain's contracts."""
    found: dict[str, Topic] = {}
    for domain in DOMAINS:
        text = resources.files("tuoqi.contracts").joinpath(domain, "v1", "topics.yaml").read_text(encoding="utf-8")
        document = yaml.safe_load(text)
        messages = _messages(domain)
        for entry in document["topics"]:
            found[entry["name"]] = _topic(document["owner"], entry, messages)
    return found


def topic(name: str) -> Topic:
    """The topic of this name. Raises KeyError where no contract has it."""
    return topics()[name]


@cache
def known_types() -> dict[str, type[Message]]:
    """Every event type of every topic by its protobuf full name: what this build can tell from the unknown."""
    return {name: message for entry in topics().values() for name, message in entry.types.items()}


def _topic(owner: str, entry: dict[str, Any], messages: dict[str, type[Message]]) -> Topic:
    subscribers = entry["subscribers"]
    return Topic(
        name=entry["name"],
        owner=owner,
        about=entry["about"],
        key=entry["key"],
        partitions=entry["partitions"],
        retention_days=entry["retention_days"],
        subscribers=() if subscribers == "any" else tuple(subscribers),
        types={messages[event].DESCRIPTOR.full_name: messages[event] for event in entry["events"]},
    )


def _messages(domain: str) -> dict[str, type[Message]]:
    package = importlib.import_module(f"tuoqi.contracts.{domain}.v1")
    modules: list[ModuleType] = [
        importlib.import_module(f"{package.__name__}.{info.name}")
        for info in pkgutil.iter_modules(package.__path__)
        if info.name.endswith("_pb2")
    ]
    return {name: getattr(module, name) for module in modules for name in module.DESCRIPTOR.message_types_by_name}
