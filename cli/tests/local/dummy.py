"""A program that stands in for a service: python dummy.py ACT [ARGUMENT], run by the tests of the local platform."""

import os
import signal
import sys
import time
from concurrent import futures
from pathlib import Path


def serve_health() -> None:
    """Serve gRPC health at the address that a service is given."""
    import grpc  # noqa: PLC0415 -- the other acts should start at once
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # noqa: PLC0415 -- as above

    server = grpc.server(futures.ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(os.environ["TUOQI_GRPC_ADDRESS"])
    server.start()
    server.wait_for_termination()


def main(act: str, *arguments: str) -> None:
    """Sleep, crash, refuse to end, note a start in a file, or serve."""
    print(f"{act} begins", flush=True)
    if act == "sleep":
        time.sleep(600)
    elif act == "crash":
        sys.exit("the dummy has no county")
    elif act == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        Path(arguments[0]).touch()
        time.sleep(600)
    elif act == "note":
        with Path(arguments[0]).open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(600)
    elif act == "serve":
        serve_health()


if __name__ == "__main__":
    main(*sys.argv[1:])
