"""What the registry answers about people's files: search, batch get, export, and the rebuild of what these read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import UTC, date
from typing import Any, Final

import grpc

from tuoqi.contracts.registry.v1 import person_service_pb2 as pb
from tuoqi.contracts.registry.v1 import person_service_pb2_grpc
from tuoqi.kit import audit
from tuoqi.kit.clock import BusinessClock, county_day
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError, register_errors
from tuoqi.kit.masking import mask_number
from tuoqi.kit.rates import RateLimit
from tuoqi.kit.rights import Actor
from tuoqi.kit.rpc.server import current_actor
from tuoqi.kit.tracing import current_correlation_id
from tuoqi.registry.domain.errors import REFUSALS
from tuoqi.registry.domain.life import completed_years
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.policy import Policy
from tuoqi.registry.domain.query import CHILD_UNTIL, Query, born_between, born_by
from tuoqi.registry.jobs.search import Reindex
from tuoqi.registry.rpc.people_asking import Mask, cursor_of, query_of, read_cursor
from tuoqi.registry.store.files import person_message
from tuoqi.registry.store.kept import KeptFiles
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.reading import categories_of, in_reach, persons_as_known
from tuoqi.registry.store.seals import PERSON, KeyRing, Vault
from tuoqi.registry.store.search import Cursor, Reach, Wanted, file_page, find_page, households_named
from tuoqi.registry.store.tokens import readings

register_errors(REFUSALS)
PAGE: Final = 50
RUN: Final = 1_000
ROUND: Final = 300
"""How many more are read at once where some of a page only looked like those who are meant."""
ROUNDS_MAX: Final = 8
GET_METHOD: Final = "/tuoqi.registry.v1.PersonService/GetPersons"
SEARCHES_A_MINUTE: Final = 120
SEARCHES_AT_ONCE: Final = 60


def default_limit() -> RateLimit:
    """What one user may look up: enough for quick typing, too little to read out the register."""
    return RateLimit(per_minute=SEARCHES_A_MINUTE, burst=SEARCHES_AT_ONCE)


def reach_of(actor: Actor, today: date) -> Reach:
    """Whose files the actor may see: within his regions, and children only for a purpose."""
    sees_children = actor.service or bool(actor.purpose.strip())
    return Reach(actor.regions, date.max if sees_children else born_by(CHILD_UNTIL, today))


class PersonServicer(person_service_pb2_grpc.PersonServiceServicer):
    """Answers from the files. Token, right and audit are checked before a method runs."""

    def __init__(
        self, database: Database, vault: Vault, clock: BusinessClock, policy: Policy, limit: RateLimit | None = None
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._policy = policy
        self._limit = limit or default_limit()
        self._persons = PersonStore(vault)
        self._kept = KeptFiles(database)

    async def GetPersons(self, request: pb.GetPersonsRequest, context: Any) -> Any:
        """Files by id. Open fields as known now are answered as they are kept: bytes of an answer, not read by anybody."""
        actor = current_actor()
        mask = Mask.read(request.mask.paths)
        reach = reach_of(actor, self._today())
        plain = not request.HasField("known_at") and not mask.private and not request.reveal
        if plain:
            files = await self._kept.read(request.person_ids, reach)
            return files if mask.is_default else await self._pruned(files, mask)
        self._admit(actor, mask, reveal=request.reveal)
        async with self._database.begin() as tx:
            ids = await in_reach(tx, request.person_ids, reach)
            persons = await self._load(tx, request, mask, ids)
            categories = await self._categories(tx, mask, ids)
            if mask.private:
                await audit.record(tx, self._entry(actor, request))
        return pb.GetPersonsResponse(persons=[mask.message(one, categories, reveal=request.reveal) for one in persons])

    async def SearchPersons(self, request: pb.SearchPersonsRequest, context: Any) -> pb.SearchPersonsResponse:
        """A page of those who fit. What the index cannot tell is checked on the opened names of the page."""
        actor, today = current_actor(), self._today()
        if not actor.service and (seconds := self._limit.take(actor.user)):
            raise TuoqiError("search.too_often", seconds=max(1, round(seconds)))
        query = query_of(request.terms, readings())
        reach = reach_of(actor, today)
        ring = self._vault.ring()
        size = request.page_size or PAGE
        async with self._database.begin() as tx:
            wanted = await self._wanted(tx, request, query, reach, today)
            found, more = await self._fill(tx, ring, wanted, query, read_cursor(request.page_token), size)
        return pb.SearchPersonsResponse(
            persons=[_found(row, texts, today) for row, texts in found],
            next_page_token=cursor_of(more) if more else "",
            children_left_out=reach.born_by != date.max,
        )

    async def ExportPersons(self, request: pb.ExportPersonsRequest, context: Any) -> AsyncIterator[Any]:
        """All files that fit, a run of 1,000 in a transaction of its own; memory does not grow with their number."""
        actor, today = current_actor(), self._today()
        mask = Mask.read(request.mask.paths)
        self._admit(actor, mask, reveal=request.reveal)
        wanted = Wanted(
            reach=reach_of(actor, today),
            today=today,
            region=request.region,
            categories=self._known_categories(request.categories),
            alive=request.alive if request.HasField("alive") else None,
        )
        after = read_cursor(request.cursor)
        while True:
            async with self._database.begin() as tx:
                page = await file_page(tx, wanted, after=after, size=RUN)
                if not page:
                    return
                after = _place(page[-1])
                run = await self._run(tx, page, mask, reveal=request.reveal)
            yield run + pb.ExportPersonsResponse(cursor=cursor_of(after)).SerializeToString()

    async def ReindexPersons(
        self, request: pb.ReindexPersonsRequest, context: Any
    ) -> AsyncIterator[pb.ReindexPersonsResponse]:
        """Rebuild what search and batch get read; how far it has come after each thousand."""
        async for done, total in Reindex(self._database, self._vault, self._clock).run(anew=request.anew):
            yield pb.ReindexPersonsResponse(done=done, total=total)

    async def _pruned(self, files: bytes, mask: Mask) -> pb.GetPersonsResponse:
        answer = pb.GetPersonsResponse.FromString(files)
        categories: Mapping[str, list[str]] = {}
        if mask.categories:
            async with self._database.begin() as tx:
                categories = await self._categories(tx, mask, [one.person_id for one in answer.persons])
        for one in answer.persons:
            mask.prune(one, categories)
        return answer

    async def _run(self, tx: Tx, page: Any, mask: Mask, *, reveal: bool) -> bytes:
        if mask.is_default:
            return b"".join([row.file for row in page])
        ids = [row.person_id for row in page]
        categories = await self._categories(tx, mask, ids)
        if not mask.private:
            answer = pb.ExportPersonsResponse.FromString(b"".join([row.file for row in page]))
            for one in answer.persons:
                mask.prune(one, categories)
            return answer.SerializeToString()
        persons = await self._persons.load(tx, ids, self._vault.ring(), lock=False)
        messages = [mask.message(persons[one], categories, reveal=reveal) for one in ids]
        return pb.ExportPersonsResponse(persons=messages).SerializeToString()

    async def _load(self, tx: Tx, request: pb.GetPersonsRequest, mask: Mask, ids: list[str]) -> list[Person]:
        ring = self._vault.ring()
        if not request.HasField("known_at"):
            return list((await self._persons.load(tx, ids, ring, lock=False)).values())
        if mask.categories:
            raise TuoqiError("person.mask_now")
        moment = request.known_at.ToDatetime(tzinfo=UTC)
        if moment > self._clock.now():
            raise TuoqiError("registry.moment_in_future", moment=moment.isoformat(), now=self._clock.now().isoformat())
        return await persons_as_known(tx, ids, moment, ring)

    async def _fill(
        self, tx: Tx, ring: KeyRing, wanted: Wanted, query: Query, after: Cursor | None, size: int
    ) -> tuple[list[tuple[Any, Mapping[str, str]]], Cursor | None]:
        """Up to `size` persons who are meant, and where the next page begins, None where there is none."""
        found: list[tuple[Any, Mapping[str, str]]] = []
        batch = size + 1
        for _ in range(ROUNDS_MAX):
            rows = await find_page(tx, wanted, query, self._vault.tokens, after=after, size=batch)
            in_force = [row for row in rows if set(wanted.categories).issubset(row.categories)]
            await ring.open(tx, [row.person_id for row in in_force])
            for row in in_force:
                texts = ring.unseal(row.person_id, PERSON, row.private)
                if query.fits(texts, readings()):
                    if len(found) == size:
                        return found, _place(found[-1][0])
                    found.append((row, texts))
            if len(rows) < batch:
                return found, None
            after, batch = _place(rows[-1]), max(batch, ROUND)
        return found, after

    async def _wanted(
        self, tx: Tx, request: pb.SearchPersonsRequest, query: Query, reach: Reach, today: date
    ) -> Wanted:
        bounds = [getattr(request, name) if request.HasField(name) else None for name in ("age_min", "age_max")]
        born_from, born_to = born_between(bounds[0], bounds[1], today)
        wanted = Wanted(
            reach=reach,
            today=today,
            region=request.region,
            categories=self._known_categories(request.categories),
            born_from=born_from,
            born_to=born_to,
            alive=request.alive if request.HasField("alive") else None,
            sex=request.sex,
        )
        households = {request.household_id} if request.household_id else None
        if request.household_nos:
            hashes = [self._vault.household_hash(number.strip()) for number in request.household_nos]
            named = set(await households_named(tx, hashes))
            households = named & households if households else named
        if wanted == Wanted(reach=reach, today=today) and query == Query() and households is None:
            raise TuoqiError("search.empty")
        if query.numbers:
            by_number, _ = await self._persons.find(tx, set(query.numbers), ())
            ids = tuple(by_number.values()) if len(set(query.numbers)) == 1 else ()
            wanted = replace(wanted, person_ids=ids)
        return replace(wanted, household_ids=None if households is None else tuple(sorted(households)))

    async def _categories(self, tx: Tx, mask: Mask, ids: list[str]) -> Mapping[str, list[str]]:
        return await categories_of(tx, ids, self._today()) if mask.categories else {}

    def _known_categories(self, given: Any) -> tuple[str, ...]:
        known = self._policy.categories
        if any(one not in known for one in given):
            raise TuoqiError("search.category_unknown", allowed="、".join(known))
        return tuple(dict.fromkeys(given))

    def _admit(self, actor: Actor, mask: Mask, *, reveal: bool) -> None:
        if mask.private or reveal:
            actor.require("person.describe")
            actor.require_purpose()
        if reveal:
            actor.require("reveal")

    def _entry(self, actor: Actor, request: pb.GetPersonsRequest) -> audit.AuditEntry:
        paths = ",".join(sorted(request.mask.paths))
        return audit.AuditEntry(
            at=self._clock.now(),
            actor=actor.user,
            purpose=actor.purpose,
            method=GET_METHOD,
            subject=f"person_ids={len(request.person_ids)} of them reveal={request.reveal} mask={paths}"[:500],
            request_hash=self._vault.request_hash(request.SerializeToString(deterministic=True)),
            outcome="ok",
            correlation_id=current_correlation_id(),
        )

    def _today(self) -> date:
        return county_day(self._clock.now())


def _place(row: Any) -> Cursor:
    return row.region, row.birth_date, row.person_id


def _found(row: Any, texts: Mapping[str, str], today: date) -> pb.PersonFound:
    return pb.PersonFound(
        person_id=row.person_id,
        name=texts.get("name", ""),
        id_number=mask_number(texts.get("id_number", "") or texts.get("temp_id", "")),
        region=row.region,
        age=completed_years(row.birth_date, row.died_on or today),
        sex=row.sex,
        died_on=row.died_on.isoformat() if row.died_on else "",
        categories=row.categories,
        household_id=row.household_id or "",
    )


def _to_bytes(answer: Any) -> bytes:
    """An answer's bytes, where it is not bytes already: files are kept as the wire has them."""
    return answer if isinstance(answer, bytes) else answer.SerializeToString()


class _PassingBytes:
    """Stands in for the server while the service adds itself, so that answers may be bytes."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        """As the server does: the handlers by path are all that is served."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """The same handlers, answers written by `_to_bytes`."""
        passing = {name: one._replace(response_serializer=_to_bytes) for name, one in handlers.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, passing),))
        self._server.add_registered_method_handlers(service, passing)


def add_people(servicer: PersonServicer) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    add: Any = person_service_pb2_grpc.add_PersonServiceServicer_to_server
    return lambda server: add(servicer, _PassingBytes(server))


__all__ = ["PersonServicer", "add_people", "default_limit", "person_message", "reach_of"]
