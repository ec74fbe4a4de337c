"""What payments listens to: who exists and by what they are entitled, every version kept as it became known.

Nothing is decided here. A fact that cannot be applied parks all later facts of the same person.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from tuoqi.contracts.registry.v1 import person_pb2, status_pb2
from tuoqi.contracts.topics import topic
from tuoqi.kit.handlers import Projection, Subscription
from tuoqi.payments.handlers.certification import CHECKS_HANDLERS
from tuoqi.payments.store.facts import CONSUMER

PERSON = topic("tuoqi.registry.person.v1")
STATUS = topic("tuoqi.registry.status.v1")

AnyPersonEvent = (
    person_pb2.PersonRegistered
    | person_pb2.PersonChanged
    | person_pb2.PersonDeceased
    | person_pb2.PersonDeathWithdrawn
    | person_pb2.PersonMoved
    | person_pb2.PersonMerged
    | person_pb2.PersonUnmerged
)


def person_row(event: AnyPersonEvent, version: int) -> tuple[Any, ...]:
    """All facts of a person as one row; absences and hukou as lists in the order of the event."""
    person = event.person
    merged_into = event.into_person_id if isinstance(event, person_pb2.PersonMerged) else ""
    return (
        person.person_id,
        version,
        event.known_at.ToDatetime(tzinfo=UTC),
        date.fromisoformat(person.birth_date),
        date.fromisoformat(person.died_on) if person.died_on else None,
        _compact([[_day(one.moved_out_on), _day(one.returned_on)] for one in person.absences]),
        _compact([[_day(one.known_on), one.region] for one in person.hukou]),
        merged_into,
        person.residence_region,
    )


def status_row(event: status_pb2.PersonStatusChanged, version: int) -> tuple[Any, ...]:
    """All intervals and stays of a person as one row; `store.facts` reads them in this order of fields."""
    intervals = [
        [
            one.category,
            one.subtype,
            one.level,
            _day(one.applied_on),
            _day(one.decided_on),
            _day(one.ended_on),
            _day(one.valid_until),
            one.amount_fen,
            one.loaded_order,
        ]
        for one in event.intervals
    ]
    stays = [[one.facility, _day(one.began_on), _day(one.ended_on)] for one in event.stays]
    return (event.person_id, version, event.known_at.ToDatetime(tzinfo=UTC), _compact(intervals), _compact(stays))


def _day(text: str) -> str:
    """The day as written, once it is known to be one: a day that does not exist is refused here, not at the cut-off."""
    return date.fromisoformat(text).isoformat() if text else ""


def _compact(content: Sequence[Sequence[object]]) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _fences_of(name: str) -> Projection:
    def row(event: person_pb2.RegistryFenced, version: int) -> tuple[str, str, int, datetime, int]:
        return (event.fence_id, name, event.partition, event.cutoff.ToDatetime(tzinfo=UTC), version)

    return Projection(
        table="fences",
        key=("fence_id", "topic", "partition"),
        columns=(
            ("fence_id", "text"),
            ("topic", "text"),
            ("partition", "int"),
            ("cutoff", "timestamptz"),
            ("version", "bigint"),
        ),
        on={person_pb2.RegistryFenced: row},
        keep="every",
        topic=name,
    )


PERSON_FACTS = Projection(
    table="person_facts",
    key=("person_id", "version"),
    columns=(
        ("person_id", "text"),
        ("version", "bigint"),
        ("known_at", "timestamptz"),
        ("birth_date", "date"),
        ("died_on", "date"),
        ("absences", "text"),
        ("hukou", "text"),
        ("merged_into", "text"),
        ("residence", "text"),
    ),
    on=dict.fromkeys(
        (
            person_pb2.PersonRegistered,
            person_pb2.PersonChanged,
            person_pb2.PersonDeceased,
            person_pb2.PersonDeathWithdrawn,
            person_pb2.PersonMoved,
            person_pb2.PersonMerged,
            person_pb2.PersonUnmerged,
        ),
        person_row,
    ),
    keep="every",
)

STATUS_FACTS = Projection(
    table="status_facts",
    key=("person_id", "version"),
    columns=(
        ("person_id", "text"),
        ("version", "bigint"),
        ("known_at", "timestamptz"),
        ("intervals", "text"),
        ("stays", "text"),
    ),
    on={status_pb2.PersonStatusChanged: status_row},
    keep="every",
)

SUBSCRIPTION = Subscription(
    consumer=CONSUMER,
    topics=(PERSON, STATUS),
    projections=(PERSON_FACTS, STATUS_FACTS, _fences_of(PERSON.name), _fences_of(STATUS.name)),
    parks=True,
)

VISITS = Subscription(
    consumer="tuoqi.payments.visits", topics=(topic("tuoqi.visits.record.v1"),), handlers=(CHECKS_HANDLERS,)
)
"""Visits that certify 生存认证: apart from the registry's facts, which they must never delay."""
