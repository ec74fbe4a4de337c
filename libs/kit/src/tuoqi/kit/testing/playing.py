"""Handlers without a platform: events in, state and events out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.message import Message

from tuoqi.contracts.topics import topics
from tuoqi.kit.context import Context, Emission, Origin
from tuoqi.kit.handlers import Handler
from tuoqi.kit.ids import id_maker

AT = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
KEY = b"tests have an identity key of their own"


def origin_of(service: str, policy: Any = None) -> Origin:
    """The origin of a service's contexts, with a key for tests."""
    return Origin([entry for entry in topics().values() if entry.owner == service], id_maker(KEY), policy)


def play(
    origin: Origin, handler: Handler, state: Any, messages: Sequence[Message], *, key: str = "key", at: datetime = AT
) -> tuple[Any, list[Emission]]:
    """Hand messages to one handler, a minute apart; the state afterwards and what was said."""
    emissions: list[Emission] = []
    for number, message in enumerate(messages):
        moment = at + timedelta(minutes=number)
        ctx = Context(origin, emissions, at=moment, cause=f"test-{number}", correlation_id="test")
        ctx.key = key
        state = handler(state, message, ctx)
    return state, emissions
