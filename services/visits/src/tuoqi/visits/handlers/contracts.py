"""What becomes of a care contract 照料协议; the words of people come sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tuoqi.contracts.visits.v1 import contract_pb2 as pb
from tuoqi.kit.context import Context
from tuoqi.kit.errors import TuoqiError
from tuoqi.visits.domain.contracts import CareContract, EndedAs


@dataclass(frozen=True, slots=True)
class End:
    """A contract holds no longer from a day on."""

    ended_as: EndedAs
    ended_on: date
    sealed: bytes | None


def on_sign(contract: CareContract | None, signed: CareContract, ctx: Context) -> CareContract:
    """A contract is kept; the same again is the one that is there."""
    if contract is not None:
        return contract
    ctx.emit(
        pb.CareContractSigned(
            contract_id=signed.contract_id,
            person_id=signed.person_id,
            kind=signed.kind,
            care_level=signed.care_level,
            facility=signed.facility,
            worker_ids=signed.team,
            relative_id=signed.relative_id,
            begins_on=signed.begins_on.isoformat(),
            ends_on=signed.ends_on.isoformat(),
        )
    )
    return signed


def on_end(contract: CareContract | None, command: End, ctx: Context) -> CareContract:
    """It ends once, whoever finds it first."""
    if contract is None:
        raise TuoqiError("visits.contract_unknown")
    if contract.ended_as is not None:
        if command.ended_as is EndedAs.BY_HAND:
            raise TuoqiError("visits.contract_ended", on=contract.ended_on)
        return contract
    ended = contract.end(command.ended_as, command.ended_on, ctx.at, ctx.actor, command.sealed)
    ctx.emit(
        pb.CareContractEnded(
            contract_id=ended.contract_id,
            person_id=ended.person_id,
            ended_as=command.ended_as.value,
            ended_on=command.ended_on.isoformat(),
        )
    )
    return ended
