"""What happens to a recovery file: one function per act, the state before in, the state after and what others hear out.

Whether an act is allowed is decided by `domain.recovery`. Notes, reasons in words and receipt numbers go into the file's
own history only; an event never has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from tuoqi.contracts.payments.v1 import recovery_pb2 as pb
from tuoqi.kit.context import Context
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.domain.recovery import FileAct, Instalment, Item, ItemKey, Proposal, RecoveryError, RecoveryFile
from tuoqi.payments.handlers.recovery_commands import (
    LAPSED,
    WITHDRAWN,
    AgreeOffset,
    AgreePlan,
    ConfirmWriteOff,
    DeliverNotice,
    EndOffset,
    EndPlan,
    EndWriteOff,
    Follow,
    IssueNotice,
    ItemMove,
    ProposeWriteOff,
    Repay,
    ReverseRepayment,
    TellOverdue,
)


def on_follow(file: RecoveryFile | None, command: Follow, ctx: Context) -> RecoveryFile:
    """Opens a file, changes its cases, closes it where nothing is owed, opens it again where something is."""
    before = file or RecoveryFile(ctx.key, command.person_id, command.on)
    known = {item.key: item for item in before.items}
    items = known | {move.key: _moved(known.get(move.key), move, command.on) for move in command.moves}
    raised = any(move.raised_fen > 0 for move in command.moves)
    after = before.anew() if file and raised and not file.is_live else before
    offset = sum(move.offset_fen for move in command.moves)
    reduced = sum(move.reduced_fen for move in command.moves)
    undone = -sum(move.raised_fen for move in command.moves if move.raised_fen < 0)
    after = replace(
        after,
        items=tuple(items[key] for key in sorted(items)),
        offset_fen=after.offset_fen + offset,
        reduced_fen=after.reduced_fen + reduced,
        written_off_fen=after.written_off_fen - sum(move.restored_fen for move in command.moves),
        refunded_fen=after.refunded_fen + sum(move.refunded_fen for move in command.moves),
        plan_paid_fen=max(after.plan_paid_fen + offset + reduced + undone, 0),
    )
    changes = _changes(before.items, after.items, {move.key: move.reason for move in command.moves})
    if file is None:
        _emit(after, ctx, pb.RecoveryOpened(items=changes, owed_fen=after.owed_fen))
    else:
        refund = sum(move.refunded_fen for move in command.moves)
        said = pb.RecoveryChanged(
            cause=command.cause, items=changes, owed_fen=after.owed_fen, offset_fen=offset, refund_fen=refund
        )
        _emit(after, ctx, said)
    if file and raised and not file.is_live:
        after = replace(after, notice=None)
    cycle_id = next((move.cycle_id for move in command.moves if move.cycle_id), "")
    named = "open" if file is None else command.cause.lower()
    after = after.noting(_act(named, ctx, after.owed_fen - before.owed_fen, reference=cycle_id))
    return _after(before, after, command.on, ctx)


def _moved(item: Item | None, move: ItemMove, on: date) -> Item:
    """A case after a move; where it was found again, why and when are those of the last time."""
    found = move.raised_fen > 0 or item is None
    person_id, programme, month = move.key
    base = item or Item(person_id, programme, month, 0, 0, move.reason, move.cycle_id, on)
    return replace(
        base,
        owed_fen=move.owed_fen,
        raised_fen=base.raised_fen + move.raised_fen,
        agreed_fen=max(base.agreed_fen - move.offset_fen, 0),
        reason=move.reason if found and move.reason else base.reason,
        cycle_id=move.cycle_id if found else base.cycle_id,
        opened_on=on if found and not base.owed_fen else base.opened_on,
    )


def on_issue_notice(file: RecoveryFile | None, command: IssueNotice, ctx: Context) -> RecoveryFile:
    """The person is to be told."""
    after = _known(file).issue_notice(on=command.on, days=command.days)
    notice = after.notice
    if notice is None:
        raise TuoqiError("state.conflict")
    said = pb.RecoveryNoticeIssued(
        notice_no=notice.number,
        issued_on=notice.issued_on.isoformat(),
        due_on=notice.due_on.isoformat(),
        amount_fen=notice.amount_fen,
    )
    _emit(after, ctx, said)
    return after.noting(_act("notice", ctx, notice.amount_fen, reference=f"{notice.number}"))


def on_deliver_notice(file: RecoveryFile | None, command: DeliverNotice, ctx: Context) -> RecoveryFile:
    """The term runs from the delivery."""
    after = _known(file).deliver_notice(on=command.on, how=command.how, days=command.days)
    notice = after.notice
    if notice is None:
        raise TuoqiError("state.conflict")
    said = pb.RecoveryNoticeDelivered(
        notice_no=notice.number,
        delivered_on=command.on.isoformat(),
        how=command.how,
        due_on=notice.due_on.isoformat(),
    )
    _emit(after, ctx, said)
    return after.noting(_act("deliver", ctx, code=command.how, reference=f"{notice.number}", note=command.note))


def on_tell_overdue(file: RecoveryFile | None, command: TellOverdue, ctx: Context) -> RecoveryFile:
    """Each missed instalment and each passed term is said once."""
    before = _known(file)
    after, missed = before.judge_instalments(command.today)
    for one in missed:
        missing = one.upto_fen - after.plan_paid_fen
        _emit(after, ctx, pb.RecoveryInstalmentMissed(instalment=_instalment(one), missing_fen=missing))
        after = after.noting(_act("missed", ctx, missing, reference=f"{one.nth}"))
    notice = after.notice
    if notice and not after.overdue_told and notice.due_on < command.today:
        if not after.plan and after.is_overdue(command.today):
            _emit(after, ctx, pb.RecoveryOverdue(due_on=notice.due_on.isoformat(), owed_fen=after.owed_fen))
            after = after.noting(_act("overdue", ctx, after.owed_fen))
        after = replace(after, overdue_told=True)
    return after


def on_repay(file: RecoveryFile | None, command: Repay, ctx: Context) -> RecoveryFile:
    """Its cases owe less."""
    before = _known(file)
    amount = sum(command.parts.values())
    owed = {item.key: item.owed_fen - command.parts.get(item.key, 0) for item in before.items}
    after = replace(
        before.changed(owed), repaid_fen=before.repaid_fen + amount, plan_paid_fen=before.plan_paid_fen + amount
    )
    said = pb.RecoveryRepaid(
        repayment_id=command.repayment_id,
        amount_fen=amount,
        paid_on=command.paid_on.isoformat(),
        payer=command.payer,
        items=_changes(before.items, after.items, {}),
        owed_fen=after.owed_fen,
    )
    _emit(after, ctx, said)
    after = after.noting(_act("repay", ctx, amount, code=command.payer, reference=command.receipt_no))
    return _after(before, after, command.on, ctx)


def on_reverse_repayment(file: RecoveryFile | None, command: ReverseRepayment, ctx: Context) -> RecoveryFile:
    """Its cases owe again what the repayment had reduced."""
    before = _known(file)
    amount = sum(command.parts.values())
    owed = {item.key: item.owed_fen + command.owed_again.get(item.key, 0) for item in before.items}
    after = replace(
        before.changed(owed),
        repaid_fen=before.repaid_fen - amount,
        refunded_fen=before.refunded_fen - (amount - sum(command.owed_again.values())),
        plan_paid_fen=max(before.plan_paid_fen - amount, 0),
    )
    said = pb.RecoveryRepaymentReversed(
        repayment_id=command.repayment_id,
        amount_fen=amount,
        items=_changes(before.items, after.items, {}),
        owed_fen=after.owed_fen,
    )
    _emit(after, ctx, said)
    after = after.noting(_act("reverse", ctx, amount, reference=command.repayment_id, note=command.because))
    return _after(before, after, command.on, ctx)


def on_agree_plan(file: RecoveryFile | None, command: AgreePlan, ctx: Context) -> RecoveryFile:
    """Instalments are agreed; an older plan is replaced."""
    after = _known(file).agree_plan(command.parts, today=command.on, most=command.most)
    _emit(after, ctx, pb.RecoveryPlanAgreed(instalments=[_instalment(one) for one in after.plan]))
    return after.noting(_act("plan", ctx, after.owed_fen, reference=f"{len(after.plan)}"))


def on_end_plan(file: RecoveryFile | None, command: EndPlan, ctx: Context) -> RecoveryFile:
    """The plan ends."""
    before = _known(file)
    before.require_live("终止分期计划")
    after = before.end_plan()
    _emit(after, ctx, pb.RecoveryPlanEnded(reason=command.reason))
    return after.noting(_act("end_plan", ctx, code=command.reason))


def on_agree_offset(file: RecoveryFile | None, command: AgreeOffset, ctx: Context) -> RecoveryFile:
    """Later payments reduce what is owed now."""
    terms = command.terms
    after = _known(file).agree_offset(terms)
    said = pb.RecoveryOffsetAgreed(
        signed_on=terms.signed_on.isoformat(),
        programmes=terms.programmes,
        cap_fen=terms.cap_fen or 0,
        cap_hundredths=terms.cap_hundredths or 0,
    )
    _emit(after, ctx, said)
    return after.noting(_act("agree_offset", ctx, terms.cap_fen or 0, reference=terms.signed_on.isoformat()))


def on_end_offset(file: RecoveryFile | None, command: EndOffset, ctx: Context) -> RecoveryFile:
    """Later payments go out whole."""
    after = _known(file).end_offset()
    _emit(after, ctx, pb.RecoveryOffsetEnded(reason=command.reason))
    return after.noting(_act("end_offset", ctx, code=command.reason))


def on_propose_write_off(file: RecoveryFile | None, command: ProposeWriteOff, ctx: Context) -> RecoveryFile:
    """Another person has to confirm it."""
    before = _known(file)
    proposal = Proposal(command.write_off_id, before.owed_fen, ctx.actor, command.reason)
    after = before.propose_write_off(proposal)
    said = pb.RecoveryWriteOffProposed(
        write_off_id=proposal.write_off_id, amount_fen=proposal.amount_fen, reason=proposal.reason
    )
    _emit(after, ctx, said)
    return after.noting(_act("propose", ctx, proposal.amount_fen, code=proposal.reason, note=command.note))


def on_confirm_write_off(file: RecoveryFile | None, command: ConfirmWriteOff, ctx: Context) -> RecoveryFile:
    """Nothing is owed any more."""
    before = _known(file)
    proposal = before.proposed()
    if proposal.amount_fen != command.amount_fen:
        raise RecoveryError("payments.recovery_amount_changed")
    after = before.confirm_write_off(by=ctx.actor)
    said = pb.RecoveryWriteOffConfirmed(write_off_id=proposal.write_off_id, amount_fen=proposal.amount_fen)
    _emit(after, ctx, said)
    after = after.noting(_act("confirm", ctx, proposal.amount_fen, code=proposal.reason))
    return _after(before, after, command.on, ctx)


def on_end_write_off(file: RecoveryFile | None, command: EndWriteOff, ctx: Context) -> RecoveryFile:
    """Refused by finance, or withdrawn by whoever proposed it."""
    before = _known(file)
    proposal = before.proposed()
    if command.outcome == WITHDRAWN and proposal.by != ctx.actor:
        raise RecoveryError("payments.recovery_not_own_proposal", by=proposal.by)
    after = replace(before, proposal=None)
    said = pb.RecoveryWriteOffEnded(write_off_id=proposal.write_off_id, outcome=command.outcome)
    _emit(after, ctx, said)
    return after.noting(_act(command.outcome.lower(), ctx, proposal.amount_fen, note=command.because))


def _after(before: RecoveryFile, after: RecoveryFile, on: date, ctx: Context) -> RecoveryFile:
    """What follows from a change of amounts: a proposal lapses, a file closes or opens again."""
    if after.proposal and after.owed_fen != after.proposal.amount_fen:
        said = pb.RecoveryWriteOffEnded(write_off_id=after.proposal.write_off_id, outcome=LAPSED)
        _emit(after, ctx, said)
        after = replace(after, proposal=None)
    after = after.settled(on)
    if not after.is_live and after.state is not before.state:
        _emit(after, ctx, pb.RecoveryClosed(state=after.state.value))
    elif after.is_live and not before.is_live:
        _emit(after, ctx, pb.RecoveryReopened(owed_fen=after.owed_fen))
    return after


def _changes(
    before: Sequence[Item], after: Sequence[Item], reasons: Mapping[ItemKey, str]
) -> list[pb.RecoveryItemChange]:
    owed = {item.key: item.owed_fen for item in before}
    return [
        pb.RecoveryItemChange(
            person_id=item.person_id,
            programme=item.programme,
            benefit_month=str(item.month),
            change_fen=item.owed_fen - owed.get(item.key, 0),
            owed_fen=item.owed_fen,
            reason=reasons.get(item.key, ""),
        )
        for item in after
        if item.owed_fen != owed.get(item.key, 0)
    ]


def _instalment(one: Instalment) -> pb.RecoveryInstalment:
    return pb.RecoveryInstalment(nth=one.nth, due_on=one.due_on.isoformat(), amount_fen=one.amount_fen)


def _emit(file: RecoveryFile, ctx: Context, message: Any) -> None:
    """Every event of a file names it, and is keyed by its person."""
    message.recovery.CopyFrom(pb.RecoveryRef(recovery_id=file.recovery_id, person_id=file.person_id))
    ctx.emit(message, key=file.person_id)


def _act(
    name: str, ctx: Context, amount_fen: int = 0, *, code: str = "", reference: str = "", note: str = ""
) -> FileAct:
    return FileAct(name, ctx.actor, ctx.at, amount_fen, code, reference, note)


def _known(file: RecoveryFile | None) -> RecoveryFile:
    if file is None:
        raise TuoqiError("state.not_found", what="追回案卷")
    return file


RECOVERY_ACTS: dict[type, Callable[..., RecoveryFile]] = {
    Follow: on_follow,
    IssueNotice: on_issue_notice,
    DeliverNotice: on_deliver_notice,
    TellOverdue: on_tell_overdue,
    Repay: on_repay,
    ReverseRepayment: on_reverse_repayment,
    AgreePlan: on_agree_plan,
    EndPlan: on_end_plan,
    AgreeOffset: on_agree_offset,
    EndOffset: on_end_offset,
    ProposeWriteOff: on_propose_write_off,
    ConfirmWriteOff: on_confirm_write_off,
    EndWriteOff: on_end_write_off,
}
"""Command → what it does to a recovery file."""
