"""Tables of the public file contract in and out: ImportService and ExportService of every service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

import grpc

from tuoqi.contracts.common.v1 import table_pb2 as pb
from tuoqi.contracts.common.v1 import table_pb2_grpc
from tuoqi.kit.clock import BusinessClock, county_day
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError, register_errors
from tuoqi.kit.rights import Actor, current_actor
from tuoqi.kit.rpc.imports import (
    Chunk,
    ChunkOutcome,
    Importer,
    ImportLog,
    Load,
    LoadContext,
    Runner,
    Standing,
    committing,
    trial,
)
from tuoqi.kit.rpc.refusals import Grpc
from tuoqi.kit.stamps import stamp_of
from tuoqi.kit.tables import Column, Header, Problem, row_formatter
from tuoqi.kit.tracing import current_correlation_id, current_traceparent
from tuoqi.kit.turns import ahead

if TYPE_CHECKING:
    from tuoqi.kit.service import Runtime

__all__ = [
    "ChunkOutcome",
    "ExportServicer",
    "Exporter",
    "ImportServicer",
    "Importer",
    "LoadContext",
    "add_tables",
]

ANSWER_ROWS_MAX: Final = 1_000

register_errors(
    {"export.unknown_kind": ("INVALID_ARGUMENT", "不能导出“{kind}”，可导出：{allowed}。")},
)


class Exporter(Protocol):
    """What a service gives to write one kind of file."""

    @property
    def kind(self) -> str:
        """The file kind of the exchange contract."""
        ...

    @property
    def columns(self) -> Sequence[Column]:
        """Its columns."""
        ...

    def rows(self, request: pb.ExportRowsRequest, actor: Actor) -> AsyncIterator[Sequence[Mapping[str, object]]]:
        """The rows in the file's order, in runs; values by column key. The right to `reveal` is checked before."""
        ...


class ImportServicer(table_pb2_grpc.ImportServiceServicer):
    """Takes files of the kinds that its importers know."""

    def __init__(
        self,
        importers: Sequence[Importer],
        database: Database,
        clock: BusinessClock,
        on_commit: Callable[[], None],
    ) -> None:
        self._importers = {importer.kind: importer for importer in importers}
        self._database = database
        self._clock = clock
        self._on_commit = on_commit

    async def ImportRows(
        self,
        request_iterator: AsyncIterator[pb.ImportRowsRequest],
        context: Grpc,
    ) -> AsyncIterator[pb.ImportRowsResponse]:
        """Take one file: header, then rows; answer with progress, problems and the result."""
        first = await anext(request_iterator, None)
        if first is None or not first.HasField("header"):
            raise TuoqiError("import.no_header")
        given = first.header
        importer = self._importers.get(given.kind)
        if importer is None:
            raise TuoqiError("import.unknown_kind", kind=given.kind, allowed="、".join(sorted(self._importers)))
        header = Header.match(given.columns, importer.columns)
        log = ImportLog(given.kind, given.content_hash)
        async with self._database.begin() as tx:
            last = await log.last(tx)
        if last is not None and last.finished_at is not None and not given.again:
            yield _started(header, loaded_before_at=last.finished_at)
            yield pb.ImportRowsResponse(result=pb.ImportResult())
            return
        job = _Job(importer, header, given, last, log)
        take = self._try if given.dry_run else self._load
        async for answer in take(job, request_iterator):
            yield answer

    async def _load(
        self, job: _Job, requests: AsyncIterator[pb.ImportRowsRequest]
    ) -> AsyncIterator[pb.ImportRowsResponse]:
        standing = job.broken()
        if standing is None:
            standing = job.next()
            async with self._database.begin() as tx:
                await self._open(tx, job, standing)
        load = self._new_load(job, standing, committing(self._database, self._on_commit))
        yield _started(job.header, resume_after_row=standing.rows_done + 1 if standing.rows_done else 0)
        async for answer in _answers(load, requests):
            yield answer
        if load.standing.rows_done < job.given.total_rows:
            # The caller hung up in the middle without an error: the rest is still to come.
            raise TuoqiError("import.broken_off", done=load.standing.rows_done, total=job.given.total_rows)
        async with self._database.begin() as tx:
            await job.log.finish(tx, load.standing, self._clock.now())
        yield _result(load.standing)

    async def _try(
        self, job: _Job, requests: AsyncIterator[pb.ImportRowsRequest]
    ) -> AsyncIterator[pb.ImportRowsResponse]:
        standing = job.next()
        async with trial(self._database) as (tx, run):
            await self._open(tx, job, standing)
            load = self._new_load(job, standing, run)
            yield _started(job.header)
            async for answer in _answers(load, requests):
                yield answer
        yield _result(load.standing)

    async def _open(self, tx: Tx, job: _Job, standing: Standing) -> None:
        actor, now = current_actor().user, self._clock.now()
        await job.log.open(tx, attempt=standing.attempt, file_name=job.given.file_name, actor=actor, at=now)

    def _new_load(self, job: _Job, standing: Standing, run: Runner) -> Load:
        now = self._clock.now()
        ctx = LoadContext(
            at=now,
            today=county_day(now),
            actor=current_actor(),
            content_hash=job.given.content_hash,
            attempt=standing.attempt,
            dry_run=job.given.dry_run,
            traceparent=current_traceparent(),
            correlation_id=current_correlation_id(),
        )
        return Load(job.importer, job.header, ctx=ctx, standing=standing, log=job.log, run=run)


@dataclass(frozen=True, slots=True)
class _Job:
    """One file that was announced."""

    importer: Importer
    header: Header
    given: pb.ImportHeader
    last: Standing | None
    """The latest load of the same content."""
    log: ImportLog

    def broken(self) -> Standing | None:
        """An earlier load that did not come to its end."""
        return self.last if self.last is not None and self.last.finished_at is None else None

    def next(self) -> Standing:
        """A new load's beginning."""
        return Standing(attempt=self.last.attempt + 1 if self.last else 1)


async def _answers(load: Load, requests: AsyncIterator[pb.ImportRowsRequest]) -> AsyncIterator[pb.ImportRowsResponse]:
    async with aclosing(ahead(_chunks(load, requests))) as coming:
        async for chunks in coming:
            for chunk in chunks:
                for problem in await load.take(chunk):
                    yield pb.ImportRowsResponse(problem=_problem(problem))
            yield pb.ImportRowsResponse(progress=pb.ImportProgress(rows_done=load.standing.rows_done))


async def _chunks(load: Load, requests: AsyncIterator[pb.ImportRowsRequest]) -> AsyncIterator[list[Chunk]]:
    last = 0
    async for request in requests:
        if not request.HasField("chunk"):
            raise TuoqiError("import.no_header")
        # Made plain at once: each look into a message would make its texts anew.
        rows = [(row.number, list(row.cells)) for row in request.chunk.rows]
        for number, _ in rows:
            if number <= last:
                raise TuoqiError("import.row_order", row=last)
            last = number
        yield await load.prepare(rows)


def _started(
    header: Header, *, resume_after_row: int = 0, loaded_before_at: datetime | None = None
) -> pb.ImportRowsResponse:
    before = stamp_of(loaded_before_at)
    started = pb.ImportStarted(resume_after_row=resume_after_row, loaded_before_at=before, warnings=header.warnings)
    return pb.ImportRowsResponse(started=started)


def _problem(problem: Problem) -> pb.RowProblem:
    return pb.RowProblem(
        row_number=problem.row_number,
        column=problem.column,
        value=problem.value,
        reason=problem.reason,
        only_warning=problem.only_warning,
    )


def _result(standing: Standing) -> pb.ImportRowsResponse:
    return pb.ImportRowsResponse(
        result=pb.ImportResult(
            rows_changed=standing.changed,
            rows_unchanged=standing.unchanged,
            rows_rejected=standing.rejected,
            events=standing.events,
        ),
    )


class ExportServicer(table_pb2_grpc.ExportServiceServicer):
    """Gives files of the kinds that its exporters know."""

    def __init__(self, exporters: Sequence[Exporter]) -> None:
        self._exporters = {exporter.kind: exporter for exporter in exporters}

    async def ExportRows(
        self,
        request: pb.ExportRowsRequest,
        context: Grpc,
    ) -> AsyncIterator[pb.ExportRowsResponse]:
        """The columns first, then the rows. Numbers in full only with the right `reveal` and a purpose."""
        exporter = self._exporters.get(request.kind)
        if exporter is None:
            raise TuoqiError("export.unknown_kind", kind=request.kind, allowed="、".join(sorted(self._exporters)))
        actor = current_actor()
        if request.reveal:
            actor.require("reveal")
            actor.require_purpose()
        yield pb.ExportRowsResponse(columns=[column.heading for column in exporter.columns])
        to_cells = row_formatter(exporter.columns)
        number = 1  # the header is row 1
        async for run in exporter.rows(request, actor):
            for first in range(0, len(run), ANSWER_ROWS_MAX):
                rows = []
                for values in run[first : first + ANSWER_ROWS_MAX]:
                    number += 1
                    rows.append(pb.TableRow(number=number, cells=to_cells(values)))
                yield pb.ExportRowsResponse(rows=rows)


def add_tables(
    runtime: Runtime, importers: Sequence[Importer], exporters: Sequence[Exporter]
) -> list[Callable[[grpc.aio.Server], None]]:
    """How the server takes in the table services that a service has something for."""
    adders: list[Callable[[grpc.aio.Server], None]] = []
    if importers:
        taking = ImportServicer(importers, runtime.database, runtime.clock, runtime.relay.wake)
        adders.append(lambda server: table_pb2_grpc.add_ImportServiceServicer_to_server(taking, server))
    if exporters:
        giving = ExportServicer(exporters)
        adders.append(lambda server: table_pb2_grpc.add_ExportServiceServicer_to_server(giving, server))
    return adders
