"""Agreements to offset as a cycle reads them: for whom, which cases, and what is left of this month's cap."""

from __future__ import annotations

import json
from dataclasses import replace

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.months import Month, day_of
from tuoqi.payments.domain.offset import Agreement
from tuoqi.payments.store.people import People

# Like a fact, an agreement counts where it was known at the cut-off; one that has ended counts no more.
_AGREED = """
SELECT f.recovery_id, f.programmes AS payers, f.cap_fen, f.cap_hundredths, i.person_id, i.programme, i.benefit_month,
       i.agreed_fen
FROM recovery_items i JOIN recovery_files f USING (recovery_id)
WHERE i.person_id = ANY(CAST(:ids AS text[])) AND i.agreed_fen > 0 AND f.agreed_at <= :cut_off AND f.signed_on <= :day
ORDER BY f.agreed_at, f.recovery_id, i.person_id, i.programme, i.benefit_month
"""

_TAKEN = """
SELECT i.recovery_id, sum(s.amount_fen) AS fen
FROM cash_steps s JOIN cycles c USING (cycle_id) JOIN recovery_items i
  ON i.person_id = coalesce(nullif(s.from_person_id, ''), s.person_id) AND i.programme = s.programme
 AND i.benefit_month = s.benefit_month
WHERE s.kind = 'OFFSET_CASE' AND c.month = :month AND c.state <> 'CANCELLED'
  AND i.recovery_id = ANY(CAST(:ids AS text[]))
GROUP BY 1
"""


async def read_agreements(tx: Tx, people: People, cycle: Cycle) -> dict[str, list[Agreement]]:
    """The agreements of people by person, the oldest first."""
    found: dict[tuple[str, str], Agreement] = {}
    rows = await tx.fetch(_AGREED, ids=list(people.ids), cut_off=cycle.cut_off, day=day_of(cycle.cut_off))
    for row in rows:
        person = people.root(row.person_id)
        file = row.person_id if row.person_id != person else ""
        one = found.get((person, row.recovery_id)) or Agreement(
            row.recovery_id, frozenset(json.loads(row.payers)), {}, row.cap_fen, row.cap_hundredths
        )
        case = (file, row.programme, Month.parse(row.benefit_month))
        found[person, row.recovery_id] = replace(one, covers={**one.covers, case: row.agreed_fen})
    taken = {}
    if ids := sorted({recovery_id for _, recovery_id in found}):
        taken = {row.recovery_id: int(row.fen) for row in await tx.fetch(_TAKEN, month=str(cycle.month), ids=ids)}
    agreed: dict[str, list[Agreement]] = {}
    for (person, recovery_id), one in found.items():
        agreed.setdefault(person, []).append(replace(one, taken_fen=taken.get(recovery_id, 0)))
    return agreed
