"""Words that people wrote down: sealed for one person, opened only where they are shown."""

from __future__ import annotations

import hmac
import json
from typing import Any

from tuoqi.kit.crypto import SubjectKey


class PrivateWords:
    """Seals what is said of a person for one purpose; each person has a key of his own."""

    def __init__(self, key: bytes, purpose: str) -> None:
        # Derived: visits holds no master key, and one key must not serve two purposes.
        self._key = hmac.digest(key, f"visits.{purpose}".encode(), "sha256")
        self._place = purpose

    def seal(self, person_id: str, value: Any) -> bytes:
        """A JSON value, sealed."""
        return self._key_of(person_id).seal(self._place, json.dumps(value, ensure_ascii=False))

    def open(self, person_id: str, sealed: bytes | None) -> Any:
        """The value, None where nothing was sealed. Raises SealError where it was changed or is somebody else's."""
        return None if sealed is None else json.loads(self._key_of(person_id).unseal(self._place, sealed))

    def _key_of(self, person_id: str) -> SubjectKey:
        return SubjectKey(person_id, hmac.digest(self._key, person_id.encode(), "sha256"))
