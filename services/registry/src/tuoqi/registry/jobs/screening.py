"""Screening 动态排查: a list is run for the caller's regions, and each row comes to an outcome that somebody decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.registry.domain.screening import ScreeningList
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.store import screening as store
from tuoqi.registry.store.screening import Row


@dataclass(frozen=True, slots=True)
class Run:
    """What a run found."""

    number: int
    found: int
    added: int
    gone: int


class Screening:
    """Runs lists and decides rows, each in a transaction of its own."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def list_of(self, key: str, actor: Actor) -> ScreeningList:
        """A list by its key. Raises screening.list_unknown, and auth.no_purpose where it is about children."""
        lists = self._desk.policy.screening
        if key not in lists:
            raise TuoqiError("screening.list_unknown", list=key, allowed="、".join(lists))
        if lists[key].about_children:
            actor.require_purpose()
        return lists[key]

    async def run(self, tx: Tx, actor: Actor, key: str, day: date | None) -> Run:
        """Look for a list's people on a day, today where none is given. Raises a slug of `screening.`."""
        wanted = self.list_of(key, actor)
        act = await self._desk.begin(tx, actor)
        if day is not None and day > act.today:
            raise TuoqiError("screening.day_in_future", today=act.today)
        return Run(*await store.run_list(tx, wanted, day or act.today, actor.regions, by=actor.user, at=act.at))

    async def decide(self, tx: Tx, actor: Actor, number: int, outcome: str, remark: str) -> Row:
        """End an open row. Raises a slug of `screening.`."""
        act = await self._desk.begin(tx, actor)
        row = await store.row_of(tx, number, lock=True)
        if row is None or not actor.may_act_in(row.region):
            raise TuoqiError("screening.row_unknown")
        wanted = self.list_of(row.list, actor)
        if row.outcome:
            raise TuoqiError("screening.row_closed", outcome=row.outcome)
        chosen = wanted.outcome(outcome)
        if chosen is None:
            allowed = "、".join(f"{one.name}[{one.code}]" for one in wanted.outcomes.values())
            raise TuoqiError("screening.outcome_unknown", allowed=allowed)
        await act.ring.open(tx, [row.person_id])
        await store.decide(tx, row, chosen, by=actor.user, at=act.at, day=act.today, remark=remark, ring=act.ring)
        decided = await store.row_of(tx, number, lock=False)
        return decided or row
