"""Repayments 退回款: by receipt, with the cases that each was set against; never deleted, only taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.recovery import ItemKey
from tuoqi.payments.store.lines import month_of, month_text

_WRITE = """
INSERT INTO recovery_repayments (repayment_id, recovery_id, amount_fen, paid_on, receipt_no, payer, named, recorded_by,
                                 recorded_at)
VALUES (:repayment_id, :recovery_id, :amount_fen, :paid_on, :receipt_no, :payer, :named, :by, :at)
"""

_REVERSE = """
UPDATE recovery_repayments SET reversed_by = :by, reversed_at = :at, reversed_because = :because
WHERE repayment_id = :repayment_id AND recovery_id = :recovery_id AND reversed_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Booked:
    """A repayment that stands."""

    repayment_id: str
    recovery_id: str
    amount_fen: int
    paid_on: date
    receipt_no: str
    payer: str
    named: str

    def same(self, recovery_id: str, amount_fen: int, paid_on: date, payer: str, named: str) -> bool:
        """Whether somebody says the same again."""
        said = (recovery_id, amount_fen, paid_on, payer, named)
        return said == (self.recovery_id, self.amount_fen, self.paid_on, self.payer, self.named)


async def by_receipt(tx: Tx, receipt_no: str) -> Booked | None:
    """The repayment that was booked with a receipt and not taken back."""
    rows = await tx.fetch(
        "SELECT * FROM recovery_repayments WHERE receipt_no = :receipt_no AND reversed_at IS NULL",
        receipt_no=receipt_no,
    )
    if not rows:
        return None
    (row,) = rows
    return Booked(row.repayment_id, row.recovery_id, row.amount_fen, row.paid_on, row.receipt_no, row.payer, row.named)


async def write(tx: Tx, one: Booked, parts: Mapping[ItemKey, int], by: str, at: datetime) -> None:
    """Keep a repayment and where it went."""
    await tx.execute(
        _WRITE,
        repayment_id=one.repayment_id,
        recovery_id=one.recovery_id,
        amount_fen=one.amount_fen,
        paid_on=one.paid_on,
        receipt_no=one.receipt_no,
        payer=one.payer,
        named=one.named,
        by=by,
        at=at,
    )
    columns = ("repayment_id", "person_id", "programme", "benefit_month", "amount_fen")
    rows = [
        (one.repayment_id, person_id, programme, month_text(month), fen)
        for (person_id, programme, month), fen in sorted(parts.items())
    ]
    await tx.copy("recovery_allocations", columns, rows)


async def reverse(
    tx: Tx, recovery_id: str, repayment_id: str, by: str, because: str, at: datetime
) -> dict[ItemKey, int] | None:
    """Take one back; where it had gone, None where the file has no such one, or it was taken back before."""
    touched = await tx.execute(
        _REVERSE, repayment_id=repayment_id, recovery_id=recovery_id, by=by, because=because, at=at
    )
    if not touched:
        return None
    rows = await tx.fetch(
        "SELECT * FROM recovery_allocations WHERE repayment_id = :repayment_id", repayment_id=repayment_id
    )
    return {(row.person_id, row.programme, month_of(row.benefit_month)): row.amount_fen for row in rows}


async def read_repayments(tx: Tx, recovery_id: str) -> Sequence[Any]:
    """All of a file, oldest first."""
    return await tx.fetch(
        "SELECT * FROM recovery_repayments WHERE recovery_id = :recovery_id ORDER BY recorded_at, repayment_id",
        recovery_id=recovery_id,
    )
