"""Acts on recovery files: each one transaction under the lock of money, with the ledger and its proof where money moves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import TypeVar

from tuoqi.kit.commands import Call
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.payments.domain.ledger import Movement
from tuoqi.payments.domain.months import SHANGHAI, Month, day_of
from tuoqi.payments.domain.recovery import ItemKey, RecoveryError, RecoveryFile, Terms, allocate, even_parts
from tuoqi.payments.domain.recovery_policy import RecoveryRules
from tuoqi.payments.handlers.recovery import RECOVERY_ACTS
from tuoqi.payments.handlers.recovery_commands import (
    AgreeOffset,
    AgreePlan,
    ConfirmWriteOff,
    DeliverNotice,
    EndOffset,
    EndPlan,
    EndWriteOff,
    IssueNotice,
    ProposeWriteOff,
    Repay,
    ReverseRepayment,
    TellOverdue,
)
from tuoqi.payments.jobs.cycles import prove
from tuoqi.payments.jobs.recovery_follow import BATCH, follow_rest, post_case
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.store import ledger, recovery_moves, repayments
from tuoqi.payments.store.cycles import lock_money
from tuoqi.payments.store.recoveries import RecoveryStore

Result = TypeVar("Result")
TIMER = Actor(user="clock:recovery", service=True)
HUNDREDTHS = 100
"""Hundredths of a percent in a percent."""


@dataclass(frozen=True, slots=True)
class Money:
    """A repayment as somebody brings it."""

    amount_fen: int
    paid_on: date
    receipt_no: str
    payer: str
    named: tuple[str, Month] | None = None


class RecoveryDesk:
    """Everything that people and the clock do to recovery files."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._files = RecoveryStore()

    def rules(self) -> RecoveryRules:
        """The county's rules today."""
        return self._tools.policy.recoveries.rules(Month.of(self.today))

    @property
    def today(self) -> date:
        """The county's day by the business clock."""
        return day_of(self._tools.clock.now())

    async def act(self, recovery_id: str, command: object, *, by: str) -> RecoveryFile:
        """One act that moves no money. Under the lock of money, for a cycle may be reading the file's agreement."""
        return await self._transaction(lambda tx: self._run(tx, recovery_id, command, by=by))

    async def notice(self, recovery_id: str, *, by: str) -> RecoveryFile:
        """Issue a notice; its term is the county's."""
        return await self.act(recovery_id, IssueNotice(self.today, self.rules().notice_days), by=by)

    async def deliver(self, recovery_id: str, on: date, how: str, note: str, *, by: str) -> RecoveryFile:
        """Say when and how it was delivered."""
        self._past(on)
        self._code("deliveries", how, "送达方式")
        return await self.act(recovery_id, DeliverNotice(on, how, self.rules().notice_days, note), by=by)

    async def plan(
        self, recovery_id: str, parts: Sequence[tuple[date, int]], months: int, first_due: date | None, *, by: str
    ) -> RecoveryFile:
        """Agree instalments: those given, or so many equal ones from a day on."""
        if bool(parts) == bool(months and first_due):
            raise RecoveryError("payments.recovery_plan_given")

        async def body(tx: Tx) -> RecoveryFile:
            file = await self._known(tx, recovery_id)
            chosen = parts or even_parts(file.owed_fen, months, first_due or self.today)
            command = AgreePlan(chosen, self.today, self.rules().instalments_max)
            return await self._run(tx, recovery_id, command, by=by)

        return await self._transaction(body)

    async def agree(self, recovery_id: str, terms: Terms, *, by: str) -> RecoveryFile:
        """Keep a signed agreement to offset."""
        self._past(terms.signed_on)
        unknown = sorted(set(terms.programmes) - set(self._tools.policy.order))
        if unknown:
            raise RecoveryError("payments.cycle_programme_unknown", programmes="、".join(unknown))
        if bool(terms.cap_fen) == bool(terms.cap_hundredths):
            raise RecoveryError("payments.recovery_cap_given")
        most = self.rules().offset_max_percent
        if (terms.cap_hundredths or 0) > most * HUNDREDTHS:
            raise RecoveryError("payments.recovery_cap_high", most=most)
        return await self.act(recovery_id, AgreeOffset(terms), by=by)

    async def end(self, recovery_id: str, command: EndPlan | EndOffset, reason: str, *, by: str) -> RecoveryFile:
        """End a plan or an agreement, for a reason of the county's."""
        self._code("end_reasons", reason, "终止原因")
        return await self.act(recovery_id, command, by=by)

    async def repay(self, recovery_id: str, money: Money, *, by: str) -> tuple[RecoveryFile, str]:
        """Book a repayment; the file and the repayment's id."""
        self._past(money.paid_on)
        self._code("payers", money.payer, "还款人")

        async def body(tx: Tx) -> tuple[RecoveryFile, str]:
            cause = f"repay|{recovery_id}|{money.receipt_no}|{by}"
            booked = await self.repay_within(tx, recovery_id, money, cause=cause, by=by)
            await prove(tx, "")
            return booked

        return await self._transaction(body)

    async def repay_within(
        self, tx: Tx, recovery_id: str, money: Money, *, cause: str, by: str
    ) -> tuple[RecoveryFile, str]:
        """The same within a transaction that holds the lock of money; the ledger is to be proven by the caller."""
        file = await self._known(tx, recovery_id)
        if booked := await repayments.by_receipt(tx, money.receipt_no):
            if booked.same(recovery_id, money.amount_fen, money.paid_on, money.payer, _named(money)):
                return file, booked.repayment_id
            raise RecoveryError("payments.recovery_receipt_taken", receipt=money.receipt_no)
        now = self._tools.clock.now()
        parts = allocate(file.items, money.amount_fen, self._tools.policy.order, money.named)
        repayment_id = self._tools.ids(now, f"{cause}|{file.version}", 0)
        command = Repay(repayment_id, parts, money.paid_on, money.payer, money.receipt_no, day_of(now))
        await recovery_moves.reduce_cases(tx, parts)
        booked_as = repayments.Booked(
            repayment_id, recovery_id, money.amount_fen, money.paid_on, money.receipt_no, money.payer, _named(money)
        )
        await repayments.write(tx, booked_as, parts, by, now)
        await self._book(tx, Movement.REPAID, parts, repayment_id, now)
        after = await self._run(tx, recovery_id, command, by=by, cause=f"{cause}|{file.version}")
        return after, repayment_id

    async def reverse(self, recovery_id: str, repayment_id: str, because: str, *, by: str) -> RecoveryFile:
        """Take a repayment back by the opposite posting. What of it was due back already is simply not paid out."""

        async def body(tx: Tx) -> RecoveryFile:
            now = self._tools.clock.now()
            await self._known(tx, recovery_id)
            parts = await repayments.reverse(tx, recovery_id, repayment_id, by, because, now)
            if parts is None:
                raise RecoveryError("payments.recovery_no_repayment", repayment=repayment_id)
            owed_again, taken = {}, {}
            for key, fen in sorted(parts.items()):
                taken[key] = await self._take_refunds(tx, key, fen)
                owed_again[key] = fen - taken[key]
            await recovery_moves.reduce_cases(tx, {key: -fen for key, fen in owed_again.items()})
            await self._book(tx, Movement.REPAID, {key: -fen for key, fen in parts.items()}, repayment_id, now)
            held = {key: -fen for key, fen in taken.items() if fen}
            await self._book(tx, Movement.REFUND_DUE, held, repayment_id, now)
            command = ReverseRepayment(repayment_id, parts, owed_again, because, day_of(now))
            after = await self._run(tx, recovery_id, command, by=by)
            await prove(tx, "")
            return after

        return await self._transaction(body)

    async def propose(self, recovery_id: str, reason: str, note: str, *, by: str) -> RecoveryFile:
        """Propose that what is owed is written off."""
        self._code("write_off_reasons", reason, "核销原因")

        async def body(tx: Tx) -> RecoveryFile:
            file = await self._known(tx, recovery_id)
            write_off_id = self._tools.ids(self._tools.clock.now(), f"write_off|{recovery_id}|{file.version}|{by}", 0)
            return await self._run(tx, recovery_id, ProposeWriteOff(write_off_id, reason, note), by=by)

        return await self._transaction(body)

    async def confirm(self, recovery_id: str, amount_fen: int, *, by: str) -> RecoveryFile:
        """Write off what was proposed: another person than the one who proposed it."""

        async def body(tx: Tx) -> RecoveryFile:
            now = self._tools.clock.now()
            file = await self._known(tx, recovery_id)
            proposal = file.proposed()
            parts = {item.key: item.owed_fen for item in file.items if item.owed_fen}
            after = await self._run(tx, recovery_id, ConfirmWriteOff(amount_fen, day_of(now)), by=by)
            await recovery_moves.reduce_cases(tx, parts)
            await recovery_moves.write_off(tx, proposal.write_off_id, recovery_id, parts)
            await self._book(tx, Movement.WRITTEN_OFF, parts, proposal.write_off_id, now)
            await prove(tx, "")
            return after

        return await self._transaction(body)

    async def end_write_off(self, recovery_id: str, outcome: str, because: str, *, by: str) -> RecoveryFile:
        """Refuse or withdraw a proposal."""
        return await self.act(recovery_id, EndWriteOff(outcome, because), by=by)

    async def tell_overdue(self, until: datetime) -> int:
        """What the clock does: cases that no file follows, then every day that has passed; how many were looked at."""
        done, after = 0, ""
        while count := await self._transaction(lambda tx: follow_rest(self._tools, tx, by=TIMER.user)):
            done += count
        while ids := await self._transaction(partial(self._tell, today=day_of(until), after=after)):
            done, after = done + len(ids), ids[-1]
        return done

    async def _tell(self, tx: Tx, *, today: date, after: str) -> list[str]:
        ids = await recovery_moves.due_files(tx, today, after, BATCH)
        command, now = TellOverdue(today), self._tools.clock.now()
        calls = [
            Call(one, RECOVERY_ACTS[TellOverdue], command, f"overdue|{one}|{today}", now, TIMER.user) for one in ids
        ]
        await self._tools.commander.within(tx, RecoveryFile, calls)
        return ids

    async def _take_refunds(self, tx: Tx, key: ItemKey, fen: int) -> int:
        """How much of it was due back and had not gone out; it is due back no longer."""
        taken = 0
        for held in await recovery_moves.held_refunds(tx, key):
            if part := min(fen - taken, held.amount_fen):
                await recovery_moves.take_refund(tx, key, held, part)
                taken += part
        return taken

    async def _book(
        self, tx: Tx, movement: Movement, parts: Mapping[ItemKey, int], reference: str, at: datetime
    ) -> None:
        postings = [post_case(movement, key, fen, reference) for key, fen in sorted(parts.items())]
        await ledger.book(tx, ledger.entry_rows(postings, at))

    async def _known(self, tx: Tx, recovery_id: str) -> RecoveryFile:
        """The file, locked. Raises payments.recovery_unknown."""
        found = await self._files.load(tx, [recovery_id])
        if recovery_id not in found:
            raise RecoveryError("payments.recovery_unknown", recovery=recovery_id)
        return found[recovery_id]

    async def _run(self, tx: Tx, recovery_id: str, command: object, *, by: str, cause: str = "") -> RecoveryFile:
        before = await self._known(tx, recovery_id)
        named = cause or f"{type(command).__name__}|{recovery_id}|{before.version}|{by}"
        call = Call(recovery_id, RECOVERY_ACTS[type(command)], command, named, self._tools.clock.now(), by)
        states = await self._tools.commander.within(tx, RecoveryFile, [call])
        after: RecoveryFile = states[recovery_id]
        return after

    async def _transaction(self, body: Callable[[Tx], Awaitable[Result]]) -> Result:
        async def locked(tx: Tx) -> Result:
            await lock_money(tx)
            return await body(tx)

        done: Result = await self._tools.commander.transaction(locked)
        return done

    def _past(self, day: date) -> None:
        if day > self.today:
            raise RecoveryError("payments.recovery_day_ahead", day=day)

    def _code(self, kind: str, code: str, what: str) -> None:
        allowed: Mapping[str, str] = getattr(self._tools.policy.recoveries, kind)
        if code not in allowed:
            words = "、".join(f"{key}（{name}）" for key, name in allowed.items())
            raise RecoveryError("payments.recovery_code", code=code, what=what, allowed=words)


class RecoveryTimer:
    """At 00:00 what became overdue is said, once; what no cycle followed is found."""

    def __init__(self, desk: RecoveryDesk) -> None:
        self._desk = desk

    async def next_due(self, tx: Tx) -> datetime | None:
        """The midnight after the earliest day that somebody has to pay by."""
        day = await recovery_moves.next_due_day(tx)
        return datetime.combine(day + timedelta(days=1), time(), SHANGHAI) if day else None

    async def run(self, until: datetime) -> int:
        """Everything due up to this moment."""
        return await self._desk.tell_overdue(until)


def _named(money: Money) -> str:
    return "" if money.named is None else f"{money.named[0]}|{money.named[1]}"


def day_from(text: str) -> date:
    """A day of a request. Raises request.invalid."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise TuoqiError("request.invalid", problem=f"{text} 不是日期") from None
