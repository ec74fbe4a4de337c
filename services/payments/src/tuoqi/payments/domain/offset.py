"""Offset by agreement 协议抵扣: what of a cycle's positive lines reduces open cases instead of going out.

Only what an agreement names is ever touched: its programmes, the cases that stood when it was signed, its cap. Without
one nothing changes. Money of a facility is never taken, nor that of somebody who has died.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tuoqi.payments.domain.cash import CaseKey, Step, StepKind
from tuoqi.payments.domain.months import Month

OfFile = tuple[str, str, Month]
"""A case by merged file (empty for the person's own), programme and month."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What somebody agreed to: so much of each month's payments of these programmes for these cases."""

    recovery_id: str
    programmes: frozenset[str]
    covers: Mapping[OfFile, int]
    """The cases, each with what is still covered of it, in fen."""
    cap_fen: int | None = None
    cap_hundredths: int | None = None
    """Of the payment, in hundredths of a percent."""
    taken_fen: int = 0
    """What earlier cycles of the same month have taken of the cap in fen."""


def offset(
    steps: Sequence[Step],
    agreements: Sequence[Agreement],
    cases: Mapping[CaseKey, int],
    shares: Mapping[CaseKey, Mapping[str, int]],
    order: Sequence[str],
    facility: frozenset[CaseKey],
) -> tuple[Step, ...]:
    """The steps with a part of what would be instructed set against open cases: oldest case first, oldest money first.

    `cases` and `shares` are as before the cycle; `facility` are the lines whose money is a facility's.
    """
    rank = {programme: position for position, programme in enumerate(order)}
    owed = _still_owed(steps, cases, shares)
    left = {
        (step.benefit_month, step.programme): step.amount_fen
        for step in steps
        if step.kind is StepKind.INSTRUCT and (step.programme, step.benefit_month) not in facility
    }
    payers = sorted(left, key=lambda payer: (payer[0], rank[payer[1]]))
    taken: list[Step] = []
    for agreement in agreements:
        mine = [payer for payer in payers if payer[1] in agreement.programmes]
        room = _cap(agreement, sum(left[payer] for payer in mine))
        for case in sorted(agreement.covers, key=lambda case: (case[2], rank[case[1]], case[0])):
            wanted = min(owed.get(case, 0), agreement.covers[case])
            for payer in mine:
                fen = min(wanted, left[payer], room)
                if fen > 0:
                    wanted, room = wanted - fen, room - fen
                    left[payer] -= fen
                    owed[case] -= fen
                    taken.append(_step(case, payer, fen))
    if not taken:
        return tuple(steps)
    return (*_paid_less(steps, left), *taken)


def _still_owed(
    steps: Sequence[Step], cases: Mapping[CaseKey, int], shares: Mapping[CaseKey, Mapping[str, int]]
) -> dict[OfFile, int]:
    """The open cases by file after what the cycle's own lines have reduced."""
    owed: defaultdict[OfFile, int] = defaultdict(int)
    for (programme, month), fen in cases.items():
        files = shares.get((programme, month), {})
        owed["", programme, month] = fen - sum(files.values())
        for file, part in files.items():
            owed[file, programme, month] = part
    for step in steps:
        if step.kind is StepKind.REDUCE_CASE:
            owed[step.file, step.programme, step.benefit_month] -= step.amount_fen
    return dict(owed)


def _cap(agreement: Agreement, payment_fen: int) -> int:
    """What may be taken of these payments; a share is rounded down to the fen."""
    room = payment_fen
    if agreement.cap_fen is not None:
        room = min(room, max(agreement.cap_fen - agreement.taken_fen, 0))
    if agreement.cap_hundredths is not None:
        room = min(room, payment_fen * agreement.cap_hundredths // 10_000)
    return room


def _step(case: OfFile, payer: tuple[Month, str], fen: int) -> Step:
    file, programme, month = case
    return Step(StepKind.OFFSET_CASE, programme, month, fen, other=payer[1], file=file, other_month=payer[0])


def _paid_less(steps: Sequence[Step], left: Mapping[tuple[Month, str], int]) -> list[Step]:
    """What is still to be instructed; a line whose money went whole leaves no step."""
    rest = []
    for step in steps:
        fen = left.get((step.benefit_month, step.programme)) if step.kind is StepKind.INSTRUCT else None
        if fen is None:
            rest.append(step)
        elif fen:
            rest.append(replace(step, amount_fen=fen))
    return rest
