"""Spending care vouchers at facilities, taking spends back, and settling with the facilities.

Locks are always taken in the order month, voucher, book, so that two who meet wait and never block each other for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from tuoqi.contracts.payments.v1 import voucher_pb2 as pb
from tuoqi.kit.commands import Call
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.domain.errors import PaymentsError
from tuoqi.payments.domain.months import Month, day_of
from tuoqi.payments.domain.vouchers import (
    Movement,
    Posting,
    Voucher,
    VoucherBook,
    VoucherRules,
    check_spend,
    covered,
)
from tuoqi.payments.handlers import vouchers as acts
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.jobs.vouchers import known_month, prove, tell_month
from tuoqi.payments.store import voucher_spends as spends
from tuoqi.payments.store import vouchers as store
from tuoqi.payments.store.voucher_spends import Settlement, Share, Spend

CONFIRMED = "CONFIRMED"


@dataclass(frozen=True, slots=True)
class Bill:
    """A facility's bill for a person."""

    person_id: str
    facility: str
    bill_fen: int
    receipt_no: str
    spent_on: date
    key: str


class SpendDesk:
    """Spends, takes back, settles."""

    def __init__(self, tools: Tools, rules: VoucherRules) -> None:
        self.tools = tools
        self.rules = rules

    async def spend(self, bill: Bill, *, by: str) -> tuple[Spend, Voucher, bool]:
        """Pay a part of a bill: the spend, the voucher afterwards, and whether it had been recorded before."""
        done: tuple[Spend, Voucher, bool] = await self.tools.commander.transaction(
            partial(self._spend, bill=bill, by=by)
        )
        return done

    async def _spend(self, tx: Tx, *, bill: Bill, by: str) -> tuple[Spend, Voucher, bool]:
        now, month = self.tools.clock.now(), Month.of(bill.spent_on)
        voucher = await store.lock_voucher(tx, bill.person_id, month)
        before = await spends.find_spend(tx, key=bill.key)
        if before is not None:
            if _same(before, bill) and voucher is not None:
                return before, voucher, True
            raise PaymentsError("payments.voucher_key_used")
        if await spends.find_spend(tx, facility=bill.facility, receipt_no=bill.receipt_no):
            raise PaymentsError("payments.voucher_receipt_used", facility=bill.facility, receipt=bill.receipt_no)
        if voucher is None:
            raise PaymentsError("payments.voucher_none", month=month)
        person = await store.person_as_known(tx, bill.person_id, now)
        check_spend(month, bill.spent_on, day_of(now), None if person is None else person.died_on)
        if not await spends.is_provider(tx, bill.facility):
            raise PaymentsError("payments.voucher_provider", facility=bill.facility)
        fen = covered(voucher, bill.bill_fen, self.rules.version_in(month))
        spend = Spend(
            spend_id=self.tools.ids(now, f"voucher-spend|{bill.key}", 0),
            key=bill.key,
            voucher_id=voucher.voucher_id,
            person_id=bill.person_id,
            month=month,
            facility=bill.facility,
            receipt_no=bill.receipt_no,
            bill_fen=bill.bill_fen,
            covered_fen=fen,
            spent_on=bill.spent_on,
            recorded_by=by,
            recorded_at=now,
        )
        after = await store.change_voucher(tx, voucher.voucher_id, spent_fen=fen)
        await spends.write_spend(tx, spend)
        await store.book(tx, [_posting(Movement.SPENT, spend)], now)
        message = acts.Spend(pb.VoucherSpent(**_told(spend)))
        await self._tell_person(tx, spend, acts.on_spend, message, f"spend|{bill.key}", by)
        return spend, after, False

    async def reverse(self, spend_id: str, *, by: str, because: str) -> tuple[Spend, Voucher]:
        """Take a spend back; where its month is over the amount expires at once."""
        done: tuple[Spend, Voucher] = await self.tools.commander.transaction(
            partial(self._reverse, spend_id=spend_id, by=by, because=because)
        )
        return done

    async def _reverse(self, tx: Tx, *, spend_id: str, by: str, because: str) -> tuple[Spend, Voucher]:
        if not because.strip():
            raise PaymentsError("payments.voucher_reason_missing")
        now = self.tools.clock.now()
        found = await spends.find_spend(tx, spend_id=spend_id, lock=False)
        if found is None:
            raise PaymentsError("payments.voucher_spend_unknown")
        await store.lock_month(tx, found.month)
        await store.lock_voucher(tx, found.person_id, found.month)
        spend = await spends.find_spend(tx, spend_id=spend_id)
        if spend is None or spend.reversed:
            raise PaymentsError("payments.voucher_spend_reversed")
        settlement = await spends.read_settlement(tx, spend.month)
        if settlement is not None and settlement.state == CONFIRMED:
            raise PaymentsError("payments.voucher_settled", month=spend.month)
        over = (await known_month(tx, spend.month)).expired
        await spends.reverse_spend(tx, spend_id, by=by, because=because, at=now)
        fen = spend.covered_fen
        voucher = await store.change_voucher(tx, spend.voucher_id, spent_fen=-fen, expired_fen=fen if over else 0)
        postings = [_posting(Movement.REVERSED, spend)]
        if over:
            postings.append(_posting(Movement.EXPIRED, spend))
        await store.book(tx, postings, now)
        message = acts.Reverse(pb.VoucherSpendReversed(**_told(spend)))
        await self._tell_person(tx, spend, acts.on_reverse, message, f"reverse|{spend_id}", by)
        return await _again(tx, spend_id), voucher

    async def prepare(self, month: Month, *, by: str) -> Settlement:
        """Sum up a month for its facilities; called again it is summed up anew, until it is confirmed."""

        async def body(tx: Tx) -> Settlement:
            shares = await self._settleable(tx, month)
            await spends.prepare_settlement(tx, month, shares, by=by)
            return await known_settlement(tx, month)

        prepared: Settlement = await self.tools.commander.transaction(body)
        return prepared

    async def confirm(self, month: Month, *, by: str) -> Settlement:
        """Release a prepared settlement, by somebody else than whoever prepared it."""

        async def body(tx: Tx) -> Settlement:
            shares = await self._settleable(tx, month)
            prepared = await known_settlement(tx, month)
            if prepared.prepared_by == by:
                raise PaymentsError("payments.voucher_settles_alone", by=by)
            if prepared.shares != shares:
                raise PaymentsError("payments.voucher_settlement_changed", month=month)
            now = self.tools.clock.now()
            await spends.confirm_settlement(tx, month, by=by)
            await store.book(
                tx, [Posting(Movement.SETTLED, month, one.amount_fen, "", one.facility) for one in shares], now
            )
            command = acts.SettleMonth(len(shares), prepared.amount_fen)
            await tell_month(self.tools, tx, month, acts.on_settle_month, command, f"voucher-settle|{month}", now, by)
            await prove(tx, month)
            return await known_settlement(tx, month)

        confirmed: Settlement = await self.tools.commander.transaction(body)
        return confirmed

    async def _settleable(self, tx: Tx, month: Month) -> tuple[Share, ...]:
        await store.lock_month(tx, month)
        if not (await known_month(tx, month)).expired:
            raise PaymentsError("payments.voucher_not_expired", month=month)
        before = await spends.read_settlement(tx, month)
        if before is not None and before.state == CONFIRMED:
            raise PaymentsError("payments.voucher_settled", month=month)
        return await spends.shares_of(tx, month)

    async def _tell_person(self, tx: Tx, spend: Spend, handler: Any, command: object, cause: str, by: str) -> None:
        at = self.tools.clock.now()
        call = Call(key=spend.person_id, handler=handler, message=command, cause=cause, at=at, actor=by)
        await self.tools.commander.within(tx, VoucherBook, [call])


async def known_settlement(tx: Tx, month: Month) -> Settlement:
    """A month's settlement. Raises payments.voucher_not_prepared."""
    settlement = await spends.read_settlement(tx, month)
    if settlement is None:
        raise TuoqiError("payments.voucher_not_prepared", month=month)
    return settlement


async def _again(tx: Tx, spend_id: str) -> Spend:
    spend = await spends.find_spend(tx, spend_id=spend_id)
    if spend is None:
        raise TuoqiError("payments.voucher_spend_unknown")
    return spend


def _same(spend: Spend, bill: Bill) -> bool:
    return (spend.person_id, spend.facility, spend.bill_fen, spend.receipt_no, spend.spent_on) == (
        bill.person_id,
        bill.facility,
        bill.bill_fen,
        bill.receipt_no,
        bill.spent_on,
    )


def _posting(movement: Movement, spend: Spend) -> Posting:
    return Posting(movement, spend.month, spend.covered_fen, spend.voucher_id, spend.facility, spend.spend_id)


def _told(spend: Spend) -> dict[str, Any]:
    return {
        "voucher_id": spend.voucher_id,
        "person_id": spend.person_id,
        "spend_id": spend.spend_id,
        "facility": spend.facility,
        "month": str(spend.month),
        "covered_fen": spend.covered_fen,
    }
