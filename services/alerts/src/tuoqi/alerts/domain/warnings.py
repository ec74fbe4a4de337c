"""One weather warning 气象预警 as the county took it over: where, which colour, until when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class WeatherWarning:
    """A warning; `source_key` is its number at its source, `tasks_due_at` None where nobody need be seen."""

    warning_id: str
    version: int
    source_key: str
    kind: str
    colour: str
    regions: tuple[str, ...]
    begins_at: datetime
    ends_at: datetime | None
    tasks_due_at: datetime | None
    issued_at: datetime
    issued_by: str
    ended_at: datetime | None = None
    ended_by: str = ""

    @property
    def book(self) -> str:
        """The book in which its alerts stand, one for each region: they end with this warning and no other."""
        return f"warning:{self.warning_id}"


def prefix(code: str) -> str:
    """What the codes of all regions below this one begin with: 6 digits of a county, 9 of a township, else all 12."""
    for digits in (2, 4, 6, 9):
        if not code[digits:].strip("0"):
            return code[:digits]
    return code


def outermost(codes: Iterable[str]) -> tuple[str, ...]:
    """The regions without those that lie in another one of them, in order."""
    kept: list[str] = []
    for code in sorted(set(codes), key=lambda one: (len(prefix(one)), one)):
        if not any(code.startswith(prefix(other)) for other in kept):
            kept.append(code)
    return tuple(sorted(kept))
