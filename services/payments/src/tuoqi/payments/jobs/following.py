"""Callbacks: what became of submitted lines, told to their submitters after every movement of money.

It follows the books rather than hooking into each act: whatever moves money, now or in a later version, is seen. Each
state is told in the transaction that notes it as told, so a crash neither forgets nor repeats one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from itertools import groupby

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.grants import Batch
from tuoqi.payments.handlers.disbursements import Move, TellMoves
from tuoqi.payments.jobs.grants import batch_call
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.store.batches import BatchStore
from tuoqi.payments.store.cycles import lock_money
from tuoqi.payments.store.disbursements import (
    Moved,
    any_under_way,
    batches_under_way,
    read_moved,
    read_standing,
    write_followed,
    write_told,
)

BATCHES = 20
"""Batches looked at in one transaction: at most 20,000 lines, a second at worst."""
_BY = "service:payments"


class Follower:
    """A timer that is due whenever money has moved since submitters were told last."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._batches = BatchStore()

    async def next_due(self, tx: Tx) -> datetime | None:
        """Now, if anything moved while lines were under way."""
        standing, followed = await read_standing(tx)
        return self._tools.clock.now() if standing != followed and await any_under_way(tx) else None

    async def run(self, until: datetime) -> int:
        """Tell, as of this moment, everything that stands otherwise than was told; the number of lines told."""
        told = 0
        while True:
            async with self._tools.database.begin() as tx:
                if await self.next_due(tx) is None:
                    return told
            told += await self._pass(until)

    async def _pass(self, at: datetime) -> int:
        """One look at all batches under way."""
        tools, told = self._tools, 0
        async with tools.database.begin() as tx:
            # Under the lock nobody's movement is half done: what is seen from here on includes all that is counted.
            await lock_money(tx)
            standing, _ = await read_standing(tx)
            numbers = await batches_under_way(tx)
        for first in range(0, len(numbers), BATCHES):
            some = numbers[first : first + BATCHES]
            told += await tools.commander.transaction(partial(self._tell, numbers=some, at=at))
        async with tools.database.begin() as tx:
            await lock_money(tx)
            if (await read_standing(tx))[0] == standing:
                await write_followed(tx, standing)
        return told

    async def _tell(self, tx: Tx, *, numbers: Sequence[int], at: datetime) -> int:
        await lock_money(tx)
        moved = await read_moved(tx, numbers)
        if not moved:
            return 0
        by_batch = {batch_id: list(lines) for batch_id, lines in groupby(moved, key=lambda one: one.batch_id)}
        versions = {key: batch.version for key, batch in (await self._batches.load(tx, sorted(by_batch))).items()}
        calls = [
            batch_call(self._tools, batch_id, versions[batch_id], TellMoves(_moves(lines)), by=_BY, at=at)
            for batch_id, lines in sorted(by_batch.items())
        ]
        await self._tools.commander.within(tx, Batch, calls)
        await write_told(tx, moved)
        return len(moved)


def _moves(moved: Sequence[Moved]) -> list[Move]:
    """Lines that came into the same state of the same cycle are told together."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for one in moved:
        place = (one.state, "", "") if one.state == "RELEASED" else (one.state, one.cycle_id, one.cycle_name)
        found.setdefault(place, []).append(one.line_ref)
    return [Move(*place, refs) for place, refs in found.items()]
