"""Issuing care vouchers for a month and expiring them at its end. No cash of a cycle is touched."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from tuoqi.contracts.payments.v1 import voucher_pb2 as pb
from tuoqi.kit.commands import Call
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.domain.errors import LedgerError, PaymentsError
from tuoqi.payments.domain.months import Month, day_of, moment
from tuoqi.payments.domain.vouchers import (
    Movement,
    Posting,
    Voucher,
    VoucherIssue,
    VoucherRules,
    VoucherVersion,
    refusal,
)
from tuoqi.payments.handlers import vouchers as acts
from tuoqi.payments.jobs.facts import wait_for_registry
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.store import vouchers as store
from tuoqi.payments.store.facts import decode
from tuoqi.payments.store.vouchers import Standing

WINDOW = 4_000
"""People looked at, and at most vouchers issued, in one transaction."""
EXPIRED_AT_ONCE = 4_000
Say = Callable[[int, int], None]
"""(people looked at, vouchers issued): progress for whoever waits."""


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of an issue: everybody is looked at as known at one moment."""

    issue: VoucherIssue
    cut_off: datetime
    rules: VoucherVersion
    by: str

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories that the rules ask for."""
        return (self.rules.category, *self.rules.not_on)


@dataclass(frozen=True, slots=True)
class _Window:
    last: str
    persons: int
    issued: int
    refused: Counter[str]


class VoucherDesk:
    """Issues and expires."""

    def __init__(self, tools: Tools, rules: VoucherRules) -> None:
        self.tools = tools
        self.rules = rules

    async def issue(self, month: Month, *, by: str, say: Say) -> Standing:
        """Issue a month to everybody who may have a voucher and has none. Broken off, it is simply called again."""
        tools, now = self.tools, self.tools.clock.now()
        rules = self.rules.version_in(month)
        if not 0 <= month - Month.of(day_of(now)) <= 1:
            raise PaymentsError("payments.voucher_issue_month", month=month)
        await wait_for_registry(tools, now)
        issue_id = tools.ids(moment(month.first_day, 0), f"voucher-issue|{month}", 0)
        run = _Run(VoucherIssue(month, issue_id), now, rules, by)
        after, persons, issued = "", 0, 0
        refused: Counter[str] = Counter()
        while (done := await tools.commander.transaction(partial(self._window, run=run, after=after))).persons:
            after, persons, issued = done.last, persons + done.persons, issued + done.issued
            refused += done.refused
            say(persons, issued)
        standing: Standing = await tools.commander.transaction(partial(self._finish, run=run, refused=refused))
        return standing

    async def _window(self, tx: Tx, *, run: _Run, after: str) -> _Window:
        if await store.open_issue(tx, run.issue, run.cut_off, self.tools.policy_version):
            raise PaymentsError("payments.voucher_issue_month", month=run.issue.month)
        rows = await store.candidates(tx, run.issue.month, run.rules.category, run.cut_off, after, WINDOW)
        if not rows:
            return _Window(after, 0, 0, Counter())
        # In a thread, so that the service goes on answering.
        vouchers, refused = await asyncio.to_thread(self._decide, rows, run)
        if vouchers:
            await store.write_vouchers(tx, vouchers)
            month = run.issue.month
            await store.book(
                tx, [Posting(Movement.ISSUED, month, v.issued_fen, v.voucher_id) for v in vouchers], run.cut_off
            )
            told = [
                pb.IssuedVoucher(voucher_id=v.voucher_id, person_id=v.person_id, amount_fen=v.issued_fen)
                for v in vouchers
            ]
            cause = f"voucher-issue|{month}|{vouchers[0].voucher_id}"
            await tell_month(
                self.tools, tx, month, acts.on_issue, acts.Issue(run.issue, told), cause, run.cut_off, run.by
            )
        return _Window(rows[-1].person_id, len(rows), len(vouchers), refused)

    def _decide(self, rows: Sequence[Any], run: _Run) -> tuple[list[Voucher], Counter[str]]:
        """Who of a window gets one, and why others do not; of those only who ever had the category."""
        month, rules = run.issue.month, run.rules
        vouchers: list[Voucher] = []
        refused: Counter[str] = Counter()
        for row in rows:
            if row.has_one or row.merged_into or not row.intervals:
                continue
            reason = "UNKNOWN" if row.birth_date is None else refusal(*decode(row, run.categories), month, rules)
            if reason:
                refused[reason] += 1
                continue
            voucher_id = self.tools.ids(moment(month.first_day, 0), f"voucher|{month}|{row.person_id}", 0)
            vouchers.append(Voucher(voucher_id, row.person_id, month, rules.cap_fen))
        return vouchers, refused

    async def _finish(self, tx: Tx, *, run: _Run, refused: Counter[str]) -> Standing:
        await store.lock_month(tx, run.issue.month)
        await store.write_refused(tx, run.issue.month, refused, run.cut_off, self.tools.policy_version)
        await prove(tx, run.issue.month)
        return await known_month(tx, run.issue.month)

    async def eligibility(self, person_id: str, month: Month) -> str:
        """Why a person gets no voucher as known now; empty where there is one."""
        rules, now = self.rules.version_in(month), self.tools.clock.now()
        async with self.tools.database.begin() as tx:
            row = await store.person_as_known(tx, person_id, now)
        if row is None:
            return "UNKNOWN"
        return refusal(*decode(row, (rules.category, *rules.not_on)), month, rules)

    async def expire(self, month: Month, at: datetime) -> int:
        """Expire what is left of a month, some at a time; how many vouchers."""
        done = 0
        while gone := await self.tools.commander.transaction(partial(self._expire_some, month=month, at=at)):
            done += gone
        return done

    async def _expire_some(self, tx: Tx, *, month: Month, at: datetime) -> int:
        version = await store.lock_month(tx, month)
        gone = await store.expire_some(tx, month, EXPIRED_AT_ONCE)
        if not gone:
            await store.mark_expired(tx, month, at)
            await prove(tx, month)
            return 0
        await store.book(tx, [Posting(Movement.EXPIRED, month, row.left_fen, row.voucher_id) for row in gone], at)
        told = [
            pb.IssuedVoucher(voucher_id=row.voucher_id, person_id=row.person_id, amount_fen=row.left_fen)
            for row in gone
        ]
        cause = f"voucher-expire|{month}|{version}"
        await tell_month(self.tools, tx, month, acts.on_expire, acts.Expire(told), cause, at, "timer:vouchers")
        return len(gone)


class VoucherTimer:
    """Vouchers expire when their month is over; missed months are caught up in their order, each once."""

    def __init__(self, desk: VoucherDesk) -> None:
        self._desk = desk

    async def next_due(self, tx: Tx) -> datetime | None:
        """Midnight after the earliest month that has not expired."""
        month = await store.next_expiring(tx)
        return None if month is None else moment(month.plus(1).first_day, 0)

    async def run(self, until: datetime) -> int:
        """Expire every month that is over."""
        done = 0
        while True:
            async with self._desk.tools.database.begin() as tx:
                month = await store.next_expiring(tx)
            if month is None or (due := moment(month.plus(1).first_day, 0)) > until:
                return done
            done += await self._desk.expire(month, due)


async def known_month(tx: Tx, month: Month) -> Standing:
    """A month's issue. Raises payments.voucher_month_unknown."""
    standing = await store.read_standing(tx, month)
    if standing is None:
        raise TuoqiError("payments.voucher_month_unknown", month=month)
    return standing


async def prove(tx: Tx, month: Month) -> None:
    """Raises payments.control_failed where the month does not close; the transaction then keeps nothing."""
    found = await store.findings(tx, month)
    if found:
        raise LedgerError("payments.control_failed", findings="；".join(found))


async def tell_month(
    tools: Tools, tx: Tx, month: Month, handler: Any, command: object, cause: str, at: datetime, by: str
) -> None:
    """An event of the month's issue."""
    call = Call(key=str(month), handler=handler, message=command, cause=cause, at=at, actor=by)
    await tools.commander.within(tx, VoucherIssue, [call])
