"""The timer of pairings: every midnight all that hold are compared with what is known of child and helper.

One that no longer fits ends, with the reason, and its child stands in the list of those who wait; nothing ends silently.
A timer that was away for a week looks at each day that it missed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Final

from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Database, Tx
from tuoqi.visits.domain.days import ONE_DAY, day_of, midnight_of
from tuoqi.visits.domain.facts import PersonFacts
from tuoqi.visits.domain.pairings import PERSON, EndedAs, Pairing, PairingKind, PairingRules
from tuoqi.visits.handlers.pairings import EndPairing, on_end
from tuoqi.visits.store import pairing_inputs as inputs
from tuoqi.visits.store import pairings as store

ACTOR: Final = "clock:pairings"
AT_ONCE: Final = 1_000
Judge = Callable[[date], EndedAs | None]
"""Why a pairing does not hold on a day; None where it does."""


class PairingEnds:
    """Ends what no longer fits, and says so."""

    def __init__(self, commander: Commander, database: Database, rules: PairingRules) -> None:
        self._commander = commander
        self._database = database
        self._rules = rules

    async def next_due(self, tx: Tx) -> datetime | None:
        """The midnight after the last look, while there is any pairing."""
        looked = await store.looked_on(tx)
        return None if looked is None or not await store.any_pairing(tx) else midnight_of(looked + ONE_DAY)

    async def run(self, until: datetime) -> int:
        """Look at every pairing as of each midnight up to this moment; how many ended."""
        today = day_of(until)
        async with self._database.begin() as tx:
            looked = await store.looked_on(tx)
        if looked is None or looked >= today:
            return 0
        done, after = 0, ""
        while page := await self._page(after):
            pairings, judges = page
            ended = [
                (one, found)
                for one, judge in zip(pairings, judges, strict=True)
                if (found := first_fault(judge, one.began_on, looked, today)) is not None
            ]
            if ended:
                await self._commander.run(Pairing, [_call(one, *found) for one, found in ended])
            done, after = done + len(ended), pairings[-1].pairing_id
        async with self._database.begin() as tx:
            await store.note_looked(tx, today)
        return done

    async def _page(self, after: str) -> tuple[list[Pairing], list[Judge]] | None:
        async with self._database.begin() as tx:
            pairings = await store.page_in_force(tx, after, AT_ONCE)
            if not pairings:
                return None
            persons = {one.person_id for one in pairings} | {
                one.helper_id for one in pairings if one.helper_as == PERSON
            }
            people = await inputs.people_known(tx, persons)
            posts = await inputs.posts_of(tx, {one.helper_id for one in pairings if one.helper_as != PERSON})
        facts = {person_id: one.facts for person_id, one in people.items()}
        return pairings, [self._judge(one, facts, posts.get(one.helper_id, ())) for one in pairings]

    def _judge(self, pairing: Pairing, facts: dict[str, PersonFacts | None], posts: Sequence[inputs.HeldPost]) -> Judge:
        child, helper = facts.get(pairing.person_id), facts.get(pairing.helper_id)

        def judge(day: date) -> EndedAs | None:
            kind = self._rules.kind(pairing.kind, day)
            if kind is None:
                return None
            fault = kind.why_not(child, day) if child is not None else None
            return fault or (
                _person_fault(helper, day) if pairing.helper_as == PERSON else _worker_fault(kind, posts, day)
            )

        return judge


def _person_fault(facts: PersonFacts | None, day: date) -> EndedAs | None:
    if facts is None or inputs.may_help(facts, day):
        return None
    died = facts.died_on is not None and facts.died_on < day
    return EndedAs.HELPER_DIED if died else EndedAs.HELPER_LEFT


def _worker_fault(kind: PairingKind, posts: Sequence[inputs.HeldPost], day: date) -> EndedAs | None:
    return None if any(one.fits(kind.posts, day) for one in posts) else EndedAs.HELPER_LEFT


def first_fault(judge: Judge, began_on: date, looked: date, today: date) -> tuple[EndedAs, date, date] | None:
    """Why, from when, and on which day it was to be found that a pairing holds no longer; None while it holds.

    What had begun by the first day that nobody has looked at yet is followed back to its own first day.
    """
    day = max(began_on, looked + ONE_DAY)
    while day <= today:
        why = judge(day)
        if why is not None:
            began = day
            while began > began_on and judge(began - ONE_DAY) == why:
                began -= ONE_DAY
            return why, began, day
        day += ONE_DAY
    return None


def _call(pairing: Pairing, why: EndedAs, ended_on: date, found_on: date) -> Call:
    return Call(
        key=pairing.pairing_id,
        handler=on_end,
        message=EndPairing(why, ended_on),
        cause=f"pairing-end|{pairing.pairing_id}",
        at=midnight_of(found_on),
        actor=ACTOR,
    )
