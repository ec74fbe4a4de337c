"""Where Kafka is, and who connects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuoqi.kit.settings import Settings, read_secret


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
