"""What the registry answers, on a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from tuoqi.contracts.registry.v1 import registry_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor, acting

pytestmark = pytest.mark.postgres
Row = dict[str, str]
READER = Actor(user="reviewer.zhao", rights=frozenset({"person.describe"}))
REVEALER = Actor(user="finance.qian", purpose="发放核对", rights=frozenset({"reveal", "account.reveal"}))


def at(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment.astimezone(UTC))
    return stamp


async def identify(office: Any, *names: pb.PersonName) -> list[str]:
    answer = await office.servicer.IdentifyPersons(pb.IdentifyPersonsRequest(names=names), None)
    return list(answer.person_ids)


async def test_people_are_found_by_every_name_in_the_order_asked(office: Any, old: Row, child: Row) -> None:
    await office.load("persons", old, {**child, "temp_id": "T7"})
    old_id, child_id = await identify(office, pb.PersonName(id_number="990101360701001"), pb.PersonName(temp_id="T7"))
    assert old_id
    assert child_id
    assert await identify(
        office,
        pb.PersonName(person_id=child_id),
        pb.PersonName(id_number="990101194611220029"),
        pb.PersonName(person_id="nobody"),
        pb.PersonName(id_number=old["id_number"]),
    ) == [child_id, "", "", old_id]


async def test_numbers_are_masked_unless_revealed_with_right_and_purpose(office: Any, old: Row) -> None:
    await office.load("persons", old)
    ids = await identify(office, pb.PersonName(id_number=old["id_number"]))
    describe = office.servicer.DescribePersons
    with acting(READER):
        masked = await describe(pb.DescribePersonsRequest(person_ids=[*ids, "nobody"]), None)
        with pytest.raises(TuoqiError, match=r"auth\.no_right"):
            await describe(pb.DescribePersonsRequest(person_ids=ids, reveal=True), None)
    assert [(one.name, one.id_number) for one in masked.persons] == [(old["name"], "990101********0016"), ("", "")]
    with acting(REVEALER):
        full = await describe(pb.DescribePersonsRequest(person_ids=ids, reveal=True), None)
    assert full.persons[0].id_number == old["id_number"]
    with acting(Actor(user="finance.qian", rights=frozenset({"reveal"}))), pytest.raises(TuoqiError, match="purpose"):
        await describe(pb.DescribePersonsRequest(person_ids=ids, reveal=True), None)


async def test_addresses_are_given_only_where_asked_for(office: Any, old: Row) -> None:
    """A day list needs the way; an alert's list does not."""
    await office.load("persons", {**old, "address": "禾溪村3组2号", "household_no": "H1"})
    ids = await identify(office, pb.PersonName(id_number=old["id_number"]))
    with acting(READER):
        bare = await office.servicer.DescribePersons(pb.DescribePersonsRequest(person_ids=ids), None)
        full = await office.servicer.DescribePersons(pb.DescribePersonsRequest(person_ids=ids, address=True), None)
    assert (bare.persons[0].address, bare.persons[0].household_id) == ("", "")
    assert full.persons[0].address == "禾溪村3组2号"
    assert full.persons[0].household_id


async def test_people_of_another_township_are_not_described(office: Any, old: Row) -> None:
    await office.load("persons", old)
    ids = await identify(office, pb.PersonName(id_number=old["id_number"]))
    with acting(Actor(user="clerk.feng", regions=("990101102",))):
        answer = await office.servicer.DescribePersons(pb.DescribePersonsRequest(person_ids=ids), None)
    assert list(answer.persons) == [pb.PersonDescription(person_id=one) for one in ids]


async def test_accounts_are_resolved_as_known_at_the_moment_asked_for(office: Any, old: Row, child: Row) -> None:
    first = office.clock.now()
    await office.load("persons", old, child)
    names = (pb.PersonName(id_number=old["id_number"]), pb.PersonName(id_number=child["id_number"]))
    ids = await identify(office, *names)
    office.clock.move_to(first + timedelta(days=1))
    await office.load("persons", {"id_number": old["id_number"], "account_no": "清空"})

    async def resolve(moment: datetime) -> list[pb.Payee]:
        answer = await office.servicer.ResolvePayees(pb.ResolvePayeesRequest(person_ids=ids, as_of=at(moment)), None)
        return list(answer.payees)

    elder, ward = await resolve(first)
    assert elder.account_key == ward.account_key != ""
    assert (elder.held_by_guardian, ward.held_by_guardian) == (False, True)
    assert elder.known_at.ToNanoseconds() < ward.known_at.ToNanoseconds()
    assert [payee.account_version_id for payee in await resolve(first - timedelta(seconds=1))] == ["", ""]
    later = await resolve(office.clock.now())
    assert [payee.account_version_id for payee in later] == ["", ward.account_version_id]


async def test_an_account_is_revealed_for_a_purpose_only(office: Any, old: Row) -> None:
    await office.load("persons", old)
    (row,) = await office.fetch("SELECT account_version_id AS id FROM payee_accounts")
    reveal = office.servicer.RevealAccounts
    with acting(REVEALER):
        answer = await reveal(pb.RevealAccountsRequest(account_version_ids=[row.id]), None)
        with pytest.raises(TuoqiError, match="account_unknown"):
            await reveal(pb.RevealAccountsRequest(account_version_ids=["x"]), None)
    assert [(one.account_no, one.account_name, one.bank) for one in answer.accounts] == [
        (old["account_no"], old["account_name"], old["bank"])
    ]
    with acting(READER), pytest.raises(TuoqiError, match="purpose"):
        await reveal(pb.RevealAccountsRequest(account_version_ids=[row.id]), None)


async def test_a_fence_answers_with_its_places(office: Any) -> None:
    answer = await office.servicer.Fence(pb.FenceRequest(cutoff=at(office.clock.now())), None)
    assert len(answer.partitions) == 12
    (row,) = await office.fetch("SELECT fence_id FROM fences")
    assert row.fence_id == answer.fence_id
