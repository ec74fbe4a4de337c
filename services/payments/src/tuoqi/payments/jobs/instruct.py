"""APPROVED → INSTRUCTED: accounts as they are on this day, instructions for the bank, and what waits for a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from tuoqi.contracts.registry.v1 import registry_service_pb2 as registry
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.ledger import Movement, post_instruction
from tuoqi.payments.domain.months import day_of
from tuoqi.payments.handlers import Instruct
from tuoqi.payments.jobs.cycles import prove, run_one
from tuoqi.payments.jobs.facts import wait_for_facts
from tuoqi.payments.jobs.outpay import Outpay, plan_outpay
from tuoqi.payments.jobs.tools import Tools, known_cycle
from tuoqi.payments.store import ledger
from tuoqi.payments.store.cycles import lock_money
from tuoqi.payments.store.facts import Merged, read_merged, read_vitals
from tuoqi.payments.store.instructions import (
    leave_nothing_to_instruct,
    move_purses,
    read_purses,
    waiting_fen,
    write_instructions,
)


async def instruct(tools: Tools, named: str, *, by: str) -> Cycle:
    """Write a cycle's instructions, and those of what waited or came back before.

    The moment is fixed once. A death that the registry knew by then is known here too, so no dead person is paid.
    """
    now = tools.clock.now()
    cycle = await tools.find(named)
    cycle.instruct(on=day_of(now))  # refuses a wrong state before anybody is asked
    await wait_for_facts(tools, cycle, now)
    async with tools.database.begin() as tx:
        merged = await read_merged(tx, now)
        people = merged.whole({purse.person_id for purse in await read_purses(tx, cycle.cycle_id)})
    payees = await tools.registry.payees(people, now)
    instructed: Cycle = await tools.commander.transaction(
        lambda tx: _instruct(tools, tx, cycle.cycle_id, now, payees, by)
    )
    return instructed


async def _instruct(
    tools: Tools, tx: Tx, cycle_id: str, now: datetime, payees: Mapping[str, registry.Payee], by: str
) -> Cycle:
    await lock_money(tx)
    cycle, day = await known_cycle(tx, cycle_id), day_of(now)
    cycle.instruct(on=day)
    purses = await read_purses(tx, cycle_id)
    people = sorted({purse.person_id for purse in purses})
    merged = await read_merged(tx, now)
    vitals = await read_vitals(tx, people, now, merged)
    if any(person not in payees or person not in vitals for person in people):
        raise TuoqiError("state.conflict")  # money was moved since the registry was asked
    payees = {person: _account_of(person, merged, payees) for person in people}
    plan = await asyncio.to_thread(plan_outpay, cycle, purses, payees, vitals, day=day, order=tools.policy.order)
    await _write(tx, cycle_id, plan, now)
    await prove(tx, cycle_id)
    command = Instruct(
        on=day,
        instructions=len(plan.issued),
        amount_fen=plan.sum_fen,
        waiting_fen=await waiting_fen(tx),
    )
    return await run_one(tools, tx, cycle, command, by=by)


def _account_of(person: str, merged: Merged, payees: Mapping[str, registry.Payee]) -> registry.Payee:
    """The account of the file whose money it is; where it has none, that of the person or of another merged file."""
    root = merged.root(person)
    files = (person, root, *merged.files_of.get(root, ()))
    found = (payees[file] for file in files if file in payees and payees[file].account_version_id)
    return next(found, payees[person])


async def _write(tx: Tx, cycle_id: str, plan: Outpay, now: datetime) -> None:
    await write_instructions(tx, cycle_id, plan.issued)
    await move_purses(tx, cycle_id, plan.moves)
    await leave_nothing_to_instruct(tx, cycle_id)
    postings = [
        post_instruction(
            cycle_id,
            Movement.REISSUED if one.reissue_of else Movement.INSTRUCTED,
            one.instruction_id,
            one.programme,
            one.amount_fen,
        )
        for one in plan.issued
    ]
    await ledger.book(tx, ledger.entry_rows(postings, now))
