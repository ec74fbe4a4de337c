"""What pairings mirror of the registry: posts and sex of workers, and the sex of people."""

from __future__ import annotations

import json

from tuoqi.contracts.registry.v1 import person_pb2, worker_pb2
from tuoqi.kit.handlers import Projection

AnyPerson = (
    person_pb2.PersonRegistered
    | person_pb2.PersonChanged
    | person_pb2.PersonDeceased
    | person_pb2.PersonDeathWithdrawn
    | person_pb2.PersonMoved
    | person_pb2.PersonMerged
    | person_pb2.PersonUnmerged
)


def helper_row(event: worker_pb2.WorkerPostsChanged, version: int) -> tuple[str, int, str, str]:
    """All posts of a worker, [kind, region, first day, last day], and the sex."""
    posts = [[one.kind, one.region, one.began_on, one.ended_on] for one in event.posts]
    return event.worker_id, version, event.sex, json.dumps(posts, ensure_ascii=False, separators=(",", ":"))


def sex_row(event: AnyPerson, version: int) -> tuple[str, int, str]:
    """The person's sex; birth date, region and statuses stand in the visit file already."""
    return event.person.person_id, version, event.person.sex


HELPER_TABLES = (
    Projection(
        table="helpers",
        key=("worker_id",),
        columns=(("worker_id", "text"), ("version", "bigint"), ("sex", "text"), ("posts", "text")),
        on={worker_pb2.WorkerPostsChanged: helper_row},
    ),
    Projection(
        table="pairing_people",
        key=("person_id",),
        columns=(("person_id", "text"), ("version", "bigint"), ("sex", "text")),
        on={
            person_pb2.PersonRegistered: sex_row,
            person_pb2.PersonChanged: sex_row,
            person_pb2.PersonDeceased: sex_row,
            person_pb2.PersonDeathWithdrawn: sex_row,
            person_pb2.PersonMoved: sex_row,
            person_pb2.PersonMerged: sex_row,
            person_pb2.PersonUnmerged: sex_row,
        },
    ),
)
