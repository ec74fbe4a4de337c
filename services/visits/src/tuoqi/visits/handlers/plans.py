"""What visits does when the registry tells something or a day begins; what happened to a plan, as events.

A handler gets the visit file of the person (None where there is none), decides by `domain`, returns the file as it is
afterwards and emits what others should know. It never touches SQL, Kafka or a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from google.protobuf.message import Message

from tuoqi.contracts.registry.v1 import person_pb2, status_pb2
from tuoqi.contracts.visits.v1 import plan_pb2
from tuoqi.kit.context import Context
from tuoqi.kit.handlers import Handlers
from tuoqi.visits.domain import happenings as said
from tuoqi.visits.domain.facts import Absence, CareFacts, GuardianshipScore, PersonFacts, StatusInterval, Stay
from tuoqi.visits.domain.file import VisitFile, learn_care, learn_person, look_again, move_to, turn_of_day
from tuoqi.visits.domain.overdues import overdue_id
from tuoqi.visits.handlers.tasks import withdraw_tasks

PersonEvent = (
    person_pb2.PersonRegistered
    | person_pb2.PersonChanged
    | person_pb2.PersonDeceased
    | person_pb2.PersonDeathWithdrawn
    | person_pb2.PersonMoved
    | person_pb2.PersonMerged
    | person_pb2.PersonUnmerged
)
GUARDIANSHIP = "guardianship"
"""The scale whose scores grade children."""
CLOSED_BECAUSE = {"move": "moved"}
"""The contract's word for a reason of closing, where it differs from the domain's."""


def on_person_told(file: VisitFile | None, event: PersonEvent, ctx: Context) -> VisitFile:
    """Every event about a person carries all open facts: a birth date, a death or a move may change the grade."""
    person = event.person
    file = file or VisitFile(person.person_id)
    if 0 < ctx.message_version <= file.person_version:
        return file
    region = person.residence_region or person.hukou[-1].region
    file = replace(move_to(file, region, ctx.at), person_version=max(file.person_version, ctx.message_version))
    facts = replace(_facts(person), merged=isinstance(event, person_pb2.PersonMerged))
    file, happened = learn_person(file, facts, ctx.at, ctx.policy.grades)
    tell(file.person_id, happened, ctx)
    return withdraw_tasks(file, ctx)


def on_status_changed(file: VisitFile | None, event: status_pb2.PersonStatusChanged, ctx: Context) -> VisitFile:
    """Statuses, stays and scores carry the grade; they may be told before the person is."""
    file = file or VisitFile(event.person_id)
    if 0 < ctx.message_version <= file.status_version:
        return file
    file = replace(file, status_version=max(file.status_version, ctx.message_version))
    file, happened = learn_care(file, _care(event), ctx.at, ctx.policy.grades)
    tell(file.person_id, happened, ctx)
    return withdraw_tasks(file, ctx)


def on_midnight(file: VisitFile | None, day: date, ctx: Context) -> VisitFile | None:
    """00:00 of a day: deadlines of the day before, then grades by age and end of a status."""
    if file is None:
        return None
    file, happened = turn_of_day(file, day, ctx.policy.grades)
    tell(file.person_id, happened, ctx)
    return withdraw_tasks(file, ctx)


def on_rules_changed(file: VisitFile | None, _rules: str, ctx: Context) -> VisitFile | None:
    """The county's grade tables are others than at the last look."""
    if file is None:
        return None
    file, happened = look_again(file, ctx.at, ctx.policy.grades)
    tell(file.person_id, happened, ctx)
    return withdraw_tasks(file, ctx)


def tell(person_id: str, happened: Iterable[said.Happening], ctx: Context) -> None:
    """Emit what happened, each at its own moment: an overdue is found at 00:00, however late the check runs."""
    for one in happened:
        ctx.emit(EVENTS[type(one)](person_id, one), at=one.at)


def _facts(person: person_pb2.PersonFacts) -> PersonFacts:
    return PersonFacts(
        birth_date=date.fromisoformat(person.birth_date),
        died_on=_day(person.died_on),
        absences=tuple(Absence(date.fromisoformat(one.moved_out_on), _day(one.returned_on)) for one in person.absences),
    )


def _care(event: status_pb2.PersonStatusChanged) -> CareFacts:
    return CareFacts(
        statuses=tuple(_interval(one) for one in event.intervals),
        stays=tuple(Stay(one.facility, date.fromisoformat(one.began_on), _day(one.ended_on)) for one in event.stays),
        scores=tuple(
            GuardianshipScore(date.fromisoformat(one.assessed_on), one.score, one.loaded_order)
            for one in event.assessments
            if one.scale == GUARDIANSHIP
        ),
    )


def _interval(one: status_pb2.StatusInterval) -> StatusInterval:
    return StatusInterval(
        category=one.category,
        decided_on=_day(one.decided_on),
        subtype=one.subtype,
        level=one.level,
        applied_on=_day(one.applied_on),
        ended_on=_day(one.ended_on),
        valid_until=_day(one.valid_until),
        order=one.loaded_order,
    )


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _opened(person_id: str, one: said.PlanOpened) -> Message:
    return plan_pb2.VisitPlanOpened(person_id=person_id, grade=one.grade, deadline=one.deadline.isoformat())


def _regraded(person_id: str, one: said.PlanRegraded) -> Message:
    return plan_pb2.VisitPlanRegraded(person_id=person_id, grade=one.grade, deadline=one.deadline.isoformat())


def _closed(person_id: str, one: said.PlanClosed) -> Message:
    return plan_pb2.VisitPlanClosed(person_id=person_id, reason=CLOSED_BECAUSE.get(one.reason, one.reason))


def _found(person_id: str, one: said.OverdueFound) -> Message:
    return plan_pb2.VisitOverdueFound(
        person_id=person_id,
        overdue_id=overdue_id(person_id, one.deadline),
        grade=one.grade,
        deadline=one.deadline.isoformat(),
    )


def _settled(person_id: str, one: said.OverduesChanged) -> Message:
    changes = [
        plan_pb2.OverdueState(
            overdue_id=overdue_id(person_id, deadline), deadline=deadline.isoformat(), state=state.value
        )
        for deadline, state in one.changes
    ]
    return plan_pb2.VisitOverdueSettled(person_id=person_id, changes=changes)


def _two_failed(person_id: str, one: said.TwoTriesFailed) -> Message:
    return plan_pb2.TwoTriesFailed(person_id=person_id, grade=one.grade)


def _joined(person_id: str, _one: said.FailedTryJoined) -> Message:
    return plan_pb2.FailedTryJoined(person_id=person_id)


def _tries_ended(person_id: str, one: said.TwoTriesEnded) -> Message:
    return plan_pb2.FailedTriesEnded(person_id=person_id, ended_as=one.closed_as.value)


EVENTS: dict[type[said.Happening], Callable[[str, Any], Message]] = {
    said.PlanOpened: _opened,
    said.PlanRegraded: _regraded,
    said.PlanClosed: _closed,
    said.OverdueFound: _found,
    said.OverduesChanged: _settled,
    said.TwoTriesFailed: _two_failed,
    said.FailedTryJoined: _joined,
    said.TwoTriesEnded: _tries_ended,
}


def person_of(event: Any) -> str:
    """The person an event is about: the key of the visit file."""
    person_id: str = event.person_id if isinstance(event, status_pb2.PersonStatusChanged) else event.person.person_id
    return person_id


PLAN_HANDLERS = Handlers(
    state=VisitFile,
    key=person_of,
    on={
        person_pb2.PersonRegistered: on_person_told,
        person_pb2.PersonChanged: on_person_told,
        person_pb2.PersonDeceased: on_person_told,
        person_pb2.PersonDeathWithdrawn: on_person_told,
        person_pb2.PersonMoved: on_person_told,
        person_pb2.PersonMerged: on_person_told,
        person_pb2.PersonUnmerged: on_person_told,
        status_pb2.PersonStatusChanged: on_status_changed,
    },
)
