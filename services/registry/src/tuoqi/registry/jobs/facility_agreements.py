"""Agreements of facilities 协议 and models of medical care 医养结合, each with its validity."""

from __future__ import annotations

from dataclasses import replace

from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.registry.domain.facility import Agreement
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.store.facilities import load_agreements, load_facilities, save_agreement


class FacilityAgreements:
    """Keeps agreements; nothing of them is told, because nobody else acts on them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def record(self, tx: Tx, *, actor: Actor, row: Agreement) -> Agreement:
        """Keep an agreement; one of the same kind, partner and first day takes this last day.

        Raises registry.agreement_kind_unknown, agreement_ends_early, facility_unknown and agreement_unchanged.
        """
        act = await self._desk.begin(tx, actor)
        kinds = self._desk.policy.facility_rules.agreements
        if row.kind not in kinds:
            allowed = "、".join(f"{one.name}[{key}]" for key, one in kinds.items())
            raise TuoqiError("registry.agreement_kind_unknown", kind=row.kind, allowed=allowed)
        if row.valid_to is not None and row.valid_to < row.valid_from:
            raise TuoqiError("registry.agreement_ends_early")
        facility = (await load_facilities(tx, [row.facility], act.ring)).get(row.facility)
        if facility is None or not actor.may_act_in(facility.region):
            raise TuoqiError("registry.facility_unknown", code=row.facility)
        known = (await load_agreements(tx, [row.facility])).get(row.facility, [])
        same = next((one for one in known if _key(one) == _key(row)), None)
        cause = f"RecordAgreement|{row.facility}|{'|'.join(_key(row))}|{actor.user}"
        after = replace(row, agreement_id=same.agreement_id if same else act.new_id(cause, "agreement"))
        if after == same:
            raise TuoqiError("registry.agreement_unchanged")
        await save_agreement(tx, after, act.at)
        return after


def _key(one: Agreement) -> tuple[str, str, str]:
    return one.kind, one.partner, one.valid_from.isoformat()
