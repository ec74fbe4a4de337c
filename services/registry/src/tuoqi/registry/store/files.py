"""Files of people as answers carry them: the open part is kept ready, so that a thousand of them are one statement."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache

from google.protobuf.timestamp_pb2 import Timestamp

from tuoqi.contracts.registry.v1 import person_pb2
from tuoqi.contracts.registry.v1 import person_service_pb2 as pb
from tuoqi.kit.stamps import stamp_of
from tuoqi.registry.domain.person import Person


def person_message(person: Person, known_at: datetime | None) -> pb.Person:
    """The open part of a file."""
    return pb.Person(
        person_id=person.person_id,
        version=person.version,
        birth_date=person.birth_date.isoformat(),
        sex=person.sex,
        hukou=[person_pb2.HukouSince(region=one.region, known_on=one.known_on.isoformat()) for one in person.hukou],
        residence_region=person.residence_region,
        died_on=_day(person.died_on),
        absences=[
            person_pb2.Absence(moved_out_on=one.moved_out_on.isoformat(), returned_on=_day(one.returned_on))
            for one in person.absences
        ],
        household_id=person.household_id,
        merged_into=person.merged_into,
        known_at=None if known_at is None else _stamp(known_at),
    )


def framed(person: Person, known_at: datetime | None) -> bytes:
    """The open part as one entry of an answer: many of them one behind the other are the answer's bytes."""
    return pb.GetPersonsResponse(persons=[person_message(person, known_at)]).SerializeToString()


@lru_cache(maxsize=256)
def _stamp(moment: datetime) -> Timestamp:
    # A whole chunk became known at one moment, and turning one into a message costs as much as all the rest.
    return stamp_of(moment)


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""
