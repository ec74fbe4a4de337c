"""The ledger: entries are only ever added, and the whole of payments' money is proven against it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.ledger import Posting
from tuoqi.payments.store.lines import month_text

ENTRY_COLUMNS = (
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

# The sums are kept by the database with every statement that changes a row (migration 0004), so that a proof costs no
# more in the tenth year than in the first month; `recounted` compares them with the rows themselves.
_BALANCES = """
SELECT
    coalesce(sum(fen) FILTER (WHERE kept = 'ledger'), 0) AS everything,
    coalesce(sum(fen) FILTER (WHERE kept = 'unbalanced' AND cycle_id = :cycle_id), 0) AS unbalanced,
    coalesce(sum(fen) FILTER (WHERE kept = 'ledger' AND what = 'RECOVERY_CLEARING'), 0) AS clearing,
    coalesce(sum(fen) FILTER (WHERE kept = 'ledger' AND what = 'SUBSIDY_EXPENSE'), 0) AS expense,
    coalesce(sum(fen) FILTER (WHERE kept = 'ledger' AND what = 'PAYABLE'), 0) AS payable,
    coalesce(sum(fen) FILTER (WHERE kept = 'ledger' AND what = 'RECOVERABLE'), 0) AS recoverable,
    coalesce(sum(fen) FILTER (WHERE kept = 'ledger' AND what = 'IN_TRANSIT'), 0) AS in_transit,
    coalesce(sum(fen) FILTER (WHERE kept = 'ledger' AND what = 'SUBSIDY_FUND'), 0) AS fund,
    coalesce(sum(fen) FILTER (WHERE kept = 'ledger' AND what = 'RECOVERY_LOSS'), 0) AS loss,
    coalesce(sum(fen) FILTER (WHERE kept = 'lines' AND what = 'true'), 0) AS lines,
    coalesce(sum(fen) FILTER (WHERE kept = 'outgoing' AND what IN ('TO_INSTRUCT', 'WAITING', 'RETURNED')), 0) AS held,
    coalesce(sum(fen) FILTER (WHERE kept = 'outgoing' AND what = 'SENT'), 0) AS sent,
    coalesce(sum(fen) FILTER (WHERE kept = 'instructions' AND what = 'OPEN'), 0) AS open,
    coalesce(sum(fen) FILTER (WHERE kept = 'instructions' AND what = 'SUCCESS'), 0) AS success,
    (SELECT coalesce(sum(amount_fen), 0) FROM recovery_cases) AS owed,
    (SELECT coalesce(sum(amount_fen), 0) FROM recovery_repayments WHERE reversed_at IS NULL) AS repaid,
    (SELECT coalesce(sum(amount_fen - restored_fen), 0) FROM recovery_write_offs) AS written_off,
    (SELECT coalesce(sum(amount_fen), 0) FROM overpayments) AS overpaid
FROM money_sums
"""

_RECOUNT = """
SELECT kept, what, sum(fen) AS fen FROM (
    SELECT kept, what, fen FROM money_sums WHERE cycle_id = :cycle_id AND kept <> 'unbalanced'
    UNION ALL
    SELECT 'ledger', account, -sum(amount_fen) FROM ledger_entries WHERE cycle_id = :cycle_id GROUP BY 2
    UNION ALL
    SELECT 'lines', CAST(NOT cancelled AS text), -sum(amount_fen) FROM payment_lines
    WHERE cycle_id = :cycle_id GROUP BY 2
    UNION ALL
    SELECT 'outgoing', state, -sum(amount_fen) FROM outgoing WHERE cycle_id = :cycle_id GROUP BY 2
    UNION ALL
    SELECT 'instructions', state, -sum(amount_fen) FROM instructions WHERE cycle_id = :cycle_id GROUP BY 2
) both_ways GROUP BY kept, what HAVING sum(fen) <> 0 ORDER BY kept, what
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
    await tx.copy("ledger_entries", ENTRY_COLUMNS, [(numbers[i // 2], *row) for i, row in enumerate(rows)])


async def reverse(tx: Tx, cycle_id: str, at: datetime) -> None:
    """Add the opposite of every entry of a cycle that is being cancelled."""
    await tx.execute(_REVERSE, cycle_id=cycle_id, at=at)


async def findings(tx: Tx, cycle_id: str) -> list[str]:
    """What does not close to zero, in Chinese: the ledger in itself, and against lines, cash, cases and instructions."""
    (sums,) = await tx.fetch(_BALANCES, cycle_id=cycle_id)
    compared = (
        ("总账借贷合计", sums.everything, 0),
        ("本周期借贷不平的分录数", sums.unbalanced, 0),
        ("待冲减收回款余额", sums.clearing, 0),
        ("补助支出与发放明细合计", sums.expense, sums.lines),
        ("应付补助款与未发出金额", -sums.payable, sums.held),
        ("应收追回款与追回案余额", sums.recoverable, sums.owed),
        ("代发在途与无结果指令", -sums.in_transit, sums.open),
        ("专户付出与成功指令减退回款", -sums.fund, sums.success - sums.repaid),
        ("核销损失与已核销金额", sums.loss, sums.written_off),
        ("已发出金额加多付金额与有效指令", sums.sent + sums.overpaid, sums.open + sums.success),
    )
    return [f"{what}：{found} ≠ {wanted}（分）" for what, found, wanted in compared if found != wanted]


async def recounted(tx: Tx, cycle_id: str) -> list[str]:
    """Where the sums that the proof compares differ from a cycle's rows, in Chinese; its cost grows with what was paid."""
    return [
        f"{row.kept} {row.what}：与逐笔合计相差 {row.fen}（分）" for row in await tx.fetch(_RECOUNT, cycle_id=cycle_id)
    ]
