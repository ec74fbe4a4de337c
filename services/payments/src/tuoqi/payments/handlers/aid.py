"""What moves one person's aid: one function for each act. The walls are asked before by `domain.aid`, under the lock."""

from __future__ import annotations

from dataclasses import dataclass

from tuoqi.contracts.payments.v1 import aid_pb2 as pb
from tuoqi.kit.context import Context
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.handlers import Handler
from tuoqi.payments.domain.aid import PAID, AidFile, AidState, Application, Goods


@dataclass(frozen=True, slots=True)
class Apply:
    """An application that passed the walls."""

    application: Application


@dataclass(frozen=True, slots=True)
class Settle:
    """An application as a decision, papers or nothing else left it: others hear of it where it ended."""

    application: Application


@dataclass(frozen=True, slots=True)
class TakeBack:
    """An application that counts no more."""

    application: Application


@dataclass(frozen=True, slots=True)
class GiveGoods:
    """An entry of the goods ledger."""

    goods: Goods


def on_apply(file: AidFile | None, command: Apply, _ctx: Context) -> AidFile:
    """Recorded; nothing that others need to know before it is decided."""
    given = command.application
    return (file or AidFile(given.person_id)).put(given)


def on_settle(file: AidFile | None, command: Settle, ctx: Context) -> AidFile:
    """Decided, by the first of two or in the end; or the papers have come."""
    file, after = _known(file), command.application
    before = file.application(after.application_id)
    ended = after.state in PAID or after.state is AidState.REFUSED
    if ended and before.state not in PAID:
        granted = after.state in PAID
        ctx.emit(
            pb.AidDecided(
                application_id=after.application_id,
                person_id=after.person_id,
                programme=after.programme,
                granted=granted,
                level=after.level,
                amount_fen=after.granted_fen if granted else 0,
                benefit_month=after.benefit_month,
                papers_due_on=after.papers_due_on.isoformat() if after.papers_due_on else "",
                rule_version=after.rule_version,
            )
        )
    return file.put(after)


def on_take_back(file: AidFile | None, command: TakeBack, ctx: Context) -> AidFile:
    """Whether anything had been granted is what the state before says."""
    file, after = _known(file), command.application
    was_paid = file.application(after.application_id).state in PAID
    ctx.emit(
        pb.AidVoided(
            application_id=after.application_id,
            person_id=after.person_id,
            programme=after.programme,
            amount_fen=after.granted_fen if was_paid else 0,
        )
    )
    return file.put(after)


def on_give_goods(file: AidFile | None, command: GiveGoods, ctx: Context) -> AidFile:
    """One entry more; no bank money moves."""
    goods = command.goods
    file = file or AidFile(goods.person_id)
    ctx.emit(
        pb.GoodsIssued(
            issue_id=goods.issue_id,
            person_id=goods.person_id,
            occasion=goods.occasion,
            item=goods.item,
            quantity=goods.quantity,
            value_fen=goods.value_fen,
            issued_on=goods.issued_on.isoformat(),
            corrects=goods.corrects,
        )
    )
    return AidFile(file.person_id, file.version, file.applications, (*file.goods, goods))


def _known(file: AidFile | None) -> AidFile:
    if file is None:
        raise TuoqiError("payments.aid_unknown")
    return file


AID_ACTS: dict[type, Handler] = {
    Apply: on_apply,
    Settle: on_settle,
    TakeBack: on_take_back,
    GiveGoods: on_give_goods,
}
"""Command → what it does to a person's aid."""
