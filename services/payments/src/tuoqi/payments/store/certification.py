"""Life certifications: who was seen alive on which day, what was told of it, and what a cycle reads of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Change, expect_rows
from tuoqi.payments.domain.certification import Certification, PersonChecks, Vitals
from tuoqi.payments.store.people import People

# Where a person lives, else where the household register is: the village whose clerks can look.
REGION = "coalesce(nullif(p.residence, ''), CAST(p.hukou AS jsonb) -> -1 ->> 1, '')"

_LOAD = """
SELECT c.person_id, c.version, l.days, l.channels
FROM (SELECT * FROM person_checks WHERE person_id = ANY(CAST(:keys AS text[])) ORDER BY person_id FOR UPDATE) c
LEFT JOIN LATERAL (
    SELECT array_agg(certified_on) AS days, array_agg(channel) AS channels
    FROM life_certifications o WHERE o.person_id = c.person_id
) l ON true
"""
_INSERT = """
INSERT INTO person_checks (person_id, version)
SELECT * FROM unnest(CAST(:persons AS text[]), CAST(:versions AS bigint[])) ON CONFLICT DO NOTHING
"""
_UPDATE = """
UPDATE person_checks c SET version = t.version
FROM unnest(CAST(:persons AS text[]), CAST(:versions AS bigint[]), CAST(:loaded AS bigint[]))
     AS t(person_id, version, loaded)
WHERE c.person_id = t.person_id AND c.version = t.loaded
"""
_FACTS = """
INSERT INTO life_certifications (person_id, certified_on, channel, known_at, campaign_id, evidence, recorded_by)
SELECT * FROM unnest(CAST(:persons AS text[]), CAST(:days AS date[]), CAST(:channels AS text[]),
                     CAST(:known AS timestamptz[]), CAST(:campaigns AS text[]), CAST(:evidence AS text[]),
                     CAST(:by AS text[]))
"""


class PersonChecksStore:
    """What was told of people's checks, as the kit loads and saves it; fresh certifications are added."""

    async def load(self, tx: Tx, keys: Collection[str]) -> dict[str, PersonChecks]:
        """Those that exist, locked in key order."""
        rows = await tx.fetch(_LOAD, keys=list(keys))
        return {
            row.person_id: PersonChecks(
                row.person_id, row.version, frozenset(zip(row.days or (), row.channels or (), strict=True))
            )
            for row in rows
        }

    async def save(self, tx: Tx, changes: Sequence[Change[PersonChecks]]) -> None:
        """New ones are inserted, others updated where their version is still the loaded one."""
        new = [one.state for one in changes if one.loaded_version is None]
        old = [one for one in changes if one.loaded_version is not None]
        if new:
            persons, versions = [one.person_id for one in new], [one.version for one in new]
            expect_rows(await tx.execute(_INSERT, persons=persons, versions=versions), len(new))
        if old:
            touched = await tx.execute(
                _UPDATE,
                persons=[one.key for one in old],
                versions=[one.state.version for one in old],
                loaded=[one.loaded_version for one in old],
            )
            expect_rows(touched, len(old))
        facts = [(one.key, fact) for one in changes for fact in one.state.fresh]
        if facts:
            await tx.execute(
                _FACTS,
                persons=[person for person, _ in facts],
                days=[fact.certified_on for _, fact in facts],
                channels=[fact.channel for _, fact in facts],
                known=[fact.known_at for _, fact in facts],
                campaigns=[fact.campaign_id for _, fact in facts],
                evidence=[fact.evidence for _, fact in facts],
                by=[fact.recorded_by for _, fact in facts],
            )


async def read_vitals(tx: Tx, person_ids: Sequence[str]) -> dict[str, Vitals]:
    """Birth, death and village of people as known now."""
    rows = await tx.fetch(
        f"SELECT DISTINCT ON (person_id) person_id, birth_date, died_on, {REGION} AS region FROM person_facts p"
        " WHERE person_id = ANY(CAST(:ids AS text[])) ORDER BY person_id, version DESC",
        ids=sorted(set(person_ids)),
    )
    return {row.person_id: Vitals(row.birth_date, row.died_on, row.region) for row in rows}


async def certifications_of(tx: Tx, person_id: str, limit: int) -> list[Certification]:
    """The days of one person, newest first."""
    rows = await tx.fetch(
        "SELECT certified_on, channel, campaign_id, evidence, recorded_by, known_at FROM life_certifications"
        " WHERE person_id = :id ORDER BY certified_on DESC, channel LIMIT CAST(:limit AS int)",
        id=person_id,
        limit=limit,
    )
    return [Certification(**row._mapping) for row in rows]  # noqa: SLF001 -- SQLAlchemy's public name for it


async def known_days(tx: Tx, person_ids: Sequence[str]) -> set[tuple[str, date, str]]:
    """Person, day and channel of everything that is kept of these people."""
    rows = await tx.fetch(
        "SELECT person_id, certified_on, channel FROM life_certifications WHERE person_id = ANY(CAST(:ids AS text[]))",
        ids=list(person_ids),
    )
    return {(row.person_id, row.certified_on, row.channel) for row in rows}


async def read_certified(tx: Tx, people: People, cut_off: datetime) -> dict[str, tuple[date, ...]]:
    """The days of people as known at a cut-off, rising; those of merged files count with the person."""
    found: dict[str, set[date]] = {}
    known = people.rows("life_certifications", "known_at <= :cut_off")
    for row in await tx.fetch(
        f"SELECT DISTINCT person_id, certified_on FROM {known}", **people.bounds, cut_off=cut_off
    ):
        found.setdefault(people.root(row.person_id), set()).add(row.certified_on)
    return {person: tuple(sorted(days)) for person, days in found.items()}
