"""regions.csv, facilities.csv and fences on a real PostgreSQL; and that nothing private lies open anywhere."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tuoqi.contracts.registry.v1 import person_pb2, place_pb2
from tuoqi.kit.errors import TuoqiError
from tuoqi.registry.jobs.fence import raise_fence
from tuoqi.registry.store.fences import begin_writing

pytestmark = pytest.mark.postgres
Row = dict[str, str]
HOME = {
    "code": "JLY01",
    "name": "测试敬老院",
    "kind": "敬老院",
    "region": "990101101201",
    "beds": "80",
    "fire_equipment": "正在建设中还未配置",
    "account_no": "629999000000000025",
    "account_name": "测试敬老院专户",
    "bank": "测试银行",
}


async def test_regions_are_told_once_and_again_only_when_they_change(office: Any) -> None:
    top = {"code": "990101000000", "name": "示范县", "kind": "县"}
    town = {"code": "990101101000", "name": "测试镇", "kind": "town", "parent": "990101000000"}
    assert (await office.load("regions", town, top)).problems == []
    again = await office.load("regions", top, {**town, "name": "新名镇"})
    assert (again.changed, again.unchanged) == (1, 1)
    said = await office.said(place_pb2.RegionChanged)
    assert [(one.message.region.name, one.version) for one in said] == [("测试镇", 1), ("示范县", 1), ("新名镇", 2)]


async def test_a_parent_that_nobody_loaded_only_warns(office: Any) -> None:
    done = await office.load("regions", {"code": "990101101000", "name": "甲", "kind": "镇", "parent": "990101000000"})
    assert done.changed == 1
    assert [problem.only_warning for problem in done.problems] == [True]


async def test_a_facility_keeps_dirty_values_and_tells_no_account(office: Any) -> None:
    await office.load("facilities", {**HOME, "floors": "未定"})
    again = await office.load("facilities", {**HOME, "floors": "", "beds": "约八十"})
    assert again.changed == 1
    first, second = [one.message.facility for one in await office.said(place_pb2.FacilityChanged)]
    assert (first.beds, first.fire_equipment) == (80, "正在建设中还未配置")
    assert not second.HasField("beds")
    (row,) = await office.fetch("SELECT details FROM facilities")
    assert "未定" in row.details
    assert len(await office.fetch("SELECT 1 FROM payee_accounts")) == 1


async def test_a_fence_stands_in_every_partition_of_both_topics(office: Any) -> None:
    cutoff = office.clock.now()
    for _ in range(2):
        async with office.database.begin() as tx:
            await raise_fence(tx, office.desk.origin, office.clock, cutoff)
    said = await office.said(person_pb2.RegistryFenced)
    fences = {one.message.fence_id for one in said}
    assert len(fences) == 2
    places = [(one.topic, one.partition) for one in said if one.key == said[0].key]
    assert sorted(places) == [
        (f"tuoqi.registry.{name}.v1", partition) for name in ("person", "status") for partition in range(6)
    ]


async def test_a_fence_for_a_moment_to_come_is_refused(office: Any) -> None:
    async with office.database.begin() as tx:
        with pytest.raises(TuoqiError) as refusal:
            await raise_fence(tx, office.desk.origin, office.clock, office.clock.now() + timedelta(seconds=1))
    assert refusal.value.slug == "registry.fence_in_future"


async def test_a_fence_waits_for_every_writer_that_began_before_it(office: Any, old: Row) -> None:
    async with office.database.begin() as tx:
        await begin_writing(tx)

        async def fence() -> None:
            async with office.database.begin() as other:
                await raise_fence(other, office.desk.origin, office.clock, office.clock.now())

        waiting = asyncio.create_task(fence())
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await tx.execute("SELECT nextval('outbox_seq')")
    await waiting
    await office.load("persons", old)
    kinds = [type(one.message) for one in await office.said(person_pb2.RegistryFenced, person_pb2.PersonRegistered)]
    assert kinds[-1] is person_pb2.PersonRegistered


async def test_nothing_private_lies_open_in_any_table(office: Any, old: Row, child: Row) -> None:
    """The canary: every text of every row is searched for every private value, plain and as bytes."""
    await office.load("persons", old, {**child, "temp_id": "临-77"})
    await office.load(
        "statuses",
        {
            "id_number": child["id_number"],
            "category": "orphan_type_c",
            "decided_on": "2026-01-05",
            "decision_no": "密字1",
        },
    )
    await office.load("deaths", {"id_number": old["id_number"], "death_date": "2026-11-01", "source": "来源密"})
    await office.load("facilities", HOME)
    open_columns = {"sex", "hukou_region", "residence_region", "relation_to_head"}
    secrets = {value for row in (old, child) for key, value in row.items() if key not in open_columns}
    secrets |= {"临-77", "密字1", "来源密", "orphan_type_c", HOME["account_no"], HOME["account_name"]}
    tables = await office.fetch(
        "SELECT table_name AS name FROM information_schema.tables"
        " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    )
    searched = 0
    for table in tables:
        for row in await office.fetch(f'SELECT CAST(t AS text) AS content FROM "{table.name}" t'):
            searched += 1
            for secret in secrets:
                assert secret not in row.content, (table.name, secret)
                assert secret.encode().hex() not in row.content, (table.name, secret)
    assert searched > 15
