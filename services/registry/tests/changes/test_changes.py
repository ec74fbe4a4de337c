"""Change requests on a real PostgreSQL: two users, conflicts, application, undo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tuoqi.contracts.registry.v1 import change_pb2, person_pb2, status_pb2
from tuoqi.kit.commands import Commander
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.registry.domain.change import Change, ChangeRow
from tuoqi.registry.jobs.changes import ChangeDesk, Drafted, Wanted
from tuoqi.registry.store.changes import load_rows

pytestmark = pytest.mark.postgres
Row = dict[str, str]
MAKER = Actor(user="clerk.li")
OTHER = Actor(user="clerk.feng")
CHECKER = Actor(user="reviewer.zhao")


@pytest.fixture
def changes(office: Any) -> ChangeDesk:
    commander = Commander({}, office.database, office.desk.origin, lambda: None)
    return ChangeDesk(office.desk, commander, list(office.importers.values()))


async def draft(desk: ChangeDesk, kind: str, *rows: Mapping[str, str], actor: Actor = MAKER, note: str = "") -> Drafted:
    return await desk.draft(actor, Wanted(kind, dict(enumerate(rows, start=2)), note))


async def last(steps: Any) -> Change:
    return [step async for step in steps][-1]


async def applied(desk: ChangeDesk, kind: str, *rows: Mapping[str, str]) -> Change:
    drafted = await draft(desk, kind, *rows)
    assert drafted.change is not None, drafted.preview.problems
    submitted = await last(desk.submit(MAKER, drafted.change.change_id))
    return submitted if submitted.state == "APPROVED" else await last(desk.approve(CHECKER, submitted.change_id))


async def submitted(desk: ChangeDesk, kind: str, *rows: Mapping[str, str], actor: Actor = MAKER) -> Change:
    drafted = await draft(desk, kind, *rows, actor=actor)
    assert drafted.change is not None, drafted.preview.problems
    return await last(desk.submit(actor, drafted.change.change_id))


async def rows_of(office: Any, change: Change) -> list[ChangeRow]:
    ring = office.desk.vault.ring()
    async with office.database.begin() as tx:
        await ring.open(tx, [f"change:{change.change_id}"])
        return await load_rows(tx, change.change_id, ring, size=1_000)


async def residence(office: Any) -> list[str]:
    return [
        row.residence_region for row in await office.fetch("SELECT residence_region FROM persons ORDER BY birth_date")
    ]


def moved(old: Row, village: str) -> Row:
    return {"id_number": old["id_number"], "residence_region": village}


async def test_what_one_user_makes_another_must_approve_before_it_stands(
    office: Any, changes: ChangeDesk, old: Row
) -> None:
    await office.load("persons", old)
    change = await submitted(changes, "persons", moved(old, "990101101203"))
    assert (change.state, await residence(office)) == ("SUBMITTED", [old["residence_region"]])
    with pytest.raises(TuoqiError, match="maker_may_not_check"):
        await last(changes.approve(MAKER, change.change_id))
    approved = await last(changes.approve(CHECKER, change.change_id))
    assert (approved.state, approved.rows_changed, approved.checked_by) == ("APPROVED", 1, CHECKER.user)
    assert await residence(office) == ["990101101203"]
    (told,) = await office.said(change_pb2.ChangeApplied)
    assert (told.message.rows_changed, told.key, told.version) == (1, change.change_id, 1)
    assert len(await office.said(person_pb2.PersonChanged)) == 1


async def test_a_later_edit_of_the_same_column_stops_the_request_and_one_of_another_does_not(
    office: Any, changes: ChangeDesk, old: Row
) -> None:
    await office.load("persons", old)
    free = await submitted(changes, "persons", moved(old, "990101101203"))
    await office.load("persons", {"id_number": old["id_number"], "address": "别处"})
    assert (await last(changes.approve(CHECKER, free.change_id))).state == "APPROVED"
    stale = await submitted(changes, "persons", moved(old, "990101101201"))
    await office.load("persons", moved(old, "990101101202"))
    stopped = await last(changes.approve(CHECKER, stale.change_id))
    assert (stopped.state, await residence(office)) == ("CONFLICT", ["990101101202"])
    (row,) = await rows_of(office, stopped)
    assert (row.seen["residence_region"], row.now, row.cells["residence_region"]) == (
        "990101101203",
        {"residence_region": "990101101202"},
        "990101101201",
    )
    with pytest.raises(TuoqiError, match="not_maker"):
        await changes.rebase(OTHER, stale.change_id)
    assert (await changes.rebase(MAKER, stale.change_id)).state == "DRAFT"
    await last(changes.submit(MAKER, stale.change_id))
    assert (await last(changes.approve(CHECKER, stale.change_id))).state == "APPROVED"
    assert await residence(office) == ["990101101201"]


async def test_a_whole_row_touches_only_what_differs(office: Any, changes: ChangeDesk, old: Row) -> None:
    await office.load("persons", old)
    change = await submitted(changes, "persons", {**old, "residence_region": "990101101203"})
    assert change.columns == ("id_number", "residence_region")
    await office.load("persons", {"id_number": old["id_number"], "phone": "13911112222"})
    await last(changes.approve(CHECKER, change.change_id))
    drafted = await draft(changes, "persons", {"id_number": old["id_number"], "phone": "13911112222"})
    assert (drafted.preview.changed, drafted.preview.unchanged) == (0, 1)


async def test_a_row_that_its_file_would_reject_keeps_the_draft_out(office: Any, changes: ChangeDesk, old: Row) -> None:
    await office.load("persons", old)
    drafted = await draft(changes, "persons", moved(old, "99"), moved(old, "990101101203"))
    assert drafted.change is None
    assert drafted.preview.rejected.keys() == {2}
    twice = await draft(changes, "persons", moved(old, "990101101201"), moved(old, "990101101203"))
    assert "两次" in twice.preview.rejected[3]
    assert await office.fetch("SELECT change_id FROM change_requests") == []
    with pytest.raises(TuoqiError, match="kind_unknown"):
        await draft(changes, "regions", {"code": "990101101201"})


async def test_a_telephone_alone_needs_no_second_user(office: Any, changes: ChangeDesk, old: Row) -> None:
    await office.load("persons", old)
    change = await applied(changes, "persons", {"id_number": old["id_number"], "phone": "13911112222"})
    assert (change.state, change.checked_by, change.needs_checker) == ("APPROVED", "", False)


async def test_nothing_that_was_typed_or_seen_stands_open(office: Any, changes: ChangeDesk, old: Row) -> None:
    await office.load("persons", old)
    change = await submitted(changes, "persons", {"id_number": old["id_number"], "address": "秘密地址"})
    assert change.state == "APPROVED"
    rows = await office.fetch("SELECT c.*, r.* FROM change_requests c JOIN change_rows r USING (change_id)")
    rows += await office.fetch("SELECT value FROM outbox")
    for secret in (old["id_number"], "秘密地址", old["address"]):
        assert all(secret not in repr(row) and secret.encode() not in bytes(row[-1]) for row in rows)


async def test_an_undo_puts_back_as_new_facts_and_leaves_what_was_changed_later(
    office: Any, changes: ChangeDesk, old: Row, child: Row
) -> None:
    await office.load("persons", old, {**child, "residence_region": "990101101201"})
    both = [moved(old, "990101101203"), moved(child, "990101101203")]
    change = await applied(changes, "persons", *both)
    await office.load("persons", moved(child, "990101101202"))
    undo, skipped = await changes.undo(OTHER, change.change_id, "弄错了")
    assert ([one.row_number for one in skipped], undo.state, undo.rows_total) == ([3], "SUBMITTED", 2)
    with pytest.raises(TuoqiError, match="undone_already"):
        await changes.undo(MAKER, change.change_id, "")
    done = await last(changes.approve(CHECKER, undo.change_id))
    assert (done.state, done.rows_changed, done.rows_skipped) == ("APPROVED", 1, 1)
    assert await residence(office) == [old["residence_region"], "990101101202"]
    (told,) = await office.said(change_pb2.ChangeUndone)
    assert (told.key, told.version, told.message.undone_by) == (change.change_id, 2, undo.change_id)
    (row,) = await office.fetch("SELECT state FROM change_requests WHERE change_id = :id", id=change.change_id)
    assert row.state == "UNDONE"
    with pytest.raises(TuoqiError, match="is_undo"):
        await changes.undo(MAKER, undo.change_id, "")


async def test_an_undo_skips_what_is_changed_while_it_waits(office: Any, changes: ChangeDesk, old: Row) -> None:
    await office.load("persons", old)
    change = await applied(changes, "persons", moved(old, "990101101203"))
    undo, _ = await changes.undo(MAKER, change.change_id, "")
    await office.load("persons", moved(old, "990101101201"))
    done = await last(changes.approve(CHECKER, undo.change_id))
    assert (done.state, done.rows_changed, done.rows_skipped) == ("APPROVED", 0, 1)
    assert await residence(office) == ["990101101201"]


DIBAO = {"category": "dibao", "decided_on": "2026-01-05", "applied_on": "2026-01-02", "amount": "500"}


async def test_status_rows_are_undone_by_reopening_and_by_voiding(office: Any, changes: ChangeDesk, old: Row) -> None:
    who = {"id_number": old["id_number"]}
    await office.load("persons", old)
    await office.load("statuses", {**who, **DIBAO})
    end = {**who, **DIBAO, "ended_on": "2026-10-31", "end_reason": "income"}
    new = {**who, "category": "empty_nest_elder", "decided_on": "2026-02-01"}
    change = await applied(changes, "statuses", end, new)
    assert change.rows_changed == 2
    undo, skipped = await changes.undo(MAKER, change.change_id, "")
    assert skipped == []
    assert (await last(changes.approve(CHECKER, undo.change_id))).rows_changed == 2
    *_, told = await office.said(status_pb2.PersonStatusChanged)
    ends = {one.category: one.ended_on for one in told.message.intervals}
    assert ends == {"dibao": "", "empty_nest_elder": "2026-01-31"}


async def test_a_new_decision_meets_the_one_that_another_user_took_first(
    office: Any, changes: ChangeDesk, old: Row
) -> None:
    who = {"id_number": old["id_number"]}
    await office.load("persons", old)
    await office.load("statuses", {**who, **DIBAO})
    change = await submitted(changes, "statuses", {**who, **DIBAO, "decided_on": "2026-11-02", "amount": "600"})
    await office.load("statuses", {**who, **DIBAO, "decided_on": "2026-11-01", "amount": "700"})
    assert (await last(changes.approve(CHECKER, change.change_id))).state == "CONFLICT"


async def test_deaths_and_moves_are_undone_by_their_own_rows(office: Any, changes: ChangeDesk, old: Row) -> None:
    who = {"id_number": old["id_number"]}
    await office.load("persons", old)
    for kind, row in (("deaths", {"death_date": "2026-11-01"}), ("moves", {"moved_out_on": "2026-11-02"})):
        change = await applied(changes, kind, {**who, **row})
        undo, _ = await changes.undo(MAKER, change.change_id, "")
        assert (await last(changes.approve(CHECKER, undo.change_id))).rows_changed == 1
    (row,) = await office.fetch("SELECT died_on, absences FROM persons")
    assert (row.died_on, row.absences) == (None, "[]")


async def test_a_large_request_goes_on_where_it_stopped_and_takes_nothing_twice(
    office: Any, changes: ChangeDesk
) -> None:
    people = [
        {"temp_id": f"T{n}", "name": f"测{n}", "sex": "M", "birth_date": "1950-01-01", "hukou_region": "990101101201"}
        for n in range(1_200)
    ]
    await office.load("persons", *people)
    wanted = [{"temp_id": one["temp_id"], "residence_region": "990101101203"} for one in people]
    change = await submitted(changes, "persons", *wanted)
    steps = changes.approve(CHECKER, change.change_id)
    assert (await anext(steps)).state == "APPLYING"
    assert (await anext(steps)).rows_done == 500
    await steps.aclose()
    await office.load("persons", {"temp_id": "T1100", "residence_region": "990101101202"})
    assert await changes.resume(office.clock.now()) == 2
    (row,) = await office.fetch("SELECT * FROM change_requests")
    assert (row.state, row.rows_done, row.rows_changed, row.rows_skipped) == ("APPROVED", 1_200, 1_199, 1)
    assert len(await office.said(person_pb2.PersonChanged)) == 1_200
    assert await changes.resume(office.clock.now()) == 0


async def test_a_refused_or_withdrawn_request_is_never_applied(office: Any, changes: ChangeDesk, old: Row) -> None:
    await office.load("persons", old)
    for end in (
        lambda one: changes.refuse(CHECKER, one, "材料不全"),
        lambda one: changes.withdraw(MAKER, one),
    ):
        change = await submitted(changes, "persons", moved(old, "990101101203"))
        await end(change.change_id)
        with pytest.raises(TuoqiError, match="wrong_state"):
            await last(changes.approve(CHECKER, change.change_id))
        office.clock.move_to(office.clock.now().replace(hour=5))
    assert await residence(office) == [old["residence_region"]]


async def test_who_may_not_act_where_the_people_live_does_not_find_the_request(
    office: Any, changes: ChangeDesk, old: Row
) -> None:
    await office.load("persons", old)
    change = await submitted(changes, "persons", moved(old, "990101101203"))
    with pytest.raises(TuoqiError, match=r"change\.unknown"):
        await last(changes.approve(Actor(user="x", regions=("990101102",)), change.change_id))
