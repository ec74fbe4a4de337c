"""The registry's facts as they were known at a moment. Written by the consumer's projections, only read here."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.facts import Absence, HukouKnown, Interval, PersonFacts

CONSUMER = "tuoqi.payments.registry"
"""The subscription that writes these facts."""

# Files that ever were merged are few and have an index of their own; what counts is the version known last.
_MERGED = """
SELECT p.person_id, p.merged_into FROM (SELECT DISTINCT person_id FROM person_facts WHERE merged_into <> '') ever
JOIN LATERAL (
    SELECT * FROM person_facts f WHERE f.person_id = ever.person_id AND f.known_at <= :at
    ORDER BY f.version DESC LIMIT 1
) p ON true
WHERE p.merged_into <> '' ORDER BY p.person_id
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


@dataclass(frozen=True, slots=True)
class Merged:
    """Files merged into others 并档, as known at a moment: their lines and money count with the person's."""

    root_of: Mapping[str, str]
    """File → person."""
    files_of: Mapping[str, Sequence[str]]
    """Person → the merged files, by id."""

    def root(self, person_id: str) -> str:
        """The person whom a file belongs to."""
        return self.root_of.get(person_id, person_id)

    def others(self, person_ids: Iterable[str]) -> list[str]:
        """The files merged into any of these people."""
        return [file for one in person_ids for file in self.files_of.get(one, ())] if self.files_of else []

    def whole(self, person_ids: Iterable[str]) -> list[str]:
        """These files, and all others of the same people."""
        roots = {self.root(one) for one in person_ids}
        return sorted({*roots, *self.others(roots)})


async def read_merged(tx: Tx, at: datetime) -> Merged:
    """Which files were merged into which people as known at a moment."""
    root_of = {row.person_id: row.merged_into for row in await tx.fetch(_MERGED, at=at)}
    files_of: dict[str, list[str]] = {}
    for file, root in root_of.items():
        files_of.setdefault(root, []).append(file)
    return Merged(root_of, files_of)


async def count_persons(tx: Tx, cut_off: datetime) -> int:
    """People of whom any status was known at the cut-off: nobody else is or was entitled."""
    (row,) = await tx.fetch(
        "SELECT count(DISTINCT person_id) AS persons FROM status_facts WHERE known_at <= :cut_off", cut_off=cut_off
    )
    return int(row.persons)


def decode(row: Any, categories: Collection[str]) -> tuple[PersonFacts, list[Interval]]:
    """A row as the engine wants it, with the intervals of the categories that any programme asks for."""
    facts = PersonFacts(
        person_id=row.person_id,
        birth_date=row.birth_date,
        died_on=row.died_on,
        absences=tuple(Absence(date.fromisoformat(out), _day(back)) for out, back in json.loads(row.absences)),
        hukou=tuple(HukouKnown(date.fromisoformat(known), region) for known, region in json.loads(row.hukou)),
    )
    return facts, [_interval(fields) for fields in json.loads(row.intervals or "[]") if fields[0] in categories]


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


async def read_vitals(tx: Tx, person_ids: Sequence[str], at: datetime, merged: Merged) -> dict[str, Vitals]:
    """Birth and death of people as known at a moment; of a merged file those of the person."""
    roots = {person_id: merged.root(person_id) for person_id in person_ids}
    rows = await tx.fetch(
        "SELECT DISTINCT ON (person_id) person_id, birth_date, died_on FROM person_facts"
        " WHERE person_id = ANY(CAST(:ids AS text[])) AND known_at <= :at ORDER BY person_id, version DESC",
        ids=sorted({*roots.values()}),
        at=at,
    )
    known = {row.person_id: Vitals(row.birth_date, row.died_on is not None) for row in rows}
    return {person_id: known[root] for person_id, root in roots.items() if root in known}


async def read_stays(
    tx: Tx, person_ids: Sequence[str], at: datetime, merged: Merged
) -> dict[str, tuple[tuple[str, date, date | None], ...]]:
    """Stays 入住 of people as known at a moment: facility, first day, last day; of a merged file those of the person."""
    roots = {person_id: merged.root(person_id) for person_id in person_ids}
    rows = await tx.fetch(
        "SELECT DISTINCT ON (person_id) person_id, stays FROM status_facts"
        " WHERE person_id = ANY(CAST(:ids AS text[])) AND known_at <= :at ORDER BY person_id, version DESC",
        ids=sorted({*roots.values()}),
        at=at,
    )
    known = {
        row.person_id: tuple(
            (facility, date.fromisoformat(began), _day(ended)) for facility, began, ended in json.loads(row.stays)
        )
        for row in rows
    }
    return {person_id: known.get(root, ()) for person_id, root in roots.items()}


async def fenced_places(tx: Tx, fence_id: str) -> set[tuple[str, int]]:
    """The places (topic, partition) of a fence that have been applied."""
    rows = await tx.fetch("SELECT topic, partition FROM fences WHERE fence_id = :fence_id", fence_id=fence_id)
    return {(row.topic, row.partition) for row in rows}


async def read_missing(tx: Tx, consumer: str) -> Missing:
    """Open dead letters and parked messages of a subscription, and whether it was stopped."""
    (row,) = await tx.fetch(_LETTERS, consumer=consumer)
    return Missing(row.dead, row.parked, row.stops > 0)
