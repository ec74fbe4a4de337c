"""What the registry tells of a change: the state before and after in, the one event out. Nothing private passes here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from tuoqi.contracts.registry.v1 import change_pb2, guardianship_pb2, person_pb2, place_pb2, status_pb2, worker_pb2
from tuoqi.registry.domain.care import CareFacts
from tuoqi.registry.domain.change import Change as Request
from tuoqi.registry.domain.facility import Facility, FacilityRules, has_fire_gap
from tuoqi.registry.domain.guardianship import Guardianship
from tuoqi.registry.domain.household import Household
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.region import Region
from tuoqi.registry.domain.region_change import Change
from tuoqi.registry.domain.status import Interval
from tuoqi.registry.domain.worker import Worker


def person_event(before: Person | None, after: Person, known_at: Timestamp) -> Message:
    """The one event of a change to a person. Death comes before a move, a move before everything else."""
    person = person_facts(after)
    if before is None:
        return person_pb2.PersonRegistered(person=person, known_at=known_at)
    if after.died_on != before.died_on:
        if after.died_on is None:
            return person_pb2.PersonDeathWithdrawn(person=person, known_at=known_at)
        return person_pb2.PersonDeceased(person=person, known_at=known_at)
    if after.absences != before.absences:
        return person_pb2.PersonMoved(person=person, known_at=known_at)
    return person_pb2.PersonChanged(person=person, known_at=known_at)


def merged_event(file: Person, known_at: Timestamp) -> Message:
    """A file that is a second one of another person, as it is now."""
    return person_pb2.PersonMerged(person=person_facts(file), into_person_id=file.merged_into, known_at=known_at)


def unmerged_event(file: Person, from_person_id: str, known_at: Timestamp) -> Message:
    """A file that is a person's own again."""
    return person_pb2.PersonUnmerged(person=person_facts(file), from_person_id=from_person_id, known_at=known_at)


def person_again(kind: type[Message], person: Person, known_at: Timestamp) -> Message:
    """An event of this kind about a person who has several files; where one of them says otherwise, that he changed."""
    if kind is person_pb2.PersonDeathWithdrawn and person.died_on is not None:
        kind = person_pb2.PersonChanged
    return kind(person=person_facts(person), known_at=known_at)


def household_counted(event: place_pb2.HouseholdChanged, root_of: Mapping[str, str]) -> Message:
    """A household's event with people in place of their merged files: nobody is counted twice in it."""
    members = {root_of.get(one, one) for one in event.member_person_ids}
    head = event.head_person_id
    return place_pb2.HouseholdChanged(
        household_id=event.household_id, head_person_id=root_of.get(head, head), member_person_ids=sorted(members)
    )


def person_facts(person: Person) -> person_pb2.PersonFacts:
    """All open facts of a person."""
    return person_pb2.PersonFacts(
        person_id=person.person_id,
        birth_date=person.birth_date.isoformat(),
        sex=person.sex,
        hukou=[
            person_pb2.HukouSince(region=since.region, known_on=since.known_on.isoformat()) for since in person.hukou
        ],
        residence_region=person.residence_region,
        died_on=_day(person.died_on),
        absences=[
            person_pb2.Absence(moved_out_on=one.moved_out_on.isoformat(), returned_on=_day(one.returned_on))
            for one in person.absences
        ],
    )


def status_event(person_id: str, facts: CareFacts, known_at: Timestamp) -> Message:
    """All that entitles and grades a person, as it is now; the sealed category is told as what it is kept as."""
    return status_pb2.PersonStatusChanged(
        person_id=person_id,
        intervals=[_interval(one) for one in facts.intervals],
        stays=[
            status_pb2.Stay(facility=one.facility, began_on=one.began_on.isoformat(), ended_on=_day(one.ended_on))
            for one in facts.stays
        ],
        assessments=[
            status_pb2.Assessment(
                scale=one.scale,
                assessed_on=one.assessed_on.isoformat(),
                score=one.score,
                level=one.level,
                loaded_order=one.loaded_order,
            )
            for one in facts.assessments
        ],
        known_at=known_at,
    )


def household_event(household: Household, members: Sequence[str]) -> Message:
    """A household as it is now."""
    return place_pb2.HouseholdChanged(
        household_id=household.household_id, head_person_id=household.head_person_id, member_person_ids=members
    )


def region_event(region: Region, *, replaced_by: Sequence[str] = (), change: Change | None = None) -> Message:
    """A region as it is now; where a document changed it, how, from which day on, and what took its place."""
    return place_pb2.RegionChanged(
        replaced_by=replaced_by,
        change_kind=change.kind if change else "",
        effective_on=change.on.isoformat() if change else "",
        region=place_pb2.Region(
            code=region.code,
            name=region.name,
            parent=region.parent,
            kind=region.kind,
            valid_from=_day(region.valid_from),
            valid_to=_day(region.valid_to),
        ),
    )


def worker_event(worker: Worker, known_at: Timestamp) -> Message:
    """All posts of a worker as they are now, without whoever it is."""
    return worker_pb2.WorkerPostsChanged(
        worker_id=worker.worker_id,
        posts=[
            worker_pb2.HeldPost(
                post_id=post.post_id,
                kind=post.kind,
                region=post.region,
                began_on=post.began_on.isoformat(),
                ended_on=_day(post.ended_on),
            )
            for post in worker.posts
        ],
        known_at=known_at,
        sex=worker.sex,
    )


def facility_event(facility: Facility, rules: FacilityRules) -> Message:
    """A facility as it is now, without its account."""
    return place_pb2.FacilityChanged(
        facility=place_pb2.Facility(
            code=facility.code,
            name=facility.name,
            kind=facility.kind,
            region=facility.region,
            beds=facility.beds,
            fire_equipment=facility.details.get("fire_equipment", ""),
            closed_on=_day(facility.closed_on),
            merged_into=facility.merged_into,
            building_use=facility.building_use,
            fire_gap=has_fire_gap(facility, rules),
        )
    )


def guardianship_event(child_id: str, guardianships: Sequence[Guardianship], known_at: Timestamp) -> Message:
    """Who answers for a child, by ids alone."""
    return guardianship_pb2.GuardianshipChanged(
        person_id=child_id,
        guardianships=[
            guardianship_pb2.Guardianship(
                kind=one.kind,
                guardian_person_id=one.guardian_person_id,
                began_on=one.began_on.isoformat(),
                ended_on=_day(one.ended_on),
                signed_on=_day(one.signed_on),
            )
            for one in guardianships
        ],
        known_at=known_at,
    )


def change_applied_event(change: Request, known_at: Timestamp) -> Message:
    """A change request is in: counts only."""
    return change_pb2.ChangeApplied(
        change_id=change.change_id,
        kind=change.kind,
        rows_changed=change.rows_changed,
        rows_unchanged=change.rows_unchanged,
        rows_skipped=change.rows_skipped,
        undoes=change.undoes,
        known_at=known_at,
    )


def change_undone_event(undone: Request, by: Request, known_at: Timestamp) -> Message:
    """A change request was taken back by another one: counts only."""
    return change_pb2.ChangeUndone(
        change_id=undone.change_id,
        undone_by=by.change_id,
        kind=undone.kind,
        rows_changed=by.rows_changed,
        rows_skipped=by.rows_skipped,
        known_at=known_at,
    )


def _interval(one: Interval) -> status_pb2.StatusInterval:
    return status_pb2.StatusInterval(
        interval_id=one.interval_id,
        category=one.category,
        subtype=one.subtype,
        level=one.level,
        applied_on=_day(one.applied_on),
        decided_on=_day(one.decided_on),
        ended_on=_day(one.ended_on),
        valid_until=_day(one.valid_until),
        amount_fen=one.amount_fen,
        loaded_order=one.loaded_order,
    )


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""
