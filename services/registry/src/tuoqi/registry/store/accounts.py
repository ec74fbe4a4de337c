"""SQL about payee accounts: versions that are only ever added, read as known at a moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.registry.store.seals import ACCOUNT, KeyRing, Vault

FACILITY_SUBJECT = "facility:"
"""The subject of a facility's key is this and its code."""

_INSERT = """
INSERT INTO payee_accounts (account_version_id, person_id, facility_code, known_at, ordinal, account_key,
                            held_by_guardian, private)
SELECT t.id, t.person_id, t.facility_code, :known_at,
       t.place + (SELECT coalesce(max(ordinal), 0) FROM payee_accounts WHERE known_at = :known_at),
       t.account_key, t.held, t.private
FROM unnest(CAST(:ids AS text[]), CAST(:persons AS text[]), CAST(:facilities AS text[]), CAST(:keys AS text[]),
            CAST(:held AS bool[]), CAST(:privates AS bytea[]))
    WITH ORDINALITY AS t(id, person_id, facility_code, account_key, held, private, place)
"""
# Versions of one moment are told apart by a microsecond each, in the order in which their rows were loaded.
_RESOLVE = """
SELECT DISTINCT ON (person_id) person_id, account_version_id, account_key, held_by_guardian,
       known_at + ordinal * interval '1 microsecond' AS known_at
FROM payee_accounts
WHERE person_id = ANY(CAST(:ids AS text[])) AND known_at <= :as_of
ORDER BY person_id, payee_accounts.known_at DESC, ordinal DESC
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
    await tx.execute(
        _INSERT,
        known_at=known_at,
        ids=[one.account_version_id for one in versions],
        persons=[one.person_id or None for one in versions],
        facilities=[one.facility_code or None for one in versions],
        keys=[vault.account_key(one.number) for one in versions],
        held=[one.held_by_guardian for one in versions],
        privates=[ring.seal(one.subject, ACCOUNT, _private(one)) for one in versions],
    )


async def resolve_accounts(tx: Tx, person_ids: Collection[str], as_of: datetime) -> dict[str, Any]:
    """By person the version in force at that moment; one without key says that there is no account any more."""
    rows = await tx.fetch(_RESOLVE, ids=list(person_ids), as_of=as_of)
    return {row.person_id: row for row in rows}


async def reveal_accounts(tx: Tx, ids: Collection[str], ring: KeyRing) -> dict[str, RevealedAccount]:
    """Number, name and bank of versions, by id; unknown ones are left out."""
    rows = await tx.fetch(_REVEAL, ids=list(ids))
    subjects = [row.person_id or f"{FACILITY_SUBJECT}{row.facility_code}" for row in rows]
    await ring.open(tx, set(subjects))
    return {
        row.account_version_id: RevealedAccount(ring.unseal(subject, ACCOUNT, row.private), row.region or "")
        for row, subject in zip(rows, subjects, strict=True)
    }


def _private(version: AccountVersion) -> dict[str, str]:
    return {"account_no": version.number, "account_name": version.name, "bank": version.bank}
