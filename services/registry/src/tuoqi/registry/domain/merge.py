"""Two files of one person 并档: when they may be merged, and what others are told of the person meanwhile.

The files stay apart, so that taking a merge back returns to each its own. Only what is told is put together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Final

from tuoqi.registry.domain.assessment import Assessment
from tuoqi.registry.domain.care import CareFacts
from tuoqi.registry.domain.person import Absence, Person
from tuoqi.registry.domain.status import Interval

BIRTH_DAYS_APART_MAX: Final = 366
"""Birth dates of one person's files are at most so many days apart unless somebody says why not."""


def why_not_merge(into: Person, file: Person, *, merged_into_file: Collection[str], although: bool) -> str:
    """The slug for which a merge is refused; empty where it may be done."""
    if into.person_id == file.person_id:
        return "merge.same_file"
    if file.merged_into:
        return "merge.merged_already"
    if into.merged_into or merged_into_file:
        return "merge.chain"
    days = abs((into.birth_date - file.birth_date).days)
    if not although and (into.sex != file.sex or days > BIRTH_DAYS_APART_MAX):
        return "merge.unlike"
    return ""


def one_person(files: Sequence[Person]) -> Person:
    """The open facts that are told of a person; the own file comes first, then the merged ones by id."""
    own = files[0]
    died_on: date | None = next((file.died_on for file in files if file.died_on), None)
    absences: dict[date, Absence] = {}
    for absence in (absence for file in files for absence in file.absences):
        kept = absences.get(absence.moved_out_on)
        if kept is None or (kept.returned_on is None and absence.returned_on is not None):
            absences[absence.moved_out_on] = absence
    return replace(own, died_on=died_on, absences=tuple(absences[day] for day in sorted(absences)))


Learnt = Mapping[tuple[str, int], datetime]
"""(file, loaded order) → when that row became known."""


def side_by_side(files: Mapping[str, CareFacts], learnt: Learnt, now: datetime) -> CareFacts:
    """All statuses, stays and assessments of a person's files, numbered anew in the order in which they became known.

    Of equal moments the file's own order counts, then the file's id. `now` stands for rows not yet written.
    """
    rows: list[tuple[datetime, int, str, Interval | Assessment]] = []
    for file, facts in files.items():
        loaded: list[Interval | Assessment] = [*facts.intervals, *facts.assessments]
        rows += [(learnt.get((file, one.loaded_order), now), one.loaded_order, file, one) for one in loaded]
    rows.sort(key=lambda row: row[:3])
    intervals: list[Interval] = []
    assessments: list[Assessment] = []
    for order, (_, _, _, one) in enumerate(rows, start=1):
        if isinstance(one, Interval):
            intervals.append(replace(one, loaded_order=order))
        else:
            assessments.append(replace(one, loaded_order=order))
    stays = sorted(
        (stay for facts in files.values() for stay in facts.stays), key=lambda stay: (stay.began_on, stay.stay_id)
    )
    return CareFacts(tuple(intervals), tuple(stays), tuple(assessments))
