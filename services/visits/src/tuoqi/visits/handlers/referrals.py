"""What becomes of a referral, one function per act; the words of people come sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tuoqi.contracts.visits.v1 import referral_pb2 as pb
from tuoqi.kit.context import Context
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.stamps import stamp_of
from tuoqi.visits.domain.referrals import ACCEPTABLE, DECLINABLE, Referral, ReferralState


@dataclass(frozen=True, slots=True)
class Found:
    """A finding asks for a referral: a new one, or it joins the one in hand."""

    referral: Referral
    """As it would be opened."""
    finding_id: str
    found_at: datetime


@dataclass(frozen=True, slots=True)
class Dropped:
    """Records were corrected and tell these findings no longer."""

    finding_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decline:
    """A department sends it back."""

    sealed: bytes


@dataclass(frozen=True, slots=True)
class Redirect:
    """It is sent to a department."""

    department: str
    due_at: datetime
    sealed: bytes | None


@dataclass(frozen=True, slots=True)
class Settle:
    """A department says what was done."""

    sealed: bytes


def on_found(referral: Referral | None, command: Found, ctx: Context) -> Referral:
    """The first finding opens it, a further one joins."""
    if referral is not None:
        joined = pb.ReferralJoined(
            referral_id=referral.referral_id, person_id=referral.person_id, finding_id=command.finding_id
        )
        ctx.emit(joined)
        return referral.join(command.finding_id, command.found_at)
    new = command.referral
    ctx.emit(
        pb.ReferralOpened(
            referral_id=new.referral_id,
            person_id=new.person_id,
            finding_id=command.finding_id,
            code=new.code,
            reason=new.reason,
            department=new.department,
            due_at=stamp_of(new.due_at),
        )
    )
    return new


def on_dropped(referral: Referral | None, command: Dropped, ctx: Context) -> Referral:
    """What no record tells any more is at its end; what another one still tells goes on."""
    left = _known(referral).without(command.finding_ids)
    if left.is_settled or left.sources:
        return left
    left = left.settle(ReferralState.CORRECTED, ctx.at, ctx.actor, left.sealed)
    _tell_settled(left, ctx)
    return left


def on_accept(referral: Referral | None, _command: None, ctx: Context) -> Referral:
    """The department takes it on; twice is once."""
    known = _known(referral)
    if known.state == ReferralState.ACCEPTED:
        return known
    return _moved(_in(known, ACCEPTABLE).accept(ctx.at, ctx.actor), ctx)


def on_decline(referral: Referral | None, command: Decline, ctx: Context) -> Referral:
    """It goes back, and its term goes on: nobody is forgotten between two desks."""
    return _moved(_in(_known(referral), DECLINABLE).decline(command.sealed), ctx)


def on_redirect(referral: Referral | None, command: Redirect, ctx: Context) -> Referral:
    """It is somebody else's now, with a term of its own."""
    known = _known(referral)
    if known.is_settled:
        raise TuoqiError("visits.referral_state", state=known.state)
    return _moved(known.redirect(command.department, command.due_at, command.sealed), ctx)


def on_settle(referral: Referral | None, command: Settle, ctx: Context) -> Referral:
    """The department has done it."""
    done = _in(_known(referral), DECLINABLE).settle(ReferralState.DONE, ctx.at, ctx.actor, command.sealed)
    _tell_settled(done, ctx)
    return done


def on_term_over(referral: Referral | None, due_at: datetime, ctx: Context) -> Referral:
    """The end of a term is told once, at its own moment, however late the clock runs."""
    known = _known(referral)
    if known.is_settled or known.overdue_told or known.due_at != due_at:
        return known
    overdue = pb.ReferralOverdue(
        referral_id=known.referral_id,
        person_id=known.person_id,
        department=known.department,
        due_at=stamp_of(known.due_at),
    )
    ctx.emit(overdue, at=known.due_at)
    return known.told()


def _known(referral: Referral | None) -> Referral:
    if referral is None:
        raise TuoqiError("visits.referral_unknown")
    return referral


def _in(referral: Referral, states: frozenset[ReferralState]) -> Referral:
    if referral.state not in states:
        raise TuoqiError("visits.referral_state", state=referral.state)
    return referral


def _moved(referral: Referral, ctx: Context) -> Referral:
    ctx.emit(
        pb.ReferralMoved(
            referral_id=referral.referral_id,
            person_id=referral.person_id,
            state=referral.state.value,
            department=referral.department,
            due_at=stamp_of(referral.due_at),
        )
    )
    return referral


def _tell_settled(referral: Referral, ctx: Context) -> None:
    ctx.emit(
        pb.ReferralSettled(
            referral_id=referral.referral_id,
            person_id=referral.person_id,
            state=referral.state.value,
            department=referral.department,
            in_time=ctx.at <= referral.due_at,
        )
    )
