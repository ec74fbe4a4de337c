"""A worker's day 当日走访名单: whom to visit today, and why."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

OVERDUE, TASK, DEADLINE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason to visit somebody: a missed visit, an extra task, or a window that ends soon."""

    person_id: str
    region: str
    grade: str
    rank: int
    kind: str
    """The kind of an extra task; empty for the others."""
    due_on: date
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DayVisit:
    """One person of the day with every reason, the most urgent first."""

    person_id: str
    region: str
    grade: str
    reasons: tuple[Reason, ...]

    @property
    def first(self) -> Reason:
        """The most urgent reason."""
        return self.reasons[0]

    def cannot_wait(self, day: date) -> bool:
        """Whether tomorrow would be too late: missed already, or due by the end of the day."""
        return any(one.rank == OVERDUE or one.due_on <= day for one in self.reasons)


@dataclass(frozen=True, slots=True)
class Day:
    """The day's people; `more` could be visited too, but the day is full."""

    visits: tuple[DayVisit, ...]
    more: int


def plan_day(reasons: Iterable[Reason], day: date, capacity: int) -> Day:
    """Whoever cannot wait, however many, then others by urgency until the day is full.

    `reasons` come in order of urgency. Capacity never hides somebody for whom tomorrow would be too late.
    """
    found: dict[str, DayVisit] = {}
    for one in reasons:
        visit = found.get(one.person_id)
        if visit is None:
            found[one.person_id] = DayVisit(one.person_id, one.region, one.grade, (one,))
        else:
            found[one.person_id] = replace(visit, reasons=(*visit.reasons, one))
    must = [visit for visit in found.values() if visit.cannot_wait(day)]
    may = [visit for visit in found.values() if not visit.cannot_wait(day)]
    room = max(0, capacity - len(must))
    return Day((*must, *may[:room]), len(may[room:]))
