"""PostgreSQL: one pool a service, one transaction a batch. SQL itself stands in `store` rooms, here is only its carriage.

A fault is one of three: a conflict (start again from the load), a fault of the data (somebody's row is wrong), or the
infrastructure (try again later). The pipeline treats them differently, so they are told apart here and nowhere else.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from sqlalchemy import Row, TextClause, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tuoqi.kit.packing import HEADER, TRAILER
from tuoqi.kit.settings import Settings, read_secret

STATEMENT_TIMEOUT_MS = 120_000
CONFLICT_STATES = frozenset({"40001", "40P01", "55P03"})
"""Serialization failure, deadlock, lock not available: someone else was there first."""
_TAKEN = "23505"
"""SQLSTATE of a unique key that is there already."""
DATA_CLASSES = ("22", "23")
"""SQLSTATE classes that blame the row: data exception, integrity constraint violation."""


class Conflict(Exception):
    """Someone else changed the same rows first: start again from the load."""


class Tx:
    """One transaction. Parameters are named, `:name`; casts are written `CAST(:name AS type)`."""

    __slots__ = ("_begun", "_connection")

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._begun = False

    async def fetch(self, sql: str, /, **params: Any) -> Sequence[Row[Any]]:
        """All rows of a statement."""
        self._begun = True
        return (await self._connection.execute(_clause(sql), params)).all()

    async def execute(self, sql: str, /, **params: Any) -> int:
        """Run a statement; the number of rows it touched."""
        self._begun = True
        return (await self._connection.execute(_clause(sql), params)).rowcount

    async def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Write many rows by COPY, the fastest way in."""
        async with self._copying(table) as driver:
            await driver.copy_records_to_table(table, records=rows, columns=list(columns))

    async def copy_packed(self, table: str, columns: Sequence[str], rows: Sequence[bytes]) -> int:
        """`copy` for rows that `kit.packing` has made; how many were written."""
        async with self._copying(table) as driver:
            content = io.BytesIO(b"".join((HEADER, *rows, TRAILER)))
            done = await driver.copy_to_table(table, source=content, columns=list(columns), format="binary")
        return int(done.split()[-1])

    @asynccontextmanager
    async def _copying(self, table: str) -> AsyncIterator[Any]:
        if not self._begun:
            # The driver begins its transaction with the first ordinary statement; a COPY before it would stand alone.
            await self.execute("SELECT 1")
        raw = await self._connection.get_raw_connection()
        try:
            yield raw.driver_connection
        except Exception as error:
            # COPY goes past SQLAlchemy, so its faults are dressed as SQLAlchemy's here, with the state they carry.
            if getattr(error, "sqlstate", None):
                raise DBAPIError(f"COPY {table}", None, error) from error
            raise

    async def copy_new(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """`copy` for rows that were looked for and not found. Raises Conflict where one has come into being since."""
        try:
            await self.copy(table, columns, rows)
        except DBAPIError as error:
            if sqlstate(error) == _TAKEN:
                raise Conflict(str(error.orig)) from error
            raise

    async def stream(self, sql: str, /, *, size: int = 5_000, **params: Any) -> AsyncIterator[Sequence[Row[Any]]]:
        """Rows of a large answer in runs of `size`, by a cursor of the server: bounded memory."""
        self._begun = True
        result = await self._connection.stream(_clause(sql), params, execution_options={"yield_per": size})
        async for rows in result.partitions(size):
            yield rows


class Database:
    """A service's database. `begin()` opens a transaction that commits at its end or rolls back on an error."""

    def __init__(self, settings: Settings, *, application: str) -> None:
        url = make_url(settings.database_url).set(drivername="postgresql+asyncpg")
        password = read_secret(settings.database_password_file)
        if password:
            url = url.set(password=password)
        self.url = url
        self._engine: AsyncEngine = create_async_engine(
            url,
            pool_size=settings.database_pool_size,
            max_overflow=4,
            pool_timeout=30,
            pool_recycle=3_600,
            connect_args={
                "timeout": 10,
                "command_timeout": STATEMENT_TIMEOUT_MS / 1000 + 5,
                "ssl": _no_ssl_on_loopback(url.host),
                "server_settings": {
                    "application_name": f"tuoqi-{application}",
                    "statement_timeout": str(STATEMENT_TIMEOUT_MS),
                    "idle_in_transaction_session_timeout": "60000",
                    "jit": "off",
                },
            },
        )

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Tx]:
        """One transaction. Raises Conflict where it lost a race; other faults as the driver gives them."""
        try:
            async with self._engine.begin() as connection:
                yield Tx(connection)
        except DBAPIError as error:
            if sqlstate(error) in CONFLICT_STATES:
                raise Conflict(str(error.orig)) from error
            raise

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        """Statements that each stand alone, without the round trips of a transaction: for a single read."""
        async with self._engine.connect() as connection:
            yield Tx(await connection.execution_options(isolation_level="AUTOCOMMIT"))

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncConnection]:
        """A connection of one's own outside transactions, for locks that last and for LISTEN.

        It ends with its use: back in the pool it would go on holding its locks, and whoever wants them next, in this
        process too, would wait for ever.
        """
        async with self._engine.connect() as connection:
            try:
                yield await connection.execution_options(isolation_level="AUTOCOMMIT")
            finally:
                await connection.invalidate()

    async def close(self) -> None:
        """Give all connections back."""
        await self._engine.dispose()


def sqlstate(error: BaseException) -> str:
    """The SQLSTATE that PostgreSQL gave, empty where the fault was not PostgreSQL's."""
    cause: BaseException | None = error
    while cause is not None:
        if state := getattr(cause, "sqlstate", None):
            return str(state)
        cause = getattr(cause, "orig", None) or cause.__cause__
    return ""


def blames_the_data(error: DBAPIError) -> bool:
    """A row is wrong; trying again would be vain, but the other rows of the batch may be right."""
    return sqlstate(error).startswith(DATA_CLASSES) or _unencodable(error)


def blames_infrastructure(error: BaseException) -> bool:
    """The database or the way to it is away: try again later."""
    return isinstance(error, (OSError, TimeoutError, InterfaceError, OperationalError)) or (
        isinstance(error, DBAPIError) and not blames_the_data(error)
    )


def _unencodable(error: DBAPIError) -> bool:
    # asyncpg refuses a value that the column cannot take before it ever reaches the server.
    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__name__ == "DataError":
            return True
        cause = getattr(cause, "orig", None) or cause.__cause__
    return False


def _no_ssl_on_loopback(host: str | None) -> bool | None:
    return False if host in {None, "localhost", "127.0.0.1", "::1"} else None


@cache
def _clause(sql: str) -> TextClause:
    return text(sql)
