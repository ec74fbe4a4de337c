"""Files in and out over gRPC on a real PostgreSQL: resumed, never twice, tried without a trace, good rows taken."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from tuoqi.contracts.common.v1 import table_pb2 as pb
from tuoqi.contracts.common.v1 import table_pb2_grpc
from tuoqi.kit.audit import AuditEntry, record
from tuoqi.kit.clock import SettableClock
from tuoqi.kit.county import County
from tuoqi.kit.database import Conflict, Database, Tx
from tuoqi.kit.rights import Actor, Rights
from tuoqi.kit.rpc.client import connect, refusal_of
from tuoqi.kit.rpc.imports import Chunk, ImportLog, Load, Standing, committing
from tuoqi.kit.rpc.server import Guard, serve
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext, add_tables
from tuoqi.kit.settings import Settings
from tuoqi.kit.tables import Column, Header, ParsedRow
from tuoqi.kit.turns import ahead

pytestmark = pytest.mark.postgres

DEMO = Path(__file__).parents[3] / "deploy" / "counties" / "990101"
TOKEN = "a-token-of-this-test-only"
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
COLUMNS = (Column("name", "名称", required=True, max_length=50), Column("amount", "金额", "money"))
HEADER = ["名称[name]", "金额"]


class Things:
    """Takes and gives rows of a table `things`; does what the test says on the way."""

    kind = "things"
    columns = COLUMNS

    def __init__(self) -> None:
        self.chunks: list[int] = []
        self.contexts: list[LoadContext] = []
        self.before: Callable[[int], None] = lambda _first: None

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        self.chunks.append(len(rows))
        self.contexts.append(ctx)
        changed = 0
        for row in rows:
            changed += await tx.execute(
                "INSERT INTO things (name, amount, cause) VALUES (:name, :amount, :cause)"
                " ON CONFLICT (name) DO UPDATE SET amount = :amount WHERE things.amount IS DISTINCT FROM :amount",
                name=row.values["name"],
                amount=row.values["amount"],
                cause=ctx.cause(row.number),
            )
        self.before(rows[0].number)
        problems = [COLUMNS[0].problem(row.number, "x", "可疑。", only_warning=True) for row in rows if row.number == 3]
        return ChunkOutcome(changed, len(rows) - changed, problems, events=changed)

    async def rows(self, request: pb.ExportRowsRequest, actor: Actor) -> AsyncIterator[Sequence[Mapping[str, object]]]:
        assert request.reveal
        yield [{"name": f"n{n}", "amount": n} for n in range(1_500)]
        yield [{"name": actor.user}]


class Stage:
    """A served importer, its database, and how often a commit was told."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.things = Things()
        self.commits = 0
        self.clock = SettableClock(NOON)
        self.address = ""

    def count_commit(self) -> None:
        self.commits += 1

    async def stored(self) -> dict[str, int]:
        async with self.database.begin() as tx:
            return {row.name: row.amount for row in await tx.fetch("SELECT name, amount FROM things ORDER BY name")}

    async def load(self, rows: Sequence[Sequence[str]], *, user: str = "clerk.li", **header: Any) -> Answer:
        return await self.send([self.header(rows, **header), *chunks(rows)], user)

    def header(self, rows: Sequence[Sequence[str]], **header: Any) -> pb.ImportRowsRequest:
        content_hash = hashlib.sha256(repr(rows).encode()).hexdigest()
        told = {"kind": "things", "content_hash": content_hash, "columns": HEADER, **header}
        return pb.ImportRowsRequest(header=pb.ImportHeader(**told))

    async def send(self, requests: Sequence[pb.ImportRowsRequest], user: str = "clerk.li") -> Answer:
        async with connect(self.address, TOKEN, user, "测试") as channel:
            call = table_pb2_grpc.ImportServiceStub(channel).ImportRows(iter(requests))
            return Answer([part async for part in call])


class Answer:
    """An import's answer, sorted by what its parts are."""

    def __init__(self, parts: Sequence[pb.ImportRowsResponse]) -> None:
        self.started = parts[0].started
        self.problems = [part.problem for part in parts if part.HasField("problem")]
        self.result = parts[-1].result

    @property
    def counts(self) -> tuple[int, int, int, int]:
        return self.result.rows_changed, self.result.rows_unchanged, self.result.rows_rejected, self.result.events


def chunks(rows: Sequence[Sequence[str]], size: int = 2_500) -> list[pb.ImportRowsRequest]:
    numbered = [pb.TableRow(number=number, cells=cells) for number, cells in enumerate(rows, start=2)]
    return [
        pb.ImportRowsRequest(chunk=pb.TableChunk(rows=numbered[first : first + size]))
        for first in range(0, len(numbered), size)
    ]


@pytest.fixture
async def stage(database_for: Callable[..., Awaitable[Database]], tmp_path: Path) -> AsyncIterator[Stage]:
    database = await database_for()
    async with database.begin() as tx:
        await tx.execute("CREATE TABLE things (name text PRIMARY KEY, amount bigint CHECK (amount <> 13), cause text)")
    stage = Stage(database)
    (tmp_path / "token").write_text(TOKEN)
    settings = Settings(database_url="postgresql://x@127.0.0.1/x", token_file=tmp_path / "token")
    runtime: Any = SimpleNamespace(database=database, clock=stage.clock, relay=SimpleNamespace(wake=stage.count_commit))
    guard = Guard(settings, Rights.from_county(County.load(DEMO)), database, stage.clock)
    server = await serve(settings, guard, add_tables(runtime, [stage.things], [stage.things]))
    stage.address = server.address
    yield stage
    await server.stop(0)


@asynccontextmanager
async def refused(slug: str) -> AsyncIterator[None]:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        yield
    assert refusal_of(failed.value).slug == slug


MANY = [[f"n{n}", f"{n}.00"] for n in range(2_700)]


async def test_a_file_goes_in_by_chunks_of_a_thousand(stage: Stage) -> None:
    answer = await stage.load(MANY)
    assert stage.things.chunks == [1_000, 1_000, 500, 200]
    assert answer.counts == (2_700, 0, 0, 2_700)
    assert len(await stage.stored()) == 2_700
    assert stage.commits == 4
    (ctx,) = {(c.at, c.today, c.actor.user, c.dry_run, c.attempt) for c in stage.things.contexts}
    assert ctx == (NOON, date(2026, 7, 1), "clerk.li", False, 1)
    assert stage.things.contexts[0].correlation_id
    assert [(p.row_number, p.only_warning) for p in answer.problems] == [(3, True)]


async def test_good_rows_are_taken_and_bad_ones_named(stage: Stage) -> None:
    answer = await stage.load([["a", "1"], ["", "x"], ["c", "1.234"], ["d", "4"]])
    assert await stage.stored() == {"a": 100, "d": 400}
    assert answer.counts == (2, 0, 2, 2)
    assert [(p.row_number, p.column) for p in answer.problems] == [
        (3, "名称[name]"),
        (3, "金额[amount]"),
        (4, "金额[amount]"),
    ]


async def test_a_row_that_the_database_refuses_stands_alone(stage: Stage) -> None:
    """The table refuses 13 fen: a rule that the importer forgot loses one row, not a thousand."""
    answer = await stage.load([["a", "1"], ["b", "0.13"], ["c", "3"], ["", ""], ["d", "4"]])
    assert await stage.stored() == {"a": 100, "c": 300, "d": 400}
    assert answer.counts == (3, 0, 1, 3)
    assert 3 in {problem.row_number for problem in answer.problems if not problem.only_warning}


async def test_the_same_content_is_answered_with_its_date_and_changes_nothing(stage: Stage) -> None:
    rows = [["a", "1"], ["b", "2"]]
    await stage.load(rows)
    await stage.load([["a", "9"]])
    stage.clock.move_to(datetime(2026, 8, 1, tzinfo=UTC))
    again = await stage.load(rows)
    assert again.started.loaded_before_at.ToDatetime(tzinfo=UTC) == NOON
    assert again.counts == (0, 0, 0, 0)
    assert (await stage.stored())["a"] == 900
    forced = await stage.load(rows, again=True)
    assert not forced.started.HasField("loaded_before_at")
    assert forced.counts == (1, 1, 0, 1)
    assert (await stage.stored())["a"] == 100
    causes = {ctx.cause(2) for ctx in stage.things.contexts if ctx.attempt in {1, 2}}
    assert len(causes) == 3


async def test_a_broken_load_goes_on_where_it_stood(stage: Stage) -> None:
    def break_at(first: int) -> None:
        if first == 2_002:
            raise ConnectionResetError("cable")

    stage.things.before = break_at
    async with refused("database.away"):
        await stage.load(MANY)
    assert len(await stage.stored()) == 2_000
    stage.things.before = lambda _first: None
    stage.things.chunks.clear()
    resumed = await stage.load(MANY)
    assert resumed.started.resume_after_row == 2_001
    assert stage.things.chunks == [500, 200]
    assert resumed.counts == (2_700, 0, 0, 2_700)
    assert len(await stage.stored()) == 2_700
    assert (await stage.load(MANY)).started.HasField("loaded_before_at")


async def test_a_caller_that_hangs_up_in_the_middle_has_not_loaded_the_file(stage: Stage) -> None:
    whole = [stage.header(MANY, total_rows=len(MANY)), *chunks(MANY)]
    async with refused("import.broken_off"):
        await stage.send(whole[:2])
    resumed = await stage.send(whole)
    assert resumed.counts == (2_700, 0, 0, 2_700)


async def test_a_trial_run_reports_all_and_leaves_nothing(stage: Stage) -> None:
    """Later chunks see the rows of earlier ones, the database none of them."""
    rows = [*MANY, ["n0", "0.00"], ["bad", "0.13"], ["", "1"]]
    answer = await stage.load(rows, dry_run=True)
    assert answer.counts == (2_700, 1, 2, 2_700)
    assert await stage.stored() == {}
    assert stage.commits == 0
    real = await stage.load(rows)
    assert real.counts == answer.counts
    assert not real.started.HasField("loaded_before_at")


async def test_a_lost_race_is_tried_again_and_ends_some_time(stage: Stage) -> None:
    left = [3]

    def lose(_first: int) -> None:
        if left[0]:
            left[0] -= 1
            raise Conflict("someone was first")

    stage.things.before = lose
    answer = await stage.load([["a", "1"]])
    assert answer.counts == (1, 0, 0, 1)
    left[0] = 1_000
    async with refused("state.conflict"):
        await stage.load([["b", "1"]])
    assert left[0] == 990
    assert set(await stage.stored()) == {"a"}


async def test_a_file_that_cannot_be_taken_is_refused(stage: Stage) -> None:
    async with refused("import.unknown_kind"):
        await stage.load([["a", "1"]], kind="nothing")
    async with refused("table.missing_columns"):
        await stage.load([["a", "1"]], columns=["金额"])
    async with refused("import.no_header"):
        await stage.send(chunks([["a", "1"]]))
    async with refused("import.no_header"):
        await stage.send([stage.header([["x", "1"]]), stage.header([["x", "1"]])])
    async with refused("import.row_order"):
        await stage.send([stage.header([["y", "1"]]), *chunks([["a", "1"]]), *chunks([["a", "1"]])])
    async with refused("auth.no_right"):
        await stage.load([["z", "1"]], user="auditor.zhou")


async def test_an_import_is_in_the_audit_which_only_grows(stage: Stage) -> None:
    await stage.load([["a", "1"]])
    async with stage.database.begin() as tx:
        rows = await tx.fetch("SELECT actor, purpose, outcome, subject FROM audit ORDER BY id")
        assert [(row.actor, row.purpose, row.outcome) for row in rows] == [
            ("clerk.li", "测试", "begun"),
            ("clerk.li", "测试", "ok"),
        ]
        assert rows[0].subject.startswith("kind=things content_hash=")
    entry = AuditEntry(NOON, "clerk.li", "", "/x/Y", "", "", "ok", "c-1")
    async with stage.database.begin() as tx:
        await record(tx, entry)
        (stored,) = await tx.fetch("SELECT at, outcome FROM audit WHERE method = '/x/Y'")
    assert (stored.at, stored.outcome) == (NOON, "ok")


async def test_an_export_begins_with_its_columns_and_comes_in_runs(stage: Stage) -> None:
    async with connect(stage.address, TOKEN, "reviewer.zhao", "核对") as channel:
        call = table_pb2_grpc.ExportServiceStub(channel).ExportRows(pb.ExportRowsRequest(kind="things", reveal=True))
        answers = [part async for part in call]
    assert answers[0].columns == ["名称[name]", "金额[amount]"]
    assert [len(part.rows) for part in answers[1:]] == [1_000, 500, 1]
    assert [list(answers[2].rows[-1].cells), list(answers[3].rows[0].cells)] == [
        ["n1499", "14.99"],
        ["reviewer.zhao", ""],
    ]
    assert answers[3].rows[0].number == 1_502


@pytest.mark.parametrize(
    ("user", "purpose", "kind", "slug"),
    [
        ("clerk.li", "核对", "things", "auth.no_right"),
        ("reviewer.zhao", "", "things", "auth.no_purpose"),
        ("reviewer.zhao", "核对", "others", "export.unknown_kind"),
    ],
)
async def test_revealing_needs_the_right_and_a_purpose(
    stage: Stage, user: str, purpose: str, kind: str, slug: str
) -> None:
    async with connect(stage.address, TOKEN, user, purpose) as channel, refused(slug):
        call = table_pb2_grpc.ExportServiceStub(channel).ExportRows(pb.ExportRowsRequest(kind=kind, reveal=True))
        _ = [part async for part in call]


class PreparedThings(Things):
    """Things that are prepared ahead, and say when they are."""

    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self.said = said

    def prepare(self, rows: Sequence[ParsedRow]) -> Sequence[ParsedRow]:
        self.said.append(f"prepared {rows[0].number}")
        return rows

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        self.said.append(f"decides {rows[0].number}")
        await tx.execute("SELECT pg_sleep(0.05)")
        ctx.decided()
        await tx.execute("SELECT pg_sleep(0.05)")
        self.said.append(f"wrote {rows[0].number}")
        return ChunkOutcome(len(rows))


async def test_the_next_chunk_is_prepared_while_this_one_is_written(stage: Stage) -> None:
    said: list[str] = []
    things = PreparedThings(said)
    header = Header.match(HEADER, COLUMNS)
    ctx = LoadContext(NOON, NOON.date(), Actor("u"), "0" * 64, 1, dry_run=False, traceparent="", correlation_id="")
    log, standing = ImportLog("things", "0" * 64), Standing(attempt=1)
    async with stage.database.begin() as tx:
        await log.open(tx, attempt=1, file_name="f", actor="u", at=NOON)
    run = committing(stage.database, stage.count_commit)
    load = Load(things, header, ctx=ctx, standing=standing, log=log, run=run)

    async def files() -> AsyncIterator[list[Chunk]]:
        for first in (2, 3):
            yield await load.prepare([(first, ["n", "1"])])

    async for coming in ahead(files()):
        for chunk in coming:
            await load.take(chunk)
    assert said == ["prepared 2", "decides 2", "prepared 3", "wrote 2", "decides 3", "wrote 3"]
    assert standing.rows_done == 2
