"""Comparing two policies over everybody: what each pays for one month, from the facts as they are known now.

Nothing is written and nothing is locked: people are read chunk by chunk, each chunk in a short transaction of its own, all
as known at one moment. What changes is handed on chunk by chunk, so memory does not grow with the county.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tuoqi.payments.domain.months import Month, day_of
from tuoqi.payments.domain.policy import Policy
from tuoqi.payments.domain.policy_diff import PersonChange, Totals, compare
from tuoqi.payments.domain.price import Index, in_force
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.store.certification import read_certified
from tuoqi.payments.store.everybody import read_everybody
from tuoqi.payments.store.facts import count_persons, decode, read_merged
from tuoqi.payments.store.people import People
from tuoqi.payments.store.prices import read_known_index

CHUNK = 2_000
"""People read and compared in one go."""


@dataclass(slots=True)
class Comparison:
    """Two policies and a month, and what was found so far."""

    policies: tuple[Policy, Policy]
    month: Month
    totals: Totals = field(default_factory=Totals)
    done: int = 0
    total: int = 0


async def compare_policies(tools: Tools, comparison: Comparison) -> AsyncIterator[Sequence[PersonChange]]:
    """The people of each chunk for whom something changes, by id; `comparison` knows how far it has come."""
    at = tools.clock.now()
    old, new = comparison.policies
    async with tools.database.begin() as tx:
        comparison.total = await count_persons(tx, at)
        merged = await read_merged(tx, at)
        index = in_force(await read_known_index(tx, at), day_of(at))
    categories, seen = old.categories | new.categories, old.certified or new.certified
    after = ""
    while True:
        async with tools.database.begin() as tx:
            rows = await read_everybody(tx, at, after, CHUNK)
            ids = [row.person_id for row in rows]
            people = People([*ids, *merged.others(ids)], merged.root_of)
            certified = await read_certified(tx, people, at) if rows and seen else {}
        if not rows:
            return
        after = ids[-1]
        mine = [row for row in rows if row.person_id not in merged.root_of]
        changes = await asyncio.to_thread(_compare, mine, certified, categories, comparison, index)
        comparison.done += len(rows)
        yield changes


def _compare(
    rows: Sequence[Any],
    certified: dict[str, Any],
    categories: frozenset[str],
    comparison: Comparison,
    index: Index,
) -> list[PersonChange]:
    """Pure work for a thread."""
    found = []
    for row in rows:
        facts, intervals = decode(row, categories)
        if row.person_id in certified:
            facts = replace(facts, certified_on=certified[row.person_id])
        change = compare(facts, intervals, comparison.policies, comparison.month, index, comparison.totals)
        if change:
            found.append(change)
    return found
