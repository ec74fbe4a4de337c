"""SQL about comparison lists: what their rows found, whose guardian somebody is, what a list came to by town."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from tuoqi.kit.database import Tx
from tuoqi.registry.domain.comparison import Finding
from tuoqi.registry.domain.person import Person
from tuoqi.registry.store.seals import KeyRing, Vault

FINDING: Final = "list_findings.private"
_REGION: Final = "coalesce(nullif(p.residence_region, ''), p.hukou::jsonb -> -1 ->> 0)"
_COLUMNS: Final = (
    "finding_id", "content_hash", "attempt", "row_number", "list", "person_id", "kind", "happened_on", "outcome",
    "state", "known_at", "decided_by", "decided_at", "change_ids", "private",
)  # fmt: skip
_NOTE_GUARDIANS = """
INSERT INTO guardian_links (child_id, guardian_hash)
SELECT * FROM unnest(CAST(:children AS text[]), CAST(:hashes AS bytea[]))
ON CONFLICT (child_id) DO UPDATE SET guardian_hash = EXCLUDED.guardian_hash
"""
_WARDS = """
SELECT child_id, guardian FROM (
    SELECT l.child_id, t.person_id AS guardian
    FROM unnest(CAST(:ids AS text[]), CAST(:hashes AS bytea[])) AS t(person_id, hash)
    JOIN guardian_links l ON l.guardian_hash = t.hash
    UNION
    SELECT child_id, guardian_person_id FROM guardianships
    WHERE guardian_person_id = ANY(CAST(:ids AS text[])) AND began_on <= :day AND coalesce(ended_on, :day) >= :day
) AS w JOIN persons c ON c.person_id = w.child_id
WHERE c.died_on IS NULL AND c.merged_into IS NULL AND c.birth_date > :day - interval '18 years'
ORDER BY guardian, child_id
"""
_HOUSEHOLDS = """
SELECT m.household_id, m.person_id, h.head_person_id
FROM persons m JOIN households h USING (household_id)
WHERE m.household_id = ANY(CAST(:ids AS text[])) AND m.died_on IS NULL AND m.merged_into IS NULL
ORDER BY m.household_id, m.person_id
"""
_LISTS = """
SELECT list, content_hash, attempt, min(known_at) AS loaded_at
FROM list_findings WHERE attempt > 0 AND (:list = '' OR list = :list) AND (:hash = '' OR content_hash = :hash)
GROUP BY list, content_hash, attempt
HAVING CAST(:before_at AS timestamptz) IS NULL
    OR (min(known_at), content_hash) < (CAST(:before_at AS timestamptz), :before_hash)
ORDER BY loaded_at DESC, content_hash DESC, attempt DESC LIMIT :size
"""
_TOWNS = f"""
SELECT left({_REGION}, 9) AS town, count(*) AS rows, count(*) FILTER (WHERE f.outcome = 'NEW') AS rows_new,
       count(*) FILTER (WHERE f.state = 'OPEN') AS rows_open
FROM list_findings f JOIN persons p USING (person_id)
WHERE f.content_hash = :hash AND f.list = :list AND f.attempt = :attempt
  AND {_REGION} ^@ ANY(CAST(:prefixes AS text[]))
GROUP BY town ORDER BY town
"""
_REPORT = f"""
SELECT f.* FROM list_findings f JOIN persons p USING (person_id)
WHERE f.content_hash = :hash AND f.list = :list AND f.attempt = :attempt AND f.row_number > :after
  AND (:state = '' OR f.state = :state) AND {_REGION} ^@ ANY(CAST(:prefixes AS text[]))
ORDER BY f.row_number LIMIT :size
"""
_CLOSE = """
UPDATE list_findings SET state = t.state
FROM unnest(CAST(:ids AS text[]), CAST(:states AS text[])) AS t(finding_id, state)
WHERE list_findings.finding_id = t.finding_id AND list_findings.state = 'OPEN'
"""
_DECIDE = """
UPDATE list_findings SET state = :state, decided_by = :by, decided_at = :at, change_ids = :changes, private = :private
WHERE finding_id = :finding_id
"""


@dataclass(frozen=True, slots=True)
class Load:
    """One load of a list."""

    list: str
    content_hash: str
    attempt: int
    loaded_at: datetime


async def note_guardians(tx: Tx, before: Mapping[str, Person], after: Sequence[Person], vault: Vault) -> None:
    """Keep by whose number each child's row names its guardian, so that the guardian's children are found."""
    changed = [
        (one.person_id, number)
        for one in after
        if (number := one.private.get("guardian_id_number", "")) != _guardian(before.get(one.person_id))
    ]
    if changed:
        await tx.execute(
            _NOTE_GUARDIANS,
            children=[child for child, _ in changed],
            hashes=[vault.number_hash(number) for _, number in changed],
        )


async def wards_of(tx: Tx, people: Collection[Person], day: date, vault: Vault) -> dict[str, list[str]]:
    """By guardian the living children on that day, in order of their ids."""
    rows = await tx.fetch(
        _WARDS,
        ids=[one.person_id for one in people],
        hashes=[vault.number_hash(one.number) for one in people],
        day=day,
    )
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        found[row.guardian].append(row.child_id)
    return found


async def households_of(tx: Tx, household_ids: Collection[str]) -> dict[str, tuple[str, list[str]]]:
    """By household its head and its living members, in order of their ids."""
    found: dict[str, tuple[str, list[str]]] = {}
    for row in await tx.fetch(_HOUSEHOLDS, ids=sorted(household_ids)):
        found.setdefault(row.household_id, (row.head_person_id, []))[1].append(row.person_id)
    return found


async def last_findings(tx: Tx, person_ids: Collection[str], ring: KeyRing) -> dict[str, list[Finding]]:
    """What lists say of each person and was neither replaced nor withdrawn, in the order of loading."""
    rows = await tx.fetch(
        "SELECT * FROM list_findings WHERE person_id = ANY(CAST(:ids AS text[])) AND outcome = 'NEW'"
        " AND state NOT IN ('REPLACED', 'WITHDRAWN') ORDER BY person_id, known_at, row_number",
        ids=sorted(person_ids),
    )
    found: defaultdict[str, list[Finding]] = defaultdict(list)
    for row in rows:
        found[row.person_id].append(finding_from(row, ring))
    return found


async def add_findings(
    tx: Tx, findings: Sequence[Finding], ring: KeyRing, *, content_hash: str, attempt: int, known_at: datetime
) -> None:
    """Keep what a chunk's rows found. The ring holds the persons' keys."""
    rows: list[tuple[Any, ...]] = [
        (
            one.finding_id, content_hash, attempt, one.row_number, one.list, one.person_id, one.kind, one.happened_on,
            one.outcome, one.state, known_at, "", None, [], ring.seal(one.person_id, FINDING, one.private),
        )
        for one in findings
    ]  # fmt: skip
    if rows:
        await tx.copy("list_findings", _COLUMNS, rows)


async def close_findings(tx: Tx, states: Mapping[str, str]) -> None:
    """Findings that a later row replaced or withdrew, by id; only those that nobody decided."""
    if states:
        await tx.execute(_CLOSE, ids=list(states), states=list(states.values()))


async def load_finding(tx: Tx, finding_id: str) -> Any | None:
    """The row of a finding, locked; open it with `finding_from`."""
    rows = await tx.fetch("SELECT * FROM list_findings WHERE finding_id = :id FOR UPDATE", id=finding_id)
    return rows[0] if rows else None


async def decide_finding(tx: Tx, finding: Finding, ring: KeyRing) -> None:
    """Write a decision."""
    await tx.execute(
        _DECIDE,
        state=finding.state,
        by=finding.decided_by,
        at=finding.decided_at,
        changes=list(finding.change_ids),
        private=ring.seal(finding.person_id, FINDING, finding.private),
        finding_id=finding.finding_id,
    )


async def list_loads(
    tx: Tx, *, list_: str, content_hash: str = "", before: tuple[datetime, str] | None = None, size: int
) -> list[Load]:
    """Loads of lists, newest first."""
    before_at, before_hash = before or (None, "")
    rows = await tx.fetch(
        _LISTS, list=list_, hash=content_hash, before_at=before_at, before_hash=before_hash, size=size
    )
    return [Load(row.list, row.content_hash, row.attempt, row.loaded_at) for row in rows]


async def count_by_town(tx: Tx, load: Load, prefixes: Sequence[str]) -> Sequence[Any]:
    """Rows of a load by town (nine digits): all, new, open; only of these regions."""
    return await tx.fetch(_TOWNS, hash=load.content_hash, list=load.list, attempt=load.attempt, prefixes=list(prefixes))


async def findings_of(
    tx: Tx, load: Load, prefixes: Sequence[str], *, state: str, after: int, size: int
) -> Sequence[Any]:
    """Rows of a load in the file's order, those after `after`; open them with `finding_from`."""
    return await tx.fetch(
        _REPORT,
        hash=load.content_hash,
        list=load.list,
        attempt=load.attempt,
        state=state,
        after=after,
        prefixes=list(prefixes),
        size=size,
    )


def _guardian(person: Person | None) -> str:
    return person.private.get("guardian_id_number", "") if person else ""


def finding_from(row: Any, ring: KeyRing) -> Finding:
    """A finding from its row. The ring holds the person's key."""
    return Finding(
        row.finding_id,
        row.list,
        row.row_number,
        row.person_id,
        row.kind,
        row.happened_on,
        row.outcome,
        row.state,
        row.decided_by,
        row.decided_at,
        tuple(row.change_ids),
        ring.unseal(row.person_id, FINDING, row.private),
    )
