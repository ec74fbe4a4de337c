"""A file that becomes a second one of somebody else is visited no more, and again once the merge is taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from tuoqi.contracts.registry.v1 import person_pb2
from tuoqi.contracts.visits.v1 import plan_pb2
from tuoqi.visits.domain.overdues import overdue_id
from tuoqi.visits.handlers.plans import on_midnight, on_person_told, on_status_changed
from tuoqi.visits.store.codec import decode, encode

PERSON = "00000000-0000-4000-8000-000000000001"
OTHER = "00000000-0000-4000-8000-000000000002"


def merged(make: Any, day: str, **facts: Any) -> Any:
    return person_pb2.PersonMerged(person=make.facts(**facts), into_person_id=OTHER, known_at=make.stamp(make.at(day)))


def overdue(life: Any, make: Any) -> None:
    """An elder who lives alone was to be seen until 9 March, and was not."""
    life.take(on_person_told, make.registered(), make.at("2026-03-02"), 1)
    life.take(on_status_changed, make.statuses(make.living_alone()), make.at("2026-03-02", 10), 1)
    life.take(on_midnight, date(2026, 3, 10), make.at("2026-03-10", 0))


def test_a_merge_closes_the_plan_and_ends_what_was_open(life: Any, make: Any) -> None:
    """Nothing of it stays open: the alert about it closes by this."""
    overdue(life, make)
    told = life.take(on_person_told, merged(make, "2026-03-11"), make.at("2026-03-11"), 2)
    ended = plan_pb2.OverdueState(overdue_id=overdue_id(PERSON, date(2026, 3, 9)), deadline="2026-03-09", state="ENDED")
    assert told == [
        plan_pb2.VisitPlanClosed(person_id=PERSON, reason="merged"),
        plan_pb2.VisitOverdueSettled(person_id=PERSON, changes=[ended]),
    ]
    assert life.take(on_status_changed, make.statuses(), make.at("2026-03-11"), 2) == []


def test_a_merged_file_stays_closed_through_nights_news_and_storage(life: Any, make: Any) -> None:
    overdue(life, make)
    life.take(on_person_told, merged(make, "2026-03-11"), make.at("2026-03-11"), 2)
    file = replace(life.file, news=())
    assert decode(file.person_id, file.version, file.region, file.due_at, encode(file)) == file
    assert life.take(on_midnight, date(2026, 9, 1), make.at("2026-09-01", 0)) == []
    assert life.take(on_person_told, merged(make, "2026-09-02"), make.at("2026-09-02"), 3) == []


def test_an_unmerge_opens_a_new_plan_by_the_files_own_facts(life: Any, make: Any) -> None:
    """Person and status come by two ways; whichever is first, the plan opens with the later one's day."""
    overdue(life, make)
    life.take(on_person_told, merged(make, "2026-03-11"), make.at("2026-03-11"), 2)
    life.take(on_status_changed, make.statuses(), make.at("2026-03-11"), 2)
    own = person_pb2.PersonUnmerged(
        person=make.facts(), from_person_id=OTHER, known_at=make.stamp(make.at("2026-03-20"))
    )
    told = life.take(on_status_changed, make.statuses(make.living_alone()), make.at("2026-03-20"), 3)
    told += life.take(on_person_told, own, make.at("2026-03-20"), 3)
    assert told == [plan_pb2.VisitPlanOpened(person_id=PERSON, grade="HIGH", deadline="2026-03-27")]
