"""A platform of fakes on real gRPC: one server in a thread of its own, that follows the contract, for every service."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner, Result

from tuoqi.cli.__main__ import app
from tuoqi.cli.local.vault import Vault
from tuoqi.contracts.common.v1 import platform_pb2, platform_pb2_grpc, table_pb2_grpc
from tuoqi.contracts.common.v1 import table_pb2 as pb
from tuoqi.kit.rpc.refusals import to_status

SERVICES = ("registry", "visits", "payments", "alerts")


class Files(table_pb2_grpc.ImportServiceServicer, table_pb2_grpc.ExportServiceServicer):
    """Takes rows whose first cell is not `bad`, answers as the contract says, keeps what it was sent."""

    def __init__(self) -> None:
        self.header = pb.ImportHeader()
        self.rows: list[tuple[int, list[str]]] = []
        self.chunks: list[int] = []
        self.users: list[str] = []
        self.loaded_before = False
        self.resume_after = 0
        self.export = [["甲[a]", "乙[b]"], ["1", "2"], ["=1+1", "身份"]]
        self.exported = pb.ExportRowsRequest()

    async def ImportRows(  # noqa: N802 -- the contract's name
        self, request_iterator: AsyncIterator[pb.ImportRowsRequest], context: Any
    ) -> AsyncIterator[pb.ImportRowsResponse]:
        self.users.append(dict(context.invocation_metadata()).get("tuoqi-user", ""))
        if not self.users[-1]:
            said = "请用 --by 说明经办人。"
            await context.abort_with_status(to_status(grpc.StatusCode.UNAUTHENTICATED, "auth.no_user", said))
        self.header = (await anext(request_iterator)).header
        started = pb.ImportStarted(resume_after_row=self.resume_after, warnings=["列“多余”不在格式中。"])
        if self.loaded_before:
            started.loaded_before_at.FromSeconds(1_700_000_000)
        yield pb.ImportRowsResponse(started=started)
        rejected = 0
        async for request in request_iterator:
            self.chunks.append(len(request.chunk.rows))
            for row in request.chunk.rows:
                self.rows.append((row.number, list(row.cells)))
                if row.cells[0] == "bad":
                    rejected += 1
                    problem = pb.RowProblem(row_number=row.number, column="甲[a]", value="b*d", reason="不对。")
                    yield pb.ImportRowsResponse(problem=problem)
            yield pb.ImportRowsResponse(progress=pb.ImportProgress(rows_done=len(self.rows)))
        result = pb.ImportResult(rows_changed=len(self.rows) - rejected, rows_rejected=rejected, events=7)
        yield pb.ImportRowsResponse(result=result)

    async def ExportRows(  # noqa: N802 -- the contract's name
        self, request: pb.ExportRowsRequest, context: Any
    ) -> AsyncIterator[pb.ExportRowsResponse]:
        self.exported = request
        yield pb.ExportRowsResponse(columns=self.export[0])
        for number, cells in enumerate(self.export[1:], start=2):
            yield pb.ExportRowsResponse(rows=[pb.TableRow(number=number, cells=cells)])
            if cells == ["break"]:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")


class Platforms(platform_pb2_grpc.PlatformServiceServicer):
    """Answers as a service that has caught up; `outbox` can be set."""

    def __init__(self) -> None:
        self.outbox = 0
        self.redriven: list[int] = []

    async def GetStatus(self, request: Any, context: Any) -> platform_pb2.GetStatusResponse:  # noqa: N802, ARG002
        return platform_pb2.GetStatusResponse(service="any", outbox_pending=self.outbox, outbox_oldest_age_s=3.2)

    async def ListDeadLetters(self, request: Any, context: Any) -> platform_pb2.ListDeadLettersResponse:  # noqa: N802, ARG002
        letter = platform_pb2.DeadLetter(dead_letter_id=12, reason="wire.no_id", state="open", value=b"\x01")
        return platform_pb2.ListDeadLettersResponse(dead_letters=[letter])

    async def RedriveDeadLetters(  # noqa: N802 -- the contract's name
        self,
        request: platform_pb2.RedriveDeadLettersRequest,
        context: Any,  # noqa: ARG002
    ) -> platform_pb2.RedriveDeadLettersResponse:
        self.redriven += request.dead_letter_ids
        return platform_pb2.RedriveDeadLettersResponse(applied=1)


class Fakes:
    """What the commands talk to, and the command line itself."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.files = Files()
        self.platform = Platforms()  # type: ignore[abstract]  # what no test calls is not answered

    def run(self, *arguments: object) -> Result:
        """One call of the command line."""
        return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fakes]:
    """A home whose platform.json names one server for all services."""
    home = tmp_path / "home"
    monkeypatch.setenv("TUOQI_HOME", str(home))
    monkeypatch.delenv("TUOQI_USER", raising=False)
    fakes = Fakes(home)
    with _serving(fakes) as address:
        (home / "run").mkdir(parents=True)
        Vault(home / "secrets").fill(SERVICES)
        endpoints = {
            "kafka": "127.0.0.1:1",
            "postgres": "127.0.0.1:1",
            "grpc": dict.fromkeys(SERVICES, address),
            "metrics": {},
        }
        (home / "run" / "platform.json").write_text(json.dumps({"endpoints": endpoints, "clock": "settable"}))
        yield fakes


class _serving:  # noqa: N801 -- used like a function
    """The server, on an event loop in a thread: the commands bring loops of their own."""

    def __init__(self, fakes: Fakes) -> None:
        self._fakes = fakes
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: Any = None

    def __enter__(self) -> str:
        self._thread.start()
        address: str = self._wait(self._start())
        return address

    def __exit__(self, *exception: object) -> None:
        self._wait(self._server.stop(None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    async def _start(self) -> str:
        self._server = grpc.aio.server()
        table_pb2_grpc.add_ImportServiceServicer_to_server(self._fakes.files, self._server)
        table_pb2_grpc.add_ExportServiceServicer_to_server(self._fakes.files, self._server)
        platform_pb2_grpc.add_PlatformServiceServicer_to_server(self._fakes.platform, self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return f"127.0.0.1:{port}"

    def _wait(self, work: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(timeout=20)
