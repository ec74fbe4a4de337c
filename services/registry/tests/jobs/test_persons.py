"""persons.csv on a real PostgreSQL: what is stored, what is told, what is refused."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from tuoqi.contracts.registry.v1 import person_pb2, place_pb2
from tuoqi.kit.clock import county_day
from tuoqi.kit.database import Conflict
from tuoqi.kit.rights import Actor
from tuoqi.kit.rpc.tables import LoadContext
from tuoqi.kit.tables import Header, parse_rows
from tuoqi.registry.domain.person import HukouSince, Person
from tuoqi.registry.store.persons import PersonStore

pytestmark = pytest.mark.postgres
Row = dict[str, str]


async def test_a_person_is_registered_once_and_told_once(office: Any, old: Row) -> None:
    first = await office.load("persons", old)
    again = await office.load("persons", old)
    assert (first.changed, office.refused(first)) == (1, [])
    assert (again.changed, again.unchanged, again.events) == (0, 1, 0)
    (said,) = await office.said(person_pb2.PersonRegistered)
    assert (said.key, said.version) == (said.message.person.person_id, 1)
    assert said.message.person.birth_date == "1936-07-01"
    assert said.message.known_at.ToDatetime() == office.clock.now().replace(tzinfo=None)


async def test_each_change_is_one_event_with_the_next_version(office: Any, old: Row) -> None:
    number = {"id_number": old["id_number"]}
    await office.load("persons", old)
    await office.load("persons", {**number, "phone": "清空"})
    await office.load("persons", {**number, "death_date": "2026-11-01", "note": "x"})
    await office.load("persons", {**number, "death_date": "清空"})
    said = await office.said(*(getattr(person_pb2, name) for name in person_pb2.DESCRIPTOR.message_types_by_name))
    assert [(one.version, type(one.message).__name__, one.message.person.died_on) for one in said] == [
        (1, "PersonRegistered", ""),
        (2, "PersonChanged", ""),
        (3, "PersonDeceased", "2026-11-01"),
        (4, "PersonDeathWithdrawn", ""),
    ]


async def test_rows_of_one_file_see_those_before_them(office: Any, old: Row) -> None:
    done = await office.load("persons", old, {**old, "phone": "13900009999"}, {**old, "phone": "13900009999"})
    assert (done.changed, done.unchanged) == (2, 1)
    assert [one.version for one in await office.said(person_pb2.PersonRegistered, person_pb2.PersonChanged)] == [1, 2]


async def test_the_old_form_of_a_number_is_the_same_person(office: Any, old: Row) -> None:
    await office.load("persons", old)
    done = await office.load("persons", {"id_number": "990101360701001", "ethnic": "汉族"})
    assert done.changed == 1
    assert len(await office.fetch("SELECT 1 FROM persons")) == 1


async def test_a_bad_row_is_named_masked_and_the_good_ones_are_taken(office: Any, old: Row, child: Row) -> None:
    done = await office.load("persons", {**old, "id_number": "990101193607010017"}, child)
    assert done.changed == 1
    (problem,) = office.refused(done)
    assert (problem.row_number, problem.column, problem.value) == (2, "证件号码[id_number]", "990101********0017")
    assert problem.reason


async def test_a_temporary_id_belongs_to_one_person(office: Any, old: Row, child: Row) -> None:
    await office.load("persons", {**old, "temp_id": "L-1"}, child)
    done = await office.load("persons", {"id_number": child["id_number"], "temp_id": "L-1"})
    assert [problem.column for problem in office.refused(done)] == ["临时编号[temp_id]"]


async def test_a_temporary_id_given_up_is_free_for_another(office: Any, old: Row, child: Row) -> None:
    await office.load("persons", {**old, "temp_id": "L-1"})
    done = await office.load("persons", {"id_number": old["id_number"], "temp_id": "清空"}, {**child, "temp_id": "L-1"})
    assert (done.changed, office.refused(done)) == (2, [])


async def test_two_who_register_the_same_person_at_once_do_not_both(office: Any, old: Row) -> None:
    loads = [office.load("persons", old), office.load("persons", old)]
    done: list[Any] = await asyncio.gather(*loads, return_exceptions=True)
    (second,) = [one for one in done if isinstance(one, BaseException) or not one.changed]
    assert isinstance(second, Conflict) or second.unchanged == 1
    assert len(await office.fetch("SELECT 1 FROM persons")) == len(await office.said(person_pb2.PersonRegistered)) == 1


async def test_a_household_is_told_with_head_and_members_after_each_change(office: Any, old: Row, child: Row) -> None:
    await office.load("persons", old, child)
    await office.load("persons", {"id_number": child["id_number"], "household_no": "户乙002"})
    said = await office.said(place_pb2.HouseholdChanged)
    sizes = [(one.version, len(one.message.member_person_ids), bool(one.message.head_person_id)) for one in said]
    assert sizes[0] == (1, 2, True)
    assert sorted(sizes[1:]) == [(1, 1, False), (2, 1, True)]


async def test_a_new_account_is_a_new_version_and_an_unchanged_one_is_none(office: Any, old: Row) -> None:
    await office.load("persons", old)
    await office.load("persons", {"id_number": old["id_number"], "address": "别处"})
    office.clock.move_to(office.clock.now() + timedelta(minutes=1))
    await office.load("persons", {"id_number": old["id_number"], "account_name": "另一名"})
    rows = await office.fetch("SELECT account_key, known_at FROM payee_accounts ORDER BY known_at")
    assert len(rows) == 2
    assert rows[0].account_key == rows[1].account_key
    assert rows[1].known_at == office.clock.now()


async def test_a_clerk_of_one_township_registers_nobody_elsewhere(office: Any, old: Row) -> None:
    feng = Actor(user="clerk.feng", regions=("990101102",))
    done = await office.load("persons", old, actor=feng)
    assert done.changed == 0
    assert "无权" in office.refused(done)[0].reason
    assert await office.said() == []


async def test_the_same_rows_make_the_same_ids(office: Any, old: Row, child: Row) -> None:
    chunk_ids = []
    for _ in range(2):
        office.loads = 0
        async with office.database.begin() as tx:
            await tx.execute("TRUNCATE persons, person_search, households, subject_keys, payee_accounts CASCADE")
        await office.load("persons", old, child)
        chunk_ids.append(
            await office.fetch("SELECT person_id, household_id FROM persons ORDER BY person_id")
            + await office.fetch("SELECT account_version_id, person_id FROM payee_accounts ORDER BY 1")
        )
    assert [tuple(row) for row in chunk_ids[0]] == [tuple(row) for row in chunk_ids[1]]


async def test_rare_characters_and_minority_names_survive_the_seal(office: Any, old: Row, child: Row) -> None:
    await office.load(
        "persons", {**old, "name": "欧阳𠮷祥"}, {**child, "name": "䶮娜尔•测试", "guardian_name": "欧阳𠮷祥"}
    )
    (row,) = await office.fetch("SELECT array_agg(person_id) AS ids FROM persons")
    async with office.database.begin() as tx:
        ring = office.desk.vault.ring()
        persons = await PersonStore(office.desk.vault).load(tx, row.ids, ring, lock=False)
    assert {person.private["name"] for person in persons.values()} == {"欧阳𠮷祥", "䶮娜尔·测试"}


async def test_a_chunk_that_is_taken_again_says_its_warnings_once(office: Any, old: Row) -> None:
    importer = office.importers["persons"]
    header = Header.match(list(old), importer.columns)
    good, _ = parse_rows(header, [(2, list({**old, "phone": "问村支书"}.values()))])
    prepared = importer.prepare(good)
    now = office.clock.now()
    actor = Actor(user="clerk.li")
    ctx = LoadContext(now, county_day(now), actor, "0" * 64, 1, dry_run=False, traceparent="", correlation_id="c")
    problems = []
    for _ in range(2):
        with suppress(LookupError):
            async with office.database.begin() as tx:
                problems.append([one.column for one in (await importer.load(tx, prepared, ctx)).problems])
                raise LookupError  # the transaction is lost
    assert problems[0] == problems[1]
    assert problems[0].count("电话[phone]") == 1
    assert await office.said() == []


async def test_a_person_who_came_into_being_meanwhile_is_a_conflict(office: Any, old: Row) -> None:
    vault = office.desk.vault
    person = Person("p1", date(1936, 7, 1), "M", (HukouSince("990101101201", date(2026, 11, 22)),), version=1)
    for wanted in (None, Conflict):
        with pytest.raises(wanted) if wanted else nullcontext():
            async with office.database.begin() as tx:
                ring = vault.ring()
                await PersonStore(vault).save(tx, {}, [replace(person, private=dict(old))], office.clock.now(), ring)
    assert len(await office.fetch("SELECT 1 FROM persons")) == 1
