"""What the registry answers about households."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

import grpc

from tuoqi.contracts.registry.v1 import household_service_pb2 as pb
from tuoqi.contracts.registry.v1 import household_service_pb2_grpc
from tuoqi.kit.clock import county_day
from tuoqi.kit.commands import Commander
from tuoqi.kit.database import Database
from tuoqi.kit.errors import register_errors
from tuoqi.kit.rights import Actor
from tuoqi.kit.rpc.server import current_actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.registry.domain.errors import REFUSALS
from tuoqi.registry.domain.query import CHILD_UNTIL, born_by
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.households import Home, Households, Named
from tuoqi.registry.store.households import Member

register_errors(REFUSALS)


class HouseholdServicer(household_service_pb2_grpc.HouseholdServiceServicer):
    """Shows and changes households. Token, right and audit are checked before a method runs."""

    def __init__(self, desk: Desk, database: Database, commander: Commander) -> None:
        self._desk = desk
        self._database = database
        self._commander = commander
        self._households = Households(desk)

    async def GetHousehold(self, request: pb.GetHouseholdRequest, context: Any) -> pb.GetHouseholdResponse:
        """A household, now or as known at a moment."""
        known_at = request.known_at.ToDatetime(tzinfo=UTC) if request.HasField("known_at") else self._desk.clock.now()
        async with self._database.begin() as tx:
            home = await self._households.show(tx, current_actor(), _named(request.household), known_at)
        return pb.GetHouseholdResponse(household=self._shown(home, current_actor()))

    async def SplitHousehold(self, request: pb.SplitHouseholdRequest, context: Any) -> pb.SplitHouseholdResponse:
        """Some members leave to a new household."""
        actor, into = current_actor(), request.into
        ids = await self._commander.transaction(
            lambda tx: self._households.split(tx, actor, request.person_ids, into.household_no, into.head_person_id)
        )
        old, new = await self._after(ids, actor)
        return pb.SplitHouseholdResponse(old=old, new=new)

    async def MoveMembers(self, request: pb.MoveMembersRequest, context: Any) -> pb.MoveMembersResponse:
        """People come into a household that is there."""
        actor = current_actor()
        source = _named(getattr(request, "from")) if request.HasField("from") else None
        ids = await self._commander.transaction(
            lambda tx: self._households.move(
                tx, actor, request.person_ids, source, _named(request.to), request.relation_to_head
            )
        )
        return pb.MoveMembersResponse(households=await self._after(ids, actor))

    async def ChangeHead(self, request: pb.ChangeHeadRequest, context: Any) -> pb.ChangeHeadResponse:
        """Another member becomes the head."""
        actor = current_actor()
        household_id = await self._commander.transaction(
            lambda tx: self._households.change_head(tx, actor, request.person_id, request.relation_of_old_head)
        )
        (household,) = await self._after([household_id], actor)
        return pb.ChangeHeadResponse(household=household)

    async def _after(self, ids: list[str], actor: Actor) -> list[pb.Household]:
        now = self._desk.clock.now()
        async with self._database.begin() as tx:
            homes = [await self._households.show(tx, actor, Named(household_id=one), now) for one in ids]
        return [self._shown(home, actor) for home in homes]

    def _shown(self, home: Home, actor: Actor) -> pb.Household:
        return pb.Household(
            household_id=home.household.household_id,
            household_no=home.household.number,
            head_person_id=home.household.head_person_id,
            version=home.household.version,
            members=[self._member(one, actor) for one in home.members],
        )

    def _member(self, member: Member, actor: Actor) -> pb.HouseholdMember:
        person = member.person
        adult = person.birth_date <= born_by(CHILD_UNTIL, county_day(self._desk.clock.now()))
        return pb.HouseholdMember(
            person_id=person.person_id,
            name=person.private.get("name", "") if adult or actor.purpose.strip() else "",
            relation_to_head=person.private.get("relation_to_head", ""),
            birth_date=person.birth_date.isoformat(),
            merged_into=person.merged_into,
            since=stamp_of(member.since),
        )


def _named(name: pb.HouseholdName) -> Named:
    return Named(name.household_id, name.household_no, name.person_id)


def add_households(servicer: HouseholdServicer) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    return lambda server: household_service_pb2_grpc.add_HouseholdServiceServicer_to_server(servicer, server)
