"""One missed visit, one returned bank instruction and one death, followed through all services by the real command."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import oracles
import pytest
from county_command import tuoqi, tuoqi_json
from county_month import Month, county
from county_platform import CLERK, CountyPlatform
from county_tables import cells, column, column_of, write_cells

from tuoqi.cli.demo.files import bank_results
from tuoqi.contracts.registry.v1 import registry_service_pb2 as registry
from tuoqi.contracts.registry.v1.registry_service_pb2_grpc import RegistryServiceStub

pytestmark = [pytest.mark.platform, pytest.mark.timeout(600)]
REVIEWER, FINANCE, SECOND = "reviewer.zhao", "finance.qian", "finance.sun"
MONTH, NEXT = "2026-11", "2026-12"


@dataclass
class Story:
    """A platform whose county is loaded, and who its people are in files and in events."""

    platform: CountyPlatform
    numbers: dict[str, str] = field(default_factory=dict)
    """Person id → identity number."""

    async def run(self, *arguments: str, by: str = "") -> str:
        """A command that must succeed."""
        return await tuoqi(self.platform, *arguments, *(("--by", by) if by else ()))

    async def ask(self, *arguments: str, by: str = "") -> list[dict[str, Any]]:
        """What a command answers, as objects."""
        return await tuoqi_json(self.platform, *arguments, *(("--by", by) if by else ()))

    async def trace_of(self, kind: str, person: str) -> str:
        """The trace of the newest event of a kind about a person, as `events tail` shows it."""
        events = await self.ask("events", "tail", "--person", person, "--from", "start", "--until-idle", "1")
        found: str = [event for event in events if event["type"].endswith(f".{kind}")][-1]["traceparent"]
        return found[3:35]

    async def kinds_in(self, trace: str, key: str = "") -> list[str]:
        """The kinds of events in one trace, of one key where one is given, by service and name."""
        events = await self.ask("events", "tail", "--trace", trace, "--from", "start", "--until-idle", "1")
        wanted = [event for event in events if key in {"", event["key"]}]
        return [".".join(event["type"].split(".")[1::2]) for event in sorted(wanted, key=lambda event: event["time"])]


@pytest.fixture(scope="module")
async def story() -> AsyncIterator[Story]:
    """The county is loaded by the command itself."""
    async with CountyPlatform() as platform:
        county(platform.files)
        told = Story(platform)
        for kind in ("regions", "facilities", "persons", "statuses"):
            assert "退回 0 行" in await told.run("import", kind, f"{kind}.csv", by=CLERK)
        month = Month(platform, platform.files)
        for step in month.week(0):
            await month.surely(step)
        numbers = [number for number in column_of(platform.files / "persons.csv", "id_number") if number]
        stub: Any = platform.user(CLERK).stub(RegistryServiceStub, "registry")
        names = [registry.PersonName(id_number=number) for number in numbers]
        answer = await stub.IdentifyPersons(registry.IdentifyPersonsRequest(names=names))
        told.numbers = dict(zip(answer.person_ids, numbers, strict=True))
        yield told


async def test_a_missed_visit_raises_an_alert_and_a_visit_closes_it(story: Story) -> None:
    """Found by the clock in visits, raised in alerts, closed there by the visit that visits takes in."""
    await story.run("clock", "set", "2026-11-10 09:00")
    missed = (await story.ask("visits", "overdue", "--state", "OPEN", by=CLERK))[0]
    person = missed["person_id"]
    trace = await story.trace_of("VisitOverdueFound", person)
    assert await story.kinds_in(trace, person) == ["visits.VisitOverdueFound", "alerts.AlertRaised"]
    (alert,) = await story.ask("alerts", "list", "--open", "--kind", "visit_overdue", "--person", person, by=CLERK)
    _visit(story, person, "2026-11-10 10:00")
    await story.run("clock", "set", "2026-11-10 21:00")
    await story.run("import", "visits", "one-visit.csv", by=CLERK)
    await story.platform.settle()
    kinds = await story.kinds_in(await story.trace_of("VisitRecorded", person), person)
    assert {"visits.VisitRecorded", "visits.VisitOverdueSettled", "alerts.AlertClosed"} <= set(kinds)
    (closed,) = [
        one
        for one in await story.ask("alerts", "list", "--person", person, by=CLERK)
        if one["alert_id"] == alert["alert_id"]
    ]
    assert closed["closed_as"] == "visited"


async def test_a_returned_instruction_waits_and_the_cycle_closes(story: Story) -> None:
    """From the cut-off to the bank's answer; who got nothing is among those whose money waits."""
    await story.run("clock", "set", "2026-11-20 18:01")
    await _cycle(story, ("open", CLERK), ("compute", CLERK), ("review", REVIEWER), ("post", REVIEWER))
    await story.run("clock", "set", "2026-11-27 18:05")
    await _cycle(story, ("approve", FINANCE))
    if (await story.ask("cycle", "show", "--month", MONTH, by=FINANCE))[0]["state"] == "POSTED":
        await _cycle(story, ("approve", SECOND))
    await _cycle(story, ("instruct", FINANCE), ("settle", FINANCE))
    files = story.platform.files
    out = ("--out", "instructions.csv", "--purpose", "代发")
    await story.run("export", "bank_instructions", "--cycle", MONTH, *out, by=FINANCE)
    returned, first = bank_results(files / "instructions.csv", files / "results.csv", settled_on="2026-11-27")
    await story.run("import", "bank_results", "results.csv", by=FINANCE)
    await story.platform.settle()
    events = await story.ask("events", "tail", "--topic", "payments.cycle", "--from", "start", "--until-idle", "1")
    back = [event for event in events if event["type"].endswith(".InstructionReturned")]
    assert len(back) == returned
    assert first in {event["event"]["instruction_id"] for event in back}
    kinds = await story.kinds_in(back[0]["traceparent"][3:35])
    assert set(kinds) == {"payments.InstructionReturned", "payments.InstructionSettled"}
    await _cycle(story, ("close", FINANCE))
    await story.run("export", "waiting", "--out", "waiting.csv", "--purpose", "核对", by=FINANCE)
    assert len(cells(files / "waiting.csv")[1]) >= returned


async def test_a_death_closes_plan_and_alerts_and_is_recovered_by_the_next_cycle(story: Story) -> None:
    """One file row in the registry; visits, alerts and payments follow by events alone."""
    person = await _paid_and_missed(story)
    header, _ = cells(story.platform.files / "deaths-late.csv")
    write_cells(story.platform.files / "one-death.csv", header, [[story.numbers[person], "", "2026-10-25", "殡葬比对"]])
    await story.run("import", "deaths", "one-death.csv", by=CLERK)
    await story.platform.settle()
    kinds = await story.kinds_in(await story.trace_of("PersonDeceased", person), person)
    assert {"registry.PersonDeceased", "visits.VisitPlanClosed", "alerts.AlertClosed"} <= set(kinds)
    assert await story.ask("alerts", "list", "--open", "--person", person, by=CLERK) == []
    lines_before = await story.ask("cycle", "lines", "--month", MONTH, "--person", person, by=CLERK)
    assert lines_before
    assert all(int(line["amount_fen"]) > 0 for line in lines_before)
    await story.run("clock", "set", "2026-12-20 18:01")
    await story.run("cycle", "open", "--month", NEXT, by=CLERK)
    await story.run("cycle", "compute", "--month", NEXT, by=CLERK)
    lines = await story.ask("cycle", "lines", "--month", NEXT, "--person", person, by=CLERK)
    taken_back = {(line["programme"], line["benefit_month"], int(line["amount_fen"])) for line in lines}
    assert {(line["programme"], line["benefit_month"], -int(line["amount_fen"])) for line in lines_before} >= taken_back
    assert any(month == MONTH for _, month, _ in taken_back)
    assert not any(month == NEXT for _, month, _ in taken_back)


async def test_at_the_end_the_platform_says_that_all_is_well_and_it_is(story: Story) -> None:
    await story.platform.settle()
    assert "all parts are up and caught up" in await story.run("status")
    findings = await oracles.all_oracles(story.platform)
    assert not findings, "\n".join(findings)


def _visit(story: Story, person: str, at: str) -> None:
    """A file with one successful visit."""
    header, rows = cells(story.platform.files / "visits-to-2026-11-08.csv")
    row = list(next(row for row in rows if row[column(header, "result")] == "MET"))
    changes = {"visit_id": "018f5e1c-0000-7000-8000-000000000e2e", "id_number": story.numbers[person], "temp_id": ""}
    for key, value in {**changes, "started_at": at, "channel": "IN_PERSON"}.items():
        row[column(header, key)] = value
    write_cells(story.platform.files / "one-visit.csv", header, [row])


async def _cycle(story: Story, *steps: tuple[str, str]) -> None:
    for step, user in steps:
        await story.run("cycle", step, "--month", MONTH, by=user)


async def _paid_and_missed(story: Story) -> str:
    """Somebody who is paid by the month's cycle and has an open alert about a missed visit."""
    alerts = await story.ask("alerts", "list", "--open", "--kind", "visit_overdue", "--limit", "1000", by=CLERK)
    lines = await story.ask("cycle", "lines", "--month", MONTH, "--limit", "5000", by=CLERK)
    paid = {line["person_id"] for line in lines if line["benefit_month"] == MONTH}
    both: list[str] = sorted({alert["person_id"] for alert in alerts} & paid & set(story.numbers))
    return both[0]
