"""The whole service over a real database, without Kafka: its edges, its pipelines, its clock, and what it said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.message import Message

from tuoqi.alerts.consumer import PEOPLE_KNOWN
from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.domain.rules import AlertPolicy
from tuoqi.alerts.domain.terms import COUNTY_ZONE
from tuoqi.alerts.domain.warnings import WeatherWarning
from tuoqi.alerts.jobs.reports import ReportDesk
from tuoqi.alerts.jobs.warnings import WarningDesk, WarningTimer
from tuoqi.alerts.rpc.alerts import AlertsServicer
from tuoqi.alerts.rpc.desk import Desk
from tuoqi.alerts.rpc.life import LifeServicer
from tuoqi.alerts.rpc.reports import ReportServicer
from tuoqi.alerts.rpc.warnings import WarningServicer
from tuoqi.alerts.store import AlertBookStore, NoteSeal, WarningStore
from tuoqi.contracts.alerts.v1 import alerts_service_pb2 as pb
from tuoqi.contracts.alerts.v1 import life_service_pb2 as life_pb
from tuoqi.contracts.alerts.v1 import report_service_pb2 as reports_pb
from tuoqi.contracts.registry.v1 import person_pb2
from tuoqi.kit.clock import SettableClock
from tuoqi.kit.commands import Commander
from tuoqi.kit.database import Database
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.handlers import Subscription
from tuoqi.kit.ids import id_maker
from tuoqi.kit.pipeline import Pipeline
from tuoqi.kit.rights import Actor, acting
from tuoqi.kit.stamps import stamp_of
from tuoqi.kit.testing.playing import KEY, origin_of
from tuoqi.kit.testing.records import record_of

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=COUNTY_ZONE)
RESTRICTED = frozenset({"alert.restricted"})
WHO = {
    "worker": Actor("worker.tian", regions=("990101101201",)),
    "ma": Actor("worker.ma", regions=("990101102",)),
    "supervisor": Actor("supervisor.gu", regions=("990101101",), rights=RESTRICTED),
    "reviewer": Actor("reviewer.zhao", rights=RESTRICTED),
    "clerk": Actor("clerk.li"),
    "town": Actor("clerk.feng", regions=("990101101",)),
    "inspector": Actor("inspector.xu", rights=frozenset({"alert.inspect"})),
}
STORE = AlertBookStore()


def person(number: int) -> str:
    """The id of an invented person; the ids of odd numbers live in the other township."""
    return f"01890000-0000-7000-8000-{number:012x}"


@dataclass
class Alerts:
    """Everything that a test asks and looks at."""

    database: Database
    clock: SettableClock
    policy: AlertPolicy
    alerts: AlertsServicer
    life: LifeServicer
    reports: ReportServicer
    warnings: WarningServicer
    timer: WarningTimer
    commander: Commander
    given: int = 0

    async def call(self, who: str, method: str, request: Message) -> Any:
        """A call as this user."""
        servicers = (self.alerts, self.life, self.reports, self.warnings)
        servicer = next(one for one in servicers if method in vars(type(one)))
        with acting(WHO[who]):
            return await getattr(servicer, method)(request, None)

    async def refused(self, slug: str, who: str, method: str, request: Message) -> None:
        """The call is refused for this reason."""
        with pytest.raises(TuoqiError) as caught:
            await self.call(who, method, request)
        assert caught.value.slug == slug

    async def report(self, who: str, kind: str, key: str = "k1", **about: Any) -> Any:
        """A report as this user."""
        return await self.call(who, "ReportAlert", reports_pb.ReportAlertRequest(key=key, kind=kind, **about))

    async def act(self, who: str, alert_id: str, what: str, **more: Any) -> Any:
        """An act as this user; the alert afterwards."""
        request = life_pb.RecordActRequest(alert_id=alert_id, what=what, **more)
        return (await self.call(who, "RecordAct", request)).alert

    async def hear(self, subscription: Subscription, *messages: tuple[str, Message], at: datetime = NOW) -> None:
        """Events by key, through a pipeline."""
        stores: dict[type, Any] = {AlertBook: STORE, WeatherWarning: WarningStore()}
        pipeline = Pipeline(subscription, stores, self.database, origin_of("alerts", self.policy), lambda: None)
        records = []
        for key, message in messages:
            self.given += 1
            records.append(record_of(message, ce_id=f"ce-{self.given}", key=key, at=at, version=self.given))
        await pipeline.process(records)

    async def said(self, topic: str = "") -> list[tuple[str, str]]:
        """(topic, type) of every event so far, in order."""
        async with self.database.begin() as tx:
            rows = await tx.fetch("SELECT topic, ce_type FROM outbox ORDER BY ce_time, key, aggregate_version")
        return [(row.topic, row.ce_type.rpartition(".")[2]) for row in rows if topic in {"", row.topic}]

    async def listed(self, who: str, **wanted: Any) -> list[str]:
        """Kinds of the alerts that a user sees."""
        answer = await self.call(who, "ListAlerts", pb.ListAlertsRequest(**wanted))
        return [one.kind for one in answer.alerts]

    async def fetch(self, sql: str, **values: Any) -> list[Any]:
        """Rows of a query."""
        async with self.database.begin() as tx:
            return list(await tx.fetch(sql, **values))

    def later(self, **span: float) -> None:
        """Time passes."""
        self.clock.move_to(self.clock.now() + timedelta(**span))


async def a_desk(database: Database, policy: AlertPolicy) -> Alerts:
    """The service with four people in two townships, one of them a second file, and a facility."""
    clock, seal, ids = SettableClock(NOW.astimezone(UTC)), NoteSeal(b"k" * 32), id_maker(KEY)
    stores: dict[type, Any] = {AlertBook: STORE, WeatherWarning: WarningStore()}
    commander = Commander(stores, database, origin_of("alerts", policy), lambda: None)
    desk = Desk(database, clock, commander, policy, seal)
    warnings = WarningDesk(commander, clock, policy, ids)
    alerts = Alerts(
        database,
        clock,
        policy,
        AlertsServicer(desk),
        LifeServicer(desk, STORE),
        ReportServicer(ReportDesk(commander, clock, policy, ids, seal), database),
        WarningServicer(warnings, database),
        WarningTimer(warnings),
        commander,
    )
    homes = {0: "990101101201", 1: "990101102001", 2: "990101101202", 3: "990101102002"}
    await alerts.hear(PEOPLE_KNOWN, *((person(n), registered(n, home)) for n, home in homes.items()))
    merged = person_pb2.PersonMerged(person=facts(3, homes[3]), into_person_id=person(0), known_at=stamp_of(NOW))
    await alerts.hear(PEOPLE_KNOWN, (person(3), merged))
    return alerts


def facts(number: int, region: str) -> person_pb2.PersonFacts:
    """What the registry tells of an invented person."""
    hukou = [person_pb2.HukouSince(region="990101103001", known_on="2025-01-01")]
    return person_pb2.PersonFacts(
        person_id=person(number), birth_date="2018-05-01", sex="F", hukou=hukou, residence_region=region
    )


def registered(number: int, region: str) -> person_pb2.PersonRegistered:
    """The event of it."""
    return person_pb2.PersonRegistered(person=facts(number, region), known_at=stamp_of(NOW))


@pytest.fixture
async def desk(database_for: Callable[..., Awaitable[Database]], policy: AlertPolicy) -> Alerts:
    """The service over a fresh database."""
    return await a_desk(await database_for("alerts"), policy)
