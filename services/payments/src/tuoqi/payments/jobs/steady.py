"""Lines of people for whom nothing has changed, made from their cached spans. Pure work for a thread."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import Policy
from tuoqi.payments.domain.price import RULE
from tuoqi.payments.domain.settlement import NOTHING_PAID, line_type
from tuoqi.payments.domain.steadiness import Priced
from tuoqi.payments.jobs.chunk import Chunk, LineMaker
from tuoqi.payments.store.lines import facts_text
from tuoqi.payments.store.packed import Packed
from tuoqi.payments.store.spans import Given


@cache
def _engine() -> bytes:
    """The source of `domain`: a release that changes what the engine answers makes every cached answer void."""
    content = hashlib.blake2b(digest_size=16)
    for file in sorted(resources.files("tuoqi.payments.domain").iterdir(), key=lambda one: one.name):
        if file.name.endswith(".py"):
            content.update(file.read_bytes())
    return content.digest()


def rules_mark(policy_version: str) -> int:
    """The county's rules and the engine that reads them, as one number for markers to carry."""
    mark = hashlib.blake2b(_engine() + policy_version.encode(), digest_size=8).digest()
    return int.from_bytes(mark, "big", signed=True)


def given_months(cycle: Cycle, policy: Policy, months: Sequence[Month], priced: Priced) -> list[Given]:
    """What steady people are paid: every programme for months that are new, the price subsidy where its index is."""
    given = [
        Given(programme.key, month, _type(programme.key, month, cycle))
        for programme in policy.programmes
        if programme.rule != RULE
        for month in months
    ]
    for (programme, month), due in priced.items():
        kind = _type(programme, month, cycle)
        given.append(Given(programme, month, kind, due.amount_fen, due.reason, facts_text(due.facts), due.rule_version))
    return given


def _type(programme: str, month: Month, cycle: Cycle) -> str:
    return line_type(programme, month, cycle.month, 1, NOTHING_PAID).value


def steady_lines(maker: LineMaker, found: Any, at: datetime) -> Chunk:
    """The lines that `store.spans.read_due` found, packed and told."""
    done = Chunk()
    if found.persons is None:
        return done
    done.packed, done.persons = Packed(maker.cycle.cycle_id, at), len(set(found.persons))
    tell, add = maker.tell, done.packed.add
    kinds = zip(
        found.programmes,
        found.months,
        found.types,
        found.amounts,
        found.reasons,
        found.rule_versions,
        found.facilities,
        found.posted,
        strict=True,
    )
    for person_id, kind, facts, posting in zip(found.persons, kinds, found.facts, found.postings, strict=True):
        programme, month, line_type, fen, *_ = kind
        add(kind, person_id, tell(done, person_id, programme, month, line_type, fen), facts, posting)
    return done
