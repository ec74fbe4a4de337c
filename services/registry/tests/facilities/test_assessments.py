"""assessments.csv on a real PostgreSQL, with the scales that ship: score, level, what is doubted, and what stays sealed."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tuoqi.contracts.registry.v1 import status_pb2

pytestmark = pytest.mark.postgres
ABLE = ["eating", "bathing", "dressing", "bed", "toileting", "walking"]


def ability(office: Any, lost: int = 0, **extra: int) -> str:
    """Answers to all 26 items with so many points lost."""
    answers = {}
    for code, item in office.desk.policy.scales["GBT42195"].items.items():
        less = min(lost, item.points)
        answers[code], lost = item.points - less, lost - less
    return ";".join(f"{code}={points}" for code, points in {**answers, **extra}.items())


def row(person: dict[str, str], scale: str, items: str, day: str = "2026-10-01", **columns: str) -> dict[str, str]:
    return {"id_number": person["id_number"], "scale": scale, "assessed_on": day, "items": items, **columns}


async def levels(office: Any) -> list[tuple[str, int, str]]:
    """Scale, score and level of each assessment last told."""
    last = (await office.said(status_pb2.PersonStatusChanged))[-1].message
    return [(one.scale, one.score, one.level) for one in last.assessments]


@pytest.mark.parametrize(
    ("lost", "level"),
    [(0, "0"), (1, "1"), (24, "1"), (25, "2"), (44, "2"), (45, "3"), (60, "3"), (61, "4"), (90, "4")],
)
async def test_the_level_of_ability_follows_from_the_26_items(office: Any, town: Any, lost: int, level: str) -> None:
    person = town.person(1)
    await office.load("persons", person)
    done = await office.load("assessments", row(person, "GBT42195", ability(office, lost), assessors="甲、乙"))
    assert done.problems == []
    assert await levels(office) == [("GBT42195", 90 - lost, level)]


async def test_a_coma_sets_the_level_whatever_the_score_is(office: Any, town: Any) -> None:
    person = town.person(1)
    await office.load("persons", person)
    await office.load("assessments", row(person, "GBT42195", ability(office, coma=1), assessors="甲;乙"))
    assert await levels(office) == [("GBT42195", 90, "3")]


async def test_one_assessor_and_another_level_than_the_platform_s_are_doubted(office: Any, town: Any) -> None:
    person = town.person(1)
    await office.load("persons", person)
    done = await office.load(
        "assessments", row(person, "GBT42195", ability(office, 30), assessors="甲", level="轻度失能")
    )
    assert done.changed == 1
    assert all(problem.only_warning for problem in done.problems)
    assert ["须由 2 名" in one.reason or "中度失能" in one.reason for one in done.problems] == [True, True]


@pytest.mark.parametrize(
    ("scale", "items", "reason"),
    [
        ("GBT42195", "eating=4;walking=4", "缺：grooming"),
        ("GBT42195", "eating=5", "超过最高分 4"),
        ("GBT42195", "flying=1", "没有项目“flying”，可填：eating"),
        ("tekun_self_care", "eating=1;eating=0", "不止一次"),
        ("guardianship", "a=-1", "不是“项目=得分”的写法"),
        ("guardianship", ";", "不能为空"),
    ],
)
async def test_answers_that_cannot_be_counted_keep_a_row_out(
    office: Any, town: Any, scale: str, items: str, reason: str
) -> None:
    person = town.person(1)
    await office.load("persons", person)
    done = await office.load("assessments", row(person, scale, items))
    assert done.changed == 0
    assert any(reason in problem.reason for problem in office.refused(done))


@pytest.mark.parametrize(("failed", "level"), [(0, "full"), (1, "half"), (3, "half"), (4, "none"), (6, "none")])
async def test_self_care_of_the_destitute_follows_from_the_items_that_fail(
    office: Any, town: Any, failed: int, level: str
) -> None:
    person = town.person(1)
    await office.load("persons", person)
    items = ";".join(f"{code}={int(place < failed)}" for place, code in enumerate(ABLE))
    await office.load("assessments", row(person, "特困自理能力", items))
    assert await levels(office) == [("tekun_self_care", failed, level)]


async def test_a_guardianship_item_that_the_scorecard_lacks_counts_and_is_doubted(office: Any, town: Any) -> None:
    child = town.person(1, date(2015, 3, 9))
    await office.load("persons", child)
    done = await office.load("assessments", row(child, "guardianship", "lives_alone=30;q=33"))
    assert (done.changed, [one.only_warning for one in done.problems]) == (1, [True])
    assert await levels(office) == [("guardianship", 63, "")]


async def test_of_one_day_the_later_loaded_counts_and_the_same_again_changes_nothing(office: Any, town: Any) -> None:
    child = town.person(1, date(2015, 3, 9))
    await office.load("persons", child)
    high, low = row(child, "guardianship", "health=20;mind=20"), row(child, "guardianship", "health=5")
    await office.load("assessments", high, low)
    assert (await office.load("assessments", low)).unchanged == 1
    assert (await office.load("assessments", high)).changed == 1
    last = (await office.said(status_pb2.PersonStatusChanged))[-1].message.assessments
    assert [(one.score, one.loaded_order) for one in last] == [(40, 1), (5, 2), (40, 3)]


async def test_answers_and_assessors_lie_sealed_and_go_into_no_event(office: Any, town: Any) -> None:
    child = town.person(1, date(2015, 3, 9))
    await office.load("persons", child)
    await office.load("assessments", row(child, "guardianship", "lives_alone=29", assessors="密探甲"))
    for table in ("assessments", "outbox"):
        for stored in await office.fetch(f"SELECT CAST(t AS text) AS content FROM {table} t"):
            for secret in ("密探甲", "lives_alone"):
                assert secret not in stored.content
                assert secret.encode().hex() not in stored.content
