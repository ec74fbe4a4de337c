"""One facility is merged into another 撤并: all residents move on one day, or nobody; taken back on the day of recording.

Persons are locked before facilities, as by files of stays, so the two never wait for each other in a ring.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from tuoqi.kit.clock import county_day
from tuoqi.kit.database import Conflict, Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.registry.domain.facility import Facility
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.stay import Beds, Stay, occupied_by, with_stay
from tuoqi.registry.handlers import facility_event
from tuoqi.registry.jobs.act import Act, Desk
from tuoqi.registry.jobs.care import CareFiles
from tuoqi.registry.store.facilities import load_facilities, save_facilities
from tuoqi.registry.store.facility_mergers import Merger, Move, add_merger, standing_merger, undo_merger
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.stays import occupied_beds, residents_of, save_stays, take_back_stays

IDLE = "idle"
"""What a building serves of which nobody says anything else 闲置."""


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants merged."""

    from_code: str
    into_code: str
    on: date
    """The first day in the new facility."""
    building_use: str = IDLE


@dataclass(slots=True)
class _Moving:
    """What a merger does to stays, as it is found."""

    saved: list[tuple[str, Stay]] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    short: dict[date, int] = field(default_factory=dict)
    """Day on which beds are short → residents for whom there is none."""


class FacilityMergers:
    """Merges facilities and takes mergers back."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._persons = PersonStore(desk.vault)

    async def merge(self, tx: Tx, *, actor: Actor, order: Order) -> Merger:
        """Move every resident. Raises registry.merger_… with what is in the way, and then nothing is kept."""
        act = await self._desk.begin(tx, actor)
        self._check_order(act, order)
        residents = await residents_of(tx, order.from_code, order.on)
        people = await self._persons.load(tx, residents, act.ring, lock=True)
        old, new = await self._facilities(tx, act, order.from_code, order.into_code)
        for facility in (old, new):
            if facility.closed_on is not None:
                raise TuoqiError("registry.facility_closed", code=facility.code, day=facility.closed_on.isoformat())
        if await residents_of(tx, order.from_code, order.on) != residents:
            raise Conflict("somebody moved in or out before the facility was locked")
        care = CareFiles()
        await care.load(tx, people.keys(), act.ring)
        cause = f"MergeFacilities|{old.code}|{old.version}|{actor.user}"
        taken = await occupied_beds(tx, [new.code], order.on)
        beds = Beds(new.beds, taken.get(new.code, ()))
        lived_there = beds.count(order.on)
        moving = _move_all(act, cause, order, people, care, beds)
        if moving.short:
            raise _short(order, new, moving, lived_there)
        closed = old.merge(new.code, on=order.on, use=order.building_use)
        grown = replace(new, version=new.version + 1)
        await save_stays(tx, moving.saved, act.at)
        await self._tell(tx, act, cause, people.values(), care)
        await self._tell_facilities(tx, act, cause, closed, grown)
        merger = Merger(
            act.new_id(cause, "merger"),
            old.code,
            new.code,
            order.on,
            act.at,
            actor.user,
            closed.version,
            grown.version,
            tuple(moving.moves),
        )
        await add_merger(tx, merger)
        await act.send(tx)
        return merger

    async def undo(self, tx: Tx, *, actor: Actor, from_code: str) -> Merger:
        """Put every resident back. Raises registry.merger_… where it is too late or something changed since."""
        act = await self._desk.begin(tx, actor)
        merger = await standing_merger(tx, from_code)
        if merger is None:
            raise TuoqiError("registry.merger_unknown", code=from_code)
        if county_day(merger.made_at) != act.today:
            raise TuoqiError("registry.merger_undo_late", day=county_day(merger.made_at).isoformat())
        people = await self._persons.load(tx, [one.person_id for one in merger.moves], act.ring, lock=True)
        old, new = await self._facilities(tx, act, merger.from_code, merger.into_code)
        if await standing_merger(tx, from_code) != merger:
            raise Conflict("the merger was taken back by somebody else")
        care = CareFiles()
        await care.load(tx, people.keys(), act.ring)
        if (old.version, new.version) != (merger.from_version, merger.into_version):
            raise TuoqiError("registry.merger_changed", what="设施资料")
        restored = _put_back(merger, care)
        cause = f"UndoFacilityMerger|{merger.merger_id}|{old.version}|{actor.user}"
        await take_back_stays(tx, [one.opened_stay for one in merger.moves if one.opened_stay], act.at)
        await save_stays(tx, restored, act.at)
        await self._tell(tx, act, cause, people.values(), care)
        await self._tell_facilities(tx, act, cause, old.reopen(), replace(new, version=new.version + 1))
        await undo_merger(tx, merger.merger_id, at=act.at, by=actor.user)
        await act.send(tx)
        return replace(merger, undone_at=act.at)

    def _check_order(self, act: Act, order: Order) -> None:
        uses = self._desk.policy.facility_rules.uses
        if order.from_code == order.into_code:
            raise TuoqiError("registry.merger_same", code=order.from_code)
        if order.on > act.today:
            raise TuoqiError("registry.merger_in_future", day=order.on.isoformat(), today=act.today.isoformat())
        if order.building_use not in uses:
            allowed = "、".join(f"{word}[{key}]" for key, word in uses.items())
            raise TuoqiError("registry.building_use_unknown", use=order.building_use, allowed=allowed)

    async def _facilities(self, tx: Tx, act: Act, *codes: str) -> tuple[Facility, Facility]:
        """Both facilities, locked, in the regions of whoever acts."""
        found = await load_facilities(tx, codes, act.ring)
        for code in codes:
            if code not in found:
                raise TuoqiError("registry.facility_unknown", code=code)
            act.actor.require_region(found[code].region)
        old, new = (found[code] for code in codes)
        return old, new

    async def _tell(self, tx: Tx, act: Act, cause: str, people: Collection[Person], care: CareFiles) -> None:
        """Tell each resident's stays as they are now."""
        after = [replace(one, status_version=one.status_version + 1) for one in people]
        if not after:
            return
        for one in after:
            event = care.event(one.person_id, act.known_at)
            act.tell(cause, event, key=one.person_id, version=one.status_version)
        await self._persons.save_status_versions(tx, {one.person_id: one for one in people}, after)

    async def _tell_facilities(self, tx: Tx, act: Act, cause: str, *facilities: Facility) -> None:
        """Keep both facilities and tell them."""
        await save_facilities(tx, facilities, act.at, act.ring)
        for one in facilities:
            event = facility_event(one, self._desk.policy.facility_rules)
            act.tell(cause, event, key=one.code, version=one.version)


def _move_all(act: Act, cause: str, order: Order, people: Mapping[str, Person], care: CareFiles, beds: Beds) -> _Moving:
    """Every stay that goes on on the day ends the day before, and a new one begins where the person is alive."""
    moving = _Moving()
    later = 0
    for person in people.values():
        for stay in care.of(person.person_id).stays:
            if stay.facility != order.from_code or (stay.ended_on is not None and stay.ended_on < order.on):
                continue
            if stay.began_on >= order.on:
                later += 1
                continue
            _move(act, cause, order, person, stay, care, beds, moving)
    if later:
        raise TuoqiError("registry.merger_stays_later", code=order.from_code, count=later, day=order.on.isoformat())
    return moving


def _move(
    act: Act,
    cause: str,
    order: Order,
    person: Person,
    stay: Stay,
    care: CareFiles,
    beds: Beds,
    moving: _Moving,
) -> None:
    person_id, died_on = person.person_id, person.died_on
    ends = [order.on - timedelta(days=1), *([died_on] if died_on and died_on >= stay.began_on else [])]
    closed = replace(stay, ended_on=min(ends))
    care.put_stays(person_id, with_stay(care.of(person_id).stays, closed))
    moving.saved.append((person_id, closed))
    is_gone = died_on is not None and died_on < order.on
    lives_there = any(one.facility == order.into_code and one.covers(order.on) for one in care.of(person_id).stays)
    if is_gone or lives_there:
        moving.moves.append(Move(person_id, stay.stay_id, stay.ended_on, ""))
        return
    opened = Stay(act.new_id(cause, f"stay|{stay.stay_id}"), order.into_code, order.on, stay.ended_on)
    wanted = occupied_by(person.merged_into or person_id, opened, died_on)
    day = beds.first_day_short(wanted)
    if day is not None:
        moving.short[day] = moving.short.get(day, 0) + 1
    else:
        beds.take(wanted)
    care.put_stays(person_id, with_stay(care.of(person_id).stays, opened))
    moving.saved.append((person_id, opened))
    moving.moves.append(Move(person_id, stay.stay_id, stay.ended_on, opened.stay_id))


def _short(order: Order, new: Facility, moving: _Moving, lived_there: int) -> TuoqiError:
    return TuoqiError(
        "registry.merger_beds_short",
        code=new.code,
        day=min(moving.short).isoformat(),
        beds=new.beds,
        occupied=lived_there,
        on=order.on.isoformat(),
        wanted=len({one.person_id for one in moving.moves if one.opened_stay}),
        missing=sum(moving.short.values()),
    )


def _put_back(merger: Merger, care: CareFiles) -> list[tuple[str, Stay]]:
    """The stays as they were. Raises registry.merger_changed where one of them was changed since."""
    restored: list[tuple[str, Stay]] = []
    for move in merger.moves:
        stays = {one.stay_id: one for one in care.of(move.person_id).stays}
        for stay_id in filter(None, (move.closed_stay, move.opened_stay)):
            if stay_id not in stays or stays[stay_id].known_at != merger.made_at:
                raise TuoqiError("registry.merger_changed", what="入住记录")
        before = replace(stays[move.closed_stay], ended_on=move.ended_before)
        kept = [one for one in stays.values() if one.stay_id != move.opened_stay]
        care.put_stays(move.person_id, with_stay(kept, before))
        restored.append((move.person_id, before))
    return restored
