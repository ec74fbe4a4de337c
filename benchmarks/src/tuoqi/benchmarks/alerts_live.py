"""The parts of `tuoqi bench alerts` on a whole platform: from an upload to the alert's end, and alarms beside a flood.

Visits go through the real import call and every event over Kafka. What became of it is read from the alerts' own table
every few milliseconds, so the time counts until it is committed there.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

import asyncpg

from tuoqi.benchmarks.alerts_county import START, write_county, write_visit, write_visits
from tuoqi.benchmarks.running import Running
from tuoqi.cli.driver import Driver
from tuoqi.cli.files.reading import open_table
from tuoqi.cli.local.plan import SERVICES
from tuoqi.cli.platform import Platform
from tuoqi.cli.transfers import import_file
from tuoqi.contracts.alerts.v1.report_service_pb2 import ReportAlertRequest
from tuoqi.contracts.alerts.v1.report_service_pb2_grpc import ReportServiceStub

EVERY_S: Final = 2.0
"""So often somebody reports, and so often a visit with a finding is uploaded."""
QUIET_SHOTS: Final = 10
"""Reports and findings with nothing beside them, the flood's limit."""
_LOOK_S: Final = 0.003
_WAIT_S_MAX: Final = 120.0
_DAYS_MAX: Final = 14
_CLERK, _WORKER, _PURPOSE = "clerk.li", "worker.tian", "测速"

Say = Callable[[str], None]


@dataclass
class Delays:
    """Seconds by what was done."""

    report: list[float] = field(default_factory=list)
    finding: list[float] = field(default_factory=list)
    finding_call: list[float] = field(default_factory=list)
    """Until the upload with the finding was answered: what is beyond it was spent on the way to alerts."""


@dataclass(frozen=True, slots=True)
class Flood:
    """One flood, and the alarms beside it."""

    seconds: float
    """Until the import was back."""
    settled_s: float
    """Until every event of it was told."""
    delays: Delays


class Live:
    """A county on a running platform. `async with` loads it."""

    def __init__(self, running: Running, folder: Path, weekly: int, monthly: int) -> None:
        self._running = running
        self._folder = folder
        self._sizes = (weekly, monthly)
        self._clerk = Platform.of(running.home, _CLERK, _PURPOSE)
        self._worker = Platform.of(running.home, _WORKER, _PURPOSE)
        self._now = datetime.fromisoformat(START)
        self._made = 0

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._clerk)
            await stack.enter_async_context(self._worker)
            # Several alarms may be waited for at once, and a connection answers one question at a time.
            url = self._running.database_url("alerts")
            self._alerts = await stack.enter_async_context(asyncpg.create_pool(url, min_size=2, max_size=4))
            self._driver = Driver(SERVICES, self._clerk.common)
            for kind, file in write_county(self._folder, *self._sizes).items():
                await self._load(kind, file)
            await self._driver.settle()
            self._weekly = await self._graded("HIGH", self._sizes[0])
            self._monthly = await self._graded("MEDIUM", self._sizes[1])
            self._open = stack.pop_all()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._open.aclose()

    async def miss(self) -> None:
        """Let the clock run until every visit of the week is missed. Raises RuntimeError where alerts stay away."""
        for _ in range(_DAYS_MAX):
            self._now += timedelta(days=1)
            await self._driver.advance(self._now)
            count = await self._alerts.fetchval(
                "SELECT count(*) FROM alerts WHERE kind = 'visit_overdue' AND closed_at IS NULL"
            )
            if count >= len(self._weekly):
                return
        raise RuntimeError(f"only {count} of {len(self._weekly)} visits were missed")

    async def make_up(self, uploads: int) -> tuple[list[float], list[float]]:
        """Upload the missed visits one after the other: seconds until each import was back, and until the end."""
        calls, closed = [], []
        for _ in range(uploads):
            person = self._weekly.pop()
            file = self._visit_file(person)
            begun = time.monotonic()
            sending = asyncio.create_task(self._load("visits", file, begun))
            sql = "SELECT true FROM alerts WHERE person_id = $1 AND kind = 'visit_overdue' AND closed_at IS NOT NULL"
            closed.append(await _seen(self._alerts, begun, sql, person))
            calls.append(await sending)
        return calls, closed

    async def quiet(self) -> Delays:
        """Alarms with nothing beside them."""
        delays = Delays()
        for _ in range(QUIET_SHOTS):
            await self._report(delays)
            await self._find(delays)
        return delays

    async def flood(self, records: int) -> Flood:
        """So many visits by the real command, and every two seconds an alarm of each way, until all is told."""
        file = self._folder / f"flood-{self._made}.csv"
        self._made += 1
        write_visits(file, self._monthly, records, self._now, self._made)
        delays = Delays()
        begun = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tuoqi.cli", "import", "visits", str(file), "--by", _CLERK, "--json"),
            env=self._running.environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.TaskGroup() as group:
            shooting = group.create_task(self._shoot(group, delays))
            _, told = await process.communicate()
            seconds = time.monotonic() - begun
            await self._sent()
            settled_s = time.monotonic() - begun
            shooting.cancel()
        if process.returncode:
            raise RuntimeError(told.decode()[-2_000:])
        return Flood(seconds, settled_s, delays)

    async def _shoot(self, group: asyncio.TaskGroup, delays: Delays) -> None:
        """At its times, whatever became of the one before: a slow answer delays no later question."""
        while True:
            await asyncio.sleep(EVERY_S / 2)
            group.create_task(self._report(delays))
            await asyncio.sleep(EVERY_S / 2)
            group.create_task(self._find(delays))

    async def _report(self, delays: Delays) -> None:
        person, stub = self._weekly.pop(), self._worker.stub(ReportServiceStub, "alerts")
        request = ReportAlertRequest(
            key=str(uuid.uuid4()), kind="elder_unreachable", cause="ELDER_UNREACHABLE", person_id=person
        )
        call: Any = stub.ReportAlert
        begun = time.monotonic()
        answer = await call(request)
        sql = "SELECT true FROM alerts WHERE alert_id = $1 AND severity = 'CRITICAL'"
        delays.report.append(await _seen(self._alerts, begun, sql, answer.alert_id))

    async def _find(self, delays: Delays) -> None:
        person = self._weekly.pop()
        file = self._visit_file(person, "ELDER_FOUND_DOWN")
        begun = time.monotonic()
        sending = asyncio.create_task(self._load("visits", file, begun))
        sql = "SELECT true FROM alerts WHERE person_id = $1 AND kind = 'elder_found_down' AND severity = 'CRITICAL'"
        delays.finding.append(await _seen(self._alerts, begun, sql, person))
        delays.finding_call.append(await sending)

    async def _load(self, kind: str, file: Path, begun: float = 0.0) -> float:
        """Seconds until the service answered that it holds the rows."""
        loaded = await import_file(self._clerk, kind, open_table(file))
        seconds = time.monotonic() - begun
        if loaded.rejected:
            raise RuntimeError(f"{file.name}: {loaded.rejected[0]}")
        return seconds

    def _visit_file(self, person: str, finding: str = "") -> Path:
        self._made += 1
        file = self._folder / "visit" / f"{self._made}.csv"
        file.parent.mkdir(exist_ok=True)
        write_visit(file, person, self._now, -self._made, finding)
        return file

    async def _graded(self, grade: str, count: int) -> list[str]:
        visits = await asyncpg.connect(self._running.database_url("visits"))
        try:
            rows = await visits.fetch("SELECT person_id FROM plans WHERE grade = $1 ORDER BY person_id", grade)
        finally:
            await visits.close()
        if len(rows) != count:
            raise RuntimeError(f"{len(rows)} people are {grade}, not {count}")
        return [row["person_id"] for row in rows]

    async def _sent(self) -> None:
        """Until the visits service has told all that it knows."""
        visits = await asyncpg.connect(self._running.database_url("visits"))
        try:
            while await visits.fetchval("SELECT EXISTS (SELECT 1 FROM unsent)"):  # noqa: ASYNC110  another process
                await asyncio.sleep(0.05)
        finally:
            await visits.close()


async def _seen(alerts: Any, begun: float, sql: str, key: str) -> float:
    """Seconds until the statement finds a row."""
    while not await alerts.fetchval(sql, key):
        if time.monotonic() - begun > _WAIT_S_MAX:
            raise RuntimeError(f"nothing came of {key}: {sql}")
        await asyncio.sleep(_LOOK_S)
    return time.monotonic() - begun


async def measure(
    running: Running, uploads: int, flood: int, runs: int, say: Say
) -> tuple[list[float], list[float], Delays, list[Flood]]:
    """All of it on one platform: the calls and closings of uploads, the alarms of a quiet hour, the floods."""
    monthly = min(100_000, max(1_000, flood // 10))
    # Every alarm is about somebody else; so many are enough for a flood of 200 visits a second.
    weekly = uploads + 2 * QUIET_SHOTS + runs * max(60, flood // 200)
    with tempfile.TemporaryDirectory(prefix="tuoqi-bench-files-") as folder:
        async with Live(running, Path(folder), weekly, monthly) as live:
            say(f"{weekly:,} people miss the visit of the week, {monthly:,} are seen once a month")
            await live.miss()
            say(f"{uploads:,} uploads, one after the other")
            calls, closed = await live.make_up(uploads)
            say(f"median {statistics.median(closed):.3f} s, worst {max(closed):.3f} s")
            quiet = await live.quiet()
            floods = []
            for number in range(1, runs + 1):
                floods.append(await live.flood(flood))
                last = floods[-1]
                say(
                    f"flood, run {number} of {runs}: {flood:,} visits in {last.seconds:.1f} s, worst alarm "
                    f"{max([*last.delays.report, *last.delays.finding], default=0.0):.3f} s"
                )
    return calls, closed, quiet, floods
