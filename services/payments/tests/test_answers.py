"""Payments over gRPC: what a caller gets who may, who may not, and who asks for what is not possible."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from tuoqi.contracts.payments.v1 import payments_service_pb2 as pb
from tuoqi.contracts.payments.v1.payments_service_pb2_grpc import PaymentsServiceStub
from tuoqi.kit.rpc.client import connect, refusal_of
from tuoqi.kit.rpc.server import Guard, serve
from tuoqi.kit.settings import Settings
from tuoqi.kit.stamps import stamp_of
from tuoqi.payments.rpc.payments import add_payments

pytestmark = pytest.mark.postgres

Office = Any
"""`conftest.Office`; conftest is no module that tests can import."""
TOKEN = "a-token-of-this-test-only"


@asynccontextmanager
async def served(office: Office, folder: Path) -> AsyncIterator[str]:
    """The office behind its guard; the address."""
    token = folder / "token"
    token.write_text(TOKEN)
    settings = Settings(database_url="unused", token_file=token)
    guard = Guard(settings, office.rights, office.database, office.clock)
    server = await serve(settings, guard, [add_payments(office.tools)])
    try:
        yield server.address
    finally:
        await server.stop(0)


async def test_computing_streams_progress_and_ends_with_the_cycle(office: Office, tmp_path: Path) -> None:
    """The act is in the audit with who did it, begun and ended."""
    await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    async with served(office, tmp_path) as address, connect(address, TOKEN, "clerk.li") as channel:
        stub: Any = PaymentsServiceStub(channel)
        opened = await stub.OpenCycle(pb.OpenCycleRequest(month="2024-01", cutoff=stamp_of(office.clock.now())))
        asked = pb.ComputeCycleRequest(cycle=opened.cycle.ref.name)
        answers = [answer async for answer in stub.ComputeCycle(asked)]
    assert [answer.step for answer in answers] == ["等待登记信息", "核算", "核对合计", "完成"]
    assert answers[-1].cycle.state == "COMPUTED"
    audit = await office.fetch("SELECT actor, outcome FROM audit WHERE method LIKE '%ComputeCycle' ORDER BY id")
    assert [(row.actor, row.outcome) for row in audit] == [("clerk.li", "begun"), ("clerk.li", "ok")]


async def test_a_refusal_of_the_domain_reaches_the_caller_with_slug_status_and_sentence(
    office: Office, tmp_path: Path
) -> None:
    async with served(office, tmp_path) as address:
        async with connect(address, TOKEN, "clerk.li") as channel:
            stub: Any = PaymentsServiceStub(channel)
            await stub.OpenCycle(pb.OpenCycleRequest(month="2024-01"))
            with pytest.raises(grpc.RpcError) as refused:
                await stub.ReviewCycle(pb.ReviewCycleRequest(cycle="2024-01"))
            assert refusal_of(refused.value).slug == "auth.no_right"
        async with connect(address, TOKEN, "reviewer.zhao") as channel:
            stub = PaymentsServiceStub(channel)
            with pytest.raises(grpc.RpcError) as refused:
                await stub.ReviewCycle(pb.ReviewCycleRequest(cycle="2024-01"))
    refusal = refusal_of(refused.value)
    assert (refusal.slug, refusal.status) == ("payments.cycle_wrong_state", grpc.StatusCode.FAILED_PRECONDITION)
    assert refusal.sentence == "周期 2024-01 现为 DRAFT 状态，不能复核。"
