"""Households split, joined and led by somebody else, on a real PostgreSQL: what is told and what history keeps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tuoqi.contracts.registry.v1 import household_service_pb2 as pb
from tuoqi.contracts.registry.v1 import person_pb2, place_pb2, registry_service_pb2
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor, acting
from tuoqi.kit.stamps import stamp_of
from tuoqi.registry.rpc.households import HouseholdServicer

pytestmark = pytest.mark.postgres
Row = dict[str, str]
CLERK = Actor(user="clerk.li", purpose="分户")
NUMBER = "户甲001"


@pytest.fixture
def homes(office: Any) -> HouseholdServicer:
    """The service over the office."""
    return HouseholdServicer(office.desk, office.database, office.servicer._commander)  # noqa: SLF001  the office's own


@pytest.fixture
async def family(office: Any, old: Row, child: Row) -> dict[str, str]:
    """A head, a wife and a child of one household, by part."""
    wife = {**old, "name": "测婆", "id_number": "990101194611220029", "relation_to_head": "配偶", "temp_id": "T-2"}
    await office.load("persons", old, wife, child)
    numbers = {"head": old["id_number"], "wife": wife["id_number"], "child": child["id_number"]}
    names = [registry_service_pb2.PersonName(id_number=number) for number in numbers.values()]
    answer = await office.servicer.IdentifyPersons(registry_service_pb2.IdentifyPersonsRequest(names=names), None)
    office.clock.move_to(office.clock.now() + timedelta(days=1))
    return dict(zip(numbers, answer.person_ids, strict=True))


async def show(homes: HouseholdServicer, name: pb.HouseholdName, actor: Actor = CLERK, **fields: Any) -> Any:
    with acting(actor):
        answer = await homes.GetHousehold(pb.GetHouseholdRequest(household=name, **fields), None)
    return answer.household


async def split(homes: HouseholdServicer, people: list[str], number: str, head: str) -> Any:
    into = pb.NewHousehold(household_no=number, head_person_id=head)
    with acting(CLERK):
        return await homes.SplitHousehold(pb.SplitHouseholdRequest(person_ids=people, into=into), None)


async def test_a_split_makes_a_household_and_history_keeps_the_old_one(
    office: Any, homes: HouseholdServicer, family: dict[str, str]
) -> None:
    before, said = office.clock.now() - timedelta(hours=1), len(await office.said())
    answer = await split(homes, [family["wife"], family["child"]], "户乙001", family["wife"])
    assert [(m.person_id, m.relation_to_head) for m in answer.old.members] == [(family["head"], "户主")]
    assert {m.person_id for m in answer.new.members} == {family["wife"], family["child"]}
    assert (answer.new.household_no, answer.new.head_person_id) == ("户乙001", family["wife"])
    told = await office.said(after=said)
    assert sorted(type(one.message).__name__ for one in told) == ["HouseholdChanged"] * 2 + ["PersonChanged"] * 2
    changed = {one.key: one.message for one in told if isinstance(one.message, place_pb2.HouseholdChanged)}
    assert list(changed[answer.old.household_id].member_person_ids) == [family["head"]]
    earlier = await show(homes, pb.HouseholdName(household_no=NUMBER), known_at=stamp_of(before))
    assert len(earlier.members) == 3
    assert {m.since.ToDatetime() for m in earlier.members} == {m.since.ToDatetime() for m in answer.old.members}
    assert answer.new.members[0].since == stamp_of(office.clock.now())


async def test_a_file_row_after_a_split_changes_the_new_household(
    office: Any, homes: HouseholdServicer, family: dict[str, str], child: Row
) -> None:
    """The sealed number goes along, so that the next roster finds the person where he was put."""
    answer = await split(homes, [family["wife"], family["child"]], "户乙001", family["wife"])
    await office.load("persons", child)
    assert {m.person_id for m in (await show(homes, pb.HouseholdName(household_no=NUMBER))).members} == {
        family["head"],
        family["child"],
    }
    left = await show(homes, pb.HouseholdName(household_id=answer.new.household_id))
    assert [m.person_id for m in left.members] == [family["wife"]]


async def test_members_move_alone_or_all_together_and_a_head_who_leaves_is_head_no_more(
    office: Any, homes: HouseholdServicer, family: dict[str, str]
) -> None:
    await split(homes, [family["wife"]], "户乙001", family["wife"])
    to = pb.HouseholdName(household_no="户乙001")
    with acting(CLERK):
        moved = await homes.MoveMembers(
            pb.MoveMembersRequest(person_ids=[family["head"]], to=to, relation_to_head="配偶"), None
        )
    new, old = moved.households
    assert {(m.person_id, m.relation_to_head) for m in new.members} == {
        (family["wife"], "户主"),
        (family["head"], "配偶"),
    }
    assert old.head_person_id == ""
    with acting(CLERK):
        request = pb.MoveMembersRequest(to=to)
        getattr(request, "from").household_no = NUMBER
        joined = await homes.MoveMembers(request, None)
    assert [len(home.members) for home in joined.households] == [3, 0]
    said = [one.message for one in await office.said(place_pb2.HouseholdChanged)]
    assert len(said[-1].member_person_ids) + len(said[-2].member_person_ids) == 3


async def test_another_head_leaves_the_relations_to_the_old_one_behind(
    office: Any, homes: HouseholdServicer, family: dict[str, str]
) -> None:
    with acting(CLERK):
        request = pb.ChangeHeadRequest(person_id=family["wife"], relation_of_old_head="配偶")
        answer = await homes.ChangeHead(request, None)
    relations = {m.person_id: m.relation_to_head for m in answer.household.members}
    assert relations == {family["wife"]: "户主", family["head"]: "配偶", family["child"]: ""}
    changed = [one for one in await office.said(person_pb2.PersonChanged) if one.version == 2]
    assert {one.key for one in changed} == set(family.values())


async def test_what_cannot_be_is_refused(office: Any, homes: HouseholdServicer, family: dict[str, str]) -> None:
    with pytest.raises(TuoqiError, match=r"household\.everybody"):
        await split(homes, list(family.values()), "户乙001", family["wife"])
    with pytest.raises(TuoqiError, match=r"household\.head_stays"):
        await split(homes, [family["child"]], "户乙001", family["wife"])
    with pytest.raises(TuoqiError, match=r"household\.exists"):
        await split(homes, [family["child"]], NUMBER, family["child"])
    elsewhere = Actor(user="clerk.feng", regions=("990101102",))
    with pytest.raises(TuoqiError, match=r"household\.unknown"):
        await show(homes, pb.HouseholdName(household_no=NUMBER), elsewhere)
    same = pb.MoveMembersRequest(person_ids=[family["child"]], to=pb.HouseholdName(household_no=NUMBER))
    with acting(CLERK), pytest.raises(TuoqiError, match=r"household\.same"):
        await homes.MoveMembers(same, None)
    with acting(elsewhere), pytest.raises(TuoqiError, match=r"registry\.person_unknown"):
        await homes.ChangeHead(pb.ChangeHeadRequest(person_id=family["wife"]), None)
    assert len(await office.said(place_pb2.HouseholdChanged)) == 1


async def test_a_childs_name_is_shown_for_a_purpose_only(homes: HouseholdServicer, family: dict[str, str]) -> None:
    shown = await show(homes, pb.HouseholdName(person_id=family["child"]), Actor(user="clerk.li"))
    assert {m.person_id: bool(m.name) for m in shown.members} == {
        family["head"]: True,
        family["wife"]: True,
        family["child"]: False,
    }
