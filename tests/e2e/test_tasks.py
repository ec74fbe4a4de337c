"""A worker's tasks by the real command: shared out, listed for the way, ordered by a warning and a death, done, overdue."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import oracles
import pytest
from county_command import tuoqi, tuoqi_json
from county_platform import CountyPlatform
from county_tables import write_cells
from one_village import CARER, TOWN, county

from tuoqi.contracts.alerts.v1 import warning_pb2
from tuoqi.kit.clock import COUNTY_ZONE
from tuoqi.kit.stamps import stamp_of
from tuoqi.kit.testing.records import record_of

pytestmark = [pytest.mark.platform, pytest.mark.timeout(300)]
WARNING = "01a19000-0000-7000-8000-0000000000aa"
START = datetime(2026, 11, 1, 9, tzinfo=COUNTY_ZONE)


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
