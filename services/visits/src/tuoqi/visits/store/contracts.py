"""Care contracts: by batch for handlers, in pages for people, and who lacks one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Change, expect_rows
from tuoqi.visits.domain.contracts import CareContract, EndedAs
from tuoqi.visits.domain.facts import PersonFacts
from tuoqi.visits.store.codec import decode

COLUMNS: Final = {
    "contract_id": "text",
    "version": "bigint",
    "person_id": "text",
    "kind": "text",
    "care_level": "text",
    "facility": "text",
    "team": "text",
    "relative_id": "text",
    "signed_on": "date",
    "begins_on": "date",
    "ends_on": "date",
    "rules_from": "date",
    "signed_by": "text",
    "signed_at": "timestamptz",
    "ended_on": "date",
    "ended_as": "text",
    "ended_by": "text",
    "ended_at": "timestamptz",
    "sealed": "bytea",
}
_NAMES: Final = ", ".join(COLUMNS)
_ARRAYS: Final = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in COLUMNS.items())
_INSERT: Final = f"INSERT INTO care_contracts ({_NAMES}) SELECT * FROM unnest({_ARRAYS}) ON CONFLICT DO NOTHING"
_UPDATE: Final = f"""
UPDATE care_contracts AS c SET {", ".join(f"{name} = t.{name}" for name in COLUMNS if name != "contract_id")}
FROM unnest({_ARRAYS}, CAST(:loaded AS bigint[])) AS t({_NAMES}, loaded)
WHERE c.contract_id = t.contract_id AND c.version = t.loaded
"""
_STATES: Final = {
    "": "c.ended_at IS NULL",
    "ALL": "true",
    "RUNNING": "c.ended_at IS NULL AND c.begins_on <= :today",
    "COMING": "c.ended_at IS NULL AND c.begins_on > :today",
    "ENDED": "c.ended_at IS NOT NULL",
}
_LIST: Final = """
SELECT c.*, p.region FROM care_contracts c JOIN plans p USING (person_id)
WHERE p.region LIKE ANY(CAST(:regions AS text[])) AND p.region LIKE :below AND {state}
  AND CAST(:today AS date) IS NOT NULL AND (CAST(:person AS text) = '' OR c.person_id = :person)
  AND (CAST(:after_day AS date) IS NULL OR (c.ends_on, c.contract_id) > (CAST(:after_day AS date), :after_id))
ORDER BY c.ends_on, c.contract_id LIMIT CAST(:page AS int)
"""
_RUNNING: Final = f"""
SELECT {", ".join(f"c.{name}" for name in COLUMNS)}, p.region, p.next_due, p.state, p.version AS file_version
FROM care_contracts c LEFT JOIN plans p USING (person_id)
WHERE c.ended_at IS NULL AND c.begins_on <= :today AND c.contract_id > :after
ORDER BY c.contract_id LIMIT CAST(:at_most AS int)
"""
_NEEDING: Final = """
SELECT p.person_id, p.version AS file_version, p.region, p.next_due, p.state, held.ends_on
FROM plans p LEFT JOIN LATERAL (
    SELECT max(c.ends_on) AS ends_on FROM care_contracts c
    WHERE c.person_id = p.person_id AND c.kind = :kind AND c.ended_at IS NULL AND c.ends_on >= :today
) AS held ON true
WHERE p.region LIKE ANY(CAST(:regions AS text[])) AND p.region LIKE :below AND p.person_id > :after
  AND p.state LIKE :category AND (held.ends_on IS NULL OR held.ends_on < :until)
ORDER BY p.person_id LIMIT CAST(:at_most AS int)
"""


class Needing(NamedTuple):
    """Somebody who may need a contract: what is known, and the last day of the contract that there is."""

    person_id: str
    region: str
    facts: PersonFacts | None
    ends_on: date | None


class CareContractStore:
    """Loads and saves contracts in one statement each."""

    async def load(self, tx: Tx, keys: Collection[str]) -> dict[str, CareContract]:
        """Those that exist, locked in key order."""
        rows = await tx.fetch(
            f"SELECT {_NAMES} FROM care_contracts WHERE contract_id = ANY(CAST(:keys AS text[]))"
            " ORDER BY contract_id FOR UPDATE",
            keys=list(keys),
        )
        return {row.contract_id: contract_of(row) for row in rows}

    async def save(self, tx: Tx, changes: Sequence[Change[CareContract]]) -> None:
        """Write them. Raises Conflict where someone else was first."""
        new = [change for change in changes if change.loaded_version is None]
        known = [change for change in changes if change.loaded_version is not None]
        if new:
            expect_rows(await tx.execute(_INSERT, **_arrays(new)), len(new))
        if known:
            loaded = [change.loaded_version for change in known]
            expect_rows(await tx.execute(_UPDATE, **_arrays(known), loaded=loaded), len(known))


def contract_of(row: Any) -> CareContract:
    """A row of `care_contracts` as the domain wants it."""
    given = {name: getattr(row, name) for name in COLUMNS}
    return CareContract(
        **given | {"team": tuple(row.team.split()), "ended_as": EndedAs(row.ended_as) if row.ended_as else None}
    )


def _arrays(changes: Sequence[Change[CareContract]]) -> dict[str, list[Any]]:
    rows = [
        {name: getattr(change.state, name) for name in COLUMNS}
        | {"team": " ".join(change.state.team), "ended_as": change.state.ended_as or ""}
        for change in changes
    ]
    return {name: [row[name] for row in rows] for name in COLUMNS}


async def facts_of(tx: Tx, person_ids: Collection[str]) -> dict[str, tuple[str, PersonFacts | None]]:
    """Region and facts of people with a visit file, their rows locked in key order."""
    rows = await tx.fetch(
        "SELECT person_id, version, region, next_due, state FROM plans WHERE person_id = ANY(CAST(:keys AS text[]))"
        " ORDER BY person_id FOR UPDATE",
        keys=sorted(set(person_ids)),
    )
    return {row.person_id: (row.region, _facts(row.person_id, row.version, row)) for row in rows}


def _facts(person_id: str, version: int, row: Any) -> PersonFacts | None:
    plan = decode(person_id, version, row.region, row.next_due, row.state).plan
    return plan.facts if plan is not None else None


async def contracts_of(tx: Tx, person_ids: Collection[str]) -> dict[str, list[CareContract]]:
    """All contracts by person, the earliest first."""
    found: dict[str, list[CareContract]] = {}
    rows = await tx.fetch(
        f"SELECT {_NAMES} FROM care_contracts WHERE person_id = ANY(CAST(:keys AS text[]))"
        " ORDER BY person_id, begins_on, contract_id",
        keys=sorted(set(person_ids)),
    )
    for row in rows:
        found.setdefault(row.person_id, []).append(contract_of(row))
    return found


async def workers_known(tx: Tx, worker_ids: Collection[str]) -> set[str]:
    """Which of these are workers."""
    rows = await tx.fetch(
        "SELECT worker_id FROM workers WHERE worker_id = ANY(CAST(:ids AS text[]))", ids=sorted(set(worker_ids))
    )
    return {row.worker_id for row in rows}


async def find_contract(tx: Tx, contract_id: str) -> Any:
    """One contract with the region of its person; None where there is none."""
    rows = await tx.fetch(
        "SELECT c.*, p.region FROM care_contracts c JOIN plans p USING (person_id) WHERE c.contract_id = :contract_id",
        contract_id=contract_id,
    )
    return rows[0] if rows else None


async def list_contracts(
    tx: Tx,
    *,
    regions: Sequence[str],
    below: str,
    state: str,
    person: str,
    today: date,
    after: tuple[date, str] | None,
    page: int,
) -> Sequence[Any]:
    """Contracts with the regions of their people, the earliest last day first. `state` is a key of the states."""
    after_day, after_id = after or (None, "")
    return await tx.fetch(
        _LIST.format(state=_STATES[state]),
        regions=[f"{one}%" for one in regions],
        below=f"{below}%",
        person=person,
        today=today,
        after_day=after_day,
        after_id=after_id,
        page=page,
    )


CONTRACT_STATES: Final = frozenset(_STATES) - {""}
"""What a list may be narrowed to."""


async def running_contracts(
    tx: Tx, today: date, after: str, at_most: int
) -> Sequence[tuple[CareContract, PersonFacts | None]]:
    """Contracts that have begun and are not ended, after an id, with what is known of the person."""
    rows = await tx.fetch(_RUNNING, today=today, after=after, at_most=at_most)
    return [
        (contract_of(row), _facts(row.person_id, row.file_version, row) if row.state is not None else None)
        for row in rows
    ]


async def people_needing(
    tx: Tx,
    *,
    regions: Sequence[str],
    below: str,
    kind: str,
    category: str,
    today: date,
    until: date,
    after: str,
    at_most: int,
) -> list[Needing]:
    """People who have or had the category and no contract of the kind that holds up to `until`, by id."""
    rows = await tx.fetch(
        _NEEDING,
        regions=[f"{one}%" for one in regions],
        below=f"{below}%",
        kind=kind,
        category=f'%"{category}"%',
        today=today,
        until=until,
        after=after,
        at_most=at_most,
    )
    return [
        Needing(row.person_id, row.region, _facts(row.person_id, row.file_version, row), row.ends_on) for row in rows
    ]


async def looked_on(tx: Tx) -> date | None:
    """The last day on which every contract was looked at; None before the first look."""
    rows = await tx.fetch("SELECT day FROM contracts_looked")
    return rows[0].day if rows else None


async def note_looked(tx: Tx, day: date) -> None:
    """Every contract has been looked at by what is known on this day."""
    await tx.execute(
        "INSERT INTO contracts_looked (day) VALUES (:day) ON CONFLICT (only_row) DO UPDATE SET day = excluded.day",
        day=day,
    )


async def any_contract(tx: Tx) -> bool:
    """Whether any contract is not ended."""
    return bool(await tx.fetch("SELECT 1 AS one FROM care_contracts WHERE ended_at IS NULL LIMIT 1"))
