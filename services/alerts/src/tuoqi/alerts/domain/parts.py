"""What an alert is made of besides its own fields: its subject, causes, steps, acts, a proposal to close."""

from dataclasses import dataclass
from datetime import date, datetime

PERSON = "person"
FACILITY = "facility"
WATER_POINT = "water_point"
REGION = "region"
INSTRUCTION = "instruction"
UNKNOWN = "unknown"
"""Somebody whom the register does not know, or whose name nobody could tell: an alert of his own each time."""
SUBJECTS = frozenset({PERSON, FACILITY, WATER_POINT, REGION, INSTRUCTION, UNKNOWN})


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something that proves an act 佐证: its kind (photo, document, …) and a content hash or an attachment's id."""

    kind: str
    ref: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What an alert is about: `kind` is person, facility, water_point, region, instruction or unknown.

    `region` says where it lies; empty for a person (who may move) and where nobody knows.
    """

    kind: str
    id: str
    region: str = ""

    @property
    def book(self) -> str:
        """The key of the book that its alerts stand in."""
        return self.id if self.kind == PERSON else f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True)
class Cause:
    """One missed visit behind an alert, named by its deadline; an extra task has its id (`ref`) beside."""

    deadline: date
    is_open: bool = True
    ref: str = ""

    @property
    def name(self) -> str:
        """What a later event calls it by."""
        return self.ref or self.deadline.isoformat()


@dataclass(frozen=True, slots=True)
class Escalation:
    """One step that was taken, and when it was due."""

    step: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """One act that somebody recorded: what, when, who, and what proves it."""

    what: str
    at: datetime
    by: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A closing that waits for a second person."""

    outcome: str
    by: str
    at: datetime
    evidence: tuple[Evidence, ...] = ()
