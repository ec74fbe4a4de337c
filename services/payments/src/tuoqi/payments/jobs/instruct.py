"""APPROVED → INSTRUCTED: accounts as they are on this day, instructions for the bank, and what waits for a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime

from tuoqi.contracts.registry.v1 import facility_service_pb2 as places
from tuoqi.contracts.registry.v1 import registry_service_pb2 as registry
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.ledger import Movement, post_instruction
from tuoqi.payments.domain.months import day_of
from tuoqi.payments.handlers import Instruct
from tuoqi.payments.jobs.books import book
from tuoqi.payments.jobs.cycles import prove, run_one
from tuoqi.payments.jobs.facts import wait_for_facts
from tuoqi.payments.jobs.funding import refuse_when_short
from tuoqi.payments.jobs.outpay import Known, Outpay, plan_outpay
from tuoqi.payments.jobs.tools import Tools, known_cycle
from tuoqi.payments.store import funding
from tuoqi.payments.store.cycles import lock_money
from tuoqi.payments.store.facts import Merged, read_merged, read_stays, read_vitals
from tuoqi.payments.store.instructions import (
    Purse,
    leave_nothing_to_instruct,
    move_purses,
    read_purses,
    reissues_of,
    waiting_fen,
    write_instructions,
    write_items,
)

Asked = tuple[dict[str, registry.Payee], dict[str, places.FacilityPayee]]
"""What the registry said of people's accounts and of facilities'."""


async def instruct(tools: Tools, named: str, *, by: str) -> Cycle:
    """Write a cycle's instructions, and those of what waited or came back before.

    The moment is fixed once. A death that the registry knew by then is known here too, so no dead person is paid.
    """
    now = tools.clock.now()
    cycle = await tools.find(named)
    cycle.instruct(on=day_of(now))  # refuses a wrong state before anybody is asked
    await wait_for_facts(tools, cycle, now)
    async with tools.database.begin() as tx:
        purses = await read_purses(tx, cycle.cycle_id)
    asked = await ask_registry(tools, purses, now)
    instructed: Cycle = await tools.commander.transaction(
        lambda tx: _instruct(tools, tx, cycle.cycle_id, now, asked, by)
    )
    return instructed


async def ask_registry(tools: Tools, purses: Sequence[Purse], now: datetime) -> Asked:
    """The accounts of everybody whose money it is, and of the facilities where they ever stayed."""
    async with tools.database.begin() as tx:
        merged = await read_merged(tx, now)
        residents = sorted({purse.person_id for purse in purses if purse.facility})
        stays = await read_stays(tx, residents, now, merged)
    people = merged.whole({purse.person_id for purse in purses})
    codes = sorted({facility for of in stays.values() for facility, _, _ in of})
    payees = await tools.registry.payees(people, now)
    return payees, await tools.registry.facility_payees(codes, now) if codes else {}


async def known_on(tx: Tx, purses: Sequence[Purse], asked: Asked, now: datetime) -> Known:
    """All that decides where these purses go. Raises state.conflict where money was moved since the registry was asked."""
    payees, facilities = asked
    people = sorted({purse.person_id for purse in purses})
    merged = await read_merged(tx, now)
    vitals = await read_vitals(tx, people, now, merged)
    residents = sorted({purse.person_id for purse in purses if purse.facility})
    stays = await read_stays(tx, residents, now, merged)
    codes = {facility for of in stays.values() for facility, _, _ in of}
    if any(person not in payees or person not in vitals for person in people) or codes - facilities.keys():
        raise TuoqiError("state.conflict")
    accounts = {person: _account_of(person, merged, payees) for person in people}
    return Known(accounts, vitals, stays, facilities)


async def _instruct(tools: Tools, tx: Tx, cycle_id: str, now: datetime, asked: Asked, by: str) -> Cycle:
    await lock_money(tx)
    cycle, day = await known_cycle(tx, cycle_id), day_of(now)
    cycle.instruct(on=day)
    purses = await read_purses(tx, cycle_id)
    known = await known_on(tx, purses, asked, now)
    taken = await reissues_of(tx, sorted({purse.returned_id for purse in purses if purse.returned_id}))
    plan = await asyncio.to_thread(plan_outpay, cycle, purses, known, day=day, order=tools.policy.order, taken=taken)
    await write_outpay(tools, tx, cycle, plan, now)
    await leave_nothing_to_instruct(tx, cycle_id)
    await prove(tx, cycle_id)
    command = Instruct(
        on=day,
        instructions=len(plan.issued),
        amount_fen=plan.sum_fen,
        waiting_fen=await waiting_fen(tx),
    )
    return await run_one(tools, tx, cycle, command, by=by)


def _account_of(person: str, merged: Merged, payees: dict[str, registry.Payee]) -> registry.Payee:
    """The account of the file whose money it is; where it has none, that of the person or of another merged file."""
    root = merged.root(person)
    files = (person, root, *merged.files_of.get(root, ()))
    found = (payees[file] for file in files if file in payees and payees[file].account_version_id)
    return next(found, payees[person])


async def write_outpay(tools: Tools, tx: Tx, cycle: Cycle, plan: Outpay, now: datetime, *, reason: str = "") -> None:
    """Write a plan: instructions and what each carries, where money went, the books, and who bears it.

    Raises payments.funding_short where the county refuses what a source cannot bear.
    """
    await write_instructions(tx, cycle.cycle_id, plan.issued, now, reason)
    await move_purses(tx, cycle.cycle_id, plan.moves)
    await write_items(tx, cycle.cycle_id)
    programmes = sorted({one.programme for one in plan.issued})
    await funding.freeze_shares(tx, cycle.cycle_id, _shares(tools, cycle, programmes))
    postings = [
        post_instruction(
            cycle.cycle_id,
            Movement.REISSUED if one.reissue_of else Movement.INSTRUCTED,
            one.instruction_id,
            one.programme,
            one.amount_fen,
        )
        for one in plan.issued
    ]
    await book(tx, postings, now)
    await refuse_when_short(tools, tx, cycle, programmes)


def _shares(tools: Tools, cycle: Cycle, programmes: Iterable[str]) -> dict[str, dict[str, int]]:
    return {programme: dict(tools.funding.parts(programme, cycle.month)) for programme in programmes}
