"""An answer that contradicts an earlier one: the bank paid what it had sent back, or sent back what it had paid.

What is still in our hands is stopped. What is not was paid twice: a recovery case, an entry, an alarm. Nothing is lost
whatever state the cycle has by then, and every step can be taken back by the next contrary answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.contrary import Piece, Weighed, becomes_live, comes_back, settle_excess
from tuoqi.payments.domain.ledger import Movement, Posting, post, post_instruction
from tuoqi.payments.domain.months import Month
from tuoqi.payments.jobs.books import book
from tuoqi.payments.store import contrary as store
from tuoqi.payments.store.cash import change_cases
from tuoqi.payments.store.contrary import Found, Key, Put
from tuoqi.payments.store.instructions import Result, Sent

OPEN, SUCCESS, RETURNED, WITHDRAWN = "OPEN", "SUCCESS", "RETURNED", "WITHDRAWN"


@dataclass(slots=True)
class Effect:
    """What an answer did beside its own instruction."""

    excess_fen: int = 0
    """How much more is out than is due; below 0 where an earlier excess came back."""
    stopped: list[Sent] = field(default_factory=list)
    """Instructions that were taken back before the bank had them."""


async def pay_after_all(tx: Tx, sent: Sent, result: Result, *, source: str, at: datetime) -> Effect:
    """RETURNED or WITHDRAWN, and then the bank says it was paid."""
    effect = Effect()
    for row in await store.read_stoppable(tx, sent.instruction_id):
        other = Sent(**row._mapping, state=OPEN, result_source="")  # noqa: SLF001 -- SQLAlchemy's public name for it
        await store.set_state(tx, other.instruction_id, OPEN, WITHDRAWN)
        await _move(tx, other, comes_back, [_entry(other, Movement.STOPPED, 1)], at)
        effect.stopped.append(other)
    await store.set_state(
        tx, sent.instruction_id, sent.state, SUCCESS, settled_on=result.settled_on, result_source=source
    )
    undone = Movement.RETURNED if sent.state == RETURNED else Movement.STOPPED
    entries = [_entry(sent, undone, -1), _entry(sent, Movement.SETTLED, 1)]
    effect.excess_fen = await _move(tx, sent, becomes_live, entries, at)
    return effect


async def bring_back(tx: Tx, sent: Sent, result: Result, *, source: str, at: datetime) -> Effect:
    """SUCCESS, and then the bank says it came back; or a first return of money that is out twice."""
    await store.set_state(
        tx,
        sent.instruction_id,
        sent.state,
        RETURNED,
        settled_on=None,
        return_reason=result.return_reason,
        result_source=source,
    )
    entries = [_entry(sent, Movement.RETURNED, 1)]
    if sent.state == SUCCESS:
        entries.insert(0, _entry(sent, Movement.SETTLED, -1))
    return Effect(excess_fen=await _move(tx, sent, comes_back, entries, at))


def _entry(sent: Sent, movement: Movement, sign: int) -> Posting:
    return post_instruction(sent.cycle_id, movement, sent.instruction_id, sent.programme, sign * sent.amount_fen)


async def _move(tx: Tx, sent: Sent, weigh: Callable[[Piece], Weighed], entries: Sequence[Posting], at: datetime) -> int:
    """Move every piece behind an instruction, and what its people owe; the change of the excess in fen."""
    pieces = await store.read_pieces(tx, sent.instruction_id)
    weighed = [(found, weigh(found.piece)) for found in pieces]
    live = weigh is becomes_live
    placed, apart = _places(sent.instruction_id, weighed, live=live)
    await store.set_apart(tx, apart)
    await store.place(tx, placed)
    excess = [(found.key, to.excess_fen) for found, to in weighed if to.excess_fen]
    cases, back = await _owe(tx, excess)
    await store.change_overpaid(tx, [Put(key, fen) for key, fen in excess])
    await store.note_given_back(tx, [Put(key, fen) for key, fen in back])
    await store.set_apart(tx, [Put(key, fen, RETURNED, sent.instruction_id) for key, fen in back])
    owed = [
        post(
            sent.cycle_id,
            Movement.OVERPAID,
            fen,
            programme=programme,
            person_id=person,
            benefit_month=Month.parse(month),
            reference=sent.instruction_id,
        )
        for (person, programme, month), fen in cases
    ]
    await book(tx, [*entries, *owed], at)
    return sum(fen for _, fen in excess)


def _places(
    instruction_id: str, weighed: Sequence[tuple[Found, Weighed]], *, live: bool
) -> tuple[list[Put], list[Put]]:
    """Where the pieces belong now, and what of them is held by itself from now on."""
    placed: list[Put] = []
    apart: list[Put] = []
    for found, to in weighed:
        held_as = ("WAITING", "") if live else (RETURNED, instruction_id)
        if live and not found.piece.others_fen:
            placed.append(Put(found.key, to.sent_fen, "SENT", instruction_id))
        elif not live and not found.piece.others_fen:
            placed.append(Put(found.key, to.held_fen, *held_as))
            continue
        elif to.held_fen or found.at == instruction_id:
            placed.append(Put(found.key, to.sent_fen, "SENT", found.other_one))
        if to.held_fen:
            apart.append(Put(found.key, to.held_fen, *held_as))
    return placed, apart


_CaseChanges = list[tuple[tuple[str, str, str], int]]


async def _owe(tx: Tx, excess: Sequence[tuple[Key, int]]) -> tuple[_CaseChanges, list[tuple[Key, int]]]:
    """Open, enlarge or reduce the cases of a change of excess; what is given back where a case was repaid already."""
    if not excess:
        return [], []
    standing = dict(await store.read_cases(tx, [key for key, _ in excess]))
    changes: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    back: list[tuple[Key, int]] = []
    for key, fen in excess:
        case = (key[0], key[2], key[3])
        changed, given = settle_excess(fen, standing.get(case, 0))
        standing[case] = standing.get(case, 0) + changed
        changes[case] += changed
        if given:
            back.append((key, given))
    cases = [(case, fen) for case, fen in sorted(changes.items()) if fen]
    await change_cases(tx, [(*case, fen) for case, fen in cases])
    return cases, back
