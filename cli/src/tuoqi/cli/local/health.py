"""The gRPC health protocol, asked until a service says SERVING."""

from functools import partial

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tuoqi.cli.local.process import until

ASK_S_MAX = 2.0
PAUSE_S = 0.2
OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
)


async def until_serving(address: str) -> None:
    """Return when the service at host:port serves; for ever otherwise, so the caller sets the limit."""
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        await until(partial(_serves, stub), PAUSE_S)


async def _serves(stub: health_pb2_grpc.HealthStub) -> bool:
    try:
        reply = await stub.Check(health_pb2.HealthCheckRequest(), timeout=ASK_S_MAX)
    except grpc.aio.AioRpcError:
        return False
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)
