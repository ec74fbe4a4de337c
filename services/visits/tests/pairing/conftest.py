"""A visits database with children and helpers, and everything that pairs them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tuoqi.contracts.registry.v1 import status_pb2
from tuoqi.kit.clock import SettableClock
from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.county import County
from tuoqi.kit.database import Database
from tuoqi.kit.rights import Actor
from tuoqi.kit.testing.playing import KEY, origin_of
from tuoqi.visits.__main__ import SERVICE
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.handlers.pairing_mirrors import HELPER_TABLES
from tuoqi.visits.handlers.plans import on_person_told, on_status_changed
from tuoqi.visits.jobs import pairings
from tuoqi.visits.jobs.pairing_ends import PairingEnds
from tuoqi.visits.jobs.pairing_runs import PairingRuns
from tuoqi.visits.jobs.policies import read_rules
from tuoqi.visits.store.private import PrivateWords

COUNTY = Path(__file__).parents[4] / "deploy/counties/990101"
REVIEWER = Actor("reviewer.zhao", purpose="两家有纠纷", rights=frozenset({"pairing.read", "pairing.write"}))
VILLAGES = ("990101101201", "990101101202", "990101102201")


class PairingCounty:
    """What happens in it, and what is done about pairings."""

    def __init__(self, database: Database, make: Any) -> None:
        self.rules = read_rules(County.load(COUNTY))
        self.database = database
        self.commander = Commander(SERVICE.stores, database, origin_of("visits", self.rules), lambda: None)
        self.clock = SettableClock(make.at("2026-03-05", 12))
        self.make = make
        self.runs = PairingRuns(database, self.commander, self.clock, self.rules.pairings)
        words = PrivateWords(KEY, pairings.PURPOSE)
        self.desk = pairings.PairingDesk(database, self.commander, self.clock, self.runs, words)
        self.ends = PairingEnds(self.commander, database, self.rules.pairings)
        self._versions = 0

    async def rows(self, sql: str, **params: Any) -> list[tuple[Any, ...]]:
        """All rows of a query as plain tuples."""
        async with self.database.begin() as tx:
            return [tuple(row) for row in await tx.fetch(sql, **params)]

    async def said(self) -> list[tuple[str, str]]:
        """(type, key) of all events about pairings, in order."""
        rows = await self.rows("SELECT ce_type, key FROM outbox WHERE topic = 'tuoqi.visits.pairing.v1' ORDER BY seq")
        return [(kind.rsplit(".", 1)[1], key) for kind, key in rows]

    async def child(self, number: int, village: str = VILLAGES[0], *, born: str = "2018-05-01", **changes: Any) -> str:
        """A left-behind child."""
        person = self.make.person(number)
        sex = changes.pop("sex", "M")
        status = status_pb2.StatusInterval(
            interval_id=f"00000000-0000-4000-9000-{number:012d}",
            category=changes.pop("category", "left_behind_child"),
            decided_on="2026-01-10",
            loaded_order=1,
            **changes,
        )
        told = self.make.registered(person_id=person, residence_region=village, birth_date=born, sex=sex)
        at = self.make.at("2026-03-02")
        await self.commander.run(
            VisitFile,
            [
                Call(person, on_person_told, told, f"p:{person}", at, "test"),
                Call(
                    person, on_status_changed, self.make.statuses(status, person_id=person), f"s:{person}", at, "test"
                ),
            ],
        )
        row = HELPER_TABLES[1].on[type(told)](told, 1)
        await self.rows_written("INSERT INTO pairing_people VALUES (:a, :b, :c) ON CONFLICT DO NOTHING", row)
        return str(person)

    async def person_told(self, event: Any, at: datetime) -> None:
        """The registry tells something about a person."""
        person = event.person.person_id
        await self.commander.run(VisitFile, [Call(person, on_person_told, event, f"{person}:{at}", at, "test")])

    async def helper(self, number: int, village: str = VILLAGES[0], *, sex: str = "F", last: str = "") -> str:
        """A loving mother."""
        worker = f"00000000-0000-4000-b000-{number:012d}"
        self._versions += 1
        posts = f'[["loving_mother","{village}","2026-01-01","{last}"]]'
        await self.rows_written(
            "INSERT INTO helpers (worker_id, version, sex, posts) VALUES (:a, :b, :c, :d)"
            " ON CONFLICT (worker_id) DO UPDATE SET posts = excluded.posts",
            (worker, self._versions, sex, posts),
        )
        return worker

    async def rows_written(self, sql: str, row: Any) -> None:
        """Write one row."""
        async with self.database.begin() as tx:
            await tx.execute(sql, **dict(zip("abcd", row, strict=False)))


@pytest.fixture
async def county(database_for: Callable[[str], Awaitable[Database]], make: Any) -> PairingCounty:
    """An empty one."""
    return PairingCounty(await database_for("visits"), make)


@pytest.fixture
def reviewer() -> Actor:
    """The whole county's."""
    return REVIEWER
