"""Cycles of a small county whose payments service is killed at every step, and started again at once.

Each act is called again after each death until it is done, as a clerk would, so the books must end up as if nothing had
happened.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from time import monotonic
from typing import Any

import grpc
from county_month import FINANCE, PASSING, REVIEWER, SECOND, STATES
from county_platform import CLERK, PURPOSE, REPOSITORY, CountyPlatform

from tuoqi.cli.cycles import compute
from tuoqi.cli.demo.files import bank_results, county_files
from tuoqi.cli.platform import Platform
from tuoqi.cli.transfers import export_file
from tuoqi.contracts.common.v1 import platform_pb2
from tuoqi.contracts.payments.v1 import payments_service_pb2 as pay
from tuoqi.contracts.payments.v1.payments_service_pb2_grpc import PaymentsServiceStub
from tuoqi.kit.errors import TuoqiError

SERVICES = ("registry", "payments")
KINDS = ("regions", "facilities", "persons", "statuses", "deaths", "moves", "price_index")
KEEPER = Path(__file__).with_name("keeper.py")
RELAY = ("relay.after_read", "relay.after_send", "relay.after_ack", "relay.after_mark")
COMMAND = ("command.begun", "cycle.act_written", "command.before_commit", "command.after_commit")
MONEY = ("command.begun", "cycle.act_written", "cycle.proven", "command.before_commit", "command.after_commit")
POINTS = {
    "open": COMMAND,
    "compute": ("compute.progress", *MONEY),
    "review": ("command.begun", "command.before_commit", "command.after_commit"),
    "post": COMMAND,
    "approve": ("command.begun", "command.before_commit", "command.after_commit"),
    "instruct": MONEY,
    "settle": ("command.begun", "command.before_commit", "command.after_commit"),
    "results": ("import.begun", "import.before_commit", "import.after_commit"),
    "close": COMMAND,
    "cancel": MONEY,
}
"""Step → the points at which the service dies within it, in this order: the last one is after the commit."""
SPREAD = {"compute.progress": 3}
"""Points that are passed several times in one call: round by round another pass is the deadly one."""
SILENT = frozenset({"settle"})
"""Steps that say nothing to others, so that the relay has nothing to send."""
UP_S_MAX = 60.0
RELAY_S_MAX = 20.0
Act = Callable[[], Awaitable[Any]]


class KilledPlatform(CountyPlatform):
    """A platform of registry and payments whose payments service comes back at once, however often it dies."""

    def __init__(self, *, tree: Path = REPOSITORY) -> None:
        super().__init__(SERVICES, tree=tree)
        command = (sys.executable, str(KEEPER), "tuoqi.payments")
        kept = [replace(one, command=command) if one.name == "payments" else one for one in self._plan.services]
        self._plan = replace(self._plan, services=tuple(kept))

    @asynccontextmanager
    async def fresh(self, name: str) -> AsyncIterator[Platform]:
        """The platform in this user's name by new connections: old ones wait before they try again."""
        async with Platform.of(self.home, name, PURPOSE) as platform:
            yield platform

    async def until_serving(self) -> None:
        """Wait until payments answers again."""
        deadline = monotonic() + UP_S_MAX
        while True:
            try:
                async with self.fresh(CLERK) as platform:
                    await platform.common("payments").GetStatus(platform_pb2.GetStatusRequest(), timeout=5)
            except grpc.aio.AioRpcError as fault:
                if fault.code() not in PASSING or monotonic() > deadline:
                    raise
                await asyncio.sleep(0.05)
            else:
                return


@dataclass
class Cycles:
    """Month after month of cycles on one platform; `kills` says how many rounds each point is deadly, 0 = never."""

    platform: KilledPlatform
    rounds: int
    kills: bool
    steps: Sequence[str] = tuple(POINTS)
    """The steps in which it is killed."""
    points: Sequence[str] = ()
    """Only these points; none named: all."""
    died: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(step, point) → how often the service died there."""

    async def live(self, *, persons: int, seed: int = 5) -> None:
        """The county's files, then a month for each round."""
        county_files(self.platform.files, persons=persons, seed=seed, told=lambda *_: None)
        for kind in KINDS:
            await self._load(kind, f"{kind}.csv")
        for nth in range(self.rounds):
            await self._month(nth)
            await self._surely(self.platform.settle)

    async def _load(self, kind: str, name: str) -> None:
        await self._surely(lambda: self.platform.load(kind, self.platform.files / name))

    async def _until(self, moment: str) -> None:
        await self._surely(lambda: self.platform.advance(moment))

    async def _month(self, nth: int) -> None:
        first = date(2026 + (10 + nth) // 12, (10 + nth) % 12 + 1, 1)
        month = f"{first:%Y-%m}"
        if nth == 1:
            await self._load("deaths", "deaths-late.csv")
        await self._until(f"{month}-20 18:01")
        await self._step(nth, "open", month, "DRAFT", self._open(month))
        await self._step(nth, "compute", month, "COMPUTED", lambda: self._compute(month))
        await self._step(nth, "review", month, "REVIEWED", self._act(month, REVIEWER, "Review"))
        await self._step(nth, "post", month, "POSTED", self._act(month, REVIEWER, "Post"))
        await self._until(f"{month}-27 18:05")
        await self._step(nth, "approve", month, "APPROVED", self._act(month, FINANCE, "Approve"), self._second(month))
        await self._step(nth, "instruct", month, "INSTRUCTED", self._act(month, FINANCE, "Instruct"))
        await self._step(nth, "settle", month, "SETTLING", self._act(month, FINANCE, "Settle"))
        await self._results(nth, month)
        await self._step(nth, "close", month, "CLOSED", self._act(month, FINANCE, "Close"))
        second = f"{month}-2"
        if await self._cycle(second) is None:
            await self._surely(self._open(month))
        await self._surely(lambda: self._compute(second))
        await self._step(nth, "cancel", second, "CANCELLED", self._act(second, REVIEWER, "Cancel"))

    # ---- acts ----------------------------------------------------------------------------------------------------

    def _open(self, month: str) -> Act:
        return self._call(CLERK, "OpenCycle", pay.OpenCycleRequest(month=month))

    async def _compute(self, name: str) -> None:
        async with self.platform.fresh(CLERK) as platform:
            await compute(platform, name)

    def _act(self, name: str, user: str, act: str) -> Act:
        return self._call(user, f"{act}Cycle", getattr(pay, f"{act}CycleRequest")(cycle=name))

    def _second(self, name: str) -> Act:
        return self._act(name, SECOND, "Approve")

    def _call(self, user: str, method: str, request: Any) -> Act:
        async def act() -> None:
            async with self.platform.fresh(user) as platform:
                stub: Any = platform.stub(PaymentsServiceStub, "payments")
                await getattr(stub, method)(request, timeout=60)

        return act

    async def _results(self, nth: int, month: str) -> None:
        instructions, results = (self.platform.files / f"{kind}-{month}.csv" for kind in ("instructions", "results"))
        cycle = (await self._cycle(month)).ref.cycle_id

        async def export() -> None:
            async with self.platform.fresh(FINANCE) as platform:
                await export_file(platform, "bank_instructions", instructions, cycle_id=cycle)

        await self._surely(export)
        bank_results(instructions, results, settled_on=f"{month}-27")

        async def load() -> None:
            await self.platform.until_serving()
            await self.platform.load("bank_results", results, user=FINANCE)

        async def done() -> bool:
            return not (await self._cycle(month)).instructions.get("OPEN", 0)

        await self._dying(nth, "results", load, done)

    # ---- deaths --------------------------------------------------------------------------------------------------

    async def _step(self, nth: int, step: str, name: str, state: str, *acts: Act) -> None:
        async def done() -> bool:
            cycle = await self._cycle(name)
            return cycle is not None and (
                cycle.state == state if state == "CANCELLED" else STATES.index(cycle.state) >= STATES.index(state)
            )

        await self._dying(nth, step, acts[0], done)
        for act in acts[1:]:
            if not await done():
                await act()
        assert await done(), f"{step} of {name} was never done"

    async def _dying(self, nth: int, step: str, act: Act, done: Callable[[], Awaitable[bool]]) -> None:
        """The act is called again after each death; the last one comes after its commit, then the relay dies too."""

        async def once() -> None:
            # A call may have done its work although its answer was lost; and a timer of the service may have died for it.
            if not await done():
                await act()

        if not self.kills or step not in self.steps:
            await self._surely(once)
            return
        points = [one for one in POINTS[step] if not self.points or one in self.points]
        relay = RELAY[nth % len(RELAY)]
        relayed: Path | None = None
        for point in points:
            if point == points[-1] and step not in SILENT and not self.points:
                # Before the commit: what comes back sends at once what was committed.
                relayed = self.platform.arm("payments", relay)
            file = self.platform.arm("payments", point)
            file.write_text(str(nth % SPREAD.get(point, 1)), encoding="ascii")
            await self._until_dead(file, once)
            self.died[step, point] += 1
        await self._surely(once)
        if relayed is not None:
            await self._gone(relayed)
            await self.platform.until_serving()
            self.died[step, relay] += 1

    async def _until_dead(self, file: Path, act: Act) -> None:
        """Call until the service has died at the point."""
        deadline = monotonic() + UP_S_MAX
        while self._armed(file):
            assert monotonic() < deadline, f"{file.name} was never passed"
            try:
                await act()
            except grpc.aio.AioRpcError as fault:
                if fault.code() not in PASSING:
                    raise
            await asyncio.sleep(0.05)
        await self.platform.until_serving()

    @staticmethod
    def _armed(file: Path) -> bool:
        """The service takes the file away when it dies."""
        return file.exists()

    async def _surely(self, act: Act) -> None:
        """Also where the machine is so busy that a service gives up by itself and is started again."""
        deadline = monotonic() + 3 * UP_S_MAX
        while True:
            try:
                await act()
            except grpc.aio.AioRpcError as fault:
                if fault.code() not in PASSING or monotonic() > deadline:
                    raise
                await self.platform.until_serving()
            except TuoqiError as fault:
                if fault.slug not in {"driver.restless", "driver.stuck"} or monotonic() > deadline:
                    raise
            else:
                return

    async def _gone(self, file: Path) -> None:
        deadline = monotonic() + RELAY_S_MAX
        while self._armed(file):
            assert monotonic() < deadline, f"{file.name} was never passed"
            await asyncio.sleep(0.05)

    async def _cycle(self, name: str) -> Any:
        deadline = monotonic() + UP_S_MAX
        while True:
            try:
                async with self.platform.fresh(CLERK) as platform:
                    stub: Any = platform.stub(PaymentsServiceStub, "payments")
                    answer = await stub.ListCycles(pay.ListCyclesRequest(), timeout=10)
            except grpc.aio.AioRpcError as fault:
                if fault.code() not in PASSING or monotonic() > deadline:
                    raise
                await asyncio.sleep(0.05)
            else:
                return next((cycle for cycle in answer.cycles if cycle.ref.name == name), None)


async def events_of(platform: CountyPlatform) -> list[str]:
    """Everything that payments said: ids, types, order within each aggregate, and content."""
    rows = await platform.sql(
        "payments",
        "SELECT topic, key, aggregate_version, ce_id, ce_type, encode(value, 'hex') FROM outbox ORDER BY 1, 2, 3",
    )
    return [" ".join(map(str, row)) for row in rows]
