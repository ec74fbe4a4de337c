"""What people do to households 户: split them, let members come, change the head. Each file keeps where it was before."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.registry.domain.household import HEAD, Household, follow_head, placed, why_not_split
from tuoqi.registry.domain.person import Person
from tuoqi.registry.handlers import household_event, person_event
from tuoqi.registry.jobs.act import Act, Desk
from tuoqi.registry.store.households import HouseholdStore, Member, member_files
from tuoqi.registry.store.merges import load_groups
from tuoqi.registry.store.persons import PersonStore, members_of


@dataclass(frozen=True, slots=True)
class Named:
    """How somebody names a household: one of three."""

    household_id: str = ""
    number: str = ""
    person_id: str = ""


@dataclass(frozen=True, slots=True)
class Home:
    """A household with the files that stand in it."""

    household: Household
    members: Sequence[Member]


class Households:
    """Shows and changes households."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._persons = PersonStore(desk.vault)
        self._households = HouseholdStore(desk.vault)

    async def show(self, tx: Tx, actor: Actor, named: Named, known_at: datetime) -> Home:
        """A household, its members as known at a moment. Raises household.unknown where none of them is the actor's."""
        ring = self._desk.vault.ring()
        household = await self._find(tx, named)
        members = await member_files(tx, household.household_id, known_at, ring)
        if members and not any(actor.may_act_in(one.person.region) for one in members):
            raise TuoqiError("household.unknown")
        number = household.number or next(
            (no for one in members if (no := one.person.private.get("household_no", ""))), ""
        )
        mine = [one for one in members if actor.may_act_in(one.person.region)]
        return Home(replace(household, number=number), mine)

    async def split(self, tx: Tx, actor: Actor, leaving: Collection[str], number: str, head: str) -> list[str]:
        """Some members leave to a new household; the ids of the old one and the new one."""
        act = await self._desk.begin(tx, actor)
        people = await self._people(tx, act, leaving)
        homes = {person.household_id for person in people.values()}
        staying = {one for ids in (await members_of(tx, sorted(homes - {""}))).values() for one in ids} - people.keys()
        slug = why_not_split(list(people.values()), len(staying), head)
        if slug:
            raise TuoqiError(slug)
        if await self._households.load(tx, {number}):
            raise TuoqiError("household.exists", number=number)
        (old,) = homes
        cause = f"SplitHousehold|{old}|{people[head].version}|{actor.user}"
        new = Household(act.new_id(cause, "household"), number)
        await self._move(tx, act, cause, people, new, {head: HEAD})
        return [old, new.household_id]

    async def move(
        self, tx: Tx, actor: Actor, coming: Collection[str], all_of: Named | None, to: Named, relation: str
    ) -> list[str]:
        """Let people, or all of a household, come into another; the ids of all that changed, that one first."""
        act = await self._desk.begin(tx, actor)
        if not coming and all_of is not None:
            source = await self._find(tx, all_of)
            coming = (await members_of(tx, [source.household_id])).get(source.household_id, [])
        if not coming:
            raise TuoqiError("household.nobody")
        people = await self._people(tx, act, coming)
        home = await self.show(tx, actor, to, act.at)
        target = home.household
        people = {one: person for one, person in people.items() if person.household_id != target.household_id}
        if not people:
            raise TuoqiError("household.same")
        if not target.number:
            raise TuoqiError("household.number_unknown")
        first = min(people)
        cause = f"MoveMembers|{target.household_id}|{first}|{people[first].version}|{actor.user}"
        left = {person.household_id for person in people.values() if person.household_id}
        await self._move(tx, act, cause, people, target, dict.fromkeys(people, relation))
        return [target.household_id, *sorted(left)]

    async def change_head(self, tx: Tx, actor: Actor, person_id: str, relation_of_old: str) -> str:
        """Make a member the head; what the others are to him is not known any more. The household's id."""
        act = await self._desk.begin(tx, actor)
        asked = await self._people(tx, act, [person_id])
        household_id = asked[person_id].household_id
        if not household_id:
            raise TuoqiError("household.none")
        found = (await self._households.load_by_id(tx, [household_id]))[household_id]
        if found.head_person_id == person_id:
            raise TuoqiError("household.same")
        number = asked[person_id].private.get("household_no", "")
        household = replace(found, number=number, head_person_id=person_id)
        members = (await members_of(tx, [household_id]))[household_id]
        people = await self._persons.load(tx, members, act.ring, lock=True)
        relations = {found.head_person_id: relation_of_old, person_id: HEAD}
        after = {one: placed(person, household, relations.get(one, "")) for one, person in people.items()}
        cause = f"ChangeHead|{household_id}|{household.version}|{actor.user}"
        await self._save(tx, act, cause, people, after, {household_id: household})
        return household_id

    async def _people(self, tx: Tx, act: Act, ids: Collection[str]) -> dict[str, Person]:
        """People and their merged files of the same household, locked. Raises registry.person_unknown."""
        groups = await load_groups(tx, ids)
        wanted = {*ids, *(file for file, root in groups.items() if root in ids)}
        loaded = await self._persons.load(tx, wanted, act.ring, lock=True)
        if not all(one in loaded and act.actor.may_act_in(loaded[one].region) for one in ids):
            raise TuoqiError("registry.person_unknown")
        return {
            one: person
            for one, person in loaded.items()
            if one in ids or person.household_id == loaded[groups[one]].household_id
        }

    async def _find(self, tx: Tx, named: Named) -> Household:
        household_id = named.household_id
        if named.number:
            found = await self._households.load(tx, {named.number})
            if named.number not in found:
                raise TuoqiError("household.unknown")
            return found[named.number]
        if named.person_id:
            persons = await self._persons.load(tx, [named.person_id], self._desk.vault.ring(), lock=False)
            if named.person_id not in persons:
                raise TuoqiError("registry.person_unknown")
            household_id = persons[named.person_id].household_id
            if not household_id:
                raise TuoqiError("household.none")
        by_id = await self._households.load_by_id(tx, [household_id])
        if household_id not in by_id:
            raise TuoqiError("household.unknown")
        return by_id[household_id]

    async def _move(
        self,
        tx: Tx,
        act: Act,
        cause: str,
        people: Mapping[str, Person],
        target: Household,
        relations: Mapping[str, str],
    ) -> None:
        left = {person.household_id for person in people.values() if person.household_id}
        homes = await self._households.load_by_id(tx, left)
        after: dict[str, Person] = {}
        for one, person in sorted(people.items()):
            relation = relations.get(one, "")
            if person.household_id in homes:
                homes[person.household_id] = follow_head(homes[person.household_id], one, "")
            target = follow_head(target, one, relation)
            after[one] = placed(person, target, relation)
        await self._save(tx, act, cause, people, after, {**homes, target.household_id: target})

    async def _save(
        self,
        tx: Tx,
        act: Act,
        cause: str,
        before: Mapping[str, Person],
        after: Mapping[str, Person],
        homes: Mapping[str, Household],
    ) -> None:
        changed = [replace(person, version=person.version + 1) for one, person in sorted(after.items())
                   if person != before[one]]  # fmt: skip
        await self._persons.save(tx, before, changed, act.at, act.ring)
        households = [replace(home, version=home.version + 1) for _, home in sorted(homes.items())]
        await self._households.save(tx, households)
        for person in changed:
            event = person_event(before[person.person_id], person, act.known_at)
            act.tell(cause, event, key=person.person_id, version=person.version)
        members = await members_of(tx, [home.household_id for home in households])
        for home in households:
            event = household_event(home, members.get(home.household_id, []))
            act.tell(cause, event, key=home.household_id, version=home.version)
        await act.send(tx)
