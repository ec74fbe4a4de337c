"""Figures 统计指标 of visits, services, activities and pairings: what a definition of the county's file may count."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from tuoqi.visits.domain.fields import PolicyError, items, mapping, number, one_of, text, texts, truth

PERSONS = "persons"
TIMES = "times"
COUNTS = (PERSONS, TIMES, "sessions", "materials", "places", "helpers", "children")
SERVED = ("visits", "services", "attendance")
UNITS = {"人": 0, "名": 0, "人次": 0, "万人次": 4, "场次": 0, "次": 0, "份": 0, "万份": 4, "所": 0, "处": 0}
"""Unit → decimals of a count."""
TOLD_FROM = 5
"""Of a sensitive figure fewer than this are not told by themselves."""
OLDER_THAN_ANYBODY = 200
_ID = re.compile(r"[A-Z]{2,6}-\d{3}")


@dataclass(frozen=True, slots=True)
class Figure:
    """One definition. Empty lists let everything pass."""

    figure_id: str
    name: str
    unit: str
    counts: str
    of: tuple[str, ...] = ()
    """Of persons and times: visits, services, attendance."""
    kinds: tuple[str, ...] = ()
    """Kinds of activities, for everything but `of` visits and services."""
    services: tuple[str, ...] = ()
    """Kinds of services."""
    grades: tuple[str, ...] = ()
    """Only people whose plan had one of these grades on the day."""
    pairings: tuple[str, ...] = ()
    age_from: int = 0
    age_below: int = OLDER_THAN_ANYBODY
    """Completed years on the day; who was only counted has no age and passes where neither is said."""
    is_sensitive: bool = False

    @property
    def is_distinct(self) -> bool:
        """Whether persons are counted, each once: 人."""
        return self.counts in (PERSONS, "helpers", "children")

    @property
    def knows_persons(self) -> bool:
        """Whether a filter asks who it was: then only what names somebody can pass."""
        return bool(self.grades) or self.knows_age

    @property
    def knows_age(self) -> bool:
        """Whether a filter asks for the age."""
        return self.age_from > 0 or self.age_below < OLDER_THAN_ANYBODY

    @property
    def decimals(self) -> int:
        """How many decimals its whole number has."""
        return UNITS[self.unit]


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A rule between two figures: the first is never less than the second."""

    figure_id: str
    least: str


@dataclass(frozen=True, slots=True)
class Figures:
    """All definitions of a county, in their order."""

    figures: tuple[Figure, ...] = ()
    rules: tuple[AtLeast, ...] = ()
    version: str = ""
    """SHA-256 of what they say."""

    def named(self, figure_ids: Sequence[str]) -> tuple[Figure, ...]:
        """These, or all where none is named; KeyError names one that the county has not."""
        known = {figure.figure_id: figure for figure in self.figures}
        return tuple(known[one] for one in figure_ids) if figure_ids else self.figures

    def broken(self, values: Mapping[str, int]) -> list[AtLeast]:
        """The rules that do not hold between these values, each in units of one; what was not counted is not judged."""
        return [
            rule
            for rule in self.rules
            if rule.figure_id in values and rule.least in values and values[rule.figure_id] < values[rule.least]
        ]


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day to the last, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of a figure; `value` is None where it is too small to be told."""

    key: str
    value: int | None
    approximate: bool = False
    named: int = 0
    unnamed: int = 0
    is_rest: bool = False


def told(figure: Figure, parts: Sequence[Cell]) -> list[Cell]:
    """The parts of a breakdown; of a sensitive figure the small ones are told together, or not at all."""
    small = [cell for cell in parts if figure.is_sensitive and (cell.value or 0) < TOLD_FROM]
    cells = [cell for cell in parts if cell not in small]
    if small:
        value = sum(cell.value or 0 for cell in small)
        cells.append(
            Cell(
                "",
                value if value >= TOLD_FROM else None,
                any(cell.approximate for cell in small),
                sum(cell.named for cell in small) if value >= TOLD_FROM else 0,
                sum(cell.unnamed for cell in small) if value >= TOLD_FROM else 0,
                is_rest=True,
            )
        )
    return cells


@dataclass(frozen=True, slots=True)
class Known:
    """What definitions may name; None lets every code pass."""

    kinds: Collection[str] | None = field(default=None)
    services: Collection[str] | None = field(default=None)


def parse_figures(data: object, known: Known | None = None) -> Figures:
    """The definitions of a file `{figures: […], at_least: […]}`. Raises PolicyError."""
    top = mapping(data, "", {"county", "figures", "at_least"})
    figures = tuple(_figure(one, path, known or Known()) for one, path in items(top.get("figures"), "figures"))
    ids = [figure.figure_id for figure in figures]
    for place, figure_id in enumerate(ids):
        if figure_id in ids[:place]:
            raise PolicyError(f"figures[{place}].id", f"“{figure_id}”写了两次")
    rules = []
    for one, path in items(top["at_least"], "at_least") if "at_least" in top else ():
        row = mapping(one, path, {"id", "least"})
        rules.append(AtLeast(one_of(row.get("id"), f"{path}.id", ids), one_of(row.get("least"), f"{path}.least", ids)))
    said = json.dumps(data, ensure_ascii=False, sort_keys=True, default=str)
    return Figures(figures, tuple(rules), hashlib.sha256(said.encode()).hexdigest())


_FIELDS = {
    "id",
    "name",
    "unit",
    "count",
    "of",
    "kinds",
    "services",
    "grades",
    "pairings",
    "age_from",
    "age_below",
    "sensitive",
}


def _figure(data: object, path: str, known: Known) -> Figure:
    row = mapping(data, path, _FIELDS)
    figure_id = text(row.get("id"), f"{path}.id")
    if not _ID.fullmatch(figure_id):
        raise PolicyError(f"{path}.id", "应为指标编号，如 IND-028")
    counts = one_of(row.get("count"), f"{path}.count", COUNTS)
    of = tuple(one_of(one, f"{path}.of", SERVED) for one in texts(row, "of", path))
    if (counts in (PERSONS, TIMES)) != bool(of):
        raise PolicyError(f"{path}.of", "count 为 persons 或 times 时须写明 of，其他不写")
    kinds, services = texts(row, "kinds", path), texts(row, "services", path)
    for name, codes, allowed in (("kinds", kinds, known.kinds), ("services", services, known.services)):
        if allowed is not None:
            for code in codes:
                one_of(code, f"{path}.{name}", allowed)
    return Figure(
        figure_id=figure_id,
        name=text(row.get("name"), f"{path}.name"),
        unit=one_of(row.get("unit"), f"{path}.unit", UNITS),
        counts=counts,
        of=of,
        kinds=kinds,
        services=services,
        grades=texts(row, "grades", path),
        pairings=texts(row, "pairings", path),
        age_from=number(row, "age_from", path, 0),
        age_below=number(row, "age_below", path, OLDER_THAN_ANYBODY, least=1),
        is_sensitive=truth(row, "sensitive", path),
    )
