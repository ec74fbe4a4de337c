"""SQL about assessments: added, never changed. The person's row is locked first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.registry.domain.assessment import Assessment
from tuoqi.registry.store.seals import ASSESSMENT, KeyRing

_COLUMNS = (
    "assessment_id",
    "person_id",
    "scale",
    "assessed_on",
    "score",
    "level",
    "loaded_order",
    "known_at",
    "private",
)


async def load_assessments(tx: Tx, person_ids: Collection[str], ring: KeyRing) -> dict[str, list[Assessment]]:
    """All assessments of each person, in the order of their loading. The ring holds the persons' keys."""
    rows = await tx.fetch(
        "SELECT * FROM assessments WHERE person_id = ANY(CAST(:ids AS text[])) ORDER BY person_id, loaded_order",
        ids=sorted(person_ids),
    )
    found: defaultdict[str, list[Assessment]] = defaultdict(list)
    for row in rows:
        found[row.person_id].append(assessment_of(row, ring))
    return found


async def add_assessments(tx: Tx, added: Sequence[tuple[str, Assessment]], known_at: datetime, ring: KeyRing) -> None:
    """Add assessments, (person id, assessment) each. The ring holds the persons' keys."""
    rows = [
        (
            one.assessment_id,
            person_id,
            one.scale,
            one.assessed_on,
            one.score,
            one.level,
            one.loaded_order,
            known_at,
            ring.seal(person_id, ASSESSMENT, one.private),
        )
        for person_id, one in added
    ]
    await tx.copy("assessments", _COLUMNS, rows)


def assessment_of(row: Any, ring: KeyRing) -> Assessment:
    """The assessment of a row. The ring holds the person's key."""
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
