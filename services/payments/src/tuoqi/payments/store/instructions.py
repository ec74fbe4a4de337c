"""Bank instructions, and the money that lies behind each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import expect_rows
from tuoqi.payments.domain.payees import split_reissue

_COLUMNS = (
    "instruction_id",
    "cycle_id",
    "programme",
    "account_version_id",
    "account_key",
    "amount_fen",
    "state",
    "reissue_of",
    "reissue_reason",
    "issued_at",
)

# What is to be looked at when a cycle becomes INSTRUCTED: its own money, and what waited or came back before. Months do
# not matter to where it goes, so they are summed here. Money that came back and then waits, say for an heir, keeps the
# name of the instruction that came back: it goes out as its re-issue, so that a later contrary answer finds it.
_PURSES = """
SELECT person_id, programme, facility, CASE state WHEN 'TO_INSTRUCT' THEN '' ELSE instruction_id END AS returned_id,
       CAST(sum(amount_fen) AS bigint) AS amount_fen
FROM outgoing
WHERE amount_fen > 0 AND ({which})
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
_OF_CYCLE = "(cycle_id = :cycle_id AND state = 'TO_INSTRUCT') OR state IN ('WAITING', 'RETURNED')"
_OF_RETURNED = (
    "instruction_id = ANY(CAST(:ids AS text[])) AND instruction_id <> '' AND state IN ('WAITING', 'RETURNED')"
)

_MOVE = """
UPDATE outgoing o SET state = t.state, reason = t.reason,
    instruction_id = CASE t.state WHEN 'WAITING' THEN t.returned_id ELSE t.instruction_id END
FROM unnest(CAST(:persons AS text[]), CAST(:programmes AS text[]), CAST(:facilities AS boolean[]),
            CAST(:returned AS text[]), CAST(:states AS text[]), CAST(:reasons AS text[]), CAST(:instructions AS text[]))
     AS t(person_id, programme, facility, returned_id, state, reason, instruction_id)
WHERE o.person_id = t.person_id AND o.programme = t.programme AND o.facility = t.facility AND o.amount_fen > 0
  AND ((t.returned_id = '' AND ((o.state = 'WAITING' AND o.instruction_id = '')
                                OR (o.state = 'TO_INSTRUCT' AND o.cycle_id = :cycle_id)))
       OR (t.returned_id <> '' AND o.state IN ('WAITING', 'RETURNED') AND o.instruction_id = t.returned_id))
"""
_MOVE_ROWS = 5_000

_RESULTS = """
UPDATE instructions i SET state = t.state, settled_on = t.settled_on, return_reason = t.return_reason,
    result_source = :source
FROM unnest(CAST(:ids AS text[]), CAST(:states AS text[]), CAST(:days AS date[]), CAST(:reasons AS text[]))
     AS t(instruction_id, state, settled_on, return_reason)
WHERE i.instruction_id = t.instruction_id AND i.state = 'OPEN'
"""


@dataclass(frozen=True, slots=True)
class Purse:
    """A person's money of one programme that may go out now; `returned_id` is the instruction that came back with it."""

    person_id: str
    programme: str
    facility: bool
    returned_id: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Move:
    """Where a purse goes: SENT with an instruction, or WAITING with a reason."""

    purse: Purse
    state: str
    reason: str = ""
    instruction_id: str = ""


@dataclass(frozen=True, slots=True)
class Issued:
    """A new instruction of a cycle; `reissue_of` names the returned one that it replaces."""

    instruction_id: str
    programme: str
    account_version_id: str
    account_key: str
    amount_fen: int
    reissue_of: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What the bank answered to an instruction: SUCCESS with its day, or RETURNED."""

    instruction_id: str
    state: str
    settled_on: date | None
    return_reason: str


@dataclass(frozen=True, slots=True)
class Sent:
    """An instruction as it stands, before a result is taken."""

    instruction_id: str
    cycle_id: str
    programme: str
    amount_fen: int
    state: str
    result_source: str
    """The file that gave its last result; empty before there is one."""


async def read_purses(tx: Tx, cycle_id: str) -> list[Purse]:
    """The money to be looked at for a cycle that becomes INSTRUCTED."""
    rows = await tx.fetch(_PURSES.format(which=_OF_CYCLE), cycle_id=cycle_id)
    return [Purse(**row._mapping) for row in rows]  # noqa: SLF001 -- SQLAlchemy's public name for it


async def read_returned_purses(tx: Tx, ids: Sequence[str]) -> list[Purse]:
    """The money that came back with these instructions and is still held."""
    rows = await tx.fetch(_PURSES.format(which=_OF_RETURNED), ids=list(ids))
    return [Purse(**row._mapping) for row in rows]  # noqa: SLF001 -- SQLAlchemy's public name for it


async def reissues_of(tx: Tx, ids: Sequence[str]) -> set[str]:
    """All re-issues, and re-issues of those, of instructions: the ids that are taken under their roots."""
    rows = await tx.fetch(
        "SELECT i.instruction_id FROM unnest(CAST(:roots AS text[])) AS t(root)"
        " JOIN instructions i ON i.instruction_id > t.root || '-R' AND i.instruction_id < t.root || '-S'",
        roots=sorted({split_reissue(one)[0] for one in ids}),
    )
    return {row.instruction_id for row in rows}


async def write_instructions(tx: Tx, cycle_id: str, issued: Sequence[Issued], at: datetime, reason: str = "") -> None:
    """Add instructions; the keys refuse a second one for the same account, programme and cycle.

    `reason` says why returned money goes to an account that was not changed.
    """
    rows = [
        (
            one.instruction_id,
            cycle_id,
            one.programme,
            one.account_version_id,
            one.account_key,
            one.amount_fen,
            "OPEN",
            one.reissue_of,
            reason,
            at,
        )
        for one in issued
    ]
    await tx.copy("instructions", _COLUMNS, rows)


async def move_purses(tx: Tx, cycle_id: str, moves: Sequence[Move]) -> None:
    """Set where the money of each purse goes. That no money was moved meanwhile is the caller's lock."""
    for first in range(0, len(moves), _MOVE_ROWS):
        run = moves[first : first + _MOVE_ROWS]
        await tx.execute(
            _MOVE,
            cycle_id=cycle_id,
            persons=[move.purse.person_id for move in run],
            programmes=[move.purse.programme for move in run],
            facilities=[move.purse.facility for move in run],
            returned=[move.purse.returned_id for move in run],
            states=[move.state for move in run],
            reasons=[move.reason for move in run],
            instructions=[move.instruction_id for move in run],
        )


_ITEMS = """
INSERT INTO instruction_items
SELECT o.instruction_id, o.person_id, o.cycle_id, o.programme, o.benefit_month, o.part, o.amount_fen
FROM outgoing o JOIN instructions i USING (instruction_id)
WHERE i.cycle_id = :cycle_id AND i.state = 'OPEN' AND o.state = 'SENT' AND o.instruction_id <> '' AND o.amount_fen > 0
ON CONFLICT DO NOTHING
"""


async def write_items(tx: Tx, cycle_id: str) -> None:
    """Note what each new instruction of a cycle carries, piece by piece, for good."""
    await tx.execute(_ITEMS, cycle_id=cycle_id)


async def leave_nothing_to_instruct(tx: Tx, cycle_id: str) -> None:
    """What a later cycle had withdrawn whole stays at 0; should that be undone, it waits like other late money."""
    await tx.execute(
        "UPDATE outgoing SET state = 'WAITING' WHERE cycle_id = :cycle_id AND state = 'TO_INSTRUCT' AND amount_fen = 0",
        cycle_id=cycle_id,
    )


async def waiting_fen(tx: Tx) -> int:
    """All that waits, in fen."""
    (row,) = await tx.fetch("SELECT coalesce(sum(amount_fen), 0) AS fen FROM outgoing WHERE state = 'WAITING'")
    return int(row.fen)


async def read_sent(tx: Tx, ids: Sequence[str]) -> dict[str, Sent]:
    """Instructions by id, those that exist."""
    rows = await tx.fetch(
        "SELECT instruction_id, cycle_id, programme, amount_fen, state, result_source FROM instructions"
        " WHERE instruction_id = ANY(CAST(:ids AS text[]))",
        ids=list(ids),
    )
    return {row.instruction_id: Sent(**row._mapping) for row in rows}  # noqa: SLF001 -- SQLAlchemy's public name for it


async def persons_behind(tx: Tx, ids: Sequence[str]) -> dict[str, list[str]]:
    """Whose money each instruction carries."""
    rows = await tx.fetch(
        "SELECT instruction_id, array_agg(DISTINCT person_id ORDER BY person_id) AS persons FROM instruction_items"
        " WHERE instruction_id = ANY(CAST(:ids AS text[])) GROUP BY 1",
        ids=list(ids),
    )
    return {row.instruction_id: list(row.persons) for row in rows}


async def write_results(tx: Tx, results: Sequence[Result], source: str) -> None:
    """Take results of open instructions; the money of returned ones is held again. `source` is the file's hash."""
    if not results:
        return
    touched = await tx.execute(
        _RESULTS,
        ids=[one.instruction_id for one in results],
        states=[one.state for one in results],
        days=[one.settled_on for one in results],
        reasons=[one.return_reason for one in results],
        source=source,
    )
    expect_rows(touched, len(results))
    returned = [one.instruction_id for one in results if one.state == "RETURNED"]
    if returned:
        await tx.execute(
            "UPDATE outgoing SET state = 'RETURNED' WHERE state = 'SENT' AND instruction_id <> ''"
            " AND instruction_id = ANY(CAST(:ids AS text[]))",
            ids=returned,
        )


async def read_returned(tx: Tx, cycle_id: str) -> Sequence[Any]:
    """The returned instructions of a cycle, by id."""
    return await tx.fetch(
        "SELECT instruction_id, account_version_id, account_key, issued_at, amount_fen FROM instructions"
        " WHERE cycle_id = :cycle_id AND state = 'RETURNED' ORDER BY instruction_id",
        cycle_id=cycle_id,
    )


async def count_instructions(tx: Tx, cycle_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many instructions of cycles stand in which state."""
    found: dict[str, dict[str, int]] = {cycle_id: {} for cycle_id in cycle_ids}
    for row in await tx.fetch(
        "SELECT cycle_id, state, count(*) AS n FROM instructions WHERE cycle_id = ANY(CAST(:ids AS text[]))"
        " GROUP BY 1, 2 ORDER BY 1, 2",
        ids=list(cycle_ids),
    ):
        found[row.cycle_id][row.state] = row.n
    return found


async def page_of_instructions(tx: Tx, cycle_id: str, after: tuple[str, str], size: int) -> Sequence[Any]:
    """A run of a cycle's instructions by programme key and id, after the given place; stopped ones are left out."""
    return await tx.fetch(
        "SELECT * FROM instructions WHERE cycle_id = :cycle_id AND state <> 'WITHDRAWN'"
        " AND (programme, instruction_id) > (:programme, :id)"
        " ORDER BY programme, instruction_id LIMIT CAST(:size AS int)",
        cycle_id=cycle_id,
        programme=after[0],
        id=after[1],
        size=size,
    )
