"""Acts that look beyond one cycle: opening in the one order, closing, and cancelling with all that came later."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from tuoqi.kit import failpoints
from tuoqi.kit.database import Tx
from tuoqi.payments.domain.cycle import Cycle, State, cancellation, open_cycle
from tuoqi.payments.domain.errors import LedgerError
from tuoqi.payments.domain.months import Month
from tuoqi.payments.handlers import Cancel, Close, Open
from tuoqi.payments.jobs.recovery_follow import follow_cancelled
from tuoqi.payments.jobs.tools import Tools, known_cycle
from tuoqi.payments.store import cash, funding, ledger, lines
from tuoqi.payments.store.cycles import all_cycles, lock_money
from tuoqi.payments.store.instructions import count_instructions


async def open_month(
    tools: Tools, month: Month, cut_off: datetime | None, *, by: str, programmes: Collection[str] = ()
) -> Cycle:
    """Open the next cycle of a month. Its id follows from its name, so that the same calendar makes the same ids."""

    async def body(tx: Tx) -> Cycle:
        await lock_money(tx)
        made = open_cycle(month, await all_cycles(tx), tools.policy, cut_off, programmes)
        cycle = replace(made, cycle_id=tools.ids(tools.clock.now(), f"cycle|{made.name}", 0))
        return await run_one(tools, tx, cycle, Open(cycle), by=by)

    opened: Cycle = await tools.commander.transaction(body)
    return opened


async def close(tools: Tools, named: str, *, by: str) -> Cycle:
    """Close a cycle whose instructions all have a result, once its rows have been counted again.

    Raises payments.control_failed where they differ from the sums that every proof since has compared.
    """

    async def body(tx: Tx) -> Cycle:
        await lock_money(tx)
        cycle = await known_cycle(tx, named)
        if found := await ledger.recounted(tx, cycle.cycle_id):
            raise LedgerError("payments.control_failed", findings="；".join(found))
        counts = await count_instructions(tx, [cycle.cycle_id])
        return await run_one(tools, tx, cycle, Close(counts[cycle.cycle_id].get("OPEN", 0)), by=by)

    closed: Cycle = await tools.commander.transaction(body)
    return closed


async def cancel(tools: Tools, named: str, *, by: str, because: str) -> list[Cycle]:
    """Cancel a cycle and every later one, newest first: what they wrote counts no more, what they moved is undone."""

    async def body(tx: Tx) -> list[Cycle]:
        await lock_money(tx)
        chosen = await known_cycle(tx, named)
        done = []
        for cycle in cancellation(chosen.name, await all_cycles(tx)):
            if cycle.state is not State.DRAFT:
                excess = await cash.undo_cash(tx, cycle.cycle_id)
                await lines.cancel_lines(tx, cycle.cycle_id)
                await ledger.reverse(tx, cycle.cycle_id, tools.clock.now())
                await follow_cancelled(tools, tx, cycle, excess, by=by)
            done.append(await run_one(tools, tx, cycle, Cancel(because), by=by))
            await prove(tx, cycle.cycle_id)
        return done

    cancelled: list[Cycle] = await tools.commander.transaction(body)
    return cancelled


async def run_one(tools: Tools, tx: Tx, cycle: Cycle, command: object, *, by: str) -> Cycle:
    """One act on one cycle within a transaction that is open."""
    states = await tools.commander.within(tx, Cycle, [tools.call(cycle, command, by=by)])
    after: Cycle = states[cycle.cycle_id]
    failpoints.reach("cycle.act_written")
    return after


async def prove(tx: Tx, cycle_id: str) -> None:
    """Raises payments.control_failed where the money does not close to zero; the transaction then keeps nothing."""
    await funding.follow(tx, cycle_id)
    found = await ledger.findings(tx, cycle_id)
    if found:
        raise LedgerError("payments.control_failed", findings="；".join(found))
    failpoints.reach("cycle.proven")
