"""The ledger: entries are only ever added, and the whole of payments' money is proven against it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.ledger import Posting
from tuoqi.payments.store.lines import month_text

_COLUMNS = (
    "posting",
    "cycle_id",
    "movement",
    "account",
    "amount_fen",
    "programme",
    "person_id",
    "benefit_month",
    "reference",
    "booked_at",
)

# The opposite of posting n is posting -n: a cycle is cancelled once, so the number is free and says what it answers.
_REVERSE = """
INSERT INTO ledger_entries (posting, cycle_id, movement, account, amount_fen, programme, person_id, benefit_month,
                            reference, booked_at)
SELECT -posting, cycle_id, movement, account, -amount_fen, programme, person_id, benefit_month, reference, :at
FROM ledger_entries WHERE cycle_id = :cycle_id
"""

_BALANCES = """
SELECT
    (SELECT coalesce(sum(amount_fen), 0) FROM ledger_entries) AS everything,
    l.clearing, l.expense, l.payable, l.recoverable, l.in_transit, l.fund,
    (SELECT coalesce(sum(amount_fen), 0) FROM payment_lines WHERE NOT cancelled) AS lines,
    (SELECT coalesce(sum(amount_fen), 0) FROM outgoing
      WHERE state IN ('TO_INSTRUCT', 'WAITING', 'RETURNED')) AS held,
    (SELECT coalesce(sum(amount_fen), 0) FROM outgoing WHERE state = 'SENT') AS sent,
    (SELECT coalesce(sum(amount_fen), 0) FROM recovery_cases) AS owed,
    i.open, i.success
FROM (SELECT
    coalesce(sum(amount_fen) FILTER (WHERE account = 'RECOVERY_CLEARING'), 0) AS clearing,
    coalesce(sum(amount_fen) FILTER (WHERE account = 'SUBSIDY_EXPENSE'), 0) AS expense,
    coalesce(sum(amount_fen) FILTER (WHERE account = 'PAYABLE'), 0) AS payable,
    coalesce(sum(amount_fen) FILTER (WHERE account = 'RECOVERABLE'), 0) AS recoverable,
    coalesce(sum(amount_fen) FILTER (WHERE account = 'IN_TRANSIT'), 0) AS in_transit,
    coalesce(sum(amount_fen) FILTER (WHERE account = 'SUBSIDY_FUND'), 0) AS fund
    FROM ledger_entries) l,
   (SELECT coalesce(sum(amount_fen) FILTER (WHERE state = 'OPEN'), 0) AS open,
           coalesce(sum(amount_fen) FILTER (WHERE state = 'SUCCESS'), 0) AS success FROM instructions) i
"""


def entry_rows(postings: Iterable[Posting], at: datetime) -> list[tuple[Any, ...]]:
    """Both sides of each posting, in the order of the columns but for the posting's number."""
    return [
        (
            one.cycle,
            one.movement.value,
            entry.account.value,
            entry.amount_fen,
            one.programme,
            one.person_id,
            "" if one.benefit_month is None else month_text(one.benefit_month),
            one.reference,
            at,
        )
        for one in postings
        for entry in one.entries
    ]


async def book(tx: Tx, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add the rows of `entry_rows`; each pair becomes one numbered posting."""
    if not rows:
        return
    (reserved,) = await tx.fetch(
        "SELECT array_agg(nextval('ledger_posting')) AS numbers FROM generate_series(1, CAST(:n AS int))",
        n=len(rows) // 2,
    )
    numbers = reserved.numbers
    await tx.copy("ledger_entries", _COLUMNS, [(numbers[i // 2], *row) for i, row in enumerate(rows)])


async def reverse(tx: Tx, cycle_id: str, at: datetime) -> None:
    """Add the opposite of every entry of a cycle that is being cancelled."""
    await tx.execute(_REVERSE, cycle_id=cycle_id, at=at)


async def findings(tx: Tx, cycle_id: str) -> list[str]:
    """What does not close to zero, in Chinese: the ledger in itself, and against lines, cash, cases and instructions."""
    (sums,) = await tx.fetch(_BALANCES)
    (odd,) = await tx.fetch(
        "SELECT count(*) AS postings FROM (SELECT FROM ledger_entries WHERE cycle_id = :cycle_id"
        " GROUP BY posting HAVING sum(amount_fen) <> 0) unbalanced",
        cycle_id=cycle_id,
    )
    compared = (
        ("总账借贷合计", sums.everything, 0),
        ("本周期借贷不平的分录数", odd.postings, 0),
        ("待冲减收回款余额", sums.clearing, 0),
        ("补助支出与发放明细合计", sums.expense, sums.lines),
        ("应付补助款与未发出金额", -sums.payable, sums.held),
        ("应收追回款与追回案余额", sums.recoverable, sums.owed),
        ("代发在途与无结果指令", -sums.in_transit, sums.open),
        ("专户付出与成功指令", -sums.fund, sums.success),
        ("已发出金额与有效指令", sums.sent, sums.open + sums.success),
    )
    return [f"{what}：{found} ≠ {wanted}（分）" for what, found, wanted in compared if found != wanted]
