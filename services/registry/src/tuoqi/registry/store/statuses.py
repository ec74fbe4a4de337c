"""SQL about status intervals. The person's row is locked first, and that guards the intervals too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.registry.domain.status import Interval
from tuoqi.registry.store.seals import STATUS, KeyRing
from tuoqi.registry.store.search import add_categories

# The row that another takes the place of stays readable.
_SAVE = """
WITH kept AS (
    INSERT INTO person_status_history (interval_id, person_id, known_at, superseded_at, ended_on, valid_until,
                                       amount_fen, loaded_order, private, loaded_by)
    SELECT interval_id, person_id, known_at, :known_at, ended_on, valid_until, amount_fen, loaded_order, private,
           loaded_by
    FROM person_statuses WHERE interval_id = ANY(CAST(:ids AS text[]))
)
INSERT INTO person_statuses (interval_id, person_id, category, subtype, level, applied_on, decided_on, ended_on,
                             valid_until, amount_fen, loaded_order, private, known_at, loaded_by)
SELECT t.*, :known_at, :by FROM unnest(
    CAST(:ids AS text[]), CAST(:persons AS text[]), CAST(:categories AS text[]), CAST(:subtypes AS text[]),
    CAST(:levels AS text[]), CAST(:applied AS date[]), CAST(:decided AS date[]), CAST(:ended AS date[]),
    CAST(:valid AS date[]), CAST(:amounts AS bigint[]), CAST(:orders AS bigint[]), CAST(:privates AS bytea[])) AS t
ON CONFLICT (interval_id) DO UPDATE
SET ended_on = EXCLUDED.ended_on, valid_until = EXCLUDED.valid_until, amount_fen = EXCLUDED.amount_fen,
    loaded_order = EXCLUDED.loaded_order, private = EXCLUDED.private, known_at = EXCLUDED.known_at,
    loaded_by = EXCLUDED.loaded_by
"""


async def load_intervals(tx: Tx, person_ids: Collection[str], ring: KeyRing) -> dict[str, list[Interval]]:
    """All intervals of each person, in the order in which they were loaded. The ring holds the persons' keys."""
    rows = await tx.fetch(
        "SELECT * FROM person_statuses WHERE person_id = ANY(CAST(:ids AS text[])) ORDER BY person_id, loaded_order",
        ids=sorted(person_ids),
    )
    found: defaultdict[str, list[Interval]] = defaultdict(list)
    for row in rows:
        found[row.person_id].append(read_row(row, ring))
    return found


async def save_intervals(
    tx: Tx, changed: Sequence[tuple[str, Interval]], known_at: datetime, ring: KeyRing, *, by: str = ""
) -> None:
    """Insert or replace intervals, (person id, interval) each, one an interval, known from this moment on, by a user."""
    intervals = [interval for _, interval in changed]
    await tx.execute(
        _SAVE,
        known_at=known_at,
        by=by,
        ids=[one.interval_id for one in intervals],
        persons=[person_id for person_id, _ in changed],
        categories=[one.category for one in intervals],
        subtypes=[one.subtype for one in intervals],
        levels=[one.level for one in intervals],
        applied=[one.applied_on for one in intervals],
        decided=[one.decided_on for one in intervals],
        ended=[one.ended_on for one in intervals],
        valid=[one.valid_until for one in intervals],
        amounts=[one.amount_fen for one in intervals],
        orders=[one.loaded_order for one in intervals],
        privates=[ring.seal(person_id, STATUS, _private(one)) for person_id, one in changed],
    )
    await add_categories(tx, [(person_id, one.category) for person_id, one in changed])


def _private(interval: Interval) -> dict[str, str]:
    # The mark of the sealed category has one length whatever it says, and every row has it.
    return {
        "no": interval.decision_no,
        "end": interval.end_reason,
        "mark": "1" if interval.is_sealed else "0",
    }


def read_row(row: Any, ring: KeyRing) -> Interval:
    """The interval of a row that has all columns of `person_statuses`. The ring holds the person's key."""
    private = ring.unseal(row.person_id, STATUS, row.private)
    return Interval(
        interval_id=row.interval_id,
        category=row.category,
        subtype=row.subtype,
        level=row.level,
        applied_on=row.applied_on,
        decided_on=row.decided_on,
        ended_on=row.ended_on,
        valid_until=row.valid_until,
        amount_fen=row.amount_fen,
        decision_no=private["no"],
        end_reason=private["end"],
        is_sealed=private["mark"] == "1",
        loaded_order=row.loaded_order,
    )
