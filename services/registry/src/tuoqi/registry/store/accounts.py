"""SQL about payee accounts: versions that are only ever added, read as known at a moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.turns import slices
from tuoqi.registry.store.seals import ACCOUNT, KeyRing, Vault

FACILITY_SUBJECT = "facility:"
"""The subject of a facility's key is this and its code."""

_COLUMNS = (
    "account_version_id",
    "person_id",
    "facility_code",
    "known_at",
    "ordinal",
    "account_key",
    "held_by_guardian",
    "private",
)
# Versions of one moment are told apart by a microsecond each, in the order in which their rows were loaded.
_RESOLVE = """
SELECT DISTINCT ON (person_id) person_id, account_version_id, account_key, held_by_guardian,
       known_at + ordinal * interval '1 microsecond' AS known_at
FROM payee_accounts
WHERE person_id = ANY(CAST(:ids AS text[])) AND known_at <= :as_of
ORDER BY person_id, payee_accounts.known_at DESC, ordinal DESC
"""
_RESOLVE_FACILITIES = """
SELECT DISTINCT ON (facility_code) facility_code, account_version_id, account_key,
       known_at + ordinal * interval '1 microsecond' AS known_at
FROM payee_accounts
WHERE facility_code = ANY(CAST(:codes AS text[])) AND known_at <= :as_of
ORDER BY facility_code, payee_accounts.known_at DESC, ordinal DESC
"""
_REVEAL = """
SELECT a.account_version_id, a.person_id, a.facility_code, a.private,
       coalesce(nullif(p.residence_region, ''), p.hukou::jsonb -> -1 ->> 0, f.region) AS region
FROM payee_accounts a LEFT JOIN persons p USING (person_id) LEFT JOIN facilities f ON f.code = a.facility_code
WHERE a.account_version_id = ANY(CAST(:ids AS text[]))
"""


@dataclass(frozen=True, slots=True)
class AccountVersion:
    """An account as it becomes known; empty texts mean that there is none any more."""

    account_version_id: str
    person_id: str
    """Empty for a facility's."""
    facility_code: str
    number: str
    name: str
    bank: str
    held_by_guardian: bool = False

    @property
    def subject(self) -> str:
        """Whose key seals it."""
        return self.person_id or f"{FACILITY_SUBJECT}{self.facility_code}"


@dataclass(frozen=True, slots=True)
class RevealedAccount:
    """An account in full, and the region that decides who may see it."""

    texts: Mapping[str, str]
    region: str


async def add_accounts(
    tx: Tx, versions: Sequence[AccountVersion], known_at: datetime, vault: Vault, ring: KeyRing
) -> None:
    """Add versions in the order of their rows. The ring has the subjects' keys already."""
    if not versions:
        return
    (last,) = await tx.fetch(
        "SELECT coalesce(max(ordinal), 0) AS ordinal FROM payee_accounts WHERE known_at = :known_at", known_at=known_at
    )
    rows = [
        _row(one, ordinal, known_at, vault, ring)
        async for some in slices(list(enumerate(versions, start=last.ordinal + 1)))
        for ordinal, one in some
    ]
    await tx.copy("payee_accounts", _COLUMNS, rows)


async def resolve_accounts(tx: Tx, person_ids: Collection[str], as_of: datetime) -> dict[str, Any]:
    """By person the version in force at that moment; one without key says that there is no account any more."""
    rows = await tx.fetch(_RESOLVE, ids=list(person_ids), as_of=as_of)
    return {row.person_id: row for row in rows}


async def resolve_facility_accounts(tx: Tx, codes: Collection[str], as_of: datetime) -> dict[str, Any]:
    """By facility the version in force at that moment; one without key says that there is no account any more."""
    rows = await tx.fetch(_RESOLVE_FACILITIES, codes=list(codes), as_of=as_of)
    return {row.facility_code: row for row in rows}


async def reveal_accounts(tx: Tx, ids: Collection[str], ring: KeyRing) -> dict[str, RevealedAccount]:
    """Number, name and bank of versions, by id; unknown ones are left out."""
    rows = await tx.fetch(_REVEAL, ids=list(ids))
    subjects = [row.person_id or f"{FACILITY_SUBJECT}{row.facility_code}" for row in rows]
    await ring.open(tx, set(subjects))
    return {
        row.account_version_id: RevealedAccount(ring.unseal(subject, ACCOUNT, row.private), row.region or "")
        for row, subject in zip(rows, subjects, strict=True)
    }


def _row(one: AccountVersion, ordinal: int, known_at: datetime, vault: Vault, ring: KeyRing) -> tuple[Any, ...]:
    return (
        one.account_version_id,
        one.person_id or None,
        one.facility_code or None,
        known_at,
        ordinal,
        vault.account_key(one.number),
        one.held_by_guardian,
        ring.seal(one.subject, ACCOUNT, _private(one)),
    )


def _private(version: AccountVersion) -> dict[str, str]:
    return {"account_no": version.number, "account_name": version.name, "bank": version.bank}
