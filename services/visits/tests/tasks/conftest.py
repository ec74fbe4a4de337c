"""A visits database with workers, plans and extra tasks, and everything that acts upon them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tuoqi.contracts.alerts.v1 import warning_pb2
from tuoqi.contracts.registry.v1 import registry_service_pb2
from tuoqi.kit.clock import SettableClock
from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Database
from tuoqi.kit.rights import Actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.kit.testing.playing import origin_of
from tuoqi.visits.domain.batches import TaskBatch
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.grades import VisitPolicy
from tuoqi.visits.domain.records import VisitForm
from tuoqi.visits.domain.rules import VisitsRules
from tuoqi.visits.domain.task_rules import TaskRules, read_task_rules
from tuoqi.visits.handlers.batches import on_warning_ended, on_warning_issued
from tuoqi.visits.handlers.plans import on_midnight, on_person_told, on_status_changed
from tuoqi.visits.handlers.records import on_visit_arrived
from tuoqi.visits.jobs.carers import CarerDeaths
from tuoqi.visits.jobs.desk import TaskDesk
from tuoqi.visits.jobs.ordering import TaskDeadlines, TaskOrders
from tuoqi.visits.jobs.sharing import Sharing
from tuoqi.visits.store import VisitFileStore
from tuoqi.visits.store.batches import TaskBatchStore

RULES = Path(__file__).parents[4] / "deploy/counties/990101/visits/tasks.yaml"
VILLAGE, NEXT, TOWN = "990101001201", "990101001202", "990101001000"
CLERK = Actor("clerk.li")
MORNING = datetime(2026, 3, 2, 1, tzinfo=UTC)
"""09:00 in the county."""
WARNING = "00000000-0000-4000-8000-0000000000aa"


@dataclass
class County:
    """What happens in it, and what is asked of it."""

    database: Database
    commander: Commander
    rules: TaskRules
    clock: SettableClock
    make: Any

    def __post_init__(self) -> None:
        """Everything that acts, as `__main__` wires it."""
        self.sharing = Sharing(self.commander, self.database, self.rules, self.clock)
        self.orders = TaskOrders(self.commander, self.database)
        self.deadlines = TaskDeadlines(self.commander, self.database)
        self.carers = CarerDeaths(self.commander, self.database, self.rules.carer, self.clock)
        self.desk = TaskDesk(self.commander, self.database, self.rules, self.sharing, self.orders)

    async def rows(self, sql: str, **params: Any) -> list[tuple[Any, ...]]:
        """All rows of a query as plain tuples."""
        async with self.database.begin() as tx:
            return [tuple(row) for row in await tx.fetch(sql, **params)]

    async def said(self, *kinds: str) -> list[tuple[str, str]]:
        """(type, key) of everything in the outbox, in order; only of these types where any is named."""
        rows = await self.rows("SELECT ce_type, key FROM outbox ORDER BY seq")
        named = [(kind.rsplit(".", 1)[1], key) for kind, key in rows]
        return [one for one in named if not kinds or one[0] in kinds]

    async def elders(self, numbers: Sequence[int], *, region: str = VILLAGE, at: datetime = MORNING) -> list[str]:
        """People of 84 who live alone: HIGH, every seven days."""
        people = [self.make.person(number) for number in numbers]
        told: list[Call] = []
        for person in people:
            registered = self.make.registered(person_id=person, residence_region=region)
            care = self.make.statuses(self.make.living_alone(), person_id=person)
            told.append(Call(person, on_person_told, registered, f"person:{person}", at, "test"))
            told.append(Call(person, on_status_changed, care, f"status:{person}", at, "test"))
        await self.commander.run(VisitFile, told)
        return people

    async def tell(self, person: str, event: Any, at: datetime) -> None:
        """The registry tells something about a person."""
        await self.commander.run(VisitFile, [Call(person, on_person_told, event, f"{person}:{at}", at, "test")])

    async def midnight(self, person: str, at: datetime) -> None:
        """A day begins for a person."""
        day = at.date()
        await self.commander.run(VisitFile, [Call(person, on_midnight, day, f"m:{person}:{day}", at, "test")])

    async def worker(self, number: int, *posts: tuple[str, ...], version: int = 1) -> str:
        """A worker with posts (kind, region, first day, last day)."""
        worker = f"00000000-0000-4000-b000-{number:012d}"
        rows = [[*post, *("2026-01-01", "")[len(post) - 2 :]] for post in posts]
        async with self.database.begin() as tx:
            await tx.execute(
                "INSERT INTO workers VALUES (:worker, :version, :posts) ON CONFLICT (worker_id)"
                " DO UPDATE SET version = excluded.version, posts = excluded.posts",
                worker=worker,
                version=version,
                posts=json.dumps(rows),
            )
        return worker

    async def assigned(self) -> dict[str, str]:
        """Person → worker, of everybody with a plan whom something was decided for."""
        rows = await self.rows("SELECT person_id, worker_id FROM assignments WHERE active")
        return {row[0]: row[1] for row in rows}

    async def visit(
        self, person: str, number: int, started_at: datetime, *, arrived_at: datetime | None = None, result: str = "MET"
    ) -> None:
        """A record of a visit arrives."""
        form = VisitForm(f"00000000-0000-4000-a000-{number:012d}", started_at, "IN_PERSON", result)
        call = Call(person, on_visit_arrived, form, f"visit:{number}", arrived_at or started_at, "test")
        await self.commander.run(VisitFile, [call])

    async def warn(self, at: datetime, *, regions: Sequence[str] = (TOWN,), due_h: int = 24) -> None:
        """A warning upon which people must be seen."""
        event = warning_pb2.WeatherWarningIssued(
            warning_id=WARNING,
            kind="cold_wave",
            colour="ORANGE",
            regions=regions,
            begins_at=stamp_of(at),
            tasks_due_at=stamp_of(at + timedelta(hours=due_h)),
        )
        await self.commander.run(TaskBatch, [Call(WARNING, on_warning_issued, event, "warn", at, "test")])

    async def warning_ends(self, at: datetime) -> None:
        """The warning is over."""
        event = warning_pb2.WeatherWarningEnded(warning_id=WARNING, ended_at=stamp_of(at))
        await self.commander.run(TaskBatch, [Call(WARNING, on_warning_ended, event, "warned", at, "test")])

    async def tasks(self) -> dict[str, str]:
        """Person → state of the last task."""
        rows = await self.rows("SELECT person_id, state FROM extra_tasks ORDER BY opened_at, task_id")
        return {row[0]: row[1] for row in rows}

    async def run(self, until: datetime) -> int:
        """Everything that the clock does, up to this moment; the pieces of work."""
        await self.next_due()  # as the driver asks before it moves the clocks
        self.clock.move_to(max(until, self.clock.now()))
        timers = (self.deadlines, self.carers, self.orders, self.sharing)
        return sum([await timer.run(until) for timer in timers])

    async def next_due(self) -> datetime | None:
        """The earliest moment at which the clock has something to do."""
        async with self.database.begin() as tx:
            moments = [await one.next_due(tx) for one in (self.deadlines, self.carers, self.orders, self.sharing)]
        return min((moment for moment in moments if moment), default=None)


class FakeDoors:
    """The registry's answers: a name and an address made of the id."""

    async def doors(self, person_ids: Sequence[str]) -> list[registry_service_pb2.PersonDescription]:
        """Person n lives at 3组n号."""
        return [
            registry_service_pb2.PersonDescription(
                person_id=one, name=f"人{int(one[-12:])}", address=f"禾溪村3组{int(one[-12:])}号", household_id=""
            )
            for one in person_ids
        ]


@pytest.fixture
async def county(database_for: Callable[[str], Awaitable[Database]], grades: VisitPolicy, make: Any) -> County:
    """An empty one, with the rules that ship."""
    database = await database_for("visits")
    rules = read_task_rules(yaml.safe_load(RULES.read_text(encoding="utf-8")))
    commander = Commander(
        {VisitFile: VisitFileStore(), TaskBatch: TaskBatchStore()},
        database,
        origin_of("visits", VisitsRules(grades, tasks=rules)),
        lambda: None,
    )
    found = County(database, commander, rules, SettableClock(MORNING), make)
    await found.run(MORNING)
    return found


@pytest.fixture
def doors() -> FakeDoors:
    """The registry's answers."""
    return FakeDoors()
