"""Recovery files follow the cases: in the transaction of the cycle that changed them, so that nobody is forgotten.

What changed a case in any other way, like a late answer of the bank, is found by the timer. Cancelling a cycle whose case
was repaid or written off meanwhile gives back first what was written off, and then the person's own money.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tuoqi.kit.commands import Call
from tuoqi.kit.database import Tx
from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.ledger import Movement, Posting, post
from tuoqi.payments.domain.months import day_of
from tuoqi.payments.domain.recovery import ItemKey, RecoveryFile
from tuoqi.payments.handlers.recovery import RECOVERY_ACTS
from tuoqi.payments.handlers.recovery_commands import BANK, CYCLE, CYCLE_CANCELLED, Follow, ItemMove
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.store import ledger, recovery_moves
from tuoqi.payments.store.cash import Excess
from tuoqi.payments.store.facts import read_merged
from tuoqi.payments.store.lines import month_of

BATCH = 1_000
"""Files taken in one go."""
Known = tuple[str, ItemMove]
"""The file that knows a case already (empty where none does), and what happened to it."""


async def follow_cycle(tools: Tools, tx: Tx, cycle: Cycle, *, by: str) -> None:
    """After a cycle's cash was written: what its recoveries raised, its lines reduced and agreements paid."""
    found = [
        (
            row.recovery_id,
            ItemMove(
                key=recovery_moves.key_of(row),
                owed_fen=row.owed_fen,
                raised_fen=int(row.raised_fen),
                reduced_fen=int(row.reduced_fen),
                offset_fen=int(row.offset_fen),
                reason=row.reason,
                cycle_id=cycle.cycle_id,
            ),
        )
        for row in await recovery_moves.moves_of(tx, cycle.cycle_id)
    ]
    await _follow(tools, tx, found, CYCLE, f"{CYCLE}|{cycle.cycle_id}", by)


async def follow_cancelled(tools: Tools, tx: Tx, cycle: Cycle, excess: Sequence[Excess], *, by: str) -> None:
    """After a cycle's cash was undone: the opposite, and what was repaid or written off on it meanwhile."""
    restored, refunded = await _give_back(tools, tx, cycle, excess)
    found = []
    for row in await recovery_moves.moves_of(tx, cycle.cycle_id):
        key = recovery_moves.key_of(row)
        move = ItemMove(
            key=key,
            owed_fen=row.owed_fen,
            raised_fen=-int(row.raised_fen),
            reduced_fen=-int(row.reduced_fen),
            offset_fen=-int(row.offset_fen),
            restored_fen=restored.get(key, 0),
            refunded_fen=refunded.get(key, 0),
            cycle_id=cycle.cycle_id,
        )
        found.append((row.recovery_id, move))
    await _follow(tools, tx, found, CYCLE_CANCELLED, f"{CYCLE_CANCELLED}|{cycle.cycle_id}", by)


async def follow_rest(tools: Tools, tx: Tx, *, by: str) -> int:
    """Whatever else changed a case; how many cases that were, at most one batch."""
    found = []
    for row in await recovery_moves.unfollowed(tx, BATCH):
        change = row.owed_fen - row.known_fen
        move = ItemMove(recovery_moves.key_of(row), row.owed_fen)
        move = replace(move, raised_fen=change) if change > 0 else replace(move, reduced_fen=-change)
        found.append((row.recovery_id, replace(move, reason="bank_paid_twice" if change > 0 else "")))
    await _follow(tools, tx, found, BANK, f"{BANK}|{tools.clock.now().isoformat()}", by)
    return len(found)


async def _give_back(
    tools: Tools, tx: Tx, cycle: Cycle, excess: Sequence[Excess]
) -> tuple[Mapping[ItemKey, int], Mapping[ItemKey, int]]:
    """An excess first takes back what was written off; what is left had been repaid and is due back to the person."""
    restored: defaultdict[ItemKey, int] = defaultdict(int)
    refunded: dict[ItemKey, int] = {}
    postings: list[Posting] = []
    for one in excess:
        key, left = (one.person_id, one.programme, month_of(one.benefit_month)), one.amount_fen
        for write_off in await recovery_moves.standing_write_offs(tx, key):
            if part := min(left, write_off.amount_fen):
                await recovery_moves.restore(tx, key, write_off.write_off_id, part)
                postings.append(post_case(Movement.WRITTEN_OFF, key, -part, write_off.write_off_id))
                restored[key] += part
                left -= part
        if left:
            await recovery_moves.refund(tx, key, cycle.cycle_id, left)
            postings.append(post_case(Movement.REFUND_DUE, key, left, cycle.cycle_id))
            refunded[key] = left
    await ledger.book(tx, ledger.entry_rows(postings, tools.clock.now()))
    return restored, refunded


def post_case(movement: Movement, key: ItemKey, fen: int, reference: str) -> Posting:
    """A posting about one case. It belongs to no cycle, so that cancelling one leaves it as it is."""
    person_id, programme, month = key
    return post("", movement, fen, programme=programme, person_id=person_id, benefit_month=month, reference=reference)


async def _follow(tools: Tools, tx: Tx, found: Sequence[Known], cause: str, named: str, by: str) -> None:
    """Each case's file hears of it: the one that knows the case, else the person's open one, else a new one."""
    if not found:
        return
    now = tools.clock.now()
    merged = await read_merged(tx, now)
    strangers = {merged.root(move.key[0]) for recovery_id, move in found if not recovery_id}
    files = dict(await recovery_moves.live_files(tx, strangers)) if strangers else {}
    for known, move in found:
        # A closed file that opens again takes the person's new cases too.
        if known and move.raised_fen > 0:
            files.setdefault(merged.root(move.key[0]), known)
    calls: dict[str, Follow] = {}
    for known, move in sorted(found, key=lambda one: one[1].key):
        person = merged.root(move.key[0])
        first = f"recovery|{'|'.join(map(str, move.key))}"
        recovery_id = known or files.setdefault(person, tools.ids(now, first, 0))
        before = calls.get(recovery_id)
        moves = (*before.moves, move) if before else (move,)
        calls[recovery_id] = Follow(person, cause, moves, day_of(now))
    ready = sorted(calls.items())
    for start in range(0, len(ready), BATCH):
        batch = [
            Call(recovery_id, RECOVERY_ACTS[Follow], command, f"{named}|{recovery_id}", now, by)
            for recovery_id, command in ready[start : start + BATCH]
        ]
        await tools.commander.within(tx, RecoveryFile, batch)
