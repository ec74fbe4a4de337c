"""Acts about the posting 公示: a cycle is posted with its lists frozen, objections are recorded and decided."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.entitlement import entitled
from tuoqi.payments.domain.months import Month, day_of
from tuoqi.payments.domain.posting import Objection, checked, decided, has_child_programme
from tuoqi.payments.handlers import DecideObjection, Post, RaiseObjection
from tuoqi.payments.jobs.cycles import run_one
from tuoqi.payments.jobs.tools import Tools, known_cycle
from tuoqi.payments.store import posting
from tuoqi.payments.store.certification import read_certified
from tuoqi.payments.store.cycles import lock_money
from tuoqi.payments.store.facts import decode
from tuoqi.payments.store.people import People


async def post(tools: Tools, named: str, *, by: str) -> Cycle:
    """REVIEWED → POSTED: which lines stand on which list is written once, by the facts of the cut-off."""

    async def body(tx: Tx) -> Cycle:
        await lock_money(tx)
        cycle, today = await known_cycle(tx, named), day_of(tools.clock.now())
        cycle.post(on=today)  # refuses a wrong state before anything is written
        categories = {one.category for one in tools.policy.programmes if one.for_children and one.category}
        rows = await posting.people_with(tx, cycle.cycle_id, cycle.cut_off, categories)
        people = People([row.person_id for row in rows], {})
        certified = await read_certified(tx, people, cycle.cut_off) if tools.policy.certified else {}
        hidden = await asyncio.to_thread(_in_child_programmes, tools, cycle, rows, certified)
        await posting.freeze(tx, cycle.cycle_id, cycle.cut_off, programmes=tools.policy.order, hidden=hidden)
        return await run_one(tools, tx, cycle, Post(today), by=by)

    posted: Cycle = await tools.commander.transaction(body)
    return posted


def _in_child_programmes(
    tools: Tools, cycle: Cycle, rows: Sequence[Any], certified: Mapping[str, tuple[date, ...]]
) -> list[str]:
    """Those of the people who stand in a child programme in the cycle's month or in a month that it pays them."""
    found = []
    for row in rows:
        facts, intervals = decode(row, tools.policy.categories)
        facts = replace(facts, certified_on=certified.get(facts.person_id, ()))
        due = entitled(
            facts, intervals, tools.policy, cycle_month=cycle.month, first=tools.policy.policy_start, last=cycle.month
        )
        if has_child_programme(due, tools.policy, {cycle.month, *map(Month.parse, row.months)}):
            found.append(facts.person_id)
    return found


async def raise_objection(
    tools: Tools, actor: Actor, named: str, wanted: Objection, *, note: str, key: str
) -> tuple[Objection, Cycle]:
    """Record an objection to a posted cycle; said again with the same key or the same words it is the same one."""

    async def body(tx: Tx) -> tuple[Objection, Cycle]:
        await lock_money(tx)
        cycle, now = await known_cycle(tx, named), tools.clock.now()
        region = await posting.region_of(tx, wanted.person_id)
        if region is None:
            raise TuoqiError("payments.person_unknown")
        actor.require_region(region)
        said = f"{wanted.person_id}|{wanted.programme}|{wanted.category}|{note}|{day_of(now)}"
        digest = hashlib.sha256((key or said).encode()).hexdigest()
        objection_id = tools.ids(cycle.cut_off, f"objection|{cycle.cycle_id}|{actor.user}|{digest}", 0)
        known = await posting.find_objection(tx, objection_id)
        if known is not None:
            return known, cycle
        one = replace(
            checked(wanted, tools.policy), objection_id=objection_id, cycle_id=cycle.cycle_id, recorded_by=actor.user
        )
        after = await run_one(tools, tx, cycle, RaiseObjection(one), by=actor.user)
        posted = await posting.is_posted(tx, cycle.cycle_id, one.person_id, one.programme)
        await posting.add_objection(tx, one, note=note, posted=posted, at=now)
        return one, after

    raised: tuple[Objection, Cycle] = await tools.commander.transaction(body)
    return raised


async def decide_objection(tools: Tools, actor: Actor, wanted: Objection, *, note: str) -> Objection:
    """Uphold or dismiss an objection; `wanted` has its id, outcome, reason and follow-up."""

    async def body(tx: Tx) -> Objection:
        await lock_money(tx)
        one = await posting.find_objection(tx, wanted.objection_id)
        if one is None:
            raise TuoqiError("payments.objection_unknown", objection=wanted.objection_id)
        actor.require_region(await posting.region_of(tx, one.person_id) or "")
        cycle = await known_cycle(tx, one.cycle_id)
        outcome, reason, follow_up = wanted.outcome, wanted.reason, wanted.follow_up
        decided(one, cycle, by=actor.user, outcome=outcome, reason=reason, follow_up=follow_up)
        ended = replace(one, outcome=outcome, reason=reason, follow_up=follow_up)
        await posting.end_objection(tx, ended, note=note, by=actor.user, at=tools.clock.now())
        await run_one(tools, tx, cycle, DecideObjection(ended), by=actor.user)
        return ended

    done: Objection = await tools.commander.transaction(body)
    return done
