"""What vouchers were spent on, the facilities that take them, and what they get for a month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.vouchers import Voucher
from tuoqi.payments.store.vouchers import voucher_of

_SPEND_COLUMNS = (
    "spend_id", "key", "voucher_id", "person_id", "month", "facility", "receipt_no", "bill_fen", "covered_fen",
    "spent_on", "recorded_by", "recorded_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spend:
    """A part of a bill that a voucher paid."""

    spend_id: str
    key: str
    voucher_id: str
    person_id: str
    month: Month
    facility: str
    receipt_no: str
    bill_fen: int
    covered_fen: int
    spent_on: date
    recorded_by: str
    recorded_at: datetime
    reversed: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """What one facility gets for a month."""

    facility: str
    spends: int
    bill_fen: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """What facilities get for a month, and who says so."""

    month: Month
    state: str
    prepared_by: str
    confirmed_by: str
    shares: tuple[Share, ...]

    @property
    def amount_fen(self) -> int:
        """The sum."""
        return sum(one.amount_fen for one in self.shares)


async def write_spend(tx: Tx, spend: Spend) -> None:
    """Add a spend. Raises Conflict where another one has the key or the receipt."""
    values = {name: getattr(spend, name) for name in _SPEND_COLUMNS} | {"month": str(spend.month)}
    await tx.copy_new("voucher_spends", _SPEND_COLUMNS, [tuple(values[name] for name in _SPEND_COLUMNS)])


async def find_spend(
    tx: Tx, *, key: str = "", spend_id: str = "", facility: str = "", receipt_no: str = "", lock: bool = True
) -> Spend | None:
    """A spend by key, by id, or the one that stands for a facility's receipt."""
    rows = await tx.fetch(
        "SELECT * FROM voucher_spends WHERE (:key <> '' AND key = :key) OR (:spend_id <> '' AND spend_id = :spend_id)"
        " OR (:facility <> '' AND facility = :facility AND receipt_no = :receipt_no AND reversed_at IS NULL)"
        f" ORDER BY spend_id{' FOR UPDATE' if lock else ''}",
        key=key,
        spend_id=spend_id,
        facility=facility,
        receipt_no=receipt_no,
    )
    return _spend(rows[0]) if rows else None


def _spend(row: Any) -> Spend:
    values = {name: getattr(row, name) for name in _SPEND_COLUMNS} | {"month": Month.parse(row.month)}
    return Spend(**values, reversed=row.reversed_at is not None)


async def reverse_spend(tx: Tx, spend_id: str, *, by: str, because: str, at: datetime) -> None:
    """Mark a spend as taken back."""
    await tx.execute(
        "UPDATE voucher_spends SET reversed_at = :at, reversed_by = :by, reversed_because = :because"
        " WHERE spend_id = :spend_id AND reversed_at IS NULL",
        spend_id=spend_id,
        by=by,
        because=because,
        at=at,
    )


async def statement(tx: Tx, person_id: str, months: int) -> tuple[list[Voucher], list[Spend]]:
    """A person's vouchers, newest month first, and their spends in the order of recording."""
    vouchers = await tx.fetch(
        "SELECT * FROM vouchers WHERE person_id = :person_id ORDER BY month DESC LIMIT CAST(:months AS int)",
        person_id=person_id,
        months=months,
    )
    spends = await tx.fetch(
        "SELECT * FROM voucher_spends WHERE voucher_id = ANY(CAST(:ids AS text[])) ORDER BY recorded_at, spend_id",
        ids=[row.voucher_id for row in vouchers],
    )
    return [voucher_of(row) for row in vouchers], [_spend(row) for row in spends]


async def set_provider(tx: Tx, facility: str, *, enabled: bool, by: str, at: datetime) -> Any:
    """Let a facility take vouchers, or no longer."""
    (row,) = await tx.fetch(
        "INSERT INTO voucher_providers (facility, enabled, set_by, set_at) VALUES (:facility, :enabled, :by, :at)"
        " ON CONFLICT (facility) DO UPDATE SET enabled = excluded.enabled, set_by = excluded.set_by,"
        " set_at = excluded.set_at RETURNING *",
        facility=facility,
        enabled=enabled,
        by=by,
        at=at,
    )
    return row


async def is_provider(tx: Tx, facility: str) -> bool:
    """Whether a facility may take vouchers."""
    return bool(
        await tx.fetch(
            "SELECT facility FROM voucher_providers WHERE facility = :facility AND enabled", facility=facility
        )
    )


async def page_of_providers(tx: Tx, after: str, size: int) -> Sequence[Any]:
    """Facilities by code."""
    return await tx.fetch(
        "SELECT * FROM voucher_providers WHERE facility > :after ORDER BY facility LIMIT CAST(:size AS int)",
        after=after,
        size=size,
    )


async def shares_of(tx: Tx, month: Month) -> tuple[Share, ...]:
    """What stands to be paid to each facility for a month."""
    rows = await tx.fetch(
        "SELECT facility, count(*) AS spends, CAST(sum(bill_fen) AS bigint) AS bill_fen,"
        " CAST(sum(covered_fen) AS bigint) AS amount_fen FROM voucher_spends"
        " WHERE month = :month AND reversed_at IS NULL GROUP BY 1 ORDER BY 1",
        month=str(month),
    )
    return tuple(Share(row.facility, row.spends, row.bill_fen, row.amount_fen) for row in rows)


async def read_settlement(tx: Tx, month: Month) -> Settlement | None:
    """The settlement of a month; None where nobody prepared one."""
    rows = await tx.fetch("SELECT * FROM voucher_settlements WHERE month = :month", month=str(month))
    if not rows:
        return None
    lines = await tx.fetch(
        "SELECT * FROM voucher_settlement_lines WHERE month = :month ORDER BY facility", month=str(month)
    )
    shares = tuple(Share(row.facility, row.spends, row.bill_fen, row.amount_fen) for row in lines)
    return Settlement(month, rows[0].state, rows[0].prepared_by, rows[0].confirmed_by, shares)


async def prepare_settlement(tx: Tx, month: Month, shares: Sequence[Share], *, by: str) -> None:
    """Write what is to be released, in place of what was prepared before."""
    await tx.execute(
        "INSERT INTO voucher_settlements (month, state, prepared_by) VALUES (:month, 'PREPARED', :by)"
        " ON CONFLICT (month) DO UPDATE SET prepared_by = excluded.prepared_by",
        month=str(month),
        by=by,
    )
    await tx.execute("DELETE FROM voucher_settlement_lines WHERE month = :month", month=str(month))
    rows = [(str(month), one.facility, one.spends, one.bill_fen, one.amount_fen) for one in shares]
    await tx.copy("voucher_settlement_lines", ("month", "facility", "spends", "bill_fen", "amount_fen"), rows)


async def confirm_settlement(tx: Tx, month: Month, *, by: str) -> None:
    """Release it."""
    await tx.execute(
        "UPDATE voucher_settlements SET state = 'CONFIRMED', confirmed_by = :by WHERE month = :month AND state = 'PREPARED'",
        month=str(month),
        by=by,
    )
