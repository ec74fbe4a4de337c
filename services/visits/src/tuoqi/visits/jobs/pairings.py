"""Acts on pairings: proposals accepted and refused, pairings ended and replaced, contacts, wishes, conflicts, relatives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID, uuid5

from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.pairings import (
    STEPS,
    WORKER,
    Child,
    EndedAs,
    Helper,
    Pairing,
    PairingKind,
    sex_allowed,
    step_between,
)
from tuoqi.visits.handlers.pairings import Contact, EndPairing, on_begin, on_contact, on_end
from tuoqi.visits.jobs.pairing_runs import PairingRuns
from tuoqi.visits.store import pairing_inputs as inputs
from tuoqi.visits.store import pairing_sets as sets
from tuoqi.visits.store import pairing_wishes as wishes
from tuoqi.visits.store import pairings as store
from tuoqi.visits.store.private import PrivateWords

PURPOSE: Final = "pairings.words"
AT_ONCE: Final = 1_000
"""Pairings that begin in one transaction."""


@dataclass(frozen=True, slots=True)
class PairingDesk:
    """Everything that people do about pairings, within their regions."""

    database: Database
    commander: Commander
    clock: BusinessClock
    runs: PairingRuns
    words: PrivateWords

    async def accept(self, actor: Actor, set_id: str, below: str, person_ids: Collection[str]) -> tuple[int, int]:
        """How many pairings began, and how many proposals no longer fitted. Called again it goes on where it was."""
        now = self.clock.now()
        begun = stale = 0
        while True:

            async def body(tx: Tx) -> tuple[int, int]:
                row = await self._set(tx, set_id)
                kind = self.runs.kind(row.kind, now)
                rows = await sets.lock_open(
                    tx, set_id, regions=actor.regions, below=below, person_ids=person_ids, at_most=AT_ONCE
                )
                return await self._begin_all(tx, row, kind, rows, actor.user, now) if rows else (0, 0)

            more: tuple[int, int] = await self.commander.transaction(body)
            if not any(more):
                return begun, stale
            begun, stale = begun + more[0], stale + more[1]

    async def _begin_all(
        self, tx: Tx, row: Any, kind: PairingKind, proposals: Sequence[Any], by: str, now: datetime
    ) -> tuple[int, int]:
        day = day_of(now)
        await _one_at_a_time(tx, kind.key)
        helpers = {one.helper_id: one for one in await inputs.helpers_of(tx, kind, day)}
        people = [one.person_id for one in proposals]
        paired = await store.in_force(tx, kind.key, person_ids=people)
        children = await inputs.children_among(tx, kind, people, day)
        numbers = await store.earlier_pairings(tx, kind.key, people)
        loads = Counter({helper_id: one.load for helper_id, one in helpers.items()})
        states, calls = {}, []
        for one in proposals:
            child, helper = children.get(one.person_id), helpers.get(one.helper_id)
            # The set's own limit was the reviewer's to choose; what binds the helper binds here too.
            most = max(kind.max_load, row.max_load)
            states[one.person_id] = "STALE"
            if child is None or helper is None or one.person_id in paired:
                continue
            if not why_not(kind, child, helper, loads[one.helper_id], most):
                loads[one.helper_id] += 1
                states[one.person_id] = "ACCEPTED"
                number = numbers.get(one.person_id, 0)
                calls.append(_begin(kind, child, helper, number, row.set_id, by, now))
        await sets.decide(tx, row.set_id, states, by, now)
        await self._note_first(tx, day)
        if calls:
            await self.commander.within(tx, Pairing, calls)
        return len(calls), len(states) - len(calls)

    @staticmethod
    async def _note_first(tx: Tx, day: date) -> None:
        """Whoever begins to look begins with today."""
        if await store.looked_on(tx) is None:
            await store.note_looked(tx, day)

    async def refuse(self, actor: Actor, set_id: str, person_id: str) -> Any:
        """The proposal, refused; the two are not proposed for each other again.

        Raises visits.proposal_unknown, visits.proposal_state, auth.no_purpose.
        """
        now = self.clock.now()
        actor.require_purpose()

        async def body(tx: Tx) -> Any:
            await self._set(tx, set_id)
            found = await sets.find_proposal(tx, set_id, person_id)
            if found is None or not actor.may_act_in(found.region):
                raise TuoqiError("visits.proposal_unknown")
            if found.state != "OPEN":
                raise TuoqiError("visits.proposal_state", state=found.state)
            sealed = self.words.seal(person_id, {"reason": actor.purpose.strip()})
            await sets.decide(tx, set_id, {person_id: "REFUSED"}, actor.user, now, sealed)
            await wishes.keep_conflict(tx, found.helper_id, person_id, "refused", actor.user, now)
            return await sets.find_proposal(tx, set_id, person_id)

        return await self.commander.transaction(body)

    async def end(self, actor: Actor, pairing_id: str, ended_on: date | None) -> Any:
        """End one by hand; the row afterwards. Raises visits.pairing_unknown, _ended, _day, auth.no_purpose."""
        now = self.clock.now()
        actor.require_purpose()

        async def body(tx: Tx) -> Any:
            row = await self.known(tx, actor, pairing_id)
            await self._end(tx, actor, row, EndedAs.BY_HAND, ended_on or day_of(now), now)
            return await store.find_pairing(tx, pairing_id)

        return await self.commander.transaction(body)

    async def replace(self, actor: Actor, pairing_id: str, helper_id: str) -> tuple[Any, Any]:
        """The pairing that ended and the new one. Raises visits.pairing_unfit where the rules speak against it."""
        now, day = self.clock.now(), day_of(self.clock.now())
        actor.require_purpose()

        async def body(tx: Tx) -> tuple[Any, Any]:
            row = await self.known(tx, actor, pairing_id)
            kind = self.runs.kind(row.kind, now)
            await _one_at_a_time(tx, kind.key)
            child = (await inputs.children_among(tx, kind, [row.person_id], day)).get(row.person_id)
            helpers = {one.helper_id: one for one in await inputs.helpers_of(tx, kind, day)}
            helper = helpers.get(helper_id)
            if child is None or helper is None or helper_id == row.helper_id:
                raise TuoqiError("visits.pairing_unfit", reason="no_helper" if child else "child")
            fault = why_not(kind, child, helper, helper.load, kind.max_load)
            if fault:
                raise TuoqiError("visits.pairing_unfit", reason=fault)
            await self._end(tx, actor, row, EndedAs.REPLACED, day, now)
            number = (await store.earlier_pairings(tx, kind.key, [row.person_id]))[row.person_id]
            call = _begin(kind, child, helper, number, "", actor.user, now)
            await self.commander.within(tx, Pairing, [call])
            return await store.find_pairing(tx, pairing_id), await store.find_pairing(tx, call.key)

        found: tuple[Any, Any] = await self.commander.transaction(body)
        return found

    async def _end(self, tx: Tx, actor: Actor, row: Any, reason: EndedAs, day: date, now: datetime) -> None:
        if not row.began_on <= day <= day_of(now):
            raise TuoqiError("visits.pairing_day")
        sealed = self.words.seal(row.person_id, {"reason": actor.purpose.strip()})
        command = EndPairing(reason, day, sealed, by_hand=True)
        cause = f"pairing-end|{row.pairing_id}"
        await self.commander.within(tx, Pairing, [Call(row.pairing_id, on_end, command, cause, now, actor.user)])

    async def contact(
        self, actor: Actor, key: str, pairing_id: str, day: date | None, channel: str
    ) -> tuple[Any, bool]:
        """The pairing's row, and whether the contact had been recorded. Raises visits.pairing_…, visits.contact_key."""
        now = self.clock.now()
        on = day or day_of(now)

        async def body(tx: Tx) -> tuple[Any, bool]:
            row = await self.known(tx, actor, pairing_id)
            # An end may be learnt late: a contact of a day on which the pairing held is kept afterwards too.
            if not row.began_on <= on <= day_of(now) or (row.ended_on is not None and on >= row.ended_on):
                raise TuoqiError("visits.pairing_day")
            before = await store.keep_contact(
                tx, key=key, pairing_id=pairing_id, day=on, channel=channel, by=actor.user, at=now
            )
            if before is not None:
                # Repeated on another day without a day: what was said first counts.
                same = (before.pairing_id, before.channel) == (pairing_id, channel) and day in (None, before.day)
                if not same:
                    raise TuoqiError("visits.contact_key")
                return row, True
            call = Call(pairing_id, on_contact, Contact(on, channel), f"pairing-contact|{key}", now, actor.user)
            await self.commander.within(tx, Pairing, [call])
            return await store.find_pairing(tx, pairing_id), False

        found: tuple[Any, bool] = await self.commander.transaction(body)
        return found

    async def wish(self, actor: Actor, wish: wishes.Wish, *, clear: bool) -> bool:
        """Keep or forget a wish; whether anything changed. Raises visits.wish_subject, auth.no_region."""
        now = self.clock.now()

        async def body(tx: Tx) -> bool:
            check_wish(wish, (await wishes.places_of(tx, [wish.subject_id])).get(wish.subject_id), actor)
            if clear or wish.is_empty:
                return bool(await wishes.forget_wishes(tx, [wish.subject_id]))
            return bool(await wishes.keep_wishes(tx, [wish], actor.user, now))

        return bool(await self.commander.transaction(body))

    async def conflict(self, actor: Actor, helper_id: str, person_id: str, reason: str, *, clear: bool) -> bool:
        """Keep or take back that two may not be paired; whether anything changed."""
        now = self.clock.now()

        async def body(tx: Tx) -> bool:
            await _check_child(tx, actor, person_id)
            if clear:
                return await wishes.forget_conflict(tx, helper_id, person_id)
            return await wishes.keep_conflict(tx, helper_id, person_id, reason, actor.user, now)

        return bool(await self.commander.transaction(body))

    async def relative(self, actor: Actor, person_id: str, helper_id: str, helper_as: str, *, clear: bool) -> bool:
        """Register or take out a relative; whether anything changed. Raises visits.wish_subject."""
        now = self.clock.now()

        async def body(tx: Tx) -> bool:
            await _check_child(tx, actor, person_id)
            if clear:
                return await wishes.forget_relative(tx, helper_id, person_id)
            known = (await wishes.places_of(tx, [helper_id])).get(helper_id)
            if helper_id == person_id or known is None or known.helper_as != helper_as:
                raise TuoqiError("visits.wish_subject")
            return await wishes.keep_relative(tx, helper_id, person_id, helper_as, actor.user, now)

        return bool(await self.commander.transaction(body))

    @staticmethod
    async def known(tx: Tx, actor: Actor, pairing_id: str) -> Any:
        """A pairing within the actor's regions. Raises visits.pairing_unknown."""
        row = await store.find_pairing(tx, pairing_id)
        if row is None or not actor.may_act_in(row.lives):
            raise TuoqiError("visits.pairing_unknown")
        return row

    @staticmethod
    async def _set(tx: Tx, set_id: str) -> Any:
        row = await sets.find_set(tx, set_id)
        if row is None:
            raise TuoqiError("visits.pairing_set_unknown")
        if row.state != "READY":
            raise TuoqiError("visits.pairing_set_computing")
        return row


async def _one_at_a_time(tx: Tx, kind: str) -> None:
    """Loads are counted, then pairings begin: whoever begins some waits for whoever does, or a helper could be overfull."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtext('pairings:' || CAST(:kind AS text)))", kind=kind)


def check_wish(wish: wishes.Wish, subject: wishes.Place | None, actor: Actor) -> None:
    """Raises visits.wish_subject where it is about nobody known, auth.no_region, visits.wish_age."""
    if subject is None or (wish.subject == "child" and subject.helper_as == WORKER):
        raise TuoqiError("visits.wish_subject")
    actor.require_region(subject.region)
    if wish.age_to < wish.age_from:
        raise TuoqiError("visits.wish_age")


async def _check_child(tx: Tx, actor: Actor, person_id: str) -> None:
    """Raises visits.wish_subject where there is no such child, auth.no_region."""
    place = (await wishes.places_of(tx, [person_id])).get(person_id)
    if place is None or place.helper_as == WORKER:
        raise TuoqiError("visits.wish_subject")
    actor.require_region(place.region)


def why_not(kind: PairingKind, child: Child, helper: Helper, load: int, max_load: int) -> str:
    """Which hard rule speaks against the two, a code; empty where none does."""
    if helper.only is not None and child.person_id not in helper.only:
        return "no_relative"
    if not sex_allowed(kind, child, helper.sex):
        return "no_helper_of_sex"
    if helper.helper_id in child.refuses:
        return "all_refused"
    if helper.only is None and STEPS.index(step_between(helper.place, child.region)) > STEPS.index(kind.reach):
        return "none_in_reach"
    limit = max_load if helper.at_most is None else min(helper.at_most, max_load)
    return "all_full" if load >= limit else ""


def _begin(kind: PairingKind, child: Child, helper: Helper, number: int, set_id: str, by: str, now: datetime) -> Call:
    pairing_id = str(uuid5(UUID(child.person_id), f"pairing|{kind.key}|{number}"))
    pairing = Pairing(
        pairing_id=pairing_id,
        kind=kind.key,
        person_id=child.person_id,
        helper_id=helper.helper_id,
        helper_as=helper.helper_as,
        region=child.region,
        began_on=day_of(now),
        set_id=set_id,
        begun_by=by,
        begun_at=now,
    )
    return Call(pairing_id, on_begin, pairing, f"pairing|{pairing_id}", now, by)
