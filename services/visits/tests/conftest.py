"""What the tests of visits share: the shipped grade tables, one person's life by events, and a platform of fakes."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from tuoqi.contracts.registry.v1 import person_pb2, registry_service_pb2, status_pb2
from tuoqi.kit.commands import Commander
from tuoqi.kit.context import Context, Emission
from tuoqi.kit.database import Database
from tuoqi.kit.handlers import Handler
from tuoqi.kit.testing.playing import origin_of
from tuoqi.visits.domain.days import COUNTY_ZONE
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.grades import VisitPolicy
from tuoqi.visits.domain.policy import read_policy
from tuoqi.visits.domain.rules import VisitsRules
from tuoqi.visits.store import VisitFileStore

GRADES = Path(__file__).parents[3] / "deploy/counties/990101/visits/grades.yaml"
PERSON = "00000000-0000-4000-8000-000000000001"
VILLAGE = "990101001201"


@pytest.fixture(scope="session")
def grades() -> VisitPolicy:
    """The grade tables that ship."""
    return read_policy(yaml.safe_load(GRADES.read_text(encoding="utf-8")))


class Make:
    """Builds what happens to people."""

    @staticmethod
    def at(day: str, hour: int = 9) -> datetime:
        """A full hour of a day, county time."""
        return datetime.combine(date.fromisoformat(day), time(hour), COUNTY_ZONE)

    @staticmethod
    def stamp(moment: datetime) -> Timestamp:
        """A moment as the wire has it."""
        result = Timestamp()
        result.FromDatetime(moment.astimezone(UTC))
        return result

    @staticmethod
    def facts(person_id: str = PERSON, **changes: Any) -> person_pb2.PersonFacts:
        """An elder of 84 in March 2026, living in a village."""
        given: dict[str, Any] = {
            "person_id": person_id,
            "birth_date": "1942-01-15",
            "sex": "F",
            "hukou": [person_pb2.HukouSince(region=VILLAGE, known_on="2026-01-01")],
            "residence_region": VILLAGE,
        }
        return person_pb2.PersonFacts(**(given | changes))

    @staticmethod
    def registered(**changes: Any) -> person_pb2.PersonRegistered:
        """The person stands on the register."""
        return person_pb2.PersonRegistered(person=Make.facts(**changes), known_at=Make.stamp(Make.at("2026-03-02")))

    @staticmethod
    def statuses(*rows: status_pb2.StatusInterval, person_id: str = PERSON) -> status_pb2.PersonStatusChanged:
        """All statuses of the person."""
        return status_pb2.PersonStatusChanged(
            person_id=person_id, intervals=rows, known_at=Make.stamp(Make.at("2026-03-02"))
        )

    @staticmethod
    def living_alone(order: int = 1, **changes: Any) -> status_pb2.StatusInterval:
        """An elder who lives alone 独居老人; at 80 and more that is HIGH: every 7 days."""
        given: dict[str, Any] = {
            "interval_id": f"00000000-0000-4000-9000-{order:012d}",
            "category": "living_alone_elder",
            "decided_on": "2026-01-10",
            "loaded_order": order,
        }
        return status_pb2.StatusInterval(**(given | changes))

    @staticmethod
    def person(number: int) -> str:
        """The id of the person `n-<number>`."""
        return f"00000000-0000-4000-8000-{number:012d}"


@pytest.fixture
def make() -> type[Make]:
    """The builders of this folder."""
    return Make


@dataclass
class Life:
    """Hands messages to handlers as the kit does, and keeps what was said."""

    policy: VisitPolicy
    file: VisitFile | None = None
    said: list[Emission] = field(default_factory=list)
    _causes: Any = field(default_factory=itertools.count)

    def take(self, handler: Handler, message: Any, moment: datetime, version: int = 0) -> list[Message]:
        """What this one message made the handler say."""
        first = len(self.said)
        ctx = Context(
            origin_of("visits", VisitsRules(self.policy)),
            self.said,
            at=moment,
            cause=f"test-{next(self._causes)}",
            message_version=version,
        )
        ctx.key = PERSON
        self.file = handler(self.file, message, ctx)
        return [emission.message for emission in self.said[first:]]

    def names(self) -> list[str]:
        """The types of everything said."""
        return [emission.message.DESCRIPTOR.name for emission in self.said]


@pytest.fixture
def life(grades: VisitPolicy) -> Life:
    """Nothing is known yet."""
    return Life(grades)


class FakePeople:
    """The registry's answers about people named `n-<k>`: person k."""

    def __init__(self) -> None:
        self.calls = 0

    async def identify(self, names: Sequence[registry_service_pb2.PersonName]) -> list[str]:
        """Temporary ids and person ids are known, identity numbers are not."""
        self.calls += 1
        return [_known(name) for name in names]

    async def describe(
        self, person_ids: Sequence[str], *, reveal: bool
    ) -> list[registry_service_pb2.PersonDescription]:
        """A name made of the id; a number in full only where it may be seen."""
        return [
            registry_service_pb2.PersonDescription(
                person_id=person_id, name=f"人{person_id[-2:]}", id_number="629999" if reveal else "****"
            )
            for person_id in person_ids
        ]


def _known(name: registry_service_pb2.PersonName) -> str:
    if name.temp_id.startswith("n-"):
        return Make.person(int(name.temp_id[2:]))
    return name.person_id


@dataclass
class Platform:
    """A database with the schema of visits, and the kit's way into it."""

    database: Database
    commander: Commander
    policy: VisitPolicy

    async def rows(self, sql: str, **params: Any) -> list[tuple[Any, ...]]:
        """All rows of a query as plain tuples."""
        async with self.database.begin() as tx:
            return [tuple(row) for row in await tx.fetch(sql, **params)]

    async def said(self) -> list[tuple[Any, ...]]:
        """Everything in the outbox, in order: type, person, moment, id, content."""
        return await self.rows("SELECT ce_type, key, ce_time, ce_id, value FROM outbox ORDER BY seq")


@pytest.fixture
async def platform(database_for: Callable[[str], Awaitable[Database]], grades: VisitPolicy) -> Platform:
    """An empty one."""
    return await platform_on(database_for, grades)


async def platform_on(database_for: Callable[[str], Awaitable[Database]], grades: VisitPolicy) -> Platform:
    """A platform on a fresh database."""
    database = await database_for("visits")
    commander = Commander(
        {VisitFile: VisitFileStore()}, database, origin_of("visits", VisitsRules(grades)), lambda: None
    )
    return Platform(database, commander, grades)


@pytest.fixture
def new_platform(
    database_for: Callable[[str], Awaitable[Database]], grades: VisitPolicy
) -> Callable[[], Awaitable[Platform]]:
    """Makes another empty platform."""
    return lambda: platform_on(database_for, grades)


@pytest.fixture
def people() -> FakePeople:
    """The registry's answers."""
    return FakePeople()
