"""What a cycle would write 试算: everything is reckoned as when it is computed, and nothing is written.

It asks for no fence: what has arrived counts, so it may be run at any time and keeps nobody from anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from tuoqi.contracts.payments.v1 import cycle_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.domain.cycle import Cycle, State, open_cycle
from tuoqi.payments.domain.errors import CycleError
from tuoqi.payments.domain.months import Month
from tuoqi.payments.jobs.chunk import Chunk
from tuoqi.payments.jobs.compute import Run
from tuoqi.payments.jobs.tools import Tools, known_cycle
from tuoqi.payments.store.cycles import Total, all_cycles
from tuoqi.payments.store.people import Window

Say = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Trial:
    """What a cycle would write."""

    cycle: Cycle
    totals: Sequence[Total]
    persons: int
    """People who would get a line."""
    beyond_limit_fen: int


@dataclass(slots=True)
class _Trying(Run):
    """A computing that counts what it would write."""

    persons: int = 0
    beyond_limit_fen: int = 0

    async def _write(self, chunk: Chunk, _closes: Window | None) -> None:
        """Nothing is written. People are apart from piece to piece, so they are counted piece by piece."""
        self.persons += chunk.persons
        self.beyond_limit_fen += sum(one.amount_fen for one in chunk.beyond)

    async def _tell(self, _decided: Sequence[pb.PaymentLine]) -> None:
        """Nobody hears of it."""


async def try_cycle(tools: Tools, named: str, month: str, programmes: Collection[str], *, by: str, say: Say) -> Trial:
    """Reckon a DRAFT cycle, or one that would be opened now. Raises what opening and computing it would raise."""
    async with tools.database.begin() as tx:
        cycles = await all_cycles(tx)
        if named:
            cycle = await known_cycle(tx, named)
        else:
            cycle = open_cycle(_month(month, cycles), cycles, tools.policy, tools.clock.now(), programmes)
            cycles = [*cycles, cycle]
        cycle.compute(positive_fen=0, cycles=cycles)
        run = await _Trying.begin(tools, tx, cycle, cycles, by)
        await run.everybody(say)
    return Trial(cycle, run.sums.totals(), run.persons, run.beyond_limit_fen)


def _month(text: str, cycles: Sequence[Cycle]) -> Month:
    """The month that is asked for, else that of the last cycle. Raises payments.cycle_month_missing."""
    if text:
        try:
            return Month.parse(text)
        except ValueError:
            raise TuoqiError("request.invalid", problem=f"{text} 不是月份") from None
    live = [cycle for cycle in cycles if cycle.state is not State.CANCELLED]
    if not live:
        raise CycleError("payments.cycle_month_missing")
    return max(live, key=lambda cycle: cycle.seq).month
