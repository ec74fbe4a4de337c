"""Kills during the month: no event is lost, nobody is paid twice, each missed visit is in exactly one alert."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import canary
import oracles
import pytest
from chaos import PIPELINE, RELAY, Chaos
from county_month import MONTH, Month, county
from county_platform import CountyPlatform
from county_tables import column_of

SERVICES = ("registry", "visits", "payments", "alerts")
LISTENERS = ("visits", "payments", "alerts")
"""Services with a subscription, and so with a pipeline."""


async def _survives(platform: CountyPlatform, chaos: Chaos) -> None:
    summary = county(platform.files)
    await chaos.play(Month(platform, platform.files))
    assert not chaos.left, f"never passed: {chaos.left}"
    findings = await oracles.all_oracles(platform, payees=summary["payees_after_lists"], month=MONTH)
    assert not findings, "\n".join(findings)


@pytest.mark.faults
@pytest.mark.timeout(900)
async def test_an_undisturbed_month_satisfies_every_oracle(lived: Any) -> None:
    findings = await oracles.all_oracles(lived.platform, payees=lived.summary["payees_after_lists"], month=MONTH)
    assert not findings, "\n".join(findings)
    assert len(lived.tables["visits", "overdues"]) > 50
    assert len(lived.tables["alerts", "alerts"]) > 10
    assert len(lived.tables["payments", "recovery_cases"]) == 1


@pytest.mark.faults
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("seed", [1, 2])
async def test_kills_of_every_process_and_at_every_named_point_change_nothing(lived: Any, seed: int) -> None:
    """Each service, Kafka and PostgreSQL die at random; each service dies at each point; the tables end up the same."""
    points = {service: [*RELAY, *(PIPELINE if service in LISTENERS else ())] for service in SERVICES}
    async with CountyPlatform() as platform:
        await _survives(platform, Chaos(platform, seed=seed, kills=[*SERVICES, "kafka", "postgres"], points=points))
        different = oracles.differences(lived.comparable, await oracles.comparable(platform))
        assert not different, "\n".join(different)


@pytest.mark.platform
@pytest.mark.timeout(600)
async def test_a_month_with_one_kill_of_each_service_and_the_canary_in_it() -> None:
    """The reduced form: every service dies once at random and once in its relay; then O8, and files loaded twice."""
    points = dict(zip(SERVICES, ([point] for point in RELAY), strict=True))
    async with CountyPlatform() as platform:
        await _survives(platform, Chaos(platform, seed=3, kills=SERVICES, points=points, moments=2))
        assert await _canary_sightings(platform) == []
        before = await oracles.dump(platform)
        await platform.replay()
        await platform.settle()
        await _load_all_again(platform)
        different = oracles.differences(before, await oracles.dump(platform))
        assert not different, "\n".join(different)


@pytest.mark.faults
@pytest.mark.timeout(900)
async def test_the_same_files_and_the_same_events_a_second_time_change_nothing(lived: Any) -> None:
    await _load_all_again(lived.platform)
    sent = await lived.platform.replay()
    await lived.platform.settle()
    assert sent > 2_000
    different = oracles.differences(lived.tables, await oracles.dump(lived.platform))
    assert not different, "\n".join(different)
    findings = await oracles.all_oracles(lived.platform)
    assert not findings, "\n".join(findings)


@pytest.mark.faults
@pytest.mark.timeout(900)
async def test_a_wiped_kafka_is_rebuilt_from_the_outboxes(lived: Any) -> None:
    """All topics come back; every table is the same, also payments' facts that were thrown away with their inbox."""
    platform = lived.platform
    for table in ("person_facts", "status_facts", "fences"):
        await platform.sql("payments", f"TRUNCATE {table}")
    await platform.sql("payments", "DELETE FROM inbox WHERE consumer = 'tuoqi.payments.registry'")
    await platform.wipe_kafka()
    assert await platform.records() == []
    await platform.replay()
    await platform.settle()
    different = oracles.differences(lived.tables, await oracles.dump(platform))
    assert not different, "\n".join(different)
    findings = await oracles.all_oracles(platform)
    assert not findings, "\n".join(findings)


async def _load_all_again(platform: CountyPlatform) -> None:
    """Every file once more: as it is, then as if it were a new one."""
    month = Month(platform, platform.files)
    kinds = ("regions", "facilities", "persons", "statuses", "deaths", "moves", "price_index")
    for kind in kinds:
        loaded = await platform.load(kind, platform.files / f"{kind}.csv")
        assert loaded.loaded_before
    for path in sorted(platform.files.glob("visits-*.csv")):
        assert (await platform.load("visits", path)).loaded_before
        again = await platform.load("visits", path, again=True)
        assert (again.result.rows_changed, again.result.events) == (0, 0)
    await month.surely(platform.settle)


async def _canary_sightings(platform: CountyPlatform) -> list[str]:
    """Where under the home, secrets aside, and on the metrics pages a private value of the canary can be read."""
    assert canary.ACCOUNT in column_of(platform.files / "bank_instructions.csv", "account_no"), "it was not even paid"
    await platform.sql("registry", "CHECKPOINT")
    home = platform.home
    files = [path for path in home.root.rglob("*") if path.is_file() and home.secrets not in path.parents]
    assert any(home.kafka in path.parents for path in files)
    assert any(path.parent.name == "pg_wal" for path in files)
    seen = [f"{path.relative_to(home.root)}: {what}" for path in files for what in canary.found_in(path)]
    pages = "\n".join(platform.metrics().values())
    assert "tuoqi_" in pages
    return seen + [f"metrics: {value}" for value in canary.VALUES if value in pages]


def test_the_canary_search_finds_what_lies_open(tmp_path: Path) -> None:
    """A search that cannot find would prove nothing."""
    for number, (_name, needle) in enumerate(canary.needles()):
        file = tmp_path / str(number)
        file.write_bytes(b"\x00\x01" + needle + b"\xff")
        assert canary.found_in(file)
    (tmp_path / "clean").write_bytes(b"nothing")
    assert not canary.found_in(tmp_path / "clean")
