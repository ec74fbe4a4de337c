"""What is asked about regions, and how they change."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any, Final

import grpc

from tuoqi.contracts.registry.v1 import place_pb2, region_service_pb2_grpc
from tuoqi.contracts.registry.v1 import region_service_pb2 as pb
from tuoqi.kit.clock import BusinessClock, county_day
from tuoqi.kit.commands import Commander
from tuoqi.kit.database import Database
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor
from tuoqi.registry.domain.figures import born_by
from tuoqi.registry.domain.region import Geography, Region
from tuoqi.registry.domain.region_change import Change, NewRegion
from tuoqi.registry.domain.whereabouts import KnownPlace, Whereabouts, history, on_day
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.regions import RegionActs
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.regions import list_changes, load_geography, person_regions
from tuoqi.registry.store.seals import Vault

PAGE: Final = 100
ADULT: Final = 18


class RegionServicer(region_service_pb2_grpc.RegionServiceServicer):
    """Answers about regions. Token, right and audit are checked before a method runs."""

    def __init__(self, database: Database, vault: Vault, desk: Desk, commander: Commander) -> None:
        self._database = database
        self._vault = vault
        self._clock: BusinessClock = desk.clock
        self._commander = commander
        self._persons = PersonStore(vault)
        self._acts = RegionActs(desk)

    async def ListRegions(self, request: pb.ListRegionsRequest, context: Any) -> pb.ListRegionsResponse:
        """The regions of a day, a parent before its children."""
        day, size = self._day(request.as_of), request.page_size or PAGE
        after = tuple(request.page_token.split("/")) if request.page_token else ()
        async with self._database.begin() as tx:
            geography = await load_geography(tx)
        found = [
            (path, region)
            for path, region in geography.tree(day)
            if path > after and (not request.under or request.under in path)
        ]
        page = found[:size]
        return pb.ListRegionsResponse(
            regions=[pb.RegionNode(region=_region(region), depth=len(path) - 1) for path, region in page],
            next_page_token="/".join(page[-1][0]) if len(found) > size else "",
        )

    async def ResolveRegions(self, request: pb.ResolveRegionsRequest, context: Any) -> pb.ResolveRegionsResponse:
        """What codes are on a day."""
        day = self._day(request.on)
        async with self._database.begin() as tx:
            geography = await load_geography(tx)
        return pb.ResolveRegionsResponse(regions=[_resolved(geography, code, day) for code in request.codes])

    async def ChangeRegion(self, request: pb.ChangeRegionRequest, context: Any) -> pb.ChangeRegionResponse:
        """Merge, rename, split or move by a document."""
        actor = current_actor()
        news = tuple(NewRegion(new.code, new.name, new.parent, new.kind) for new in request.new_regions)
        change = Change(request.kind, tuple(request.old_codes), news, read_day(request.effective_on))
        made = await self._commander.transaction(lambda tx: self._acts.change(tx, actor, change, request.document_no))
        return pb.ChangeRegionResponse(change_id=made.change_id, regions=[_region(one) for one in made.regions])

    async def ListRegionChanges(
        self, request: pb.ListRegionChangesRequest, context: Any
    ) -> pb.ListRegionChangesResponse:
        """Changes, the latest first."""
        size = request.page_size or PAGE
        before: tuple[date, str] | None = None
        if request.page_token:
            day, _, change_id = request.page_token.partition("~")
            before = (read_day(day), change_id)
        async with self._database.begin() as tx:
            rows = await list_changes(tx, request.code, before, size + 1)
        changes = [
            pb.RegionChange(
                change_id=row.change_id,
                kind=row.kind,
                old_codes=row.old_codes,
                new_codes=row.new_codes,
                effective_on=row.effective_on.isoformat(),
                document_no=row.document_no,
                changed_by=row.changed_by,
            )
            for row in rows[:size]
        ]
        token = f"{changes[-1].effective_on}~{changes[-1].change_id}" if len(rows) > size else ""
        return pb.ListRegionChangesResponse(changes=changes, next_page_token=token)

    async def GetPersonRegions(self, request: pb.GetPersonRegionsRequest, context: Any) -> pb.GetPersonRegionsResponse:
        """Where a person was from when to when. Who lives elsewhere stays unknown."""
        actor = current_actor()
        today = county_day(self._clock.now())
        async with self._database.begin() as tx:
            found = await self._persons.load(tx, [request.person_id], self._vault.ring(), lock=False)
            person = found.get(request.person_id)
            if person is None or not actor.may_act_in(person.region):
                raise TuoqiError("state.not_found", what="此人")
            if person.birth_date > born_by(ADULT, today):
                actor.require_purpose()
            versions = await person_regions(tx, request.person_id)
            geography = await load_geography(tx)
        places = history([_known_place(row) for row in versions])
        if request.on:
            on = read_day(request.on)
            return pb.GetPersonRegionsResponse(regions=[_person_region(geography, on_day(places, on), on, today)])
        return pb.GetPersonRegionsResponse(
            regions=[_person_region(geography, one, one.since or date.min, today) for one in places]
        )

    def _day(self, text: str) -> date:
        return read_day(text) if text else county_day(self._clock.now())


def read_day(text: str) -> date:
    """A day of the wire. Raises request.invalid."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise TuoqiError("request.invalid", problem=f"{text[:20]} 不是日期") from error


def _region(region: Region) -> place_pb2.Region:
    return place_pb2.Region(
        code=region.code,
        name=region.name,
        parent=region.parent,
        kind=region.kind,
        valid_from=region.valid_from.isoformat() if region.valid_from else "",
        valid_to=region.valid_to.isoformat() if region.valid_to else "",
    )


def _resolved(geography: Geography, code: str, day: date) -> pb.ResolvedRegion:
    place = geography.place(code, day)
    path = geography.path(place, day)
    return pb.ResolvedRegion(
        code=code,
        known=code in geography.regions,
        exists=geography.exists(code, day),
        name=geography.name(code, day),
        successors=geography.successors(code, day),
        counted_as=place,
        path=path,
        path_zh="/".join(geography.name(one, day) or one for one in path),
    )


def _known_place(row: Any) -> KnownPlace:
    hukou = tuple((region, date.fromisoformat(day)) for region, day in json.loads(row.hukou))
    return KnownPlace(county_day(row.known_at), row.residence_region, hukou)


def _person_region(geography: Geography, one: Whereabouts, named_on: date, today: date) -> pb.PersonRegion:
    now = geography.place(one.stored, today)
    return pb.PersonRegion(
        since=one.since.isoformat() if one.since else "",
        stored=one.stored,
        hukou=one.hukou,
        name_then=geography.name(one.stored, named_on),
        today=now,
        name_today=geography.name(now, today),
    )


def add_regions(servicer: RegionServicer) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    return lambda server: region_service_pb2_grpc.add_RegionServiceServicer_to_server(servicer, server)
