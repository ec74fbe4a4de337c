"""Figures 统计指标: what a definition of the county's files may count, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Final

from tuoqi.registry.domain.categories import PolicyError

PERSONS: Final = "persons"
FACILITIES: Final = "facilities"
WORKERS: Final = "workers"
REGIONS: Final = "regions"
COVERAGE: Final = "coverage"
COUNTED: Final = (PERSONS, FACILITIES, WORKERS, REGIONS, COVERAGE)
MEASURES: Final = {
    "": 0, "beds": 0, "total_area_m2": 1, "canteen_m2": 1, "outdoor_m2": 1, "villages": 0, "townships": 0,
}  # fmt: skip
"""What of facilities is counted: themselves, a sum with so many decimals, or the regions that have one."""
ATOMS_MAX: Final = 60
"""As many facts of a person as one whole number of 64 bits holds."""
_HEAD: Final = {"id", "name", "unit", "count", "sensitive"}
_PERSON_KEYS: Final = {"age_from", "age_below", "sex", "resident", "has", "opened", "stays_in", "any_of"}
_KEYS: Final[Mapping[str, set[str]]] = {
    PERSONS: _PERSON_KEYS,
    FACILITIES: {"kinds", "details", "agreements", "measure", "without_residents"},
    WORKERS: {"posts"},
    REGIONS: {"kinds"},
    COVERAGE: {"posts"},
}


@dataclass(frozen=True, slots=True)
class Has:
    """A category in force on the day, with one of these subtypes and levels where any are named."""

    category: str
    subtypes: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Opened:
    """A category of which the person's first interval was decided from this day up to the day asked for."""

    category: str
    since: date


@dataclass(frozen=True, slots=True)
class StaysIn:
    """A stay in a facility of one of these kinds on the day."""

    kinds: tuple[str, ...]


Atom = Has | Opened | StaysIn
"""One fact of a person that is looked up once and then is one bit."""


@dataclass(frozen=True, slots=True)
class Clause:
    """What must hold of a person, all of it."""

    age_from: int | None = None
    age_below: int | None = None
    sex: str = ""
    is_resident: bool = False
    """Lives in the county; else the hukou in the county suffices."""
    atoms: tuple[Atom, ...] = ()


@dataclass(frozen=True, slots=True)
class FacilityClause:
    """What must hold of a facility, all of it."""

    kinds: frozenset[str] = frozenset()
    details: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Column → the texts that count."""
    agreements: frozenset[str] = frozenset()
    """An agreement of one of these kinds holds on the day."""
    measure: str = ""
    without: tuple[Has, ...] = ()
    """No resident on the day has any of these."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One definition."""

    figure_id: str
    name: str
    unit: str
    counts: str
    is_sensitive: bool = False
    must: Clause = Clause()
    any_of: tuple[Clause, ...] = ()
    """Of persons: one of these must hold too, where there are any."""
    facility: FacilityClause = FacilityClause()
    kinds: frozenset[str] = frozenset()
    """Of workers and coverage: posts. Of regions: kinds."""

    @property
    def decimals(self) -> int:
        """How many decimals its whole number has."""
        if self.counts == COVERAGE:
            return 2
        return MEASURES[self.facility.measure]

    @property
    def atoms(self) -> frozenset[Atom]:
        """All facts that it asks of a person, or of the people in a facility."""
        clauses = (self.must, *self.any_of)
        return frozenset(self.facility.without).union(*(clause.atoms for clause in clauses))


@dataclass(frozen=True, slots=True)
class FigurePolicy:
    """All definitions, in the order of the files."""

    figures: Mapping[str, Figure] = field(default_factory=dict)
    version: str = ""
    """SHA-256 of what they say."""


def born_by(years: int, day: date) -> date:
    """The latest birth date of those who have completed so many years on the day (29 February counts as 28)."""
    try:
        latest = day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 2, 28)
    after = latest + timedelta(days=1)
    is_leap_eve = (after.month, after.day) == (2, 29) and (day + timedelta(days=1)).month == 3  # noqa: PLR2004  March
    return after if is_leap_eve else latest


def read_figures(documents: Iterable[Mapping[str, Any]], sealed_as: Collection[str]) -> FigurePolicy:
    """The definitions from the content of files with `figures`. Raises PolicyError.

    A figure that asks for a category under which another is kept (`sealed_as`) is sensitive whatever its file says.
    """
    entries = [entry for document in documents for entry in document.get("figures", ())]
    found: dict[str, Figure] = {}
    for entry in entries:
        figure = _read(entry, sealed_as)
        if figure.figure_id in found:
            raise PolicyError(f"figure {figure.figure_id} is defined twice")
        found[figure.figure_id] = figure
    if len({atom for figure in found.values() for atom in figure.atoms}) > ATOMS_MAX:
        raise PolicyError(f"the figures ask for more than {ATOMS_MAX} different facts of a person")
    text = json.dumps(entries, ensure_ascii=False, sort_keys=True, default=str)
    return FigurePolicy(found, hashlib.sha256(text.encode()).hexdigest())


def _read(entry: Any, sealed_as: Collection[str]) -> Figure:
    if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in ("id", "name", "unit")):
        raise PolicyError(f"a figure needs `id`, `name` and `unit`: {entry!r}")
    figure_id, counts = entry["id"], entry.get("count", PERSONS)
    if counts not in COUNTED:
        raise PolicyError(f"figure {figure_id}: `count` is one of {COUNTED}")
    if unknown := entry.keys() - _HEAD - _KEYS[counts]:
        raise PolicyError(f"figure {figure_id}: unknown {sorted(unknown)}")
    try:
        must, any_of = _clause(entry), tuple(_clause(one) for one in entry.get("any_of", ()))
        facility = _facility(entry) if counts == FACILITIES else FacilityClause()
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise PolicyError(f"figure {figure_id}: {error!r}") from error
    kinds = _texts(entry.get("kinds" if counts == REGIONS else "posts", ()))
    if counts in {WORKERS, REGIONS, COVERAGE} and not kinds:
        raise PolicyError(f"figure {figure_id}: it names nothing that it counts")
    figure = Figure(
        figure_id, entry["name"], entry["unit"], counts, bool(entry.get("sensitive", False)), must, any_of, facility,
        frozenset(kinds),
    )  # fmt: skip
    if any(not isinstance(atom, StaysIn) and atom.category in sealed_as for atom in figure.atoms):
        return replace(figure, is_sensitive=True)
    return figure


def _clause(entry: Mapping[str, Any]) -> Clause:
    if unknown := entry.keys() - _PERSON_KEYS - _HEAD - set().union(*_KEYS.values()):
        raise ValueError(f"unknown {sorted(unknown)}")
    atoms: list[Atom] = [_has(one) for one in entry.get("has", ())]
    for one in entry.get("opened", ()):
        if not isinstance(one["since"], date):
            raise TypeError("`since` must be a day")
        atoms.append(Opened(str(one["category"]), one["since"]))
    if entry.get("stays_in"):
        atoms.append(StaysIn(_texts(entry["stays_in"])))
    sex = str(entry.get("sex", ""))
    ages = [entry.get(key) for key in ("age_from", "age_below")]
    if sex not in {"", "M", "F"} or not all(age is None or isinstance(age, int) for age in ages):
        raise ValueError("sex is M or F, ages are whole numbers")
    return Clause(ages[0], ages[1], sex, bool(entry.get("resident", False)), tuple(atoms))


def _has(entry: Mapping[str, Any]) -> Has:
    if unknown := entry.keys() - {"category", "subtypes", "levels"}:
        raise ValueError(f"unknown {sorted(unknown)}")
    return Has(str(entry["category"]), _texts(entry.get("subtypes", ())), _texts(entry.get("levels", ())))


def _facility(entry: Mapping[str, Any]) -> FacilityClause:
    measure = str(entry.get("measure", ""))
    if measure not in MEASURES:
        raise ValueError(f"`measure` is one of {sorted(MEASURES)}")
    return FacilityClause(
        frozenset(_texts(entry.get("kinds", ()))),
        {str(column): frozenset(_texts(texts)) for column, texts in entry.get("details", {}).items()},
        frozenset(_texts(entry.get("agreements", ()))),
        measure,
        tuple(_has(one) for one in entry.get("without_residents", ())),
    )


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise PolicyError(f"a list of quoted texts is expected, not {value!r}")
    return tuple(value)


@dataclass(frozen=True, slots=True)
class Site:
    """A facility as known at a moment, with what figures ask of it on a day."""

    code: str
    kind: str
    region: str
    details: Mapping[str, str]
    agreements: frozenset[str]
    """Kinds of agreements that hold on the day."""
    residents: int
    """The facts of all who live in it on the day, one bit each."""

    def fits(self, clause: FacilityClause, bits: Mapping[Atom, int]) -> bool:
        """Whether a figure counts it."""
        return (
            (not clause.kinds or self.kind in clause.kinds)
            and all(self.details.get(column, "") in texts for column, texts in clause.details.items())
            and (not clause.agreements or not clause.agreements.isdisjoint(self.agreements))
            and not any(self.residents & bits[atom] for atom in clause.without)
        )

    def measured(self, clause: FacilityClause) -> int:
        """What it adds, in tenths where the measure has a decimal; a value that is no figure adds nothing."""
        if clause.measure in {"", "villages", "townships"}:
            return 1
        return read_number(self.details.get(clause.measure, ""), MEASURES[clause.measure])


def read_number(text: str, decimals: int) -> int:
    """A text of digits with at most so many decimals as a whole number; 0 where it is no such figure."""
    plain = "".join(text.split()).replace(",", "").removesuffix("㎡").removesuffix("平方米").removesuffix("m²")
    whole, _, rest = plain.partition(".")
    if not (whole + rest).isascii() or not (whole + rest).isdigit() or len(rest) > decimals:
        return 0
    return int(whole + rest.ljust(decimals, "0"))


def bits_of(figures: Sequence[Figure]) -> dict[Atom, int]:
    """A bit for each fact that any of the figures asks for."""
    atoms = sorted({atom for figure in figures for atom in figure.atoms}, key=repr)
    return {atom: 1 << place for place, atom in enumerate(atoms)}
