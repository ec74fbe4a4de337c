"""What departments answer about referrals; every word of theirs is sealed for the person it is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.handlers import Handler
from tuoqi.kit.rights import Actor
from tuoqi.visits.domain.findings import FindingRules
from tuoqi.visits.domain.referrals import Referral
from tuoqi.visits.domain.terms import DayTerm
from tuoqi.visits.handlers import referrals as acts
from tuoqi.visits.store import referrals as store
from tuoqi.visits.store.private import PrivateWords

PURPOSE: Final = "referrals.words"


@dataclass(frozen=True, slots=True)
class ReferralDesk:
    """Takes acts on referrals within the actor's regions."""

    database: Database
    commander: Commander
    clock: BusinessClock
    rules: FindingRules
    words: PrivateWords

    async def accept(self, actor: Actor, referral_id: str) -> Any:
        """The department takes it on."""
        return await self._act(actor, referral_id, "accept", "", acts.on_accept, lambda _sealed: None)

    async def settle(self, actor: Actor, referral_id: str, outcome: str) -> Any:
        """It is done."""
        return await self._act(actor, referral_id, "settle", outcome, acts.on_settle, acts.Settle)

    async def decline(self, actor: Actor, referral_id: str, reason: str) -> Any:
        """It goes back."""
        return await self._act(actor, referral_id, "decline", reason, acts.on_decline, acts.Decline)

    async def redirect(self, actor: Actor, referral_id: str, department: str, working_days: int, reason: str) -> Any:
        """It goes to a department with a new term. Raises visits.department_unknown."""
        names = self.rules.departments()
        if department not in names:
            raise TuoqiError("visits.department_unknown", department=department, allowed="、".join(names))
        due_at = DayTerm(working_days, working=True).end(self.clock.now(), self.rules.calendar)
        return await self._act(
            actor,
            referral_id,
            "redirect",
            reason,
            acts.on_redirect,
            lambda sealed: acts.Redirect(department, due_at, sealed),
        )

    async def _act(self, actor: Actor, referral_id: str, act: str, text: str, handler: Handler, command: Any) -> Any:
        """One act; the row afterwards with the region. Raises visits.referral_unknown, visits.referral_state."""
        now = self.clock.now()

        async def body(tx: Tx) -> Any:
            row = await self._known(tx, actor, referral_id)
            sealed = self._said(row, now, actor, act, text) if text.strip() else row.sealed
            cause = f"{act}|{referral_id}|{row.version}|{actor.user}"
            call = Call(referral_id, handler, command(sealed), cause, now, actor.user)
            await self.commander.within(tx, Referral, [call])
            return await store.find_referral(tx, referral_id)

        return await self.commander.transaction(body)

    async def show(self, actor: Actor, referral_id: str) -> tuple[Any, list[list[str]]]:
        """The row, and what was said: moment, user, act, text."""
        async with self.database.begin() as tx:
            row = await self._known(tx, actor, referral_id)
        return row, self.words.open(row.person_id, row.sealed) or []

    async def _known(self, tx: Tx, actor: Actor, referral_id: str) -> Any:
        row = await store.find_referral(tx, referral_id)
        # Somebody else's is not even known to be there.
        if row is None or not actor.may_act_in(row.region):
            raise TuoqiError("visits.referral_unknown")
        return row

    def _said(self, row: Any, at: datetime, actor: Actor, act: str, text: str) -> bytes:
        before = self.words.open(row.person_id, row.sealed) or []
        return self.words.seal(row.person_id, [*before, [at.isoformat(), actor.user, act, text.strip()]])
