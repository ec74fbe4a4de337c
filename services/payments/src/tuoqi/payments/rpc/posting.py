"""PostingService: lists that are hung out, and objections to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import grpc

from tuoqi.contracts.payments.v1 import posting_service_pb2 as pb
from tuoqi.contracts.payments.v1 import posting_service_pb2_grpc
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.payments.domain.posting import Objection
from tuoqi.payments.jobs.posting import decide_objection, raise_objection
from tuoqi.payments.jobs.posting_lists import printed
from tuoqi.payments.jobs.tools import Tools, county_actor, refusing
from tuoqi.payments.store.posting import count_not_posted, count_posted, page_of_objections, read_objection

PAGE = 100
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class PostingServicer(posting_service_pb2_grpc.PostingServiceServicer):
    """Answers about postings. Lists are cut at the caller's regions; objections are read in the whole county."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def ListPostedRegions(
        self, request: pb.ListPostedRegionsRequest, context: Any
    ) -> pb.ListPostedRegionsResponse:
        """The lists of a posted cycle and how long they are."""
        cycle, actor = await self._tools.find(request.cycle), current_actor()
        if cycle.posted_on is None:
            raise TuoqiError("payments.posting_none", cycle=cycle.name)
        async with self._tools.database.begin() as tx:
            counted = await count_posted(tx, cycle.cycle_id, request.under)
            left_out = await count_not_posted(tx, cycle.cycle_id)
        seen = [row for row in counted if actor.may_act_in(row.region)]
        names = await self._tools.registry.region_names([row.region for row in seen if row.region], cycle.posted_on)
        return pb.ListPostedRegionsResponse(
            regions=[
                pb.PostedRegion(code=row.region, name=names.get(row.region, ""), rows=row.rows, amount_fen=row.fen)
                for row in seen
            ],
            lines_not_posted=left_out,
        )

    async def PrintPosting(
        self, request: pb.PrintPostingRequest, context: Any
    ) -> AsyncIterator[pb.PrintPostingResponse]:
        """The text of a region's lists."""
        actor = current_actor()
        actor.require_region(request.region)
        cycle = await self._tools.find(request.cycle)
        async for text in printed(self._tools, cycle, request.region, actor):
            yield pb.PrintPostingResponse(text=text)

    async def RaiseObjection(self, request: pb.RaiseObjectionRequest, context: Any) -> pb.RaiseObjectionResponse:
        """Record an objection."""
        actor = current_actor()
        wanted = Objection(
            objection_id="",
            cycle_id="",
            person_id=request.person_id,
            programme=request.programme,
            category=request.category,
            recorded_by=actor.user,
        )
        with refusing():
            one, _ = await raise_objection(
                self._tools, actor, request.cycle, wanted, note=request.note, key=request.idempotency_key
            )
        return pb.RaiseObjectionResponse(objection=await self._shown(one))

    async def DecideObjection(self, request: pb.DecideObjectionRequest, context: Any) -> pb.DecideObjectionResponse:
        """Uphold or dismiss an objection."""
        wanted = Objection(
            objection_id=request.objection_id,
            cycle_id="",
            person_id="",
            programme="",
            category="",
            recorded_by="",
            outcome=request.outcome,
            reason=request.reason,
            follow_up=request.follow_up,
        )
        with refusing():
            one = await decide_objection(self._tools, current_actor(), wanted, note=request.note)
        return pb.DecideObjectionResponse(objection=await self._shown(one))

    async def ListObjections(self, request: pb.ListObjectionsRequest, context: Any) -> pb.ListObjectionsResponse:
        """A page of objections, oldest first."""
        actor = county_actor(self._tools.policy)
        if request.with_notes:
            actor.require_purpose()
        cycle_id = (await self._tools.find(request.cycle)).cycle_id if request.cycle else ""
        size, after = request.page_size or PAGE, _place(request.page_token)
        async with self._tools.database.begin() as tx:
            page = await page_of_objections(tx, cycle_id, only_open=request.only_open, after=after, size=size)
        last = page[-1] if len(page) == size else None
        token = f"{last['recorded_at'].isoformat()}|{last['objection_id']}" if last else ""
        return pb.ListObjectionsResponse(
            objections=[_objection(row, with_notes=request.with_notes) for row in page], next_page_token=token
        )

    async def _shown(self, one: Objection) -> pb.Objection:
        async with self._tools.database.begin() as tx:
            row = await read_objection(tx, one.objection_id)
        if row is None:
            raise TuoqiError("payments.objection_unknown", objection=one.objection_id)
        return _objection(row, with_notes=False)


def _objection(row: Mapping[str, Any], *, with_notes: bool) -> pb.Objection:
    return pb.Objection(
        **{name: row[name] for name in _TEXTS},
        posted=row["posted"],
        recorded_at=stamp_of(row["recorded_at"]),
        decided_at=stamp_of(row["decided_at"]),
        note=row["note"] if with_notes else "",
        decision_note=row["decision_note"] if with_notes else "",
    )


_TEXTS = (
    "objection_id",
    "cycle",
    "person_id",
    "programme",
    "category",
    "recorded_by",
    "outcome",
    "reason",
    "follow_up",
    "decided_by",
)


def _place(token: str) -> tuple[datetime, str]:
    if not token:
        return _BEGINNING, ""
    at, _, objection_id = token.partition("|")
    try:
        return datetime.fromisoformat(at), objection_id
    except ValueError:
        raise TuoqiError("request.invalid", problem="page_token") from None


def add_posting(tools: Tools) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = PostingServicer(tools)
    return lambda server: posting_service_pb2_grpc.add_PostingServiceServicer_to_server(servicer, server)
