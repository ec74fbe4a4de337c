"""The price index 价格指数 by month and day of publication: every row kept, none overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.price import IndexMonth

_COLUMNS = ("month", "published_on", "cpi_tenths", "food_tenths", "scpi_tenths", "loaded_at")


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One published row; changes against the year before in tenths of a percent."""

    month: str
    published_on: date
    cpi_tenths: int
    food_tenths: int
    scpi_tenths: int


async def read_index(tx: Tx, months: Sequence[str]) -> dict[tuple[str, date], IndexRow]:
    """By month and day of publication, the row loaded last."""
    rows = await tx.fetch(
        "SELECT DISTINCT ON (month, published_on) month, published_on, cpi_tenths, food_tenths, scpi_tenths"
        " FROM price_index WHERE month = ANY(CAST(:months AS text[]))"
        " ORDER BY month, published_on, loaded_order DESC",
        months=list(months),
    )
    return {(row.month, row.published_on): IndexRow(**row._mapping) for row in rows}  # noqa: SLF001 -- SQLAlchemy's public name for it


async def read_known_index(tx: Tx, at: datetime) -> list[IndexMonth]:
    """All rows loaded by a moment, in the order of loading."""
    rows = await tx.fetch(
        "SELECT month, published_on, cpi_tenths, food_tenths, scpi_tenths FROM price_index"
        " WHERE loaded_at <= :at ORDER BY loaded_order",
        at=at,
    )
    return [
        IndexMonth(Month.parse(row.month), row.published_on, row.cpi_tenths, row.food_tenths, row.scpi_tenths)
        for row in rows
    ]


async def write_index(tx: Tx, rows: Sequence[IndexRow], at: datetime) -> None:
    """Add rows in their order."""
    values = [(one.month, one.published_on, one.cpi_tenths, one.food_tenths, one.scpi_tenths, at) for one in rows]
    await tx.copy("price_index", _COLUMNS, values)
