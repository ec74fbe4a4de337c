"""Ways by which a message reaches somebody 通知渠道: plug-ins found by the entry points `tuoqi.alerts.channels`.

A county adds its own package with an entry point that makes a `Channel` of the service's settings (as `Ways` tells them).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Protocol

from tuoqi.alerts.domain.telling import Contact

GROUP: Final = "tuoqi.alerts.channels"


class ChannelAway(Exception):
    """The channel does not answer now; trying again may help. Its text holds no private fact."""


class ChannelRefused(Exception):
    """The channel will never take this message (no address, a refusal for good)."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be said to whom. `delivery_id` is the same whenever it is sent again."""

    delivery_id: str
    alert_id: str
    contact: Contact
    body: str


@dataclass(frozen=True, slots=True)
class Ways:
    """What the service's settings say of the channels; what is empty is not used."""

    smtp_host: str = ""
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_password_file: Path | None = None
    smtp_from: str = "tuoqi@localhost"
    smtp_tls: str = "starttls"
    webhook_key_file: Path | None = None
    sms_folder: Path | None = None


class Channel(Protocol):
    """One way to reach people."""

    async def send(self, message: Message) -> str:
        """Hand the message over; what proves it. Raises ChannelAway, ChannelRefused."""
        ...


MakeChannel = Callable[[Ways], Channel]


def load_channels(settings: Ways) -> Mapping[str, Channel]:
    """Every channel that is installed, by name."""
    found = entry_points(group=GROUP)
    return {entry.name: entry.load()(settings) for entry in found}
