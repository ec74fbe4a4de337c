"""Returned money goes out again 重发 before the next cycle does, once the account has been mended.

Never to an account that stands as it stood when the bank sent the money back, unless somebody says why. An instruction
goes out again whole: where one of its people waits, it stays.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tuoqi.kit.commands import Call
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.domain.cycle import Cycle, State
from tuoqi.payments.domain.months import day_of
from tuoqi.payments.domain.payees import AccountVersion, Waiting, whose_account
from tuoqi.payments.handlers.bank import BANK_ACTS, Reissue
from tuoqi.payments.jobs.cycles import prove
from tuoqi.payments.jobs.facts import wait_for_facts
from tuoqi.payments.jobs.instruct import Asked, ask_registry, known_on, write_outpay
from tuoqi.payments.jobs.outpay import Known, plan_outpay
from tuoqi.payments.jobs.tools import Tools, known_cycle
from tuoqi.payments.store.cycles import lock_money
from tuoqi.payments.store.instructions import (
    Issued,
    Purse,
    read_returned,
    read_returned_purses,
    reissues_of,
)

SAME_ACCOUNT = "SAME_ACCOUNT"
NOTHING_HELD = "NOTHING_HELD"
_SETTLING = frozenset({State.INSTRUCTED, State.SETTLING})


@dataclass(slots=True)
class Reissued:
    """What went out again, and which returned instructions stay, with the reason."""

    issued: Sequence[Issued] = ()
    held: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to go out again: these instructions or all, also to an unchanged account for a reason."""

    only: Collection[str] = ()
    same_account: bool = False
    because: str = ""


async def reissue(tools: Tools, named: str, wish: Wish, *, by: str) -> Reissued:
    """Send returned money of a cycle out again, in that cycle.

    Raises payments.reissue_not_settling, payments.reissue_unknown, payments.reissue_reason_missing.
    """
    now = tools.clock.now()
    cycle = await tools.find(named)
    _check(cycle, wish)
    await wait_for_facts(tools, cycle, now)
    async with tools.database.begin() as tx:
        returned = await _chosen(tx, cycle, wish)
        purses = await read_returned_purses(tx, list(returned))
    asked = await ask_registry(tools, purses, now)
    done: Reissued = await tools.commander.transaction(
        lambda tx: _reissue(tools, tx, cycle.cycle_id, wish, now, asked, by)
    )
    return done


def _check(cycle: Cycle, wish: Wish) -> None:
    if cycle.state not in _SETTLING:
        raise TuoqiError("payments.reissue_not_settling", cycle=cycle.name, state=cycle.state)
    if wish.same_account and not wish.because.strip():
        raise TuoqiError("payments.reissue_reason_missing")


async def _chosen(tx: Tx, cycle: Cycle, wish: Wish) -> dict[str, Any]:
    returned = {row.instruction_id: row for row in await read_returned(tx, cycle.cycle_id)}
    unknown = sorted(set(wish.only) - returned.keys())
    if unknown:
        raise TuoqiError("payments.reissue_unknown", cycle=cycle.name, instructions="、".join(unknown))
    return {one: row for one, row in returned.items() if not wish.only or one in wish.only}


async def _reissue(tools: Tools, tx: Tx, cycle_id: str, wish: Wish, now: datetime, asked: Asked, by: str) -> Reissued:
    await lock_money(tx)
    cycle = await known_cycle(tx, cycle_id)
    _check(cycle, wish)
    returned = await _chosen(tx, cycle, wish)
    purses = await read_returned_purses(tx, list(returned))
    known = await known_on(tx, purses, asked, now)
    done = Reissued(held=_held(returned, purses, known, now, wish))
    going = [purse for purse in purses if purse.returned_id not in done.held]
    if not going:
        return done
    taken = await reissues_of(tx, sorted({purse.returned_id for purse in going}))
    plan = await asyncio.to_thread(
        plan_outpay, cycle, going, known, day=day_of(now), order=tools.policy.order, taken=taken
    )
    done.issued = plan.issued
    await write_outpay(tools, tx, cycle, plan, now, reason=wish.because if wish.same_account else "")
    await prove(tx, cycle_id)
    await tools.commander.within(tx, Cycle, [_call(cycle, one, now, by) for one in plan.issued])
    return done


def _held(
    returned: Mapping[str, Any], purses: Sequence[Purse], known: Known, now: datetime, wish: Wish
) -> dict[str, str]:
    """Why instructions stay: one of their people waits, the account is as it was, or nothing is held any more."""
    of: defaultdict[str, list[Purse]] = defaultdict(list)
    for purse in purses:
        of[purse.returned_id].append(purse)
    held: dict[str, str] = {}
    for old_id, row in returned.items():
        accounts = [
            whose_account(known.payee(purse.person_id), day_of(now), facility_line=purse.facility)
            for purse in of[old_id]
        ]
        waiting = [one.value for one in accounts if isinstance(one, Waiting)]
        if not accounts:
            held[old_id] = NOTHING_HELD
        elif waiting:
            held[old_id] = waiting[0]
        elif not wish.same_account and any(_unchanged(one, row) for one in accounts):
            held[old_id] = SAME_ACCOUNT
    return held


def _unchanged(account: AccountVersion | Waiting, row: Any) -> bool:
    """The same number, and no row about it has become known since the instruction was written."""
    if isinstance(account, Waiting) or account.key != row.account_key:
        return False
    issued = int(row.issued_at.timestamp() * 1_000_000) if row.issued_at is not None else 0
    return account.version_id == row.account_version_id or account.changed_seq <= issued


def _call(cycle: Cycle, one: Issued, now: datetime, by: str) -> Call:
    return Call(
        key=cycle.cycle_id,
        handler=BANK_ACTS[Reissue],
        message=Reissue(one.instruction_id, one.reissue_of, one.amount_fen),
        cause=f"reissue|{one.instruction_id}",
        at=now,
        actor=by,
    )
