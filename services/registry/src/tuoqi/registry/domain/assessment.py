"""Assessments 评估: a scale applied to a person on a day, its score and what level follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Assessment:
    """One assessment, as it was loaded; it is never changed, a later one takes its place."""

    assessment_id: str
    scale: str
    assessed_on: date
    score: int
    """The sum of the items."""
    level: str
    """The level that the platform computed; empty where the scale has none."""
    loaded_order: int
    """Rises with every row loaded for the person: of equal dates the higher one counts."""
    private: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sealed: answers, assessors, the level as they wrote it, reasons of a change."""
    known_at: datetime | None = field(default=None, compare=False)
    """When it became known; None until it is stored."""
