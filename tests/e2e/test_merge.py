"""Two files of one person, merged and made two again by the real command, followed through payments and visits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import oracles
import pytest
from county_command import tuoqi, tuoqi_json
from county_platform import CLERK, CountyPlatform
from county_tables import write_cells

pytestmark = [pytest.mark.platform, pytest.mark.timeout(600)]
NUMBER, TEMP = "990101194603010021", "T-0009"
PERSONS = ["name", "id_number", "temp_id", "sex", "birth_date", "hukou_region", "account_no", "account_name", "bank"]
VILLAGE = "990101101001"


@dataclass
class Twins:
    """A platform with one old woman in two files: with her number, and as a temporary id that lives alone."""

    platform: CountyPlatform
    one: str = ""
    other: str = ""

    async def run(self, *arguments: str, by: str = CLERK) -> str:
        """A command that must succeed."""
        return await tuoqi(self.platform, *arguments, "--by", by)

    async def ask(self, *arguments: str, by: str = CLERK) -> list[dict[str, Any]]:
        """What a command answers, as objects."""
        return await tuoqi_json(self.platform, *arguments, "--by", by)

    async def kinds_of(self, person: str) -> list[str]:
        """The kinds of events about a person so far, by service and name."""
        events = await tuoqi_json(
            self.platform, "events", "tail", "--person", person, "--from", "start", "--until-idle", "1"
        )
        return [".".join(event["type"].split(".")[1::2]) for event in events if event["key"] == person]

    async def lines(self, month: str, person: str) -> dict[str, int]:
        """Fen by benefit month and type that the month's cycle wrote for a person."""
        lines = await self.ask("cycle", "lines", "--month", month, "--person", person, "--limit", "500")
        return {f"{line['benefit_month']} {line['line_type']}": int(line["amount_fen"]) for line in lines}

    async def compute(self, month: str) -> None:
        """A cycle up to COMPUTED at its usual moment."""
        await tuoqi(self.platform, "clock", "set", f"{month}-20 18:01")
        await self.run("cycle", "open", "--month", month)
        await self.run("cycle", "compute", "--month", month)


@pytest.fixture(scope="module")
async def twins() -> AsyncIterator[Twins]:
    """Loaded by the command itself; the queue of duplicates knows the pair."""
    async with CountyPlatform() as platform:
        files, told = platform.files, Twins(platform)
        name = "买买提·测试"
        rows = [
            [name, NUMBER, "", "", "", VILLAGE, "6299990000000000012", name, "测试银行"],
            [name, "", TEMP, "女", "1946-03-01", VILLAGE, "6299990000000000020", name, "测试银行"],
        ]
        write_cells(files / "persons.csv", PERSONS, rows)
        statuses = [
            [NUMBER, "", "old_age_accepted", "2026-09-05"],
            ["", TEMP, "old_age_accepted", "2026-09-07"],
            ["", TEMP, "living_alone_elder", "2026-09-07"],
        ]
        write_cells(files / "statuses.csv", ["id_number", "temp_id", "category", "decided_on"], statuses)
        for kind in ("persons", "statuses"):
            assert "退回 0 行" in await told.run("import", kind, f"{kind}.csv")
        await platform.settle()
        (pair,) = await told.ask("duplicate", "list", "--purpose", "核对")
        told.one, told.other = pair["first"]["person_id"], pair["second"]["person_id"]
        assert (pair["reason"], pair["second"]["temp_id"]) == ("same_name_birth_village", TEMP)
        await told.compute("2026-11")
        yield told


async def test_a_merge_is_followed_by_payments_and_visits(twins: Twins) -> None:
    """Paid twice in November; December takes it back once, and visits sees one person."""
    first = await twins.lines("2026-11", twins.one)
    assert first == await twins.lines("2026-11", twins.other)
    assert first["2026-11 REGULAR"] == 5_000
    would = await twins.ask("merge", NUMBER, TEMP, "--dry-run", "--purpose", "并档")
    assert {event["type"] for event in would} == {"PersonMerged", "PersonChanged", "PersonStatusChanged"}
    assert "registry.PersonMerged" not in await twins.kinds_of(twins.other)
    await twins.run("merge", NUMBER, TEMP, "--reason", "同一人先后登记两次", "--purpose", "并档")
    await twins.platform.settle()
    kinds = set(await twins.kinds_of(twins.other))
    assert {"registry.PersonMerged", "visits.VisitPlanClosed", "alerts.AlertClosed"} <= kinds
    assert await twins.ask("alerts", "list", "--open", "--person", twins.other) == []
    assert (await twins.ask("duplicate", "list", "--state", "merged"))[0]["decided_by"] == CLERK
    (task,) = await twins.ask("visits", "tasks")
    assert (task["person_id"], task["grade"]) == (twins.one, "HIGH")
    await twins.compute("2026-12")
    assert await twins.lines("2026-12", twins.other) == {}
    back = await twins.lines("2026-12", twins.one)
    assert back.pop("2026-12 REGULAR") == 5_000
    assert back == {f"{key.split()[0]} RECOVERY": -fen for key, fen in first.items()}


async def test_a_visit_that_names_the_merged_file_counts_for_the_person(twins: Twins) -> None:
    header = ["visit_id", "temp_id", "started_at", "channel", "visitor", "visitor_role", "result"]
    row = ["018f5e1c-0000-7000-8000-000000000e2f", TEMP, "2026-12-20 10:00", "IN_PERSON", "测访", "grid_worker", "MET"]
    write_cells(twins.platform.files / "visits.csv", header, [row])
    assert "退回 0 行" in await twins.run("import", "visits", "visits.csv")
    await twins.platform.settle()
    assert "visits.VisitRecorded" in await twins.kinds_of(twins.one)
    assert "visits.VisitRecorded" not in await twins.kinds_of(twins.other)


async def test_taking_it_back_returns_to_each_file_its_own_plan_and_money(twins: Twins) -> None:
    await twins.run("merge", "undo", TEMP, "--reason", "查明为两人", "--purpose", "撤销并档")
    await twins.platform.settle()
    kinds = await twins.kinds_of(twins.other)
    assert (kinds.count("registry.PersonUnmerged"), kinds.count("visits.VisitPlanOpened")) == (1, 2)
    tasks = {task["person_id"]: task["grade"] for task in await twins.ask("visits", "tasks")}
    assert tasks == {twins.one: "LOW", twins.other: "HIGH"}
    await twins.compute("2027-01")
    sums = []
    for person in (twins.one, twins.other):
        lines = [await twins.lines(month, person) for month in ("2026-11", "2026-12", "2027-01")]
        sums.append(sum(fen for month in lines for fen in month.values()))
    assert sums[0] == sums[1]
    assert "2026-12 BACKPAY" in await twins.lines("2027-01", twins.other)
    assert await twins.ask("duplicate", "list") == []


async def test_at_the_end_all_is_well(twins: Twins) -> None:
    assert "all parts are up and caught up" in await tuoqi(twins.platform, "status")
    findings = await oracles.all_oracles(twins.platform)
    assert not findings, "\n".join(findings)
