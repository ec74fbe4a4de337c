"""Computing a cycle: facts as known at the cut-off in, lines, cash, ledger and events out, in one transaction.

It begins again from nothing after a crash: as long as the transaction is not committed the cycle is DRAFT and nothing
else of it is there. The totals are counted twice, by the engine and by the database, before anything is kept.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from tuoqi.contracts.payments.v1 import cycle_pb2 as pb
from tuoqi.kit.database import Tx
from tuoqi.payments.domain.cycle import Cycle, State
from tuoqi.payments.domain.errors import CycleError, LedgerError
from tuoqi.payments.handlers import Compute, ref
from tuoqi.payments.jobs.chunk import Chunk, Reckoner
from tuoqi.payments.jobs.cycles import prove, run_one
from tuoqi.payments.jobs.facts import wait_for_facts
from tuoqi.payments.jobs.tools import Tools, known_cycle
from tuoqi.payments.store import cash, ledger, lines
from tuoqi.payments.store.cycles import Total, all_cycles, lock_money, write_totals
from tuoqi.payments.store.facts import count_persons, read_chunk, read_merged
from tuoqi.payments.store.people import People

EVENT_LINES = 1_000
"""Lines in one event, at most; the contract's limit."""

Say = Callable[[str, int, int], None]
"""(step in Chinese, people done, people in all): progress for whoever waits."""


@dataclass(slots=True)
class _Sums:
    """What the engine has counted so far, and the lines for the events."""

    lines: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    fen: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    messages: list[pb.PaymentLine] = field(default_factory=list)
    positive_fen: int = 0

    def add(self, chunk: Chunk) -> None:
        for key, count in chunk.lines_by_type.items():
            self.lines[key] += count
        for key, fen in chunk.fen_by_type.items():
            self.fen[key] += fen
            self.positive_fen += max(fen, 0)
        self.messages.extend(chunk.messages)

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
    sums = await _write_chunks(tools, tx, cycle, say)
    say("核对合计", 0, 0)
    totals = sums.totals()
    if totals != await lines.sum_lines(tx, cycle_id):
        raise LedgerError("payments.control_failed", findings="发放明细与核算合计不符")
    await prove(tx, cycle_id)
    await write_totals(tx, cycle_id, totals)
    command = Compute(
        positive_fen=sums.positive_fen,
        cycles=cycles,
        runs=await asyncio.to_thread(_events, cycle, sums.messages),
        totals=[
            pb.ProgrammeTotal(
                programme=one.programme, line_type=one.line_type, lines=one.lines, amount_fen=one.amount_fen
            )
            for one in totals
        ],
        policy_version=tools.policy_version,
    )
    return await run_one(tools, tx, cycle, command, by=by)


async def _write_chunks(tools: Tools, tx: Tx, cycle: Cycle, say: Say) -> _Sums:
    reckoner = Reckoner(cycle, tools.policy, tools.ids, tools.clock.now())
    total = await count_persons(tx, cycle.cut_off)
    merged = await read_merged(tx, cycle.cut_off)
    sums, after, done = _Sums(), "", 0
    last = Chunk()
    while rows := await read_chunk(tx, cycle.cut_off, after, tools.chunk_persons):
        first, after = rows[0].person_id, rows[-1].person_id
        if strangers := sum(row.birth_date is None for row in rows):
            raise CycleError(
                "payments.cycle_facts_missing", cut_off=cycle.cut_off, missing=f"{strangers} 人有身份认定而没有人员信息"
            )
        done += len(rows)
        # What a merged file was paid counts with its person, and it is not looked at by itself.
        rows = [row for row in rows if row.person_id not in merged.root_of]
        people = People(first, after, merged.root_of, merged.others(row.person_id for row in rows))
        earlier = await lines.read_earlier(tx, people)
        held = await cash.read_cash(tx, people)
        # In a thread, so that the service goes on answering, and the last chunk is written meanwhile: people are apart.
        reckoned = asyncio.create_task(asyncio.to_thread(reckoner.chunk, rows, earlier, held))
        try:
            await _write(tx, cycle.cycle_id, last)
        finally:
            last = await reckoned
        sums.add(last)
        say("核算", done, total)
    await _write(tx, cycle.cycle_id, last)
    return sums


async def _write(tx: Tx, cycle_id: str, chunk: Chunk) -> None:
    if chunk.beyond:
        await lines.write_beyond(tx, cycle_id, chunk.beyond)
    if chunk.lines:
        await lines.write_lines(tx, chunk.lines)
        await cash.write_outgoing(tx, chunk.outgoing)
        await ledger.book(tx, chunk.entries)
    if chunk.steps:
        await cash.write_steps(tx, chunk.steps)
        await cash.withdraw(tx, chunk.withdrawals)
        await cash.change_cases(tx, chunk.cases)


def _events(cycle: Cycle, messages: list[pb.PaymentLine]) -> list[pb.PaymentLinesDecided]:
    named = ref(cycle)
    return [
        pb.PaymentLinesDecided(cycle=named, lines=messages[first : first + EVENT_LINES])
        for first in range(0, len(messages), EVENT_LINES)
    ]
