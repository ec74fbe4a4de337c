"""What moves a cycle: one function per act, the state before in, the state after and what others should know out.

Whether an act is allowed is decided by `domain.cycle`; who acts and on which day comes with the command.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import wraps
from typing import Any

from tuoqi.contracts.payments.v1 import cycle_pb2 as pb
from tuoqi.kit.context import Context
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.handlers import Handler
from tuoqi.kit.stamps import stamp_of
from tuoqi.payments.domain.cycle import Act, Cycle
from tuoqi.payments.domain.posting import CANCEL, Objection


@dataclass(frozen=True, slots=True)
class Open:
    """Open a cycle that `domain.cycle.open_cycle` has made."""

    cycle: Cycle


@dataclass(frozen=True, slots=True)
class DecideLines:
    """Lines of a cycle that is being computed, as events of up to 1,000 of them."""

    runs: Sequence[pb.PaymentLinesDecided]


@dataclass(frozen=True, slots=True)
class Compute:
    """The lines are written: what they come to."""

    positive_fen: int
    cycles: Sequence[Cycle]
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
class RaiseObjection:
    """An objection 异议 to the posting is recorded."""

    objection: Objection


@dataclass(frozen=True, slots=True)
class DecideObjection:
    """An objection is upheld or dismissed; it carries the decision already."""

    objection: Objection


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
    opened = command.cycle
    ctx.emit(pb.CycleOpened(cycle=ref(opened), cutoff=stamp_of(opened.cut_off), programmes=opened.scope))
    return opened


def on_decide_lines(cycle: Cycle | None, command: DecideLines, ctx: Context) -> Cycle:
    """Others hear of lines by the thousand, in the transaction that computes the cycle."""
    for run in command.runs:
        ctx.emit(run)
    return _known(cycle)


def on_compute(cycle: Cycle | None, command: Compute, ctx: Context) -> Cycle:
    """Its lines count as paid from now on; others have heard of them and now hear of the totals."""
    cycle = _known(cycle)
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


def on_raise_objection(cycle: Cycle | None, command: RaiseObjection, ctx: Context) -> Cycle:
    """The posting is objected to: approval waits."""
    cycle, one = _known(cycle).object(), command.objection
    ctx.emit(
        pb.ObjectionRaised(
            cycle=ref(cycle),
            objection_id=one.objection_id,
            person_id=one.person_id,
            programme=one.programme,
            category=one.category,
        )
    )
    return cycle


def on_decide_objection(cycle: Cycle | None, command: DecideObjection, ctx: Context) -> Cycle:
    """The objection keeps nothing from approval any more, unless it asks for the cycle's cancellation."""
    one = command.objection
    cycle = _known(cycle).decide_objection(must_cancel=one.follow_up == CANCEL)
    ctx.emit(
        pb.ObjectionDecided(
            cycle=ref(cycle),
            objection_id=one.objection_id,
            person_id=one.person_id,
            programme=one.programme,
            outcome=one.outcome,
            reason=one.reason,
            follow_up=one.follow_up,
        )
    )
    return cycle


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


def _remembered(name: str, handler: Handler) -> Handler:
    """The handler, with who did what when in the cycle's history."""

    @wraps(handler)
    def handle(before: Cycle | None, command: Any, ctx: Context) -> Cycle:
        after: Cycle = handler(before, command, ctx)
        return after.noting(Act(name, ctx.actor, ctx.at))

    return handle


_ACTS: dict[type, tuple[str, Handler]] = {
    Open: ("open", on_open),
    Compute: ("compute", on_compute),
    Review: ("review", on_review),
    Post: ("post", on_post),
    RaiseObjection: ("raise_objection", on_raise_objection),
    DecideObjection: ("decide_objection", on_decide_objection),
    Approve: ("approve", on_approve),
    Instruct: ("instruct", on_instruct),
    Settle: ("settle", on_settle),
    SettleInstruction: ("settle_instruction", on_instruction_settled),
    ReturnInstruction: ("return_instruction", on_instruction_returned),
    Close: ("close", on_close),
    Cancel: ("cancel", on_cancel),
}

ACTS: dict[type, Handler] = {
    **{command: _remembered(*act) for command, act in _ACTS.items()},
    DecideLines: on_decide_lines,
}
"""Command → what it does to a cycle."""
