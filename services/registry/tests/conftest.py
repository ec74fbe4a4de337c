"""A registry on a real PostgreSQL, spoken to by tables as the import service would."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

from tuoqi.contracts.topics import known_types, topics
from tuoqi.kit.clock import SettableClock, county_day
from tuoqi.kit.commands import Commander
from tuoqi.kit.context import Origin
from tuoqi.kit.county import County
from tuoqi.kit.database import Database
from tuoqi.kit.ids import id_maker
from tuoqi.kit.rights import Actor
from tuoqi.kit.rpc.tables import ChunkOutcome, Importer, LoadContext
from tuoqi.kit.tables import Header, Problem, parse_rows
from tuoqi.registry.__main__ import county_policy, importers
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.rpc.registry import RegistryServicer
from tuoqi.registry.store.seals import Vault

COUNTY = Path(__file__).parents[3] / "deploy" / "counties" / "990101"
CLERK = Actor(user="clerk.li")
CHUNK = 1_000


@dataclass(frozen=True)
class Said:
    """An event of the outbox."""

    topic: str
    key: str
    version: int
    partition: int | None
    message: Message


@dataclass
class Office:
    """A registry at work, its clock standing where the test wants it."""

    database: Database
    clock: SettableClock
    desk: Desk
    servicer: RegistryServicer
    importers: Mapping[str, Importer]
    loads: int = field(default=0)

    async def load(self, kind: str, *rows: Mapping[str, str], actor: Actor = CLERK) -> ChunkOutcome:
        """Load a file of rows: column key → cell."""
        columns = list(dict.fromkeys(key for row in rows for key in row))
        return await self.load_table(kind, columns, [[row.get(key, "") for key in columns] for row in rows], actor)

    async def load_table(
        self, kind: str, columns: Sequence[str], rows: Sequence[Sequence[str]], actor: Actor = CLERK
    ) -> ChunkOutcome:
        """Load a whole file in chunks, each in a transaction of its own."""
        self.loads += 1
        importer = self.importers[kind]
        header = Header.match(columns, importer.columns)
        now = self.clock.now()
        content = hashlib.sha256(f"{self.loads}".encode()).hexdigest()
        ctx = LoadContext(now, county_day(now), actor, content, 1, dry_run=False, traceparent="", correlation_id="c")
        total = ChunkOutcome()
        numbered = list(enumerate(rows, start=2))
        for first in range(0, len(numbered), CHUNK):
            good, flawed = parse_rows(header, numbered[first : first + CHUNK])
            async with self.database.begin() as tx:
                done = await importer.load(tx, good, ctx)
            total.problems += [*flawed, *done.problems]
            total.changed += done.changed
            total.unchanged += done.unchanged
            total.events += done.events
        return total

    @staticmethod
    def refused(outcome: ChunkOutcome) -> list[Problem]:
        """The problems that kept rows out."""
        return [problem for problem in outcome.problems if not problem.only_warning]

    async def said(self, *kinds: type[Message], after: int = 0) -> list[Said]:
        """What the outbox holds of these kinds (all, where none is named), in order, the first `after` left out."""
        async with self.database.begin() as tx:
            rows = await tx.fetch("SELECT * FROM outbox ORDER BY seq")
        found = [
            Said(
                row.topic,
                row.key,
                row.aggregate_version,
                row.partition,
                known_types()[row.ce_type].FromString(row.value),
            )
            for row in rows
        ]
        return [one for one in found if not kinds or isinstance(one.message, kinds)][after:]

    async def fetch(self, sql: str, **params: Any) -> Sequence[Any]:
        """Rows of a statement."""
        async with self.database.begin() as tx:
            return await tx.fetch(sql, **params)


@pytest.fixture
async def office(database_for: Callable[..., Awaitable[Database]]) -> Office:
    """An empty register on 22 November 2026, 09:00 in the county."""
    database = await database_for("registry")
    clock = SettableClock(datetime(2026, 11, 22, 1, tzinfo=UTC))
    policy = county_policy(County.load(COUNTY))
    own = [entry for entry in topics().values() if entry.owner == "registry"]
    origin = Origin(own, id_maker(bytes(range(32))), policy)
    vault = Vault(bytes(range(1, 33)), bytes(range(2, 34)))
    desk = Desk(origin, clock, vault, policy)
    commander = Commander({}, database, origin, lambda: None)
    servicer = RegistryServicer(database, vault, origin, clock, commander)
    return Office(database, clock, desk, servicer, {importer.kind: importer for importer in importers(desk)})


OLD = {
    "name": "古丽·测试",
    "id_number": "990101193607010016",
    "hukou_region": "990101101201",
    "residence_region": "990101101202",
    "address": "测试镇一号院",
    "phone": "13900001234",
    "account_no": "6299990000000000012",
    "account_name": "古丽·测试",
    "bank": "测试银行",
    "household_no": "户甲001",
    "relation_to_head": "户主",
    "note": "只在此处的备注",
}
CHILD = {
    "name": "测小二",
    "id_number": "990101201503090063",
    "hukou_region": "990101101201",
    "household_no": "户甲001",
    "relation_to_head": "孙女",
    "guardian_name": "古丽·测试",
    "guardian_id_number": "990101193607010016",
    "guardian_phone": "13900005678",
    "account_no": "6299990000000000012",
    "account_name": "古丽·测试",
    "account_holder_id": "990101193607010016",
    "bank": "测试银行",
}


@pytest.fixture
def old() -> dict[str, str]:
    """A row of an old man, everything filled in."""
    return dict(OLD)


@pytest.fixture
def child() -> dict[str, str]:
    """A row of a child whose guardian holds the account."""
    return dict(CHILD)
