"""What moves a cycle: one function per act, the state before in, the state after and what others should know out.

Whether an act is allowed is decided by `domain.cycle`; who acts and on which day comes with the command.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from tuoqi.contracts.payments.v1 import cycle_pb2 as pb
from tuoqi.kit.context import Context
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.handlers import Handler
from tuoqi.kit.stamps import stamp_of
from tuoqi.payments.domain.cycle import Cycle


@dataclass(frozen=True, slots=True)
class Open:
    """Open a cycle that `domain.cycle.open_cycle` has made."""

    cycle: Cycle


@dataclass(frozen=True, slots=True)
class Compute:
    """The lines are written: what they come to, and themselves as events of up to 1,000."""

    positive_fen: int
    cycles: Sequence[Cycle]
    runs: Sequence[pb.PaymentLinesDecided]
    totals: Sequence[pb.ProgrammeTotal]
    policy_version: str


@dataclass(frozen=True, slots=True)
class Review:
    """County civil affairs 民政 found it right."""

    by: str


@dataclass(frozen=True, slots=True)
class Post:
    """The posting 公示 begins."""

    on: date


@dataclass(frozen=True, slots=True)
class Approve:
    """One approval of finance 财政; `cut_short` ends a posting that is not over."""

    by: str
    on: date
    cut_short: bool


@dataclass(frozen=True, slots=True)
class Instruct:
    """The instructions are written: how many, their sum, and what waits instead."""

    on: date
    instructions: int
    amount_fen: int
    waiting_fen: int


@dataclass(frozen=True, slots=True)
class Settle:
    """The bank's results are awaited."""


@dataclass(frozen=True, slots=True)
class SettleInstruction:
    """The bank credited an instruction."""

    instruction_id: str
    amount_fen: int
    settled_on: date


@dataclass(frozen=True, slots=True)
class ReturnInstruction:
    """The bank sent an instruction back 退票."""

    instruction_id: str
    amount_fen: int
    person_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class Close:
    """End a cycle; `without_result` counts its instructions that have none."""

    without_result: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel a cycle, with a reason."""

    because: str


def on_open(cycle: Cycle | None, command: Open, ctx: Context) -> Cycle:
    """A cycle begins as DRAFT."""
    if cycle is not None:
        raise TuoqiError("state.conflict")
    ctx.emit(pb.CycleOpened(cycle=ref(command.cycle), cutoff=stamp_of(command.cycle.cut_off)))
    return command.cycle


def on_compute(cycle: Cycle | None, command: Compute, ctx: Context) -> Cycle:
    """Its lines count as paid from now on; others hear of them by the thousand, and then of the totals."""
    cycle = _known(cycle)
    for run in command.runs:
        ctx.emit(run)
    ctx.emit(pb.CycleComputed(cycle=ref(cycle), totals=command.totals))
    computed = cycle.compute(positive_fen=command.positive_fen, cycles=command.cycles)
    return replace(computed, policy_version=command.policy_version)


def on_review(cycle: Cycle | None, command: Review, ctx: Context) -> Cycle:
    """Reviewed by county civil affairs."""
    reviewed = _known(cycle).review(by=command.by)
    ctx.emit(pb.CycleReviewed(cycle=ref(reviewed)))
    return reviewed


def on_post(cycle: Cycle | None, command: Post, ctx: Context) -> Cycle:
    """The posting begins and has an end."""
    posted = _known(cycle).post(on=command.on)
    ctx.emit(pb.CyclePosted(cycle=ref(posted), until=f"{posted.posted_until}"))
    return posted


def on_approve(cycle: Cycle | None, command: Approve, ctx: Context) -> Cycle:
    """Others hear of the approval that was the last one needed."""
    cycle = _known(cycle)
    until = cycle.posted_until
    if command.cut_short and until is not None and command.on < until and not cycle.posting_cut_because:
        cycle = cycle.cut_posting(because=f"{command.by} 于 {command.on} 提前结束公示（原定至 {until}）")
    approved = cycle.approve(by=command.by, on=command.on)
    if approved.state is not cycle.state:
        ctx.emit(pb.CycleApproved(cycle=ref(approved)))
    return approved


def on_instruct(cycle: Cycle | None, command: Instruct, ctx: Context) -> Cycle:
    """The money is on its way."""
    instructed = _known(cycle).instruct(on=command.on)
    ctx.emit(
        pb.CycleInstructed(
            cycle=ref(instructed),
            instructions=command.instructions,
            amount_fen=command.amount_fen,
            waiting_fen=command.waiting_fen,
        )
    )
    return instructed


def on_settle(cycle: Cycle | None, _command: Settle, _ctx: Context) -> Cycle:
    """Opened for results; nothing that others need to know."""
    return _known(cycle).settle()


def on_instruction_settled(cycle: Cycle | None, command: SettleInstruction, ctx: Context) -> Cycle:
    """The bank credited an instruction; the first result moves the cycle to SETTLING."""
    settling = _known(cycle).settle()
    ctx.emit(
        pb.InstructionSettled(
            cycle=ref(settling),
            instruction_id=command.instruction_id,
            amount_fen=command.amount_fen,
            settled_on=command.settled_on.isoformat(),
        )
    )
    return settling


def on_instruction_returned(cycle: Cycle | None, command: ReturnInstruction, ctx: Context) -> Cycle:
    """The bank sent an instruction back; the lines stand."""
    settling = _known(cycle).settle()
    ctx.emit(
        pb.InstructionReturned(
            cycle=ref(settling),
            instruction_id=command.instruction_id,
            amount_fen=command.amount_fen,
            person_ids=command.person_ids,
        )
    )
    return settling


def on_close(cycle: Cycle | None, command: Close, ctx: Context) -> Cycle:
    """Every instruction has a result."""
    closed = _known(cycle).close(without_result=command.without_result)
    ctx.emit(pb.CycleClosed(cycle=ref(closed)))
    return closed


def on_cancel(cycle: Cycle | None, command: Cancel, ctx: Context) -> Cycle:
    """The cycle and its lines count no more."""
    cancelled = _known(cycle).cancel(because=command.because)
    ctx.emit(pb.CycleCancelled(cycle=ref(cancelled)))
    return cancelled


def ref(cycle: Cycle) -> pb.CycleRef:
    """How events name a cycle."""
    return pb.CycleRef(cycle_id=cycle.cycle_id, name=cycle.name)


def _known(cycle: Cycle | None) -> Cycle:
    if cycle is None:
        raise TuoqiError("state.not_found", what="周期")
    return cycle


ACTS: dict[type, Handler] = {
    Open: on_open,
    Compute: on_compute,
    Review: on_review,
    Post: on_post,
    Approve: on_approve,
    Instruct: on_instruct,
    Settle: on_settle,
    SettleInstruction: on_instruction_settled,
    ReturnInstruction: on_instruction_returned,
    Close: on_close,
    Cancel: on_cancel,
}
"""Command → what it does to a cycle."""
