"""What PostgreSQL needs for the rows of a cycle and no more: COPY of the same bytes into the same tables."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Mapping
from typing import Final

import asyncpg

OF_CYCLE: Final = ("payment_lines", "outgoing", "ledger_entries", "cash_steps", "beyond_limit", "cycle_totals")
"""Tables whose rows name their cycle."""
ALL: Final = dict.fromkeys(OF_CYCLE, "cycle_id = '{cycle_id}'") | {
    "outbox": "seq > {seq}",
    "unsent": "seq > {seq}",
}
"""Every table to which a cycle adds rows, and which of them are its own. Cached spans that it replaces are left out."""
CACHED: Final = {"reckonings": "true", "entitlement_spans": "true"}
"""What the first cycle adds besides."""
_UNTIMED = "SET session_replication_role = replica"
"""The limit is bare: no triggers."""


def rows_of(url: str, cycle_id: str, seq: int, *, cached: bool) -> dict[str, tuple[int, bytes]]:
    """Count and content, as COPY writes it, of what a cycle added; `seq` is the last event before it."""
    return asyncio.run(_rows_of(url, cycle_id, seq, ALL | CACHED if cached else ALL))


async def _rows_of(url: str, cycle_id: str, seq: int, tables: Mapping[str, str]) -> dict[str, tuple[int, bytes]]:
    connection = await asyncpg.connect(url)
    found = {}
    try:
        for table, which in tables.items():
            content = io.BytesIO()
            own = which.format(cycle_id=cycle_id, seq=seq)
            status = await connection.copy_from_query(
                f"SELECT * FROM {table} WHERE {own}", output=content, format="binary"
            )
            found[table] = (int(status.split()[-1]), content.getvalue())
    finally:
        await connection.close()
    return found


def copy(url: str, rows: Mapping[str, tuple[int, bytes]]) -> float:
    """Seconds to write these rows in one transaction by COPY, table by table, until they are on the disk."""
    return asyncio.run(_copy(url, rows))


async def _copy(url: str, rows: Mapping[str, tuple[int, bytes]]) -> float:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_UNTIMED)
        begun = time.perf_counter()
        async with connection.transaction():
            for table, (count, content) in rows.items():
                if count:
                    await connection.copy_to_table(table, source=io.BytesIO(content), format="binary")
        return time.perf_counter() - begun
    finally:
        await connection.close()


def last_event(url: str) -> int:
    """The number of the last event so far."""
    return asyncio.run(_value(url, "SELECT coalesce(max(seq), 0) FROM outbox"))


async def _value(url: str, sql: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(sql))
    finally:
        await connection.close()
