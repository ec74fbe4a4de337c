"""What is asked about care workers, and how posts are given and ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Final

import grpc

from tuoqi.contracts.registry.v1 import worker_service_pb2 as pb
from tuoqi.contracts.registry.v1 import worker_service_pb2_grpc
from tuoqi.kit.clock import county_day
from tuoqi.kit.commands import Commander
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.masking import mask_number
from tuoqi.kit.rights import Actor, current_actor
from tuoqi.registry.domain.region import Geography
from tuoqi.registry.domain.worker import BODY, Worker
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.figures import Asked, FigureDesk, totals
from tuoqi.registry.jobs.worker_acts import Who, WorkerActs
from tuoqi.registry.rpc.figures import WHOLE, read_moment
from tuoqi.registry.rpc.regions import read_day
from tuoqi.registry.store.regions import load_geography
from tuoqi.registry.store.seals import Vault
from tuoqi.registry.store.workers import WorkerStore, list_workers, posts_as_known

PAGE: Final = 100


class WorkerServicer(worker_service_pb2_grpc.WorkerServiceServicer):
    """Answers about workers. Token, right and audit are checked before a method runs."""

    def __init__(self, database: Database, vault: Vault, desk: Desk, commander: Commander) -> None:
        self._database = database
        self._vault = vault
        self._clock = desk.clock
        self._policy = desk.policy
        self._commander = commander
        self._store = WorkerStore(vault)
        self._acts = WorkerActs(desk)
        self._figures = FigureDesk(desk.policy, desk.clock)

    async def ListWorkers(self, request: pb.ListWorkersRequest, context: Any) -> pb.ListWorkersResponse:
        """Workers who hold a post on the day, in order of their ids."""
        actor = current_actor()
        if request.reveal:
            actor.require("reveal")
            actor.require_purpose()
        if request.region:
            actor.require_region(request.region)
        day, size = self._day(request.as_of), request.page_size or PAGE
        now = self._clock.now()
        known_at = min(read_moment(request.known_at), now) if request.HasField("known_at") else now
        async with self._database.begin() as tx:
            geography = await load_geography(tx)
            ids = await list_workers(
                tx,
                day=day,
                known_at=known_at,
                kind=request.kind,
                regions=_codes_in(geography, request.region, day) if request.region else None,
                prefixes=actor.regions,
                after=request.page_token,
                page=size + 1,
            )
            loaded = await self._store.load(tx, ids[:size], self._vault.ring(), lock=False)
            known = await posts_as_known(tx, ids[:size], known_at)
            workers = [replace(loaded[one], posts=tuple(known.get(one, ()))) for one in ids[:size]]
            views = await self._views(tx, workers, geography, day, actor, reveal=request.reveal)
        return pb.ListWorkersResponse(workers=views, next_page_token=ids[size - 1] if len(ids) > size else "")

    async def AppointWorker(self, request: pb.AppointWorkerRequest, context: Any) -> pb.AppointWorkerResponse:
        """Give somebody a post."""
        actor, began_on = current_actor(), read_day(request.began_on)

        async def act(tx: Tx) -> pb.AppointWorkerResponse:
            worker, post_id = await self._acts.appoint(tx, actor, _who(request), request.kind, request.region, began_on)
            (view,) = await self._now(tx, [worker], actor)
            return pb.AppointWorkerResponse(worker=view, post_id=post_id)

        answer: pb.AppointWorkerResponse = await self._commander.transaction(act)
        return answer

    async def EndPost(self, request: pb.EndPostRequest, context: Any) -> pb.EndPostResponse:
        """End a post, or correct its end."""
        actor, ended_on = current_actor(), read_day(request.ended_on)

        async def act(tx: Tx) -> pb.EndPostResponse:
            worker = await self._acts.end(tx, actor, request.post_id, ended_on, request.end_reason)
            (view,) = await self._now(tx, [worker], actor)
            return pb.EndPostResponse(worker=view)

        answer: pb.EndPostResponse = await self._commander.transaction(act)
        return answer

    async def HandOverPost(self, request: pb.HandOverPostRequest, context: Any) -> pb.HandOverPostResponse:
        """End one worker's post and give it to another in one act."""
        actor, on = current_actor(), read_day(request.on)

        async def act(tx: Tx) -> pb.HandOverPostResponse:
            old, new, post_id = await self._acts.hand_over(
                tx, actor, request.post_id, _who(request), on, request.end_reason
            )
            before, after = await self._now(tx, [old, new], actor)
            return pb.HandOverPostResponse(before=before, after=after, post_id=post_id)

        answer: pb.HandOverPostResponse = await self._commander.transaction(act)
        return answer

    async def GetCoverage(self, request: pb.GetCoverageRequest, context: Any) -> pb.GetCoverageResponse:
        """What is required and there on the day, and where something lacks."""
        actor = current_actor()
        known_at = read_moment(request.known_at) if request.HasField("known_at") else None
        asked = Asked((), request.region, read_day(request.as_of) if request.as_of else None, known_at)
        moment = self._figures.moment(asked)
        async with self._database.begin() as tx:
            view = self._figures.view(await load_geography(tx), asked, actor)
            covered = await self._figures.coverage(tx, moment, view.geography, request.kinds, view.area)
        answer = pb.GetCoverageResponse()
        for demand, required, filled, lacking in totals(covered, actor.may_act_in):
            answer.totals.append(
                pb.Coverage(
                    what=demand.what,
                    kind=demand.kind,
                    kind_zh=self._word(demand.what, demand.kind),
                    per=demand.per,
                    required=required,
                    filled=filled,
                    vacant=required - filled,
                    rate_basis_points=filled * WHOLE // required,
                    document=demand.document,
                )
            )
            for one in lacking:
                answer.vacancies.append(
                    pb.Vacancy(
                        what=demand.what,
                        kind=demand.kind,
                        region=one.region,
                        region_zh=view.geography.name(one.region, moment.day),
                        required=demand.count,
                        filled=one.filled,
                        vacant_since=one.vacant_since.isoformat() if one.vacant_since else "",
                    )
                )
        return answer

    def _word(self, what: str, kind: str) -> str:
        return self._policy.facility_kinds[kind] if what == BODY else self._policy.posts.kinds[kind].name

    def _day(self, text: str) -> date:
        return read_day(text) if text else county_day(self._clock.now())

    async def _now(self, tx: Tx, workers: list[Worker], actor: Actor) -> list[pb.Worker]:
        day = county_day(self._clock.now())
        return await self._views(tx, workers, await load_geography(tx), day, actor, reveal=False)

    async def _views(
        self, tx: Tx, workers: list[Worker], geography: Geography, day: date, actor: Actor, *, reveal: bool
    ) -> list[pb.Worker]:
        persons = await self._store.persons_of(tx, workers)
        return [self._view(one, persons, geography, day, actor, reveal=reveal) for one in workers]

    def _view(
        self, worker: Worker, persons: Mapping[str, str], geography: Geography, day: date, actor: Actor, *, reveal: bool
    ) -> pb.Worker:
        phone = worker.private.get("phone", "")
        return pb.Worker(
            worker_id=worker.worker_id,
            name=worker.private.get("name", ""),
            id_number=worker.number if reveal else mask_number(worker.number),
            phone=phone if reveal or not phone else mask_number(phone),
            sex=worker.sex,
            person_id=persons.get(worker.worker_id, ""),
            posts=[
                pb.Post(
                    post_id=post.post_id,
                    kind=post.kind,
                    kind_zh=kind.name if (kind := self._policy.posts.kinds.get(post.kind)) else post.kind,
                    region=post.region,
                    region_zh=geography.name(post.region, day),
                    began_on=post.began_on.isoformat(),
                    ended_on=post.ended_on.isoformat() if post.ended_on else "",
                    end_reason=post.end_reason,
                )
                for post in worker.posts
                if not post.is_void and actor.may_act_in(post.region)
            ],
        )


def _codes_in(geography: Geography, area: str, day: date) -> list[str]:
    """Every code under which a post may be stored that counts for the area on the day."""
    return [code for code in geography.regions if geography.lies_in(geography.place(code, day), area, day)]


def _who(request: pb.AppointWorkerRequest | pb.HandOverPostRequest) -> Who:
    if request.worker_id:
        return Who(worker_id=request.worker_id)
    named = request.person
    return Who(number=named.id_number, texts={"name": named.name.strip(), "phone": named.phone.strip()})


def add_workers(servicer: WorkerServicer) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    return lambda server: worker_service_pb2_grpc.add_WorkerServiceServicer_to_server(servicer, server)
