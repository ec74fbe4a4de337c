"""Computing a cycle: facts as known at the cut-off in, lines, cash, ledger and events out, in one transaction.

Whoever is steady (`domain.steadiness`) is paid from cached spans; only the others are looked at anew. It begins again
from nothing after a crash: as long as the transaction is not committed the cycle is DRAFT and nothing else of it is there.
The totals are counted twice, by the engine and by the database, before anything is kept.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from tuoqi.contracts.payments.v1 import cycle_pb2 as pb
from tuoqi.kit.database import Tx
from tuoqi.payments.domain.cycle import Cycle, State, order_in
from tuoqi.payments.domain.errors import CycleError, LedgerError
from tuoqi.payments.domain.months import day_of
from tuoqi.payments.domain.price import Index, in_force
from tuoqi.payments.domain.steadiness import NOBODY, Standing, new_months, newly_priced, standing
from tuoqi.payments.handlers import Compute, DecideLines, ref
from tuoqi.payments.jobs.chunk import Chunk, Circumstances, LineMaker, Reckoner
from tuoqi.payments.jobs.cycles import prove, run_one
from tuoqi.payments.jobs.facts import wait_for_facts
from tuoqi.payments.jobs.recovery_follow import follow_cycle
from tuoqi.payments.jobs.steady import given_months, rules_mark, steady_lines
from tuoqi.payments.jobs.tools import Tools, known_cycle
from tuoqi.payments.store import booking, cash, ledger, lines, spans
from tuoqi.payments.store.certification import read_certified
from tuoqi.payments.store.cycles import Total, all_cycles, lock_money, write_totals
from tuoqi.payments.store.facts import Merged, count_persons, read_merged
from tuoqi.payments.store.people import People, Trust, Window, next_window, read_anew, read_grants
from tuoqi.payments.store.prices import read_known_index

EVENT_LINES = 1_000
"""Lines in one event, at most; the contract's limit."""
TELL_LINES = 20_000
"""Lines that wait until their events are written together."""
WINDOW_FACTS = 20_000
"""People whose spans are read in one go, by their facts: large enough for the database, small enough for the memory."""

Say = Callable[[str, int, int], None]
"""(step in Chinese, people done, people in all): progress for whoever waits."""


@dataclass(slots=True)
class _Sums:
    """What the engine has counted so far."""

    lines: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    fen: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    positive_fen: int = 0

    def add(self, chunk: Chunk) -> None:
        for key, count in chunk.lines_by_type.items():
            self.lines[key] += count
        for key, fen in chunk.fen_by_type.items():
            self.fen[key] += fen
            self.positive_fen += max(fen, 0)

    def totals(self) -> list[Total]:
        return [Total(*key, self.lines[key], self.fen[key]) for key in sorted(self.lines)]


async def compute(tools: Tools, named: str, *, by: str, say: Say) -> Cycle:
    """DRAFT → COMPUTED. A cycle that is computed already is answered as it is."""
    cycle = await tools.find(named)
    if cycle.state in {State.DRAFT, State.CANCELLED}:
        cycle.compute(positive_fen=0, cycles=())  # refuses a cancelled one before anybody waits
        say("等待登记信息", 0, 0)
        await wait_for_facts(tools, cycle, cycle.cut_off)
    named = cycle.cycle_id
    computed: Cycle = await tools.commander.transaction(lambda tx: _compute(tools, tx, named, by, say))
    return computed


async def _compute(tools: Tools, tx: Tx, cycle_id: str, by: str, say: Say) -> Cycle:
    await lock_money(tx)
    cycle = await known_cycle(tx, cycle_id)
    if cycle.state not in {State.DRAFT, State.CANCELLED}:
        return cycle
    cycles = await all_cycles(tx)
    cycle.compute(positive_fen=0, cycles=cycles)  # refuses here rather than after the work
    await booking.plan_afresh(tx)
    run = await Run.begin(tools, tx, cycle, cycles, by)
    await run.everybody(say)
    say("核对合计", 0, 0)
    totals = run.sums.totals()
    if totals != await lines.sum_lines(tx, cycle_id):
        raise LedgerError("payments.control_failed", findings="发放明细与核算合计不符")
    await follow_cycle(tools, tx, cycle, by=by)
    await prove(tx, cycle_id)
    await write_totals(tx, cycle_id, totals)
    command = Compute(
        positive_fen=run.sums.positive_fen,
        cycles=cycles,
        totals=[
            pb.ProgrammeTotal(
                programme=one.programme, line_type=one.line_type, lines=one.lines, amount_fen=one.amount_fen
            )
            for one in totals
        ],
        policy_version=tools.policy_version,
    )
    return await run_one(tools, tx, run.cycle, command, by=by)


@dataclass(slots=True)
class _Piece:
    """Work that was read and waits for a thread; `closes` is the window that ends with it."""

    work: Callable[[], Chunk]
    persons: int
    """How many more people are done with it."""
    closes: Window | None = None


@dataclass(slots=True)
class Run:
    """One computing of one cycle, within its transaction."""

    tools: Tools
    tx: Tx
    cycle: Cycle
    by: str
    reckoner: Reckoner
    maker: LineMaker
    given: Sequence[spans.Given]
    """The months that people are paid for from their spans."""
    trust: Trust
    named: Sequence[str]
    """People looked at anew whatever their marker says, by id."""
    merged: Merged
    sums: _Sums = field(default_factory=_Sums)
    done: int = 0
    """People so far."""
    stepped: set[str] = field(default_factory=set)
    """People of the window in hand who have steps of cash beside what is to be instructed."""
    untold: list[pb.PaymentLine] = field(default_factory=list)

    @classmethod
    async def begin(cls, tools: Tools, tx: Tx, cycle: Cycle, cycles: Sequence[Cycle], by: str) -> Self:
        """Find out what counts in the cycle, and who may be paid without being looked at."""
        policy, rules = tools.policy, rules_mark(tools.policy_version)
        index = await _index_at(tx, cycle)
        # Where a cycle's lines follow from more than facts and month, like certification, everybody is looked at anew.
        where = NOBODY if policy.depends_on_cycle else standing(cycle, cycles)
        given: list[spans.Given] = []
        trusted: tuple[int, ...] = ()
        if where.base is not None:
            priced = newly_priced(cycle, where.base, policy, index, await _index_at(tx, where.base))
            if priced is not None:
                given = given_months(cycle, policy, new_months(cycle, where.base), priced)
                trusted = where.trusted
        merged = await read_merged(tx, cycle.cut_off)
        maker = LineMaker(cycle, tools.ids)
        return cls(
            tools=tools,
            tx=tx,
            cycle=cycle,
            by=by,
            reckoner=Reckoner(maker, Circumstances(policy, index, rules, tools.clock.now())),
            maker=maker,
            given=given,
            trust=Trust(trusted, rules, cycle.month),
            named=await _named(tx, where, merged),
            merged=merged,
        )

    async def everybody(self, say: Say) -> None:
        """Reckon and write piece by piece: while a thread works on one, the database reads the next and takes the last.

        In a thread, so that the service goes on answering; people are apart, so the pieces are too.
        """
        total = await count_persons(self.tx, self.cycle.cut_off)
        before: tuple[_Piece, asyncio.Task[Chunk]] | None = None
        try:
            async for piece in self._pieces():
                last, before = before, (piece, asyncio.create_task(asyncio.to_thread(piece.work)))
                if last:
                    await self._take(*last, total, say)
            if before:
                await self._take(*before, total, say)
            await self._tell(self.untold)
        finally:
            if before:
                await asyncio.wait({before[1]})

    async def _take(self, piece: _Piece, working: asyncio.Task[Chunk], total: int, say: Say) -> None:
        chunk = await working
        self.sums.add(chunk)
        await self._write(chunk, piece.closes)
        if piece.persons:
            self.done += piece.persons
            say("核算", min(self.done, total), total)

    async def _pieces(self) -> AsyncIterator[_Piece]:
        after = ""
        while window := await next_window(self.tx, after, WINDOW_FACTS):
            after = window.last
            cut_off = self.cycle.cut_off
            named = self.named[bisect_right(self.named, window.after) : bisect_right(self.named, window.last)]
            rows = await read_anew(self.tx, window, cut_off, self.trust, named)
            if strangers := sum(
                row.birth_date is None or (row.status_version is None and not row.further) for row in rows
            ):
                missing = f"{strangers} 人有身份认定或救助而没有人员信息"
                raise CycleError("payments.cycle_facts_missing", cut_off=cut_off, missing=missing)
            anew = [row.person_id for row in rows]
            # What a merged file was paid counts with its person, and it is not looked at by itself.
            rows = [row for row in rows if row.person_id not in self.merged.root_of]
            size = self.tools.chunk_persons
            for first in range(0, len(rows), size):
                yield await self._anew(rows[first : first + size])
            yield await self._steady(window, anew, window.persons - len(rows))

    async def _anew(self, rows: Sequence[Any]) -> _Piece:
        ids = [row.person_id for row in rows]
        people = People([*ids, *self.merged.others(ids)], self.merged.root_of)
        earlier = await lines.read_earlier(self.tx, people)
        held = await cash.read_cash(self.tx, people, self.cycle)
        grants = await read_grants(self.tx, people, self.cycle.cut_off)
        certified = await read_certified(self.tx, people, self.cycle.cut_off) if self.tools.policy.certified else {}
        return _Piece(lambda: self.reckoner.chunk(rows, earlier, held, grants, certified), len(rows))

    async def _steady(self, window: Window, anew: Sequence[str], others: int) -> _Piece:
        if not self.given:
            return _Piece(Chunk, max(others, 0), window)
        policy = self.tools.policy
        for_adults = [one.key for one in policy.programmes if not one.for_children]
        due = spans.Due(window, anew, self.given, day_of(self.cycle.cut_off), for_adults)
        found, now = await spans.read_due(self.tx, due), self.tools.clock.now()
        return _Piece(lambda: steady_lines(self.maker, found, now), max(others, 0), window)

    async def _write(self, chunk: Chunk, closes: Window | None) -> None:
        tx, cycle_id = self.tx, self.cycle.cycle_id
        if chunk.beyond:
            await lines.write_beyond(tx, cycle_id, chunk.beyond)
        if chunk.lines:
            await lines.write_lines(tx, chunk.lines)
        if chunk.steps:
            self.stepped.update(person_id for _, person_id, *_ in chunk.steps)
            await cash.write_outgoing(tx, chunk.outgoing)
            await cash.write_steps(tx, chunk.steps)
            await cash.withdraw(tx, chunk.withdrawals)
            await cash.change_cases(tx, chunk.cases)
            await ledger.book(tx, chunk.entries)
        if chunk.outdated:
            await spans.forget(tx, chunk.outdated)
        if chunk.marks:
            await spans.write_spans(tx, chunk.marks, chunk.spans)
        if closes:
            programmes, now = order_in(self.cycle, self.tools.policy), self.tools.clock.now()
            await booking.carry_on(tx, cycle_id, closes, programmes, now, told=sorted(self.stepped))
            self.stepped.clear()
            if chunk.packed:
                await chunk.packed.write(tx)
        self.untold.extend(chunk.messages)
        if len(self.untold) >= TELL_LINES:
            whole = len(self.untold) - len(self.untold) % EVENT_LINES
            await self._tell(self.untold[:whole])
            del self.untold[:whole]

    async def _tell(self, decided: Sequence[pb.PaymentLine]) -> None:
        """Others hear of lines by the thousand; the cycle's version goes up by one with each event."""
        if decided:
            named = ref(self.cycle)
            runs = [
                pb.PaymentLinesDecided(cycle=named, lines=decided[first : first + EVENT_LINES])
                for first in range(0, len(decided), EVENT_LINES)
            ]
            self.cycle = await run_one(self.tools, self.tx, self.cycle, DecideLines(runs), by=self.by)


async def _index_at(tx: Tx, cycle: Cycle) -> Index:
    """The price index as it was published and known at a cycle's cut-off."""
    return in_force(await read_known_index(tx, cycle.cut_off), day_of(cycle.cut_off))


async def _named(tx: Tx, where: Standing, merged: Merged) -> list[str]:
    """Whoever belongs to a merged file, or has lines of cycles of some programmes since the last full one."""
    files = {*merged.root_of, *merged.files_of}
    return sorted(files | set(await lines.read_people(tx, where.apart))) if where.base else sorted(files)
