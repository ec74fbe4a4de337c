"""PaymentsService: requests become acts on a cycle, jobs or reads; answers are made from what stands afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import date
from typing import Any

import grpc

from tuoqi.contracts.payments.v1 import payments_service_pb2 as pb
from tuoqi.contracts.payments.v1 import payments_service_pb2_grpc
from tuoqi.kit import failpoints
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.stamps import moment_of
from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.months import day_of
from tuoqi.payments.handlers import Approve, Review, Settle
from tuoqi.payments.jobs import cycles
from tuoqi.payments.jobs.compute import compute
from tuoqi.payments.jobs.instruct import instruct
from tuoqi.payments.jobs.posting import post
from tuoqi.payments.jobs.tools import Tools, county_actor, refusing
from tuoqi.payments.jobs.trial import Trial, try_cycle
from tuoqi.payments.rpc.reading import read_line_place, read_month
from tuoqi.payments.rpc.views import line_view, trial_view, view
from tuoqi.payments.store.cycles import newest_cycles
from tuoqi.payments.store.lines import page_of_lines

PAGE = 100
_Progress = asyncio.Queue[tuple[str, int, int] | None]


class PaymentsServicer(payments_service_pb2_grpc.PaymentsServiceServicer):
    """Takes cycles from DRAFT to CLOSED. Whoever acts must be allowed to act in the whole county."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def OpenCycle(self, request: pb.OpenCycleRequest, context: Any) -> pb.OpenCycleResponse:
        """Open a cycle of a month."""
        cut_off = moment_of(request.cutoff) if request.HasField("cutoff") else None
        with refusing():
            month = read_month(request.month)
            opened = await cycles.open_month(self._tools, month, cut_off, by=self._by(), programmes=request.programmes)
        return pb.OpenCycleResponse(cycle=await self._view(opened))

    async def ComputeCycle(
        self, request: pb.ComputeCycleRequest, context: Any
    ) -> AsyncIterator[pb.ComputeCycleResponse]:
        """Write the lines, with progress. Who goes away before the end stops it; then nothing is kept."""
        progress: _Progress = asyncio.Queue()
        work = asyncio.create_task(self._compute(request.cycle, self._by(), progress))
        try:
            while (said := await progress.get()) is not None:
                step, done, total = said
                yield pb.ComputeCycleResponse(step=step, persons_done=done, persons_total=total)
            computed = await work
        finally:
            # Over before the call is, so that whoever asks next finds the cycle as it was.
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        yield pb.ComputeCycleResponse(step="完成", cycle=await self._view(computed))

    async def _compute(self, named: str, by: str, progress: _Progress) -> Cycle:
        def say(step: str, done: int, total: int) -> None:
            failpoints.reach("compute.progress")
            progress.put_nowait((step, done, total))

        try:
            with refusing():
                return await compute(self._tools, named, by=by, say=say)
        finally:
            progress.put_nowait(None)

    async def ReviewCycle(self, request: pb.ReviewCycleRequest, context: Any) -> pb.ReviewCycleResponse:
        """Reviewed by county civil affairs."""
        by = self._by()
        return pb.ReviewCycleResponse(cycle=await self._act(request.cycle, Review(by), by))

    async def PostCycle(self, request: pb.PostCycleRequest, context: Any) -> pb.PostCycleResponse:
        """The public posting begins today."""
        with refusing():
            posted = await post(self._tools, request.cycle, by=self._by())
        return pb.PostCycleResponse(cycle=await self._view(posted))

    async def ApproveCycle(self, request: pb.ApproveCycleRequest, context: Any) -> pb.ApproveCycleResponse:
        """One approval of finance. The posting is cut short only where the clock is not the real one."""
        by = self._by()
        if request.posting_cut_short and not self._tools.clock.settable:
            raise TuoqiError("payments.cycle_posting_not_cut")
        command = Approve(by, self._today(), cut_short=request.posting_cut_short)
        return pb.ApproveCycleResponse(cycle=await self._act(request.cycle, command, by))

    async def InstructCycle(self, request: pb.InstructCycleRequest, context: Any) -> pb.InstructCycleResponse:
        """Look at the accounts and write the instructions."""
        with refusing():
            instructed = await instruct(self._tools, request.cycle, by=self._by())
        return pb.InstructCycleResponse(cycle=await self._view(instructed))

    async def SettleCycle(self, request: pb.SettleCycleRequest, context: Any) -> pb.SettleCycleResponse:
        """Open the cycle for the bank's results."""
        return pb.SettleCycleResponse(cycle=await self._act(request.cycle, Settle(), self._by()))

    async def CloseCycle(self, request: pb.CloseCycleRequest, context: Any) -> pb.CloseCycleResponse:
        """End a cycle whose instructions all have a result."""
        with refusing():
            closed = await cycles.close(self._tools, request.cycle, by=self._by())
        return pb.CloseCycleResponse(cycle=await self._view(closed))

    async def CancelCycle(self, request: pb.CancelCycleRequest, context: Any) -> pb.CancelCycleResponse:
        """Undo a cycle and every later one; the call's purpose is the reason."""
        actor = county_actor(self._tools.policy)
        with refusing():
            done = await cycles.cancel(self._tools, request.cycle, by=actor.user, because=actor.purpose)
        return pb.CancelCycleResponse(cycles=await view(self._tools.database, done))

    async def TryCycle(self, request: pb.TryCycleRequest, context: Any) -> AsyncIterator[pb.TryCycleResponse]:
        """Reckon and write nothing, with progress."""
        progress: _Progress = asyncio.Queue()
        work = asyncio.create_task(self._try(request, self._by(), progress))
        try:
            while (said := await progress.get()) is not None:
                _, done, total = said
                yield pb.TryCycleResponse(persons_done=done, persons_total=total)
            trial = await work
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        yield pb.TryCycleResponse(trial=trial_view(trial))

    async def _try(self, request: pb.TryCycleRequest, by: str, progress: _Progress) -> Trial:
        def say(step: str, done: int, total: int) -> None:
            progress.put_nowait((step, done, total))

        try:
            with refusing():
                return await try_cycle(self._tools, request.cycle, request.month, request.programmes, by=by, say=say)
        finally:
            progress.put_nowait(None)

    async def ListCycles(self, request: pb.ListCyclesRequest, context: Any) -> pb.ListCyclesResponse:
        """Cycles, newest first."""
        async with self._tools.database.begin() as tx:
            found = await newest_cycles(tx, request.page_size or PAGE)
        return pb.ListCyclesResponse(cycles=await view(self._tools.database, found))

    async def GetCycle(self, request: pb.GetCycleRequest, context: Any) -> pb.GetCycleResponse:
        """One cycle with its totals, control sums and history."""
        found = await self._tools.find(request.cycle)
        (shown,) = await view(self._tools.database, [found], proven=True)
        return pb.GetCycleResponse(cycle=shown)

    async def ListLines(self, request: pb.ListLinesRequest, context: Any) -> pb.ListLinesResponse:
        """A page of a cycle's lines, by programme key, person and month."""
        county_actor(self._tools.policy)
        cycle = await self._tools.find(request.cycle)
        size, after = request.page_size or PAGE, read_line_place(request.page_token)
        async with self._tools.database.begin() as tx:
            page = await page_of_lines(tx, cycle.cycle_id, after=after, size=size, person_id=request.person_id)
        last = page[-1] if len(page) == size else None
        token = f"{last.programme}|{last.person_id}|{last.benefit_month}" if last else ""
        return pb.ListLinesResponse(lines=[line_view(row) for row in page], next_page_token=token)

    async def _act(self, named: str, command: object, by: str) -> pb.Cycle:
        """One act on one cycle."""
        with refusing():
            cycle = await self._tools.find(named)
            states = await self._tools.commander.run(Cycle, [self._tools.call(cycle, command, by=by)])
        return await self._view(states[cycle.cycle_id])

    async def _view(self, cycle: Cycle) -> pb.Cycle:
        (shown,) = await view(self._tools.database, [cycle])
        return shown

    def _by(self) -> str:
        return county_actor(self._tools.policy).user

    def _today(self) -> date:
        return day_of(self._tools.clock.now())


def add_payments(tools: Tools) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = PaymentsServicer(tools)
    return lambda server: payments_service_pb2_grpc.add_PaymentsServiceServicer_to_server(servicer, server)
