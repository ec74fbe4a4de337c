"""SQL about assessments: added, never changed. The person's row is locked first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.registry.domain.assessment import Assessment
from tuoqi.registry.store.seals import ASSESSMENT, KeyRing


async def load_assessments(tx: Tx, person_ids: Collection[str], ring: KeyRing) -> dict[str, list[Assessment]]:
    """All assessments of each person, in the order of their loading. The ring holds the persons' keys."""
    rows = await tx.fetch(
        "SELECT * FROM assessments WHERE person_id = ANY(CAST(:ids AS text[])) ORDER BY person_id, loaded_order",
        ids=sorted(person_ids),
    )
    found: defaultdict[str, list[Assessment]] = defaultdict(list)
    for row in rows:
        found[row.person_id].append(_assessment(row, ring))
    return found


def _assessment(row: Any, ring: KeyRing) -> Assessment:
    return Assessment(
        row.assessment_id,
        row.scale,
        row.assessed_on,
        row.score,
        row.level,
        row.loaded_order,
        ring.unseal(row.person_id, ASSESSMENT, row.private),
        row.known_at,
    )
