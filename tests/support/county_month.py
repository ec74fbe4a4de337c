"""A month of a small county that goes on through every failure: each step is done again until it is done.

The same steps as the demonstration's: files in, visits week by week, a cycle from DRAFT to CLOSED, a death learnt
late, and the next cycle that recovers what was paid for it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import canary
import grpc
from county_platform import CLERK, CountyPlatform

from tuoqi.cli.cycles import compute
from tuoqi.cli.demo.files import bank_results, county_files, visits_up_to
from tuoqi.cli.transfers import export_file
from tuoqi.contracts.payments.v1 import payments_service_pb2 as pay
from tuoqi.contracts.payments.v1.payments_service_pb2_grpc import PaymentsServiceStub
from tuoqi.kit.errors import TuoqiError

MONTH, NEXT_MONTH = "2026-11", "2026-12"
WEEKS = ("2026-11-08", "2026-11-15", "2026-11-22", "2026-11-30")
REVIEWER, FINANCE, SECOND = "reviewer.zhao", "finance.qian", "finance.sun"
STATES = ("DRAFT", "COMPUTED", "REVIEWED", "POSTED", "APPROVED", "INSTRUCTED", "SETTLING", "CLOSED")
PASSING = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
}
"""What a killed part makes its callers see."""
STEP_S_MAX = 240.0
Result = TypeVar("Result")
Step = Callable[[], Awaitable[Any]]


def county(folder: Path, *, persons: int = 500, seed: int = 7) -> dict[str, Any]:
    """Write the county's files, the canary in them, and its visits by week; the generator's own counts."""
    county_files(folder, persons=persons, seed=seed, told=lambda *_: None)
    visits_up_to(folder, WEEKS)
    canary.add_to(folder)
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    summary["payees_after_lists"]["old_age_allowance"] += 1
    return summary


class Month:
    """The month on one platform, with the files of `county`."""

    def __init__(self, platform: CountyPlatform, folder: Path) -> None:
        self._platform = platform
        self._folder = folder

    async def play(self) -> None:
        """All of it."""
        for step in (*self.before_money(), *self.money(), *self.afterwards()):
            await self.surely(step)

    async def surely(self, step: Callable[[], Awaitable[Result]]) -> Result:
        """Do a step, again and again while something is down; returns when all that follows from it is applied."""
        deadline = monotonic() + STEP_S_MAX
        while True:
            try:
                result = await step()
                await self._platform.driver(settle_s_max=30).settle()
            except grpc.aio.AioRpcError as fault:
                if fault.code() not in PASSING or monotonic() > deadline:
                    raise
            except TuoqiError as fault:
                if fault.slug not in {"driver.restless", "driver.stuck"} or monotonic() > deadline:
                    raise
            else:
                return result
            await asyncio.sleep(0.2)
            await self._platform.until_up()

    def before_money(self) -> list[Step]:
        """The county's files and two weeks of visits."""
        kinds = ("regions", "facilities", "persons", "statuses", "deaths", "moves", "price_index")
        return [*(self.load(kind) for kind in kinds), *self.week(0), *self.week(1)]

    def money(self) -> list[Step]:
        """The cycle of the month, from the cut-off to the bank's results."""
        return [
            self.until("2026-11-20 18:01"),
            self.computed(MONTH),
            self.step("REVIEWED", REVIEWER, "ReviewCycle", pay.ReviewCycleRequest),
            self.step("POSTED", REVIEWER, "PostCycle", pay.PostCycleRequest),
            *self.week(2),
            self.until("2026-11-27 18:05"),
            self._approved,
            self.step("INSTRUCTED", FINANCE, "InstructCycle", pay.InstructCycleRequest),
            *self.week(3),
            self.step("SETTLING", FINANCE, "SettleCycle", pay.SettleCycleRequest),
            self._bank_answers,
            self.step("CLOSED", FINANCE, "CloseCycle", pay.CloseCycleRequest),
        ]

    def afterwards(self) -> list[Step]:
        """The next month: a late death, a late visit, a recovery."""
        return [
            self.until("2026-12-01 09:00"),
            self.load("deaths", "deaths-late.csv"),
            self.until("2026-12-03 21:00"),
            self.load("visits", "visits-late.csv"),
            self.until("2026-12-20 18:01"),
            self.computed(NEXT_MONTH),
        ]

    def load(self, kind: str, name: str = "", user: str = CLERK) -> Step:
        """A file of the county."""
        return lambda: self._platform.load(kind, self._folder / (name or f"{kind}.csv"), user=user)

    def until(self, moment: str) -> Step:
        """The clocks run."""
        return lambda: self._platform.advance(moment)

    def week(self, number: int) -> list[Step]:
        """The evening on which the villages hand in a week's visits."""
        day = WEEKS[number]
        return [self.until(f"{day} 21:00"), self.load("visits", f"visits-to-{day}.csv")]

    def computed(self, month: str) -> Step:
        """The cycle of a month is opened, where it is not, and computed."""

        async def step() -> None:
            if await self._cycle(month) is None:
                await self._payments(CLERK).OpenCycle(pay.OpenCycleRequest(month=month))
            await compute(self._platform.user(CLERK), month)

        return step

    def step(self, state: str, user: str, method: str, request: Callable[..., Any]) -> Step:
        """The month's cycle comes to a state, where it is not there yet."""

        async def step() -> None:
            if not await self._is_at_least(state):
                await getattr(self._payments(user), method)(request(cycle=MONTH))

        return step

    async def _approved(self) -> None:
        while not await self._is_at_least("APPROVED"):
            cycle = await self._cycle(MONTH)
            user = SECOND if cycle is not None and FINANCE in cycle.approved_by else FINANCE
            await self._payments(user).ApproveCycle(pay.ApproveCycleRequest(cycle=MONTH))

    async def _bank_answers(self) -> None:
        """The instruction file as the bank gets it, and its answers; both are the same whenever they are made."""
        instructions = self._folder / "bank_instructions.csv"
        results = self._folder / "bank_results.csv"
        if not results.exists():
            await export_file(self._platform.user(FINANCE), "bank_instructions", instructions, cycle_id=MONTH)
            bank_results(instructions, results, settled_on="2026-11-30")
        await self._platform.load("bank_results", results, user=FINANCE)

    async def _is_at_least(self, state: str) -> bool:
        cycle = await self._cycle(MONTH)
        return cycle is not None and STATES.index(cycle.state) >= STATES.index(state)

    async def _cycle(self, month: str) -> Any:
        answer = await self._payments(CLERK).ListCycles(pay.ListCyclesRequest())
        return next((cycle for cycle in answer.cycles if cycle.ref.name == month), None)

    def _payments(self, user: str) -> Any:
        return self._platform.user(user).stub(PaymentsServiceStub, "payments")
