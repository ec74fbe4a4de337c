"""One real PostgreSQL for all tests that ask for it, started when the first one does."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tuoqi.cli.local.home import Home
from tuoqi.cli.local.postgres import postgres_server
from tuoqi.cli.local.vault import Vault
from tuoqi.kit.database import Database
from tuoqi.kit.testing.databases import fresh_database

MakeDatabase = Callable[..., Awaitable[Database]]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The superuser's URL of a throw-away cluster; `TUOQI_TEST_POSTGRES` names one that is there already."""
    if given := os.environ.get("TUOQI_TEST_POSTGRES"):
        yield given
        return
    root = Path(tempfile.mkdtemp(prefix="tuoqi-test-"))
    root.chmod(0o755)
    home = Home(root, Path(os.environ.get("TUOQI_CACHE") or Path.home() / ".cache" / "tuoqi"))
    home.create()
    Vault(home.secrets).fill(())
    server = postgres_server(home, port=_free_port())
    asyncio.run(server.prepare())
    with (home.logs / "postgres.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  our own server
            server.part().command, user=server.user or None, stdout=log, stderr=log
        )
    address = server.address()
    while not asyncio.run(address.answers()):
        if process.poll() is not None:
            pytest.exit((home.logs / "postgres.log").read_text())
    yield f"postgresql://{address.user}:{address.password}@127.0.0.1:{address.port}/postgres"
    process.send_signal(signal.SIGQUIT)
    process.wait(timeout=30)
    shutil.rmtree(root, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def database_for(postgres_url: str) -> AsyncIterator[MakeDatabase]:
    """Make fresh databases with the kit's and one service's schema, as often as a test asks."""
    async with AsyncExitStack() as stack:

        async def make(service: str = "", migrations: Path | None = None) -> Database:
            return await stack.enter_async_context(fresh_database(postgres_url, service, migrations))

        yield make
