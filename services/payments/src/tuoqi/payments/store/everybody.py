"""All people of whom a status is known, chunk by chunk by id, with their facts as known at a moment. Only read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tuoqi.kit.database import Tx

_CHUNK = """
WITH known AS MATERIALIZED (
    SELECT DISTINCT ON (person_id) person_id, intervals FROM status_facts
    WHERE person_id > :after AND known_at <= :at ORDER BY person_id, version DESC LIMIT CAST(:size AS int)
)
SELECT known.person_id, known.intervals, p.birth_date, p.died_on, p.absences, p.hukou FROM known
JOIN LATERAL (
    SELECT * FROM person_facts f WHERE f.person_id = known.person_id AND f.known_at <= :at
    ORDER BY f.version DESC LIMIT 1
) p ON true
ORDER BY known.person_id
"""


async def read_everybody(tx: Tx, at: datetime, after: str, size: int) -> Sequence[Any]:
    """The next people after an id, to be decoded by `store.facts.decode`."""
    return await tx.fetch(_CHUNK, at=at, after=after, size=size)
