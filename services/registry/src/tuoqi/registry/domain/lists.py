"""What rows of deaths.csv and moves.csv do to a person. A later row replaces, an empty date withdraws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from tuoqi.registry.domain.cells import Cells, Flaws
from tuoqi.registry.domain.person import Absence, Person
from tuoqi.registry.domain.person_rows import merge_private


def apply_death_row(person: Person, cells: Cells, flaws: Flaws, *, today: date) -> Person | None:
    """The person after a row of deaths.csv; None where it is rejected."""
    flaws.check_days(cells, ("death_date",), today=today, born=person.birth_date)
    if flaws.is_rejected():
        return None
    died_on = cells.day("death_date")
    if died_on == person.died_on:
        return person
    return replace(person, died_on=died_on, private=_with_source(person, cells, "death_source"))


def apply_move_row(person: Person, cells: Cells, flaws: Flaws, *, today: date) -> Person | None:
    """The person after a row of moves.csv; None where it is rejected."""
    flaws.check_days(cells, ("moved_out_on", "returned_on"), today=today, born=person.birth_date)
    out, back = cells.day("moved_out_on"), cells.day("returned_on")
    if out is None and back is not None:
        flaws.reject("moved_out_on", "", "填写迁回日期时须同时填写迁出日期。")
    if out is not None and back is not None and back < out:
        flaws.reject("returned_on", back, "迁回日期不能早于迁出日期。")
    if flaws.is_rejected():
        return None
    absences = person.absences[:-1] if out is None else record_absence(person.absences, Absence(out, back))
    if absences == person.absences:
        return person
    return replace(person, absences=absences, private=_with_source(person, cells, "move_source"))


def record_absence(kept: Sequence[Absence], row: Absence) -> tuple[Absence, ...]:
    """The absences after a row, by `moved_out_on`.

    A row with the day of a kept absence replaces that one. Any other replaces the latest, unless the latest had ended
    by the row's day: then it is another absence.
    """
    if any(absence.moved_out_on == row.moved_out_on for absence in kept):
        others = [absence for absence in kept if absence.moved_out_on != row.moved_out_on]
    elif kept and not _ended_by(kept[-1], row.moved_out_on):
        others = list(kept[:-1])
    else:
        others = list(kept)
    return tuple(sorted((*others, row), key=lambda absence: absence.moved_out_on))


def _ended_by(absence: Absence, day: date) -> bool:
    return absence.returned_on is not None and absence.returned_on <= day


def _with_source(person: Person, cells: Cells, column: str) -> dict[str, str]:
    source = cells.text("source")
    renamed = Cells({column: source} if source else {}, frozenset() if source else frozenset({column}))
    return merge_private(person.private, renamed, (column,))
