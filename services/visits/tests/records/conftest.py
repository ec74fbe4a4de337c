"""A county that takes records over gRPC: real server, real PostgreSQL, a folder or an S3 API for attachments."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tuoqi.contracts.visits.v1 import record_service_pb2 as pb
from tuoqi.contracts.visits.v1.record_service_pb2_grpc import RecordServiceStub
from tuoqi.kit.clock import SettableClock
from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.county import County
from tuoqi.kit.database import Database
from tuoqi.kit.errors import register_errors
from tuoqi.kit.rights import Rights
from tuoqi.kit.rpc.client import connect
from tuoqi.kit.rpc.server import Guard, serve
from tuoqi.kit.settings import Settings
from tuoqi.kit.stamps import stamp_of
from tuoqi.kit.testing.playing import origin_of
from tuoqi.visits.__main__ import SERVICE
from tuoqi.visits.domain.errors import MEANINGS
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.rules import VisitsRules
from tuoqi.visits.handlers.plans import on_person_told, on_status_changed
from tuoqi.visits.jobs.attachments import PURPOSE, AttachmentDesk, AttachmentSweep
from tuoqi.visits.jobs.intake import Intake
from tuoqi.visits.jobs.sweep import MidnightSweep
from tuoqi.visits.jobs.uploads import Uploads
from tuoqi.visits.rpc.records import add_records
from tuoqi.visits.store import NoteSeal
from tuoqi.visits.store.attachments import AttachmentSeal
from tuoqi.visits.store.objects import Objects, ObjectStore
from tuoqi.visits.store.private import PrivateWords

COUNTY = Path(__file__).parents[4] / "deploy/counties/990101"
TOKEN = "a-token-of-this-test-only"
KEY = b"k" * 32
HERE, ELSEWHERE = "990101101201", "990101102201"


@dataclass
class Desk:
    """Visits with three elders, HIGH since 2 March 2026; the third lives in another township."""

    database: Database
    commander: Commander
    rules: VisitsRules
    clock: SettableClock
    objects: Objects
    people: Any
    make: Any
    folder: Path

    @asynccontextmanager
    async def stub(self, user: str = "worker.tian", purpose: str = "") -> AsyncIterator[Any]:
        """The service behind its guard, called by a user."""
        token = self.folder / "token"
        token.write_text(TOKEN)
        settings = Settings(database_url="unused", token_file=token)
        guard = Guard(settings, Rights.from_county(County.load(COUNTY)), self.database, self.clock)
        rules, seal = self.rules.records, NoteSeal(KEY)
        desk = AttachmentDesk(
            self.database, self.clock, rules, self.objects, AttachmentSeal(KEY), PrivateWords(KEY, PURPOSE)
        )
        intake = Intake(self.commander, seal, self.rules.findings, rules)
        uploads = Uploads(self.commander, intake, self.people, self.clock, rules)
        server = await serve(settings, guard, [add_records(self.database, uploads, desk, seal, rules)])
        try:
            async with connect(server.address, TOKEN, user, purpose) as channel:
                yield RecordServiceStub(channel)
        finally:
            await server.stop(0)

    async def upload(self, *records: pb.VisitForm, user: str = "worker.tian") -> list[pb.RecordAnswer]:
        """One batch in one call."""
        async with self.stub(user) as stub:
            call = stub.UploadRecords(iter([pb.UploadRecordsRequest(records=records)]))
            return [answer async for response in call for answer in response.answers]

    def record(self, number: int, day: str = "2026-03-04", hour: int = 9, **changes: Any) -> pb.VisitForm:
        """A visit at the first elder's home, who was met."""
        given: dict[str, Any] = {
            "visit_id": f"00000000-0000-4000-a000-{number:012d}",
            "person_id": self.make.person(1),
            "started_at": stamp_of(self.make.at(day, hour)),
            "channel": "IN_PERSON",
            "result": "MET",
        }
        return pb.VisitForm(**(given | changes))

    def go_to(self, day: str, hour: int = 12) -> datetime:
        """Move the clock."""
        self.clock.move_to(self.make.at(day, hour))
        return self.clock.now()

    async def midnight(self, day: str) -> None:
        """Judge everything due by 00:00 of a day."""
        await MidnightSweep(self.commander, self.database, self.rules.grades, 1_000).run(self.make.at(day, 0))

    async def rows(self, sql: str, **params: Any) -> list[tuple[Any, ...]]:
        """All rows of a query as plain tuples."""
        async with self.database.begin() as tx:
            return [tuple(row) for row in await tx.fetch(sql, **params)]

    async def plan(self, number: int = 1) -> tuple[Any, ...]:
        """First and last day of the running window."""
        ((first, last),) = await self.rows(
            "SELECT window_first::text, deadline::text FROM plans WHERE person_id = :id", id=self.make.person(number)
        )
        return first, last

    def sweep(self) -> AttachmentSweep:
        """The timer of attachments."""
        return AttachmentSweep(self.database, self.objects)


class Register:
    """The registry's answers: everybody up to person 3 is known."""

    def __init__(self, make: Any) -> None:
        self._known = {make.person(number) for number in (1, 2, 3)}

    async def identify(self, names: Sequence[Any]) -> list[str]:
        """An id that is known, else nothing."""
        return [name.person_id if name.person_id in self._known else "" for name in names]


async def desk_on(database: Database, make: Any, objects: Objects, folder: Path) -> Desk:
    """A desk on a fresh database."""
    register_errors(MEANINGS)
    rules: VisitsRules = SERVICE.read_policy(County.load(COUNTY))
    commander = Commander(SERVICE.stores, database, origin_of("visits", rules), lambda: None)
    for number, region in ((1, HERE), (2, HERE), (3, ELSEWHERE)):
        name, at = make.person(number), make.at("2026-03-02")
        person = make.registered(person_id=name, residence_region=region)
        told = make.statuses(make.living_alone(), person_id=name)
        calls = [
            Call(name, on_person_told, person, f"p{number}", at, "test"),
            Call(name, on_status_changed, told, f"s{number}", at, "test"),
        ]
        await commander.run(VisitFile, calls)
    clock = SettableClock(make.at("2026-03-04", 12))
    return Desk(database, commander, rules, clock, objects, Register(make), make, folder)


@pytest.fixture
def new_desk(
    database_for: Callable[[str], Awaitable[Database]], make: Any, tmp_path: Path
) -> Callable[[], Awaitable[Desk]]:
    """Makes a desk with attachments in a folder."""

    async def new() -> Desk:
        objects = ObjectStore.of((tmp_path / "objects").as_uri())
        return await desk_on(await database_for("visits"), make, objects, tmp_path)

    return new


@pytest.fixture
async def desk(new_desk: Callable[[], Awaitable[Desk]]) -> Desk:
    """One of them."""
    return await new_desk()
