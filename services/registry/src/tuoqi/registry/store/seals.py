"""Sealed texts: one JSON object a row, under the key of the person or facility that it is about."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Final

from tuoqi.kit.crypto import LookupHasher, Sealer, SubjectKey
from tuoqi.kit.database import Tx
from tuoqi.registry.store.tokens import Tokens

PERSON = "persons.private"
STATUS = "person_statuses.private"
ASSESSMENT = "assessments.private"
ACCOUNT = "payee_accounts.private"
MERGE = "merges.private"
DUPLICATE = "duplicate_pairs.private"
FACILITY = "facilities.private"
GUARDIANSHIP = "guardianships.private"
_TO_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
BLOCK = 128
"""Sealed texts are filled up to a multiple of this many bytes, so that their length tells next to nothing."""


class KeyRing:
    """The opened keys of the subjects of one transaction; new subjects get new ones."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._keys: dict[str, SubjectKey] = {}
        self._new: dict[str, bytes] = {}

    async def open(self, tx: Tx, subjects: Collection[str]) -> None:
        """Fetch and open the keys of subjects that have one. Raises SealError for a key of another platform."""
        rows = await tx.fetch(
            "SELECT subject, wrapped FROM subject_keys WHERE subject = ANY(CAST(:subjects AS text[]))",
            subjects=[subject for subject in subjects if subject not in self._keys],
        )
        for row in rows:
            self._keys[row.subject] = self._sealer.open_key(row.subject, row.wrapped)

    def seal(self, subject: str, place: str, texts: Mapping[str, object]) -> bytes:
        """The texts sealed for their place; a subject without a key gets one."""
        key = self._keys.get(subject)
        if key is None:
            key, self._new[subject] = self._sealer.new_key(subject)
            self._keys[subject] = key
        plain = _TO_JSON(texts)
        return key.seal(place, plain + " " * (-len(plain.encode()) % BLOCK))

    def unseal(self, subject: str, place: str, sealed: bytes) -> dict[str, str]:
        """The texts. Raises KeyError where the subject's key was not opened, SealError where they do not belong here."""
        texts: dict[str, str] = json.loads(self._keys[subject].unseal(place, sealed))
        return texts

    async def save(self, tx: Tx) -> None:
        """Store the new keys. Raises Conflict where somebody else made one for the same subject."""
        if not self._new:
            return
        await tx.copy_new("subject_keys", ("subject", "wrapped"), self._new.items())
        self._new.clear()


class Vault:
    """The registry's keys: makes key rings and the hashes by which somebody is found."""

    def __init__(self, master: bytes, lookup: bytes) -> None:
        self._sealer = Sealer(master)
        self._hasher = LookupHasher(lookup)
        self.tokens = Tokens(self._hasher.hash("search", "tokens"))
        """By these people are searched for."""

    def ring(self) -> KeyRing:
        """A key ring for one transaction."""
        return KeyRing(self._sealer)

    def number_hash(self, number: str) -> bytes | None:
        """By this a person is found by identity number; None for none."""
        return self._hasher.hash("id_number", number) if number else None

    def temp_hash(self, temp_id: str) -> bytes | None:
        """By this a person is found by temporary id; None for none."""
        return self._hasher.hash("temp_id", temp_id) if temp_id else None

    def household_hash(self, number: str) -> bytes:
        """By this a household is found by its number."""
        return self._hasher.hash("household_no", number)

    def twin_key(self, who: str) -> int:
        """Equal for files of one name, birth date and village; 64 bits are enough for a queue that people look at."""
        return int.from_bytes(self._hasher.hash("twin", who)[:8], "big", signed=True)

    def name_key(self, name: str) -> int:
        """Equal for files of one name."""
        return int.from_bytes(self._hasher.hash("name", name)[:8], "big", signed=True)

    def request_hash(self, content: bytes) -> str:
        """By this the audit names a request without repeating it."""
        return self._hasher.hash("request", content.hex()).hex()

    def account_key(self, number: str) -> str | None:
        """Equal for equal account numbers; None for none."""
        return self._hasher.hash("account_no", number).hex() if number else None
