"""A village worker's day: from the printed list to the upload, and what becomes of what was found."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import oracles
import pytest
from county_command import tuoqi, tuoqi_json
from county_platform import CountyPlatform
from one_village import VILLAGE, county

pytestmark = [pytest.mark.platform, pytest.mark.timeout(300)]
WORKER, SUPERVISOR, REVIEWER = "worker.tian", "supervisor.gu", "reviewer.zhao"
TOLD_S_MAX = 20.0


@pytest.fixture(scope="module")
async def platform() -> AsyncIterator[CountyPlatform]:
    """A village of four old people who live alone, and somebody who looks after them."""
    async with CountyPlatform() as running:
        county(running.files)
        for kind in ("regions", "persons", "statuses", "workers"):
            await running.load(kind, running.files / f"{kind}.csv")
        await running.settle()
        await tuoqi(running, "visits", "share", "--by", REVIEWER)
        await running.advance("2026-11-05 09:00")
        yield running


async def _told(platform: CountyPlatform, user: str) -> list[dict[str, Any]]:
    """The user's unread messages, once there are any."""
    async with asyncio.timeout(TOLD_S_MAX):
        while not (found := await tuoqi_json(platform, "alerts", "inbox", "--unread", "--by", user)):  # noqa: ASYNC110  another process tells
            await asyncio.sleep(0.3)
    return found


async def test_a_workers_day_from_the_list_to_the_upload_and_the_alarm_behind_it(platform: CountyPlatform) -> None:
    """What was found raises an alarm, people are told, a second person closes it; the record shows as one that counts."""
    (listed,) = await tuoqi_json(platform, "visits", "day", "--region", VILLAGE, "--on", "2026-11-08", "--by", WORKER)
    people = [one["person_id"] for one in listed["visits"]]
    assert len(people) == 4
    names = [one["name"] for one in listed["visits"]]
    assert names == ["乙", "甲", "丁", "丙"], "in walking order, numbers as numbers"
    day = platform.files / "day.jsonl"
    records = [
        {
            "visit_id": f"5f0c0000-0000-4000-a000-00000000000{number}",
            "person_id": person,
            "started_at": f"2026-11-05T08:{10 + number}:00+08:00",
            "channel": "IN_PERSON",
            "result": "MET" if number < 3 else "NOT_FOUND",
            "findings": ["ELDER_FOUND_DOWN"] if number == 0 else [],
        }
        for number, person in enumerate(people)
    ]
    day.write_text("\n".join(json.dumps(one) for one in records), encoding="utf-8")
    for _ in range(2):
        await tuoqi(platform, "visits", "upload", str(day), "--by", WORKER)
        await platform.settle()
    kept = await tuoqi_json(platform, "visits", "records", "--person", people[3], "--by", WORKER)
    assert [(one["result"], one.get("counts", False)) for one in kept] == [("NOT_FOUND", False)]
    assert len(await platform.sql("visits", "SELECT 1 FROM visit_records")) == 4

    (alarm,) = await tuoqi_json(platform, "alerts", "list", "--open", "--by", SUPERVISOR)
    assert (alarm["kind"], alarm["severity"], alarm["person_id"]) == ("elder_found_down", "CRITICAL", people[0])
    (message,) = await _told(platform, WORKER)
    assert message["alert_id"] == alarm["alert_id"]
    assert not any(name in message["body"] for name in names)
    await tuoqi(platform, "alerts", "read", message["delivery_id"], "--by", WORKER)
    assert await tuoqi_json(platform, "alerts", "inbox", "--unread", "--by", WORKER) == []

    await tuoqi(platform, "alerts", "act", alarm["alert_id"], "on_site", "--by", WORKER)
    await tuoqi(platform, "alerts", "close", alarm["alert_id"], "--outcome", "resolved", "--by", WORKER)
    await tuoqi(platform, "alerts", "confirm", alarm["alert_id"], "--by", REVIEWER)
    await platform.settle()
    assert await tuoqi_json(platform, "alerts", "list", "--open", "--by", SUPERVISOR) == []
    findings = await oracles.all_oracles(platform)
    assert not findings, "\n".join(findings)
