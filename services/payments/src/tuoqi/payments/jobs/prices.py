"""The price index 价格指数 (`price_index`): kept by month and day of publication, for the price subsidy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from tuoqi.kit.database import Tx
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import Column, ParsedRow, Value
from tuoqi.payments.store.prices import IndexRow, read_index, write_index

PUBLISHED_ON = Column("published_on", "发布日期", "date", required=True)


class PriceIndex:
    """Takes `price_index` files. A revised figure is a new row of its month with a new day of publication."""

    kind = "price_index"
    columns: Sequence[Column] = (
        Column("month", "月份", "month", required=True),
        Column("cpi_yoy", "CPI同比", "decimal1", required=True),
        Column("food_yoy", "食品同比", "decimal1", required=True),
        Column("scpi_yoy", "SCPI同比", "decimal1", required=True),
        PUBLISHED_ON,
    )

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Keep what is new; a row that says what is stored already changes nothing."""
        outcome = ChunkOutcome()
        stored = await read_index(tx, sorted({str(row.values["month"]) for row in rows}))
        new: list[IndexRow] = []
        for row in rows:
            given = _index_row(row.values)
            if given.published_on > ctx.today:
                reason = "发布日期不能晚于今天。"
                outcome.problems.append(PUBLISHED_ON.problem(row.number, given.published_on.isoformat(), reason))
            elif stored.get((given.month, given.published_on)) == given:
                outcome.unchanged += 1
            else:
                stored[given.month, given.published_on] = given
                new.append(given)
        await write_index(tx, new, ctx.at)
        outcome.changed = len(new)
        return outcome


def _index_row(values: Mapping[str, Value]) -> IndexRow:
    published_on = values["published_on"]
    if not isinstance(published_on, date):
        raise TypeError("a required date was let through empty")
    return IndexRow(
        month=str(values["month"]),
        published_on=published_on,
        cpi_tenths=_tenths(values["cpi_yoy"]),
        food_tenths=_tenths(values["food_yoy"]),
        scpi_tenths=_tenths(values["scpi_yoy"]),
    )


def _tenths(value: Value) -> int:
    if not isinstance(value, int):
        raise TypeError("a required number was let through empty")
    return value
