"""Who looks after whom at home: guardians of children, members of households, and whose death leaves somebody alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, NamedTuple

from tuoqi.kit.database import Tx

# Told again and again while the death is recent: a guardianship or a household that becomes known later counts too.
_LEFT: Final = """
SELECT d.person_id AS carer, d.died_on, d.known_at, left_alone.person_id
FROM carer_deaths d, LATERAL (
    SELECT c.person_id FROM carers c WHERE c.guardian_list @> ARRAY[d.person_id] AND EXISTS (
        SELECT FROM jsonb_array_elements(CAST(c.guardians AS jsonb)) AS g
        WHERE g ->> 0 = d.person_id AND CAST(g ->> 1 AS date) <= d.died_on
          AND (g ->> 2 = '' OR CAST(g ->> 2 AS date) >= d.died_on))
    UNION
    SELECT m.person_id FROM households h, unnest(h.member_list) AS m(person_id) JOIN plans e USING (person_id)
    WHERE h.member_list @> ARRAY[d.person_id] AND e.grade = ANY(CAST(:grades AS text[]))
) AS left_alone JOIN plans p USING (person_id)
WHERE d.died_on IS NOT NULL AND d.died_on >= :since AND left_alone.person_id <> d.person_id
  AND p.birth_date IS NOT NULL
  AND NOT EXISTS (SELECT FROM extra_tasks t WHERE t.cause_id = 'carer:' || md5(d.person_id || d.died_on)
                  AND t.person_id = left_alone.person_id)
ORDER BY d.known_at, d.person_id, left_alone.person_id LIMIT CAST(:at_most AS int)
"""
_LIVES: Final = """
SELECT b.cause_id, d.known_at FROM carer_deaths d JOIN task_batches b ON b.persons = to_json(ARRAY[d.person_id])::text
WHERE b.source = 'carer' AND b.ended_at IS NULL AND d.died_on IS NULL ORDER BY d.known_at
"""


class LeftAlone(NamedTuple):
    """Somebody whose carer died."""

    carer: str
    died_on: date
    known_at: datetime
    person_id: str


async def left_alone(tx: Tx, since: date, grades: Sequence[str], at_most: int) -> list[LeftAlone]:
    """Whom a death since that day left alone and who has no task of it yet."""
    rows = await tx.fetch(_LEFT, since=since, grades=list(grades), at_most=at_most)
    return [LeftAlone._make(row) for row in rows]


async def carers_alive_again(tx: Tx) -> list[tuple[str, datetime]]:
    """Causes whose death was withdrawn, and when that became known."""
    return [(row.cause_id, row.known_at) for row in await tx.fetch(_LIVES)]
