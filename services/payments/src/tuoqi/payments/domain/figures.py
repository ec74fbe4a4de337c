"""Figures 统计指标 of what was paid: what a definition of the county's file may count, and how small counts are hidden."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy_fields import Node, PolicyError, distinct

FIGURES_FILE = "figures.yaml"
AMOUNT = "amount"
PERSON_MONTHS = "person_months"
PERSONS = "persons"
EVERY_MONTH = "every_month"
GOODS = "goods"
COUNTS = (AMOUNT, PERSON_MONTHS, PERSONS, EVERY_MONTH, GOODS)
MONEY = (AMOUNT, GOODS)

MONEY_UNITS = {"元": 2, "万元": 6, "亿元": 10}
"""Unit of money → decimals of a sum in fen."""
COUNT_UNITS = {"人": 0, "名": 0, "人次": 0, "万人次": 4}
"""Unit of people → decimals of a count."""

TOLD_FROM = 5
"""Of a sensitive figure fewer people than this are not told by themselves."""
_ID = re.compile(r"[A-Z]{2,6}-\d{3}")


@dataclass(frozen=True, slots=True)
class Figure:
    """One definition."""

    figure_id: str
    name: str
    unit: str
    counts: str
    programmes: tuple[str, ...]
    """Which; empty = all."""
    age_below: int | None
    """Completed years at the end of the benefit month."""
    also: tuple[str, ...]
    """Status categories of which one held on some day of the period."""
    is_sensitive: bool

    @property
    def decimals(self) -> int:
        """How many decimals its whole number has."""
        return (MONEY_UNITS if self.counts in MONEY else COUNT_UNITS)[self.unit]


@dataclass(frozen=True, slots=True)
class Figures:
    """All definitions of a county, in their order."""

    figures: tuple[Figure, ...]
    version: str
    """SHA-256 of what they say."""

    def named(self, figure_ids: Sequence[str]) -> tuple[Figure, ...]:
        """These, or all where none is named; KeyError names one that the county has not."""
        known = {figure.figure_id: figure for figure in self.figures}
        return tuple(known[one] for one in figure_ids) if figure_ids else self.figures


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day to the last, both included."""

    first: date
    last: date

    @property
    def months(self) -> tuple[Month, Month]:
        """The first and the last month that it touches."""
        return Month.of(self.first), Month.of(self.last)


@dataclass(frozen=True, slots=True)
class Tally:
    """A number and how many people are behind it."""

    value: int
    people: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of a figure; `value` is None where it is too small to be told, `key` is empty for the total and rest."""

    key: str
    value: int | None
    is_rest: bool = False


def told(figure: Figure, parts: Mapping[str, Tally]) -> list[Cell]:
    """The parts of a breakdown; of a sensitive figure those of few people are told together, or not at all."""
    small = [key for key, tally in parts.items() if figure.is_sensitive and tally.people < TOLD_FROM]
    cells = [Cell(key, tally.value) for key, tally in sorted(parts.items()) if key not in small]
    if small:
        people = sum(parts[key].people for key in small)
        value = sum(parts[key].value for key in small)
        cells.append(Cell("", value if people >= TOLD_FROM else None, is_rest=True))
    return cells


def parse_figures(files: Mapping[str, object], programmes: Sequence[str]) -> Figures:
    """Reads the county's definitions. Raises PolicyError which names file, place and reason."""
    node = Node.of_file(files, FIGURES_FILE)
    node.only("county", "figures")
    figures = tuple(_figure(row, tuple(programmes)) for row in node.rows("figures"))
    distinct(node, "figures", [figure.figure_id for figure in figures])
    said = json.dumps(files[FIGURES_FILE], ensure_ascii=False, sort_keys=True)
    return Figures(figures, hashlib.sha256(said.encode()).hexdigest())


def _figure(node: Node, programmes: tuple[str, ...]) -> Figure:
    node.only("id", "name", "unit", "count", "programmes", "age_below", "also", "sensitive")
    counts = node.choice("count", COUNTS)
    named = node.words("programmes")
    for programme in named:
        if programme not in programmes:
            raise PolicyError(node.path("programmes"), f"没有项目 {programme}，可用：{'、'.join(programmes)}")
    return Figure(
        figure_id=node.text("id", _ID, "指标编号，如 IND-176"),
        name=node.text("name"),
        unit=node.choice("unit", tuple(MONEY_UNITS if counts in MONEY else COUNT_UNITS)),
        counts=counts,
        programmes=named,
        age_below=node.number("age_below", 1, 130) if node.has("age_below") else None,
        also=node.words("also"),
        is_sensitive=node.flag("sensitive"),
    )
