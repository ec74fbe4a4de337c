"""Visit records as they arrived: once for each id, both times kept, private parts sealed."""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

from tuoqi.kit.crypto import SubjectKey
from tuoqi.kit.database import Conflict, Tx
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.plan import SUCCESSES, Try
from tuoqi.visits.domain.records import CORRECTED, AttachmentRef, VisitForm

PLACE: Final = "visit_records.sealed"

_KNOWN: Final = """
SELECT person_id, version, region, birth_date FROM plans
WHERE person_id = ANY(CAST(:keys AS text[])) ORDER BY person_id FOR UPDATE
"""
_COLUMNS: Final = {
    "visit_id": "text",
    "person_id": "text",
    "started_at": "timestamptz",
    "counts_on": "date",
    "clock_ahead": "boolean",
    "clock_behind": "boolean",
    "channel": "text",
    "result": "text",
    "visitor_role": "text",
    "findings": "text",
    "services": "text",
    "ended_at": "timestamptz",
    "created_offline": "boolean",
    "uploaded_by": "text",
    "grade": "text",
    "plan_number": "int",
    "counts": "boolean",
    "not_counted_because": "text",
    "corrects": "text",
    "digest": "bytea",
    "sealed": "bytea",
}
_NAMES: Final = ", ".join(_COLUMNS)
# In the order of arrival: by it equal times are told apart.
_RECORD: Final = f"""
INSERT INTO visit_records ({_NAMES}, arrived_at, way)
SELECT {", ".join(f"t.{name}" for name in _COLUMNS)}, :arrived_at, :way
FROM unnest({", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _COLUMNS.items())})
     WITH ORDINALITY AS t({_NAMES}, place)
ORDER BY t.place
ON CONFLICT DO NOTHING RETURNING visit_id
"""
_STANDING: Final = """
SELECT visit_id, person_id, digest, counts, counts_on, channel, result, started_at, arrived_at,
       coalesce(corrected_by, '') AS corrected_by
FROM visit_records WHERE visit_id = ANY(CAST(:ids AS text[]))
"""
_CORRECT: Final = """
UPDATE visit_records SET corrected_by = :by, counts = false, not_counted_because = :because
WHERE visit_id = :old AND corrected_by IS NULL
"""
_TRIES: Final = """
SELECT least(started_at, arrived_at) AS counts_at, result FROM visit_records
WHERE person_id = :person AND corrected_by IS NULL AND visit_id <> :without AND channel = ANY(CAST(:channels AS text[]))
  AND result IN ('MET', 'INFORMANT_ONLY', 'NOT_FOUND', 'REFUSED')
ORDER BY least(started_at, arrived_at) DESC, arrival DESC LIMIT 2
"""
_DAY: Final = """
SELECT count(*) AS found FROM visit_records
WHERE person_id = :person AND counts AND counts_on = :day AND visit_id <> :without
"""


class Private(NamedTuple):
    """The sealed parts of a record."""

    visitor: str = ""
    note: str = ""
    place: tuple[str, str] | None = None
    checklist: tuple[tuple[str, str], ...] = ()
    attachments: tuple[AttachmentRef, ...] = ()


class NoteSeal:
    """Seals what a record says of people: visitor, note, place, checklist. Each person's records have their own key."""

    def __init__(self, key: bytes) -> None:
        # Derived: visits holds no master key, and one key must not serve two purposes.
        self._key = hmac.digest(key, b"visits.notes", "sha256")
        self._digests = hmac.digest(key, b"visits.records", "sha256")

    def seal(self, person_id: str, form: VisitForm) -> bytes | None:
        """The private parts sealed for this person, None where there are none."""
        private = _private_out(form)
        if not private:
            return None
        return self._key_of(person_id).seal(PLACE, json.dumps(private, ensure_ascii=False))

    def open(self, person_id: str, sealed: bytes | None) -> Private:
        """The private parts. Raises SealError where they were sealed for another person or changed."""
        if sealed is None:
            return Private()
        return _private_in(json.loads(self._key_of(person_id).unseal(PLACE, sealed)))

    def digest(self, person_id: str, form: VisitForm) -> bytes:
        """Equal for equal content. Keyed: an unkeyed one would let a note be guessed."""
        content = [
            person_id, form.visit_id, _moment(form.started_at), form.channel, form.result, form.visitor_role,
            form.findings, sorted(form.services), _moment(form.ended_at), form.created_offline, form.corrects,
            _private_out(form),
        ]  # fmt: skip
        text = json.dumps(content, ensure_ascii=False, sort_keys=True)
        return hmac.digest(self._digests, text.encode(), "sha256")

    def _key_of(self, person_id: str) -> SubjectKey:
        return SubjectKey(person_id, hmac.digest(self._key, person_id.encode(), "sha256"))


def _private_out(form: VisitForm) -> dict[str, Any]:
    refs = [[one.kind, one.sha256, one.consent_by, _moment(one.consented_at)] for one in form.attachments]
    content = {
        "visitor": form.visitor,
        "note": form.note,
        "place": form.place,
        "checklist": dict(form.checklist),
        "attachments": refs,
    }
    return {name: value for name, value in content.items() if value}


def _private_in(content: Any) -> Private:
    if isinstance(content, list):  # records of older releases: visitor and note
        return Private(*content)
    place = content.get("place")
    return Private(
        visitor=content.get("visitor", ""),
        note=content.get("note", ""),
        place=(place[0], place[1]) if place else None,
        checklist=tuple(content.get("checklist", {}).items()),
        attachments=tuple(
            AttachmentRef(kind, sha256, consent_by, datetime.fromisoformat(at) if at else None)
            for kind, sha256, consent_by, at in content.get("attachments", ())
        ),
    )


def _moment(moment: datetime | None) -> str | None:
    # In one zone: a file and a device may tell the same moment in different ones.
    return None if moment is None else moment.astimezone(UTC).isoformat()


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """What a record must agree with."""

    version: int
    region: str
    birth_date: date | None


class Standing(NamedTuple):
    """A record that is here: whose it is, its content's digest, and how it counts."""

    visit_id: str
    person_id: str
    digest: bytes | None
    counts: bool
    counts_on: date
    channel: str
    result: str
    started_at: datetime
    arrived_at: datetime
    corrected_by: str


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record to be written, with what we add: grade and plan of the moment, and whether it counts."""

    person_id: str
    form: VisitForm
    uploaded_by: str = ""
    grade: str = ""
    plan_number: int = 0
    not_counted_because: str = ""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """How records arrived: when, which way, and from how far back on the device's clock is doubted."""

    arrived_at: datetime
    way: str = "file"
    behind_days: int = 365


async def known_people(tx: Tx, person_ids: Collection[str]) -> dict[str, KnownPerson]:
    """People with a visit file, locked in key order."""
    rows = await tx.fetch(_KNOWN, keys=sorted(set(person_ids)))
    return {row.person_id: KnownPerson(row.version, row.region, row.birth_date) for row in rows}


async def standing_records(tx: Tx, visit_ids: Collection[str]) -> dict[str, Standing]:
    """Those of these records that are here."""
    if not visit_ids:
        return {}
    return {row.visit_id: Standing._make(row) for row in await tx.fetch(_STANDING, ids=sorted(visit_ids))}


async def record_visits(tx: Tx, records: Sequence[NewRecord], how: Circumstances, seal: NoteSeal) -> None:
    """Write records that are not there. Raises Conflict where somebody else has written one meanwhile."""
    if not records:
        return
    rows = [_row(one, how, seal) for one in records]
    columns = {name: list(column) for name, column in zip(_COLUMNS, zip(*rows, strict=True), strict=True)}
    written = await tx.fetch(_RECORD, arrived_at=how.arrived_at, way=how.way, **columns)
    if len(written) != len(records):
        raise Conflict("a record arrived twice at once")


def _row(one: NewRecord, how: Circumstances, seal: NoteSeal) -> tuple[Any, ...]:
    form = one.form
    return (
        form.visit_id,
        one.person_id,
        form.started_at,
        day_of(form.record.counts_at(how.arrived_at)),
        form.runs_ahead(how.arrived_at),
        form.runs_behind(how.arrived_at, how.behind_days),
        form.channel,
        form.result,
        form.visitor_role,
        ";".join(form.findings),
        ";".join(f"{kind}:{count}" for kind, count in form.services),
        form.ended_at,
        form.created_offline,
        one.uploaded_by,
        one.grade,
        one.plan_number,
        not one.not_counted_because,
        one.not_counted_because,
        form.corrects or None,
        seal.digest(one.person_id, form),
        seal.seal(one.person_id, form),
    )


async def mark_corrected(tx: Tx, visit_id: str, by: str) -> None:
    """The record is corrected and counts no longer. Raises Conflict where another one was first."""
    if await tx.execute(_CORRECT, old=visit_id, by=by, because=CORRECTED) != 1:
        raise Conflict("a record was corrected twice at once")


async def last_tries(tx: Tx, person_id: str, *, without: str, channels: Mapping[str, bool]) -> tuple[Try, ...]:
    """The person's last two tries without one record, by their time; `channels` says which of them count."""
    counting = sorted(code for code, counts in channels.items() if counts)
    rows = await tx.fetch(_TRIES, person=person_id, without=without, channels=counting)
    return tuple(Try(row.counts_at, row.result in SUCCESSES) for row in reversed(rows))


async def day_is_empty(tx: Tx, person_id: str, day: date, *, without: str) -> bool:
    """Whether no visit that counts stands on a day, one record not looked at."""
    rows = await tx.fetch(_DAY, person=person_id, day=day, without=without)
    return not rows[0].found
