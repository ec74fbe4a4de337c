"""Merging two files of one person, and taking it back: alone in the register, in one transaction, told to everybody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from google.protobuf.message import Message

from tuoqi.contracts.registry.v1 import person_pb2
from tuoqi.kit.commands import Commander
from tuoqi.kit.context import Emission
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.registry.domain.merge import why_not_merge
from tuoqi.registry.domain.person import Person
from tuoqi.registry.handlers import household_event, person_facts, unmerged_event
from tuoqi.registry.jobs.act import Act, Desk
from tuoqi.registry.jobs.care import NOTHING, CareFiles
from tuoqi.registry.store.duplicates import settle_pair
from tuoqi.registry.store.households import HouseholdStore
from tuoqi.registry.store.merges import MergeAct, add_act, files_of_person, roots_of
from tuoqi.registry.store.persons import PersonStore, members_of


@dataclass(frozen=True, slots=True)
class Why:
    """Why somebody merges, or takes it back."""

    text: str = ""
    although: bool = False
    """Sex or birth date do not agree, and the text says why it is one person all the same."""


class _Rehearsed(Exception):
    """Ends a dry run, so that nothing of it is kept."""

    def __init__(self, told: Sequence[Emission]) -> None:
        super().__init__()
        self.told = told


class Merges:
    """Merges files and takes merges back."""

    def __init__(self, desk: Desk, commander: Commander) -> None:
        self._desk = desk
        self._commander = commander
        self._persons = PersonStore(desk.vault)
        self._households = HouseholdStore(desk.vault)

    async def merge(
        self, actor: Actor, person_id: str, file_id: str, why: Why, *, dry_run: bool = False
    ) -> Sequence[Emission]:
        """Make a file the second one of a person; what was told. Raises the slugs of `merge.`."""
        if why.although and not why.text.strip():
            raise TuoqiError("merge.reason_missing")

        async def body(tx: Tx) -> Sequence[Emission]:
            act = await self._desk.begin_alone(tx, actor)
            into, file = await self._two(tx, act, person_id, file_id)
            slug = why_not_merge(into, file, merged_into_file=await files_of_person(tx, file_id), although=why.although)
            if slug:
                raise TuoqiError(slug, into=file.merged_into, file=into.person_id if into.merged_into else file_id)
            cause = f"Merge|{file_id}|{file.version}|{actor.user}"
            after = replace(file, merged_into=person_id, version=file.version + 1)
            await self._persons.save(tx, {file_id: file}, [after], act.at, act.ring)
            # Told as the file's own change; on its way out it becomes the merge and the person's new facts.
            act.tell(cause, _changed(file, act), key=file_id, version=after.version)
            await self._tell_statuses(tx, act, cause, [after])
            await self._tell_household(tx, act, cause, file)
            return await self._end(tx, act, _act("merged", person_id, after, act, why), dry_run=dry_run)

        return await self._run(body)

    async def unmerge(
        self, actor: Actor, file_id: str, why: Why, *, dry_run: bool = False
    ) -> tuple[str, Sequence[Emission]]:
        """Make a merged file a person's own again; from whom, and what was told.

        The person may be named in its place where only one file is merged. Raises merge.not_merged and merge.which.
        """
        from_person = ""

        async def body(tx: Tx) -> Sequence[Emission]:
            nonlocal from_person
            act = await self._desk.begin_alone(tx, actor)
            from_person, which = await _merged_file(tx, file_id)
            person, file = await self._two(tx, act, from_person, which)
            cause = f"Unmerge|{which}|{file.version}|{actor.user}"
            own = replace(file, merged_into="", version=file.version + 1)
            left = replace(person, version=person.version + 1)
            before = {which: file, from_person: person}
            await self._persons.save(tx, before, [own, left], act.at, act.ring)
            event = unmerged_event(own, from_person, act.known_at)
            act.tell(cause, event, key=which, version=own.version)
            act.tell(cause, _without(file, left, act), key=from_person, version=left.version)
            await self._tell_statuses(tx, act, cause, [own, left])
            await self._tell_household(tx, act, cause, file)
            return await self._end(tx, act, _act("unmerged", from_person, own, act, why), dry_run=dry_run)

        told = await self._run(body)
        return from_person, told

    async def _two(self, tx: Tx, act: Act, person_id: str, file_id: str) -> tuple[Person, Person]:
        """Person and file, locked in key order. Raises registry.person_unknown, also for who lives elsewhere."""
        loaded = await self._persons.load(tx, [person_id, file_id], act.ring, lock=True)
        found = [loaded[one] for one in (person_id, file_id) if one in loaded]
        if not all(one in loaded for one in (person_id, file_id)) or not all(
            act.actor.may_act_in(one.region) for one in found
        ):
            raise TuoqiError("registry.person_unknown")
        return loaded[person_id], loaded[file_id]

    async def _tell_statuses(self, tx: Tx, act: Act, cause: str, people: Sequence[Person]) -> None:
        """Tell statuses anew where the file, the first of the people, has any: else nobody's are others than before."""
        care = CareFiles()
        await care.load(tx, [person.person_id for person in people], act.ring)
        if care.of(people[0].person_id) == NOTHING:
            return
        after = [replace(person, status_version=person.status_version + 1) for person in people]
        await self._persons.save_status_versions(tx, {person.person_id: person for person in people}, after)
        for person in after:
            event = care.event(person.person_id, act.known_at)
            act.tell(cause, event, key=person.person_id, version=person.status_version)

    async def _tell_household(self, tx: Tx, act: Act, cause: str, file: Person) -> None:
        """Whoever counts a household counts people, not files."""
        if not file.household_id:
            return
        household = await self._households.raise_version(tx, file.household_id)
        members = await members_of(tx, [file.household_id])
        event = household_event(household, members.get(file.household_id, []))
        act.tell(cause, event, key=file.household_id, version=household.version)

    async def _end(self, tx: Tx, act: Act, done: MergeAct, *, dry_run: bool) -> Sequence[Emission]:
        await add_act(tx, done, act.ring)
        state = "merged" if done.act == "merged" else "different"
        await settle_pair(
            tx, done.person_id, done.file_id, state, at=act.at, by=act.actor.user, ring=act.ring, why=done.reason
        )
        await act.send(tx)
        if dry_run:
            raise _Rehearsed(act.told)
        return act.told

    async def _run(self, body: Callable[[Tx], Awaitable[Sequence[Emission]]]) -> Sequence[Emission]:
        try:
            told: Sequence[Emission] = await self._commander.transaction(body)
        except _Rehearsed as rehearsed:
            return rehearsed.told
        return told


async def _merged_file(tx: Tx, named: str) -> tuple[str, str]:
    """Person and merged file that somebody means by either's id. Raises merge.not_merged and merge.which."""
    into = await roots_of(tx, [named])
    if into:
        return into[named], named
    files = await files_of_person(tx, named)
    if not files:
        raise TuoqiError("merge.not_merged")
    if len(files) > 1:
        raise TuoqiError("merge.which", files="、".join(files))
    return named, files[0]


def _changed(file: Person, act: Act) -> Message:
    """What a merge changes for the person: a death that this file knows, its absences, or nothing of the two."""
    kind: type[Message] = person_pb2.PersonChanged
    if file.died_on is not None:
        kind = person_pb2.PersonDeceased
    elif file.absences:
        kind = person_pb2.PersonMoved
    return kind(person=person_facts(file), known_at=act.known_at)


def _without(file: Person, left: Person, act: Act) -> Message:
    """What changes for the person whom a file leaves; told anew where other files stay."""
    kind: type[Message] = person_pb2.PersonChanged
    if file.died_on is not None and left.died_on is None:
        kind = person_pb2.PersonDeathWithdrawn
    elif file.absences:
        kind = person_pb2.PersonMoved
    return kind(person=person_facts(left), known_at=act.known_at)


def _act(act: str, person_id: str, file: Person, done: Act, why: Why) -> MergeAct:
    return MergeAct(act, file.person_id, person_id, done.at, done.actor.user, why.although, why.text)
