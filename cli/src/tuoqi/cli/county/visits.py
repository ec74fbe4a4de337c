"""A month of visits (探访) as the villages record them: who has a plan, how often it wants a visit, who was missed.

The grades are those of the demonstration county's rules as they stand on the loading day; who lives in a home has none.
"""

import csv
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final, Self
from uuid import UUID

from tuoqi.cli.county import names
from tuoqi.cli.county.chance import between, happens, pick
from tuoqi.cli.county.month import Month, born_by, iso
from tuoqi.cli.county.people import CHILD, ELDER, Person
from tuoqi.cli.county.places import VILLAGES
from tuoqi.cli.county.tables import Table

_MISSED_SHARE: Final = 0.03
_LIVING: Final = ("living_alone_elder", "empty_nest_elder", "left_behind_elder")
_SEVERE: Final = ("3", "4")
_PARTIAL: Final = ("1", "2")
# One visit falls due in so many months; HIGH and RED have weeks instead.
_MONTHS: Final = {"YELLOW": 1, "MEDIUM": 1, "BLUE": 3, "LOW": 3, "GREEN": 6}
_RED_FROM, _YELLOW_FROM, _BLUE_FROM = 60, 40, 20
_CHANNELS: Final = ("IN_PERSON",) * 7 + ("PHONE",) * 2 + ("VIDEO",)
_WEEK: Final = 7
_LATE_DAYS: Final = 3
_MET_SHARE: Final = 0.9
_SERVICES: Final = ("meal:1", "bath:1", "meal:1;bath:1")
_STARTED_AT: Final = 3  # column of visits.csv


def grade_of(person: Person, born_80: int) -> str:
    """The grade (等级) of a person from what is in force, or nothing; the first rule that fits holds."""
    if person.facility:
        return ""
    if person.age_class == CHILD:
        return _grade_of_child(person.current, person.score)
    return _grade_of_elder(person.current, aged=person.born <= born_80) if person.age_class == ELDER else ""


def _grade_of_elder(current: dict[str, tuple[str, str]], *, aged: bool) -> str:
    """Weekly for the very old who are by themselves and the severely disabled; then monthly; then quarterly."""
    alone = any(category in current for category in _LIVING)
    level = current.get("disabled_elder", ("", ""))[1]
    if (aged and alone) or level in _SEVERE:
        return "HIGH"
    scattered = current.get("tekun", ("", ""))[0] == "scattered"
    if alone or level in _PARTIAL or scattered or "one_child_loss_family" in current:
        return "MEDIUM"
    return "LOW" if aged or "dibao" in current else ""


def _grade_of_child(current: dict[str, tuple[str, str]], score: int) -> str:
    """Weekly for a high score, monthly for orphans in families and the unattended, quarterly for the left behind."""
    if score >= _RED_FROM:
        return "RED"
    at_home = "orphan_type_c" in current or current.get("orphan", ("", ""))[0] == "dispersed"
    if score >= _YELLOW_FROM or at_home or "de_facto_unattended_child" in current:
        return "YELLOW"
    if score >= _BLUE_FROM or "left_behind_child" in current or "child_in_difficulty" in current:
        return "BLUE"
    green = ("orphan", "dibao", "disability", "tekun")
    return "GREEN" if any(category in current for category in green) else ""


class VisitBook:
    """Collects the month's visits day by day on disk, so that a million people need no more memory than a village.

    Used as a context manager; what was kept meanwhile is removed at its end.
    """

    def __init__(self, rng: Random, month: Month, out: Path) -> None:
        self.planned = 0
        self._rng = rng
        self._month = month
        self._born_80 = born_by(80, month.last)
        self._visitors = {village.code: _visitors(rng) for village in VILLAGES}
        self._late: list[tuple[str, ...]] = []
        self._folder = TemporaryDirectory(dir=out, prefix=".visits-")
        self._days = {day: _Day(Path(self._folder.name) / iso(day)) for day in range(month.first, month.last + 1)}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for day in self._days.values():
            day.close()
        self._folder.cleanup()

    def record(self, person: Person, *, away: bool, missed: bool) -> None:
        """The month's visits to one person; `away` has died or moved, `missed` is left out for the demonstration."""
        grade = "" if away else grade_of(person, self._born_80)
        if not grade:
            return
        self.planned += 1
        months = _MONTHS.get(grade)
        if months and self._rng.random() * months >= 1:
            return
        if missed or happens(self._rng, _MISSED_SHARE):
            self._miss(person, grade, surely=missed)
        elif months:
            self._visit(between(self._rng, self._month.first + 1, self._month.last), person, "MET")
        else:
            self._weekly(person)

    def try_in_vain(self, person: Person) -> None:
        """One visit that found nobody, in the second week of the month."""
        self._visit(
            between(self._rng, self._month.first + _WEEK, self._month.first + 2 * _WEEK - 1), person, "NOT_FOUND"
        )

    def write(self, month_file: Table, late_file: Table) -> None:
        """Write the month's visits, and those of the first days after it, in the order of time."""
        for day in self._days.values():
            month_file.write_lines(day.lines())
        for row in sorted(self._late, key=lambda row: (row[_STARTED_AT], row[0])):
            late_file.write(row)

    def _weekly(self, person: Person) -> None:
        """Visits never more than seven days apart, the first in the week after the loading day."""
        day = between(self._rng, self._month.first + 1, self._month.first + _WEEK)
        while day <= self._month.last:
            self._visit(day, person, "MET" if happens(self._rng, _MET_SHARE) else "INFORMANT_ONLY")
            day += _WEEK if happens(self._rng, 0.8) else _WEEK - 1

    def _miss(self, person: Person, grade: str, *, surely: bool) -> None:
        """No successful visit in the month; three in ten were tried, most of the weekly ones are caught up after it."""
        rng = self._rng
        if happens(rng, 0.3):
            result = "NOT_FOUND" if happens(rng, 0.8) else "REFUSED"
            self._visit(between(rng, self._month.first + 1, self._month.last), person, result)
        if grade == "HIGH" and (surely or happens(rng, 0.8)):
            self._late.append(self._row(self._month.last + between(rng, 1, _LATE_DAYS), self._time(), person, "MET"))

    def _visit(self, day: int, person: Person, result: str) -> None:
        """Keep one visit of the month."""
        time = self._time()
        self._days[day].keep(time, self._row(day, time, person, result))

    def _time(self) -> str:
        """A time of the working day."""
        minute = 8 * 60 + int(self._rng.random() * 600)
        return f"{minute // 60:02d}:{minute % 60:02d}"

    def _row(self, day: int, time: str, person: Person, result: str) -> tuple[str, ...]:
        """One row of visits.csv."""
        rng = self._rng
        visit_id = str(UUID(int=rng.getrandbits(128), version=4))
        worker, director, volunteer = self._visitors[person.home.code]
        usual = director if person.age_class == CHILD else worker
        visitor, role = volunteer if happens(rng, 0.15) else usual
        channel = "IN_PERSON" if result in ("NOT_FOUND", "REFUSED") else pick(rng, _CHANNELS)
        helped = channel == "IN_PERSON" and result == "MET" and person.age_class == ELDER and happens(rng, 0.08)
        services = pick(rng, _SERVICES) if helped else ""
        return (visit_id, *person.key, f"{iso(day)} {time}", channel, visitor, role, result, "", services, "")


class _Day:
    """The visits of one day, on disk until they are sorted by time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)

    def keep(self, time: str, row: tuple[str, ...]) -> None:
        """Append a visit, its time in front."""
        self._writer.writerow((time, *row))

    def lines(self) -> list[str]:
        """The day's CSV lines in the order of time."""
        self.close()
        with self._path.open(encoding="utf-8", newline="") as file:
            return [line.split(",", 1)[1] for line in sorted(file)]

    def close(self) -> None:
        """Close the file; closing again does nothing."""
        self._file.close()


def _visitors(rng: Random) -> tuple[tuple[str, str], ...]:
    """Who visits in a village: grid worker (网格员), children's director (儿童主任), volunteer (志愿者)."""
    roles = (("grid_worker", "男"), ("village_child_director", "女"), ("volunteer", "女"))
    return tuple((names.full_name(rng, names.surname(rng), sex, "汉族"), role) for role, sex in roles)
