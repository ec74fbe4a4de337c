"""What is told of vouchers: by the month's issue in runs, by each person's book one by one.

What a voucher covers is decided by `domain.vouchers`; the amounts themselves stand in the vouchers' own tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuoqi.contracts.payments.v1 import voucher_pb2 as pb
from tuoqi.kit.context import Context
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.domain.vouchers import VoucherBook, VoucherIssue

EVENT_VOUCHERS = 1_000
"""Vouchers in one event, at most; the contract's limit."""


@dataclass(frozen=True, slots=True)
class Issue:
    """Vouchers were issued for a month."""

    issue: VoucherIssue
    vouchers: Sequence[pb.IssuedVoucher]


@dataclass(frozen=True, slots=True)
class Expire:
    """The month is over; this is what was left."""

    vouchers: Sequence[pb.IssuedVoucher]


@dataclass(frozen=True, slots=True)
class SettleMonth:
    """A second person released what facilities get."""

    facilities: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Spend:
    """A voucher paid a part of a bill."""

    event: pb.VoucherSpent


@dataclass(frozen=True, slots=True)
class Reverse:
    """A spend was taken back."""

    event: pb.VoucherSpendReversed


def on_issue(issue: VoucherIssue | None, command: Issue, ctx: Context) -> VoucherIssue:
    """The month's first run makes its issue; each run is told by the thousand."""
    known = issue or command.issue
    for run in _runs(command.vouchers):
        ctx.emit(pb.VoucherIssued(issue_id=known.issue_id, month=str(known.month), vouchers=run), key=known.issue_id)
    return known


def on_expire(issue: VoucherIssue | None, command: Expire, ctx: Context) -> VoucherIssue:
    """What was left of the month is told by the thousand."""
    known = _known(issue)
    for run in _runs(command.vouchers):
        ctx.emit(pb.VoucherExpired(issue_id=known.issue_id, month=str(known.month), vouchers=run), key=known.issue_id)
    return known


def on_settle_month(issue: VoucherIssue | None, command: SettleMonth, ctx: Context) -> VoucherIssue:
    """The facilities get their money."""
    known = _known(issue)
    settled = pb.VoucherSettled(
        issue_id=known.issue_id,
        month=str(known.month),
        facilities=command.facilities,
        amount_fen=command.amount_fen,
    )
    ctx.emit(settled, key=known.issue_id)
    return known


def on_spend(book: VoucherBook | None, command: Spend, ctx: Context) -> VoucherBook:
    """A spend is told."""
    ctx.emit(command.event)
    return book or VoucherBook(ctx.key)


def on_reverse(book: VoucherBook | None, command: Reverse, ctx: Context) -> VoucherBook:
    """A spend that was taken back is told."""
    ctx.emit(command.event)
    return book or VoucherBook(ctx.key)


def _runs(vouchers: Sequence[pb.IssuedVoucher]) -> list[Sequence[pb.IssuedVoucher]]:
    return [vouchers[first : first + EVENT_VOUCHERS] for first in range(0, len(vouchers), EVENT_VOUCHERS)]


def _known(issue: VoucherIssue | None) -> VoucherIssue:
    if issue is None:
        raise TuoqiError("payments.voucher_month_unknown")
    return issue
