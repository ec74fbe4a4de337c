"""The registry as it is run: its own process, migrated and spoken to by gRPC alone."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tuoqi.contracts.common.v1 import table_pb2, table_pb2_grpc
from tuoqi.contracts.registry.v1 import registry_service_pb2 as pb
from tuoqi.contracts.registry.v1 import registry_service_pb2_grpc
from tuoqi.kit.rpc.client import connect

pytestmark = pytest.mark.postgres
TOKEN = secrets.token_hex(16)
COUNTY = Path(__file__).parents[3] / "deploy" / "counties" / "990101"
READY_S_MAX = 20


@pytest.fixture
async def address(postgres_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """A running registry's address; the process ends with the test."""
    name = f"test_registry_{secrets.token_hex(4)}"
    url = make_url(postgres_url).set(drivername="postgresql+asyncpg")
    admin = create_async_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    async with admin.connect() as connection:
        await connection.execute(text(f'CREATE DATABASE "{name}"'))
    for key in ("identity.key", "master.key", "lookup.key"):
        (tmp_path / key).write_text(secrets.token_hex(32))
    (tmp_path / "token").write_text(TOKEN)
    served = f"127.0.0.1:{_free_port()}"
    environment = {
        **os.environ,
        "TUOQI_DATABASE_URL": make_url(postgres_url).set(database=name).render_as_string(hide_password=False),
        "TUOQI_KEYS_DIR": str(tmp_path),
        "TUOQI_TOKEN_FILE": str(tmp_path / "token"),
        "TUOQI_COUNTY_DIR": str(COUNTY),
        "TUOQI_GRPC_ADDRESS": served,
        "TUOQI_KAFKA": f"127.0.0.1:{_free_port()}",
    }
    migrating = await asyncio.create_subprocess_exec(sys.executable, "-m", "tuoqi.registry", "migrate", env=environment)
    assert await migrating.wait() == 0
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tuoqi.registry", env=environment)
    try:
        yield served
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()
        async with admin.connect() as connection:
            await connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _file(row: dict[str, str], *, dry_run: bool) -> Iterator[table_pb2.ImportRowsRequest]:
    content_hash = hashlib.sha256(repr(row).encode()).hexdigest()
    header = table_pb2.ImportHeader(kind="persons", content_hash=content_hash, columns=list(row), dry_run=dry_run)
    yield table_pb2.ImportRowsRequest(header=header)
    rows = [table_pb2.TableRow(number=2, cells=list(row.values()))]
    yield table_pb2.ImportRowsRequest(chunk=table_pb2.TableChunk(rows=rows))


async def test_a_file_goes_in_by_grpc_and_the_person_is_found(address: str, old: dict[str, str]) -> None:
    """Kafka is away the whole time: the register works on, and its events wait in the outbox."""
    async with connect(address, TOKEN, "clerk.li", "测试") as channel:
        async with asyncio.timeout(READY_S_MAX):
            await channel.channel_ready()
        imports = table_pb2_grpc.ImportServiceStub(channel)
        registry = registry_service_pb2_grpc.RegistryServiceStub(channel)
        asked = pb.IdentifyPersonsRequest(names=[pb.PersonName(id_number=old["id_number"])])
        tried = [answer async for answer in imports.ImportRows(_file(old, dry_run=True))][-1].result
        assert tried.rows_changed == 1
        assert list((await registry.IdentifyPersons(asked)).person_ids) == [""]
        result = [answer async for answer in imports.ImportRows(_file(old, dry_run=False))][-1].result
        assert (result.rows_changed, result.rows_rejected, result.events) == (1, 0, 2)
        (person_id,) = (await registry.IdentifyPersons(asked)).person_ids
        described = await registry.DescribePersons(pb.DescribePersonsRequest(person_ids=[person_id]))
        assert described.persons[0].name == old["name"]
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await registry.RevealAccounts(pb.RevealAccountsRequest(account_version_ids=["x"]))
    assert refusal.value.code() is grpc.StatusCode.PERMISSION_DENIED
