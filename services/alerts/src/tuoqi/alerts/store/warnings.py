"""Weather warnings: the only SQL about them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from tuoqi.alerts.domain.warnings import WeatherWarning
from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Change, expect_rows

_COLUMNS = (
    "warning_id, version, source_key, kind, colour, regions, begins_at, ends_at, tasks_due_at, issued_at, issued_by,"
    " ended_at, ended_by"
)


class WarningStore:
    """Loads and saves warnings; there are few at a time, so each is written by itself."""

    async def load(self, tx: Tx, keys: Collection[str]) -> dict[str, WeatherWarning]:
        """The warnings that exist, locked in key order."""
        rows = await tx.fetch(
            f"SELECT {_COLUMNS} FROM warnings WHERE warning_id = ANY(CAST(:keys AS text[]))"
            " ORDER BY warning_id FOR UPDATE",
            keys=list(keys),
        )
        return {row.warning_id: _warning(row) for row in rows}

    async def save(self, tx: Tx, changes: Sequence[Change[WeatherWarning]]) -> None:
        """Write warnings. Raises Conflict where someone else changed one first or took the same over."""
        for change in changes:
            one = change.state
            if change.loaded_version is None:
                done = await tx.execute(
                    f"INSERT INTO warnings ({_COLUMNS}) VALUES (:warning_id, :version, :source_key, :kind, :colour,"
                    " CAST(:regions AS text[]), :begins_at, :ends_at, :tasks_due_at, :issued_at, :issued_by, :ended_at,"
                    " :ended_by) ON CONFLICT DO NOTHING",
                    **_values(one),
                )
            else:
                done = await tx.execute(
                    "UPDATE warnings SET version = :version, ended_at = :ended_at, ended_by = :ended_by"
                    " WHERE warning_id = :warning_id AND version = :loaded",
                    version=one.version,
                    ended_at=one.ended_at,
                    ended_by=one.ended_by,
                    warning_id=one.warning_id,
                    loaded=change.loaded_version,
                )
            expect_rows(done, 1)


async def of_source(tx: Tx, source_key: str) -> WeatherWarning | None:
    """The warning that was taken over under this number."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM warnings WHERE source_key = :key", key=source_key)
    return _warning(rows[0]) if rows else None


async def read_warning(tx: Tx, warning_id: str) -> WeatherWarning | None:
    """The warning of this id."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM warnings WHERE warning_id = :key", key=warning_id)
    return _warning(rows[0]) if rows else None


async def next_ending(tx: Tx, *, lock: bool = False) -> WeatherWarning | None:
    """The warning that the clock ends first; locked, it is still so when the lock is had."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM warnings WHERE ended_at IS NULL AND ends_at IS NOT NULL ORDER BY ends_at, warning_id"
        f" LIMIT 1{' FOR UPDATE' if lock else ''}"
    )
    return _warning(rows[0]) if rows else None


async def list_warnings(
    tx: Tx,
    limit: int,
    *,
    only_holding: bool,
    before: tuple[datetime, str] | None,
    prefixes: Sequence[str],
) -> list[WeatherWarning]:
    """Warnings that concern a region of the reader, the newest first.

    A warning concerns him where a region of it lies in one of his, or one of his in a region of it.
    """
    wanted: list[str] = []
    values: dict[str, Any] = {}
    if only_holding:
        wanted.append("ended_at IS NULL")
    if before is not None:
        wanted.append("(issued_at, warning_id) < (:at, :key)")
        values |= {"at": before[0], "key": before[1]}
    if "" not in prefixes:
        wanted.append(
            "EXISTS (SELECT 1 FROM unnest(regions) AS r (code), unnest(CAST(:prefixes AS text[])) AS mine (prefix)"
            " WHERE starts_with(r.code, mine.prefix) OR starts_with(mine.prefix, rtrim(r.code, '0')))"
        )
        values["prefixes"] = list(prefixes)
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM warnings WHERE {' AND '.join(wanted) or 'true'}"
        " ORDER BY issued_at DESC, warning_id DESC LIMIT CAST(:top AS int)",
        top=limit,
        **values,
    )
    return [_warning(row) for row in rows]


def _values(one: WeatherWarning) -> dict[str, Any]:
    names = _COLUMNS.replace(" ", "").split(",")
    return {name: getattr(one, name) for name in names} | {"regions": list(one.regions)}


def _warning(row: Any) -> WeatherWarning:
    values = dict(zip(_COLUMNS.replace(" ", "").split(","), row, strict=True))
    return WeatherWarning(**values | {"regions": tuple(values["regions"])})
