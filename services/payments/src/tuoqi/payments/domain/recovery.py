"""A recovery file 追回案卷: what one person owes, item by item, and how far its recovery has come.

The open amount of each case is kept by cash; a file follows it and says what was done about it: notice, plan, agreement,
repayment, write-off. It closes by itself where nothing is owed any more, and opens again where something is again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import accumulate

from tuoqi.payments.domain.errors import PaymentsError
from tuoqi.payments.domain.months import Month

ItemKey = tuple[str, str, Month]
"""A case: whose file (a merged one too), programme, benefit month."""


class FileState(StrEnum):
    """How far a recovery has come."""

    OPEN = "OPEN"  # found, nobody was told
    NOTICED = "NOTICED"  # a notice 追回通知 was issued
    AGREED = "AGREED"  # instalments or an offset were agreed
    SETTLED = "SETTLED"  # nothing is owed any more
    WRITTEN_OFF = "WRITTEN_OFF"  # what was left was written off 核销
    CANCELLED = "CANCELLED"  # the cycle that found it was cancelled: nothing was owed


LIVE = frozenset({FileState.OPEN, FileState.NOTICED, FileState.AGREED})


class RecoveryError(PaymentsError):
    """A recovery file refuses an act."""


@dataclass(frozen=True, slots=True)
class Item:
    """One case of a file; `reason` is why it is recovered, by the line's reason code, `cycle_id` where it was found."""

    person_id: str
    programme: str
    month: Month
    owed_fen: int
    raised_fen: int
    reason: str
    cycle_id: str
    opened_on: date
    agreed_fen: int = 0
    """What of it an agreement to offset still covers."""

    @property
    def key(self) -> ItemKey:
        """Which case."""
        return self.person_id, self.programme, self.month


@dataclass(frozen=True, slots=True)
class Notice:
    """The notice in force: the how manieth, over how much, until when it is to be repaid."""

    number: int
    amount_fen: int
    issued_on: date
    due_on: date
    delivered_on: date | None = None
    delivered_how: str = ""


@dataclass(frozen=True, slots=True)
class Instalment:
    """One instalment 分期; `upto_fen` is what must be repaid by its due day, the earlier ones included."""

    nth: int
    due_on: date
    amount_fen: int
    upto_fen: int
    judged: bool = False
    missed: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """An agreement to offset 协议抵扣: so much a month at most, in fen or hundredths of a percent of the payment."""

    signed_on: date
    agreed_at: datetime
    programmes: tuple[str, ...]
    cap_fen: int | None = None
    cap_hundredths: int | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A write-off that waits for finance; it lapses where the amount changes."""

    write_off_id: str
    amount_fen: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class FileAct:
    """Who did what when; `note` and `reference` stay in payments' own tables."""

    name: str
    by: str
    at: datetime
    amount_fen: int = 0
    code: str = ""
    reference: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class RecoveryFile:
    """One file. A new one is made for every change."""

    recovery_id: str
    person_id: str
    opened_on: date
    state: FileState = FileState.OPEN
    version: int = 0
    items: tuple[Item, ...] = ()
    closed_on: date | None = None
    repaid_fen: int = 0
    offset_fen: int = 0
    reduced_fen: int = 0
    written_off_fen: int = 0
    refunded_fen: int = 0
    notice: Notice | None = None
    overdue_told: bool = False
    plan: tuple[Instalment, ...] = ()
    plan_paid_fen: int = 0
    terms: Terms | None = None
    proposal: Proposal | None = None
    acts: tuple[FileAct, ...] = ()

    @property
    def owed_fen(self) -> int:
        """What is still owed, all items together."""
        return sum(item.owed_fen for item in self.items)

    @property
    def is_live(self) -> bool:
        """Whether anything is still to be done."""
        return self.state in LIVE

    def noting(self, act: FileAct) -> "RecoveryFile":
        """With one more act of this transaction."""
        return replace(self, acts=(*self.acts, act))

    def require_live(self, act: str) -> None:
        """Raises payments.recovery_wrong_state where the file is closed."""
        if not self.is_live:
            raise RecoveryError("payments.recovery_wrong_state", recovery=self.recovery_id, state=self.state, act=act)

    def changed(self, amounts: Mapping[ItemKey, int]) -> "RecoveryFile":
        """With other open amounts; what an agreement covers stays."""
        items = tuple(replace(item, owed_fen=amounts[item.key]) if item.key in amounts else item for item in self.items)
        return replace(self, items=items)

    # Notice.

    def issue_notice(self, *, on: date, days: int) -> "RecoveryFile":
        """The first or another notice, over what is owed now. A plan or an agreement that stands keeps its state."""
        self.require_live("发出追回通知")
        number = self.notice.number + 1 if self.notice else 1
        notice = Notice(number, self.owed_fen, on, on + timedelta(days=days))
        state = FileState.NOTICED if self.state is FileState.OPEN else self.state
        return replace(self, notice=notice, state=state, overdue_told=False)

    def deliver_notice(self, *, on: date, how: str, days: int) -> "RecoveryFile":
        """It reached the person: the term runs from then, so it never ends earlier than that allows."""
        self.require_live("登记送达")
        if self.notice is None:
            raise RecoveryError("payments.recovery_no_notice", recovery=self.recovery_id)
        if on < self.notice.issued_on:
            raise RecoveryError("payments.recovery_delivered_early", issued_on=self.notice.issued_on)
        due_on = max(self.notice.issued_on, on) + timedelta(days=days)
        notice = replace(self.notice, delivered_on=on, delivered_how=how, due_on=due_on)
        return replace(self, notice=notice, overdue_told=False)

    def is_overdue(self, today: date) -> bool:
        """Whether the term of the notice, or a due instalment, has passed without the money."""
        if not self.is_live:
            return False
        if any(one.due_on < today and one.upto_fen > self.plan_paid_fen for one in self.plan):
            return True
        return self.state is FileState.NOTICED and self.notice is not None and self.notice.due_on < today

    # Plan and agreement.

    def agree_plan(self, parts: Sequence[tuple[date, int]], *, today: date, most: int) -> "RecoveryFile":
        """Instalments that add up to what is owed, on rising days from today on."""
        self.require_live("订立分期计划")
        days = [day for day, _ in parts]
        if not 1 <= len(parts) <= most:
            raise RecoveryError("payments.recovery_plan_length", count=len(parts), most=most)
        if any(fen <= 0 for _, fen in parts) or sorted(set(days)) != days or days[0] < today:
            raise RecoveryError("payments.recovery_plan_days", today=today)
        total = sum(fen for _, fen in parts)
        if total != self.owed_fen:
            raise RecoveryError("payments.recovery_plan_sum", total=yuan(total), owed=yuan(self.owed_fen))
        upto = accumulate(fen for _, fen in parts)
        plan = tuple(
            Instalment(nth, day, fen, sum_fen)
            for nth, ((day, fen), sum_fen) in enumerate(zip(parts, upto, strict=True), start=1)
        )
        return replace(self, plan=plan, plan_paid_fen=0, state=FileState.AGREED)

    def end_plan(self) -> "RecoveryFile":
        """The plan holds no longer."""
        if not self.plan:
            raise RecoveryError("payments.recovery_no_plan", recovery=self.recovery_id)
        after = replace(self, plan=(), plan_paid_fen=0)
        return after.standing() if self.is_live else after

    def judge_instalments(self, today: date) -> tuple["RecoveryFile", tuple[Instalment, ...]]:
        """Every instalment whose day has passed, looked at once; those that were missed."""
        looked = tuple(
            replace(one, judged=True, missed=one.upto_fen > self.plan_paid_fen)
            if not one.judged and one.due_on < today
            else one
            for one in self.plan
        )
        missed = tuple(one for one, before in zip(looked, self.plan, strict=True) if one.missed and not before.judged)
        return replace(self, plan=looked), missed

    def agree_offset(self, terms: Terms) -> "RecoveryFile":
        """From now on later payments reduce the items that stand now, up to the cap."""
        self.require_live("订立抵扣协议")
        items = tuple(replace(item, agreed_fen=item.owed_fen) for item in self.items)
        return replace(self, terms=terms, items=items, state=FileState.AGREED)

    def end_offset(self) -> "RecoveryFile":
        """By either side: later payments go out whole again."""
        if self.terms is None:
            raise RecoveryError("payments.recovery_no_agreement", recovery=self.recovery_id)
        items = tuple(replace(item, agreed_fen=0) for item in self.items)
        after = replace(self, terms=None, items=items)
        return after.standing() if self.is_live else after

    # Write-off.

    def propose_write_off(self, proposal: Proposal) -> "RecoveryFile":
        """What is owed now is to be written off; another person has to confirm it."""
        self.require_live("提出核销")
        if self.proposal:
            raise RecoveryError("payments.recovery_already_proposed", recovery=self.recovery_id)
        return replace(self, proposal=proposal)

    def confirm_write_off(self, *, by: str) -> "RecoveryFile":
        """Confirmed by somebody else; nothing is owed any more."""
        proposal = self.proposed()
        if proposal.by == by:
            raise RecoveryError("payments.recovery_own_proposal", by=by)
        amounts = {item.key: 0 for item in self.items}
        return replace(self.changed(amounts), proposal=None, written_off_fen=self.written_off_fen + proposal.amount_fen)

    def proposed(self) -> Proposal:
        """The proposal that waits. Raises payments.recovery_no_proposal."""
        if self.proposal is None:
            raise RecoveryError("payments.recovery_no_proposal", recovery=self.recovery_id)
        return self.proposal

    # What follows from a change of amounts.

    def standing(self) -> "RecoveryFile":
        """The state that notice, plan and agreement mean while something is owed."""
        told = FileState.NOTICED if self.notice else FileState.OPEN
        state = FileState.AGREED if self.plan or self.terms else told
        return replace(self, state=state, closed_on=None)

    def settled(self, today: date) -> "RecoveryFile":
        """Closed where nothing is owed, open again where something is; otherwise as it was."""
        if self.owed_fen:
            return self if self.is_live else self.standing()
        if self.written_off_fen:
            state = FileState.WRITTEN_OFF
        elif self.repaid_fen > self.refunded_fen or self.offset_fen or self.reduced_fen > 0:
            state = FileState.SETTLED
        else:
            state = FileState.CANCELLED
        return replace(self, state=state, closed_on=self.closed_on or today)

    def anew(self) -> "RecoveryFile":
        """A closed file that is owed on again by a new recovery: who owes must be told again and agree again."""
        items = tuple(replace(item, agreed_fen=0) for item in self.items)
        return replace(self, items=items, plan=(), plan_paid_fen=0, terms=None, overdue_told=True)


def allocate(
    items: Sequence[Item], amount_fen: int, order: Sequence[str], named: tuple[str, Month] | None = None
) -> dict[ItemKey, int]:
    """Where a repayment goes: to the named case, else oldest month first, programmes in the county's order.

    Raises payments.recovery_too_much where it is more than is owed there, payments.recovery_no_item.
    """
    rank = {programme: position for position, programme in enumerate(order)}
    chosen = [item for item in items if named is None or (item.programme, item.month) == named]
    if not chosen:
        raise RecoveryError("payments.recovery_no_item")
    owed = sum(item.owed_fen for item in chosen)
    if amount_fen > owed:
        raise RecoveryError("payments.recovery_too_much", amount=yuan(amount_fen), owed=yuan(owed))
    left, parts = amount_fen, {}
    for item in sorted(chosen, key=lambda item: (item.month, rank[item.programme], item.person_id)):
        if part := min(left, item.owed_fen):
            parts[item.key] = part
            left -= part
    return parts


def even_parts(total_fen: int, count: int, first_due: date) -> list[tuple[date, int]]:
    """So many equal monthly instalments, the last one taking what does not divide; always on the same day or month end."""
    part = total_fen // count
    amounts = [part] * (count - 1) + [total_fen - part * (count - 1)]
    return [(_months_later(first_due, ahead), fen) for ahead, fen in enumerate(amounts)]


def _months_later(day: date, months: int) -> date:
    month = Month.of(day).plus(months)
    return min(month.last_day, month.first_day + timedelta(days=day.day - 1))


def yuan(fen: int) -> str:
    """An amount as people read it, without a float."""
    return f"{fen // 100}.{fen % 100:02d} 元"
