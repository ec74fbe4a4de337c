"""One decision on one interval 认定: what it makes of the interval, whether it is a cut, and when it is refused.

Nothing is deleted: a decision becomes a row like those of statuses.csv, and the row is applied as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from tuoqi.registry.domain.categories import Category, Words, find_code
from tuoqi.registry.domain.cells import Cells
from tuoqi.registry.domain.status import Interval, in_force

OPEN: Final = "OPEN"
CHANGE: Final = "CHANGE"
END: Final = "END"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a decision cannot be recorded."""

    slug: str
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """A decision as it is asked for. Texts are empty and days None where nothing was said."""

    action: str
    reason: str
    category: str = ""
    subtype: str = ""
    level: str = ""
    amount_fen: int = 0
    applied_on: date | None = None
    decided_on: date | None = None
    ended_on: date | None = None
    valid_until: date | None = None
    decision_no: str = field(default="", repr=False)
    evidence: str = field(default="", repr=False)
    decider: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Hearing:
    """That the person was heard 听取意见."""

    hearing_id: str
    category: str
    """As it is kept, the sealed one as the other."""
    held_on: date
    is_used: bool
    """An earlier decision rests on it."""


def reason_code(draft: Draft, category: Category) -> str | Refusal:
    """The code of the draft's reason, by code or word. A change may have any of the category's reasons."""
    allowed: dict[str, tuple[str, ...]] = {}
    if draft.action != END:
        allowed |= category.opens
    if draft.action != OPEN:
        allowed |= category.ends
    code = find_code(draft.reason, allowed)
    return code or Refusal("status.reason_unknown", {"allowed": _listed(allowed)})


def row_of(draft: Draft, base: Interval | None, category: Category, reason: str, *, today: date) -> Cells | Refusal:
    """The row of statuses.csv that says the same. `base` is the interval to be changed or ended."""
    if draft.action == OPEN or base is None:
        return _cells(
            subtype=draft.subtype,
            level=draft.level,
            applied_on=draft.applied_on,
            decided_on=draft.decided_on or today,
            decision_no=draft.decision_no,
            amount=draft.amount_fen or None,
            valid_until=draft.valid_until,
        )
    if draft.action == END:
        return _ended(draft, base, category, reason, today=today)
    decided_on = draft.decided_on or today
    if base.decided_on is not None and decided_on < base.decided_on:
        return Refusal("status.decided_before", {"day": base.decided_on})
    mends = decided_on == base.decided_on
    return _cells(
        subtype=draft.subtype or base.subtype,
        level=draft.level or base.level,
        # A change is a new row of a new day; only a mended row keeps what it was applied for.
        applied_on=draft.applied_on or (base.applied_on if mends else None),
        decided_on=decided_on,
        decision_no=draft.decision_no or base.decision_no,
        amount=draft.amount_fen or base.amount_fen or None,
        valid_until=draft.valid_until or base.valid_until,
        ended_on=base.ended_on if mends else None,
        end_reason=base.end_reason if mends else "",
    )


def _ended(draft: Draft, base: Interval, category: Category, reason: str, *, today: date) -> Cells | Refusal:
    ended_on = draft.ended_on or today
    if base.is_void or (base.ended_on is not None and base.ended_on <= ended_on):
        return Refusal("status.ended_already", {"day": base.ended_on})
    return _cells(
        subtype=base.subtype,
        level=base.level,
        applied_on=base.applied_on,
        decided_on=base.decided_on,
        decision_no=draft.decision_no or base.decision_no,
        amount=base.amount_fen or None,
        valid_until=base.valid_until,
        ended_on=ended_on,
        end_reason=category.ends[reason][0],
    )


def is_cut(before: Interval | None, after: Interval, category: Category) -> bool:
    """Whether the person gets less after it 减发、停发: an end, an earlier one, a smaller amount, a lesser level."""
    if before is None or before.is_void:
        return False
    if after.ended_on is not None and (before.ended_on is None or after.ended_on < before.ended_on):
        return True
    if after.amount_fen < before.amount_fen:
        return True
    order = category.dearest_first
    known = before.level in order and after.level in order
    return known and order.index(after.level) > order.index(before.level)


def hearing_for(
    hearings: Iterable[Hearing], interval: Interval, category: Category, reason: str, *, today: date
) -> Hearing | Refusal | None:
    """The hearing that a cut of this interval rests on; None where none is asked for, a refusal where one is missing."""
    if not category.hearing or reason in category.unheard:
        return None
    fits = [one for one in hearings if hearing_fits(one, interval) and one.held_on <= today]
    if not fits:
        return Refusal("status.hearing_missing", {"category": category.name})
    return max(fits, key=lambda one: (one.held_on, one.hearing_id))


def hearing_fits(hearing: Hearing, interval: Interval) -> bool:
    """It was about this category, held since the interval was decided, and no decision rests on it yet."""
    if hearing.is_used or hearing.category != interval.category:
        return False
    return interval.decided_on is None or hearing.held_on >= interval.decided_on


def cut_by(before: Collection[Interval], after: Interval, category: Category) -> Interval | None:
    """The interval that a row cuts: its own as it was, or the one that counted when it was decided; None for no cut."""
    standing = next((one for one in before if one.interval_id == after.interval_id), None)
    if standing is None and after.decided_on is not None:
        counting = in_force(before, after.decided_on)
        standing = next((o for o in before if o.interval_id in counting and o.category == after.category), None)
    return standing if is_cut(standing, after, category) else None


def file_cut_unheard(standing: Interval, after: Interval, category: Category, hearings: Collection[Hearing]) -> bool:
    """Whether a row of a file cuts without a hearing where the law asks for one."""
    if find_code(after.end_reason, category.ends) in category.unheard:
        return False
    return not any(hearing_fits(one, standing) for one in hearings)


def _cells(**given: Any) -> Cells:
    return Cells({key: value for key, value in given.items() if value not in {None, ""}})


def _listed(words: Words) -> str:
    return "、".join(f"{some[0]}[{code}]" for code, some in words.items())
