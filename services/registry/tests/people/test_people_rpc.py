"""Search, batch get, export and rebuild of people's files, on a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.contracts.registry.v1 import person_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rates import RateLimit
from tuoqi.kit.rights import Actor, acting
from tuoqi.kit.tables import format_row
from tuoqi.registry.jobs.roster import Roster
from tuoqi.registry.rpc.people import PersonServicer

pytestmark = pytest.mark.postgres
Row = dict[str, str]
RIGHTS = frozenset({"person.search", "person.read", "person.export", "person.describe"})
READER = Actor(user="clerk.li", rights=RIGHTS)
ASKER = Actor(user="clerk.li", purpose="核对", rights=RIGHTS)
REVEALER = Actor(user="reviewer.zhao", purpose="核对", rights=RIGHTS | {"reveal"})
ELSEWHERE = Actor(user="clerk.feng", purpose="核对", rights=RIGHTS, regions=("990101102", "990101103"))
DIBAO = {"category": "dibao", "decided_on": "2026-01-01", "amount": "500.00"}


@pytest.fixture
def people(office: Any) -> PersonServicer:
    limit = RateLimit(per_minute=6_000, burst=1_000)
    return PersonServicer(office.database, office.desk.vault, office.clock, office.desk.policy, limit)


async def search(people: PersonServicer, *terms: str, actor: Actor = ASKER, **given: Any) -> list[str]:
    with acting(actor):
        answer = await people.SearchPersons(pb.SearchPersonsRequest(terms=terms, **given), None)
    return [one.name for one in answer.persons]


async def get(people: PersonServicer, request: pb.GetPersonsRequest, actor: Actor = ASKER) -> list[pb.Person]:
    with acting(actor):
        answer = await people.GetPersons(request, None)
    if isinstance(answer, bytes):
        answer = pb.GetPersonsResponse.FromString(answer)
    return sorted(answer.persons, key=lambda one: one.birth_date)


async def ids_of(office: Any) -> list[str]:
    return [row.person_id for row in await office.fetch("SELECT person_id FROM persons ORDER BY birth_date")]


def stamp(moment: datetime) -> Timestamp:
    result = Timestamp()
    result.FromDatetime(moment.astimezone(UTC))
    return result


async def test_people_are_found_by_all_that_is_known_of_them_together(
    office: Any, people: PersonServicer, old: Row, child: Row
) -> None:
    await office.load("persons", old, child)
    await office.load("statuses", {"id_number": old["id_number"], **DIBAO})
    name = old["name"]
    for terms in (("古",), ("丽测",), ("guli",), ("gl",), ("1234",), ("0016",), (old["id_number"],), ("13900001234",)):
        assert await search(people, *terms) == [name], terms
    assert await search(people, "古", "1234", region="990101101202", categories=["dibao"], age_min=80) == [name]
    assert await search(people, household_nos=["户甲001"]) == [child["name"], name]
    assert await search(people, household_nos=["户甲001"], age_max=17) == [child["name"]]
    assert await search(people, "古", region="990101102") == []
    assert await search(people, "古", categories=["tekun"]) == []
    assert await search(people, "古", alive=False) == []
    assert await search(people, "古", sex="F") == []
    assert await search(people, "19360701") == [name]
    assert await search(people, "5678") == [child["name"]]


async def test_a_category_that_has_ended_or_never_was_finds_nobody(
    office: Any, people: PersonServicer, old: Row
) -> None:
    await office.load("persons", old)
    await office.load("statuses", {"id_number": old["id_number"], **DIBAO})
    assert await search(people, categories=["dibao"]) == [old["name"]]
    await office.load("statuses", {"id_number": old["id_number"], **DIBAO, "ended_on": "2026-03-01"})
    assert await search(people, categories=["dibao"]) == []
    await office.load("statuses", {"id_number": old["id_number"], **DIBAO, "decided_on": "2026-05-01"})
    assert await search(people, categories=["dibao"]) == [old["name"]]
    await office.load(
        "statuses", {"id_number": old["id_number"], **DIBAO, "decided_on": "2026-05-01", "ended_on": "2026-04-01"}
    )
    assert await search(people, categories=["dibao"]) == []


async def test_a_search_follows_every_change_of_a_person(office: Any, people: PersonServicer, old: Row) -> None:
    await office.load("persons", old)
    await office.load("statuses", {"id_number": old["id_number"], **DIBAO})
    changed = {
        "id_number": old["id_number"],
        "name": "王新名",
        "phone": "13911119999",
        "residence_region": "990101103201",
    }
    await office.load("persons", changed)
    assert await search(people, "古") == []
    assert await search(people, "1234") == []
    assert await search(people, "wxm", "9999", region="990101103", categories=["dibao"]) == ["王新名"]
    await office.load("deaths", {"id_number": old["id_number"], "death_date": "2026-11-01"})
    assert await search(people, "王", alive=False) == ["王新名"]


async def test_children_are_found_and_read_for_a_purpose_only(
    office: Any, people: PersonServicer, old: Row, child: Row
) -> None:
    await office.load("persons", old, child)
    with acting(READER):
        answer = await people.SearchPersons(pb.SearchPersonsRequest(region="990101101"), None)
    assert answer.children_left_out
    assert [one.name for one in answer.persons] == [old["name"]]
    ids = await ids_of(office)
    assert len(await get(people, pb.GetPersonsRequest(person_ids=ids), READER)) == 1
    assert len(await get(people, pb.GetPersonsRequest(person_ids=ids), ASKER)) == 2
    service = Actor(user="service:visits", service=True, rights=RIGHTS)
    assert len(await get(people, pb.GetPersonsRequest(person_ids=ids), service)) == 2


async def test_people_of_other_regions_are_neither_found_nor_read_nor_exported(
    office: Any, people: PersonServicer, old: Row
) -> None:
    await office.load("persons", old)
    ids = await ids_of(office)
    assert await search(people, "古", actor=ELSEWHERE) == []
    assert await search(people, "古", actor=ELSEWHERE, region="990101101") == []
    assert await get(people, pb.GetPersonsRequest(person_ids=ids), ELSEWHERE) == []
    assert await export(people, ELSEWHERE) == []
    nearer = Actor(user="clerk.feng", purpose="核对", rights=RIGHTS, regions=("990101101",))
    assert await search(people, "古", actor=nearer) == [old["name"]]
    assert len(await export(people, nearer)) == 1


async def test_pages_follow_one_another_without_gap_or_repeat(
    office: Any, people: PersonServicer, old: Row, child: Row
) -> None:
    rows = [{**child, "id_number": "", "temp_id": f"T{n:02d}", "name": f"王测{n}", "birth_date": f"1950-01-{n + 1:02d}",
             "sex": "M", "guardian_id_number": "", "account_holder_id": ""} for n in range(25)]  # fmt: skip
    await office.load("persons", old, *rows)
    token, names = "", []
    for _ in range(4):
        with acting(ASKER):
            request = pb.SearchPersonsRequest(terms=["王测"], page_size=10, page_token=token)
            answer = await people.SearchPersons(request, None)
        names += [one.name for one in answer.persons]
        token = answer.next_page_token
        if not token:
            break
    assert names == [f"王测{n}" for n in range(25)]


async def test_the_default_mask_gives_open_facts_and_nothing_that_names(
    office: Any, people: PersonServicer, old: Row
) -> None:
    await office.load("persons", old)
    (one,) = await get(people, pb.GetPersonsRequest(person_ids=[*await ids_of(office), "nobody"]))
    assert (one.birth_date, one.sex, one.residence_region, one.version) == ("1936-07-01", "M", "990101101202", 1)
    assert [since.region for since in one.hukou] == ["990101101201"]
    assert one.known_at.ToDatetime(tzinfo=UTC) == office.clock.now()
    assert not one.HasField("private")
    for text in (old["name"], old["phone"], old["id_number"], old["address"]):
        assert text.encode() not in one.SerializeToString()


async def test_a_mask_gives_what_it_names_with_numbers_masked_unless_revealed(
    office: Any, people: PersonServicer, old: Row
) -> None:
    await office.load("persons", old)
    await office.load("statuses", {"id_number": old["id_number"], **DIBAO})
    ids = await ids_of(office)
    mask = FieldMask(paths=["sex", "categories", "private.name", "private.phone"])
    (one,) = await get(people, pb.GetPersonsRequest(person_ids=ids, mask=mask))
    assert one == pb.Person(
        person_id=ids[0], sex="M", categories=["dibao"],
        private=pb.PersonPrivate(name=old["name"], phone="139****1234"),
    )  # fmt: skip
    (one,) = await get(people, pb.GetPersonsRequest(person_ids=ids, mask=mask, reveal=True), REVEALER)
    assert one.private.phone == old["phone"]
    (one,) = await get(people, pb.GetPersonsRequest(person_ids=ids, mask=FieldMask(paths=["birth_date"])), READER)
    assert one == pb.Person(person_id=ids[0], birth_date="1936-07-01")
    audits = await office.fetch("SELECT actor, purpose, subject FROM audit ORDER BY at")
    assert [(row.actor, row.purpose) for row in audits] == [("clerk.li", "核对"), ("reviewer.zhao", "核对")]
    assert "1 of them" in audits[0].subject


async def test_what_names_a_person_needs_right_purpose_and_a_known_field(
    office: Any, people: PersonServicer, old: Row
) -> None:
    await office.load("persons", old)
    ids = await ids_of(office)
    named = pb.GetPersonsRequest(person_ids=ids, mask=FieldMask(paths=["private"]))
    with pytest.raises(TuoqiError, match=r"auth\.no_purpose"):
        await get(people, named, READER)
    with pytest.raises(TuoqiError, match=r"auth\.no_right"):
        await get(people, named, Actor(user="x", purpose="核对", rights=frozenset({"person.read"})))
    with pytest.raises(TuoqiError, match=r"auth\.no_right"):
        await get(people, pb.GetPersonsRequest(person_ids=ids, mask=named.mask, reveal=True), ASKER)
    with pytest.raises(TuoqiError, match=r"person\.mask"):
        await get(people, pb.GetPersonsRequest(person_ids=ids, mask=FieldMask(paths=["private.hat"])))


async def test_a_file_is_read_as_it_was_known_at_a_moment(office: Any, people: PersonServicer, old: Row) -> None:
    first = office.clock.now()
    await office.load("persons", old)
    office.clock.move_to(first + timedelta(days=2))
    await office.load("persons", {"id_number": old["id_number"], "name": "王新名", "residence_region": "990101103201"})
    ids = await ids_of(office)

    async def known(moment: datetime) -> list[tuple[str, str]]:
        mask = FieldMask(paths=["residence_region", "private.name"])
        request = pb.GetPersonsRequest(person_ids=ids, mask=mask, known_at=stamp(moment))
        return [(one.residence_region, one.private.name) for one in await get(people, request)]

    assert await known(first - timedelta(seconds=1)) == []
    assert await known(first) == [("990101101202", old["name"])]
    assert await known(first + timedelta(days=1)) == [("990101101202", old["name"])]
    assert await known(office.clock.now()) == [("990101103201", "王新名")]
    with pytest.raises(TuoqiError, match="moment_in_future"):
        await known(office.clock.now() + timedelta(days=1))


async def export(people: PersonServicer, actor: Actor, **given: Any) -> list[pb.Person]:
    found: list[pb.Person] = []
    with acting(actor):
        async for answer in people.ExportPersons(pb.ExportPersonsRequest(**given), None):
            part = answer if not isinstance(answer, bytes) else pb.ExportPersonsResponse.FromString(answer)
            assert part.cursor
            found += part.persons
    return found


async def test_an_export_gives_everybody_who_fits_and_goes_on_from_its_cursor(
    office: Any, people: PersonServicer, old: Row, child: Row
) -> None:
    await office.load("persons", old, child)
    await office.load("statuses", {"id_number": old["id_number"], **DIBAO})
    assert [one.birth_date for one in await export(people, ASKER)] == ["2015-03-09", "1936-07-01"]
    assert [one.birth_date for one in await export(people, ASKER, categories=["dibao"])] == ["1936-07-01"]
    mask = FieldMask(paths=["private.name"])
    assert [one.private.name for one in await export(people, ASKER, mask=mask, region="990101101201")] == [
        child["name"]
    ]
    with acting(ASKER):
        (answer,) = [one async for one in people.ExportPersons(pb.ExportPersonsRequest(), None)]
    cursor = pb.ExportPersonsResponse.FromString(answer).cursor
    assert await export(people, ASKER, cursor=cursor) == []


async def test_a_search_without_conditions_or_with_unclear_ones_is_refused_without_repeating_them(
    people: PersonServicer,
) -> None:
    for given, slug in (
        ({}, "search.empty"), ({"terms": ["123456"]}, "search.term_unclear"), ({"categories": ["x"]}, "category_unknown"),
        ({"terms": ["王"], "page_token": "?"}, "search.cursor"),
    ):  # fmt: skip
        with pytest.raises(TuoqiError, match=slug) as refused, acting(ASKER):
            await people.SearchPersons(pb.SearchPersonsRequest(**given), None)
        assert "123456" not in str(refused.value)


async def test_one_user_searches_only_so_often_and_does_not_slow_down_others(office: Any) -> None:
    seconds = [0.0]
    limit = RateLimit(per_minute=60, burst=2, seconds=lambda: seconds[0])
    people = PersonServicer(office.database, office.desk.vault, office.clock, office.desk.policy, limit)
    await search(people, "王")
    await search(people, "王")
    with pytest.raises(TuoqiError, match="too_often"):
        await search(people, "王")
    assert await search(people, "王", actor=REVEALER) == []
    seconds[0] = 1.0
    assert await search(people, "王") == []


async def test_a_rebuild_makes_the_same_rows_and_goes_on_where_it_was_broken_off(
    office: Any, people: PersonServicer, old: Row, child: Row
) -> None:
    await office.load("persons", old, child)
    await office.load("statuses", {"id_number": old["id_number"], **DIBAO})
    rows = """
    SELECT person_id, region, birth_date, sex, household_id, categories, file,
           (SELECT array_agg(t ORDER BY t) FROM unnest(tokens) t) AS tokens FROM person_search ORDER BY person_id
    """
    before = await office.fetch(rows)

    async def rebuild(*, anew: bool = False) -> int:
        answers = [one async for one in people.ReindexPersons(pb.ReindexPersonsRequest(anew=anew), None)]
        return answers[-1].done

    async with office.database.begin() as tx:
        await tx.execute("DELETE FROM person_search")
    assert await search(people, "古") == []
    assert await rebuild() == 2
    assert await office.fetch(rows) == before
    first = before[0].person_id
    async with office.database.begin() as tx:
        await tx.execute("DELETE FROM person_search WHERE person_id > :first", first=first)
        await tx.execute("UPDATE person_search SET sex = 'X'")
        await tx.execute("UPDATE person_reindex SET finished_at = NULL, done = 1, after_id = :first", first=first)
    assert await rebuild() == 2
    assert [row.sex for row in await office.fetch(rows)] == ["X", before[1].sex]
    assert await rebuild(anew=True) == 2
    assert await office.fetch(rows) == before


async def test_nothing_that_names_somebody_stands_open_in_the_search_table(office: Any, old: Row, child: Row) -> None:
    await office.load("persons", old, child)
    rows = await office.fetch("SELECT person_search::text AS row, encode(file, 'escape') AS file FROM person_search")
    text = "".join(row.row + row.file for row in rows)
    private = ("name", "phone", "id_number", "address", "household_no", "guardian_name", "guardian_phone")
    for given in (old, child):
        for key in private:
            assert given.get(key, "∅") not in text
    assert "guli" not in text


async def test_a_file_kept_in_memory_is_never_older_than_the_last_commit(
    office: Any, people: PersonServicer, old: Row
) -> None:
    await office.load("persons", old)
    ids = await ids_of(office)

    async def region() -> str:
        (one,) = await get(people, pb.GetPersonsRequest(person_ids=ids))
        return one.residence_region

    assert await region() == await region() == "990101101202"
    for village in ("990101103201", "990101103202"):
        await office.load("persons", {"id_number": old["id_number"], "residence_region": village})
        assert await region() == await region() == village
    assert await get(people, pb.GetPersonsRequest(person_ids=ids), ELSEWHERE) == await get(
        people, pb.GetPersonsRequest(person_ids=ids), ASKER
    )


async def test_a_change_that_commits_late_is_seen_although_others_were_checked_before_it(
    office: Any, people: PersonServicer, old: Row, child: Row
) -> None:
    await office.load("persons", old, child)
    ids = await ids_of(office)

    async def versions() -> list[str]:
        found = {one.person_id: one.sex for one in await get(people, pb.GetPersonsRequest(person_ids=ids))}
        return [found[one] for one in ids]

    async with office.database.begin() as late:
        await late.execute(_CHANGE, id=ids[0])
        assert await versions() == ["M", "F"]
        async with office.database.begin() as early:
            await early.execute(_CHANGE, id=ids[1])
        assert await versions() == ["M", ""]
    assert await versions() == ["", ""]
    assert await versions() == ["", ""]


_CHANGE = """
WITH noted AS (INSERT INTO person_changes VALUES (:id, pg_current_xact_id()))
UPDATE person_search SET file = '\\x0a260a24'::bytea || convert_to(:id, 'UTF8') WHERE person_id = :id
"""


async def test_the_roster_has_the_columns_of_the_import_and_masks_what_is_not_revealed(
    office: Any, old: Row, child: Row
) -> None:
    await office.load("persons", old, child)
    roster = Roster(office.database, office.desk.vault, office.clock)

    async def rows(actor: Actor, *, reveal: bool) -> list[Any]:
        request = table_pb2.ExportRowsRequest(kind="persons", reveal=reveal)
        return [row async for run in roster.rows(request, actor) for row in run]

    (masked,) = await rows(READER, reveal=False)
    assert (masked["name"], masked["id_number"], masked["phone"]) == (old["name"], "990101********0016", "139****1234")
    assert "address" not in masked
    full = {row["name"]: format_row(roster.columns, row) for row in await rows(REVEALER, reveal=True)}
    keys = [column.key for column in roster.columns]
    assert {key: value for key, value in zip(keys, full[old["name"]], strict=True) if key in old} == old
    assert set(full) == {old["name"], child["name"]}
    assert await rows(ELSEWHERE, reveal=False) == []
    with pytest.raises(TuoqiError, match=r"auth\.no_right"):
        await rows(Actor(user="x"), reveal=False)
