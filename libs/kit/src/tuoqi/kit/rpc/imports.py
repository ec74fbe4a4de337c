"""How a file goes into a service: row by row checked, chunk by chunk committed, resumable, and never twice.

A chunk and the note of how far the load has come are one transaction. A trial run does the same in a single
transaction that is rolled back at its end, so that later rows may refer to earlier ones there too.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final, Protocol, runtime_checkable

from sqlalchemy.exc import DBAPIError

from tuoqi.kit import failpoints
from tuoqi.kit.database import Conflict, Database, Tx, blames_the_data
from tuoqi.kit.errors import TuoqiError, register_errors
from tuoqi.kit.rights import Actor
from tuoqi.kit.tables import Column, Header, ParsedRow, Problem, parse_rows
from tuoqi.kit.turns import slices

CHUNK_ROWS_MAX: Final = 1_000
TRIES_MAX: Final = 10

register_errors(
    {
        "import.broken_off": ("ABORTED", "文件只收到 {done} 行（共 {total} 行），已收到的保留；请重新导入以继续。"),
        "import.at_once": ("ABORTED", "同一文件正在由另一处导入，请稍后重试。"),
        "import.unknown_kind": ("INVALID_ARGUMENT", "不能导入“{kind}”，可导入：{allowed}。"),
        "import.no_header": ("INVALID_ARGUMENT", "导入须先送表头，且只送一次。"),
        "import.row_order": ("INVALID_ARGUMENT", "行号须递增，第 {row} 行之后出现了更小的行号。"),
    },
)


def _nobody_waits() -> None:
    """Nothing is prepared ahead."""


@dataclass(frozen=True, slots=True)
class LoadContext:
    """The circumstances of a load."""

    at: datetime
    """The business moment of the load, with zone."""
    today: date
    """The county's day of that moment."""
    actor: Actor
    content_hash: str
    attempt: int
    dry_run: bool
    traceparent: str
    correlation_id: str
    decided: Callable[[], None] = _nobody_waits
    """Called by an importer that has decided on a chunk and only writes from here on: the next one may be prepared."""

    def cause(self, row_number: int) -> str:
        """What the ids of a row derive from: content and row. A file loaded `again` makes new ids."""
        again = f"#{self.attempt}" if self.attempt > 1 else ""
        return f"{self.content_hash}{again}:{row_number}"


@dataclass(slots=True)
class ChunkOutcome:
    """What a chunk did."""

    changed: int = 0
    unchanged: int = 0
    problems: list[Problem] = field(default_factory=list)
    events: int = 0


class Importer(Protocol):
    """What a service gives to take one kind of file."""

    @property
    def kind(self) -> str:
        """The file kind of the exchange contract."""
        ...

    @property
    def columns(self) -> Sequence[Column]:
        """Its columns."""
        ...

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Take rows, all in this transaction. Runs again where it loses a race: keep nothing between calls."""
        ...


@dataclass(slots=True)
class Standing:
    """How far a load has come; the row of `imports`."""

    attempt: int
    rows_done: int = 0
    """Rows of the file looked at: the last one's number less one, for the header is row 1."""
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    events: int = 0
    finished_at: datetime | None = None


_LAST = """
SELECT attempt, rows_done, rows_changed AS changed, rows_unchanged AS unchanged, rows_rejected AS rejected, events,
       finished_at
FROM imports WHERE content_hash = :content_hash AND kind = :kind ORDER BY attempt DESC LIMIT 1
"""
_OPEN = """
INSERT INTO imports (content_hash, kind, attempt, file_name, actor, started_at, rows_done, rows_changed,
                     rows_unchanged, rows_rejected, events)
VALUES (:content_hash, :kind, :attempt, :file_name, :actor, :at, 0, 0, 0, 0, 0)
ON CONFLICT DO NOTHING
"""
_ADVANCE = """
UPDATE imports SET rows_done = :rows_done, rows_changed = rows_changed + :changed,
    rows_unchanged = rows_unchanged + :unchanged, rows_rejected = rows_rejected + :rejected, events = events + :events
WHERE content_hash = :content_hash AND kind = :kind AND attempt = :attempt AND rows_done = :rows_before
  AND finished_at IS NULL
"""
_FINISH = """
UPDATE imports SET finished_at = :at
WHERE content_hash = :content_hash AND kind = :kind AND attempt = :attempt AND rows_done = :rows_done
  AND finished_at IS NULL
"""


class ImportLog:
    """The notes of how far each file came: table `imports`."""

    def __init__(self, kind: str, content_hash: str) -> None:
        self._key = {"kind": kind, "content_hash": content_hash}

    async def last(self, tx: Tx) -> Standing | None:
        """The latest load of this content."""
        rows = await tx.fetch(_LAST, **self._key)
        return Standing(**rows[0]._mapping) if rows else None  # noqa: SLF001 -- SQLAlchemy's public name for it

    async def open(self, tx: Tx, *, attempt: int, file_name: str, actor: str, at: datetime) -> None:
        """Begin a load. Raises import.at_once where another one has just begun it."""
        if not await tx.execute(_OPEN, **self._key, attempt=attempt, file_name=file_name, actor=actor, at=at):
            raise TuoqiError("import.at_once")

    async def advance(
        self, tx: Tx, standing: Standing, *, rows_done: int, outcome: ChunkOutcome, rejected: int
    ) -> None:
        """Note a chunk. Raises import.at_once where another load of the same content has gone on meanwhile."""
        moved = await tx.execute(
            _ADVANCE,
            **self._key,
            attempt=standing.attempt,
            rows_before=standing.rows_done,
            rows_done=rows_done,
            changed=outcome.changed,
            unchanged=outcome.unchanged,
            rejected=rejected,
            events=outcome.events,
        )
        if not moved:
            raise TuoqiError("import.at_once")

    async def finish(self, tx: Tx, standing: Standing, at: datetime) -> None:
        """Note that the whole file is in. Raises import.at_once as `advance` does."""
        if not await tx.execute(_FINISH, **self._key, attempt=standing.attempt, rows_done=standing.rows_done, at=at):
            raise TuoqiError("import.at_once")


@runtime_checkable
class PreparingImporter(Importer, Protocol):
    """An importer that can do part of its work before the rows' turn comes, while the rows before them are written."""

    def prepare(self, rows: Sequence[ParsedRow]) -> Sequence[ParsedRow]:
        """The same rows, with whatever `load` may use again however often it runs. It needs no database."""
        ...


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows that are committed together."""

    good: Sequence[ParsedRow]
    flawed: list[Problem]
    """Of rows that cannot be read."""
    last_row: int


Step = Callable[[Tx], Awaitable[ChunkOutcome]]
Runner = Callable[[Step], Awaitable[ChunkOutcome]]
"""Runs a step in a transaction."""


class Load:
    """One file on its way in."""

    def __init__(
        self,
        importer: Importer,
        header: Header,
        *,
        ctx: LoadContext,
        standing: Standing,
        log: ImportLog,
        run: Runner,
    ) -> None:
        self._importer = importer
        self._header = header
        self._ctx = replace(ctx, decided=self._decided)
        self._log = log
        self._run = run
        self._begun_after = standing.rows_done + 1
        self._turn = asyncio.Event()
        """Set while the chunk in hand leaves the CPU alone."""
        self._turn.set()
        self.standing = standing

    async def prepare(self, rows: Sequence[tuple[int, Sequence[str]]]) -> list[Chunk]:
        """Read rows (number, cells) in the file's order; those that an earlier load took are passed over."""
        await self._turn.wait()
        fresh = [row for row in rows if row[0] > self._begun_after]
        chunks = []
        for first in range(0, len(fresh), CHUNK_ROWS_MAX):
            numbered = fresh[first : first + CHUNK_ROWS_MAX]
            good, flawed = parse_rows(self._header, numbered)
            if isinstance(self._importer, PreparingImporter):
                prepare = self._importer.prepare
                good = [row async for some in slices(good) for row in prepare(some)]
            chunks.append(Chunk(good, flawed, numbered[-1][0]))
            await asyncio.sleep(0)
        return chunks

    async def take(self, chunk: Chunk) -> list[Problem]:
        """Commit the next chunk; the problems found."""
        self._turn.clear()
        try:
            return await self._commit(chunk.good, chunk.flawed, chunk.last_row)
        finally:
            self._turn.set()

    def _decided(self) -> None:
        self._turn.set()

    async def _commit(self, good: Sequence[ParsedRow], flawed: list[Problem], last_row: int) -> list[Problem]:
        """One transaction; halved where the database refuses a row, until the culprit stands alone."""
        try:
            return await self._commit_whole(good, flawed, last_row)
        except DBAPIError as error:
            if not blames_the_data(error):
                raise
        if len(good) == 1:
            refused = Problem(good[0].number, "", "", "数据库不接受本行，已记入日志。")
            return await self._commit_whole([], [*flawed, refused], last_row)
        middle = len(good) // 2
        border = good[middle - 1].number
        before = [problem for problem in flawed if problem.row_number <= border]
        after = [problem for problem in flawed if problem.row_number > border]
        return [
            *await self._commit(good[:middle], before, border),
            *await self._commit(good[middle:], after, last_row),
        ]

    async def _commit_whole(self, good: Sequence[ParsedRow], flawed: list[Problem], last_row: int) -> list[Problem]:
        standing, rows_done = self.standing, last_row - 1
        rejected = 0

        async def step(tx: Tx) -> ChunkOutcome:
            nonlocal rejected
            outcome = await self._importer.load(tx, good, self._ctx) if good else ChunkOutcome()
            rejected = len({p.row_number for p in (*flawed, *outcome.problems) if not p.only_warning})
            await self._log.advance(tx, standing, rows_done=rows_done, outcome=outcome, rejected=rejected)
            return outcome

        outcome = await self._run(step)
        standing.rows_done = rows_done
        standing.changed += outcome.changed
        standing.unchanged += outcome.unchanged
        standing.rejected += rejected
        standing.events += outcome.events
        return sorted([*flawed, *outcome.problems], key=lambda problem: problem.row_number)


def committing(database: Database, on_commit: Callable[[], None]) -> Runner:
    """Runs each step in a transaction of its own, again where it loses a race. Raises state.conflict in the end."""

    async def run(step: Step) -> ChunkOutcome:
        for attempt in range(TRIES_MAX):
            try:
                async with database.begin() as tx:
                    failpoints.reach("import.begun")
                    outcome = await step(tx)
                    failpoints.reach("import.before_commit")
            except Conflict:
                await asyncio.sleep(random.uniform(0, 0.02 * (attempt + 1)))  # noqa: S311 -- spreads retries, no secret
                continue
            failpoints.reach("import.after_commit")
            on_commit()
            return outcome
        raise TuoqiError("state.conflict")

    return run


class _Over(Exception):
    """Not an error: it ends a trial run by rolling it back."""


@asynccontextmanager
async def trial(database: Database) -> AsyncIterator[tuple[Tx, Runner]]:
    """One transaction for a whole trial run, rolled back at the end; each step can be undone by itself."""
    try:
        async with database.begin() as tx:

            async def run(step: Step) -> ChunkOutcome:
                await tx.execute("SAVEPOINT chunk")
                try:
                    outcome = await step(tx)
                except (DBAPIError, Conflict):
                    await tx.execute("ROLLBACK TO SAVEPOINT chunk")
                    raise
                await tx.execute("RELEASE SAVEPOINT chunk")
                return outcome

            yield tx, run
            _roll_back()
    except _Over:
        return


def _roll_back() -> None:
    raise _Over
