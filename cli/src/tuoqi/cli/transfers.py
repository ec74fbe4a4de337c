"""Files in and out of a running platform: ImportRows and ExportRows as the command line and `play` use them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import grpc

from tuoqi.cli.files.reading import Row, TableFile
from tuoqi.cli.files.writing import PRIVATE, PUBLIC, writing
from tuoqi.cli.platform import EXPORTS, IMPORTS, Platform, service_of
from tuoqi.contracts.common.v1 import table_pb2 as pb
from tuoqi.contracts.common.v1.table_pb2_grpc import ExportServiceStub, ImportServiceStub

CHUNK_ROWS = 1_000
TRIES_MAX = 10
REASON = "原因[reason]"
WITH_ACCOUNTS = frozenset({"bank_instructions", "voucher_settlement"})
Told = Callable[[int, int], None]
"""Called with the rows done and the rows in all; first with those that an earlier, broken-off load took."""


@dataclass(slots=True)
class Loaded:
    """What became of a file."""

    begun: bool = False
    """The service understood the header."""
    started: pb.ImportStarted = field(default_factory=pb.ImportStarted)
    result: pb.ImportResult = field(default_factory=pb.ImportResult)
    problems: list[pb.RowProblem] = field(default_factory=list)

    @property
    def loaded_before(self) -> bool:
        """The same content was loaded before, so nothing changed."""
        return self.started.HasField("loaded_before_at")

    @property
    def rejected(self) -> list[pb.RowProblem]:
        """The problems for which a row was not taken."""
        return [problem for problem in self.problems if not problem.only_warning]


def _silent(_done: int, _total: int) -> None:
    """Progress that nobody watches."""


async def import_file(
    platform: Platform, kind: str, table: TableFile, *, dry_run: bool = False, again: bool = False, told: Told = _silent
) -> Loaded:
    """Load a file. Raises cli.unknown_kind, and grpc.RpcError where the service refuses the file as a whole."""
    stub: Any = platform.stub(ImportServiceStub, service_of(kind, IMPORTS))
    header = pb.ImportHeader(
        kind=kind,
        file_name=table.path.name[:255],
        content_hash=table.content_hash,
        columns=table.columns,
        total_rows=table.total_rows,
        dry_run=dry_run,
        again=again,
    )
    for attempt in range(TRIES_MAX):
        loaded = Loaded()
        try:
            await _load(stub, header, table, told, loaded)
        except grpc.aio.AioRpcError as error:
            if loaded.begun or not _lost_refusal(error) or attempt == TRIES_MAX - 1:
                raise
            await asyncio.sleep(0.02 * (attempt + 1))
        else:
            break
    return loaded


def _lost_refusal(error: grpc.aio.AioRpcError) -> bool:
    """Whether grpc.aio lost the service's answer.

    Where a service refuses a call while its first message is on the way, the client reports its own failed write in
    place of the refusal. Nothing was taken then, so asking again is safe, and sooner or later the refusal is heard.
    """
    return error.code() == grpc.StatusCode.INTERNAL and "from Core" in (error.details() or "")


async def _load(stub: Any, header: pb.ImportHeader, table: TableFile, told: Told, loaded: Loaded) -> None:
    started: asyncio.Future[pb.ImportStarted] = asyncio.get_running_loop().create_future()
    async for answer in stub.ImportRows(_requests(header, table, started)):
        match answer.WhichOneof("part"):
            case "started":
                loaded.started, loaded.begun = answer.started, True
                told(max(answer.started.resume_after_row - 1, 0), table.total_rows)
                started.set_result(answer.started)
            case "progress":
                told(answer.progress.rows_done, table.total_rows)
            case "problem":
                loaded.problems.append(answer.problem)
            case "result":
                loaded.result = answer.result


async def _requests(
    header: pb.ImportHeader, table: TableFile, started: asyncio.Future[pb.ImportStarted]
) -> AsyncIterator[pb.ImportRowsRequest]:
    """The header, then, once the service has said where it stands, the rows that it lacks."""
    yield pb.ImportRowsRequest(header=header)
    standing = await started
    if standing.HasField("loaded_before_at"):
        return
    rows = (row for row in table.rows() if row[0] > standing.resume_after_row)
    for chunk in _chunks(rows):
        yield pb.ImportRowsRequest(chunk=pb.TableChunk(rows=[pb.TableRow(number=n, cells=cells) for n, cells in chunk]))


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while chunk := list(islice(rows, CHUNK_ROWS)):
        yield chunk


def write_rejects(path: Path, table: TableFile, problems: Sequence[pb.RowProblem]) -> int:
    """The rejected rows in the file's own columns with a reason beside each; how many. Only its owner may read it."""
    reasons: dict[int, list[str]] = {}
    for problem in problems:
        text = f"{problem.column}：{problem.reason}" if problem.column else problem.reason
        reasons.setdefault(problem.row_number, []).append(text)
    width = len(table.columns)
    path.unlink(missing_ok=True)  # an older one may be readable for others
    with writing(path, mode=PRIVATE) as write:
        write([*table.columns, REASON])
        for number, cells in table.rows():
            if number in reasons:
                padded = [*cells[:width], *[""] * (width - len(cells))]
                write([*padded, "；".join(reasons[number])])
    return len(reasons)


async def export_rows(
    platform: Platform, kind: str, *, cycle_id: str = "", subject: str = "", reveal: bool = False
) -> AsyncGenerator[list[str]]:
    """The header cells, then each row's cells. Raises cli.unknown_kind and grpc.RpcError."""
    stub: Any = platform.stub(ExportServiceStub, service_of(kind, EXPORTS))
    request = pb.ExportRowsRequest(kind=kind, cycle_id=cycle_id, reveal=reveal, subject=subject)
    async for answer in stub.ExportRows(request):
        if answer.columns:
            yield list(answer.columns)
        for row in answer.rows:
            yield list(row.cells)


async def export_file(
    platform: Platform,
    kind: str,
    out: Path,
    *,
    cycle_id: str = "",
    subject: str = "",
    reveal: bool = False,
    told: Told = _silent,
) -> int:
    """Write a table; the number of rows. Nothing stands at `out` before the table is whole."""
    count = -1  # the header is no row
    # Bank files hold accounts in full whoever asks for them.
    private = reveal or kind in WITH_ACCOUNTS
    with writing(out, mode=PRIVATE if private else PUBLIC) as write:
        async with aclosing(export_rows(platform, kind, cycle_id=cycle_id, subject=subject, reveal=reveal)) as rows:
            async for cells in rows:
                write(cells)
                count += 1
                if count % CHUNK_ROWS == 0:
                    told(count, 0)
    return max(count, 0)
