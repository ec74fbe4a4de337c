"""What alerts listens to: these tables and nothing else.

Alerts about visits are raised and closed by visits' own events alone; a death or a move reaches them as what visits
makes of it. Other events of these topics stand in no table and are passed over. Each source has a subscription of its
own, so that none delays another; visits' records, of which there may be millions, are not listened to at all.
"""

from __future__ import annotations

from typing import Any

from tuoqi.alerts.handlers.sources import (
    BATCH_HANDLERS,
    DISPUTE_HANDLERS,
    FINDING_HANDLERS,
    TASK_HANDLERS,
    VERIFICATION_HANDLERS,
)
from tuoqi.alerts.handlers.visits import BOOK_HANDLERS
from tuoqi.contracts.registry.v1 import person_pb2
from tuoqi.contracts.registry.v1.place_pb2 import FacilityChanged
from tuoqi.contracts.topics import topic
from tuoqi.kit.handlers import Projection, Subscription

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
    """Where a person lives, else where the hukou is, and whose second file this is."""
    person = event.person
    region = person.residence_region or (person.hukou[-1].region if person.hukou else "")
    merged_into = event.into_person_id if isinstance(event, person_pb2.PersonMerged) else ""
    return (person.person_id, region, merged_into, version)


def facility_row(event: FacilityChanged, version: int) -> tuple[Any, ...]:
    """Where a facility lies."""
    return (event.facility.code, event.facility.region, version)


PEOPLE = Projection(
    table="people",
    key=("person_id",),
    columns=(("person_id", "text"), ("region", "text"), ("merged_into", "text"), ("version", "bigint")),
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
)
FACILITIES = Projection(
    table="facilities",
    key=("code",),
    columns=(("code", "text"), ("region", "text"), ("version", "bigint")),
    on={FacilityChanged: facility_row},
)

SUBSCRIPTION = Subscription(
    consumer="tuoqi.alerts.visits",
    topics=(topic("tuoqi.visits.plan.v1"),),
    handlers=(BOOK_HANDLERS,),
)
FINDINGS = Subscription(
    consumer="tuoqi.alerts.findings",
    topics=(topic("tuoqi.visits.finding.v1"),),
    handlers=(FINDING_HANDLERS,),
)
TASKS = Subscription(
    consumer="tuoqi.alerts.tasks",
    topics=(topic("tuoqi.visits.task.v1"), topic("tuoqi.visits.taskbatch.v1")),
    handlers=(TASK_HANDLERS, BATCH_HANDLERS),
)
PAYMENTS = Subscription(
    consumer="tuoqi.alerts.payments",
    topics=(topic("tuoqi.payments.cycle.v1"), topic("tuoqi.payments.verification.v1")),
    handlers=(DISPUTE_HANDLERS, VERIFICATION_HANDLERS),
)
PEOPLE_KNOWN = Subscription(
    consumer="tuoqi.alerts.people",
    topics=(topic("tuoqi.registry.person.v1"),),
    projections=(PEOPLE,),
)
PLACES_KNOWN = Subscription(
    consumer="tuoqi.alerts.places",
    topics=(topic("tuoqi.registry.place.v1"),),
    projections=(FACILITIES,),
)
SUBSCRIPTIONS = (SUBSCRIPTION, FINDINGS, TASKS, PAYMENTS, PEOPLE_KNOWN, PLACES_KNOWN)
