"""What becomes of a pairing 结对; the words of people come sealed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from tuoqi.contracts.visits.v1 import pairing_pb2 as pb
from tuoqi.kit.context import Context
from tuoqi.kit.errors import TuoqiError
from tuoqi.visits.domain.pairings import EndedAs, Pairing


@dataclass(frozen=True, slots=True)
class EndPairing:
    """It holds no longer from a day on."""

    reason: EndedAs
    ended_on: date
    sealed: bytes | None = None
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Contact:
    """The helper was in touch with the child."""

    day: date
    channel: str


def on_begin(pairing: Pairing | None, begun: Pairing, ctx: Context) -> Pairing:
    """A pairing begins; the same again is the one that is there."""
    if pairing is not None:
        return pairing
    ctx.emit(
        pb.PairingBegun(
            pairing_id=begun.pairing_id,
            kind=begun.kind,
            person_id=begun.person_id,
            helper_id=begun.helper_id,
            helper_as=begun.helper_as,
            region=begun.region,
            began_on=begun.began_on.isoformat(),
        )
    )
    return begun


def on_contact(pairing: Pairing | None, contact: Contact, ctx: Context) -> Pairing:
    """A contact is told of; whoever calls has seen to it that it is new."""
    if pairing is None:
        raise TuoqiError("visits.pairing_unknown")
    ctx.emit(
        pb.PairingContacted(
            pairing_id=pairing.pairing_id,
            kind=pairing.kind,
            person_id=pairing.person_id,
            helper_id=pairing.helper_id,
            day=contact.day.isoformat(),
            channel=contact.channel,
        )
    )
    return pairing


def on_end(pairing: Pairing | None, command: EndPairing, ctx: Context) -> Pairing:
    """It ends once, whoever finds it first."""
    if pairing is None:
        raise TuoqiError("visits.pairing_unknown")
    if pairing.ended_on is not None:
        if command.by_hand:
            raise TuoqiError("visits.pairing_ended", on=pairing.ended_on)
        return pairing
    ctx.emit(
        pb.PairingEnded(
            pairing_id=pairing.pairing_id,
            kind=pairing.kind,
            person_id=pairing.person_id,
            helper_id=pairing.helper_id,
            reason=command.reason.value,
            ended_on=command.ended_on.isoformat(),
        )
    )
    return replace(
        pairing,
        ended_on=command.ended_on,
        end_reason=command.reason.value,
        ended_by=ctx.actor,
        ended_at=ctx.at,
        sealed=command.sealed,
    )
