"""The registry's PersonService as it is shipped, behind the kit's guard, and beside it a bare echo, in one process.

`python -m tuoqi.benchmarks.people_server` says on stdout where both listen and serves until it is ended.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import grpc
import uvloop

from tuoqi.benchmarks.people import AT
from tuoqi.contracts.registry.v1 import person_service_pb2 as pb
from tuoqi.kit.clock import SettableClock
from tuoqi.kit.county import County
from tuoqi.kit.crypto import load_keys
from tuoqi.kit.database import Database
from tuoqi.kit.rates import RateLimit
from tuoqi.kit.rights import Rights
from tuoqi.kit.rpc.server import OPTIONS, Guard, serve
from tuoqi.registry.__main__ import county_policy
from tuoqi.registry.rpc.people import PersonServicer, add_people
from tuoqi.registry.settings import Settings
from tuoqi.registry.store.seals import Vault

ECHO = "/tuoqi.benchmarks.Echo/Echo"
"""Gives a message back, read and written as every servicer's are."""
UNREAD = "/tuoqi.benchmarks.Echo/Pass"
"""Gives bytes back, neither read nor written."""
UNLIMITED = RateLimit(per_minute=1e9, burst=1_000_000)


async def _echo(request: Any, _context: Any) -> Any:
    return request


async def _serve() -> None:
    settings = Settings()  # type: ignore[call-arg]  # from the environment
    keys = load_keys(settings)
    if keys.master is None or keys.lookup is None:
        raise ValueError("the registry's keys are missing")
    county = County.load(settings.county_dir)
    database = Database(settings, application="registry")
    clock = SettableClock(AT)
    vault = Vault(keys.master, keys.lookup)
    servicer = PersonServicer(database, vault, clock, county_policy(county), UNLIMITED)
    guard = Guard(settings, Rights.from_county(county), database, clock)
    running = await serve(settings, guard, [add_people(servicer)])
    running.set_serving(True)
    echo: Any = grpc.aio.server(options=OPTIONS)
    answer = pb.GetPersonsResponse
    methods = {
        ECHO: grpc.unary_unary_rpc_method_handler(_echo, answer.FromString, answer.SerializeToString),
        UNREAD: grpc.unary_unary_rpc_method_handler(_echo),
    }
    service = ECHO.split("/")[1]
    by_name = {path.split("/")[2]: method for path, method in methods.items()}
    echo.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, by_name),))
    port = echo.add_insecure_port("127.0.0.1:0")
    await echo.start()
    sys.stdout.write(json.dumps({"registry": running.address, "echo": f"127.0.0.1:{port}"}) + "\n")
    sys.stdout.flush()
    await echo.wait_for_termination()


if __name__ == "__main__":
    sys.exit(uvloop.run(_serve()))
