"""What moves a batch of another system, and what that system is told of it: one function for each act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tuoqi.contracts.payments.v1 import cycle_pb2
from tuoqi.contracts.payments.v1 import disbursement_pb2 as pb
from tuoqi.kit.context import Context
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.handlers import Handler
from tuoqi.payments.domain.grants import Batch

REFS_MAX = 1_000
"""References in one event, at most; the contract's limit."""


@dataclass(frozen=True, slots=True)
class AcceptBatch:
    """A batch was judged; its lines are written in the same transaction."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class ReleaseBatch:
    """The county lets so many lines be paid."""

    by: str
    at: datetime
    lines: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class VoidLines:
    """Lines count no more."""

    line_refs: Sequence[str]


@dataclass(frozen=True, slots=True)
class Move:
    """Lines of a batch that came into a state; the cycle is empty where none holds them."""

    state: str
    cycle_id: str
    cycle_name: str
    line_refs: Sequence[str]


@dataclass(frozen=True, slots=True)
class TellMoves:
    """What happened to a batch's lines since it was told last."""

    moves: Sequence[Move]


def on_accept(batch: Batch | None, command: AcceptBatch, ctx: Context) -> Batch:
    """A batch begins as SUBMITTED."""
    if batch is not None:
        raise TuoqiError("state.conflict")
    made = command.batch
    ctx.emit(
        pb.BatchAccepted(
            batch_id=made.batch_id,
            client=made.client,
            accepted=made.accepted,
            duplicates=made.duplicates,
            rejected=made.rejected,
            amount_fen=made.amount_fen,
        )
    )
    return made


def on_release(batch: Batch | None, command: ReleaseBatch, ctx: Context) -> Batch:
    """Its lines are grants from now on."""
    released = _known(batch).release(by=command.by, at=command.at)
    ctx.emit(pb.BatchReleased(batch_id=released.batch_id, lines=command.lines, amount_fen=command.amount_fen))
    return released


def on_void(batch: Batch | None, command: VoidLines, ctx: Context) -> Batch:
    """Lines are taken back."""
    voided = _known(batch).void(len(command.line_refs))
    for refs in _runs(command.line_refs):
        ctx.emit(pb.DisbursementsVoided(batch_id=voided.batch_id, line_refs=refs))
    return voided


def on_moves(batch: Batch | None, command: TellMoves, ctx: Context) -> Batch:
    """Nothing changes but what the submitter knows."""
    batch = _known(batch)
    for move in command.moves:
        cycle = cycle_pb2.CycleRef(cycle_id=move.cycle_id, name=move.cycle_name) if move.cycle_id else None
        for refs in _runs(move.line_refs):
            if move.state == "SETTLED":
                ctx.emit(pb.DisbursementsSettled(batch_id=batch.batch_id, cycle=cycle, line_refs=refs))
            elif move.state == "RETURNED":
                ctx.emit(pb.DisbursementsReturned(batch_id=batch.batch_id, cycle=cycle, line_refs=refs))
            else:
                ctx.emit(pb.DisbursementsMoved(batch_id=batch.batch_id, state=move.state, cycle=cycle, line_refs=refs))
    return batch


def _runs(refs: Sequence[str]) -> list[Sequence[str]]:
    return [refs[first : first + REFS_MAX] for first in range(0, len(refs), REFS_MAX)]


def _known(batch: Batch | None) -> Batch:
    if batch is None:
        raise TuoqiError("state.not_found", what="提交批次")
    return batch


BATCH_ACTS: dict[type, Handler] = {
    AcceptBatch: on_accept,
    ReleaseBatch: on_release,
    VoidLines: on_void,
    TellMoves: on_moves,
}
"""Command → what it does to a batch."""
