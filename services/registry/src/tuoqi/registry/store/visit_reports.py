"""SQL about what visits report: who is said to have moved or died, and the register does not know it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from tuoqi.kit.database import Tx
from tuoqi.registry.store.seals import KeyRing

REASON: Final = "visit_reports.private"
_REGION: Final = "coalesce(nullif(p.residence_region, ''), p.hukou::jsonb -> -1 ->> 0)"
# Recorded means that the register says so now: a death, or a move from which nobody had returned when it was reported.
_OPEN: Final = f"""
SELECT p.person_id, r.kind, min(r.found_on) AS first_on, max(r.found_on) AS last_on, count(*) AS reports
FROM visit_reports r JOIN persons q ON q.person_id = r.person_id
JOIN persons p ON p.person_id = coalesce(q.merged_into, q.person_id)
WHERE r.refuted_at IS NULL AND p.died_on IS NULL
  AND NOT EXISTS (SELECT FROM visit_reports_corrected c WHERE c.visit_id = r.visit_id)
  AND (r.kind = 'death' OR NOT EXISTS (
      SELECT FROM jsonb_array_elements(p.absences::jsonb) AS away
      WHERE away ->> 1 = '' OR CAST(away ->> 1 AS date) > r.found_on))
  AND {_REGION} ^@ ANY(CAST(:prefixes AS text[])) AND (p.person_id, r.kind) > (:after_person, :after_kind)
GROUP BY p.person_id, r.kind ORDER BY p.person_id, r.kind LIMIT :size
"""
_REFUTE: Final = """
UPDATE visit_reports SET refuted_by = :by, refuted_at = :at, private = :private
WHERE refuted_at IS NULL AND kind = :kind AND person_id IN (
    SELECT person_id FROM persons WHERE person_id = :person_id OR merged_into = :person_id)
RETURNING finding_id
"""


async def open_reports(tx: Tx, prefixes: Sequence[str], *, after: tuple[str, str], size: int) -> Sequence[Any]:
    """By person and kind what is neither recorded nor refuted: first and last day, how many reports."""
    return await tx.fetch(_OPEN, prefixes=list(prefixes), after_person=after[0], after_kind=after[1], size=size)


async def refute_reports(
    tx: Tx, person_id: str, kind: str, *, by: str, at: datetime, reason: str, ring: KeyRing
) -> int:
    """Close everything that was reported of the person up to now; how many reports. The ring holds the person's key."""
    sealed = ring.seal(person_id, REASON, {"reason": reason})
    rows = await tx.fetch(_REFUTE, person_id=person_id, kind=kind, by=by, at=at, private=sealed)
    return len(rows)
