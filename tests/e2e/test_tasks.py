"""A worker's tasks by the real command: shared out, listed for the way, ordered by a warning and a death, done, overdue."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import oracles
import pytest
from county_command import tuoqi, tuoqi_json
from county_platform import CountyPlatform
from county_tables import write_cells

from tuoqi.cli.county.identity import make_id_number
from tuoqi.contracts.alerts.v1 import warning_pb2
from tuoqi.kit.clock import COUNTY_ZONE
from tuoqi.kit.stamps import stamp_of
from tuoqi.kit.testing.records import record_of

pytestmark = [pytest.mark.platform, pytest.mark.timeout(300)]
VILLAGE, TOWN = "990101101201", "990101101000"
WARNING = "01a19000-0000-7000-8000-0000000000aa"
START = datetime(2026, 11, 1, 9, tzinfo=COUNTY_ZONE)
REGIONS = (
    ("990000000000", "岚霞省", "", "province"),
    ("990100000000", "青屏市", "990000000000", "city"),
    ("990101000000", "禾屏县", "990100000000", "county"),
    (TOWN, "雾坪镇", "990101000000", "town"),
    (VILLAGE, "下栎坪村", TOWN, "village"),
)
HOUSES = {"甲": "3组10号", "乙": "3组2号", "丙": "十组1号", "丁": "4组1号"}
CARER = make_id_number("990101", "19700303", 201)


def county(files: Path) -> None:
    """Four of the very old who live alone in one village, one of them with a grown-up, and a grid worker."""
    write_cells(
        files / "regions.csv",
        ("[code]", "[name]", "[parent]", "[kind]", "[valid_from]"),
        [(*row, "2000-01-01") for row in REGIONS],
    )
    head = ("[name]", "[id_number]", "[sex]", "[birth_date]", "[hukou_region]", "[address]", "[household_no]")
    people = [
        (name, make_id_number("990101", "19400101", 2 * number + 1), "男", "1940-01-01", VILLAGE, where, f"H{number}")
        for number, (name, where) in enumerate(HOUSES.items())
    ]
    carer = ("壬", CARER, "男", "1970-03-03", VILLAGE, HOUSES["丁"], "H3")
    write_cells(files / "persons.csv", head, [*people, carer])
    statuses = [(row[1], "living_alone_elder", "2026-01-10") for row in people]
    write_cells(files / "statuses.csv", ("[id_number]", "[category]", "[decided_on]"), statuses)
    worker = ("测试员", make_id_number("990101", "19850505", 3), "grid_worker", VILLAGE, "2026-01-01")
    write_cells(files / "workers.csv", ("[name]", "[id_number]", "[post]", "[region]", "[from]"), [worker])


async def warn(platform: CountyPlatform, message: Any, at: datetime) -> None:
    """The weather service says something; as alerts tells it."""
    kind = type(message).__name__
    await platform.send_raw([record_of(message, ce_id=f"{oracles.POISON}{kind}", key=WARNING, at=at)])
    await platform.settle()


async def states(platform: CountyPlatform, *more: str) -> list[tuple[str, str, bool]]:
    """(kind, state, overdue) of all extra tasks, as the command lists them."""
    found = await tuoqi_json(platform, "visits", "task", "list", "--by", "worker.tian", *more)
    return sorted((one["kind"], one["state"], one["overdue"]) for one in found)


async def test_a_workers_day_from_the_list_to_the_last_task() -> None:
    """Every promise of the tasks page in one life of a village."""
    async with CountyPlatform(("registry", "visits")) as platform:
        county(platform.files)
        for kind in ("regions", "persons", "statuses", "workers"):
            await platform.load(kind, platform.files / f"{kind}.csv")
        await platform.settle()
        assert "调整 4 人" in await tuoqi(platform, "visits", "share", "--by", "reviewer.zhao")
        (load,) = await tuoqi_json(platform, "visits", "load", "--by", "supervisor.gu")
        worker = load["workers"][0]["worker_id"]
        assert (load["unassigned"], load["workers"][0]["people"]) == (0, 4)

        day = ("visits", "day", "--worker", worker, "--on", "2026-11-07", "--by", "worker.tian")
        (listed,) = await tuoqi_json(platform, *day)
        assert [one["name"] for one in listed["visits"]] == ["乙", "甲", "丁", "丙"]
        assert {one["grade_zh"] for one in listed["visits"]} == {"高风险"}
        people = {one["name"]: one["person_id"] for one in listed["visits"]}

        issued = warning_pb2.WeatherWarningIssued(
            warning_id=WARNING,
            kind="cold_wave",
            colour="ORANGE",
            regions=[TOWN],
            begins_at=stamp_of(START),
            tasks_due_at=stamp_of(START + timedelta(hours=24)),
        )
        await warn(platform, issued, START)
        await platform.advance("2026-11-01 10:00")
        assert await states(platform) == [("weather", "OPEN", False)] * 4
        order = ("visits", "task", "order", "--cause", "discharge-1", "--kind", "hospital_discharge")
        await tuoqi(platform, *order, "--person", people["乙"], "--within-hours", "2", "--by", "supervisor.gu")
        write_cells(platform.files / "deaths.csv", ("[id_number]", "[death_date]"), [(CARER, "2026-11-01")])
        await platform.load("deaths", platform.files / "deaths.csv")
        await platform.settle()
        await platform.advance("2026-11-01 11:00")
        assert await states(platform, "--person", people["丁"]) == [
            ("carer_died", "OPEN", False),
            ("weather", "OPEN", False),
        ]

        write_cells(
            platform.files / "visits.csv",
            ("[visit_id]", "[person_id]", "[started_at]", "[channel]", "[visitor]", "[visitor_role]", "[result]"),
            [(WARNING, people["丁"], "2026-11-01 10:50", "IN_PERSON", "测试员", "grid_worker", "MET")],
        )
        await platform.load("visits", platform.files / "visits.csv")
        await platform.settle()
        assert await states(platform, "--person", people["丁"]) == [
            ("carer_died", "DONE", False),
            ("weather", "DONE", False),
        ]

        await platform.advance("2026-11-02 12:00")
        assert ("hospital_discharge", "OPEN", True) in await states(platform)
        assert [one for one in await states(platform) if one[0] == "weather"] == [
            ("weather", "DONE", False),
            *[("weather", "OPEN", True)] * 3,
        ]
        ended = warning_pb2.WeatherWarningEnded(warning_id=WARNING, ended_at=stamp_of(START + timedelta(hours=27)))
        await warn(platform, ended, START + timedelta(hours=27))
        await platform.advance("2026-11-02 13:00")
        assert [one for one in await states(platform) if one[0] == "weather"] == [
            *[("weather", "CANCELLED", True)] * 3,
            ("weather", "DONE", False),
        ]
        told = await platform.sql(
            "visits",
            "SELECT ce_type, count(*) FROM outbox WHERE ce_type ~ 'ExtraTaskOverdue|TaskBatchSettled' GROUP BY 1 ORDER BY 1",
        )
        assert told == [("tuoqi.visits.v1.ExtraTaskOverdue", 4), ("tuoqi.visits.v1.TaskBatchSettled", 2)]
        assert await oracles.versions_unbroken(platform) == []
        assert await oracles.every_event_arrived(platform) == []
