"""statuses.csv, deaths.csv and moves.csv on a real PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from tuoqi.contracts.registry.v1 import person_pb2, status_pb2
from tuoqi.registry.store.seals import STATUS

pytestmark = pytest.mark.postgres
Row = dict[str, str]
DIBAO = {"category": "低保", "decided_on": "2026-01-05", "amount": "780", "decision_no": "民〔2026〕1号"}


async def test_intervals_are_told_whole_with_rising_versions(office: Any, old: Row) -> None:
    await office.load("persons", old)
    number = {"id_number": old["id_number"]}
    await office.load("statuses", {**number, **DIBAO}, {**number, "category": "living_alone_elder"})
    await office.load("statuses", {**number, **DIBAO, "ended_on": "2026-12-31"})
    said = await office.said(status_pb2.PersonStatusChanged)
    assert [(one.version, len(one.message.intervals)) for one in said] == [(1, 1), (2, 2), (3, 2)]
    first, last = said[0].message.intervals[0], said[2].message.intervals[0]
    assert (first.interval_id, first.loaded_order, first.ended_on) == (last.interval_id, 1, "")
    assert (last.loaded_order, last.ended_on, last.amount_fen) == (3, "2026-12-31", 78_000)


async def test_the_same_file_again_changes_nothing(office: Any, old: Row) -> None:
    await office.load("persons", old)
    rows = [{"id_number": old["id_number"], **DIBAO}, {"id_number": old["id_number"], "category": "tekun"}]
    await office.load("statuses", *rows)
    again = await office.load("statuses", *rows)
    assert (again.changed, again.unchanged, again.events) == (0, 1, 0)
    assert [problem.column for problem in again.problems] == ["等级[level]", "子类[subtype]"]


async def test_an_equal_row_after_a_rival_of_its_day_is_loaded_later(office: Any, old: Row) -> None:
    await office.load("persons", old)
    number = {"id_number": old["id_number"]}
    await office.load("statuses", {**number, **DIBAO}, {**number, **DIBAO, "applied_on": "2026-01-01"})
    again = await office.load("statuses", {**number, **DIBAO})
    assert (again.changed, again.events) == (1, 1)
    intervals = (await office.said(status_pb2.PersonStatusChanged))[-1].message.intervals
    assert {one.applied_on: one.loaded_order for one in intervals} == {"": 3, "2026-01-01": 2}


async def test_nobody_on_the_register_is_a_row_error_in_every_file(office: Any) -> None:
    number = {"id_number": "990101193607010016"}
    for kind, more in (("statuses", DIBAO), ("deaths", {"death_date": "2026-01-01"}), ("moves", {})):
        done = await office.load(kind, {**number, **more})
        assert "没有此人" in done.problems[0].reason
    assert await office.said() == []


async def test_an_unknown_category_lists_the_allowed_ones(office: Any, old: Row) -> None:
    await office.load("persons", old)
    done = await office.load("statuses", {"id_number": old["id_number"], "category": "富裕"})
    assert "低保[dibao]" in done.problems[0].reason


async def test_deaths_and_moves_are_told_and_taken_back(office: Any, old: Row) -> None:
    await office.load("persons", old)
    number = {"id_number": old["id_number"]}
    await office.load("deaths", {**number, "death_date": "2026-11-01", "source": "比对"})
    await office.load("deaths", {**number, "death_date": ""})
    await office.load("moves", {**number, "moved_out_on": "2026-03-01", "returned_on": "2026-04-01"})
    await office.load("moves", {**number, "moved_out_on": "2026-06-01"})
    await office.load("moves", {**number, "moved_out_on": ""})
    said = (await office.said())[2:]
    assert [type(one.message) for one in said] == [
        person_pb2.PersonDeceased,
        person_pb2.PersonDeathWithdrawn,
        person_pb2.PersonMoved,
        person_pb2.PersonMoved,
        person_pb2.PersonMoved,
    ]
    assert [len(one.message.person.absences) for one in said] == [0, 0, 1, 2, 1]


async def test_the_sealed_category_leaves_no_trace_outside_its_seal(office: Any, child: Row) -> None:
    await office.load("persons", child)
    number = {"id_number": child["id_number"], "decided_on": "2026-01-05"}
    await office.load("statuses", {**number, "category": "orphan", "subtype": "dispersed"})
    (before,) = await office.fetch("SELECT * FROM person_statuses")
    done = await office.load("statuses", {**number, "category": "orphan_type_c"})
    (after,) = await office.fetch("SELECT * FROM person_statuses")
    assert (done.changed, done.events) == (1, 0)
    open_columns = [column for column in after._fields if column not in {"private", "known_at"}]
    assert [getattr(after, column) for column in open_columns] == [getattr(before, column) for column in open_columns]
    assert len(after.private) == len(before.private)
    ring = office.desk.vault.ring()
    async with office.database.begin() as tx:
        await ring.open(tx, [after.person_id])
    assert ring.unseal(after.person_id, STATUS, after.private)["mark"] == "1"
    (said,) = await office.said(status_pb2.PersonStatusChanged)
    assert [(one.category, one.subtype) for one in said.message.intervals] == [("orphan", "dispersed")]
