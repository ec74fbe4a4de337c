"""What the status topic tells of a person: status intervals, stays, assessments, all as they are now."""

from __future__ import annotations

from dataclasses import dataclass

from tuoqi.registry.domain.assessment import Assessment
from tuoqi.registry.domain.status import Interval
from tuoqi.registry.domain.stay import Stay


@dataclass(frozen=True, slots=True)
class CareFacts:
    """By what a person is entitled and graded."""

    intervals: tuple[Interval, ...] = ()
    """In the order in which they were loaded, void ones included."""
    stays: tuple[Stay, ...] = ()
    """By first day."""
    assessments: tuple[Assessment, ...] = ()
    """In the order in which they were loaded."""
