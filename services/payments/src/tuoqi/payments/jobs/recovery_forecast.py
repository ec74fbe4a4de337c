"""What the next cycle would recover 追回预测, by the facts known now: whoever died or moved is told early.

The comparison lists of the registry end statuses, and deaths and moves become known at any time; here the same pure
functions as in a cycle say what follows. Nothing is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.cash import StepKind
from tuoqi.payments.domain.cycle import Cycle, State, open_cycle
from tuoqi.payments.domain.facts import Grant
from tuoqi.payments.domain.months import Month, day_of
from tuoqi.payments.domain.price import Index, in_force
from tuoqi.payments.domain.reckoning import Known, reckon
from tuoqi.payments.domain.settlement import NOTHING_EARLIER, Earlier, Line
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.store import cash, lines, recovery_reads
from tuoqi.payments.store.certification import read_certified
from tuoqi.payments.store.cycles import all_cycles
from tuoqi.payments.store.facts import decode, read_merged
from tuoqi.payments.store.people import People, read_grants
from tuoqi.payments.store.prices import read_known_index


@dataclass(frozen=True, slots=True)
class Expected:
    """A line that would be written, and what of it the person would owe; the rest has not gone out or is set off."""

    line: Line
    owed_fen: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """One page: for which month a cycle was supposed, what it would recover, and where the next page begins."""

    month: str
    expected: Sequence[Expected]
    next_after: str


@dataclass(frozen=True, slots=True)
class _Read:
    """All that reckoning needs, read in one transaction."""

    cycle: Cycle
    index: Index
    rows: Sequence[Any]
    earlier: Mapping[str, Earlier]
    cash: Mapping[str, cash.CashOf]
    grants: Mapping[str, Sequence[Grant]]
    certified: Mapping[str, tuple[date, ...]]


async def forecast(tools: Tools, after: str, size: int) -> Forecast:
    """People by id of whom something became known since the last computed cycle; no page where there is none yet."""
    now = tools.clock.now()
    async with tools.database.begin() as tx:
        cycles = await all_cycles(tx)
        computed = [one for one in cycles if one.is_live and one.state is not State.DRAFT]
        if not computed:
            return Forecast("", (), "")
        last = computed[-1]
        people = await recovery_reads.people_with_news(tx, last.cut_off, now, after, size)
        month = max(last.month, Month.of(day_of(now)))
        supposed = open_cycle(month, computed, tools.policy, max(now, last.cut_off))
        read = await _read(tx, people, supposed)
    expected = await asyncio.to_thread(_expected, tools, read)
    return Forecast(str(month), expected, people[-1] if len(people) == size else "")


async def _read(tx: Tx, people: Sequence[str], cycle: Cycle) -> _Read:
    merged = await read_merged(tx, cycle.cut_off)
    roots = sorted({merged.root(person) for person in people})
    known = People([*roots, *merged.others(roots)], merged.root_of)
    return _Read(
        cycle=cycle,
        index=in_force(await read_known_index(tx, cycle.cut_off), day_of(cycle.cut_off)),
        rows=await recovery_reads.facts_of(tx, roots, cycle.cut_off),
        earlier=await lines.read_earlier(tx, known),
        cash=await cash.read_cash(tx, known, cycle),
        grants=await read_grants(tx, known, cycle.cut_off),
        certified=await read_certified(tx, known, cycle.cut_off),
    )


def _expected(tools: Tools, read: _Read) -> list[Expected]:
    """The negative lines of people, with what the cash of each would leave to be owed."""
    found: list[Expected] = []
    for row in read.rows:
        facts, intervals = decode(row, tools.policy.categories)
        person = row.person_id
        facts = replace(facts, grants=tuple(read.grants.get(person, ())), certified_on=read.certified.get(person, ()))
        known = Known(facts, intervals, read.earlier.get(person, NOTHING_EARLIER))
        if held := read.cash.get(person):
            known = replace(
                known, pending=held.pending, cases=held.cases, shares=held.shares, agreements=held.agreements
            )
        reckoned = reckon(known, read.cycle, tools.policy, read.index)
        owed = {
            (step.programme, step.benefit_month): step.amount_fen
            for step in reckoned.steps
            if step.kind is StepKind.RAISE_CASE
        }
        found += [
            Expected(line, owed.get((line.programme, line.benefit_month), 0))
            for line in sorted(reckoned.settlement.lines, key=lambda line: (line.benefit_month, line.programme))
            if line.amount_fen < 0
        ]
    return found
