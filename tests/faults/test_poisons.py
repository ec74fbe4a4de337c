"""Poison on the topics: the wrong records lie in the dead letters, everything else flows."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import oracles
import poisons
import pytest
from county_command import tuoqi
from county_month import Month, county
from county_platform import CLERK, OPS, CountyPlatform
from county_tables import cells, column, write_cells

from tuoqi.contracts.common.v1 import platform_pb2 as pb
from tuoqi.contracts.registry.v1 import registry_service_pb2 as registry
from tuoqi.contracts.registry.v1.registry_service_pb2_grpc import RegistryServiceStub
from tuoqi.contracts.topics import topics
from tuoqi.contracts.visits.v1 import plan_pb2
from tuoqi.kit.clock import COUNTY_ZONE
from tuoqi.kit.testing import records
from tuoqi.kit.testing.playing import AT

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]
PLAN = "tuoqi.visits.plan.v1"
PERSON = "tuoqi.registry.person.v1"


@pytest.fixture(scope="module")
async def poisoned() -> AsyncIterator[CountyPlatform]:
    """A platform with a county and its first two weeks."""
    async with CountyPlatform() as platform:
        county(platform.files)
        month = Month(platform, platform.files)
        for step in (*month.before_money(), month.until("2026-11-20 18:01"), month.computed("2026-11")):
            await month.surely(step)
        yield platform


async def test_ten_poisons_on_every_topic_lie_in_the_dead_letters_and_the_rest_flows(poisoned: CountyPlatform) -> None:
    models = await poisoned.records()
    expected: Counter[tuple[str, str, str]] = Counter()
    for number, name in enumerate(sorted(topics())):
        if not any(record.topic == name for record in models):
            continue
        made = poisons.ten(poisons.good_one(models, name))
        for subscription in oracles.subscriptions():
            if name in {one.name for one in subscription.topics}:
                expected.update((subscription.consumer, name, reason) for reason, _ in made)
        await poisoned.send_raw([record for _, record in made])
        await poisoned.settle()
        # A good one in between, so that the rejections of two topics are not in a row.
        await _a_new_person(poisoned, number)
    assert {name for _, name, _ in expected} >= {PERSON, "tuoqi.registry.status.v1", PLAN, "tuoqi.visits.record.v1"}
    assert await _letters(poisoned) == expected
    assert await _stops(poisoned) == []
    await _dismiss_all(poisoned)
    findings = await oracles.all_oracles(poisoned)
    assert not findings, "\n".join(findings)


async def test_on_money_topics_a_poison_parks_its_key_until_it_is_dismissed(poisoned: CountyPlatform) -> None:
    """Payments waits with the person's later facts, visits and everybody else go on; an unknown type parks nothing."""
    first, second = await _two_people(poisoned)
    good = poisons.good_one(await poisoned.records(), PERSON)
    broken = dict(poisons.ten(good, key=first))["wire.undecodable"]
    unknown = dict(poisons.ten(good, key=second))[poisons.UNKNOWN]
    await poisoned.send_raw([broken, unknown])
    await poisoned.settle()
    await _die(poisoned, 0, 1)
    assert await _died(poisoned, "payments") == {second}
    parked = await poisoned.sql("payments", "SELECT key FROM parked")
    assert parked == [(first,)]
    assert await poisoned.sql("visits", "SELECT count(*) FROM parked") == [(0,)]
    await _dismiss_all(poisoned)
    assert await _died(poisoned, "payments") == {first, second}
    findings = await oracles.all_oracles(poisoned)
    assert not findings, "\n".join(findings)


async def test_twenty_rejections_in_a_row_stop_a_consumer_until_somebody_resumes_it(poisoned: CountyPlatform) -> None:
    """Types of a later contract do not count, however many they are; nothing that came after the stop is lost."""
    good = poisons.good_one(await poisoned.records(), PLAN)
    key = "018f0000-0000-7000-8000-00000000dead"
    await poisoned.send_raw([dict(poisons.ten(good, key=key))[poisons.UNKNOWN] for _ in range(25)])
    await poisoned.settle()
    assert await _stops(poisoned) == []
    await poisoned.send_raw([dict(poisons.ten(good, key=key))["wire.invalid"] for _ in range(20)])
    await _until_stopped(poisoned, "tuoqi.alerts.visits")
    missed = plan_pb2.VisitOverdueFound(person_id=key, overdue_id=key, grade="HIGH", deadline="2026-11-10")
    await poisoned.send_raw([records.record_of(missed, ce_id="poison-late", key=key, at=AT.astimezone(COUNTY_ZONE))])
    await asyncio.sleep(2)
    raised = f"SELECT count(*) FROM alerts WHERE person_id = '{key}'"
    assert await poisoned.sql("alerts", raised) == [(0,)]
    assert "goes on" in await tuoqi(poisoned, "consumer", "resume", "tuoqi.alerts.visits", "--by", OPS)
    await poisoned.settle()
    assert await poisoned.sql("alerts", raised) == [(1,)]
    assert await _stops(poisoned) == []


async def _a_new_person(platform: CountyPlatform, number: int) -> None:
    """Somebody registered now is known to payments and to visits at once."""
    header, rows = cells(platform.files / "persons.csv")
    row = list(rows[0])
    row[column(header, "id_number")] = ""
    row[column(header, "temp_id")] = f"T99{number:06d}"
    row[column(header, "account_no")] = ""
    for name in ("account_name", "account_holder_id", "bank", "household_no", "relation_to_head"):
        row[column(header, name)] = ""
    before = (await platform.sql("payments", "SELECT count(DISTINCT person_id) FROM person_facts"))[0][0]
    await platform.load("persons", write_cells(platform.files / f"one-more-{number}.csv", header, [row]))
    await platform.settle()
    assert await platform.sql("payments", "SELECT count(DISTINCT person_id) FROM person_facts") == [(before + 1,)]
    assert (await platform.sql("visits", "SELECT count(*) FROM plans"))[0][0] == before + 1


async def _two_people(platform: CountyPlatform) -> list[str]:
    header, rows = cells(platform.files / "persons.csv")
    numbers = [row[column(header, "id_number")] for row in rows[:2]]
    stub: Any = platform.user(CLERK).stub(RegistryServiceStub, "registry")
    names = [registry.PersonName(id_number=number) for number in numbers]
    answer = await stub.IdentifyPersons(registry.IdentifyPersonsRequest(names=names))
    return list(answer.person_ids)


async def _die(platform: CountyPlatform, *rows_of_persons: int) -> None:
    header, rows = cells(platform.files / "persons.csv")
    ids = [rows[number][column(header, "id_number")] for number in rows_of_persons]
    header, _ = cells(platform.files / "deaths.csv")
    deaths = [[number, "", "2026-11-18", "殡葬比对"] for number in ids]
    await platform.load("deaths", write_cells(platform.files / "two-deaths.csv", header, deaths))
    await platform.settle()


async def _died(platform: CountyPlatform, service: str) -> set[str]:
    rows = await platform.sql(service, "SELECT person_id FROM person_facts WHERE died_on = '2026-11-18'")
    return {row[0] for row in rows}


async def _letters(platform: CountyPlatform) -> Counter[tuple[str, str, str]]:
    found: Counter[tuple[str, str, str]] = Counter()
    for service in platform.services:
        found.update(await platform.sql(service, "SELECT consumer, topic, reason FROM dead_letters"))
    return found


async def _stops(platform: CountyPlatform) -> list[tuple[Any, ...]]:
    return [row for name in platform.services for row in await platform.sql(name, "SELECT * FROM consumer_stops")]


async def _until_stopped(platform: CountyPlatform, consumer: str) -> None:
    async with asyncio.timeout(60):
        while True:
            status = await platform.user(CLERK).common("alerts").GetStatus(pb.GetStatusRequest())
            if any(one.consumer == consumer and "in a row" in one.stopped_reason for one in status.consumers):
                return
            await asyncio.sleep(0.1)


async def _dismiss_all(platform: CountyPlatform) -> None:
    for service in platform.services:
        stub = platform.user(OPS).common(service)
        answer = await stub.ListDeadLetters(pb.ListDeadLettersRequest(page_size=1000))
        for letter in answer.dead_letters:
            request = pb.DismissDeadLetterRequest(dead_letter_id=letter.dead_letter_id, reason="试毒")
            await stub.DismissDeadLetter(request)
    await platform.settle()
