"""Scales 量表 as the county's policy lists them: items, most points, bands of the score, reasons that change a level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tuoqi.registry.domain.categories import PolicyError, Words

_KEYS: Final = frozenset({"name", "assessors", "all_items", "other_items", "items", "levels", "reasons"})


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a scale."""

    name: str
    points: int
    """The most points it can have; the least are none."""


@dataclass(frozen=True, slots=True)
class Band:
    """The scores from which on a level holds, up to the next band's."""

    level: str
    score_from: int


@dataclass(frozen=True, slots=True)
class Reason:
    """What sets another level than the score does 等级变更条款: answered 1 where it holds, and it has no points."""

    name: str
    level: str


@dataclass(frozen=True, slots=True)
class Scale:
    """The rules of one scale."""

    key: str
    name: str
    items: Mapping[str, Item]
    bands: tuple[Band, ...] = ()
    """By rising score; empty where the scale has no levels."""
    levels: Words = field(default_factory=dict)
    reasons: Mapping[str, Reason] = field(default_factory=dict)
    assessors: int = 1
    """How many must sign."""
    all_items: bool = False
    """An item without an answer keeps the row out."""
    other_items: bool = False
    """Items that are not listed are taken too, with a warning."""

    def level_of(self, score: int) -> str:
        """The level that follows from the score alone; empty where the scale has none."""
        return next((band.level for band in reversed(self.bands) if score >= band.score_from), "")


def read_scales(documents: Iterable[Mapping[str, Any]]) -> dict[str, Scale]:
    """The scales by key, from the content of policy files. Raises PolicyError."""
    found: dict[str, Scale] = {}
    for document in documents:
        for key, entry in _mapping("scales", document.get("scales", {})).items():
            if key in found:
                raise PolicyError(f"scale {key} is listed twice")
            found[key] = _read(key, _mapping(key, entry))
    return found


def _read(key: str, entry: Mapping[str, Any]) -> Scale:
    if unknown := entry.keys() - _KEYS:
        raise PolicyError(f"scale {key}: unknown {sorted(unknown)}")
    items = {
        code: Item(str(item["name"]), _points(key, item["points"]))
        for code, item in _mapping(key, entry.get("items", {})).items()
    }
    levels = _mapping(key, entry.get("levels", {}))
    bands = sorted(
        (Band(level, _points(key, one["from"])) for level, one in levels.items()), key=lambda band: band.score_from
    )
    if bands and bands[0].score_from:
        raise PolicyError(f"scale {key}: no level begins at 0")
    reasons = {
        code: Reason(str(one["name"]), str(one["level"]))
        for code, one in _mapping(key, entry.get("reasons", {})).items()
    }
    if not items or any(one.level not in levels for one in reasons.values()) or items.keys() & reasons.keys():
        raise PolicyError(f"scale {key}: items, and reasons of other names with a level of the scale are expected")
    return Scale(
        key=key,
        name=str(entry.get("name", key)),
        items=items,
        bands=tuple(bands),
        levels={level: (str(one["name"]),) for level, one in levels.items()},
        reasons=reasons,
        assessors=_points(key, entry.get("assessors", 1)),
        all_items=bool(entry.get("all_items", False)),
        other_items=bool(entry.get("other_items", False)),
    )


def _mapping(where: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise PolicyError(f"{where}: a mapping with quoted names is expected")
    return value


def _points(key: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise PolicyError(f"scale {key}: {value!r} is no number of points")
    return value
