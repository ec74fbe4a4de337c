"""What handlers need to run without a platform: an origin of contexts, a moment, a key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tuoqi.contracts.topics import topics
from tuoqi.kit.context import Origin
from tuoqi.kit.ids import id_maker

AT = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
KEY = b"tests have an identity key of their own"


def origin_of(service: str, policy: Any = None) -> Origin:
    """The origin of a service's contexts, with a key for tests."""
    return Origin([entry for entry in topics().values() if entry.owner == service], id_maker(KEY), policy)
