"""Plays a calendar on a running platform: one act after the other, everything applied everywhere before the next."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from time import monotonic

from google.protobuf.timestamp_pb2 import Timestamp

from tuoqi.cli.cycles import compute, stub_of
from tuoqi.cli.driver import Driver
from tuoqi.cli.failures import EXPECTED, explain
from tuoqi.cli.files.reading import open_table
from tuoqi.cli.play.calendar import Act, Step
from tuoqi.cli.play.officers import Officers
from tuoqi.cli.transfers import import_file
from tuoqi.contracts.payments.v1 import payments_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError

Reject = tuple[str, int, str, str, str]
"""file, row, column, masked value, reason"""


@dataclass(slots=True)
class Played:
    """What was done so far."""

    acts: Counter[str] = field(default_factory=Counter)
    imports: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """File kind → rows changed, unchanged and rejected, and events."""
    cycles: dict[int, pb.Cycle] = field(default_factory=dict)
    """By the row that opened them, as last seen."""
    rejects: list[Reject] = field(default_factory=list)
    seconds: Counter[str] = field(default_factory=Counter)
    """Milliseconds by step."""
    failed_row: int = 0
    failure: str = ""
    """Why the run stopped before its end."""

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Count the time of a block, also where it fails."""
        began = monotonic()
        try:
            yield
        finally:
            self.seconds[step] += round((monotonic() - began) * 1000)


class Player:
    """One run. Every failure of a row ends it and stands in what was played."""

    def __init__(self, folder: Path, officers: Officers, played: Played) -> None:
        self._folder = folder
        self._officers = officers
        self._driver = Driver(officers.nobody.services, officers.nobody.common)
        self.played = played

    async def play(self, acts: Iterable[Act], told: Callable[[Act], None]) -> None:
        """Play to the end or to the first row that fails."""
        for act in acts:
            told(act)
            try:
                await self._play(act)
            except EXPECTED as error:
                sentence, slug = explain(error)
                self.played.failed_row = act.step.row
                self.played.failure = f"{sentence} [{slug}]" if slug else sentence
                return

    async def _play(self, act: Act) -> None:
        step, played = act.step, self.played
        if step.problem:
            raise TuoqiError("play.bad_row", row=step.row, reason=step.problem)
        with played.timed("clock"):
            await self._driver.advance(act.at)
        if act.approval:
            with played.timed("approve"):
                await self._approve(step, cut_short=act.cut_short)
        elif step.action == "import":
            with played.timed("import"):
                await self._import(step)
        elif step.action == "cycle":
            with played.timed("cycle"):
                await self._cycle(act)
        with played.timed("settle"):
            await self._driver.settle()
        if not act.approval:
            played.acts[step.action] += 1

    async def _import(self, step: Step) -> None:
        loaded = await import_file(self._officers.clerk, step.kind, open_table(self._folder / step.file))
        result, counts = loaded.result, self.played.imports[step.kind]
        counts.update(
            changed=result.rows_changed,
            unchanged=result.rows_unchanged,
            rejected=result.rows_rejected,
            events=result.events,
            loaded_before=int(loaded.loaded_before),
        )
        self.played.rejects += [(step.file, p.row_number, p.column, p.value, p.reason) for p in loaded.rejected]

    async def _cycle(self, act: Act) -> None:
        """From DRAFT to POSTED, with this moment as cut-off."""
        officers, cutoff = self._officers, Timestamp()
        cutoff.FromDatetime(act.at.astimezone(UTC))
        opened = await stub_of(officers.clerk).OpenCycle(pb.OpenCycleRequest(month=act.step.month, cutoff=cutoff))
        cycle = opened.cycle.ref.cycle_id
        self.played.cycles[act.step.row] = opened.cycle
        self.played.cycles[act.step.row] = await compute(officers.clerk, cycle)
        reviewed = await stub_of(officers.reviewer).ReviewCycle(pb.ReviewCycleRequest(cycle=cycle))
        self.played.cycles[act.step.row] = reviewed.cycle
        posted = await stub_of(officers.reviewer).PostCycle(pb.PostCycleRequest(cycle=cycle))
        self.played.cycles[act.step.row] = posted.cycle

    async def _approve(self, step: Step, *, cut_short: bool) -> None:
        """As many approvals as the cycle needs, then the bank's instructions."""
        cycle = self.played.cycles[step.row]
        request = pb.ApproveCycleRequest(cycle=cycle.ref.cycle_id, posting_cut_short=cut_short)
        for officer in self._officers.approvers[: max(1, cycle.approvals_needed)]:
            approved = await stub_of(officer).ApproveCycle(request)
            self.played.cycles[step.row] = approved.cycle
        instructed = await stub_of(self._officers.finance).InstructCycle(
            pb.InstructCycleRequest(cycle=cycle.ref.cycle_id)
        )
        self.played.cycles[step.row] = instructed.cycle
