"""Calls about payment cycles that several commands make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tuoqi.cli.platform import Platform
from tuoqi.contracts.payments.v1 import payments_service_pb2 as pb
from tuoqi.contracts.payments.v1.payments_service_pb2_grpc import PaymentsServiceStub

COMPUTE_S_MAX = 600.0


def stub_of(platform: Platform) -> Any:
    """The stub of payments; on this channel its calls are awaited."""
    return platform.stub(PaymentsServiceStub, "payments")


def _silent(_step: pb.ComputeCycleResponse) -> None:
    """Progress that nobody watches."""


async def compute(
    platform: Platform, cycle: str, told: Callable[[pb.ComputeCycleResponse], None] = _silent
) -> pb.Cycle:
    """Compute a cycle to its end and return it; called again it goes on. Raises grpc.RpcError."""
    result = pb.Cycle()
    request = pb.ComputeCycleRequest(cycle=cycle)
    async for step in stub_of(platform).ComputeCycle(request, timeout=COMPUTE_S_MAX):
        told(step)
        if step.HasField("cycle"):
            result = step.cycle
    return result
