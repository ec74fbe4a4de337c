"""Whether the service in this container makes progress: `python -m tuoqi.kit.healthcheck`, by the gRPC health protocol.

Exit 0 only if it says SERVING. Speaks the two bytes of the protocol itself: this runs every few seconds, and loading the
generated code would cost more than asking.
"""

from __future__ import annotations

import os
import sys
from typing import Final

import grpc

METHOD: Final = "/grpc.health.v1.Health/Check"
SERVING: Final = b"\x08\x01"
"""HealthCheckResponse with status = SERVING."""
ASK_S_MAX: Final = 4.0


def serves(address: str) -> bool:
    """Whether the server at `host:port` answers within 4 s that it serves."""
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        ask = channel.unary_unary(METHOD, request_serializer=None, response_deserializer=None)
        try:
            return bool(ask(b"", timeout=ASK_S_MAX, wait_for_ready=True) == SERVING)
        except grpc.RpcError:
            return False


def main() -> None:
    """Ask the server of this container: the port of TUOQI_GRPC_ADDRESS on the loopback."""
    port = os.environ["TUOQI_GRPC_ADDRESS"].rpartition(":")[2]
    sys.exit(not serves(f"127.0.0.1:{port}"))


if __name__ == "__main__":
    main()
