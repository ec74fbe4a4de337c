"""Messages to another system by HTTP: signed, with an idempotency key, proved by its answer."""

from __future__ import annotations

import hmac
import json
from typing import Final

import httpx

from tuoqi.alerts.jobs.channels import ChannelAway, ChannelRefused, Message, Ways
from tuoqi.kit.settings import read_secret

TIMEOUT_S: Final = 10.0
_AGAIN: Final = frozenset({408, 425, 429})
_SERVER_FAULT: Final = 500
_REFUSED: Final = 300


class WebhookChannel:
    """POSTs a JSON object to the contact's URL; `Tuoqi-Signature` is HMAC-SHA-256 of the body, hex."""

    def __init__(self, settings: Ways) -> None:
        """The key comes from a file; without one nothing is sent."""
        self._key = read_secret(settings.webhook_key_file).encode() if settings.webhook_key_file else b""

    async def send(self, message: Message) -> str:
        """Status and time of the answer. A 4xx is a refusal for good, everything else is tried again."""
        if not message.contact.webhook or not self._key:
            raise ChannelRefused("no address or no key")
        body = json.dumps(
            {"id": message.delivery_id, "alert_id": message.alert_id, "text": message.body}, ensure_ascii=False
        ).encode()
        headers = {
            "content-type": "application/json",
            "idempotency-key": message.delivery_id,
            "tuoqi-signature": hmac.new(self._key, body, "sha256").hexdigest(),
        }
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
                answer = await client.post(message.contact.webhook, content=body, headers=headers)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise ChannelAway(type(error).__name__) from error
        if answer.status_code >= _SERVER_FAULT or answer.status_code in _AGAIN:
            raise ChannelAway(f"HTTP {answer.status_code}")
        if answer.status_code >= _REFUSED:
            raise ChannelRefused(f"HTTP {answer.status_code}")
        return f"HTTP {answer.status_code} {answer.headers.get('date', '')}".strip()
