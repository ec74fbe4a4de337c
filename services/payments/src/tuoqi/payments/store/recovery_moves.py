"""What cycles, the bank and repayments did to cases, as the recovery files have to follow it; and money due back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import expect_rows
from tuoqi.payments.domain.recovery import ItemKey
from tuoqi.payments.store.lines import month_of, month_text

# A case is always raised by a RECOVERY line of the person's own; where the cycle is cancelled its lines still say why.
_OF_CYCLE = """
SELECT s.*, r.amount_fen AS owed_fen, coalesce(l.reason, '') AS reason, coalesce(i.recovery_id, '') AS recovery_id
FROM (SELECT coalesce(nullif(from_person_id, ''), person_id) AS person_id, programme, benefit_month,
             coalesce(sum(amount_fen) FILTER (WHERE kind = 'RAISE_CASE'), 0) AS raised_fen,
             coalesce(sum(amount_fen) FILTER (WHERE kind = 'REDUCE_CASE'), 0) AS reduced_fen,
             coalesce(sum(amount_fen) FILTER (WHERE kind = 'OFFSET_CASE'), 0) AS offset_fen
      FROM cash_steps WHERE cycle_id = :cycle_id AND kind IN ('RAISE_CASE', 'REDUCE_CASE', 'OFFSET_CASE')
      GROUP BY 1, 2, 3) s
JOIN recovery_cases r USING (person_id, programme, benefit_month)
LEFT JOIN recovery_items i USING (person_id, programme, benefit_month)
LEFT JOIN payment_lines l ON l.cycle_id = :cycle_id AND l.programme = s.programme AND l.person_id = s.person_id
     AND l.benefit_month = s.benefit_month AND l.line_type = 'RECOVERY'
ORDER BY s.person_id, s.programme, s.benefit_month
"""

_UNFOLLOWED = """
SELECT r.person_id, r.programme, r.benefit_month, r.amount_fen AS owed_fen, coalesce(i.owed_fen, 0) AS known_fen,
       coalesce(i.recovery_id, '') AS recovery_id
FROM recovery_cases r LEFT JOIN recovery_items i USING (person_id, programme, benefit_month)
WHERE r.amount_fen <> coalesce(i.owed_fen, 0)
ORDER BY r.person_id, r.programme, r.benefit_month LIMIT CAST(:size AS int)
"""

_RESTORE = """
UPDATE recovery_write_offs w SET restored_fen = w.restored_fen + :fen
WHERE w.write_off_id = :write_off_id AND w.person_id = :person_id AND w.programme = :programme
  AND w.benefit_month = :benefit_month
"""

# Money due back lies beside the newest live line of its month, or of the cycle that was cancelled where there is none.
# It survives the cancellation of that line's cycle: it was the person's own money.
_REFUND = """
INSERT INTO outgoing (cycle_id, person_id, programme, benefit_month, part, amount_fen, state, facility, refund)
SELECT found.cycle_id, :person_id, :programme, :benefit_month,
       coalesce((SELECT max(p.part) + 1 FROM outgoing p WHERE p.person_id = :person_id AND p.cycle_id = found.cycle_id
          AND p.programme = :programme AND p.benefit_month = :benefit_month), 0),
       :fen, 'WAITING', found.facility, true
FROM (SELECT cycle_id, facility FROM (
        SELECT l.cycle_id, l.facility, c.seq FROM payment_lines l JOIN cycles c USING (cycle_id)
        WHERE l.person_id = :person_id AND l.programme = :programme AND l.benefit_month = :benefit_month
          AND l.amount_fen > 0 AND NOT l.cancelled
        UNION ALL SELECT CAST(:cycle_id AS text), false, -1) any_of
      ORDER BY seq DESC LIMIT 1) found
"""


@dataclass(frozen=True, slots=True)
class WriteOff:
    """What of a write-off of one case still stands."""

    write_off_id: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Held:
    """Money due back that has not gone out yet."""

    cycle_id: str
    part: int
    amount_fen: int


async def moves_of(tx: Tx, cycle_id: str) -> Sequence[Any]:
    """What a cycle's steps did to cases, with what is owed now, why, and the file that knows the case."""
    return await tx.fetch(_OF_CYCLE, cycle_id=cycle_id)


async def unfollowed(tx: Tx, size: int) -> Sequence[Any]:
    """Cases whose open amount is another than the files say."""
    return await tx.fetch(_UNFOLLOWED, size=size)


async def live_files(tx: Tx, person_ids: Collection[str]) -> Mapping[str, str]:
    """Person → the oldest file that is not closed."""
    rows = await tx.fetch(
        "SELECT person_id, min(recovery_id) AS recovery_id FROM recovery_files"
        " WHERE person_id = ANY(CAST(:ids AS text[])) AND state IN ('OPEN', 'NOTICED', 'AGREED') GROUP BY 1",
        ids=sorted(person_ids),
    )
    return {row.person_id: row.recovery_id for row in rows}


async def version_of(tx: Tx, recovery_id: str) -> int | None:
    """The version of a file; None where there is none."""
    rows = await tx.fetch("SELECT version FROM recovery_files WHERE recovery_id = :id", id=recovery_id)
    return rows[0].version if rows else None


async def file_of_receipt(tx: Tx, receipt_no: str) -> str | None:
    """The file on which a receipt was booked."""
    rows = await tx.fetch(
        "SELECT recovery_id FROM recovery_repayments WHERE receipt_no = :receipt_no AND reversed_at IS NULL",
        receipt_no=receipt_no,
    )
    return rows[0].recovery_id if rows else None


async def reduce_cases(tx: Tx, parts: Mapping[ItemKey, int]) -> None:
    """Take from open cases; Conflict where one has less by now."""
    for (person_id, programme, month), fen in sorted(parts.items()):
        touched = await tx.execute(
            "UPDATE recovery_cases SET amount_fen = amount_fen - :fen WHERE person_id = :person_id"
            " AND programme = :programme AND benefit_month = :month AND amount_fen >= :fen",
            fen=fen,
            person_id=person_id,
            programme=programme,
            month=month_text(month),
        )
        expect_rows(touched, 1)


async def write_off(tx: Tx, write_off_id: str, recovery_id: str, parts: Mapping[ItemKey, int]) -> None:
    """Keep what was written off, case by case."""
    rows = [
        (write_off_id, recovery_id, person_id, programme, month_text(month), fen)
        for (person_id, programme, month), fen in sorted(parts.items())
    ]
    columns = ("write_off_id", "recovery_id", "person_id", "programme", "benefit_month", "amount_fen")
    await tx.copy("recovery_write_offs", columns, rows)


async def standing_write_offs(tx: Tx, key: ItemKey) -> list[WriteOff]:
    """The write-offs of a case that still stand, newest first."""
    rows = await tx.fetch(
        "SELECT write_off_id, amount_fen - restored_fen AS fen FROM recovery_write_offs WHERE person_id = :person_id"
        " AND programme = :programme AND benefit_month = :benefit_month AND amount_fen > restored_fen"
        " ORDER BY write_off_id DESC",
        **_case(key),
    )
    return [WriteOff(row.write_off_id, row.fen) for row in rows]


async def restore(tx: Tx, key: ItemKey, write_off_id: str, fen: int) -> None:
    """A part of a write-off stands no longer."""
    expect_rows(await tx.execute(_RESTORE, **_case(key), write_off_id=write_off_id, fen=fen), 1)


async def refund(tx: Tx, key: ItemKey, cycle_id: str, fen: int) -> None:
    """Money is due back to the person: it waits, and goes out with the next cycle's instructions."""
    expect_rows(await tx.execute(_REFUND, **_case(key), cycle_id=cycle_id, fen=fen), 1)


async def held_refunds(tx: Tx, key: ItemKey) -> list[Held]:
    """Money due back for a case that has not gone out."""
    rows = await tx.fetch(
        "SELECT cycle_id, part, amount_fen FROM outgoing WHERE refund AND person_id = :person_id"
        " AND programme = :programme AND benefit_month = :benefit_month AND amount_fen > 0"
        " AND state IN ('TO_INSTRUCT', 'WAITING', 'RETURNED') ORDER BY cycle_id, part",
        **_case(key),
    )
    return [Held(row.cycle_id, row.part, row.amount_fen) for row in rows]


async def take_refund(tx: Tx, key: ItemKey, held: Held, fen: int) -> None:
    """A part of it is not due back after all."""
    touched = await tx.execute(
        "UPDATE outgoing SET amount_fen = amount_fen - :fen WHERE person_id = :person_id AND programme = :programme"
        " AND benefit_month = :benefit_month AND cycle_id = :cycle_id AND part = CAST(:part AS int)",
        **_case(key),
        cycle_id=held.cycle_id,
        part=held.part,
        fen=fen,
    )
    expect_rows(touched, 1)


async def due_files(tx: Tx, today: date, after: str, size: int) -> list[str]:
    """Files of which a day has passed that nobody has looked at: a notice's term, or an instalment's."""
    rows = await tx.fetch(
        "SELECT recovery_id FROM recovery_files f WHERE recovery_id > :after AND"
        " ((state = 'NOTICED' AND NOT overdue_told AND due_on < :today) OR (state IN ('OPEN', 'NOTICED', 'AGREED') AND"
        " EXISTS (SELECT FROM recovery_instalments i WHERE i.recovery_id = f.recovery_id AND NOT i.judged"
        " AND i.due_on < :today))) ORDER BY recovery_id LIMIT CAST(:size AS int)",
        today=today,
        after=after,
        size=size,
    )
    return [row.recovery_id for row in rows]


async def next_due_day(tx: Tx) -> date | None:
    """The earliest day after which there is something to look at."""
    (row,) = await tx.fetch(
        "SELECT least((SELECT min(due_on) FROM recovery_files WHERE state = 'NOTICED' AND NOT overdue_told),"
        " (SELECT min(i.due_on) FROM recovery_instalments i JOIN recovery_files f USING (recovery_id)"
        "  WHERE NOT i.judged AND f.state IN ('OPEN', 'NOTICED', 'AGREED'))) AS day"
    )
    day: date | None = row.day
    return day


def key_of(row: Any) -> ItemKey:
    """Which case a row is about."""
    return row.person_id, row.programme, month_of(row.benefit_month)


def _case(key: ItemKey) -> dict[str, str]:
    person_id, programme, month = key
    return {"person_id": person_id, "programme": programme, "benefit_month": month_text(month)}
