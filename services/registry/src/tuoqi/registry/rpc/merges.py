"""What the registry answers about duplicates and merges."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

import grpc
from google.protobuf.json_format import MessageToJson

from tuoqi.contracts.registry.v1 import merge_service_pb2 as pb
from tuoqi.contracts.registry.v1 import merge_service_pb2_grpc
from tuoqi.kit.clock import county_day
from tuoqi.kit.commands import Commander
from tuoqi.kit.context import Emission
from tuoqi.kit.database import Database
from tuoqi.kit.errors import register_errors
from tuoqi.kit.masking import mask_number
from tuoqi.kit.rights import Actor
from tuoqi.kit.rpc.server import current_actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.registry.domain.errors import REFUSALS
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.query import CHILD_UNTIL, born_by
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.duplicates import Duplicates
from tuoqi.registry.jobs.merges import Merges, Why
from tuoqi.registry.store.duplicates import Pair, page_of_pairs
from tuoqi.registry.store.persons import PersonStore

register_errors(REFUSALS)
PAGE: Final = 100


class MergeServicer(merge_service_pb2_grpc.MergeServiceServicer):
    """Lets people decide. Token, right and audit are checked before a method runs."""

    def __init__(self, desk: Desk, database: Database, commander: Commander) -> None:
        self._desk = desk
        self._database = database
        self._merges = Merges(desk, commander)
        self._duplicates = Duplicates(desk, database, commander, self._merges)
        self._persons = PersonStore(desk.vault)

    async def MergePersons(self, request: pb.MergePersonsRequest, context: Any) -> pb.MergePersonsResponse:
        """Merge a file into a person, or say what that would tell."""
        told = await self._merges.merge(
            current_actor(), request.person_id, request.file_id, _why(request.reason), dry_run=request.dry_run
        )
        return pb.MergePersonsResponse(events=_events(told))

    async def UnmergePerson(self, request: pb.UnmergePersonRequest, context: Any) -> pb.UnmergePersonResponse:
        """Take a merge back, or say what that would tell."""
        person_id, told = await self._merges.unmerge(
            current_actor(), request.file_id, _why(request.reason), dry_run=request.dry_run
        )
        return pb.UnmergePersonResponse(from_person_id=person_id, events=_events(told))

    async def ScanDuplicates(
        self, request: pb.ScanDuplicatesRequest, context: Any
    ) -> AsyncIterator[pb.ScanDuplicatesResponse]:
        """Scan with progress; only for those who act in the whole county."""
        current_actor().require_region(self._desk.policy.county)
        async for step in self._duplicates.scan():
            yield pb.ScanDuplicatesResponse(step=step.step, done=step.done, total=step.total, found=step.found)

    async def ListDuplicates(self, request: pb.ListDuplicatesRequest, context: Any) -> pb.ListDuplicatesResponse:
        """A page of the queue with what a clerk compares."""
        actor, size = current_actor(), request.page_size or PAGE
        async with self._database.begin() as tx:
            pairs = await page_of_pairs(
                tx,
                request.state or "open",
                regions=actor.regions,
                region=request.region,
                after=int(request.page_token) if request.page_token.isdecimal() else 0,
                size=size,
            )
            ids = {one for pair in pairs for one in (pair.first_id, pair.second_id)}
            people = await self._persons.load(tx, ids, self._desk.vault.ring(), lock=False)
        return pb.ListDuplicatesResponse(
            pairs=[self._pair(pair, people, actor) for pair in pairs],
            next_page_token=str(pairs[-1].number) if len(pairs) == size else "",
        )

    async def DecideDuplicate(self, request: pb.DecideDuplicateRequest, context: Any) -> pb.DecideDuplicateResponse:
        """One person, two, or later."""
        state, told = await self._duplicates.decide(
            current_actor(), request.person_id, request.file_id, request.decision, _why(request.reason)
        )
        return pb.DecideDuplicateResponse(state=state, events=_events(told))

    def _pair(self, pair: Pair, people: Mapping[str, Person], actor: Actor) -> pb.DuplicatePair:
        files = [people[pair.first_id], people[pair.second_id]]
        files.sort(key=lambda file: (not file.number, file.person_id))
        first, second = (self._file(file, actor) for file in files)
        return pb.DuplicatePair(
            first=first,
            second=second,
            reason=pair.reason,
            found_at=stamp_of(pair.found_at),
            state=pair.state,
            decided_at=stamp_of(pair.decided_at),
            decided_by=pair.decided_by,
        )

    def _file(self, file: Person, actor: Actor) -> pb.DuplicateFile:
        adult = file.birth_date <= born_by(CHILD_UNTIL, county_day(self._desk.clock.now()))
        may_see = adult or bool(actor.purpose.strip())
        return pb.DuplicateFile(
            person_id=file.person_id,
            name=file.private.get("name", "") if may_see else "",
            id_number=mask_number(file.number),
            temp_id=file.temp_id if may_see else "",
            birth_date=file.birth_date.isoformat(),
            sex=file.sex,
            region=file.region,
        )


def _why(reason: pb.MergeReason) -> Why:
    return Why(reason.text, reason.although)


def _events(told: Sequence[Emission]) -> list[pb.ToldEvent]:
    return [
        pb.ToldEvent(
            topic=one.topic,
            type=one.message.DESCRIPTOR.name,
            key=one.key,
            version=one.version,
            json=MessageToJson(one.message, preserving_proto_field_name=True, indent=None),
        )
        for one in told
    ]


def add_merges(servicer: MergeServicer) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    return lambda server: merge_service_pb2_grpc.add_MergeServiceServicer_to_server(servicer, server)
