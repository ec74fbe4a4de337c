"""The one gRPC server of a service: guarded methods, health, reflection, limits.

It refuses to start with a method whose contract does not say who may call it.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor
from tuoqi.kit.rpc.access import MethodRule, find_rule
from tuoqi.kit.rpc.agreed import MESSAGE_BYTES_MAX
from tuoqi.kit.rpc.guard import Guard, Passage
from tuoqi.kit.rpc.refusals import Grpc
from tuoqi.kit.settings import Settings

if TYPE_CHECKING:
    _ServerInterceptor = grpc.aio.ServerInterceptor[Grpc, Grpc]
else:
    _ServerInterceptor = grpc.aio.ServerInterceptor

__all__ = ["Guard", "RunningServer", "current_actor", "serve"]

OPTIONS: Final = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.max_concurrent_streams", 256),
    ("grpc.so_reuseport", 0),  # two platforms on one port must clash, not share
]
_HEALTH: Final[Grpc] = import_module("grpc_health.v1.health").aio
_OPEN: Final = ("grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection")


class RunningServer:
    """A server that answers."""

    def __init__(self, address: str, server: Grpc, health_servicer: Grpc) -> None:
        self.address = address
        """`host:port`, the port being the actual one."""
        self._server = server
        self._health = health_servicer
        self._telling: asyncio.Future[None] | None = None

    def set_serving(self, serving: bool) -> None:  # noqa: FBT001 -- the state itself
        """Tell whoever asks for health whether this service makes progress. Not serving at first."""
        state = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        self._telling = asyncio.ensure_future(self._health.set("", state))

    async def stop(self, grace: float) -> None:
        """Take no new calls, give those under way `grace` seconds, then end them."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)


async def serve(settings: Settings, guard: Guard, services: Sequence[Callable[[Grpc], None]]) -> RunningServer:
    """Start the server at `settings.grpc_address`; each of `services` adds itself to it.

    Raises LookupError for a method without an access rule and RuntimeError where the address is taken.
    """
    interceptor = _Interceptor(guard)
    server = grpc.aio.server(interceptors=[interceptor], options=OPTIONS)
    listing = _Listing(server)
    for add in services:
        add(listing)
    interceptor.rules = {rule.method: rule for rule in listing.rules()}
    servicer = _HEALTH.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    await servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    reflection.enable_server_reflection([*listing.methods, *_OPEN], server)
    host = settings.grpc_address.rpartition(":")[0]
    port = server.add_insecure_port(settings.grpc_address)
    await server.start()
    return RunningServer(f"{host}:{port}", server, servicer)


class _Listing:
    """Stands in for the server while services add themselves, and takes down what they serve."""

    def __init__(self, server: Grpc) -> None:
        self._server = server
        self.methods: dict[str, list[str]] = {}

    def add_generic_rpc_handlers(self, handlers: Sequence[Grpc]) -> None:
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Grpc]) -> None:
        self.methods.setdefault(service, []).extend(handlers)
        self._server.add_registered_method_handlers(service, handlers)

    def rules(self) -> list[MethodRule]:
        """The access rule of each method. Raises LookupError where one has none."""
        return [find_rule(f"/{service}/{name}") for service, names in self.methods.items() for name in names]


class _Interceptor(_ServerInterceptor):
    """Wraps each method into the guard; what is neither ruled nor open does not exist."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self.rules: dict[str, MethodRule] = {}

    async def intercept_service(self, continuation: Grpc, handler_call_details: Grpc) -> Grpc:
        handler = await continuation(handler_call_details)
        path: str = handler_call_details.method
        if handler is None or path.strip("/").rpartition("/")[0] in _OPEN:
            return handler
        rule = self.rules.get(path)
        return None if rule is None else _wrapped(handler, rule, self._guard)


def _wrapped(handler: Grpc, rule: MethodRule, guard: Guard) -> Grpc:
    method = _Method(_behaviour(handler), rule, guard, takes_stream=handler.request_streaming)
    make = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }[handler.request_streaming, handler.response_streaming]
    wrapped: Grpc = method.answer_stream if handler.response_streaming else method.answer_once
    return make(
        wrapped,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


def _behaviour(handler: Grpc) -> Grpc:
    return handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream


class _Method:
    """One method behind the guard, for each of the four shapes of a call."""

    def __init__(self, behaviour: Grpc, rule: MethodRule, guard: Guard, *, takes_stream: bool) -> None:
        self._behaviour = behaviour
        self._rule = rule
        self._guard = guard
        self._takes_stream = takes_stream

    async def answer_once(self, request: Grpc, context: Grpc) -> Grpc:
        async with self._guard.passage(self._rule, context) as passage:
            taken = await self._take(request, passage)
            return await _within(passage, self._behaviour(taken, context))

    async def answer_stream(self, request: Grpc, context: Grpc) -> AsyncIterator[Grpc]:
        async with self._guard.passage(self._rule, context) as passage:
            answers = self._behaviour(await self._take(request, passage), context)
            if inspect.isawaitable(answers):
                await _within(passage, answers)
                return
            # The time limit stands around each step, not around the loop: while gRPC sends an answer, this generator
            # does not run, and a limit set here would cancel code that is not ours.
            async for answer in _each_within(passage, answers):
                yield answer

    async def _take(self, request: Grpc, passage: Passage) -> Grpc:
        if not self._takes_stream:
            self._guard.check(request)
            await self._guard.begin(passage, request)
            return request
        requests = aiter(request)
        first = await _within(passage, anext(requests, None))
        if first is not None:
            self._guard.check(first)
        await self._guard.begin(passage, first)
        return self._checked(first, requests, passage)

    async def _checked(self, first: Grpc, rest: AsyncIterator[Grpc], passage: Passage) -> AsyncIterator[Grpc]:
        if first is None:
            return
        yield first
        async for request in _each_within(passage, rest):
            self._guard.check(request)
            yield request


async def _within(passage: Passage, step: Grpc) -> Grpc:
    """The step's result. Raises rpc.too_slow when the call's deadline passes first."""
    limit = asyncio.timeout_at(passage.deadline)
    try:
        async with limit:
            return await step
    except TimeoutError:
        if limit.expired():
            raise TuoqiError("rpc.too_slow") from None
        raise


async def _each_within(passage: Passage, steps: AsyncIterator[Grpc]) -> AsyncIterator[Grpc]:
    end = object()
    try:
        while (item := await _within(passage, anext(steps, end))) is not end:
            yield item
    finally:
        close = getattr(steps, "aclose", None)
        if close is not None:
            await close()
