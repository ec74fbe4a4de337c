"""One frozen settings object from the environment. Secrets come from files, never from variables."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What a service is told from outside. Every variable begins with `TUOQI_`."""

    model_config = SettingsConfigDict(env_prefix="TUOQI_", frozen=True, extra="ignore")

    database_url: str
    """`postgresql://user@host:port/name`, without a password."""
    database_password_file: Path | None = None
    database_pool_size: int = 8
    kafka: str = "127.0.0.1:9092"
    """`host:port`, several separated by commas."""
    kafka_user: str = ""
    """The SASL/SCRAM user; empty means a broker without authentication."""
    kafka_password_file: Path | None = None
    grpc_address: str = "127.0.0.1:0"
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 0
    peers: str = ""
    """Where the other services answer: `registry=host:port,visits=host:port`."""
    token_file: Path | None = None
    """The platform token that every gRPC call carries."""
    keys_dir: Path | None = None
    """`identity.key` for every service; `master.key` and `lookup.key` for the registry alone."""
    county_dir: Path = Path("deploy/counties/990101")
    clock: Literal["system", "settable"] = "system"
    clock_start: datetime | None = None
    """Where a settable clock stands when the database has none yet."""
    batch_records: int = 6_000
    """Messages applied in one transaction, at most."""
    trace_ratio: float = 0.01
    """The share of messages and calls traced one by one; commands of people always are."""
    otlp_endpoint: str = ""
    """Where traces go, `host:port`; empty means nowhere."""
    failpoint_dir: Path | None = None
    """Tests only, see `kit.failpoints`."""

    @cached_property
    def peer_addresses(self) -> dict[str, str]:
        """Service name → address."""
        pairs = (entry.split("=", 1) for entry in self.peers.split(",") if entry)
        return {name.strip(): address.strip() for name, address in pairs}


def read_secret(path: Path | None) -> str:
    """The content of a secret file without its line end; empty where no file is named. Raises OSError."""
    return path.read_text(encoding="utf-8").strip() if path else ""
