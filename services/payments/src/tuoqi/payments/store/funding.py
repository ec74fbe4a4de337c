"""The money of sources: what came in, what is committed, paid and returned of it, in sums by cycle and programme.

Entries are only ever added, two sides each. Every sum is a function of the ledger's own sums and of the shares that were
frozen with the cycle's first instructions, so both close against each other to the fen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.funding import (
    FUND_ACCOUNTS,
    UNASSIGNED,
    WHOLE,
    FundMovement,
    Sums,
    allocate,
    movements,
    split,
)
from tuoqi.payments.domain.ledger import Movement, Posting

_COMMITTING = frozenset({Movement.INSTRUCTED, Movement.REISSUED})
_RETURNING = frozenset({Movement.RETURNED, Movement.STOPPED})
_ENTRIES = (
    "posting",
    "source",
    "movement",
    "account",
    "amount_fen",
    "cycle_id",
    "programme",
    "reference",
    "booked_at",
)

# The ledger's side: what every movement of a cycle has put into transit or taken from the fund, by programme.
_LEDGER_SUMS = """
SELECT programme,
    coalesce(sum(-amount_fen) FILTER (WHERE account = 'IN_TRANSIT' AND movement IN ('INSTRUCTED', 'REISSUED')), 0)
        AS committed_fen,
    coalesce(sum(-amount_fen) FILTER (WHERE account = 'SUBSIDY_FUND' AND movement = 'SETTLED'), 0) AS paid_fen,
    coalesce(sum(amount_fen) FILTER (WHERE account = 'IN_TRANSIT'
        AND movement NOT IN ('INSTRUCTED', 'REISSUED', 'SETTLED')), 0) AS returned_fen,
    coalesce(sum(amount_fen) FILTER (WHERE account = 'SUBSIDY_FUND' AND movement <> 'SETTLED'), 0) AS repaid_fen,
    max(booked_at) AS booked_at
FROM ledger_entries WHERE cycle_id = :cycle_id AND account IN ('IN_TRANSIT', 'SUBSIDY_FUND') GROUP BY 1 ORDER BY 1
"""

_STANDING = """
SELECT source,
    coalesce(-sum(amount_fen) FILTER (WHERE account = 'ALLOTMENT'), 0) AS allotted_fen,
    coalesce(sum(amount_fen) FILTER (WHERE account = 'COMMITTED'), 0) AS committed_fen,
    coalesce(sum(amount_fen) FILTER (WHERE account = 'PAID' AND movement = 'PAID'), 0) AS paid_fen,
    coalesce(sum(amount_fen) FILTER (WHERE account = 'AVAILABLE' AND movement = 'RETURNED'), 0) AS returned_fen,
    coalesce(sum(amount_fen) FILTER (WHERE account = 'AVAILABLE' AND movement = 'REPAID'), 0) AS repaid_fen,
    coalesce(sum(amount_fen) FILTER (WHERE account = 'PAID' AND movement = 'SPENT'), 0) AS spent_fen,
    coalesce(sum(amount_fen) FILTER (WHERE account = 'AVAILABLE'), 0) AS balance_fen
FROM funding_entries GROUP BY 1 ORDER BY 1
"""

_Key = tuple[str, str]
"""Cycle and programme."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A source as it stands, in fen: `committed_fen` is with the bank, `balance_fen` is what is left to use."""

    source: str
    allotted_fen: int = 0
    committed_fen: int = 0
    paid_fen: int = 0
    returned_fen: int = 0
    repaid_fen: int = 0
    spent_fen: int = 0
    balance_fen: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """Money that came in 拨入, or left a project by a document 项目支出; an amount below 0 takes an earlier one back."""

    receipt_id: str
    source: str
    kind: str
    amount_fen: int
    document_no: str
    note: str
    made_at: datetime
    made_by: str


async def freeze_shares(tx: Tx, cycle_id: str, shares: Mapping[str, Mapping[str, int]]) -> None:
    """Keep the shares of a cycle's programmes, where they are not kept yet."""
    rows = [(programme, source, parts) for programme, of in shares.items() for source, parts in of.items()]
    await tx.execute(
        "INSERT INTO funding_shares (cycle_id, programme, source, parts)"
        " SELECT :cycle_id, t.* FROM unnest(CAST(:programmes AS text[]), CAST(:sources AS text[]),"
        " CAST(:parts AS int[])) AS t(programme, source, parts)"
        " WHERE NOT EXISTS (SELECT FROM funding_shares f WHERE f.cycle_id = :cycle_id AND f.programme = t.programme)",
        cycle_id=cycle_id,
        programmes=[programme for programme, _, _ in rows],
        sources=[source for _, source, _ in rows],
        parts=[parts for _, _, parts in rows],
    )


async def apply(tx: Tx, postings: Sequence[Posting], at: datetime) -> None:
    """Move the sources by what postings put into transit, paid out or brought back."""
    changes: defaultdict[_Key, Sums] = defaultdict(Sums)
    for one in postings:
        fen = one.entries[0].amount_fen
        if one.movement in _COMMITTING:
            change = Sums(committed_fen=fen)
        elif one.movement is Movement.SETTLED:
            change = Sums(paid_fen=fen)
        elif one.movement in _RETURNING:
            change = Sums(returned_fen=fen)
        elif one.movement is Movement.REPAID:
            change = Sums(repaid_fen=fen)
        else:
            continue
        changes[one.cycle, one.programme] += change
    for key, change in sorted(changes.items()):
        standing = await _sums(tx, key)
        await _book(tx, key, standing, _whole(standing) + change, at)


async def follow(tx: Tx, cycle_id: str) -> None:
    """Bring the sources to where the ledger of a cycle stands, whoever has moved it."""
    for row in await tx.fetch(_LEDGER_SUMS, cycle_id=cycle_id):
        key = (cycle_id, row.programme)
        wanted = Sums(int(row.committed_fen), int(row.paid_fen), int(row.returned_fen), int(row.repaid_fen))
        standing = await _sums(tx, key)
        if _whole(standing) != wanted:
            await _book(tx, key, standing, wanted, row.booked_at)


def _whole(standing: Mapping[str, Sums]) -> Sums:
    whole = Sums()
    for sums in standing.values():
        whole = whole + sums
    return whole


async def _sums(tx: Tx, key: _Key) -> dict[str, Sums]:
    """What each source of a cycle's programme has so far."""
    rows = await tx.fetch(
        "SELECT * FROM funding_sums WHERE cycle_id = :cycle_id AND programme = :programme",
        cycle_id=key[0],
        programme=key[1],
    )
    return {row.source: Sums(row.committed_fen, row.paid_fen, row.returned_fen, row.repaid_fen) for row in rows}


async def _parts(tx: Tx, key: _Key) -> dict[str, int]:
    """The frozen shares; of a cycle that has none those of the programme's last one, else all unassigned."""
    rows = await tx.fetch(
        "SELECT f.source, f.parts FROM funding_shares f WHERE f.programme = :programme AND f.cycle_id = ("
        " SELECT g.cycle_id FROM funding_shares g JOIN cycles c USING (cycle_id) WHERE g.programme = :programme"
        " ORDER BY g.cycle_id = :cycle_id DESC, c.seq DESC LIMIT 1) ORDER BY f.source",
        cycle_id=key[0],
        programme=key[1],
    )
    return {row.source: row.parts for row in rows} or {UNASSIGNED: WHOLE}


async def _book(tx: Tx, key: _Key, before: Mapping[str, Sums], whole: Sums, at: datetime) -> None:
    parts = await _parts(tx, key)
    if key[0]:
        after = allocate(whole, parts)
    else:
        # Repayments of people belong to no cycle: each is split by the shares that hold when it comes.
        more = split(whole.repaid_fen - _whole(before).repaid_fen, parts)
        after = {
            source: before.get(source, Sums()) + Sums(repaid_fen=more.get(source, 0)) for source in {*before, *parts}
        }
    rows = [
        (source, movement, fen)
        for source in sorted({*before, *after})
        for movement, fen in movements(before.get(source, Sums()), after.get(source, Sums()))
    ]
    await add_entries(tx, [(source, movement, fen, *key, "") for source, movement, fen in rows], at)
    for source in sorted({*before, *after}):
        sums = after.get(source, Sums())
        await tx.execute(
            "INSERT INTO funding_sums VALUES (:cycle_id, :programme, :source, :committed, :paid, :returned, :repaid)"
            " ON CONFLICT (cycle_id, programme, source) DO UPDATE SET committed_fen = excluded.committed_fen,"
            " paid_fen = excluded.paid_fen, returned_fen = excluded.returned_fen, repaid_fen = excluded.repaid_fen",
            cycle_id=key[0],
            programme=key[1],
            source=source,
            committed=sums.committed_fen,
            paid=sums.paid_fen,
            returned=sums.returned_fen,
            repaid=sums.repaid_fen,
        )


async def add_entries(tx: Tx, rows: Sequence[tuple[str, FundMovement, int, str, str, str]], at: datetime) -> None:
    """Both sides of movements: rows of source, movement, fen, cycle, programme, reference."""
    if not rows:
        return
    (reserved,) = await tx.fetch(
        "SELECT array_agg(nextval('funding_posting')) AS numbers FROM generate_series(1, CAST(:n AS int))", n=len(rows)
    )
    entries: list[tuple[Any, ...]] = []
    for number, (source, movement, fen, cycle_id, programme, reference) in zip(reserved.numbers, rows, strict=True):
        for account, amount in zip(FUND_ACCOUNTS[movement], (fen, -fen), strict=True):
            entries.append((number, source, movement.value, account.value, amount, cycle_id, programme, reference, at))
    await tx.copy("funding_entries", _ENTRIES, entries)


async def standings(tx: Tx) -> dict[str, Standing]:
    """Every source that ever had an entry."""
    return {
        row.source: Standing(row.source, *(int(fen) for fen in tuple(row)[1:])) for row in await tx.fetch(_STANDING)
    }


async def add_receipt(tx: Tx, receipt: Receipt) -> bool:
    """Book money in or out by a document; False where that document is booked already."""
    added = await tx.execute(
        "INSERT INTO funding_receipts VALUES (:receipt_id, :source, :kind, :amount_fen, :document_no, :note, :made_at,"
        " :made_by) ON CONFLICT DO NOTHING",
        receipt_id=receipt.receipt_id,
        source=receipt.source,
        kind=receipt.kind,
        amount_fen=receipt.amount_fen,
        document_no=receipt.document_no,
        note=receipt.note,
        made_at=receipt.made_at,
        made_by=receipt.made_by,
    )
    if added:
        movement = FundMovement(receipt.kind)
        row = (receipt.source, movement, receipt.amount_fen, "", "", receipt.receipt_id)
        await add_entries(tx, [row], receipt.made_at)
    return bool(added)


async def receipt_of(tx: Tx, source: str, kind: str, document_no: str) -> Receipt | None:
    """What was booked by a document."""
    rows = await tx.fetch(
        "SELECT * FROM funding_receipts WHERE source = :source AND kind = :kind AND document_no = :document_no",
        source=source,
        kind=kind,
        document_no=document_no,
    )
    return Receipt(**rows[0]._mapping) if rows else None  # noqa: SLF001 -- SQLAlchemy's public name for it


async def receipts(tx: Tx, source: str, limit: int) -> list[Receipt]:
    """What was booked by documents, newest first; of one source or of all."""
    rows = await tx.fetch(
        "SELECT * FROM funding_receipts WHERE CAST(:source AS text) = '' OR source = :source"
        " ORDER BY made_at DESC, receipt_id LIMIT CAST(:limit AS int)",
        source=source,
        limit=limit,
    )
    return [Receipt(**row._mapping) for row in rows]  # noqa: SLF001 -- SQLAlchemy's public name for it


async def sums_of(tx: Tx, cycle_id: str) -> Sequence[Any]:
    """What each source bears of a cycle, by programme."""
    return await tx.fetch(
        "SELECT * FROM funding_sums WHERE cycle_id = :cycle_id ORDER BY programme, source", cycle_id=cycle_id
    )
