"""Status intervals 身份认定: which rows speak of the same interval, and what a row does to a person's intervals."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from tuoqi.registry.domain.categories import Category, Words, allowed_words, find_code
from tuoqi.registry.domain.cells import Cells, Flaws

IntervalKey = tuple[str, str, str, date | None, date | None]
"""Category, subtype, level, applied_on, decided_on: equal for rows of one person that speak of the same interval."""

_TITLES: Final = {
    "subtype": "子类",
    "level": "等级",
    "amount": "金额",
    "applied_on": "申请日期",
    "decided_on": "认定日期",
    "valid_until": "有效期至",
}


_ENDLESS_PAPER: Final = frozenset({"old_age_accepted"})
"""Categories that `valid_until` does not end."""


@dataclass(frozen=True, slots=True)
class Interval:
    """One status interval by its row in force."""

    interval_id: str
    category: str
    subtype: str
    level: str
    applied_on: date | None
    decided_on: date | None
    ended_on: date | None = None
    valid_until: date | None = None
    amount_fen: int = 0
    decision_no: str = field(default="", repr=False)
    end_reason: str = field(default="", repr=False)
    is_sealed: bool = field(default=False, repr=False)
    """The row named a sealed category; known to the sealed store alone."""
    loaded_order: int = 0

    @property
    def key(self) -> IntervalKey:
        """What makes it one interval."""
        return (self.category, self.subtype, self.level, self.applied_on, self.decided_on)

    @property
    def is_void(self) -> bool:
        """It never was: recorded by mistake and ended before both its beginnings, an empty one passed over."""
        first = min((day for day in (self.applied_on, self.decided_on) if day), default=None)
        return self.ended_on is not None and first is not None and self.ended_on < first

    @property
    def last_day(self) -> date | None:
        """The last day on which it runs; None while it is open. A paper's end does not end an acceptance."""
        ends = [self.ended_on, None if self.category in _ENDLESS_PAPER else self.valid_until]
        return min((day for day in ends if day), default=None)

    def runs_on(self, day: date) -> bool:
        """Whether it runs on the day, first and last day included, other intervals not asked."""
        if self.is_void or self.decided_on is None or self.decided_on > day:
            return False
        return self.last_day is None or day <= self.last_day

    @property
    def told(self) -> tuple[object, ...]:
        """What others are told of it, the order of loading apart."""
        return (self.ended_on, self.valid_until, self.amount_fen)


@dataclass(frozen=True, slots=True)
class Applied:
    """What a row did."""

    intervals: tuple[Interval, ...]
    saved: Interval | None
    """The interval to be stored; None where the row changes nothing."""
    is_told: bool
    """Others must hear of it."""


def read_interval(cells: Cells, category: Category, flaws: Flaws, *, today: date, born: date) -> Interval | None:
    """The interval that a row speaks of, without id and order; None where the row is rejected."""
    words = {
        "subtype": _word(cells, "subtype", category.subtypes, flaws),
        "level": _word(cells, "level", category.levels, flaws),
    }
    for column in sorted(category.required):
        if column not in cells.given:
            flaws.reject(column, "", f"类别“{category.name}”必须填写{_TITLES[column]}。")
    amount = _amount(cells, category, flaws)
    flaws.check_days(cells, ("applied_on", "decided_on"), today=today, born=born)
    flaws.check_birth(cells, ("ended_on", "valid_until"), born=born)
    if flaws.is_rejected():
        return None
    kept_as = category.sealed_as
    return Interval(
        interval_id="",
        category=kept_as[0] if kept_as else category.key,
        subtype=kept_as[1] if kept_as else words["subtype"],
        level=words["level"],
        applied_on=cells.day("applied_on"),
        decided_on=cells.day("decided_on"),
        ended_on=cells.day("ended_on"),
        valid_until=cells.day("valid_until"),
        amount_fen=amount,
        decision_no=cells.text("decision_no"),
        end_reason=cells.text("end_reason"),
        is_sealed=kept_as is not None,
    )


def apply_row(intervals: Sequence[Interval], row: Interval, *, new_id: str, order: int) -> Applied:
    """The intervals after a row. The row replaces the interval it speaks of whole, else it is another interval.

    A row that says what is stored already still makes its interval the one loaded last: that is kept where another
    interval of the category with the same day of decision was loaded after it, for then it decides which one counts.
    """
    same = next((one for one in intervals if one.key == row.key), None)
    if same is None:
        added = replace(row, interval_id=new_id, loaded_order=order)
        return Applied((*intervals, added), added, is_told=True)
    after = replace(row, interval_id=same.interval_id, loaded_order=order)
    if replace(after, loaded_order=same.loaded_order) == same and not _is_overtaken(same, intervals):
        return Applied(tuple(intervals), None, is_told=False)
    is_told = after.told != same.told or _is_overtaken(same, intervals)
    if not is_told:
        # Only sealed texts differ: stored, but neither told nor counted as a later load, or the order would tell it.
        after = replace(after, loaded_order=same.loaded_order)
    return Applied(tuple(after if one is same else one for one in intervals), after, is_told=is_told)


def in_force(intervals: Collection[Interval], day: date) -> set[str]:
    """The ids of those that count on the day: in each category the one decided last by then, if it still runs."""
    latest: dict[str, Interval] = {}
    for one in intervals:
        if one.is_void or one.decided_on is None or one.decided_on > day:
            continue
        rival = latest.get(one.category)
        if rival is None or (one.decided_on, one.loaded_order) > (rival.decided_on, rival.loaded_order):
            latest[one.category] = one
    return {one.interval_id for one in latest.values() if one.runs_on(day)}


def _is_overtaken(interval: Interval, intervals: Collection[Interval]) -> bool:
    return interval.decided_on is not None and any(
        other.category == interval.category
        and other.decided_on == interval.decided_on
        and other.loaded_order > interval.loaded_order
        for other in intervals
    )


def _word(cells: Cells, column: str, allowed: Words, flaws: Flaws) -> str:
    value = cells.text(column)
    if not value or not allowed:
        return value
    code = find_code(value, allowed)
    if not code:
        flaws.reject(column, value, f"不在允许的范围内，可填：{allowed_words(allowed)}。")
    return code


def _amount(cells: Cells, category: Category, flaws: Flaws) -> int:
    amount = cells.given.get("amount")
    if amount is None:
        return 0
    if not category.has_amount:
        flaws.warn("amount", "", f"类别“{category.name}”不带金额，此金额未读入。")
        return 0
    if amount <= 0:
        flaws.reject("amount", "", "金额必须大于零。")
    return int(amount)
