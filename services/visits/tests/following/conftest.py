"""A platform with every store of visits and the county that ships."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tuoqi.kit.clock import SettableClock
from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.county import County
from tuoqi.kit.database import Database
from tuoqi.kit.rights import Actor
from tuoqi.kit.rpc.tables import LoadContext
from tuoqi.kit.testing.playing import KEY, origin_of
from tuoqi.visits.__main__ import SERVICE
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.handlers.plans import on_person_told, on_status_changed
from tuoqi.visits.jobs import contracts, referral_desk
from tuoqi.visits.jobs.policies import read_rules
from tuoqi.visits.store.private import PrivateWords

COUNTY = Path(__file__).parents[4] / "deploy/counties/990101"
RIGHTS = frozenset({"given.record", "contract.sign"})


class OpenPlaces:
    """The registry knows one facility."""

    async def open_facilities(self, codes: Collection[str]) -> frozenset[str]:
        """EH-01 is open."""
        return frozenset(codes) & {"EH-01"}


class County990101:
    """The platform of these tests: rules, database, commander, clock, and short ways to say what happens."""

    def __init__(self, database: Database, make: Any) -> None:
        self.rules = read_rules(County.load(COUNTY))
        self.database = database
        self.commander = Commander(SERVICE.stores, database, origin_of("visits", self.rules), lambda: None)
        self.clock = SettableClock(make.at("2026-03-05", 12))
        self.make = make
        self.referrals = referral_desk.ReferralDesk(
            database, self.commander, self.clock, self.rules.findings, PrivateWords(KEY, referral_desk.PURPOSE)
        )
        self.contracts = contracts.ContractDesk(
            database, self.commander, self.clock, self.rules.contracts,
            PrivateWords(KEY, contracts.PURPOSE), OpenPlaces(),
        )  # fmt: skip

    async def rows(self, sql: str, **params: Any) -> list[tuple[Any, ...]]:
        """All rows of a query as plain tuples."""
        async with self.database.begin() as tx:
            return [tuple(row) for row in await tx.fetch(sql, **params)]

    async def said(self, topic: str) -> list[tuple[str, datetime]]:
        """Types and moments of what was told on a topic."""
        rows = await self.rows("SELECT ce_type, ce_time FROM outbox WHERE topic = :topic ORDER BY seq", topic=topic)
        return [(name.rsplit(".", 1)[1], moment) for name, moment in rows]

    async def told(self, number: int, *statuses: Any, version: int = 1, **facts: Any) -> str:
        """The registry tells of person k, born 1942, in a village; the id."""
        make, name = self.make, self.make.person(number)
        at = make.at("2026-03-02")
        person = make.registered(person_id=name, **facts)
        told = make.statuses(*statuses, person_id=name)
        calls = [
            Call(name, on_person_told, person, f"p{number}.{version}", at, "test"),
            Call(name, on_status_changed, told, f"s{number}.{version}", at, "test"),
        ]
        await self.commander.run(VisitFile, calls)
        return str(name)

    def context(self, moment: datetime, regions: tuple[str, ...] = ("",), digit: str = "f") -> LoadContext:
        """A clerk loads a file."""
        return LoadContext(
            at=moment,
            today=moment.date(),
            actor=Actor("zhang", regions=regions, rights=RIGHTS),
            content_hash=digit * 64,
            attempt=1,
            dry_run=False,
            traceparent="",
            correlation_id="c",
        )


@pytest.fixture
async def county(database_for: Callable[[str], Awaitable[Database]], make: Any) -> County990101:
    """Nobody is known yet; it is 5 March 2026, noon."""
    return County990101(await database_for("visits"), make)
