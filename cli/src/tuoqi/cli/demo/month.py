"""The story of one month, step by step. A step that was done is remembered in the home, so a broken run goes on.

Weeks of visits come in, the month is computed, reviewed, posted, approved and instructed, the bank answers, a death is
learnt late, and the next month takes back what was paid for it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from tuoqi.cli.demo.files import bank_results, county_files, visits_up_to
from tuoqi.cli.driver import Driver
from tuoqi.cli.files.reading import open_table
from tuoqi.cli.local.home import Home, read_json, write_json
from tuoqi.cli.options import moment_from
from tuoqi.cli.output import yuan
from tuoqi.cli.platform import Platform
from tuoqi.cli.transfers import export_file, import_file
from tuoqi.contracts.payments.v1 import payments_service_pb2 as pay
from tuoqi.contracts.payments.v1.payments_service_pb2_grpc import PaymentsServiceStub
from tuoqi.kit.errors import TuoqiError, register_errors

MONTH, NEXT_MONTH = "2026-11", "2026-12"
WEEKS = ("2026-11-08", "2026-11-15", "2026-11-22", "2026-11-29")
"""On the evening of each the villages hand in their visits."""
PERSONS, SEED = 25_000, 1
CLERK, REVIEWER, FINANCE, SECOND = "clerk.li", "reviewer.zhao", "finance.qian", "finance.sun"
PURPOSE = "示范月"
Say = Callable[[str], None]

register_errors({"demo.rejected": ("FAILED_PRECONDITION", "示范县文件 {file} 有 {rows} 行被退回：{reason}")})


class DemoMonth:
    """The demonstration on one platform. `play()` does what is not done yet."""

    def __init__(self, home: Home, say: Say, *, persons: int = PERSONS) -> None:
        self._home = home
        self._say = say
        self._persons = persons
        self._folder = home.root / "demo"
        self._memory = home.run / "demo.json"
        self._platforms: dict[str, Platform] = {}

    async def play(self) -> dict[str, Any]:
        """Every step in its order; the seconds of those done now. Raises what a service refuses."""
        done: dict[str, Any] = read_json(self._memory)
        seconds: dict[str, Any] = {}
        async with AsyncExitStack() as stack:
            for user in (CLERK, REVIEWER, FINANCE, SECOND):
                self._platforms[user] = await stack.enter_async_context(Platform.of(self._home, user, PURPOSE))
            clerk = self._platforms[CLERK]
            self._driver = Driver(clerk.services, clerk.common)
            for number, (name, step) in enumerate(self._steps(), start=1):
                if name in done:
                    continue
                began = time.monotonic()
                told = await step()
                await self._driver.settle()
                seconds[name] = round(time.monotonic() - began, 1)
                self._say(f"[{number:2}/{len(self._steps())}] {name}{': ' + told if told else ''} ({seconds[name]} s)")
                done[name] = {"seconds": seconds[name], "told": told}
                write_json(self._memory, done)
        return seconds

    def _steps(self) -> list[tuple[str, Callable[[], Awaitable[str]]]]:
        load, at = self._load, self._at
        steps: list[tuple[str, Callable[[], Awaitable[str]]]] = [
            ("an invented county is made", self._generate),
            *((f"{kind} loaded", load(kind)) for kind in ("regions", "facilities", "persons", "stays")),
            *((f"{kind} loaded", load(kind)) for kind in ("assessments", "statuses", "guardianship")),
            ("workers loaded", load("workers")),
            *((f"{kind} loaded", load(kind)) for kind in ("deaths", "moves", "price_index")),
            *self._weeks(WEEKS[:2]),
            (f"the clock runs to the cut-off of {MONTH}", at("2026-11-20 18:01")),
            (f"cycle {MONTH} opened and computed", self._compute(MONTH)),
            ("reviewed and posted 公示", self._review),
            *self._weeks(WEEKS[2:3]),
            ("the posting's seven days pass", at("2026-11-27 18:05")),
            ("approved by two of finance, instructed to the bank", self._approve),
            *self._weeks(WEEKS[3:]),
            ("the bank's results 回盘 loaded", self._settle),
            ("the month ends", at("2026-12-01 09:00")),
            ("a death of October is learnt late", load("deaths", "deaths-late.csv")),
            ("a late visit to somebody who was missed", load("visits", "visits-late.csv", when="2026-12-03 21:00")),
            (f"cycle {NEXT_MONTH}: the dead person's month is recovered", self._next_cycle),
        ]
        return steps

    def _weeks(self, days: tuple[str, ...]) -> list[tuple[str, Callable[[], Awaitable[str]]]]:
        return [
            (f"visits up to {day} loaded", self._load("visits", f"visits-to-{day}.csv", when=f"{day} 21:00"))
            for day in days
        ]

    async def _generate(self) -> str:
        county_files(self._folder, persons=self._persons, seed=SEED, told=lambda *_: None)
        visits_up_to(self._folder, [*WEEKS[:3], "2026-11-30"])
        (self._folder / "visits-to-2026-11-30.csv").replace(self._folder / f"visits-to-{WEEKS[3]}.csv")
        summary = json.loads((self._folder / "summary.json").read_text(encoding="utf-8"))
        return f"{summary['rows']['persons.csv']:,} people, {summary['children']:,} of them children"

    def _load(self, kind: str, name: str = "", when: str = "") -> Callable[[], Awaitable[str]]:
        async def step() -> str:
            if when:
                await self._driver.advance(moment_from(when))
            path = self._folder / (name or f"{kind}.csv")
            loaded = await import_file(self._platforms[CLERK], kind, open_table(path))
            if loaded.rejected:
                first = loaded.rejected[0]
                reason = f"{first.row_number} 行 {first.column} {first.reason}"
                raise TuoqiError("demo.rejected", file=path.name, rows=loaded.result.rows_rejected, reason=reason)
            return f"{loaded.result.rows_changed:,} rows, {loaded.result.events:,} events"

        return step

    def _at(self, when: str) -> Callable[[], Awaitable[str]]:
        async def step() -> str:
            done = await self._driver.advance(moment_from(when))
            return f"{done:,} deadlines and timers"

        return step

    def _payments(self, user: str) -> Any:
        return self._platforms[user].stub(PaymentsServiceStub, "payments")

    def _compute(self, month: str) -> Callable[[], Awaitable[str]]:
        async def step() -> str:
            payments = self._payments(CLERK)
            await payments.OpenCycle(pay.OpenCycleRequest(month=month))
            cycle = pay.Cycle()
            async for answer in payments.ComputeCycle(pay.ComputeCycleRequest(cycle=month)):
                if answer.HasField("cycle"):
                    cycle = answer.cycle
            return _totals(cycle)

        return step

    async def _review(self) -> str:
        payments = self._payments(REVIEWER)
        await payments.ReviewCycle(pay.ReviewCycleRequest(cycle=MONTH))
        answer = await payments.PostCycle(pay.PostCycleRequest(cycle=MONTH))
        return f"until {answer.cycle.posted_until}"

    async def _approve(self) -> str:
        answer = await self._payments(FINANCE).ApproveCycle(pay.ApproveCycleRequest(cycle=MONTH))
        if len(answer.cycle.approved_by) < answer.cycle.approvals_needed:
            await self._payments(SECOND).ApproveCycle(pay.ApproveCycleRequest(cycle=MONTH))
        answer = await self._payments(FINANCE).InstructCycle(pay.InstructCycleRequest(cycle=MONTH))
        out = self._folder / f"bank_instructions-{MONTH}.csv"
        rows = await export_file(self._platforms[FINANCE], "bank_instructions", out, cycle_id=MONTH)
        return f"{rows:,} instructions"

    async def _settle(self) -> str:
        results = self._folder / f"bank_results-{MONTH}.csv"
        instructions = self._folder / f"bank_instructions-{MONTH}.csv"
        returned, first = bank_results(instructions, results, settled_on=WEEKS[3])
        await self._payments(FINANCE).SettleCycle(pay.SettleCycleRequest(cycle=MONTH))
        loaded = await import_file(self._platforms[FINANCE], "bank_results", open_table(results))
        await self._payments(FINANCE).CloseCycle(pay.CloseCycleRequest(cycle=MONTH))
        return f"{loaded.result.rows_changed:,} results, {returned:,} returned 退票 (the first: {first})"

    async def _next_cycle(self) -> str:
        await self._driver.advance(moment_from("2026-12-20 18:01"))
        return await self._compute(NEXT_MONTH)()


def _totals(cycle: pay.Cycle) -> str:
    parts = [
        f"{total.programme} {total.line_type} {total.lines:,} lines {yuan(total.amount_fen)} yuan"
        for total in cycle.totals
    ]
    return "; ".join(parts)


def demo_folder(home: Home) -> Path:
    """Where the demonstration keeps its files."""
    return home.root / "demo"
