"""Where the money of lines is: to be instructed, waiting, sent, returned; and what people owe.

A cycle's steps are kept, so that cancelling it can take exactly those steps back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import expect_rows
from tuoqi.payments.domain.cash import CaseKey, Pending, PendingState
from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.offset import Agreement
from tuoqi.payments.store.agreements import read_agreements
from tuoqi.payments.store.lines import month_of
from tuoqi.payments.store.people import People

OUTGOING_COLUMNS = ("cycle_id", "person_id", "programme", "benefit_month", "amount_fen", "state", "facility")
_STEPS = (
    "cycle_id",
    "person_id",
    "ordinal",
    "kind",
    "programme",
    "benefit_month",
    "amount_fen",
    "other",
    "from_cycle_id",
    "from_part",
    "from_person_id",
    "other_month",
)

_OF_VALUE = "amount_fen > 0 AND state IN ('TO_INSTRUCT', 'WAITING', 'RETURNED')"

_HELD = """
SELECT o.*, c.seq FROM {rows} JOIN cycles c USING (cycle_id)
ORDER BY o.person_id, c.seq, o.part
"""

_WITHDRAW = """
UPDATE outgoing o SET amount_fen = o.amount_fen + t.change
FROM unnest(CAST(:persons AS text[]), CAST(:cycles AS text[]), CAST(:parts AS int[]), CAST(:programmes AS text[]),
            CAST(:months AS text[]), CAST(:changes AS bigint[]))
     AS t(person_id, cycle_id, part, programme, benefit_month, change)
WHERE o.person_id = t.person_id AND o.cycle_id = t.cycle_id AND o.part = t.part AND o.programme = t.programme
  AND o.benefit_month = t.benefit_month AND o.state IN ('TO_INSTRUCT', 'WAITING', 'RETURNED')
"""

# A change may be below 0, and an insert is checked before it is seen to conflict: so cases are made first, at 0.
_CASES_MADE = """
INSERT INTO recovery_cases (person_id, programme, benefit_month, amount_fen)
SELECT person_id, programme, benefit_month, 0
FROM unnest(CAST(:persons AS text[]), CAST(:programmes AS text[]), CAST(:months AS text[]))
     AS t(person_id, programme, benefit_month)
ON CONFLICT DO NOTHING
"""
_CASES_CHANGED = """
UPDATE recovery_cases r SET amount_fen = r.amount_fen + t.change
FROM unnest(CAST(:persons AS text[]), CAST(:programmes AS text[]), CAST(:months AS text[]), CAST(:changes AS bigint[]))
     AS t(person_id, programme, benefit_month, change)
WHERE r.person_id = t.person_id AND r.programme = t.programme AND r.benefit_month = t.benefit_month
"""

# Cancelling, set by set. Money that a cancelled cycle had withdrawn waits again where it lay; where the rest of its
# line went out meanwhile, it becomes a piece of its own and waits for the next cycle.
_GIVE_BACK = """
WITH back AS (
    SELECT coalesce(nullif(from_person_id, ''), person_id) AS person_id, from_cycle_id AS cycle_id, from_part AS part,
           programme, benefit_month, sum(amount_fen) AS fen
    FROM cash_steps WHERE cycle_id = :cycle_id AND kind = 'WITHDRAW' GROUP BY 1, 2, 3, 4, 5
), held AS (
    UPDATE outgoing o SET amount_fen = o.amount_fen + back.fen FROM back
    WHERE o.person_id = back.person_id AND o.cycle_id = back.cycle_id AND o.part = back.part
      AND o.programme = back.programme AND o.benefit_month = back.benefit_month AND o.state <> 'SENT'
)
INSERT INTO outgoing (cycle_id, person_id, programme, benefit_month, part, amount_fen, state, facility)
SELECT o.cycle_id, o.person_id, o.programme, o.benefit_month,
       (SELECT max(p.part) + 1 FROM outgoing p WHERE p.person_id = o.person_id AND p.cycle_id = o.cycle_id
          AND p.programme = o.programme AND p.benefit_month = o.benefit_month),
       back.fen, 'WAITING', o.facility
FROM back JOIN outgoing o USING (person_id, cycle_id, part, programme, benefit_month)
WHERE o.state = 'SENT'
"""

# What was repaid or written off since may leave a case smaller than what is to be taken back: the rest is an excess.
_CASES_UNDONE_BY = """
(SELECT coalesce(nullif(from_person_id, ''), person_id) AS person_id, programme, benefit_month,
        sum(CASE kind WHEN 'RAISE_CASE' THEN amount_fen ELSE -amount_fen END) AS fen
 FROM cash_steps WHERE cycle_id = :cycle_id AND kind IN ('RAISE_CASE', 'REDUCE_CASE', 'OFFSET_CASE')
 GROUP BY 1, 2, 3) s
"""
_SAME_CASE = "r.person_id = s.person_id AND r.programme = s.programme AND r.benefit_month = s.benefit_month"
_EXCESS = f"""
SELECT r.person_id, r.programme, r.benefit_month, s.fen - r.amount_fen AS fen
FROM recovery_cases r JOIN {_CASES_UNDONE_BY} ON {_SAME_CASE}
WHERE s.fen > r.amount_fen ORDER BY 1, 2, 3
"""
_CASES_UNDONE = f"""
UPDATE recovery_cases r SET amount_fen = greatest(r.amount_fen - s.fen, 0) FROM {_CASES_UNDONE_BY} WHERE {_SAME_CASE}
"""


def place(cycle_id: str, part: int, file: str = "") -> str:
    """How the engine names a piece of money: its cycle, its part where it has several, and the merged file it is of."""
    named = f"{cycle_id}#{part}" if part else cycle_id
    return f"{named}@{file}" if file else named


def place_of(name: str) -> tuple[str, int, str]:
    """Cycle, part and merged file of a piece of money; the file is empty where it is of the person's own."""
    named, _, file = name.partition("@")
    cycle_id, _, part = named.partition("#")
    return cycle_id, int(part or 0), file


@dataclass(frozen=True, slots=True)
class Excess:
    """What was repaid or written off on a case beyond what is left of it when its cycle is cancelled, in fen."""

    person_id: str
    programme: str
    benefit_month: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class CashOf:
    """What is held back of a person's earlier lines, and what the person owes."""

    pending: Sequence[Pending]
    cases: Mapping[CaseKey, int]
    """By programme and month, over all files."""
    shares: Mapping[CaseKey, Mapping[str, int]]
    """The part of each merged file in a case; what is left is the person's own."""
    agreements: Sequence[Agreement] = ()


async def read_cash(tx: Tx, people: People, cycle: Cycle) -> dict[str, CashOf]:
    """The cash of people, of those who have any, for a cycle; that of merged files is among their person's."""
    pending: dict[str, list[Pending]] = {}
    for row in await tx.fetch(_HELD.format(rows=people.rows("outgoing", _OF_VALUE)), **people.bounds):
        person = people.root(row.person_id)
        file = row.person_id if row.person_id != person else ""
        pending.setdefault(person, []).append(
            Pending(
                cycle=place(row.cycle_id, row.part, file),
                cycle_seq=row.seq,
                programme=row.programme,
                benefit_month=month_of(row.benefit_month),
                amount_fen=row.amount_fen,
                state=PendingState(row.state),
                file=file,
            )
        )
    cases: dict[str, dict[CaseKey, int]] = {}
    shares: dict[str, dict[CaseKey, dict[str, int]]] = {}
    for row in await tx.fetch(
        f"SELECT o.* FROM {people.rows('recovery_cases', 'amount_fen > 0')} ORDER BY o.person_id", **people.bounds
    ):
        person, case = people.root(row.person_id), (row.programme, month_of(row.benefit_month))
        own = cases.setdefault(person, {})
        own[case] = own.get(case, 0) + row.amount_fen
        if person != row.person_id:
            shares.setdefault(person, {}).setdefault(case, {})[row.person_id] = row.amount_fen
    agreed = await read_agreements(tx, people, cycle) if cases else {}
    return {
        person: CashOf(pending.get(person, ()), cases.get(person, {}), shares.get(person, {}), agreed.get(person, ()))
        for person in {*pending, *cases}
    }


async def write_outgoing(tx: Tx, rows: Sequence[tuple[Any, ...]]) -> None:
    """What is to be instructed; rows of cycle, person, programme, month, fen, state, facility."""
    await tx.copy("outgoing", OUTGOING_COLUMNS, rows)


async def write_steps(tx: Tx, rows: Sequence[tuple[Any, ...]]) -> None:
    """The steps of a cycle's cash, but for what is simply to be instructed."""
    await tx.copy("cash_steps", _STEPS, rows)


async def withdraw(tx: Tx, changes: Sequence[tuple[str, str, str, str, int]]) -> None:
    """Take from money that is held: rows of person, place, programme, month, change in fen (below 0)."""
    if not changes:
        return
    places = [place_of(name) for _, name, _, _, _ in changes]
    persons = [file or person for (person, *_), (_, _, file) in zip(changes, places, strict=True)]
    touched = await tx.execute(
        _WITHDRAW,
        persons=persons,
        cycles=[cycle_id for cycle_id, _, _ in places],
        parts=[part for _, part, _ in places],
        programmes=[programme for _, _, programme, _, _ in changes],
        months=[month for _, _, _, month, _ in changes],
        changes=[change for *_, change in changes],
    )
    expect_rows(touched, len(changes))


async def change_cases(tx: Tx, changes: Sequence[tuple[str, str, str, int]]) -> None:
    """Open, enlarge or reduce recovery cases: rows of person, programme, month, change in fen."""
    if not changes:
        return
    keys = {
        "persons": [person for person, *_ in changes],
        "programmes": [programme for _, programme, _, _ in changes],
        "months": [month for _, _, month, _ in changes],
    }
    await tx.execute(_CASES_MADE, **keys)
    touched = await tx.execute(_CASES_CHANGED, **keys, changes=[change for *_, change in changes])
    expect_rows(touched, len(changes))


async def undo_cash(tx: Tx, cycle_id: str) -> list[Excess]:
    """Take back all steps of a cycle that is being cancelled; its own money is to be instructed no more.

    Answers what could not be taken back, because it had been repaid or written off. Money due back to a person stays.
    """
    await tx.execute(_GIVE_BACK, cycle_id=cycle_id)
    excess = [
        Excess(row.person_id, row.programme, row.benefit_month, int(row.fen))
        for row in await tx.fetch(_EXCESS, cycle_id=cycle_id)
    ]
    await tx.execute(_CASES_UNDONE, cycle_id=cycle_id)
    await tx.execute(
        "UPDATE outgoing SET state = 'CANCELLED' WHERE cycle_id = :cycle_id AND NOT refund", cycle_id=cycle_id
    )
    return excess


async def open_cases(tx: Tx, after: tuple[str, str, str], size: int) -> Sequence[Any]:
    """A run of open recovery cases by programme key, person and month, after the given place."""
    return await tx.fetch(
        "SELECT * FROM recovery_cases WHERE amount_fen > 0"
        " AND (programme, person_id, benefit_month) > (:programme, :person_id, :month)"
        " ORDER BY programme, person_id, benefit_month LIMIT CAST(:size AS int)",
        programme=after[0],
        person_id=after[1],
        month=after[2],
        size=size,
    )


async def waiting_money(tx: Tx) -> Sequence[Any]:
    """What waits, with its reason: one row for a person, programme, month and reason."""
    return await tx.fetch(
        'SELECT person_id, programme COLLATE "C" AS programme, benefit_month, reason, sum(amount_fen) AS fen'
        " FROM outgoing WHERE state = 'WAITING' AND amount_fen > 0 GROUP BY 1, 2, 3, 4 ORDER BY 2, 1, 3, 4"
    )
