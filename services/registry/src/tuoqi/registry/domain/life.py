"""Days in a life that others act on 人生节点: which there are, as the county's policy says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from tuoqi.registry.domain.categories import PolicyError

AGE_MAX: Final = 150
MONTHS_MAX: Final = 120


@dataclass(frozen=True, slots=True)
class LifeRules:
    """What is told on its day."""

    ages: Mapping[str, int] = field(default_factory=dict)
    """Kind → completed years."""
    certificates: Mapping[str, int] = field(default_factory=dict)
    """Kind → months before the last day of a certificate; 0 = on that day."""


def read_life(documents: Sequence[Mapping[str, Any]]) -> LifeRules:
    """The rules from the content of policy files; none where no file has `life`. Raises PolicyError."""
    ages: dict[str, int] = {}
    certificates: dict[str, int] = {}
    for document in documents:
        content = document.get("life", {})
        if not isinstance(content, dict) or content.keys() - {"ages", "certificates"}:
            raise PolicyError("`life` holds `ages` and `certificates`")
        ages |= _numbers("ages", content.get("ages", {}), AGE_MAX)
        certificates |= _numbers("certificates", content.get("certificates", {}), MONTHS_MAX)
    if both := ages.keys() & certificates.keys():
        raise PolicyError(f"life: {sorted(both)} stands in both lists")
    return LifeRules(ages, certificates)


def completed_years(birth_date: date, day: date) -> int:
    """Age on the day; a 29 February birthday counts as 28 February in common years."""
    years = day.year - birth_date.year
    return years if day >= birthday(birth_date, years) else years - 1


def birthday(birth_date: date, age: int) -> date:
    """The day on which so many years are completed."""
    try:
        return birth_date.replace(year=birth_date.year + age)
    except ValueError:
        return date(birth_date.year + age, 2, 28)


def _numbers(name: str, content: object, most: int) -> dict[str, int]:
    if not isinstance(content, dict):
        raise PolicyError(f"life: `{name}` maps kinds to numbers")
    for kind, number in content.items():
        if not isinstance(kind, str) or not isinstance(number, int) or not 0 <= number <= most:
            raise PolicyError(f"life: {name}: {kind!r}: a number from 0 to {most} is expected")
    return dict(content)
