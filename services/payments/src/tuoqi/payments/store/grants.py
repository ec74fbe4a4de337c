"""Grants: the amounts that cycles read, added when something is granted and marked when it is taken back, never changed.

Whoever adds or voids them takes the money's lock first and asks for the moment here: a cycle that is computed already
must never find a grant that its cut-off would have shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.aid import Granted
from tuoqi.payments.domain.months import Month

_AFTER_CYCLES = """
SELECT greatest(CAST(:now AS timestamptz), max(cut_off) + interval '1 microsecond') AS at
FROM cycles WHERE state <> 'DRAFT'
"""

_ADD = """
INSERT INTO grants (grant_id, person_id, programme, benefit_month, amount_fen, known_at)
SELECT t.*, CAST(:at AS timestamptz)
FROM unnest(CAST(:ids AS text[]), CAST(:persons AS text[]), CAST(:programmes AS text[]), CAST(:months AS text[]),
            CAST(:amounts AS bigint[])) AS t(grant_id, person_id, programme, benefit_month, amount_fen)
ON CONFLICT DO NOTHING
"""


async def moment_of_grants(tx: Tx, now: datetime) -> datetime:
    """The moment at which grants of this transaction are known: now, but after the cut-off of every computed cycle."""
    (row,) = await tx.fetch(_AFTER_CYCLES, now=now)
    moment: datetime = row.at
    return moment


async def add_grants(tx: Tx, grants: Sequence[tuple[str, Granted]], at: datetime) -> None:
    """Add grants of people; one that is there already stays as it is."""
    if not grants:
        return
    await tx.execute(
        _ADD,
        at=at,
        ids=[grant.grant_id for _, grant in grants],
        persons=[person_id for person_id, _ in grants],
        programmes=[grant.programme for _, grant in grants],
        months=[str(grant.benefit_month) for _, grant in grants],
        amounts=[grant.amount_fen for _, grant in grants],
    )


async def void_grants(tx: Tx, grant_ids: Sequence[str], at: datetime) -> None:
    """Mark grants as taken back from a moment on."""
    await tx.execute(
        "UPDATE grants SET voided_at = :at WHERE grant_id = ANY(CAST(:ids AS text[])) AND voided_at IS NULL",
        at=at,
        ids=list(grant_ids),
    )


async def read_granted(tx: Tx, person_ids: Sequence[str], programme: str) -> dict[str, list[Granted]]:
    """What people were granted of a programme and keep, oldest month first, by person."""
    found: dict[str, list[Granted]] = {}
    for row in await tx.fetch(
        "SELECT * FROM grants WHERE person_id = ANY(CAST(:ids AS text[])) AND programme = :programme"
        " AND voided_at IS NULL ORDER BY benefit_month, grant_id",
        ids=list(person_ids),
        programme=programme,
    ):
        granted = Granted(row.grant_id, row.programme, Month.parse(row.benefit_month), row.amount_fen)
        found.setdefault(row.person_id, []).append(granted)
    return found
