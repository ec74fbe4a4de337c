"""What visits mirrors of the registry: posts of workers, guardians, households, and deaths."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from tuoqi.contracts.registry.v1 import guardianship_pb2, person_pb2, place_pb2, worker_pb2
from tuoqi.kit.handlers import Projection

Row = tuple[Any, ...]


def worker_row(event: worker_pb2.WorkerPostsChanged, version: int) -> Row:
    """All posts of a worker: [kind, region, first day, last day]; one recorded by mistake ends before it begins."""
    posts = [[one.kind, one.region, _day(one.began_on), _day(one.ended_on)] for one in event.posts]
    return event.worker_id, version, _compact(posts)


def guardians_row(event: guardianship_pb2.GuardianshipChanged, version: int) -> Row:
    """All guardians of a child whom the register knows: [person, first day, last day]."""
    known = [one for one in event.guardianships if one.guardian_person_id]
    guardians = [[one.guardian_person_id, _day(one.began_on), _day(one.ended_on)] for one in known]
    ids = " ".join(sorted({one.guardian_person_id for one in known}))
    return event.person_id, version, _compact(guardians), ids


def household_row(event: place_pb2.HouseholdChanged, version: int) -> Row:
    """Who lives together."""
    return event.household_id, version, " ".join(event.member_person_ids)


def death_row(
    event: person_pb2.PersonDeceased | person_pb2.PersonDeathWithdrawn, version: int
) -> tuple[str, int, date | None, datetime]:
    """A death, or that there was none."""
    died_on = event.person.died_on
    return (
        event.person.person_id,
        version,
        date.fromisoformat(died_on) if died_on else None,
        event.known_at.ToDatetime(tzinfo=UTC),
    )


def _day(text: str) -> str:
    """The day as written, once it is known to be one."""
    return date.fromisoformat(text).isoformat() if text else ""


def _compact(content: Sequence[Sequence[str]]) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


WORKER_TABLE = Projection(
    table="workers",
    key=("worker_id",),
    columns=(("worker_id", "text"), ("version", "bigint"), ("posts", "text")),
    on={worker_pb2.WorkerPostsChanged: worker_row},
)

CARER_TABLES = (
    Projection(
        table="carers",
        key=("person_id",),
        columns=(("person_id", "text"), ("version", "bigint"), ("guardians", "text"), ("guardian_ids", "text")),
        on={guardianship_pb2.GuardianshipChanged: guardians_row},
    ),
    Projection(
        table="households",
        key=("household_id",),
        columns=(("household_id", "text"), ("version", "bigint"), ("members", "text")),
        on={place_pb2.HouseholdChanged: household_row},
    ),
    Projection(
        table="carer_deaths",
        key=("person_id",),
        columns=(("person_id", "text"), ("version", "bigint"), ("died_on", "date"), ("known_at", "timestamptz")),
        on={person_pb2.PersonDeceased: death_row, person_pb2.PersonDeathWithdrawn: death_row},
    ),
)
