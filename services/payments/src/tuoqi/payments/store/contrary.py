"""The pieces of money behind an instruction: what is due, what is carried twice, and how an answer moves them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import expect_rows
from tuoqi.payments.domain.contrary import Piece

# Pieces of one instruction as they stand, with what other live instructions carry of each and the first of these.
_PIECES = """
SELECT i.person_id, i.cycle_id, i.programme, i.benefit_month, i.part, i.amount_fen AS carried_fen,
       o.amount_fen AS due_fen, o.state, o.instruction_id AS at, coalesce(others.fen, 0) AS others_fen,
       coalesce(others.one, '') AS other_one
FROM instruction_items i
JOIN outgoing o USING (person_id, cycle_id, programme, benefit_month, part)
LEFT JOIN LATERAL (
    SELECT sum(j.amount_fen) AS fen, min(j.instruction_id) AS one
    FROM instruction_items j JOIN instructions s USING (instruction_id)
    WHERE j.person_id = i.person_id AND j.cycle_id = i.cycle_id AND j.programme = i.programme
      AND j.benefit_month = i.benefit_month AND j.part = i.part
      AND j.instruction_id <> i.instruction_id AND s.state IN ('OPEN', 'SUCCESS')
) others ON true
WHERE i.instruction_id = :instruction_id
ORDER BY i.person_id, i.cycle_id, i.programme, i.benefit_month, i.part
"""

_KEYS = """unnest(CAST(:persons AS text[]), CAST(:cycles AS text[]), CAST(:programmes AS text[]),
    CAST(:months AS text[]), CAST(:parts AS int[]), CAST(:amounts AS bigint[]), CAST(:states AS text[]),
    CAST(:at AS text[])) AS t(person_id, cycle_id, programme, benefit_month, part, amount_fen, state, at)"""
_SAME = """o.person_id = t.person_id AND o.cycle_id = t.cycle_id AND o.programme = t.programme
    AND o.benefit_month = t.benefit_month AND o.part = t.part"""

_PLACE = f"""
UPDATE outgoing o SET amount_fen = t.amount_fen, state = t.state, instruction_id = t.at, reason = ''
FROM {_KEYS} WHERE {_SAME}
"""
_APART = f"""
INSERT INTO outgoing (cycle_id, person_id, programme, benefit_month, part, amount_fen, state, facility, instruction_id)
SELECT o.cycle_id, o.person_id, o.programme, o.benefit_month,
       (SELECT max(p.part) + 1 FROM outgoing p WHERE p.person_id = o.person_id AND p.cycle_id = o.cycle_id
          AND p.programme = o.programme AND p.benefit_month = o.benefit_month),
       t.amount_fen, t.state, o.facility, t.at
FROM {_KEYS} JOIN outgoing o ON {_SAME}
"""
_OVERPAID = f"""
INSERT INTO overpayments AS o (person_id, cycle_id, programme, benefit_month, part, amount_fen)
SELECT t.person_id, t.cycle_id, t.programme, t.benefit_month, t.part, 0 FROM {_KEYS} ON CONFLICT DO NOTHING
"""
_OVERPAID_BY = f"""
UPDATE overpayments o SET amount_fen = o.amount_fen + t.amount_fen FROM {_KEYS} WHERE {_SAME}
"""
_GIVEN_BACK = f"""
UPDATE overpayments o SET given_back_fen = o.given_back_fen + t.amount_fen FROM {_KEYS} WHERE {_SAME}
"""

Key = tuple[str, str, str, str, int]
"""Person, cycle of the line, programme, benefit month, part."""


@dataclass(frozen=True, slots=True)
class Found:
    """A piece behind an instruction, where it stands now, and one other live instruction that carries it."""

    key: Key
    piece: Piece
    state: str
    at: str
    other_one: str


@dataclass(frozen=True, slots=True)
class Put:
    """Where a piece, or a part of it, belongs: so many fen in a state, at an instruction."""

    key: Key
    amount_fen: int
    state: str = ""
    at: str = ""


async def read_pieces(tx: Tx, instruction_id: str) -> list[Found]:
    """The pieces that an instruction carries."""
    return [
        Found(
            key=(row.person_id, row.cycle_id, row.programme, row.benefit_month, row.part),
            piece=Piece(row.due_fen, row.carried_fen, int(row.others_fen)),
            state=row.state,
            at=row.at,
            other_one=row.other_one,
        )
        for row in await tx.fetch(_PIECES, instruction_id=instruction_id)
    ]


async def read_overpaid(tx: Tx, ids: Sequence[str]) -> set[str]:
    """Those of the instructions that carry any piece of which too much is out."""
    rows = await tx.fetch(
        "SELECT DISTINCT i.instruction_id FROM instruction_items i"
        " JOIN overpayments o USING (person_id, cycle_id, programme, benefit_month, part)"
        " WHERE i.instruction_id = ANY(CAST(:ids AS text[])) AND o.amount_fen > 0",
        ids=list(ids),
    )
    return {row.instruction_id for row in rows}


async def read_stoppable(tx: Tx, instruction_id: str) -> Sequence[Any]:
    """Instructions that carry the same money and have not been handed to the bank."""
    return await tx.fetch(
        "SELECT DISTINCT s.instruction_id, s.cycle_id, s.programme, s.amount_fen FROM instruction_items i"
        " JOIN instruction_items j USING (person_id, cycle_id, programme, benefit_month, part)"
        " JOIN instructions s ON s.instruction_id = j.instruction_id"
        " WHERE i.instruction_id = :instruction_id AND s.instruction_id <> i.instruction_id"
        " AND s.state = 'OPEN' AND s.exported_at IS NULL ORDER BY s.instruction_id",
        instruction_id=instruction_id,
    )


async def set_state(tx: Tx, instruction_id: str, before: str, after: str, **columns: Any) -> None:
    """Move one instruction from one state to another. Raises Conflict where it stands otherwise."""
    sets = "".join(f", {name} = :{name}" for name in columns)
    touched = await tx.execute(
        f"UPDATE instructions SET state = :after{sets} WHERE instruction_id = :instruction_id AND state = :before",
        instruction_id=instruction_id,
        before=before,
        after=after,
        **columns,
    )
    expect_rows(touched, 1)


async def place(tx: Tx, puts: Sequence[Put]) -> None:
    """Say of each piece how much it is now, its state and the instruction that it belongs to."""
    if puts:
        expect_rows(await tx.execute(_PLACE, **_arrays(puts)), len(puts))


async def set_apart(tx: Tx, puts: Sequence[Put]) -> None:
    """Make new pieces beside these, held from now on by themselves. One at a time: each takes the next number."""
    for put in puts:
        expect_rows(await tx.execute(_APART, **_arrays([put])), 1)


async def change_overpaid(tx: Tx, puts: Sequence[Put]) -> None:
    """Note how much more or less of each piece is out than is due."""
    if puts:
        await tx.execute(_OVERPAID, **_arrays(puts))
        expect_rows(await tx.execute(_OVERPAID_BY, **_arrays(puts)), len(puts))


async def note_given_back(tx: Tx, puts: Sequence[Put]) -> None:
    """Note what of an excess had been repaid already and belongs to the person again."""
    if puts:
        expect_rows(await tx.execute(_GIVEN_BACK, **_arrays(puts)), len(puts))


async def read_cases(tx: Tx, keys: Sequence[Key]) -> Mapping[tuple[str, str, str], int]:
    """Open recovery cases of the pieces' people, by person, programme and month."""
    cases: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for row in await tx.fetch(
        "SELECT r.person_id, r.programme, r.benefit_month, r.amount_fen FROM recovery_cases r JOIN"
        " (SELECT DISTINCT * FROM unnest(CAST(:persons AS text[]), CAST(:programmes AS text[]),"
        " CAST(:months AS text[]))) AS t(person_id, programme, benefit_month)"
        " USING (person_id, programme, benefit_month)",
        persons=[key[0] for key in keys],
        programmes=[key[2] for key in keys],
        months=[key[3] for key in keys],
    ):
        cases[row.person_id, row.programme, row.benefit_month] = row.amount_fen
    return cases


def _arrays(puts: Sequence[Put]) -> dict[str, list[Any]]:
    return {
        "persons": [put.key[0] for put in puts],
        "cycles": [put.key[1] for put in puts],
        "programmes": [put.key[2] for put in puts],
        "months": [put.key[3] for put in puts],
        "parts": [put.key[4] for put in puts],
        "amounts": [put.amount_fen for put in puts],
        "states": [put.state for put in puts],
        "at": [put.at for put in puts],
    }
