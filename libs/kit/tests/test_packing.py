"""Rows packed by hand are what COPY of plain values writes, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tuoqi.kit.database import Database
from tuoqi.kit.packing import bigint, boolean, row, text, timestamptz

pytestmark = pytest.mark.postgres
MakeDatabase = Callable[..., Awaitable[Database]]
COLUMNS = ("words", "number", "flag", "moment")
VALUES = [
    ("", 0, False, datetime(2000, 1, 1, tzinfo=UTC)),
    ("中文 and a tail\n", -(2**63), True, datetime(1969, 7, 20, 20, 17, 40, 123456, UTC)),
    ("x" * 70_000, 2**63 - 1, True, datetime(2024, 2, 29, 23, 59, 59, 999999, timezone(timedelta(hours=8)))),
]


async def test_packed_rows_are_those_of_a_plain_copy(database_for: MakeDatabase) -> None:
    database = await database_for()
    packed = [row(4) + text(a) + bigint(b) + boolean(c) + timestamptz(d) for a, b, c, d in VALUES]
    async with database.begin() as tx:
        for table in ("plain", "packed"):
            await tx.execute(f"CREATE TABLE {table} (words text, number bigint, flag boolean, moment timestamptz)")
        await tx.copy("plain", COLUMNS, VALUES)
        assert await tx.copy_packed("packed", COLUMNS, packed) == len(VALUES)
        found = [list(await tx.fetch(f"SELECT * FROM {table}")) for table in ("plain", "packed")]
    assert found[0] == found[1]


async def test_no_packed_row_is_written_as_none(database_for: MakeDatabase) -> None:
    database = await database_for()
    async with database.begin() as tx:
        await tx.execute("CREATE TABLE nothing (words text)")
        assert await tx.copy_packed("nothing", ("words",), []) == 0
