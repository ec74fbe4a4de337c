"""The registry's facts as they were known at a moment. Written by the consumer's projections, only read here."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.facts import Absence, HukouKnown, Interval, PersonFacts

CONSUMER = "tuoqi.payments.registry"
"""The subscription that writes these facts."""

_CHUNK = """
WITH known AS MATERIALIZED (
    SELECT DISTINCT ON (person_id) person_id, intervals
    FROM status_facts WHERE person_id > :after AND known_at <= :cut_off
    ORDER BY person_id, version DESC LIMIT CAST(:size AS int)
)
SELECT known.person_id, known.intervals, p.birth_date, p.died_on, p.absences, p.hukou
FROM known LEFT JOIN LATERAL (
    SELECT * FROM person_facts f WHERE f.person_id = known.person_id AND f.known_at <= :cut_off
    ORDER BY f.version DESC LIMIT 1
) p ON true
ORDER BY known.person_id
"""

_LETTERS = """
SELECT (SELECT count(*) FROM dead_letters WHERE consumer = :consumer AND state = 'open') AS dead,
       (SELECT count(*) FROM parked WHERE consumer = :consumer) AS parked,
       (SELECT count(*) FROM consumer_stops WHERE consumer = :consumer) AS stops
"""


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is asked on the day on which money goes out."""

    birth_date: date
    died: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """What stands between payments and the registry's facts."""

    dead_letters: int
    parked: int
    stopped: bool


async def count_persons(tx: Tx, cut_off: datetime) -> int:
    """People of whom any status was known at the cut-off: nobody else is or was entitled."""
    (row,) = await tx.fetch(
        "SELECT count(DISTINCT person_id) AS persons FROM status_facts WHERE known_at <= :cut_off", cut_off=cut_off
    )
    return int(row.persons)


async def read_chunk(tx: Tx, cut_off: datetime, after: str, size: int) -> Sequence[Any]:
    """The next people by id, each with what was known last at the cut-off; to be decoded by `decode`."""
    return await tx.fetch(_CHUNK, cut_off=cut_off, after=after, size=size)


def decode(row: Any, categories: Collection[str]) -> tuple[PersonFacts, list[Interval]]:
    """A row as the engine wants it, with the intervals of the categories that any programme asks for."""
    facts = PersonFacts(
        person_id=row.person_id,
        birth_date=row.birth_date,
        died_on=row.died_on,
        absences=tuple(Absence(date.fromisoformat(out), _day(back)) for out, back in json.loads(row.absences)),
        hukou=tuple(HukouKnown(date.fromisoformat(known), region) for known, region in json.loads(row.hukou)),
    )
    return facts, [_interval(fields) for fields in json.loads(row.intervals) if fields[0] in categories]


def _interval(fields: list[Any]) -> Interval:
    category, subtype, level, applied, decided, ended, until, amount_fen, loaded_order = fields
    return Interval(
        category=category,
        subtype=subtype,
        level=level,
        applied_on=_day(applied),
        decided_on=_day(decided),
        ended_on=_day(ended),
        valid_until=_day(until),
        amount_fen=amount_fen or None,
        loaded_seq=loaded_order,
    )


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


async def read_vitals(tx: Tx, person_ids: Sequence[str], at: datetime) -> dict[str, Vitals]:
    """Birth and death of people as known at a moment."""
    rows = await tx.fetch(
        "SELECT DISTINCT ON (person_id) person_id, birth_date, died_on FROM person_facts"
        " WHERE person_id = ANY(CAST(:ids AS text[])) AND known_at <= :at ORDER BY person_id, version DESC",
        ids=list(person_ids),
        at=at,
    )
    return {row.person_id: Vitals(row.birth_date, row.died_on is not None) for row in rows}


async def fenced_places(tx: Tx, fence_id: str) -> set[tuple[str, int]]:
    """The places (topic, partition) of a fence that have been applied."""
    rows = await tx.fetch("SELECT topic, partition FROM fences WHERE fence_id = :fence_id", fence_id=fence_id)
    return {(row.topic, row.partition) for row in rows}


async def read_missing(tx: Tx, consumer: str) -> Missing:
    """Open dead letters and parked messages of a subscription, and whether it was stopped."""
    (row,) = await tx.fetch(_LETTERS, consumer=consumer)
    return Missing(row.dead, row.parked, row.stops > 0)
