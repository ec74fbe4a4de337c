"""Double entry 复式记账 of a cycle's money. Append-only: a mistake is answered by the opposite posting.

An entry above 0 is a debit 借, below 0 a credit 贷, in fen. A RECOVERY line first goes to a clearing account; the steps
of its cash empty it again within the same cycle, so money that was reclaimed and went nowhere shows at once.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tuoqi.payments.domain.cash import Step, StepKind
from tuoqi.payments.domain.errors import LedgerError
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.settlement import Line


class Account(StrEnum):
    """The accounts 会计科目 of the payments ledger."""

    SUBSIDY_EXPENSE = "SUBSIDY_EXPENSE"  # 补助支出
    PAYABLE = "PAYABLE"  # 应付补助款: decided and not yet with the bank, waiting and returned money too
    RECOVERY_CLEARING = "RECOVERY_CLEARING"  # 待冲减收回款
    RECOVERABLE = "RECOVERABLE"  # 应收追回款: open recovery cases
    IN_TRANSIT = "IN_TRANSIT"  # 代发在途: instructed, no result yet
    SUBSIDY_FUND = "SUBSIDY_FUND"  # 财政补助资金专户
    RECOVERY_LOSS = "RECOVERY_LOSS"  # 核销损失: recoveries that were given up by two people


class Movement(StrEnum):
    """What happened to the money, as it is posted."""

    DECIDED = "DECIDED"
    RECLAIMED = "RECLAIMED"
    WITHDRAWN = "WITHDRAWN"
    NETTED = "NETTED"
    CASE_RAISED = "CASE_RAISED"
    CASE_REDUCED = "CASE_REDUCED"
    INSTRUCTED = "INSTRUCTED"
    SETTLED = "SETTLED"
    RETURNED = "RETURNED"
    REISSUED = "REISSUED"
    REPAID = "REPAID"
    OFFSET = "OFFSET"  # a payment was set against a case by agreement 协议抵扣
    WRITTEN_OFF = "WRITTEN_OFF"  # 核销
    REFUND_DUE = "REFUND_DUE"  # repaid on a case whose cycle was then cancelled: due back to the person 应退
    STOPPED = "STOPPED"  # an instruction taken back before the bank had it
    OVERPAID = "OVERPAID"  # the bank paid money twice, or money that was no longer due


ACCOUNTS: dict[Movement, tuple[Account, Account]] = {
    Movement.DECIDED: (Account.SUBSIDY_EXPENSE, Account.PAYABLE),
    Movement.RECLAIMED: (Account.RECOVERY_CLEARING, Account.SUBSIDY_EXPENSE),
    Movement.WITHDRAWN: (Account.PAYABLE, Account.RECOVERY_CLEARING),
    Movement.NETTED: (Account.PAYABLE, Account.RECOVERY_CLEARING),
    Movement.CASE_RAISED: (Account.RECOVERABLE, Account.RECOVERY_CLEARING),
    Movement.CASE_REDUCED: (Account.PAYABLE, Account.RECOVERABLE),
    Movement.INSTRUCTED: (Account.PAYABLE, Account.IN_TRANSIT),
    Movement.SETTLED: (Account.IN_TRANSIT, Account.SUBSIDY_FUND),
    Movement.RETURNED: (Account.IN_TRANSIT, Account.PAYABLE),
    Movement.REISSUED: (Account.PAYABLE, Account.IN_TRANSIT),
    Movement.REPAID: (Account.SUBSIDY_FUND, Account.RECOVERABLE),
    Movement.OFFSET: (Account.PAYABLE, Account.RECOVERABLE),
    Movement.WRITTEN_OFF: (Account.RECOVERY_LOSS, Account.RECOVERABLE),
    Movement.REFUND_DUE: (Account.RECOVERABLE, Account.PAYABLE),
    Movement.STOPPED: (Account.IN_TRANSIT, Account.PAYABLE),
    Movement.OVERPAID: (Account.RECOVERABLE, Account.PAYABLE),
}
"""Movement → the account debited, the account credited."""

_STEPS = {
    StepKind.WITHDRAW: Movement.WITHDRAWN,
    StepKind.NET: Movement.NETTED,
    StepKind.RAISE_CASE: Movement.CASE_RAISED,
    StepKind.REDUCE_CASE: Movement.CASE_REDUCED,
    StepKind.OFFSET_CASE: Movement.OFFSET,
}
"""INSTRUCT is missing: what is to be instructed is still payable until the bank is told."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One side of a posting; above 0 a debit, below 0 a credit."""

    account: Account
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Posting:
    """One balanced movement; `reference` is the line, case or instruction it belongs to."""

    cycle: str
    movement: Movement
    programme: str
    person_id: str
    benefit_month: Month | None
    reference: str
    entries: tuple[Entry, ...]


def post(
    cycle: str,
    movement: Movement,
    amount_fen: int,
    *,
    programme: str,
    person_id: str = "",
    benefit_month: Month | None = None,
    reference: str = "",
) -> Posting:
    """A movement of so many fen; a negative amount is its opposite."""
    debit, credit = ACCOUNTS[movement]
    entries = (Entry(debit, amount_fen), Entry(credit, -amount_fen))
    return Posting(cycle, movement, programme, person_id, benefit_month, reference, entries)


def post_lines(cycle: str, lines: Iterable[Line]) -> tuple[Posting, ...]:
    """A decided line is an expense owed to the person; a recovery takes the expense back."""
    return tuple(
        post(
            cycle,
            Movement.DECIDED if line.amount_fen > 0 else Movement.RECLAIMED,
            abs(line.amount_fen),
            programme=line.programme,
            person_id=line.person_id,
            benefit_month=line.benefit_month,
        )
        for line in lines
    )


def post_steps(cycle: str, person_id: str, steps: Iterable[Step]) -> tuple[Posting, ...]:
    """The cash of a person's lines, of merged files under their own id; steps of `cash.undo` post the opposite."""
    return tuple(
        post(
            cycle,
            _STEPS[step.kind],
            step.amount_fen,
            programme=step.programme,
            person_id=step.file or person_id,
            benefit_month=step.benefit_month,
            reference=step.other or step.cycle,
        )
        for step in steps
        if step.kind in _STEPS
    )


def post_instruction(cycle: str, movement: Movement, instruction_id: str, programme: str, amount_fen: int) -> Posting:
    """What the bank was told or answered: INSTRUCTED, SETTLED, RETURNED or REISSUED of one instruction."""
    return post(cycle, movement, amount_fen, programme=programme, reference=instruction_id)


def reverse(postings: Sequence[Posting]) -> tuple[Posting, ...]:
    """The opposite of postings, last first: what cancelling their cycle adds."""
    return tuple(
        Posting(
            one.cycle,
            one.movement,
            one.programme,
            one.person_id,
            one.benefit_month,
            one.reference,
            tuple(Entry(entry.account, -entry.amount_fen) for entry in one.entries),
        )
        for one in reversed(postings)
    )


Balances = dict[str, dict[Account, int]]
"""Cycle → account → balance in fen, debits above 0."""


def prove(postings: Iterable[Posting]) -> Balances:
    """The balances of each cycle; LedgerError where they do not sum to zero or reclaimed money has no place.

    To be given all postings of a cycle so far, and only after the cash of its lines has been posted.
    """
    balances: defaultdict[str, defaultdict[Account, int]] = defaultdict(lambda: defaultdict(int))
    for posting in postings:
        if difference := sum(entry.amount_fen for entry in posting.entries):
            raise LedgerError("payments.ledger_unbalanced", cycle=posting.cycle, difference_fen=difference)
        for entry in posting.entries:
            balances[posting.cycle][entry.account] += entry.amount_fen
    for cycle, accounts in balances.items():
        if difference := accounts[Account.RECOVERY_CLEARING]:
            raise LedgerError("payments.ledger_recovery_unallocated", cycle=cycle, difference_fen=difference)
    return {cycle: dict(accounts) for cycle, accounts in balances.items()}
