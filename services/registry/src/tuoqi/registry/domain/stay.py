"""Stays 入住: who lives in which facility, from when to when."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay. Person, facility and first day make it; a row with the same three replaces it."""

    stay_id: str
    facility: str
    began_on: date
    ended_on: date | None = None
    """The last day, still a day of the stay; None while it goes on."""
    bed: str = ""
    known_at: datetime | None = field(default=None, compare=False)
    """When this version became known; None until it is stored."""

    def covers(self, day: date) -> bool:
        """Whether the person lives there on that day, first and last day included."""
        return self.began_on <= day and (self.ended_on is None or day <= self.ended_on)
