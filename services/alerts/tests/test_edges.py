"""What alerts answers to people: lists, acknowledging, the table for the outside, each within the caller's regions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tuoqi.alerts.__main__ import SERVICE
from tuoqi.alerts.domain.alert import Alert, Escalation
from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.domain.rules import AlertPolicy, Severity
from tuoqi.alerts.jobs.export import AlertExporter
from tuoqi.alerts.peers import Registry
from tuoqi.alerts.rpc.alerts import AlertsServicer
from tuoqi.alerts.rpc.desk import Desk as Tools
from tuoqi.alerts.store import AlertBookStore, NoteSeal
from tuoqi.contracts.alerts.v1 import alerts_service_pb2 as pb
from tuoqi.contracts.common.v1.table_pb2 import ExportRowsRequest
from tuoqi.contracts.registry.v1.registry_service_pb2 import PersonDescription
from tuoqi.kit.clock import SettableClock
from tuoqi.kit.commands import Commander
from tuoqi.kit.county import County, CountyError
from tuoqi.kit.database import Database
from tuoqi.kit.errors import TuoqiError, meaning_of
from tuoqi.kit.handlers import Change
from tuoqi.kit.rights import Actor, acting
from tuoqi.kit.tables import format_row
from tuoqi.kit.testing.playing import origin_of

STORE = AlertBookStore()
KINDS = Path(__file__).parents[3] / "deploy/counties/990101/alerts/kinds.yaml"
RAISED = datetime(2026, 3, 1, 16, 0, tzinfo=UTC)
COUNTY_CLERK = Actor("clerk.li")
TOWN_CLERK = Actor("clerk.feng", regions=("990101101",))
HOMES = {"p0": ("甲某", "990101101001"), "p1": ("乙某", "990101102001"), "p2": ("丙某", "990101101002")}
NOBODY = "01890000-0000-7000-8000-000000000000"


class KnownPeople(Registry):
    """A registry of three invented people."""

    def __init__(self) -> None:
        self.asked = 0

    async def describe(self, person_ids: Iterable[str]) -> dict[str, PersonDescription]:
        """Name and region."""
        self.asked += 1
        return {key: PersonDescription(person_id=key, name=HOMES[key][0], region=HOMES[key][1]) for key in person_ids}


@dataclass
class Desk:
    """The service's edges over a database with one alert for each person, an hour apart."""

    servicer: AlertsServicer
    exporter: AlertExporter
    registry: KnownPeople
    alerts: list[Alert]

    async def listed(self, actor: Actor, **wanted: Any) -> pb.ListAlertsResponse:
        """ListAlerts as this user."""
        with acting(actor):
            return await self.servicer.ListAlerts(pb.ListAlertsRequest(**wanted), None)

    async def acknowledge(self, actor: Actor, alert_id: str) -> pb.Alert:
        """AcknowledgeAlert as this user."""
        with acting(actor):
            answer = await self.servicer.AcknowledgeAlert(pb.AcknowledgeAlertRequest(alert_id=alert_id), None)
        return answer.alert

    async def table(self, actor: Actor) -> list[str]:
        """The exported rows, their cells joined."""
        runs = [run async for run in self.exporter.rows(ExportRowsRequest(kind="alerts"), actor)]
        return ["|".join(format_row(self.exporter.columns, row)) for run in runs for row in run]


@pytest.fixture
async def desk(database_for: Callable[..., Awaitable[Database]], policy: AlertPolicy) -> Desk:
    database = await database_for("alerts")
    alerts = [_an_alert(number) for number in range(3)]
    async with database.begin() as tx:
        await STORE.save(tx, [Change(one.person_id, AlertBook(one.person_id, 1, (one,)), None) for one in alerts])
        await tx.execute(
            "INSERT INTO people SELECT key, region, '', 1 FROM unnest(CAST(:keys AS text[]), CAST(:regions AS text[]))"
            " AS t (key, region)",
            keys=list(HOMES),
            regions=[region for _, region in HOMES.values()],
        )
    registry = KnownPeople()
    commander = Commander({AlertBook: STORE}, database, origin_of("alerts", policy), lambda: None)
    clock = SettableClock(RAISED + timedelta(hours=5))
    servicer = AlertsServicer(Tools(database, clock, commander, policy, NoteSeal(b"k" * 32)))
    return Desk(servicer, AlertExporter(database, registry, clock), registry, alerts)


def _an_alert(number: int) -> Alert:
    raised = RAISED + timedelta(hours=number)
    steps = (Escalation("county", raised + timedelta(hours=8)), Escalation("township", raised + timedelta(hours=4)))
    closed = number == 1
    return Alert(
        alert_id=f"a{number}",
        kind="two_failed_tries",
        severity=Severity.HIGH,
        raised_at=raised,
        severity_since=raised,
        rules_from=date(2024, 1, 1),
        subject_id=f"p{number}",
        joined=number,
        escalations=steps if closed else (),
        closed_at=raised + timedelta(hours=9) if closed else None,
        closed_as="visited" if closed else "",
    )


@pytest.mark.postgres
async def test_pages_go_from_new_to_old_and_count_what_is_open_in_all(desk: Desk) -> None:
    first = await desk.listed(COUNTY_CLERK, page_size=2)
    second = await desk.listed(COUNTY_CLERK, page_size=2, page_token=first.next_page_token)
    assert [one.alert_id for one in (*first.alerts, *second.alerts)] == ["a2", "a1", "a0"]
    assert (second.next_page_token, dict(first.open_by_severity)) == ("", {"HIGH": 2})
    assert [step.step for step in first.alerts[1].escalations] == ["township", "county"]
    assert [one.alert_id for one in (await desk.listed(COUNTY_CLERK, only_open=True)).alerts] == ["a2", "a0"]
    assert desk.registry.asked == 0


@pytest.mark.postgres
async def test_a_page_token_that_is_none_of_ours_is_refused(desk: Desk) -> None:
    for token in ("x", "2026-03-01|a0"):
        with pytest.raises(TuoqiError) as refused:
            await desk.listed(COUNTY_CLERK, page_token=token)
        assert refused.value.slug == "request.invalid"


@pytest.mark.postgres
async def test_who_acts_in_one_township_sees_and_touches_its_people_only(desk: Desk) -> None:
    assert [one.alert_id for one in (await desk.listed(TOWN_CLERK)).alerts] == ["a2", "a0"]
    assert [row.split("|")[0] for row in await desk.table(TOWN_CLERK)] == ["a0", "a2"]
    with pytest.raises(TuoqiError) as refused:
        await desk.acknowledge(TOWN_CLERK, "a1")
    assert refused.value.slug == "auth.no_region"


@pytest.mark.postgres
async def test_whoever_takes_an_alert_on_is_written_with_it_and_the_steps_before_it(desk: Desk) -> None:
    taken = await desk.acknowledge(TOWN_CLERK, "a0")
    assert taken.acknowledged_at.ToDatetime(tzinfo=UTC) == RAISED + timedelta(hours=5)
    assert [step.step for step in taken.escalations] == ["township"]


@pytest.mark.postgres
async def test_closed_and_unknown_alerts_are_refused_in_words(desk: Desk) -> None:
    refusals = []
    for alert_id in ("a1", NOBODY):
        with pytest.raises(TuoqiError) as refused:
            await desk.acknowledge(COUNTY_CLERK, alert_id)
        status, sentence = meaning_of(refused.value)
        refusals.append((status.name, sentence))
    assert refusals == [
        ("FAILED_PRECONDITION", "预警 a1 已经关闭，不能再处理。"),
        ("NOT_FOUND", f"没有找到 预警 {NOBODY}。"),
    ]


@pytest.mark.postgres
async def test_the_table_has_the_contracts_columns_and_county_minutes_in_order_of_time(desk: Desk) -> None:
    assert [column.heading for column in desk.exporter.columns][:5] == [
        "预警编号[alert_id]",
        "种类[kind]",
        "严重程度[severity]",
        "人员编号[person_id]",
        "姓名[name]",
    ]
    steps = "township@2026-03-02 05:00;county@2026-03-02 09:00"
    assert await desk.table(COUNTY_CLERK) == [
        "a0|two_failed_tries|HIGH|p0|甲某||2026-03-02 00:00|0|||",
        f"a1|two_failed_tries|HIGH|p1|乙某||2026-03-02 01:00|1|{steps}|2026-03-02 10:00|visited",
        "a2|two_failed_tries|HIGH|p2|丙某||2026-03-02 02:00|2|||",
    ]


def test_the_service_reads_the_countys_rules_and_keeps_their_version(county: County) -> None:
    policy = SERVICE.read_policy(county)
    assert policy.county_version == county.version
    assert policy.on(date(2026, 1, 1)).kind("visit_overdue").severity_of("RED") is Severity.HIGH


@pytest.mark.parametrize("change", [("visit_overdue", "else"), ("two_failed_tries", "else")])
def test_rules_that_forget_what_visits_tell_of_stop_the_start(tmp_path: Path, change: tuple[str, str]) -> None:
    (tmp_path / "county.yaml").write_text('code: "990101"\nname: 参考县\n', encoding="utf-8")
    rules = KINDS.read_text(encoding="utf-8").replace(*change)
    (tmp_path / "alerts").mkdir()
    (tmp_path / "alerts" / "kinds.yaml").write_text(rules, encoding="utf-8")
    with pytest.raises(CountyError, match=change[0]):
        SERVICE.read_policy(County.load(tmp_path))
