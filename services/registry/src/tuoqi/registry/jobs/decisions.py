"""Decisions on status intervals one by one: a decision becomes a row, and goes the way of a file's row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.registry.domain.categories import Category, allowed_words, find_code
from tuoqi.registry.domain.cells import Flaws
from tuoqi.registry.domain.decision import (
    OPEN,
    Draft,
    Hearing,
    Refusal,
    hearing_for,
    is_cut,
    reason_code,
    row_of,
)
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.status import Interval, apply_row, in_force, read_interval
from tuoqi.registry.jobs.act import Act, Desk
from tuoqi.registry.jobs.care import CareFiles
from tuoqi.registry.store.decisions import Decision, add_decision, add_hearing, load_hearings
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.statuses import save_intervals

Sound = TypeVar("Sound")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of a decision."""

    interval_id: str
    decision_id: str
    posting_days: int
    status_version: int


class Decisions:
    """Takes decisions and hearings, each in a transaction of its own."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._persons = PersonStore(desk.vault)

    async def record(
        self, tx: Tx, actor: Actor, person_id: str, draft: Draft, *, interval_id: str = "", seen_version: int = 0
    ) -> Recorded:
        """Apply a decision. Raises a slug of `status.` where it cannot be recorded."""
        act = await self._desk.begin(tx, actor)
        person, care = await self._open(tx, act, person_id)
        if seen_version and seen_version != person.status_version:
            raise TuoqiError("status.changed_meanwhile")
        intervals = care.of(person_id).intervals
        base = None if draft.action == OPEN else _find(intervals, interval_id)
        category = self._category(draft, base)
        reason = _sound(reason_code(draft, category))
        row = self._row(act, person, draft, base, category, reason)
        same = next((one for one in intervals if one.key == row.key), None)
        if draft.action == OPEN and same is not None:
            raise TuoqiError("status.interval_exists")
        standing = base or _counting(intervals, category, act.today)
        hearing = await self._hearing(tx, act, person_id, standing, row, category, reason)
        cause = f"RecordDecision|{person_id}|{person.status_version}|{person.loaded_order}|{actor.user}"
        order = person.loaded_order + 1
        applied = apply_row(intervals, row, new_id=act.new_id(cause, "interval"), order=order)
        if applied.saved is None:
            raise TuoqiError("status.nothing_changes")
        care.put_intervals(person_id, applied.intervals)
        after = replace(person, status_version=person.status_version + int(applied.is_told), loaded_order=order)
        await save_intervals(tx, [(person_id, applied.saved)], act.at, act.ring, by=actor.user)
        await self._persons.save_status_versions(tx, {person_id: person}, [after])
        texts = {"reason": reason, "evidence": draft.evidence, "decider": draft.decider}
        made = Decision(
            decision_id=act.new_id(cause, "decision"),
            interval_id=applied.saved.interval_id,
            action=draft.action,
            loaded_order=applied.saved.loaded_order,
            hearing_id=hearing.hearing_id if hearing else "",
            private=texts,
        )
        await add_decision(tx, person_id, made, by=actor.user, known_at=act.at, ring=act.ring)
        if applied.is_told:
            act.tell(cause, care.event(person_id, act.known_at), key=person_id, version=after.status_version)
        await act.send(tx)
        return Recorded(made.interval_id, made.decision_id, category.posting_days, after.status_version)

    async def hear(
        self, tx: Tx, actor: Actor, person_id: str, interval_id: str, *, held_on: date | None, said: str
    ) -> str:
        """Record a hearing about an interval; its id. Raises a slug of `status.`."""
        act = await self._desk.begin(tx, actor)
        person, care = await self._open(tx, act, person_id)
        interval = _find(care.of(person_id).intervals, interval_id)
        category = self._desk.policy.categories[interval.category]
        if not category.hearing:
            raise TuoqiError("status.hearing_not_asked", category=category.name)
        day = held_on or act.today
        if day > act.today or (interval.decided_on is not None and day < interval.decided_on):
            raise TuoqiError("status.hearing_day")
        earlier = (await load_hearings(tx, [person_id])).get(person_id, [])
        cause = f"RecordHearing|{person_id}|{person.status_version}|{interval_id}|{len(earlier)}|{actor.user}"
        hearing = Hearing(act.new_id(cause, "hearing"), interval.category, day, is_used=False)
        await add_hearing(tx, person_id, hearing, by=actor.user, known_at=act.at, said=said, ring=act.ring)
        return hearing.hearing_id

    async def _open(self, tx: Tx, act: Act, person_id: str) -> tuple[Person, CareFiles]:
        """The person, locked, and what he has. Raises registry.person_unknown, also for who lives elsewhere."""
        found = await self._persons.load(tx, [person_id], act.ring, lock=True)
        person = found.get(person_id)
        if person is None or person.merged_into or not act.actor.may_act_in(person.region):
            raise TuoqiError("registry.person_unknown")
        care = CareFiles()
        await care.load(tx, [person_id], act.ring)
        return person, care

    def _category(self, draft: Draft, base: Interval | None) -> Category:
        known = self._desk.policy.categories
        if base is not None:
            return known[base.category]
        words = {key: category.names for key, category in known.items() if category.sealed_as is None}
        category = known.get(find_code(draft.category, {key: one.names for key, one in known.items()}))
        if category is None:
            raise TuoqiError("status.category_unknown", allowed=allowed_words(words))
        if category.sealed_as is not None:
            # Its word must stand in no command, whose traces are many; files are read and forgotten.
            raise TuoqiError("status.category_sealed")
        return category

    def _row(
        self, act: Act, person: Person, draft: Draft, base: Interval | None, category: Category, reason: str
    ) -> Interval:
        flaws = Flaws()
        cells = _sound(row_of(draft, base, category, reason, today=act.today))
        row = read_interval(cells, category, flaws, today=act.today, born=person.birth_date)
        if row is None or flaws.found:
            raise TuoqiError("status.row_flawed", reasons=" ".join(flaw.reason for flaw in flaws.found))
        # A sealed interval is decided on like the one it is kept as, and keeps its mark: nobody notices.
        return replace(row, is_sealed=base is not None and base.is_sealed)

    async def _hearing(
        self,
        tx: Tx,
        act: Act,
        person_id: str,
        standing: Interval | None,
        row: Interval,
        category: Category,
        reason: str,
    ) -> Hearing | None:
        """What a cut of the interval that stands now rests on; None where the decision is no cut."""
        if standing is None or not is_cut(standing, row, category):
            return None
        hearings: Sequence[Hearing] = (await load_hearings(tx, [person_id])).get(person_id, [])
        return _sound(hearing_for(hearings, standing, category, reason, today=act.today))


def _find(intervals: Sequence[Interval], interval_id: str) -> Interval:
    found = next((one for one in intervals if one.interval_id == interval_id), None)
    if found is None:
        raise TuoqiError("status.interval_unknown")
    return found


def _counting(intervals: Sequence[Interval], category: Category, day: date) -> Interval | None:
    """The interval of the category that counts today: a new one decided later takes its place."""
    counting = in_force(intervals, day)
    return next((one for one in intervals if one.interval_id in counting and one.category == category.key), None)


def _sound(value: Sound | Refusal) -> Sound:
    if isinstance(value, Refusal):
        raise TuoqiError(value.slug, **value.details)
    return value
