"""What visits knows of one person: only what a grade, a withdrawal or a closing can depend on.

The facts arrive by the registry's events, whole each time; nothing here says how they were learnt. Corrections (a
mended interval, a withdrawn death) have been applied by the registry already: a fact that is gone is simply absent.
"""

from dataclasses import dataclass
from datetime import date

DEATH = "death"
MOVE = "move"
FACILITY = "facility"
MERGED = "merged"


@dataclass(frozen=True, slots=True)
class StatusInterval:
    """One recognised status 身份认定 of the person, as its row stands now.

    `order` rises with each load of a row, so that of two intervals decided on one day the later loaded one counts.
    """

    category: str
    decided_on: date | None
    subtype: str = ""
    level: str = ""
    applied_on: date | None = None
    ended_on: date | None = None
    valid_until: date | None = None
    order: int = 0

    @property
    def is_void(self) -> bool:
        """Voided 作废: ended before both its application and its decision, an empty one of the two passed over."""
        starts = [day for day in (self.applied_on, self.decided_on) if day is not None]
        return self.ended_on is not None and bool(starts) and all(self.ended_on < day for day in starts)

    @property
    def last_day(self) -> date | None:
        """The last day in force: the earlier of the end and the validity; None while open."""
        return min((day for day in (self.ended_on, self.valid_until) if day is not None), default=None)


@dataclass(frozen=True, slots=True)
class Absence:
    """Away from the county's hukou 迁出: the day of the move is still a day here, the day of return is one again."""

    moved_out_on: date
    returned_on: date | None = None


@dataclass(frozen=True, slots=True)
class Stay:
    """A stay in a facility 入住, first and last day included."""

    facility: str
    first_day: date
    last_day: date | None = None

    def covers(self, day: date) -> bool:
        """Whether the person lives in the facility on `day`."""
        return self.first_day <= day and (self.last_day is None or day <= self.last_day)


@dataclass(frozen=True, slots=True)
class GuardianshipScore:
    """The total of one guardianship assessment 监护评估; `order` as in `StatusInterval`."""

    assessed_on: date
    score: int
    order: int = 0


@dataclass(frozen=True, slots=True)
class CareFacts:
    """What the registry tells of a person at once, each time whole, beside who the person is."""

    statuses: tuple[StatusInterval, ...] = ()
    stays: tuple[Stay, ...] = ()
    scores: tuple[GuardianshipScore, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """All that decides a grade on one day besides the age: the same from one turning day of the person to the next.

    `absent` says why nobody is to be visited, and then nothing else stands here; `statuses` are those in force, in
    order: category, subtype, level.
    """

    absent: str = ""
    score: int | None = None
    statuses: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """All that is known of one person at one moment."""

    birth_date: date
    died_on: date | None = None
    absences: tuple[Absence, ...] = ()
    statuses: tuple[StatusInterval, ...] = ()
    stays: tuple[Stay, ...] = ()
    scores: tuple[GuardianshipScore, ...] = ()
    merged: bool = False
    """This file is a second one of somebody else 并档, who is visited in its place."""

    def in_force(self, category: str, day: date) -> StatusInterval | None:
        """The interval of `category` in force on `day`.

        The one decided last by then counts alone: when it has ended, an earlier one does not revive.
        """
        decided = [
            (one.decided_on, one.order, one)
            for one in self.statuses
            if one.category == category and one.decided_on is not None and one.decided_on <= day and not one.is_void
        ]
        if not decided:
            return None
        last = max(decided, key=lambda entry: entry[:2])[2]
        return last if last.last_day is None or day <= last.last_day else None

    def guardianship_score(self) -> int | None:
        """The score of the latest assessment, None where there is none."""
        latest = max(self.scores, key=lambda one: (one.assessed_on, one.order), default=None)
        return None if latest is None else latest.score

    def standing(self, day: date) -> Standing:
        """What decides the grade on `day`."""
        absent = self.not_visited(day)
        if absent:
            return Standing(absent)
        last = (self.in_force(category, day) for category in sorted({one.category for one in self.statuses}))
        statuses = tuple((one.category, one.subtype, one.level) for one in last if one is not None)
        return Standing("", self.guardianship_score(), statuses)

    def not_visited(self, day: date) -> str:
        """Why nobody is to be visited on `day` ('' where somebody is): the days of death and of a move still count."""
        if self.merged:
            return MERGED
        if self.died_on is not None and day > self.died_on:
            return DEATH
        if any(a.moved_out_on < day and (a.returned_on is None or day < a.returned_on) for a in self.absences):
            return MOVE
        return FACILITY if any(stay.covers(day) for stay in self.stays) else ""

    def excuses(self, day: date) -> bool:
        """Whether a visit missed on `day` is nobody's fault.

        So it is from the day of death, from that of a move to the one before the return, and on every day of a stay.
        """
        if self.died_on is not None and day >= self.died_on:
            return True
        if any(a.moved_out_on <= day and (a.returned_on is None or day < a.returned_on) for a in self.absences):
            return True
        return any(stay.covers(day) for stay in self.stays)
