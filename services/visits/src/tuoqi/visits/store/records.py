"""Visit records as they arrived: once for each id, both times kept, private text sealed."""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from tuoqi.kit.crypto import SubjectKey
from tuoqi.kit.database import Tx
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.records import VisitForm

PLACE: Final = "visit_records.sealed"

_KNOWN: Final = """
SELECT person_id, version, region, birth_date FROM plans
WHERE person_id = ANY(CAST(:keys AS text[])) ORDER BY person_id FOR UPDATE
"""
_RECORD: Final = """
INSERT INTO visit_records (visit_id, person_id, started_at, arrived_at, counts_on, clock_ahead, channel, result,
                           visitor_role, findings, services, sealed)
SELECT t.visit_id, t.person_id, t.started_at, :arrived_at, t.counts_on, t.clock_ahead, t.channel, t.result,
       t.visitor_role, t.findings, t.services, t.sealed
FROM unnest(CAST(:visit_ids AS text[]), CAST(:person_ids AS text[]), CAST(:started AS timestamptz[]),
            CAST(:counts AS date[]), CAST(:ahead AS boolean[]), CAST(:channels AS text[]), CAST(:results AS text[]),
            CAST(:roles AS text[]), CAST(:findings AS text[]), CAST(:services AS text[]), CAST(:sealed AS bytea[]))
     AS t(visit_id, person_id, started_at, counts_on, clock_ahead, channel, result, visitor_role, findings, services,
          sealed)
ORDER BY t.visit_id
ON CONFLICT DO NOTHING RETURNING visit_id
"""


class NoteSeal:
    """Seals what a record says of people: who visited, and the note. Each person's records have a key of their own."""

    def __init__(self, key: bytes) -> None:
        # Derived: visits holds no master key, and one key must not serve two purposes.
        self._key = hmac.digest(key, b"visits.notes", "sha256")

    def seal(self, person_id: str, form: VisitForm) -> bytes | None:
        """The private texts sealed for this person, None where there are none."""
        if not form.visitor and not form.note:
            return None
        return self._key_of(person_id).seal(PLACE, json.dumps([form.visitor, form.note], ensure_ascii=False))

    def open(self, person_id: str, sealed: bytes) -> tuple[str, str]:
        """Visitor and note. Raises SealError where it was sealed for another person or changed."""
        visitor, note = json.loads(self._key_of(person_id).unseal(PLACE, sealed))
        return visitor, note

    def _key_of(self, person_id: str) -> SubjectKey:
        return SubjectKey(person_id, hmac.digest(self._key, person_id.encode(), "sha256"))


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """What a record must agree with."""

    version: int
    region: str
    birth_date: date | None


async def known_people(tx: Tx, person_ids: Collection[str]) -> dict[str, KnownPerson]:
    """People with a visit file, locked in key order."""
    rows = await tx.fetch(_KNOWN, keys=sorted(set(person_ids)))
    return {row.person_id: KnownPerson(row.version, row.region, row.birth_date) for row in rows}


async def record_visits(
    tx: Tx, visits: Sequence[tuple[str, VisitForm]], *, arrived_at: datetime, seal: NoteSeal
) -> set[str]:
    """Write records (person, form) that are not there yet; the ids that are new. Ids are unique within `visits`."""
    if not visits:
        return set()
    forms = [form for _, form in visits]
    rows = await tx.fetch(
        _RECORD,
        arrived_at=arrived_at,
        visit_ids=[form.visit_id for form in forms],
        person_ids=[person_id for person_id, _ in visits],
        started=[form.started_at for form in forms],
        counts=[day_of(form.record.counts_at(arrived_at)) for form in forms],
        ahead=[form.runs_ahead(arrived_at) for form in forms],
        channels=[form.channel for form in forms],
        results=[form.result for form in forms],
        roles=[form.visitor_role for form in forms],
        findings=[";".join(form.findings) for form in forms],
        services=[";".join(f"{kind}:{count}" for kind, count in form.services) for form in forms],
        sealed=[seal.seal(person_id, form) for person_id, form in visits],
    )
    return {row.visit_id for row in rows}
