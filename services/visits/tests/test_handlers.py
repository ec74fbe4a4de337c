"""Events in, plans and events out; no database."""

from __future__ import annotations

from datetime import date
from typing import Any

from tuoqi.contracts.registry.v1 import person_pb2, status_pb2
from tuoqi.contracts.visits.v1 import plan_pb2
from tuoqi.visits.domain.overdues import overdue_id
from tuoqi.visits.domain.records import VisitForm
from tuoqi.visits.handlers.plans import on_midnight, on_person_told, on_status_changed
from tuoqi.visits.handlers.records import on_visit_arrived

PERSON = "00000000-0000-4000-8000-000000000001"


def opened_high(life: Any, make: Any) -> None:
    """An elder who lives alone becomes known on 2 March: HIGH, to be seen until 9 March."""
    life.take(on_person_told, make.registered(), make.at("2026-03-02"), 1)
    life.take(on_status_changed, make.statuses(make.living_alone()), make.at("2026-03-02", 10), 2)


def a_visit(make: Any, day: str, result: str = "MET", name: str = "1") -> VisitForm:
    return VisitForm(f"00000000-0000-4000-a000-00000000000{name}", make.at(day, 8), "PHONE", result)


def test_person_and_status_open_a_plan_and_regrade_it(life: Any, make: Any) -> None:
    """An elder of 84 is LOW by age alone and becomes HIGH, with an earlier deadline, once the status is told."""
    opened_high(life, make)
    assert [e.message for e in life.said] == [
        plan_pb2.VisitPlanOpened(person_id=PERSON, grade="LOW", deadline="2026-06-30"),
        plan_pb2.VisitPlanRegraded(person_id=PERSON, grade="HIGH", deadline="2026-03-09"),
    ]
    assert life.file.region == "990101001201"


def test_statuses_that_come_before_the_person_open_the_same_plan(life: Any, make: Any) -> None:
    """Person and status come on two topics without order between them: nothing is lost, the day is that of the later."""
    life.take(on_status_changed, make.statuses(make.living_alone()), make.at("2026-03-04"), 2)
    assert life.file.plan is None
    assert life.said == []
    life.take(on_person_told, make.registered(), make.at("2026-03-02"), 1)
    assert [e.message for e in life.said] == [
        plan_pb2.VisitPlanOpened(person_id=PERSON, grade="LOW", deadline="2026-06-30"),
        plan_pb2.VisitPlanRegraded(person_id=PERSON, grade="HIGH", deadline="2026-03-11"),
    ]
    assert [e.at for e in life.said] == [make.at("2026-03-02"), make.at("2026-03-04")]


def test_a_visit_that_comes_before_the_person_counts_once_the_person_is_known(life: Any, make: Any) -> None:
    """A record is told at once and moves the plan later."""
    assert life.take(on_visit_arrived, a_visit(make, "2026-03-02"), make.at("2026-03-02", 12))
    life.take(on_status_changed, make.statuses(make.living_alone()), make.at("2026-03-02"), 1)
    life.take(on_person_told, make.registered(), make.at("2026-03-02"), 1)
    assert life.file.plan.window.first == date(2026, 3, 3)
    assert life.file.early == ()


def test_an_older_version_never_overwrites_a_newer_one(life: Any, make: Any) -> None:
    """Each topic has its own newest version."""
    opened_high(life, make)
    ended = make.statuses(make.living_alone(ended_on="2026-02-01"))
    assert life.take(on_status_changed, ended, make.at("2026-03-03"), 1) == []
    assert life.take(on_person_told, make.registered(died_on="2026-03-01"), make.at("2026-03-03"), 1) == []
    assert life.file.plan.grade == "HIGH"


def test_a_death_withdraws_what_was_missed_and_closes_the_plan(life: Any, make: Any) -> None:
    """A death before the deadline excuses the missed visit; both are told as of the moment of the news."""
    opened_high(life, make)
    life.take(on_midnight, date(2026, 3, 10), make.at("2026-03-10", 0))
    dead = person_pb2.PersonDeceased(
        person=make.facts(died_on="2026-03-08"), known_at=make.stamp(make.at("2026-03-12"))
    )
    told = life.take(on_person_told, dead, make.at("2026-03-12"), 3)
    assert told == [
        plan_pb2.VisitPlanClosed(person_id=PERSON, reason="death"),
        plan_pb2.VisitOverdueSettled(
            person_id=PERSON,
            changes=[
                plan_pb2.OverdueState(
                    overdue_id=overdue_id(PERSON, date(2026, 3, 9)), deadline="2026-03-09", state="WITHDRAWN"
                )
            ],
        ),
    ]
    assert life.file.due_at is None or life.file.due_at > make.at("2026-03-12")


def test_a_move_closes_the_plan_in_the_words_of_the_contract(life: Any, make: Any) -> None:
    """The contract says `moved`."""
    opened_high(life, make)
    away = make.facts(absences=[person_pb2.Absence(moved_out_on="2026-03-03")])
    moved = person_pb2.PersonMoved(person=away, known_at=make.stamp(make.at("2026-03-05")))
    assert life.take(on_person_told, moved, make.at("2026-03-05"), 3) == [
        plan_pb2.VisitPlanClosed(person_id=PERSON, reason="moved")
    ]


def test_an_overdue_is_told_at_midnight_however_late_the_check_runs(life: Any, make: Any) -> None:
    """A check that comes at noon four days later says 00:00 of the day after the deadline."""
    opened_high(life, make)
    life.take(on_midnight, date(2026, 3, 14), make.at("2026-03-14", 12))
    (found,) = [e for e in life.said if isinstance(e.message, plan_pb2.VisitOverdueFound)]
    assert found.at == make.at("2026-03-10", 0)
    assert found.message.overdue_id == overdue_id(PERSON, date(2026, 3, 9))
    assert life.file.due_at == make.at("2026-03-17", 0)


def test_a_device_clock_that_runs_ahead_counts_on_the_day_of_arrival(life: Any, make: Any) -> None:
    """What the device said is kept, the day is that of arrival."""
    opened_high(life, make)
    recorded, *_ = life.take(on_visit_arrived, a_visit(make, "2027-01-01"), make.at("2026-03-05", 12))
    assert recorded.counts_on == "2026-03-05"
    assert recorded.started_at == make.stamp(make.at("2027-01-01", 8))
    assert life.file.plan.window.first == date(2026, 3, 6)


def test_two_failed_tries_are_told_joined_and_ended(life: Any, make: Any) -> None:
    """Two failures raise it, a third joins, a success ends it."""
    opened_high(life, make)
    for number, (day, result) in enumerate(
        [("2026-03-03", "NOT_FOUND"), ("2026-03-04", "REFUSED"), ("2026-03-05", "NOT_FOUND"), ("2026-03-06", "MET")]
    ):
        life.take(on_visit_arrived, a_visit(make, day, result, str(number)), make.at(day, 12))
    assert [name for name in life.names() if "Tr" in name] == ["TwoTriesFailed", "FailedTryJoined", "FailedTriesEnded"]
    assert life.said[-1].message.ended_as == "visited"


def test_a_visit_that_arrives_after_missed_nights_first_says_what_they_found(life: Any, make: Any) -> None:
    """The deadline is found missed at its own midnight, then cleared by the record that was late."""
    opened_high(life, make)
    told = life.take(on_visit_arrived, a_visit(make, "2026-03-08"), make.at("2026-03-12", 12))
    assert [type(one).__name__ for one in told] == ["VisitRecorded", "VisitOverdueFound", "VisitOverdueSettled"]
    assert told[2].changes[0].state == "CLEARED"


def care(make: Any, *rows: Any, stays: tuple[Any, ...] = (), scores: tuple[Any, ...] = ()) -> Any:
    """All that the status topic tells of the person."""
    event = make.statuses(*rows)
    event.stays.extend(stays)
    event.assessments.extend(scores)
    return event


def test_a_stay_closes_the_plan_withdraws_what_was_missed_in_it_and_its_end_opens_a_new_one(
    life: Any, make: Any
) -> None:
    """Nobody is visited in a facility; first and last day are days of the stay."""
    opened_high(life, make)
    life.take(on_midnight, date(2026, 3, 10), make.at("2026-03-10", 0))
    stay = status_pb2.Stay(facility="JLY01", began_on="2026-03-09", ended_on="2026-03-20")
    told = life.take(on_status_changed, care(make, make.living_alone(), stays=(stay,)), make.at("2026-03-12"), 3)
    withdrawn = [
        plan_pb2.OverdueState(overdue_id=overdue_id(PERSON, date(2026, 3, 9)), deadline="2026-03-09", state="WITHDRAWN")
    ]
    assert told == [
        plan_pb2.VisitPlanClosed(person_id=PERSON, reason="facility"),
        plan_pb2.VisitOverdueSettled(person_id=PERSON, changes=withdrawn),
    ]
    assert life.take(on_midnight, date(2026, 3, 20), make.at("2026-03-20", 0)) == []
    assert life.take(on_midnight, date(2026, 3, 21), make.at("2026-03-21", 0)) == [
        plan_pb2.VisitPlanOpened(person_id=PERSON, grade="HIGH", deadline="2026-03-28")
    ]


def test_the_latest_guardianship_score_grades_a_child_and_other_scales_do_not(life: Any, make: Any) -> None:
    """Of equal days the one loaded last counts."""
    scores = [
        status_pb2.Assessment(scale="GBT42195", assessed_on="2026-03-01", score=90, level="0", loaded_order=1),
        status_pb2.Assessment(scale="guardianship", assessed_on="2026-02-01", score=70, loaded_order=4),
        status_pb2.Assessment(scale="guardianship", assessed_on="2026-02-28", score=10, loaded_order=2),
        status_pb2.Assessment(scale="guardianship", assessed_on="2026-02-28", score=45, loaded_order=3),
    ]
    life.take(on_person_told, make.registered(birth_date="2015-03-09"), make.at("2026-03-02"), 1)
    life.take(on_status_changed, care(make, scores=tuple(scores)), make.at("2026-03-02"), 2)
    assert life.file.plan.grade == "YELLOW"


def test_stays_and_scores_that_come_before_the_person_are_kept(life: Any, make: Any) -> None:
    """The plan that opens knows of them at once."""
    stay = status_pb2.Stay(facility="JLY01", began_on="2026-03-01")
    life.take(on_status_changed, care(make, make.living_alone(), stays=(stay,)), make.at("2026-03-01"), 2)
    assert life.take(on_person_told, make.registered(), make.at("2026-03-02"), 1) == []
    assert [one.facility for one in life.file.plan.facts.stays] == ["JLY01"]
