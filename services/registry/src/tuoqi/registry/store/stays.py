"""SQL about stays. The person's row is locked first, then the facility's, and that guards the stays too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.registry.domain.stay import Occupied, Stay

# What another version takes the place of stays readable, and so does a stay that was taken back.
_KEEP = """
INSERT INTO stay_history (stay_id, person_id, facility_code, began_on, known_at, superseded_at, ended_on, bed)
SELECT stay_id, person_id, facility_code, began_on, known_at, :known_at, ended_on, bed
FROM stays WHERE stay_id = ANY(CAST(:ids AS text[]))
"""
_SAVE = f"""
WITH kept AS ({_KEEP})
INSERT INTO stays (stay_id, person_id, facility_code, began_on, ended_on, bed, known_at)
SELECT t.*, :known_at FROM unnest(
    CAST(:ids AS text[]), CAST(:persons AS text[]), CAST(:facilities AS text[]), CAST(:began AS date[]),
    CAST(:ended AS date[]), CAST(:beds AS text[])) AS t
ON CONFLICT (stay_id) DO UPDATE
SET ended_on = EXCLUDED.ended_on, bed = EXCLUDED.bed, known_at = EXCLUDED.known_at
"""
_OCCUPIED = """
SELECT s.facility_code, s.stay_id, coalesce(p.merged_into, s.person_id) AS occupant, s.began_on,
       least(s.ended_on, p.died_on) AS last_on
FROM stays s JOIN persons p USING (person_id)
WHERE s.facility_code = ANY(CAST(:codes AS text[])) AND (s.ended_on IS NULL OR s.ended_on >= :since)
  AND (p.died_on IS NULL OR p.died_on >= :since)
ORDER BY s.facility_code, s.stay_id
"""


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


async def save_stays(tx: Tx, changed: Sequence[tuple[str, Stay]], known_at: datetime) -> None:
    """Insert or replace stays, (person id, stay) each, one a stay, known from this moment on."""
    stays = [stay for _, stay in changed]
    await tx.execute(
        _SAVE,
        known_at=known_at,
        ids=[one.stay_id for one in stays],
        persons=[person_id for person_id, _ in changed],
        facilities=[one.facility for one in stays],
        began=[one.began_on for one in stays],
        ended=[one.ended_on for one in stays],
        beds=[one.bed for one in stays],
    )


async def take_back_stays(tx: Tx, stay_ids: Collection[str], known_at: datetime) -> None:
    """Stays that are held for never begun from this moment on; that they were known stays in their history."""
    ids = sorted(stay_ids)
    await tx.execute(_KEEP, known_at=known_at, ids=ids)
    await tx.execute("DELETE FROM stays WHERE stay_id = ANY(CAST(:ids AS text[]))", ids=ids)


async def occupied_beds(tx: Tx, codes: Collection[str], since: date) -> dict[str, list[Occupied]]:
    """By facility whoever has a bed there on some day from `since` on."""
    found: defaultdict[str, list[Occupied]] = defaultdict(list)
    for row in await tx.fetch(_OCCUPIED, codes=sorted(codes), since=since):
        found[row.facility_code].append(Occupied(row.stay_id, row.occupant, row.began_on, row.last_on))
    return found


async def residents_of(tx: Tx, code: str, since: date) -> list[str]:
    """The persons who have a stay in a facility that goes on on or after a day, by id."""
    rows = await tx.fetch(
        "SELECT DISTINCT person_id FROM stays WHERE facility_code = :code"
        " AND (ended_on IS NULL OR ended_on >= :since) ORDER BY person_id",
        code=code,
        since=since,
    )
    return [row.person_id for row in rows]


def _stay(row: Any) -> Stay:
    return Stay(row.stay_id, row.facility_code, row.began_on, row.ended_on, row.bed, row.known_at)
