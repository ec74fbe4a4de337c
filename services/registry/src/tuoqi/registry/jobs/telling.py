"""What is told of a person who has merged files: every act's events pass here, so no writer need think of it.

A file that changes is told as it is merged, and the person anew with the facts of all files, as they stand at the end
of the act. Whoever has no merged file costs one look into two small indexes an act.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from tuoqi.contracts.registry.v1 import person_pb2, place_pb2, status_pb2
from tuoqi.kit.context import Emission
from tuoqi.kit.database import Tx
from tuoqi.kit.ids import IdMaker
from tuoqi.registry.domain.care import CareFacts
from tuoqi.registry.domain.merge import one_person, side_by_side
from tuoqi.registry.domain.person import Person
from tuoqi.registry.handlers import household_counted, merged_event, person_again, status_event
from tuoqi.registry.jobs.care import CareFiles
from tuoqi.registry.store.merges import load_groups, load_learnt
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.seals import KeyRing

_ABOUT_PERSONS: Final = (
    person_pb2.PersonRegistered,
    person_pb2.PersonChanged,
    person_pb2.PersonDeceased,
    person_pb2.PersonDeathWithdrawn,
    person_pb2.PersonMoved,
)
_PERSON_TOPIC: Final = "tuoqi.registry.person.v1"
_STATUS_TOPIC: Final = "tuoqi.registry.status.v1"
_TOLD: Final = (*_ABOUT_PERSONS, status_pb2.PersonStatusChanged)


class Told(NamedTuple):
    """An act's events on their way, and what they need."""

    emissions: Sequence[Emission]
    at: datetime
    known_at: Timestamp
    ids: IdMaker
    ring: KeyRing


@dataclass(slots=True)
class _Files:
    """The people of an act who have merged files."""

    root_of: Mapping[str, str]
    persons: Mapping[str, Person]
    care: Mapping[str, CareFacts]
    """By person, of all files side by side."""

    def root(self, key: str) -> str:
        """The person whom a key is about, empty where no file is merged."""
        return self.root_of.get(key, "") or (key if key in self.root_of.values() else "")

    def files(self, root: str) -> list[Person]:
        """The person's own file and then the merged ones."""
        return [self.persons[root], *(self.persons[one] for one, into in sorted(self.root_of.items()) if into == root)]


async def tell_persons(tx: Tx, told: Told, store: PersonStore) -> list[Emission]:
    """The events as others are to hear them; versions of people who are told more often are raised by as many."""
    keys = {one.key for one in told.emissions if isinstance(one.message, _TOLD)}
    for one in told.emissions:
        if isinstance(one.message, place_pb2.HouseholdChanged):
            keys.update(one.message.member_person_ids)
    # Who is registered by this very act has no second file yet, so a first load looks nobody up.
    keys.difference_update(one.key for one in told.emissions if isinstance(one.message, person_pb2.PersonRegistered))
    groups = await load_groups(tx, keys) if keys else {}
    if not groups:
        return list(told.emissions)
    files = await _load(tx, told, store, groups)
    emissions = [new for one in told.emissions for new in _heard(one, files, told)]
    for root in sorted({*groups.values()}):
        await _number(tx, told, store, files.persons[root], emissions)
    return emissions


async def _load(tx: Tx, told: Told, store: PersonStore, groups: Mapping[str, str]) -> _Files:
    # A file's row may be locked by this act already while its person's is not: two acts that meet crosswise are told
    # apart by PostgreSQL, and the loser begins again.
    roots = {*groups.values()}
    persons = await store.load(tx, roots, told.ring, lock=True)
    persons |= await store.load(tx, groups.keys(), told.ring, lock=False)
    files = _Files(groups, persons, {})
    if any(isinstance(one.message, status_pb2.PersonStatusChanged) and files.root(one.key) for one in told.emissions):
        care = CareFiles()
        await care.load(tx, persons.keys(), told.ring)
        learnt = await load_learnt(tx, persons.keys())
        files.care = {
            root: side_by_side({file.person_id: care.of(file.person_id) for file in files.files(root)}, learnt, told.at)
            for root in roots
        }
    return files


def _heard(one: Emission, files: _Files, told: Told) -> list[Emission]:
    """What becomes of one event."""
    if isinstance(one.message, place_pb2.HouseholdChanged):
        return [_with(one, household_counted(one.message, files.root_of))]
    root = files.root(one.key) if isinstance(one.message, _TOLD) else ""
    if not root:
        return [one]
    if isinstance(one.message, status_pb2.PersonStatusChanged):
        of_person = status_event(root, files.care[root], told.known_at)
        of_file = status_event(one.key, CareFacts(), told.known_at)
    else:
        of_person = person_again(type(one.message), one_person(files.files(root)), told.known_at)
        of_file = merged_event(files.persons[one.key], told.known_at) if one.key != root else of_person
    if one.key == root:
        return [_with(one, of_person)]
    also = _with(one, of_person, key=root, version=0)
    also.ce_id = told.ids(told.at, f"{one.causation_id}|{one.topic}|{root}|{one.key}", 1)
    return [_with(one, of_file), also]


def _with(one: Emission, message: Message, *, key: str = "", version: int = -1) -> Emission:
    return replace(one, message=message, key=key or one.key, version=one.version if version < 0 else version)


async def _number(tx: Tx, told: Told, store: PersonStore, person: Person, emissions: Sequence[Emission]) -> None:
    """Give the events about a person their versions in order; those that a file brought about have none yet."""
    own = [one for one in emissions if one.key == person.person_id]
    others = [one for one in own if one.topic == _PERSON_TOPIC]
    statuses = [one for one in own if one.topic == _STATUS_TOPIC]
    more = sum(not one.version for one in others)
    more_statuses = sum(not one.version for one in statuses)
    after = replace(person, version=person.version + more, status_version=person.status_version + more_statuses)
    for run, last in ((others, after.version), (statuses, after.status_version)):
        for version, one in enumerate(run, start=last - len(run) + 1):
            one.version = version
    if more:
        await store.save(tx, {person.person_id: person}, [after], told.at, told.ring)
    if more_statuses:
        await store.save_status_versions(tx, {person.person_id: person}, [after])
