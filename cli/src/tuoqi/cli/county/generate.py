"""A synthetic county from a seed: writes the files of the public file contract; same arguments, same bytes.

All people and places are invented. People go to disk household by household, so memory does not grow with the county.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tuoqi.cli.county import tables
from tuoqi.cli.county.care import CareBook
from tuoqi.cli.county.chance import stream
from tuoqi.cli.county.facilities import facility_rows
from tuoqi.cli.county.households import LATE_DEATH, MISSED, HouseholdMaker
from tuoqi.cli.county.lists import ComparisonLists, write_late_death, write_price_index
from tuoqi.cli.county.month import Month, month_of
from tuoqi.cli.county.people import CHILD, ELDER, Numbers, Person
from tuoqi.cli.county.places import region_rows
from tuoqi.cli.county.size import Size
from tuoqi.cli.county.statuses import StatusBook
from tuoqi.cli.county.visits import VisitBook
from tuoqi.cli.county.workers import WorkerBook

Progress = Callable[[str, int, int], None]

_HEADERS: Final = {
    "regions.csv": tables.REGIONS,
    "persons.csv": tables.PERSONS,
    "statuses.csv": tables.STATUSES,
    "facilities.csv": tables.FACILITIES,
    "stays.csv": tables.STAYS,
    "guardianship.csv": tables.GUARDIANSHIP,
    "assessments.csv": tables.ASSESSMENTS,
    "deaths.csv": tables.DEATHS,
    "moves.csv": tables.MOVES,
    "price_index.csv": tables.PRICE_INDEX,
    "workers.csv": tables.WORKERS,
    "visits.csv": tables.VISITS,
    "deaths-late.csv": tables.DEATHS,
    "visits-late.csv": tables.VISITS,
}
_PROGRESS_STEP: Final = 1_000


@dataclass(slots=True)
class CountySummary:
    """What was written, and what a right platform makes of it.

    `payees` counts by programme who is entitled to the month once persons and statuses are loaded, `payees_any` the
    distinct people in it; `payees_after_lists` and `payees_any_after_lists` the same after deaths.csv and moves.csv.
    `planned_visits` counts people with a visit plan. The two identity numbers are those of the people whom the
    demonstration follows: one dead since the month before, paid, unvisited, on deaths-late.csv; one not visited in
    the month but in visits-late.csv.
    """

    rows: dict[str, int] = field(default_factory=dict)
    children: int = 0
    elders: int = 0
    payees: dict[str, int] = field(default_factory=dict)
    payees_any: int = 0
    payees_after_lists: dict[str, int] = field(default_factory=dict)
    payees_any_after_lists: int = 0
    planned_visits: int = 0
    late_death_id_number: str = ""
    missed_visit_id_number: str = ""


def generate_county(
    out: Path,
    *,
    persons: int = 25_000,
    seed: int = 1,
    month: str = "2026-11",
    progress: Progress | None = None,
) -> CountySummary:
    """Write a county of `persons` people to the folder `out` (made if missing; files of the same names are replaced).

    The county stands as it is loaded on the first day of `month`; visits.csv holds the visits of that month, the
    files named `-late` come after it. `progress` is called with stage, done and total.

    Raises:
        ValueError: `persons` or `month` is outside what can be made.
    """
    size, when = Size(persons), month_of(month)
    out.mkdir(parents=True, exist_ok=True)
    with _open_tables(out) as files, VisitBook(stream(seed, "visits"), when, out) as visits:
        summary = _Writer(size, when, seed, files, visits).write(progress or _silent)
        visits.write(files["visits.csv"], files["visits-late.csv"])
        summary.rows = {name: file.rows for name, file in files.items()}
        summary.planned_visits = visits.planned
    return summary


class _Writer:
    """One run: deals the households and hands each person to the files."""

    def __init__(self, size: Size, month: Month, seed: int, files: dict[str, tables.Table], visits: VisitBook) -> None:
        numbers = Numbers(stream(seed, "numbers"))
        self._persons = size.persons
        self._month = month
        self._files = files
        self._visits = visits
        self._facilities = facility_rows(numbers)
        self._households = HouseholdMaker(stream(seed, "households"), numbers, month, size)
        self._statuses = StatusBook(stream(seed, "statuses"), month, size)
        care = (files["stays.csv"], files["guardianship.csv"], files["assessments.csv"])
        self._care = CareBook(stream(seed, "care"), month, *care)
        self._lists = ComparisonLists(stream(seed, "lists"), month, size, files["deaths.csv"], files["moves.csv"])
        self._workers = WorkerBook(stream(seed, "workers"), numbers, month, size)
        self._rng = stream(seed, "rest")
        self._summary = CountySummary()
        self._payees: Counter[str] = Counter()
        self._gone: Counter[str] = Counter()

    def write(self, progress: Progress) -> CountySummary:
        """Write every file but the visits; those are kept in the visit book."""
        for row in region_rows():
            self._files["regions.csv"].write(row)
        for row in self._facilities:
            self._files["facilities.csv"].write(row)
        write_price_index(self._rng, self._month, self._files["price_index.csv"])
        told = 0
        for household in self._households.households():
            made = self._households.made
            self._statuses.assign(household, made)
            self._care.look_at(household)
            gone = self._lists.look_at(household, made)
            for person in household.members:
                self._person(person, household.special, away=person is gone)
            if made - told >= _PROGRESS_STEP or made == self._persons:
                told = made
                progress("persons", made, self._persons)
        self._workers.write(self._files["workers.csv"])
        return self._summarised()

    def _person(self, person: Person, special: str, *, away: bool) -> None:
        """Write one person with statuses and visits, and count what is expected of them."""
        self._files["persons.csv"].write(person.row())
        self._workers.look_at(person)
        for row in person.status_rows:
            self._files["statuses.csv"].write(row)
        self._summary.children += person.age_class == CHILD
        self._summary.elders += person.age_class == ELDER
        counted = (*person.paid, "any") if person.paid else ()
        self._payees.update(counted)
        if away:
            self._gone.update(counted)
        if special == LATE_DEATH:
            self._summary.late_death_id_number = person.id_number
            write_late_death(self._rng, self._month, person, self._files["deaths-late.csv"])
            self._visits.try_in_vain(person)
            return
        if special == MISSED:
            self._summary.missed_visit_id_number = person.id_number
        self._visits.record(person, away=away, missed=special == MISSED)

    def _summarised(self) -> CountySummary:
        """The counts of payees, before and after the comparison lists."""
        summary, left = self._summary, self._payees - self._gone
        summary.payees = {name: self._payees[name] for name in ("old_age_allowance", "dibao")}
        summary.payees_any = self._payees["any"]
        summary.payees_after_lists = {name: left[name] for name in summary.payees}
        summary.payees_any_after_lists = left["any"]
        return summary


@contextmanager
def _open_tables(out: Path) -> Iterator[dict[str, tables.Table]]:
    """All files of the county, open for writing."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(tables.table(out / name, header)) for name, header in _HEADERS.items()}


def _silent(_stage: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""
