"""Activities as people record them: planned, held, corrected, cancelled, and who came by name, one by one or by file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID, uuid5

from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.visits.domain.activities import (
    Activity,
    ActivityKind,
    ActivityRules,
    ActivityState,
    AttendanceRole,
    Campaign,
    Said,
)
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.handlers.activities import Named, Say, on_named, on_say
from tuoqi.visits.store import activities as store
from tuoqi.visits.store.attendance import Presence, add_presences, end_presences, standing
from tuoqi.visits.store.private import PrivateWords
from tuoqi.visits.store.records import KnownPerson, known_people

PURPOSE: Final = "activities.words"
_SPACE: Final = UUID("6f1f5f0e-6d0f-5c1f-9a35-0d5a2b9a0b71")


@dataclass(frozen=True, slots=True)
class ActivityDesk:
    """Takes what is said of activities within the actor's regions."""

    database: Database
    commander: Commander
    clock: BusinessClock
    rules: ActivityRules
    words: PrivateWords

    async def say(
        self,
        actor: Actor,
        number: str,
        kind: str,
        campaign: str,
        said: Said,
        state: ActivityState,
        words: dict[str, str],
    ) -> tuple[Any, bool]:
        """The activity's row and whether the same was said before. Raises visits.activity_…, auth.no_region."""
        actor.require_region(said.region)
        now = self.clock.now()
        if state is ActivityState.HELD and said.day > day_of(now):
            raise TuoqiError("visits.activity_day", day=said.day)
        activity_id = str(uuid5(_SPACE, number))

        async def body(tx: Tx) -> tuple[Any, bool]:
            before = (await store.activities_by_number(tx, [number])).get(number)
            if before is not None:
                actor.require_region(before.region)
            found = self._kind(kind or (before.kind if before else ""), number)
            if said.channel not in (found.channels or ("",)):
                raise TuoqiError("visits.activity_channel", channel=said.channel, allowed="、".join(found.channels))
            await _check_campaign(tx, campaign or (before.campaign if before else ""), found.code, said.day)
            kept = self.words.open(activity_id, before.sealed) or {} if before else {}
            sealed = self.words.seal(activity_id, {**kept, **{key: text for key, text in words.items() if text}})
            command = Say(
                activity_id, number, kind, campaign, replace(said, sealed=sealed), state, bool(words.get("reason"))
            )
            await self._run(tx, activity_id, on_say, command, before.version if before else 0, now, actor)
            row = (await store.activities_by_number(tx, [number]))[number]
            return row, before is not None and row.version == before.version

        result: tuple[Any, bool] = await self.commander.transaction(body)
        return result

    async def cancel(self, actor: Actor, number: str, reason: str) -> tuple[Any, bool]:
        """It counts no longer."""
        async with self.database.begin() as tx:
            row = await self.known(tx, actor, number)
        return await self.say(
            actor, number, "", "", store.said_of(row), ActivityState.CANCELLED, {"reason": reason.strip()}
        )

    async def attend(
        self, actor: Actor, number: str, person_ids: Sequence[str], role: str, *, remove: bool, reason: str
    ) -> tuple[Any, int]:
        """Names in, or out again; the row and how many changed. Raises visits.person_unknown, auth.no_region."""
        if remove and not reason.strip():
            raise TuoqiError("visits.activity_needs_reason", number=number)
        now, as_what = self.clock.now(), self._role(role)

        async def body(tx: Tx) -> tuple[Any, int]:
            row = await self.known(tx, actor, number)
            people = await known_people(tx, person_ids)
            if len(people) < len(set(person_ids)):
                raise TuoqiError("visits.person_unknown")
            for person in people.values():
                actor.require_region(person.region)
                if not_born(person, row.day):
                    raise TuoqiError("visits.activity_day", day=row.day)
            if remove:
                sealed = {person_id: self.words.seal(person_id, {"reason": reason.strip()}) for person_id in people}
                changed = await self.drop(tx, row, sealed, now, actor)
            else:
                rows = [
                    Presence(row.activity_id, person_id, as_what.code, as_what.counts, person.region)
                    for person_id, person in people.items()
                ]
                changed = await self.take(tx, {row.activity_id: row}, rows, now, actor)
            return (await store.activities_by_number(tx, [number]))[number], changed

        result: tuple[Any, int] = await self.commander.transaction(body)
        return result

    async def take(
        self, tx: Tx, activities: dict[str, Any], rows: Sequence[Presence], at: datetime, actor: Actor
    ) -> int:
        """Names come in; who stands there with another role gets the new one. How many changed."""
        there = await standing(tx, [row.key for row in rows])
        fresh = [row for row in rows if there.get(row.key, ("",))[0] != row.role]
        known = [row for row in fresh if row.key in there]
        await end_presences(tx, [row.key for row in known], [None] * len(known), actor.user, at)
        await add_presences(tx, fresh, actor.user, at)
        by: dict[str, int] = {}
        for row in fresh:
            counted = there[row.key][1] if row.key in there else False
            by[row.activity_id] = by.get(row.activity_id, 0) + int(row.counts) - int(counted)
        for activity_id, difference in by.items():
            version = activities[activity_id].version
            await self._run(tx, activity_id, on_named, Named(difference), version, at, actor)
        return len(fresh)

    async def drop(self, tx: Tx, row: Any, sealed: dict[str, bytes], at: datetime, actor: Actor) -> int:
        """Names go out; how many stood there."""
        there = await standing(tx, [(row.activity_id, person_id) for person_id in sealed])
        keys = sorted(there)
        await end_presences(tx, keys, [sealed[person_id] for _, person_id in keys], actor.user, at)
        if keys:
            gone = Named(-sum(counts for _, counts in there.values()))
            await self._run(tx, row.activity_id, on_named, gone, row.version, at, actor)
        return len(keys)

    async def open_campaign(self, actor: Actor, campaign: Campaign, title: str) -> bool:
        """Whether the same was there before. Raises visits.campaign_differs where another one was."""
        actor.require_region(campaign.region)
        self._kind(campaign.kind, campaign.campaign)
        if campaign.last_day < campaign.first_day:
            raise TuoqiError("visits.figure_period", first=campaign.first_day, last=campaign.last_day)
        sealed = self.words.seal(campaign.campaign, {"title": title}) if title else None
        async with self.database.begin() as tx:
            new = await store.keep_campaign(tx, campaign, sealed, actor.user, self.clock.now())
            if not new and await store.find_campaign(tx, campaign.campaign) != campaign:
                raise TuoqiError("visits.campaign_differs", campaign=campaign.campaign)
        return not new

    async def known(self, tx: Tx, actor: Actor, number: str) -> Any:
        """The row of an activity within the actor's regions. Raises visits.activity_unknown."""
        row = (await store.activities_by_number(tx, [number])).get(number)
        if row is None or not actor.may_act_in(row.region):
            raise TuoqiError("visits.activity_unknown", number=number)
        return row

    async def _run(
        self, tx: Tx, activity_id: str, handler: Any, message: Any, version: int, at: datetime, actor: Actor
    ) -> None:
        cause = f"activity|{activity_id}|{version}"
        await self.commander.within(tx, Activity, [Call(activity_id, handler, message, cause, at, actor.user)])

    def _kind(self, code: str, number: str) -> ActivityKind:
        if not code:
            raise TuoqiError("visits.activity_unknown", number=number)
        kind = self.rules.kinds.get(code)
        if kind is None:
            raise TuoqiError("visits.activity_kind", kind=code, allowed="、".join(self.rules.kinds))
        return kind

    def _role(self, code: str) -> AttendanceRole:
        roles = self.rules.roles
        role = roles.get(code) if code else next((one for one in roles.values() if one.counts), None)
        if role is None:
            raise TuoqiError("visits.activity_role", role=code, allowed="、".join(roles))
        return role


def not_born(person: KnownPerson, day: date) -> bool:
    """Whether nobody can have met this person on that day."""
    return person.birth_date is not None and day < person.birth_date


async def _check_campaign(tx: Tx, campaign: str, kind: str, day: date) -> None:
    """Raises visits.campaign_unfit where the campaign is not there, of another kind or of another time."""
    if not campaign:
        return
    found = await store.find_campaign(tx, campaign)
    if found is None or found.kind != kind or not found.first_day <= day <= found.last_day:
        raise TuoqiError("visits.campaign_unfit", campaign=campaign)
