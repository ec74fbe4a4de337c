"""What is saved comes back the same, and whoever comes second notices; on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tuoqi.kit.crypto import SealError
from tuoqi.kit.database import Conflict
from tuoqi.kit.handlers import Change
from tuoqi.visits.domain.facts import Absence, CareFacts, GuardianshipScore, PersonFacts, StatusInterval, Stay
from tuoqi.visits.domain.file import CareTold, OverdueNews, RecordTold, VisitFile
from tuoqi.visits.domain.happenings import OverdueState
from tuoqi.visits.domain.overdues import overdue_id
from tuoqi.visits.domain.plan import Overdue, Try, VisitPlan, VisitRecord
from tuoqi.visits.domain.records import VisitForm
from tuoqi.visits.domain.windows import Window
from tuoqi.visits.store import Circumstances, NewRecord, NoteSeal, VisitFileStore, record_visits

PERSON = "00000000-0000-4000-8000-000000000001"
DEADLINE = date(2026, 3, 9)
pytestmark = pytest.mark.postgres


def full_file(make: Any) -> VisitFile:
    """A file in which every field has something."""
    facts = PersonFacts(
        birth_date=date(1942, 1, 15),
        died_on=date(2026, 3, 20),
        absences=(Absence(date(2026, 1, 1), date(2026, 2, 1)), Absence(date(2026, 3, 1))),
        statuses=(
            StatusInterval("dibao", None, order=3),
            StatusInterval(
                "disabled_elder",
                date(2026, 1, 2),
                "1",
                "4",
                date(2026, 1, 1),
                date(2026, 5, 1),
                date(2026, 6, 1),
                7,
            ),
        ),
        stays=(Stay("F1", date(2026, 2, 1)),),
        scores=(GuardianshipScore(date(2026, 2, 2), 41, 2),),
    )
    window = Window(date(2026, 3, 10), date(2026, 3, 16))
    plan = VisitPlan(
        PERSON,
        facts,
        looked_on=date(2026, 3, 10),
        number=2,
        grade="HIGH",
        window=window,
        opened_on=date(2026, 3, 1),
        closed_on=date(2026, 2, 1),
        tries=(Try(make.at("2026-03-03"), succeeded=False), Try(make.at("2026-03-04"), succeeded=True)),
        two_tries_open=True,
        overdues=(Overdue("HIGH", Window(date(2026, 3, 2), DEADLINE), OverdueState.OPEN),),
    )
    early = (
        CareTold(make.at("2026-03-01"), CareFacts(facts.statuses, facts.stays, facts.scores)),
        RecordTold(make.at("2026-03-02"), VisitRecord("v", make.at("2026-03-01"), "MET")),
    )
    return VisitFile(PERSON, 5, "990101001201", 3, 4, plan, early, make.at("2026-03-17", 0))


async def save(platform: Any, file: VisitFile, loaded: int | None) -> None:
    """Save one file as the kit does."""
    async with platform.database.begin() as tx:
        await VisitFileStore().save(tx, [Change(file.person_id, file, loaded)])


async def load(platform: Any) -> VisitFile:
    """Load it as the kit does."""
    async with platform.database.begin() as tx:
        return (await VisitFileStore().load(tx, [PERSON]))[PERSON]


async def test_a_file_comes_back_as_it_was_saved(platform: Any, make: Any) -> None:
    """Full and empty, new and changed."""
    empty = VisitFile(PERSON)
    await save(platform, empty, None)
    assert await load(platform) == empty
    await save(platform, full_file(make), 0)
    assert await load(platform) == full_file(make)


async def test_a_second_writer_starts_again(platform: Any, make: Any) -> None:
    """A file is inserted only where there is none, and updated only where it still is as it was loaded."""
    await save(platform, full_file(make), None)
    with pytest.raises(Conflict):
        await save(platform, full_file(make), None)
    with pytest.raises(Conflict):
        await save(platform, full_file(make), 4)


async def test_overdues_are_written_with_the_plan(platform: Any, make: Any) -> None:
    """One that was found and settled within a batch stands there once, with its last state; a later change updates it."""
    file = full_file(make)
    found = OverdueNews(DEADLINE, OverdueState.OPEN, "HIGH")
    await save(platform, replace(file, news=(found, OverdueNews(DEADLINE, OverdueState.MADE_UP))), None)
    assert (await load(platform)).news == ()
    rows = "SELECT overdue_id, grade, deadline, state FROM overdues"
    name = overdue_id(PERSON, DEADLINE)
    assert await platform.rows(rows) == [(name, "HIGH", DEADLINE, "MADE_UP")]
    await save(platform, replace(file, news=(OverdueNews(DEADLINE, OverdueState.CLEARED),)), 5)
    assert await platform.rows(rows) == [(name, "HIGH", DEADLINE, "CLEARED")]


async def test_no_private_text_stands_in_a_plain_column(platform: Any, make: Any) -> None:
    """Visitor and note come back only by the seal and for their person."""
    seal = NoteSeal(b"k" * 32)
    form = VisitForm(PERSON, make.at("2026-03-03"), "PHONE", "MET", visitor="访员甲", note="电话 13800000000")
    async with platform.database.begin() as tx:
        await record_visits(tx, [NewRecord(PERSON, form)], Circumstances(make.at("2026-03-04")), seal)
    with pytest.raises(Conflict):
        async with platform.database.begin() as tx:
            await record_visits(tx, [NewRecord(PERSON, form)], Circumstances(make.at("2026-03-05")), seal)
    ((row, sealed),) = await platform.rows("SELECT CAST(visit_records AS text), sealed FROM visit_records")
    for text in ("访员甲", "13800000000", "访员甲".encode().hex(), b"13800000000".hex()):
        assert text not in row
    assert seal.open(PERSON, sealed)[:2] == ("访员甲", "电话 13800000000")
    with pytest.raises(SealError):
        seal.open("00000000-0000-4000-8000-000000000002", sealed)
