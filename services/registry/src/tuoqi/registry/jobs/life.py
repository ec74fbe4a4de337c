"""The clock of lives 人生节点: birthdays that matter and ends of certificates, each told once, missed days later.

A day is due at 00:00 in the county. It is told under the locks of its people, so a death or a move that is recorded
meanwhile either stands before it, and then nothing is told, or waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Final

from tuoqi.contracts.registry.v1 import life_pb2
from tuoqi.kit.clock import COUNTY_ZONE, county_day
from tuoqi.kit.commands import Commander
from tuoqi.kit.database import Tx
from tuoqi.kit.rights import Actor
from tuoqi.registry.domain.life import LifeRules
from tuoqi.registry.jobs.act import Act, Desk
from tuoqi.registry.store import life as store
from tuoqi.registry.store.life import Reached

CHUNK: Final = 1_000
"""Days told in one transaction; a day of a million people has about two hundred."""
ACTOR: Final = Actor(user="clock:life", service=True)
_LONG_AGO: Final = date(1900, 1, 1)


class LifeTimer:
    """Tells what is due, day by day, in chunks that each commit."""

    def __init__(self, desk: Desk, commander: Commander) -> None:
        self._desk = desk
        self._commander = commander
        self._rules: LifeRules = desk.policy.life

    async def next_due(self, tx: Tx) -> datetime | None:
        """The midnight at which the next day is reached; earlier where a mended fact waits to be looked at."""
        noted: datetime | None = await store.next_recheck(tx)
        if noted is not None:
            return noted
        first = await self._first(tx)
        day = await store.next_reached(tx, self._rules, first) if first else None
        return datetime.combine(day, time(), COUNTY_ZONE).astimezone(UTC) if day else None

    async def run(self, until: datetime) -> int:
        """Tell every day reached up to and at this moment; how many were told."""
        last, done = county_day(until), 0
        while await self._has_rechecks():
            done += await self._commander.transaction(partial(self._recheck, last=last))
        while (told := await self._commander.transaction(partial(self._chunk, last=last))) is not None:
            done += told
        return done

    async def _first(self, tx: Tx) -> date | None:
        """The day to begin with: the last one looked at, at first the day of the first registration."""
        return await store.clock_day(tx) or await store.first_registration(tx)

    async def _has_rechecks(self) -> bool:
        found: bool = await self._commander.transaction(_any_recheck)
        return found

    async def _recheck(self, tx: Tx, *, last: date) -> int:
        act = await self._desk.begin(tx, ACTOR)
        people = await store.rechecks(tx, CHUNK)
        versions = await store.lock_people(tx, people)
        days = await store.reached_by(tx, self._rules, people, _LONG_AGO, last)
        # Days that no look has come to yet are told by the walk along the days.
        upto = await self._first(tx) or last
        return await self._tell(tx, act, [one for one in days if one.due_on <= upto], versions, last)

    async def _chunk(self, tx: Tx, *, last: date) -> int | None:
        """The next day up to `last`, or a part of it; None where all are told."""
        act = await self._desk.begin(tx, ACTOR)
        first = await self._first(tx)
        day = await store.next_reached(tx, self._rules, first) if first else None
        if day is None or day > last:
            if first is None or first < last:
                await store.set_clock_day(tx, last)
            return None
        people = {one.person_id for one in await store.reached(tx, self._rules, day, day, CHUNK)}
        versions = await store.lock_people(tx, people)
        # Read again under the locks: who died or moved while we waited has reached nothing.
        days = [one for one in await store.reached(tx, self._rules, day, day, CHUNK) if one.person_id in people]
        await store.set_clock_day(tx, day)
        return await self._tell(tx, act, days, versions, last)

    async def _tell(self, tx: Tx, act: Act, days: Sequence[Reached], versions: dict[str, int], last: date) -> int:
        if not days:
            return 0
        numbered: list[tuple[Reached, int]] = []
        for one in days:
            version = versions[one.person_id] = versions.get(one.person_id, 0) + 1
            numbered.append((one, version))
            cause = f"life|{one.person_id}|{one.kind}|{one.interval_id}|{one.due_on}"
            act.tell(cause, _event(one, act), key=one.person_id, version=version)
        await store.tell(tx, numbered, max(act.today, last))
        await act.send(tx)
        return len(numbered)


async def _any_recheck(tx: Tx) -> bool:
    return await store.next_recheck(tx) is not None


def _event(one: Reached, act: Act) -> life_pb2.LifeEventReached:
    return life_pb2.LifeEventReached(
        person_id=one.person_id,
        kind=one.kind,
        due_on=one.due_on.isoformat(),
        age=0 if one.interval_id else one.number,
        interval_id=one.interval_id,
        valid_until=one.valid_until.isoformat() if one.valid_until else "",
        known_at=act.known_at,
    )
