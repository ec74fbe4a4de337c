"""What payments knows about one person at a cut-off, and which of it counts in a month.

Everything here is frozen: the caller gives the facts as they were known at the moment that matters, never newer ones.
A status interval 身份认定 is the row in force; how rows replace each other is the registry's business.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from tuoqi.payments.domain.months import Month, month_after
from tuoqi.payments.domain.spans import BEGINNING, FOREVER, Range, subtract, union

COUNTY_DIGITS = 6
"""A region's code begins with the six digits of its county 县级区划."""


@dataclass(frozen=True, slots=True)
class Absence:
    """A move out of the county's household register 户籍迁出, and the return where there was one."""

    moved_out_on: date
    returned_on: date | None = None


@dataclass(frozen=True, slots=True)
class HukouKnown:
    """From this day on the register 户籍 is in this region; the first of a history holds for all time before."""

    known_on: date
    region: str


@dataclass(frozen=True, slots=True)
class Grant:
    """An amount granted 一次性救助 to a person for one programme and month, as known and not taken back at the cut-off."""

    grant_id: str
    programme: str
    benefit_month: Month
    amount_fen: int


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """One person as payments knows them; sequences are in the order in which their entries took effect.

    `certified_on` are the days on which the person was seen alive 生存认证, rising.
    """

    person_id: str
    birth_date: date
    died_on: date | None = None
    absences: tuple[Absence, ...] = ()
    hukou: tuple[HukouKnown, ...] = ()
    grants: tuple[Grant, ...] = ()
    certified_on: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class Interval:
    """One status interval as its row in force says; `loaded_seq` orders rows by when they were loaded."""

    category: str
    subtype: str
    level: str
    applied_on: date | None
    decided_on: date | None
    ended_on: date | None
    valid_until: date | None
    amount_fen: int | None
    loaded_seq: int

    @property
    def is_void(self) -> bool:
        """Recorded by mistake: its end lies before both its application and its decision, an empty one passed over."""
        if self.ended_on is None:
            return False
        began = [day for day in (self.applied_on, self.decided_on) if day is not None]
        return bool(began) and self.ended_on < min(began)

    @property
    def is_decided(self) -> bool:
        """Whether it can count at all: decided and not void."""
        return self.decided_on is not None and not self.is_void

    @property
    def last_day(self) -> date | None:
        """The earlier of its end and the end of its validity; None while it runs on."""
        days = [day for day in (self.ended_on, self.valid_until) if day is not None]
        return min(days, default=None)


@dataclass(frozen=True, slots=True)
class Counting:
    """The months in which one interval is the one that counts and runs."""

    first: int
    last: int
    interval: Interval


def decided_day(interval: Interval) -> date:
    """The day of decision of an interval known to be decided."""
    if interval.decided_on is None:
        raise ValueError("asked for the decision of an interval that has none")
    return interval.decided_on


def after_decision(interval: Interval) -> Month:
    """The start rule of most programmes: the month after the decision."""
    return month_after(decided_day(interval))


def of_decision(interval: Interval) -> Month:
    """The month of the decision itself, like that of attending a school."""
    return Month.of(decided_day(interval))


def of_application(interval: Interval) -> Month:
    """The month of the application; where nobody applied (a re-assessment) the month after the decision."""
    return after_decision(interval) if interval.applied_on is None else Month.of(interval.applied_on)


def after_application(interval: Interval) -> Month:
    """The month after the application; where nobody applied the month after the decision."""
    return after_decision(interval) if interval.applied_on is None else month_after(interval.applied_on)


STARTS: dict[str, Callable[[Interval], Month]] = {
    "month_after_decision": after_decision,
    "month_of_decision": of_decision,
    "month_of_application": of_application,
    "month_after_application": after_application,
}
"""Name of a start rule → first month of an interval; `policy_rules.STARTS` has the same names."""


def ruling(intervals: Sequence[Interval], first_month: Callable[[Interval], int]) -> list[Counting]:
    """Which interval of one category rules in which months, whether it still runs in them or not.

    Of those whose first month has come, the one decided last rules alone (equal dates: loaded last); an earlier one
    never revives. Void and undecided ones are passed over, one that ended before its first month is not.
    """
    begun = sorted(
        ((first_month(one), decided_day(one), one.loaded_seq, one) for one in intervals if one.is_decided),
        key=lambda entry: entry[:3],
    )
    rulers: list[tuple[int, date, int, Interval]] = []
    for entry in begun:
        if not rulers or entry[1:3] > rulers[-1][1:3]:
            rulers.append(entry)
    following = [entry[0] for entry in rulers[1:]] + [FOREVER + 1]
    return [
        Counting(first, after - 1, interval)
        for (first, _, _, interval), after in zip(rulers, following, strict=False)
        if first < after
    ]


def counting(intervals: Sequence[Interval], first_month: Callable[[Interval], int]) -> list[Counting]:
    """The months in which the ruling interval still runs: its last month is that of its end."""
    runs = []
    for rule in ruling(intervals, first_month):
        ended = rule.interval.last_day
        last = rule.last if ended is None else min(rule.last, Month.of(ended))
        if rule.first <= last:
            runs.append(Counting(rule.first, last, rule.interval))
    return runs


def present(facts: PersonFacts) -> list[Range]:
    """The months that neither death nor a move closes: those of death, of the move and of the return stay open."""
    last = FOREVER if facts.died_on is None else int(Month.of(facts.died_on))
    here = [(BEGINNING, last)]
    if not facts.absences:
        return here
    return subtract(here, [away(absence) for absence in facts.absences])


def away(absence: Absence) -> Range:
    """The months that an absence closes; empty (first after last) where the return lies in the month of the move."""
    back = FOREVER if absence.returned_on is None else Month.of(absence.returned_on) - 1
    return (Month.of(absence.moved_out_on) + 1, back)


def hukou_inside(history: Sequence[HukouKnown], county: str) -> list[Range]:
    """The months on any day of which the household register was in the county."""
    inside: list[Range] = []
    for position, entry in enumerate(history):
        if entry.region[:COUNTY_DIGITS] != county[:COUNTY_DIGITS]:
            continue
        first = Month.of(entry.known_on) if position else BEGINNING
        later = history[position + 1 :]
        if not later:
            inside.append((first, FOREVER))
        elif not position or later[0].known_on > entry.known_on:
            inside.append((first, Month.of(later[0].known_on - timedelta(days=1))))
    return union(inside)
