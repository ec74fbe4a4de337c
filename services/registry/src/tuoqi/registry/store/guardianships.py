"""SQL about guardianships. The child's row is locked first, and that guards them too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.registry.domain.guardianship import Guardianship
from tuoqi.registry.store.seals import GUARDIANSHIP, KeyRing

# The version that another takes the place of stays readable.
_SAVE = """
WITH kept AS (
    INSERT INTO guardianship_history (guardianship_id, child_id, kind, guardian_person_id, began_on, ended_on,
                                      signed_on, private, known_at, superseded_at)
    SELECT guardianship_id, child_id, kind, guardian_person_id, began_on, ended_on, signed_on, private, known_at,
           :known_at
    FROM guardianships WHERE guardianship_id = ANY(CAST(:ids AS text[]))
)
INSERT INTO guardianships (guardianship_id, child_id, kind, guardian_person_id, began_on, ended_on, signed_on, private,
                           known_at)
SELECT t.*, :known_at FROM unnest(
    CAST(:ids AS text[]), CAST(:children AS text[]), CAST(:kinds AS text[]), CAST(:guardians AS text[]),
    CAST(:began AS date[]), CAST(:ended AS date[]), CAST(:signed AS date[]), CAST(:privates AS bytea[])) AS t
ON CONFLICT (guardianship_id) DO UPDATE
SET guardian_person_id = EXCLUDED.guardian_person_id, ended_on = EXCLUDED.ended_on, signed_on = EXCLUDED.signed_on,
    private = EXCLUDED.private, known_at = EXCLUDED.known_at
"""

_COLUMNS = "guardianship_id, child_id, kind, guardian_person_id, began_on, ended_on, signed_on, private, known_at"
_AT = f"""
SELECT {_COLUMNS} FROM guardianships WHERE child_id = :child AND known_at <= :at
UNION ALL
SELECT {_COLUMNS} FROM guardianship_history WHERE child_id = :child AND known_at <= :at AND superseded_at > :at
ORDER BY began_on, guardianship_id
"""


async def load_guardianships(tx: Tx, child_ids: Collection[str], ring: KeyRing) -> dict[str, list[Guardianship]]:
    """All guardianships of each child, by first day. The ring holds the children's keys."""
    rows = await tx.fetch(
        "SELECT * FROM guardianships WHERE child_id = ANY(CAST(:ids AS text[]))"
        " ORDER BY child_id, began_on, guardianship_id",
        ids=sorted(child_ids),
    )
    found: defaultdict[str, list[Guardianship]] = defaultdict(list)
    for row in rows:
        found[row.child_id].append(_guardianship(row, ring))
    return found


async def guardianships_at(tx: Tx, child_id: str, at: datetime, ring: KeyRing) -> list[Guardianship]:
    """A child's guardianships as known at the moment, by first day. The ring holds the child's key."""
    rows = await tx.fetch(_AT, child=child_id, at=at)
    return [_guardianship(row, ring) for row in rows]


async def save_guardianships(
    tx: Tx, changed: Sequence[tuple[str, Guardianship]], known_at: datetime, ring: KeyRing
) -> None:
    """Insert or replace, (child's id, guardianship) each, one a guardianship, known from this moment on."""
    ones = [one for _, one in changed]
    await tx.execute(
        _SAVE,
        known_at=known_at,
        ids=[one.guardianship_id for one in ones],
        children=[child for child, _ in changed],
        kinds=[one.kind for one in ones],
        guardians=[one.guardian_person_id or None for one in ones],
        began=[one.began_on for one in ones],
        ended=[one.ended_on for one in ones],
        signed=[one.signed_on for one in ones],
        privates=[ring.seal(child, GUARDIANSHIP, one.private) for child, one in changed],
    )


def _guardianship(row: Any, ring: KeyRing) -> Guardianship:
    return Guardianship(
        row.guardianship_id,
        row.kind,
        row.began_on,
        row.ended_on,
        row.signed_on,
        row.guardian_person_id or "",
        ring.unseal(row.child_id, GUARDIANSHIP, row.private),
        row.known_at,
    )
