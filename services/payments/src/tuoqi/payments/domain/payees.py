"""Whose account money goes to, looked at on the day on which a cycle becomes INSTRUCTED, with the facts known then.

Payments never sees an account number: an account is a version known to the registry and a key that is equal for equal
numbers.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from tuoqi.payments.domain.months import Month, age_on

ADULT_AGE = 18


class Waiting(StrEnum):
    """Why money waits instead of going out 待发原因."""

    HEIR = "HEIR"
    FACILITY = "FACILITY"
    GUARDIAN = "GUARDIAN"
    ACCOUNT = "ACCOUNT"


@dataclass(frozen=True, slots=True)
class AccountVersion:
    """One immutable version of a payee account 收款账户; `changed_seq` orders versions by when their rows changed."""

    version_id: str
    key: str
    changed_seq: int


@dataclass(frozen=True, slots=True)
class Stay:
    """Days in a facility 入住, first and last included, and the facility's account where it has one."""

    facility: str
    from_day: date
    to_day: date | None
    account: AccountVersion | None

    def covers(self, day: date) -> bool:
        """Whether the person lives there on a day."""
        return self.from_day <= day and (self.to_day is None or day <= self.to_day)


@dataclass(frozen=True, slots=True)
class Payee:
    """What is known on the day about the person whose money it is.

    `held_by_guardian` is the registry's answer whether the holder of the account on a child's row is its guardian.
    """

    birth_date: date
    died: bool
    account: AccountVersion | None
    held_by_guardian: bool = False
    stays: tuple[Stay, ...] = ()


def whose_account(payee: Payee, day: date, *, facility_line: bool) -> AccountVersion | Waiting:
    """The account that a line's money goes to, or why it waits; the first case that fits."""
    if payee.died:
        return Waiting.HEIR
    if facility_line:
        return _facility_account(payee.stays, day)
    if age_on(payee.birth_date, day) < ADULT_AGE and not payee.held_by_guardian:
        return Waiting.GUARDIAN
    return payee.account or Waiting.ACCOUNT


def _facility_account(stays: Sequence[Stay], day: date) -> AccountVersion | Waiting:
    """Of stays that cover the day, the one begun last: on a day of changing house the person lives in the new one."""
    here = sorted((stay for stay in stays if stay.covers(day)), key=lambda stay: stay.from_day)
    return (here[-1].account if here else None) or Waiting.FACILITY


@dataclass(frozen=True, slots=True)
class Item:
    """Money of one line that goes out; `line_cycle` is the cycle that wrote it, which is older where it has waited."""

    line_cycle: str
    person_id: str
    programme: str
    benefit_month: Month
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Instruction:
    """One bank instruction 代发指令: one account, programme and cycle. The name is that of the version changed last."""

    programme: str
    account: AccountVersion
    amount_fen: int
    items: tuple[Item, ...]


def instructions(found: Iterable[tuple[Item, AccountVersion]], order: tuple[str, ...]) -> tuple[Instruction, ...]:
    """Groups a cycle's outgoing items into instructions, by the county's order of programmes, then by account key."""
    groups: dict[tuple[str, str], list[tuple[Item, AccountVersion]]] = {}
    for item, account in found:
        groups.setdefault((item.programme, account.key), []).append((item, account))
    return tuple(
        Instruction(
            programme=key[0],
            account=max((account for _, account in groups[key]), key=lambda account: account.changed_seq),
            amount_fen=sum(item.amount_fen for item, _ in groups[key]),
            items=tuple(sorted((item for item, _ in groups[key]), key=_item_order)),
        )
        for key in sorted(groups, key=lambda key: (order.index(key[0]), key[1]))
    )


def _item_order(item: Item) -> tuple[str, Month, str]:
    return (item.person_id, item.benefit_month, item.line_cycle)


def reissue_id(instruction_id: str, taken: AbstractSet[str] = frozenset()) -> str:
    """The id under which a returned instruction goes out again 重发: `…-R2`, then `…-R3`; the first that is not taken.

    `taken` are ids of the same root: an instruction that was stopped keeps its number for good.
    """
    root, count = split_reissue(instruction_id)
    used = {number for base, number in map(split_reissue, taken) if base == root}
    number = count + 1
    while number in used:
        number += 1
    return f"{root}-R{number}"


def split_reissue(instruction_id: str) -> tuple[str, int]:
    """The root of an id and the number of its issue; `…-R3.2` is a part of the third, an id without a mark the first."""
    root, mark, rest = instruction_id.rpartition("-R")
    number = rest.partition(".")[0]
    return (root, int(number)) if mark and number.isdecimal() else (instruction_id, 1)
