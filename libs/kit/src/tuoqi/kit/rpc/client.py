"""Calls to services: every one carries the platform token, who acts and why, the trace, and a deadline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Self, TypeVar
from urllib.parse import quote

import grpc

from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import SERVICE_PREFIX, current_actor_or_none
from tuoqi.kit.rpc.agreed import (
    CORRELATION,
    MESSAGE_BYTES_MAX,
    PURPOSE,
    STREAM_SECONDS_MAX,
    TOKEN,
    TRACEPARENT,
    UNARY_SECONDS_MAX,
    USER,
)
from tuoqi.kit.rpc.refusals import Grpc, Refusal, is_away, raise_refusal, refusal_of
from tuoqi.kit.settings import Settings, read_secret
from tuoqi.kit.tracing import current_correlation_id, current_traceparent

__all__ = ["Channel", "Peers", "Refusal", "connect", "is_away", "raise_refusal", "refusal_of"]

Stub = TypeVar("Stub")
Headers = tuple[tuple[str, str], ...]

_OPTIONS: Final = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_http_proxy", 0),  # peers are never behind the proxy that downloads go through
]


class Channel(grpc.aio.Channel):
    """A channel whose calls carry headers made at each call, and a deadline where the caller sets none.

    Not done by grpc's client interceptors: those of grpc.aio need one class for each shape of a call and lose the time
    limit of streams.
    """

    def __init__(self, inner: grpc.aio.Channel, headers: Callable[[], Headers]) -> None:
        self._inner: Grpc = inner
        self._headers = headers

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._inner.__aexit__(*exception)

    async def close(self, grace: float | None = None) -> None:
        """End it; calls under way get `grace` seconds."""
        await self._inner.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: FBT001, FBT002 -- grpc's
        """How the connection stands."""
        state: grpc.ChannelConnectivity = self._inner.get_state(try_to_connect)
        return state

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Wait until the connection stands otherwise."""
        await self._inner.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Wait until it is connected."""
        await self._inner.channel_ready()

    def unary_unary(self, *method: Grpc, **options: Grpc) -> Grpc:
        """One request, one answer."""
        return self._calling(self._inner.unary_unary(*method, **options), UNARY_SECONDS_MAX)

    def unary_stream(self, *method: Grpc, **options: Grpc) -> Grpc:
        """One request, many answers."""
        return self._calling(self._inner.unary_stream(*method, **options), STREAM_SECONDS_MAX)

    def stream_unary(self, *method: Grpc, **options: Grpc) -> Grpc:
        """Many requests, one answer."""
        return self._calling(self._inner.stream_unary(*method, **options), STREAM_SECONDS_MAX)

    def stream_stream(self, *method: Grpc, **options: Grpc) -> Grpc:
        """Many requests, many answers."""
        return self._calling(self._inner.stream_stream(*method, **options), STREAM_SECONDS_MAX)

    def _calling(self, method: Grpc, seconds_max: float) -> Grpc:
        def call(
            request: Grpc = None,
            *,
            timeout: float | None = None,
            metadata: Grpc = None,
            **more: Grpc,
        ) -> Grpc:
            headers = (*self._headers(), *(metadata or ()))
            return method(request, timeout=seconds_max if timeout is None else timeout, metadata=headers, **more)

        return call


def connect(address: str, token: str, user: str = "", purpose: str = "") -> Channel:
    """A channel for the command line: every call is this user's. An empty user may only call internal methods."""
    fixed = _identity(token, user, purpose)
    return Channel(grpc.aio.insecure_channel(address, options=_OPTIONS), lambda: (*fixed, *_trace()))


class Peers:
    """The other services, as `settings.peers` names them; channels are made at the first call and kept.

    Within a call its user's rights travel on; outside of any the service acts as `service:<name>`.
    """

    def __init__(self, settings: Settings, service: str) -> None:
        self._addresses = settings.peer_addresses
        self._token = read_secret(settings.token_file)
        self._self = f"{SERVICE_PREFIX}{service}"
        self._channels: dict[str, Channel] = {}

    def stub(self, stub_class: Callable[[Grpc], Stub], peer: str) -> Stub:
        """The stub of a peer. Raises peer.away where no address is known."""
        if peer not in self._channels:
            if peer not in self._addresses:
                raise TuoqiError("peer.away")
            inner = grpc.aio.insecure_channel(self._addresses[peer], options=_OPTIONS)
            self._channels[peer] = Channel(inner, self._headers)
        return stub_class(self._channels[peer])

    async def close(self) -> None:
        """End all channels."""
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            await channel.close()

    def _headers(self) -> Headers:
        actor = current_actor_or_none()
        user, purpose = (self._self, "") if actor is None or actor.service else (actor.user, actor.purpose)
        return (*_identity(self._token, user, purpose), *_trace())


def _identity(token: str, user: str, purpose: str) -> Headers:
    pairs = ((TOKEN, token), (USER, quote(user)), (PURPOSE, quote(purpose)))
    return tuple((key, value) for key, value in pairs if value)


def _trace() -> Headers:
    pairs = ((TRACEPARENT, current_traceparent()), (CORRELATION, current_correlation_id()))
    return tuple((key, value) for key, value in pairs if value)
