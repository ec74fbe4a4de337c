"""Writing projections: one statement a batch, an older version never overwrites a newer one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Projection


async def write(tx: Tx, projection: Projection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write the mirrored rows of a batch, in the order in which they came."""
    if not rows:
        return
    names = [name for name, _ in projection.columns]
    if projection.keep == "latest":
        rows = _newest(rows, [names.index(name) for name in projection.key], names.index("version"))
    columns = {f"c{i}": [row[i] for row in rows] for i in range(len(names))}
    await tx.execute(_statement(projection.table, projection.key, projection.columns, projection.keep), **columns)


def _newest(rows: Sequence[tuple[Any, ...]], key: list[int], version: int) -> list[tuple[Any, ...]]:
    newest: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for row in rows:
        at = tuple(row[i] for i in key)
        held = newest.get(at)
        if held is None or row[version] > held[version]:
            newest[at] = row
    return [newest[at] for at in sorted(newest)]


@cache
def _statement(table: str, key: tuple[str, ...], columns: tuple[tuple[str, str], ...], keep: str) -> str:
    names = ", ".join(name for name, _ in columns)
    arrays = ", ".join(f"CAST(:c{i} AS {kind}[])" for i, (_, kind) in enumerate(columns))
    insert = f"INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays}) ON CONFLICT"
    if keep == "every":
        return f"{insert} DO NOTHING"
    updates = ", ".join(f"{name} = excluded.{name}" for name, _ in columns if name not in key)
    return f"{insert} ({', '.join(key)}) DO UPDATE SET {updates} WHERE {table}.version < excluded.version"
