"""guardianship.csv on a real PostgreSQL: who answers for a child, and what is doubtful in it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from tuoqi.contracts.registry.v1 import care_service_pb2 as pb
from tuoqi.contracts.registry.v1 import guardianship_pb2
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor, acting
from tuoqi.registry.rpc.care import CareServicer

pytestmark = pytest.mark.postgres
BORN = date(2015, 3, 9)


def row(child: dict[str, str], guardian: dict[str, str], kind: str = "entrusted", **columns: str) -> dict[str, str]:
    named = {"guardian_id_number": guardian["id_number"], "guardian_name": guardian["name"]}
    dated = {"from": "2026-03-01", "signed_on": "2026-02-26"}
    return {"id_number": child["id_number"], "kind": kind, "relation": "祖父", **named, **dated, **columns}


async def reasons(office: Any, *rows: dict[str, str]) -> list[str]:
    """What is doubted; every row is taken."""
    done = await office.load("guardianship", *rows)
    assert office.refused(done) == []
    return [problem.reason for problem in done.problems]


async def test_a_child_s_guardians_are_told_by_ids_and_one_row_replaces_another(office: Any, town: Any) -> None:
    child, old = town.person(1, BORN), town.person(2)
    await office.load("persons", child, old)
    assert await reasons(office, row(child, old)) == []
    assert (await office.load("guardianship", row(child, old))).unchanged == 1
    await office.load("guardianship", row(child, old, to="2026-11-22"), row(child, old, "natural", **{"from": ""}))
    said = [one.message for one in await office.said(guardianship_pb2.GuardianshipChanged)]
    assert [[(one.kind, one.began_on, one.ended_on) for one in message.guardianships] for message in said] == [
        [("entrusted", "2026-03-01", "")],
        [("entrusted", "2026-03-01", "2026-11-22")],
        [("natural", "2015-03-09", ""), ("entrusted", "2026-03-01", "2026-11-22")],
    ]
    (known,) = await office.fetch("SELECT person_id FROM persons WHERE birth_date = '1945-05-05'")
    assert {one.guardian_person_id for one in said[-1].guardianships} == {known.person_id}
    assert len(await office.fetch("SELECT 1 FROM guardianship_history")) == 1


async def test_entrusting_without_a_confirmation_or_to_two_at_once_is_doubted(office: Any, town: Any) -> None:
    child, one, two = town.person(1, BORN), town.person(2), town.person(3)
    await office.load("persons", child, one, two)
    found = await reasons(office, row(child, one, signed_on=""), row(child, two))
    assert ["确认书" in found[0], "另一名委托监护人" in found[1], len(found)] == [True, True, 2]


async def test_an_end_that_nobody_follows_is_doubted(office: Any, town: Any) -> None:
    child, one, two = town.person(1, BORN), town.person(2), town.person(3)
    await office.load("persons", child, one, two)
    (found,) = await reasons(office, row(child, one, to="2026-06-30"))
    assert "没有新的监护人" in found
    assert await reasons(office, row(child, two, **{"from": "2026-07-01"}), row(child, one, to="2026-06-29")) == []


async def test_a_guardian_who_is_a_minor_dead_or_severely_disabled_is_doubted(office: Any, town: Any) -> None:
    children = [town.person(number, BORN) for number in range(1, 4)]
    minor, dead, disabled = town.person(4, date(2009, 1, 1)), town.person(5), town.person(6)
    await office.load("persons", *children, dead, disabled)
    await office.load("deaths", {"id_number": dead["id_number"], "death_date": "2026-05-01"})
    level = {"category": "disability", "subtype": "6", "level": "3", "decided_on": "2026-01-05"}
    await office.load("statuses", {"id_number": disabled["id_number"], **level})
    found = await reasons(
        office, *(row(child, guardian) for child, guardian in zip(children, (minor, dead, disabled), strict=True))
    )
    assert ["未满 18 周岁" in found[0], "已死亡" in found[1], "重度残疾" in found[2]] == [True, True, True]


async def test_a_row_that_names_no_guardian_or_the_child_itself_is_kept_out(office: Any, town: Any) -> None:
    child, one = town.person(1, BORN), town.person(2)
    await office.load("persons", child, one)
    done = await office.load(
        "guardianship",
        row(child, {"id_number": "", "name": ""}),
        row(child, child),
        row(child, {"id_number": "990101194505050020", "name": "错号"}),
        row(child, one, to="2026-02-28"),
        row(child, one, **{"from": ""}),
        row(child, one, to="2026-11-23"),
    )
    assert (done.changed, [problem.row_number for problem in office.refused(done)]) == (0, [2, 3, 4, 5, 6, 7])


async def test_an_adult_needs_no_guardian_and_another_township_s_child_is_not_one_s_own(office: Any, town: Any) -> None:
    adult, one, child = town.person(1, date(1990, 1, 1)), town.person(2), town.person(3, BORN)
    await office.load("persons", adult, one, child)
    (found,) = await reasons(office, row(adult, one))
    assert "已满 18 周岁" in found
    feng = Actor(user="clerk.feng", regions=("990101102",))
    done = await office.load("guardianship", row(child, one), actor=feng)
    assert (done.changed, len(office.refused(done))) == (0, 1)


async def test_a_guardian_s_name_and_number_lie_sealed(office: Any, town: Any) -> None:
    child = town.person(1, BORN)
    await office.load("persons", child)
    await office.load("guardianship", row(child, {"id_number": town.person(8)["id_number"], "name": "密名乙"}))
    for table in ("guardianships", "outbox"):
        for stored in await office.fetch(f"SELECT CAST(t AS text) AS content FROM {table} t"):
            for secret in ("密名乙", town.person(8)["id_number"]):
                assert secret not in stored.content
                assert secret.encode().hex() not in stored.content


async def child_of(office: Any) -> str:
    """The id of the one child on the register."""
    (row,) = await office.fetch("SELECT person_id FROM persons WHERE birth_date = :born", born=BORN)
    child: str = row.person_id
    return child


def stamp(moment: datetime) -> Timestamp:
    at = Timestamp()
    at.FromDatetime(moment.astimezone(UTC))
    return at


async def test_guardians_are_read_as_of_a_day_and_as_known_at_a_moment(office: Any, town: Any) -> None:
    child, old = town.person(1, BORN), town.person(2)
    await office.load("persons", child, old)
    await office.load("guardianship", row(child, old))
    first = office.clock.now()
    office.clock.move_to(first + timedelta(days=1))
    await office.load("guardianship", row(child, old, to="2026-10-31"))
    care, person_id = CareServicer(office.database, office.desk), await child_of(office)
    asked = {
        "then": pb.ListGuardianshipsRequest(person_id=person_id, known_at=stamp(first)),
        "now": pb.ListGuardianshipsRequest(person_id=person_id),
        "before": pb.ListGuardianshipsRequest(person_id=person_id, known_at=stamp(first - timedelta(seconds=1))),
        "today": pb.ListGuardianshipsRequest(person_id=person_id, on="2026-11-23"),
    }
    with acting(Actor(user="clerk.li", purpose="走访")):
        found = {name: (await care.ListGuardianships(request, None)).guardianships for name, request in asked.items()}
    assert {name: [one.ended_on for one in ones] for name, ones in found.items()} == {
        "then": [""],
        "now": ["2026-10-31"],
        "before": [],
        "today": [],
    }
    (one,) = found["now"]
    assert (one.guardian_name, one.guardian_id_number) == (old["name"], f"990101********{old['id_number'][-4:]}")


async def test_guardians_and_answers_are_read_for_a_purpose_in_one_s_own_regions_only(office: Any, town: Any) -> None:
    child, old = town.person(1, BORN), town.person(2)
    await office.load("persons", child, old)
    await office.load("guardianship", row(child, old))
    answers = {"scale": "guardianship", "assessed_on": "2026-10-01", "items": "health=20;mind=20", "assessors": "甲"}
    await office.load("assessments", {"id_number": child["id_number"], **answers})
    care, person_id = CareServicer(office.database, office.desk), await child_of(office)
    request = pb.ListGuardianshipsRequest(person_id=person_id)
    with acting(Actor(user="clerk.li")), pytest.raises(TuoqiError, match=r"auth\.no_purpose"):
        await care.ListGuardianships(request, None)
    elsewhere = Actor(user="clerk.feng", regions=("990101102",), purpose="走访")
    with acting(elsewhere), pytest.raises(TuoqiError, match=r"registry\.person_unknown"):
        await care.ListAssessments(pb.ListAssessmentsRequest(person_id=person_id), None)
    request.reveal = True
    with acting(Actor(user="clerk.li", purpose="走访")), pytest.raises(TuoqiError, match=r"auth\.no_right"):
        await care.ListGuardianships(request, None)
    with acting(Actor(user="clerk.li", purpose="走访", rights=frozenset({"reveal"}))):
        (one,) = (await care.ListGuardianships(request, None)).guardianships
        (scored,) = (await care.ListAssessments(pb.ListAssessmentsRequest(person_id=person_id), None)).assessments
    assert one.guardian_id_number == old["id_number"]
    assert (dict(scored.items), scored.score, scored.assessors) == ({"health": 20, "mind": 20}, 40, "甲")
