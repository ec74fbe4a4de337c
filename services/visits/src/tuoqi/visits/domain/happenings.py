"""What can happen to a plan, told in the order of happening; handlers turn these into events.

`at` is the county's own moment of it: 00:00 after the deadline for one that was missed, however late the check runs.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class OverdueState(StrEnum):
    """What became of a missed deadline 逾期."""

    OPEN = "OPEN"
    MADE_UP = "MADE_UP"  # seen after the deadline 补访
    CLEARED = "CLEARED"  # seen in time, as a late record shows 补录
    WITHDRAWN = "WITHDRAWN"  # was dead, away or in a facility that day 撤销
    ENDED = "ENDED"  # the plan closed first 终止


class TriesEnd(StrEnum):
    """How an alert about two failed tries ends."""

    VISITED = "visited"
    LATE_RECORD = "late_record"
    PLAN_ENDED = "plan_ended"


@dataclass(frozen=True, slots=True)
class PlanOpened:
    """A plan 探访计划 began; `number` counts the person's plans from 1."""

    at: datetime
    number: int
    grade: str
    window_first: date
    deadline: date


@dataclass(frozen=True, slots=True)
class PlanRegraded:
    """The running plan got another grade; its window may have become shorter."""

    at: datetime
    number: int
    grade: str
    grade_before: str
    window_first: date
    deadline: date


@dataclass(frozen=True, slots=True)
class PlanClosed:
    """The running plan ended; `reason` is death, move, facility, merged or no_grade."""

    at: datetime
    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class OverdueFound:
    """A deadline passed without a visit. The person and the deadline name it: no two share both."""

    at: datetime
    number: int
    grade: str
    window_first: date
    deadline: date


@dataclass(frozen=True, slots=True)
class OverduesChanged:
    """Everything that one moment changed in overdue visits, in order of deadline; the last of one moment.

    They stand together because what closes an alert goes by the latest deadline among them.
    """

    at: datetime
    changes: tuple[tuple[date, OverdueState], ...]


@dataclass(frozen=True, slots=True)
class TwoTriesFailed:
    """The last two tries of the running plan failed."""

    at: datetime
    number: int
    grade: str


@dataclass(frozen=True, slots=True)
class FailedTryJoined:
    """A further failed try while the alert about two of them is open."""

    at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class TwoTriesEnded:
    """The alert about two failed tries is over."""

    at: datetime
    number: int
    closed_as: TriesEnd


Happening = (
    PlanOpened
    | PlanRegraded
    | PlanClosed
    | OverdueFound
    | OverduesChanged
    | TwoTriesFailed
    | FailedTryJoined
    | TwoTriesEnded
)
