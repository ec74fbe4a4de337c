"""SQL about stays. The person's row is locked first, and that guards the stays too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.registry.domain.stay import Stay


async def load_stays(tx: Tx, person_ids: Collection[str]) -> dict[str, list[Stay]]:
    """All stays of each person, by first day; who has none is left out."""
    rows = await tx.fetch(
        "SELECT * FROM stays WHERE person_id = ANY(CAST(:ids AS text[])) ORDER BY person_id, began_on, stay_id",
        ids=sorted(person_ids),
    )
    found: defaultdict[str, list[Stay]] = defaultdict(list)
    for row in rows:
        found[row.person_id].append(_stay(row))
    return found


def _stay(row: Any) -> Stay:
    return Stay(row.stay_id, row.facility_code, row.began_on, row.ended_on, row.bed, row.known_at)
