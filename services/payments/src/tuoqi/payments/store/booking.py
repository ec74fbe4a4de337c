"""The lines of a cycle carried on inside the database: what is to be instructed, and the ledger's postings for them.

Whoever has no other step of cash has positive lines only, and all of their money is to be instructed; the rest is told by
the engine row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.ledger import ACCOUNTS, Movement
from tuoqi.payments.store.people import Window

# By programme, so that the primary key finds a window's rows of this cycle without those of earlier ones.
_THESE = """
cycle_id = :cycle_id AND programme = ANY(CAST(:programmes AS text[])) AND person_id > :after AND person_id <= :last
"""

_TO_INSTRUCT = f"""
INSERT INTO outgoing (cycle_id, person_id, programme, benefit_month, amount_fen, state, facility)
SELECT cycle_id, person_id, programme, benefit_month, amount_fen, 'TO_INSTRUCT', facility FROM payment_lines
WHERE {_THESE} AND person_id NOT IN (SELECT unnest(CAST(:told AS text[])))
ORDER BY person_id, programme, benefit_month
"""


def _sides(movement: Movement) -> str:
    debit, credit = ACCOUNTS[movement]
    return f"('{movement}', '{debit}', 1), ('{movement}', '{credit}', -1)"


_BOOK = f"""
INSERT INTO ledger_entries (posting, cycle_id, movement, account, amount_fen, programme, person_id, benefit_month,
                            reference, booked_at)
SELECT one.posting, one.cycle_id, side.movement, side.account, abs(one.amount_fen) * side.sign, one.programme,
       one.person_id, one.benefit_month, '', :at
FROM (SELECT nextval('ledger_posting') AS posting, l.* FROM payment_lines l WHERE {_THESE} OFFSET 0) one
JOIN (VALUES {_sides(Movement.DECIDED)}, {_sides(Movement.RECLAIMED)}) AS side(movement, account, sign)
  ON side.movement = CASE WHEN one.amount_fen > 0 THEN '{Movement.DECIDED}' ELSE '{Movement.RECLAIMED}' END
"""


async def plan_afresh(tx: Tx) -> None:
    """Have every statement of the transaction planned for the tables as they are then.

    A cycle fills tables that may have been empty when it began, and the driver prepares its statements once: the plan
    that was right for an empty table, to read all of it, would be kept for the filled one.
    """
    await tx.execute("SET LOCAL plan_cache_mode = force_custom_plan")


async def carry_on(
    tx: Tx, cycle_id: str, window: Window, programmes: Sequence[str], at: datetime, *, told: Sequence[str]
) -> None:
    """Say of a window's lines what is to be instructed, and book them; once, after the lines are written.

    `told` are the people of whom the engine has said already what is to be instructed.
    """
    these = {"cycle_id": cycle_id, "programmes": list(programmes), **window.bounds}
    await tx.execute(_TO_INSTRUCT, **these, told=list(told))
    await tx.execute(_BOOK, **these, at=at)
