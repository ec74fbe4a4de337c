"""What the registry tells of a change: the state before and after in, the one event out. Nothing private passes here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from tuoqi.contracts.registry.v1 import person_pb2, place_pb2, status_pb2
from tuoqi.registry.domain.care import CareFacts
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.place import Facility, Household, Region
from tuoqi.registry.domain.status import Interval


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


def region_event(region: Region) -> Message:
    """A region as it is now."""
    return place_pb2.RegionChanged(
        region=place_pb2.Region(
            code=region.code,
            name=region.name,
            parent=region.parent,
            kind=region.kind,
            valid_from=_day(region.valid_from),
            valid_to=_day(region.valid_to),
        )
    )


def facility_event(facility: Facility) -> Message:
    """A facility as it is now, without its account."""
    return place_pb2.FacilityChanged(
        facility=place_pb2.Facility(
            code=facility.code,
            name=facility.name,
            kind=facility.kind,
            region=facility.region,
            beds=facility.beds,
            fire_equipment=facility.details.get("fire_equipment", ""),
        )
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
