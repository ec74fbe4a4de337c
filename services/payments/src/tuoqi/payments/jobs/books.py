"""Booking money that goes through the bank: in the ledger, and by the same entries on the funding sources."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.ledger import Posting
from tuoqi.payments.store import funding, ledger


async def book(tx: Tx, postings: Sequence[Posting], at: datetime) -> None:
    """Add postings to the ledger; what went to or came from the bank moves the sources of its cycle and programme."""
    await ledger.book(tx, ledger.entry_rows(postings, at))
    await funding.apply(tx, postings, at)
