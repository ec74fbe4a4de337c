"""A running platform as the commands see it: where its services answer, and in whose name they are asked."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from tuoqi.cli.local import control
from tuoqi.cli.local.home import Home
from tuoqi.cli.local.kafka import ADMIN
from tuoqi.cli.local.plan import Endpoints
from tuoqi.cli.local.vault import Vault, read_secret
from tuoqi.contracts.common.v1.platform_pb2_grpc import PlatformServiceStub
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.kafka import KafkaAddress
from tuoqi.kit.rpc.client import Channel, connect

Stub = TypeVar("Stub")
Result = TypeVar("Result")
COUNTY = Path("deploy") / "counties" / "990101"

IMPORTS = {
    "regions": "registry",
    "persons": "registry",
    "statuses": "registry",
    "facilities": "registry",
    "stays": "registry",
    "guardianship": "registry",
    "assessments": "registry",
    "workers": "registry",
    "deaths": "registry",
    "moves": "registry",
    "comparison": "registry",
    "price_index": "payments",
    "bank_results": "payments",
    "aid": "payments",
    "repayments": "payments",
    "verification_findings": "payments",
    "certifications": "payments",
    "visits": "visits",
    "attendance": "visits",
    "pairing_wishes": "visits",
    "services": "visits",
    "care_contracts": "visits",
}
"""File kind → the service that takes it."""
EXPORTS = {
    "persons": "registry",
    "posts_coverage": "registry",
    "payment_lines": "payments",
    "bank_instructions": "payments",
    "recoveries": "payments",
    "recovery_notices": "payments",
    "waiting": "payments",
    "reconciliation": "payments",
    "posting_list": "payments",
    "verification_sheet": "payments",
    "verification_report": "payments",
    "certification_missing": "payments",
    "voucher_settlement": "payments",
    "visits_overdue": "visits",
    "visits_coverage": "visits",
    "pairing_proposals": "visits",
    "alerts": "alerts",
}
"""File kind → the service that gives it."""


class Platform:
    """Channels to the services of one platform, all in the name of one user; made at the first call and kept."""

    def __init__(self, addresses: Mapping[str, str], token: str, user: str = "", purpose: str = "") -> None:
        self.addresses = dict(addresses)
        self._token = token
        self._identity = (user, purpose)
        self._channels: dict[str, Channel] = {}

    @classmethod
    def of(cls, home: Home, user: str = "", purpose: str = "") -> Self:
        """The platform of this home. Raises LocalError where none was ever started."""
        return cls(control.endpoints(home).grpc, read_secret(Vault(home.secrets).token), user, purpose)

    def acting(self, user: str, purpose: str = "") -> Platform:
        """The same platform in another user's name; close it by itself."""
        return Platform(self.addresses, self._token, user, purpose)

    @property
    def services(self) -> tuple[str, ...]:
        """The services' names."""
        return tuple(self.addresses)

    def stub(self, stub_class: Callable[[Any], Stub], service: str) -> Stub:
        """The stub of a service. Raises cli.unknown_service."""
        if service not in self._channels:
            if service not in self.addresses:
                raise TuoqiError("cli.unknown_service", service=service, allowed="、".join(self.addresses))
            user, purpose = self._identity
            self._channels[service] = connect(self.addresses[service], self._token, user, purpose)
        return stub_class(self._channels[service])

    def common(self, service: str) -> Any:
        """What every service answers; called with the async channel, so its calls are awaited."""
        return self.stub(PlatformServiceStub, service)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            await channel.close()


def here() -> Home:
    """The home that this command is about: TUOQI_HOME, else the checkout's."""
    return Home.from_environment()


def county_dir() -> Path:
    """The county's policy files: TUOQI_COUNTY_DIR, else those of the checkout around or under this program."""
    if given := os.environ.get("TUOQI_COUNTY_DIR"):
        return Path(given).absolute()
    for root in (Path.cwd(), *Path(__file__).parents):
        if (root / COUNTY).is_dir():
            return root / COUNTY
    return Path.cwd() / COUNTY


def kafka_address(home: Home, user: str = ADMIN) -> KafkaAddress:
    """The platform's broker, for one of its users. Raises LocalError where no platform was ever started."""
    endpoints: Endpoints = control.endpoints(home)
    return KafkaAddress(endpoints.kafka, user, read_secret(Vault(home.secrets).kafka(user)))


def service_of(kind: str, table: Mapping[str, str]) -> str:
    """The service for a file kind. Raises cli.unknown_kind."""
    if kind not in table:
        raise TuoqiError("cli.unknown_kind", kind=kind, allowed="、".join(table))
    return table[kind]


def call(work: Callable[[Platform], Awaitable[Result]], user: str = "", purpose: str = "") -> Result:
    """Run one piece of work on this home's platform, in this user's name."""

    async def run() -> Result:
        async with Platform.of(here(), user, purpose) as platform:
            return await work(platform)

    return asyncio.run(run())
