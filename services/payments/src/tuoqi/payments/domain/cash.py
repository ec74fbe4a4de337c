"""Where the money of a cycle's lines goes, decided at COMPUTED for one person at a time.

The lines themselves are always written and never changed here. Each step moves an amount of fen from one place to
another, so a step with the amount negated is its exact inverse: cancelling a cycle applies the inverses, newest first.
Programmes are taken in the county's order, months apart from one another.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product

from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.settlement import Line


class PendingState(StrEnum):
    """Why money of an earlier line has not reached the person."""

    TO_INSTRUCT = "TO_INSTRUCT"  # its cycle is not yet INSTRUCTED
    WAITING = "WAITING"  # for an heir, a facility, a guardian or an account
    RETURNED = "RETURNED"  # came back from the bank 退票


@dataclass(frozen=True, slots=True)
class Pending:
    """Money of one earlier line that can still be held back; `cycle_seq` is the order of cycles."""

    cycle: str
    cycle_seq: int
    programme: str
    benefit_month: Month
    amount_fen: int
    state: PendingState
    file: str = ""
    """The merged file 并档 whose line it is of; empty for the person's own."""


class StepKind(StrEnum):
    """What a step does with its amount."""

    WITHDRAW = "WITHDRAW"  # a recovery takes back what an earlier cycle has not paid out
    NET = "NET"  # a recovery is set against a positive line of the same cycle 冲抵
    RAISE_CASE = "RAISE_CASE"  # the rest of a recovery opens or enlarges its case 追回案
    REDUCE_CASE = "REDUCE_CASE"  # a positive line reduces an open case
    OFFSET_CASE = "OFFSET_CASE"  # a positive line of any month reduces one by agreement 协议抵扣
    INSTRUCT = "INSTRUCT"  # the rest of a positive line is to be instructed 代发


@dataclass(frozen=True, slots=True)
class Step:
    """One movement of cash in one benefit month.

    `programme` is the recovery's (WITHDRAW, NET, RAISE_CASE) or the case's (REDUCE_CASE, OFFSET_CASE) or the line's
    (INSTRUCT); `other` is the positive line that pays (NET, REDUCE_CASE, OFFSET_CASE); `cycle` is the earlier cycle whose
    money is withdrawn.
    """

    kind: StepKind
    programme: str
    benefit_month: Month
    amount_fen: int
    other: str = ""
    cycle: str = ""
    state: PendingState | None = None
    file: str = ""
    """The merged file whose money is withdrawn or whose case is reduced; empty for the person's own."""
    other_month: Month | None = None
    """The month of the line that pays, where it is another than the case's (OFFSET_CASE)."""


CaseKey = tuple[str, Month]
"""A recovery case belongs to one person, programme and benefit month; the person is known from the call."""


def plan_cash(
    lines: Sequence[Line], pending: Sequence[Pending], cases: Mapping[CaseKey, int], order: tuple[str, ...]
) -> tuple[Step, ...]:
    """All steps of one person's lines of a cycle: withdrawn, netted, owed, reduced, to be instructed.

    `pending` is what still waits, came back or is not yet instructed of earlier lines; `cases` are open cases in fen.
    """
    rank = {programme: position for position, programme in enumerate(order)}
    by_month: defaultdict[Month, list[Line]] = defaultdict(list)
    for line in sorted(lines, key=lambda line: (line.benefit_month, rank[line.programme])):
        by_month[line.benefit_month].append(line)
    steps: list[Step] = []
    for month, own in by_month.items():
        held = sorted((one for one in pending if one.benefit_month == month), key=lambda one: one.cycle_seq)
        open_cases = {
            programme: fen for (programme, case_month), fen in sorted(cases.items()) if case_month == month and fen > 0
        }
        steps.extend(_month(month, own, held, dict(sorted(open_cases.items(), key=lambda case: rank[case[0]]))))
    return tuple(steps)


def _month(month: Month, lines: Sequence[Line], held: Sequence[Pending], cases: dict[str, int]) -> Iterator[Step]:
    """The five stages, in their order, over one month; amounts shrink in place as steps use them up."""
    owed = {line.programme: -line.amount_fen for line in lines if line.amount_fen < 0}
    gained = {line.programme: line.amount_fen for line in lines if line.amount_fen > 0}
    yield from _withdrawals(month, owed, held)
    yield from _pairs(StepKind.NET, month, owed, gained)
    for programme, fen in owed.items():
        if fen:
            yield Step(StepKind.RAISE_CASE, programme, month, fen)
    # After netting either recoveries or positive lines are left, never both: no case opened above is reduced here.
    yield from _pairs(StepKind.REDUCE_CASE, month, cases, gained)
    for programme, fen in gained.items():
        if fen:
            yield Step(StepKind.INSTRUCT, programme, month, fen)


def _withdrawals(month: Month, owed: dict[str, int], held: Sequence[Pending]) -> Iterator[Step]:
    """A recovery takes back what its own programme and month has not paid out yet, oldest cycle first."""
    for one in held:
        fen = min(owed.get(one.programme, 0), one.amount_fen)
        if fen > 0:
            owed[one.programme] -= fen
            yield Step(StepKind.WITHDRAW, one.programme, month, fen, cycle=one.cycle, state=one.state, file=one.file)


def _pairs(kind: StepKind, month: Month, owed: dict[str, int], gained: dict[str, int]) -> Iterator[Step]:
    """Sets what is owed against what is gained, both in the county's order."""
    for programme, payer in product(tuple(owed), tuple(gained)):
        fen = min(owed[programme], gained[payer])
        if fen > 0:
            owed[programme] -= fen
            gained[payer] -= fen
            yield Step(kind, programme, month, fen, other=payer)


def by_file(
    steps: Sequence[Step], cases: Mapping[CaseKey, int], shares: Mapping[CaseKey, Mapping[str, int]]
) -> tuple[Step, ...]:
    """The steps with what reduces a case split over the files that owe it: the person's own first, then by id.

    `cases` are in fen over all files, `shares` the part of each merged file; the rest is the person's own.
    """
    left = {
        key: {"": cases[key] - sum(files.values()), **{file: files[file] for file in sorted(files)}}
        for key, files in shares.items()
    }
    split: list[Step] = []
    for step in steps:
        owing = left.get((step.programme, step.benefit_month))
        if step.kind is not StepKind.REDUCE_CASE or owing is None:
            split.append(step)
            continue
        rest = step.amount_fen
        for file, fen in owing.items():
            if part := min(rest, fen):
                owing[file] -= part
                rest -= part
                split.append(replace(step, amount_fen=part, file=file))
    return tuple(split)


def undo(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps that cancelling a cycle takes: the inverses, last first. What was withdrawn waits again."""
    return tuple(replace(step, amount_fen=-step.amount_fen) for step in reversed(steps))


_REDUCING = frozenset({StepKind.REDUCE_CASE, StepKind.OFFSET_CASE})


@dataclass(frozen=True, slots=True)
class Effects:
    """What steps change, in fen: earlier money by (cycle, programme, month), open cases, what is to be sent."""

    pending: Mapping[tuple[str, str, Month], int]
    cases: Mapping[CaseKey, int]
    to_instruct: Mapping[CaseKey, int]
    file_cases: Mapping[tuple[str, str, Month], int]
    """Cases of merged files by (file, programme, month)."""


def effects(steps: Iterable[Step]) -> Effects:
    """The sum of steps and their inverses; a cycle computed and cancelled leaves only zeros, which are not listed."""
    pending: defaultdict[tuple[str, str, Month], int] = defaultdict(int)
    cases: defaultdict[CaseKey, int] = defaultdict(int)
    to_instruct: defaultdict[CaseKey, int] = defaultdict(int)
    file_cases: defaultdict[tuple[str, str, Month], int] = defaultdict(int)
    for step in steps:
        key = (step.programme, step.benefit_month)
        if step.kind is StepKind.WITHDRAW:
            pending[step.cycle, step.programme, step.benefit_month] -= step.amount_fen
        elif step.kind is StepKind.RAISE_CASE:
            cases[key] += step.amount_fen
        elif step.kind in _REDUCING and step.file:
            file_cases[step.file, *key] -= step.amount_fen
        elif step.kind in _REDUCING:
            cases[key] -= step.amount_fen
        elif step.kind is StepKind.INSTRUCT:
            to_instruct[key] += step.amount_fen
    return Effects(
        pending={place: fen for place, fen in pending.items() if fen},
        cases={place: fen for place, fen in cases.items() if fen},
        to_instruct={place: fen for place, fen in to_instruct.items() if fen},
        file_cases={place: fen for place, fen in file_cases.items() if fen},
    )
