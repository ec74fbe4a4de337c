"""The topics of the contracts on a broker; named by the plan of every start."""

from __future__ import annotations

from tuoqi.kit.kafka import KafkaAddress
from tuoqi.kit.kafka_tools import apply_topics


def apply(bootstrap: str, user: str, password: str) -> None:
    """Make the broker as the contracts say; safe to repeat. Raises KafkaError."""
    apply_topics(KafkaAddress(bootstrap, user, password))
