"""What a platform consists of, as data: the services, how each is called, and the environment that it is given."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from tuoqi.cli.local.home import Home
from tuoqi.cli.local.vault import Vault

SERVICES = ("registry", "visits", "payments", "alerts")


@dataclass(frozen=True, slots=True)
class Service:
    """One service: the program that serves, and the one that brings its schema up to date."""

    name: str
    command: tuple[str, ...]
    migrate: tuple[str, ...] = ()
    health: bool = True
    """Whether it is ready only when its gRPC health says SERVING; else as soon as it runs."""

    @classmethod
    def of(cls, name: str) -> Self:
        """The service whose package is `tuoqi.<name>`."""
        command = (sys.executable, "-m", f"tuoqi.{name}")
        return cls(name, command, (*command, "migrate"))


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything `up` decides; travels as JSON to the supervisor where that is a process of its own."""

    services: tuple[Service, ...] = field(default_factory=lambda: tuple(Service.of(name) for name in SERVICES))
    topics: str = ""
    """`module:function` that applies the topics, called as f(bootstrap, user, password) before the services start."""
    county: str = ""
    """Folder of the county's policy files."""
    clock: str = "system"
    """`system` or `settable`"""
    clock_start: str = ""
    """ISO with zone; only where the clock is settable."""

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The plan that `to_json` wrote."""
        raw = json.loads(text)
        services = tuple(
            Service(s["name"], tuple(s["command"]), tuple(s["migrate"]), s["health"]) for s in raw.pop("services")
        )
        return cls(services=services, **raw)

    def to_json(self) -> str:
        """As text for another process."""
        return json.dumps(asdict(self))

    @property
    def names(self) -> tuple[str, ...]:
        """The services' names."""
        return tuple(service.name for service in self.services)


def default_county() -> str:
    """The county of the checkout in which the command runs."""
    return str(Path.cwd() / "deploy" / "counties" / "990101")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where everything listens; what the commands need to talk to a running platform."""

    kafka: str
    postgres: str
    """host:port"""
    grpc: Mapping[str, str]
    metrics: Mapping[str, int]

    @classmethod
    def of(cls, ports: Mapping[str, int], services: tuple[str, ...]) -> Self:
        """From the chosen ports; `TUOQI_KAFKA` and `TUOQI_DATABASE` may point elsewhere."""
        database = os.environ.get("TUOQI_DATABASE", "").rpartition("@")[2].partition("/")[0]
        return cls(
            kafka=os.environ.get("TUOQI_KAFKA") or f"127.0.0.1:{ports['kafka']}",
            postgres=database or f"127.0.0.1:{ports['postgres']}",
            grpc={name: f"127.0.0.1:{ports[f'{name}_grpc']}" for name in services},
            metrics={name: ports[f"{name}_metrics"] for name in services},
        )

    def to_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self)


def service_environment(plan: Plan, service: str, endpoints: Endpoints, home: Home) -> dict[str, str]:
    """The contract with the kit's settings."""
    vault = Vault(home.secrets)
    environment = {
        "TUOQI_DATABASE_URL": f"postgresql://tuoqi_{service}@{endpoints.postgres}/tuoqi_{service}",
        "TUOQI_DATABASE_PASSWORD_FILE": str(vault.database(service)),
        "TUOQI_KAFKA": endpoints.kafka,
        "TUOQI_KAFKA_USER": service,
        "TUOQI_KAFKA_PASSWORD_FILE": str(vault.kafka(service)),
        "TUOQI_GRPC_ADDRESS": endpoints.grpc[service],
        "TUOQI_METRICS_PORT": str(endpoints.metrics[service]),
        "TUOQI_PEERS": ",".join(f"{name}={address}" for name, address in endpoints.grpc.items()),
        "TUOQI_TOKEN_FILE": str(vault.token),
        "TUOQI_KEYS_DIR": str(vault.keys),
        "TUOQI_COUNTY_DIR": plan.county or default_county(),
        "TUOQI_CLOCK": plan.clock,
    }
    if service == "visits":
        environment["TUOQI_OBJECTS_URL"] = (home.root / "attachments").as_uri()
    if service == "alerts":
        environment["TUOQI_SMS_FOLDER"] = str(home.root / "sms")
    if plan.clock_start:
        environment["TUOQI_CLOCK_START"] = plan.clock_start
    return environment


def migration_environment(plan: Plan, service: str, endpoints: Endpoints, home: Home) -> dict[str, str]:
    """The same, but as the role that owns the schema."""
    return {
        **service_environment(plan, service, endpoints, home),
        "TUOQI_DATABASE_URL": f"postgresql://tuoqi_{service}_migrator@{endpoints.postgres}/tuoqi_{service}",
        "TUOQI_DATABASE_PASSWORD_FILE": str(Vault(home.secrets).migrator(service)),
    }
