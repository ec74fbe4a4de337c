"""What is asked about figures: counted in one reading, opened to the rows behind them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from tuoqi.contracts.registry.v1 import figure_service_pb2 as pb
from tuoqi.contracts.registry.v1 import figure_service_pb2_grpc
from tuoqi.kit.clock import BusinessClock, county_day
from tuoqi.kit.database import Database
from tuoqi.kit.rights import current_actor
from tuoqi.registry.domain.breakdown import Cell, View
from tuoqi.registry.domain.figures import COVERAGE, PERSONS, Figure
from tuoqi.registry.domain.policy import Policy
from tuoqi.registry.jobs.figures import Asked, FigureDesk
from tuoqi.registry.rpc.regions import read_day

PAGE: Final = 100
WHOLE: Final = 10_000
"""100 % in hundredths of a percent."""


class FigureServicer(figure_service_pb2_grpc.FigureServiceServicer):
    """Counts. Token, right and audit are checked before a method runs."""

    def __init__(self, database: Database, policy: Policy, clock: BusinessClock) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._desk = FigureDesk(policy, clock)

    async def ListFigures(self, request: pb.ListFiguresRequest, context: Any) -> pb.ListFiguresResponse:
        """The definitions in the county's order."""
        return pb.ListFiguresResponse(figures=[_definition(one) for one in self._desk.figures(())])

    async def ComputeFigures(self, request: pb.ComputeFiguresRequest, context: Any) -> pb.ComputeFiguresResponse:
        """All figures asked for, in one reading."""
        actor = current_actor()
        asked = Asked(
            tuple(request.figure_ids),
            request.region,
            read_day(request.true_on) if request.true_on else None,
            read_moment(request.known_at) if request.HasField("known_at") else None,
            request.by,
            request.geography,
        )
        async with self._database.begin() as tx:
            counted, view = await self._desk.compute(tx, asked, actor)
        return pb.ComputeFiguresResponse(
            figures=[
                pb.Figure(
                    definition=_definition(one.figure),
                    total=_cell(one.figure, one.total, view),
                    cells=[_cell(one.figure, cell, view) for cell in one.cells],
                )
                for one in counted
            ],
            true_on=(asked.true_on or county_day(self._clock.now())).isoformat(),
            definitions_hash=self._policy.figures.version,
        )

    async def ListFigureRows(self, request: pb.ListFigureRowsRequest, context: Any) -> pb.ListFigureRowsResponse:
        """What a figure counted, a page in order of ids; people only for a purpose."""
        actor = current_actor()
        (figure,) = self._desk.figures([request.figure_id])
        if figure.counts == PERSONS:
            actor.require_purpose()
        asked = Asked(
            (request.figure_id,),
            request.region,
            read_day(request.true_on) if request.true_on else None,
            read_moment(request.known_at) if request.HasField("known_at") else None,
            geography=request.geography,
        )
        size = request.page_size or PAGE
        async with self._database.begin() as tx:
            rows = await self._desk.rows(tx, asked, actor, request.page_token, size + 1)
        return pb.ListFigureRowsResponse(
            rows=[
                pb.FigureRow(subject=row.subject, subject_id=row.subject_id, region=row.region, value=row.value)
                for row in rows[:size]
            ],
            next_page_token=rows[size - 1].subject_id if len(rows) > size else "",
        )


def read_moment(value: Timestamp) -> datetime:
    """A moment of the wire."""
    return value.ToDatetime(tzinfo=UTC)


def _definition(figure: Figure) -> pb.FigureDefinition:
    return pb.FigureDefinition(
        figure_id=figure.figure_id,
        name_zh=figure.name,
        unit_zh=figure.unit,
        counts=figure.counts,
        sensitive=figure.is_sensitive,
    )


def _cell(figure: Figure, cell: Cell, view: View) -> pb.FigureCell:
    answer = pb.FigureCell(
        region=cell.region,
        region_zh=view.geography.name(cell.region, view.day),
        decimals=figure.decimals,
        rest=cell.is_rest,
    )
    if cell.tally is None:
        return answer
    if figure.counts == COVERAGE:
        answer.numerator, answer.denominator = cell.tally.value, cell.tally.required
        if cell.tally.required:
            answer.value = cell.tally.value * WHOLE // cell.tally.required
    else:
        answer.value = cell.tally.value
    return answer


def add_figures(servicer: FigureServicer) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    return lambda server: figure_service_pb2_grpc.add_FigureServiceServicer_to_server(servicer, server)
