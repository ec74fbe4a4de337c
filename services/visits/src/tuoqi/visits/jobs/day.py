"""A worker's day in walking order 当日走访名单; names and addresses are the registry's, by the rights of whoever asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from tuoqi.kit.database import Database
from tuoqi.visits.domain.daylist import DayVisit, plan_day
from tuoqi.visits.domain.task_rules import TaskRules
from tuoqi.visits.domain.walking import Door, in_walking_order
from tuoqi.visits.peers import Doors
from tuoqi.visits.store import daylist as store

REASONS_MAX: Final = 20_000
"""Reasons read for one list; no worker walks farther."""
VISITS_MAX: Final = 2_000
"""People on one list."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One person on the way; `name` and `address` are shown and kept nowhere."""

    visit: DayVisit
    name: str
    address: str
    last_seen: date | None


@dataclass(frozen=True, slots=True)
class Walk:
    """The list. `waiting` people cannot wait until tomorrow, `more` could be visited too."""

    stops: Sequence[Stop]
    waiting: int
    capacity: int
    more: int


class DayDesk:
    """Makes day lists."""

    def __init__(self, database: Database, people: Doors, rules: TaskRules) -> None:
        self._database = database
        self._people = people
        self._rules = rules

    async def walk(self, *, regions: Sequence[str], below: str, worker: str, day: date) -> Walk:
        """Whom a worker, or the workers of a region, visit on a day. Raises peer.away."""
        near = day + timedelta(days=self._rules.near_days)
        async with self._database.begin() as tx:
            reasons = await store.reasons_of(
                tx, regions=regions, below=below, worker=worker, day=day, near=near, at_most=REASONS_MAX
            )
        capacity = self._rules.per_day if worker else VISITS_MAX
        planned = plan_day(reasons, day, capacity)
        visits = {one.person_id: one for one in planned.visits[:VISITS_MAX]}
        async with self._database.begin() as tx:
            seen = await store.last_seen(tx, visits)
        told = {one.person_id: one for one in await self._people.doors(sorted(visits))} if visits else {}
        doors = [
            Door(one.person_id, one.region, told[one.person_id].household_id, told[one.person_id].address)
            for one in visits.values()
        ]
        stops = [
            Stop(visits[door.person_id], told[door.person_id].name, door.address, seen.get(door.person_id))
            for door in in_walking_order(doors)
        ]
        waiting = sum(one.cannot_wait(day) for one in visits.values())
        return Walk(stops, waiting, capacity, planned.more + len(planned.visits[VISITS_MAX:]))
