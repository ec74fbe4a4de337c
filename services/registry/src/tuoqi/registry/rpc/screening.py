"""What the registry answers about screening lists."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import grpc

from tuoqi.contracts.registry.v1 import screening_service_pb2 as pb
from tuoqi.contracts.registry.v1 import screening_service_pb2_grpc
from tuoqi.kit.commands import Commander
from tuoqi.kit.database import Database
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rpc.server import current_actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.screening import Screening
from tuoqi.registry.store.screening import Row, open_counts, page_of

PAGE = 100


class ScreeningServicer(screening_service_pb2_grpc.ScreeningServiceServicer):
    """Answers for screening lists. Token, right and audit are checked before a method runs."""

    def __init__(self, database: Database, desk: Desk, commander: Commander) -> None:
        self._database = database
        self._lists = desk.policy.screening
        self._commander = commander
        self._screening = Screening(desk)

    async def RunScreening(self, request: pb.RunScreeningRequest, context: Any) -> pb.RunScreeningResponse:
        """Look for a list's people in the caller's regions."""
        day = _day(request.day)
        work = partial(self._screening.run, actor=current_actor(), key=request.list, day=day)
        run = await self._commander.transaction(work)
        return pb.RunScreeningResponse(run=run.number, found=run.found, added=run.added, gone=run.gone)

    async def ListScreening(self, request: pb.ListScreeningRequest, context: Any) -> pb.ListScreeningResponse:
        """A page of a list's rows."""
        actor = current_actor()
        self._screening.list_of(request.list, actor)
        size = request.page_size or PAGE
        async with self._database.begin() as tx:
            rows = await page_of(
                tx,
                request.list,
                actor.regions,
                request.region,
                closed=request.with_closed,
                after=int(request.page_token or 0),
                size=size,
            )
        token = str(rows[-1].number) if len(rows) == size else ""
        return pb.ListScreeningResponse(rows=[_row(row) for row in rows], next_page_token=token)

    async def DecideRow(self, request: pb.DecideRowRequest, context: Any) -> pb.DecideRowResponse:
        """End an open row with an outcome."""
        work = partial(
            self._screening.decide,
            actor=current_actor(),
            number=request.number,
            outcome=request.outcome,
            remark=request.remark,
        )
        return pb.DecideRowResponse(row=_row(await self._commander.transaction(work)))

    async def DescribeLists(self, request: pb.DescribeListsRequest, context: Any) -> pb.DescribeListsResponse:
        """The county's lists."""
        async with self._database.begin() as tx:
            counts = await open_counts(tx, current_actor().regions)
        return pb.DescribeListsResponse(
            lists=[
                pb.ScreeningList(
                    key=one.key,
                    title=one.title,
                    outcomes={code: outcome.name for code, outcome in one.outcomes.items()},
                    open=counts.get(one.key, 0),
                    about_children=one.about_children,
                )
                for one in self._lists.values()
            ]
        )


def _row(row: Row) -> pb.ScreeningRow:
    return pb.ScreeningRow(
        number=row.number,
        list=row.list,
        person_id=row.person_id,
        region=row.region,
        found_on=row.found_on.isoformat(),
        seen_on=row.seen_on.isoformat(),
        outcome=row.outcome,
        decided_by=row.decided_by,
        decided_at=stamp_of(row.decided_at),
        again_on=row.again_on.isoformat() if row.again_on else "",
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise TuoqiError("request.invalid", problem=f"没有 {text} 这一天。") from error


def add_screening(servicer: ScreeningServicer) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    return lambda server: screening_service_pb2_grpc.add_ScreeningServiceServicer_to_server(servicer, server)
