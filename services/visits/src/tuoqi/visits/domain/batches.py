"""Extra tasks that are ordered together 一批临时任务: by a person, by a weather warning, by the death of a carer."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

ORDER = "order"
WARNING = "warning"
CARER = "carer"


@dataclass(frozen=True, slots=True)
class Scope:
    """Who is concerned: named people, else everybody in the regions with one of the grades and categories."""

    regions: tuple[str, ...] = ()
    grades: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskBatch:
    """All tasks of one cause.

    `filled`: everybody concerned has a task by now, and it was told how many there are. A warning goes on standing
    after that: whoever comes to be concerned while it holds gets a task too, due `late_hours` later where the common
    moment has passed. `settled_at` is when none was open any more, told once.
    """

    cause_id: str
    kind: str
    source: str
    scope: Scope
    opened_at: datetime
    due_at: datetime
    late_hours: int = 24
    ends_at: datetime | None = None
    ordered_by: str = ""
    version: int = 0
    ended_at: datetime | None = None
    filled: bool = False
    settled_at: datetime | None = None
    done: int = 0
    ended: int = 0

    def asks_the_same(self, other: "TaskBatch") -> bool:
        """Whether another order under this cause is this one again."""
        mine, its = (self.kind, self.source, self.scope), (other.kind, other.source, other.scope)
        return mine == its and self.ordered_by == other.ordered_by

    def due_from(self, at: datetime) -> datetime:
        """By when somebody must be seen who comes to be concerned at this moment."""
        return self.due_at if at < self.due_at else at + timedelta(hours=self.late_hours)

    def end(self, at: datetime) -> "TaskBatch":
        """The batch taken back, or its warning over: no further task is made of it."""
        return self if self.ended_at is not None else replace(self, ended_at=at)
