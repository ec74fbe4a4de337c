"""What happens to single instructions after a cycle is INSTRUCTED: contrary answers, stops, re-issues on demand.

They are told by the cycle that the instruction belongs to, in whatever state it is by then: an answer of the bank that
comes after CLOSED is still an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tuoqi.contracts.payments.v1 import cycle_pb2 as pb
from tuoqi.kit.context import Context
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.handlers import Handler
from tuoqi.payments.domain.cycle import Act, Cycle, State
from tuoqi.payments.handlers.cycle import ref


@dataclass(frozen=True, slots=True)
class Dispute:
    """The bank's answer contradicts its earlier one; `overpaid_fen` is what it changes in what people have too much."""

    instruction_id: str
    amount_fen: int
    was: str
    now: str
    settled_on: date | None
    person_ids: Sequence[str]
    overpaid_fen: int


@dataclass(frozen=True, slots=True)
class Stop:
    """An instruction was taken back before the bank had it, because `paid_by` was paid after all."""

    instruction_id: str
    amount_fen: int
    paid_by: str


@dataclass(frozen=True, slots=True)
class Reissue:
    """Returned money of a cycle that is being settled goes out again before the next cycle."""

    instruction_id: str
    reissue_of: str
    amount_fen: int


def on_dispute(cycle: Cycle | None, command: Dispute, ctx: Context) -> Cycle:
    """The answer itself, as any answer is told, and the alarm."""
    cycle = _paying_out(cycle, command.instruction_id)
    if command.now == "SUCCESS" and command.settled_on is not None:
        ctx.emit(
            pb.InstructionSettled(
                cycle=ref(cycle),
                instruction_id=command.instruction_id,
                amount_fen=command.amount_fen,
                settled_on=command.settled_on.isoformat(),
            )
        )
    else:
        ctx.emit(
            pb.InstructionReturned(
                cycle=ref(cycle),
                instruction_id=command.instruction_id,
                amount_fen=command.amount_fen,
                person_ids=command.person_ids,
            )
        )
    ctx.emit(
        pb.InstructionDisputed(
            cycle=ref(cycle),
            instruction_id=command.instruction_id,
            amount_fen=command.amount_fen,
            was=command.was,
            now=command.now,
            person_ids=command.person_ids,
            overpaid_fen=command.overpaid_fen,
        )
    )
    return cycle.noting(Act("dispute_instruction", ctx.actor, ctx.at))


def on_stop(cycle: Cycle | None, command: Stop, ctx: Context) -> Cycle:
    """Nothing of it reaches the bank."""
    cycle = _paying_out(cycle, command.instruction_id)
    ctx.emit(
        pb.InstructionWithdrawn(
            cycle=ref(cycle),
            instruction_id=command.instruction_id,
            amount_fen=command.amount_fen,
            paid_by=command.paid_by,
        )
    )
    return cycle.noting(Act("withdraw_instruction", ctx.actor, ctx.at))


def on_reissue(cycle: Cycle | None, command: Reissue, ctx: Context) -> Cycle:
    """Out again, under a new id that names the old one."""
    cycle = _paying_out(cycle, command.instruction_id)
    if cycle.state is State.CLOSED:
        raise TuoqiError("payments.reissue_not_settling", cycle=cycle.name, state=cycle.state)
    ctx.emit(
        pb.InstructionReissued(
            cycle=ref(cycle),
            instruction_id=command.instruction_id,
            reissue_of=command.reissue_of,
            amount_fen=command.amount_fen,
        )
    )
    return cycle.noting(Act("reissue_instruction", ctx.actor, ctx.at))


def _paying_out(cycle: Cycle | None, instruction_id: str) -> Cycle:
    """Instructions exist only from INSTRUCTED on, and such a cycle is never cancelled."""
    if cycle is None:
        raise TuoqiError("state.not_found", what=f"指令 {instruction_id} 的周期")
    return cycle


BANK_ACTS: dict[type, Handler] = {Dispute: on_dispute, Stop: on_stop, Reissue: on_reissue}
"""Command → what it does to the instruction's cycle."""
