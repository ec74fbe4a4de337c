"""Services given: rows made of records or kept by themselves, and their counts. Every row is one kind for one person."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from tuoqi.kit.database import Tx

_COLUMNS: Final = {
    "source": "text",
    "kind": "text",
    "person_id": "text",
    "count": "int",
    "day": "date",
    "region": "text",
    "provider": "text",
    "by_visit": "boolean",
    "recorded_by": "text",
    "recorded_at": "timestamptz",
}
_ADD: Final = f"""
INSERT INTO service_given ({", ".join(_COLUMNS)})
SELECT * FROM unnest({", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _COLUMNS.items())})
"""
_KEEP: Final = f"{_ADD} ON CONFLICT DO NOTHING RETURNING source"
_REPLACE: Final = f"""
{_ADD} ON CONFLICT (source, kind) DO UPDATE
SET count = excluded.count, voided = false, recorded_by = excluded.recorded_by, recorded_at = excluded.recorded_at
WHERE service_given.count <> excluded.count OR service_given.voided
RETURNING source
"""
_BY: Final = {"kind": "g.kind", "village": "g.region", "month": "to_char(g.day, 'YYYY-MM')"}
_COUNT: Final = """
SELECT {columns} count(DISTINCT g.person_id) AS people, coalesce(sum(g.count), 0) AS times,
       coalesce(sum(g.count) FILTER (WHERE g.by_visit), 0) AS times_at_visits
FROM service_given g
WHERE NOT g.voided AND g.day BETWEEN :first AND :last AND g.region LIKE ANY(CAST(:regions AS text[]))
  AND g.region LIKE :below AND (CAST(:kind AS text) = '' OR g.kind = :kind)
{grouped}
"""


@dataclass(frozen=True, slots=True)
class GivenRow:
    """One kind of service that one person got on one day."""

    source: str
    kind: str
    person_id: str
    count: int
    day: date
    region: str
    recorded_by: str
    recorded_at: datetime
    provider: str = ""
    by_visit: bool = False


async def keep_given(tx: Tx, rows: Sequence[GivenRow]) -> set[str]:
    """Keep rows whose source and kind are not there yet; the sources that are new."""
    return await _write(tx, _KEEP, rows)


async def replace_given(tx: Tx, rows: Sequence[GivenRow]) -> set[str]:
    """Keep rows, a later one in the place of an earlier one; the sources that changed anything."""
    return await _write(tx, _REPLACE, rows)


async def void_given(tx: Tx, sources: Collection[str]) -> set[str]:
    """Take rows out of every count; the sources that were still in one."""
    if not sources:
        return set()
    rows = await tx.fetch(
        "UPDATE service_given SET voided = true WHERE source = ANY(CAST(:sources AS text[])) AND NOT voided"
        " RETURNING source",
        sources=sorted(sources),
    )
    return {row.source for row in rows}


async def given_by_source(tx: Tx, sources: Collection[str]) -> dict[str, Any]:
    """What is kept under these sources, outside of visits."""
    rows = await tx.fetch(
        "SELECT * FROM service_given WHERE source = ANY(CAST(:sources AS text[])) AND NOT by_visit",
        sources=sorted(sources),
    )
    return {row.source: row for row in rows}


async def count_given(
    tx: Tx, *, regions: Sequence[str], below: str, kind: str, first: date, last: date, by: Sequence[str]
) -> Sequence[Any]:
    """People and times from `first` to `last`, grouped by some of kind, village, month in that order."""
    wanted = [name for name in _BY if name in by]
    places = ", ".join(str(place) for place in range(1, len(wanted) + 1))
    query = _COUNT.format(
        columns="".join(f"{_BY[name]} AS {name}, " for name in wanted),
        grouped=f"GROUP BY {places} ORDER BY {places}" if wanted else "",
    )
    return await tx.fetch(
        query,
        regions=[f"{one}%" for one in regions],
        below=f"{below}%",
        kind=kind,
        first=first,
        last=last,
    )


async def _write(tx: Tx, statement: str, rows: Sequence[GivenRow]) -> set[str]:
    if not rows:
        return set()
    ordered = sorted(rows, key=lambda row: (row.source, row.kind))
    found = await tx.fetch(statement, **{name: [getattr(row, name) for row in ordered] for name in _COLUMNS})
    return {row.source for row in found}
