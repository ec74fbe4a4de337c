"""The commands that a recovery file takes, each with all that its handler may know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tuoqi.payments.domain.recovery import ItemKey, Terms

CYCLE, CYCLE_CANCELLED, BANK = "CYCLE", "CYCLE_CANCELLED", "BANK"
LAPSED, REFUSED, WITHDRAWN = "LAPSED", "REFUSED", "WITHDRAWN"


@dataclass(frozen=True, slots=True)
class ItemMove:
    """What a cycle, its cancellation or the bank did to one case; amounts in fen, negative where they were undone."""

    key: ItemKey
    owed_fen: int
    """What is owed of it afterwards, as the case itself says."""
    raised_fen: int = 0
    reduced_fen: int = 0
    offset_fen: int = 0
    restored_fen: int = 0
    """Written off before, and not any more."""
    refunded_fen: int = 0
    """Repaid before, and now due back to the person."""
    reason: str = ""
    cycle_id: str = ""


@dataclass(frozen=True, slots=True)
class Follow:
    """Cases of a file changed; a file that is not there is opened for the person."""

    person_id: str
    cause: str
    moves: Sequence[ItemMove]
    on: date


@dataclass(frozen=True, slots=True)
class IssueNotice:
    """A notice is issued."""

    on: date
    days: int


@dataclass(frozen=True, slots=True)
class DeliverNotice:
    """It reached the person."""

    on: date
    how: str
    days: int
    note: str


@dataclass(frozen=True, slots=True)
class TellOverdue:
    """A day has begun: what is overdue is said, once."""

    today: date


@dataclass(frozen=True, slots=True)
class Repay:
    """Money came back, for these cases."""

    repayment_id: str
    parts: Mapping[ItemKey, int]
    paid_on: date
    payer: str
    receipt_no: str
    on: date


@dataclass(frozen=True, slots=True)
class ReverseRepayment:
    """A repayment was booked wrongly. `owed_again` may be less than it: what was already due back is simply not paid."""

    repayment_id: str
    parts: Mapping[ItemKey, int]
    owed_again: Mapping[ItemKey, int]
    because: str
    on: date


@dataclass(frozen=True, slots=True)
class AgreePlan:
    """Instalments by day and fen."""

    parts: Sequence[tuple[date, int]]
    on: date
    most: int


@dataclass(frozen=True, slots=True)
class EndPlan:
    """The plan ends."""

    reason: str


@dataclass(frozen=True, slots=True)
class AgreeOffset:
    """An agreement to offset was signed."""

    terms: Terms


@dataclass(frozen=True, slots=True)
class EndOffset:
    """The agreement ends."""

    reason: str


@dataclass(frozen=True, slots=True)
class ProposeWriteOff:
    """A write-off is proposed."""

    write_off_id: str
    reason: str
    note: str


@dataclass(frozen=True, slots=True)
class ConfirmWriteOff:
    """It is confirmed, over the amount that was seen."""

    amount_fen: int
    on: date


@dataclass(frozen=True, slots=True)
class EndWriteOff:
    """It is refused or withdrawn."""

    outcome: str
    because: str
