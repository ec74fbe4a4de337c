"""The bank's answers 回盘 (`bank_results`): each row is matched to its instruction; none is lost, none counts twice.

A first answer is taken in bulk. The same again changes nothing. A contrary one is weighed by `jobs.contrary`. What fits
no instruction, names another sum, or contradicts the same file is kept aside until a second person decides it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from tuoqi.kit.commands import Call
from tuoqi.kit.database import Tx
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import Column, ParsedRow, Problem
from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.ledger import Movement, Posting, post_instruction
from tuoqi.payments.handlers import ACTS, ReturnInstruction, SettleInstruction
from tuoqi.payments.handlers.bank import BANK_ACTS, Dispute, Stop
from tuoqi.payments.jobs.books import book
from tuoqi.payments.jobs.contrary import OPEN, RETURNED, SUCCESS, WITHDRAWN, Effect, bring_back, pay_after_all
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.store.bank import Unmatched, keep_unmatched, note_answers
from tuoqi.payments.store.contrary import read_overpaid
from tuoqi.payments.store.cycles import lock_money
from tuoqi.payments.store.instructions import Result, Sent, persons_behind, read_sent, write_results

_WORDS = {SUCCESS: "成功", RETURNED: "退票"}

INSTRUCTION_ID = Column("instruction_id", "指令号", required=True, max_length=100)
RESULT = Column("result", "结果", "code", required=True, choices=_WORDS)
RETURN_REASON = Column("return_reason", "退票原因", max_length=200)
SETTLED_ON = Column("settled_on", "入账日期", "date")
AMOUNT = Column("amount", "金额", "money")

UNKNOWN, AMOUNT_DIFFERS, CONTRADICTION = "UNKNOWN", "AMOUNT", "CONTRADICTION"
_WHY = {
    UNKNOWN: "没有这条代发指令，已转入未匹配回盘，待他人认领或作废。",
    AMOUNT_DIFFERS: "金额与代发指令不一致，未作改动，已转入未匹配回盘。",
    CONTRADICTION: "同一份文件对这条指令有相反的结果，未作改动，已转入未匹配回盘。",
}


@dataclass(frozen=True, slots=True)
class Taking:
    """Under which circumstances answers are taken: from which file, when, by whom."""

    source: str
    at: datetime
    by: str
    cause: str
    """Names the taking, so that the same taking makes the same event ids."""


@dataclass(slots=True)
class _Sorted:
    """What the rows of a chunk are."""

    outcome: ChunkOutcome = field(default_factory=ChunkOutcome)
    first: dict[str, Result] = field(default_factory=dict)
    """First answers, by instruction."""
    contrary: list[Result] = field(default_factory=list)
    unmatched: list[tuple[ParsedRow, str]] = field(default_factory=list)

    def refuse(self, problem: Problem) -> None:
        self.outcome.problems.append(problem)

    def keep(self, row: ParsedRow, why: str, column: Column) -> None:
        """Kept aside, and named."""
        self.unmatched.append((row, why))
        self.refuse(column.problem(row.number, str(row.values[column.key] or ""), _WHY[why]))


class BankResults:
    """Takes `bank_results` files. Only finance may say how an instruction ended."""

    kind = "bank_results"
    columns: Sequence[Column] = (INSTRUCTION_ID, RESULT, RETURN_REASON, SETTLED_ON, AMOUNT)

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Match rows to instructions. Raises auth.no_right, auth.no_region."""
        ctx.actor.require("bank.results")
        ctx.actor.require_region(self._tools.policy.county)
        await lock_money(tx)
        sent = await read_sent(tx, [str(row.values["instruction_id"]) for row in rows])
        chunk = _Sorted()
        source = ctx.cause(0).rpartition(":")[0]
        for row in rows:
            _sort(row, sent, chunk, source, ctx.today)
        taking = Taking(source, ctx.at, ctx.actor.user, cause=ctx.cause(rows[0].number if rows else 0))
        await self._keep(tx, chunk, taking)
        results = [*chunk.first.values(), *chunk.contrary]
        if results:
            chunk.outcome.events = await take_results(self._tools, tx, sent, results, taking)
            chunk.outcome.changed = len(results)
        return chunk.outcome

    async def _keep(self, tx: Tx, chunk: _Sorted, taking: Taking) -> None:
        found = [
            Unmatched(
                result_id=self._tools.ids(taking.at, f"unmatched|{taking.source}", row.number),
                why=why,
                instruction_id=str(row.values["instruction_id"]),
                result=str(row.values["result"]),
                settled_on=day if isinstance(day := row.values["settled_on"], date) else None,
                amount_fen=fen if isinstance(fen := row.values["amount"], int) else None,
                return_reason=str(row.values["return_reason"] or ""),
                source=taking.source,
                row_number=row.number,
                taken_at=taking.at,
                taken_by=taking.by,
            )
            for row, why in chunk.unmatched
        ]
        await keep_unmatched(tx, found)


def _sort(row: ParsedRow, sent: dict[str, Sent], chunk: _Sorted, source: str, today: date) -> None:
    """One row: unknown, doubtful, said before, contrary, or a first answer."""
    instruction_id, result = str(row.values["instruction_id"]), str(row.values["result"])
    settled_on, reason, amount = row.values["settled_on"], row.values["return_reason"], row.values["amount"]
    instruction = sent.get(instruction_id)
    if instruction is None:
        chunk.keep(row, UNKNOWN, INSTRUCTION_ID)
    elif isinstance(settled_on, date) and settled_on > today:
        chunk.refuse(SETTLED_ON.problem(row.number, settled_on.isoformat(), "入账日期不能晚于今天。"))
    elif result == SUCCESS and not isinstance(settled_on, date):
        chunk.refuse(SETTLED_ON.problem(row.number, "", "结果为成功时须填入账日期。"))
    elif isinstance(amount, int) and amount != instruction.amount_fen:
        chunk.keep(row, AMOUNT_DIFFERS, INSTRUCTION_ID)
    else:
        day = settled_on if isinstance(settled_on, date) and result == SUCCESS else None
        new = Result(instruction_id, result, day, str(reason) if isinstance(reason, str) else "")
        _against(row, instruction, new, chunk, source)


def _against(row: ParsedRow, instruction: Sent, new: Result, chunk: _Sorted, source: str) -> None:
    """A good row against what is known of its instruction, from earlier files and from this one."""
    in_chunk = chunk.first.get(new.instruction_id) or next(
        (one for one in chunk.contrary if one.instruction_id == new.instruction_id), None
    )
    said = in_chunk.state if in_chunk else instruction.state
    same_file = in_chunk is not None or instruction.result_source == source
    if said == new.state or (said == WITHDRAWN and new.state == RETURNED):
        chunk.outcome.unchanged += 1
    elif said == OPEN:
        chunk.first[new.instruction_id] = new
    elif same_file:
        chunk.keep(row, CONTRADICTION, INSTRUCTION_ID)
    else:
        chunk.contrary.append(new)


async def take_results(tools: Tools, tx: Tx, sent: dict[str, Sent], results: Sequence[Result], taking: Taking) -> int:
    """Take answers that differ from what is known: money, books and events; how many events. The caller holds the lock."""
    opens = [one for one in results if sent[one.instruction_id].state == OPEN]
    twice = await read_overpaid(tx, [one.instruction_id for one in opens if one.state == RETURNED])
    plain = [one for one in opens if one.instruction_id not in twice]
    behind = await persons_behind(tx, [one.instruction_id for one in results])
    await write_results(tx, plain, taking.source)
    await book(tx, [_posting(sent[one.instruction_id], one) for one in plain], taking.at)
    answers = [(one.instruction_id, one.state, one.settled_on) for one in results]
    await note_answers(tx, answers, source=taking.source, at=taking.at, by=taking.by)
    calls = [_call(sent[one.instruction_id], one, behind, taking) for one in plain]
    for one in results:
        before = sent[one.instruction_id]
        if before.state == OPEN and one.instruction_id not in twice:
            continue
        weigh = pay_after_all if one.state == SUCCESS else bring_back
        effect = await weigh(tx, before, one, source=taking.source, at=taking.at)
        if before.state == OPEN:
            calls.append(_call(before, one, behind, taking))
        else:
            calls += _disputed(before, one, effect, behind, taking)
    await tools.commander.within(tx, Cycle, calls)
    return sum(2 if isinstance(call.message, Dispute) else 1 for call in calls)


def _call(sent: Sent, result: Result, behind: dict[str, list[str]], taking: Taking) -> Call:
    command: SettleInstruction | ReturnInstruction
    if result.settled_on is not None and result.state == SUCCESS:
        command = SettleInstruction(sent.instruction_id, sent.amount_fen, result.settled_on)
    else:
        command = ReturnInstruction(sent.instruction_id, sent.amount_fen, behind.get(sent.instruction_id, []))
    return Call(
        key=sent.cycle_id,
        handler=ACTS[type(command)],
        message=command,
        cause=f"{taking.cause}|{sent.instruction_id}",
        at=taking.at,
        actor=taking.by,
    )


def _disputed(sent: Sent, result: Result, effect: Effect, behind: dict[str, list[str]], taking: Taking) -> list[Call]:
    """What others hear of a contrary answer, each in the cycle of its instruction."""
    people = behind.get(sent.instruction_id, [])
    dispute = Dispute(
        instruction_id=sent.instruction_id,
        amount_fen=sent.amount_fen,
        was=sent.state,
        now=result.state,
        settled_on=result.settled_on,
        person_ids=people,
        overpaid_fen=effect.excess_fen,
    )
    messages: list[tuple[Sent, Dispute | Stop]] = [(sent, dispute)]
    messages += [(one, Stop(one.instruction_id, one.amount_fen, sent.instruction_id)) for one in effect.stopped]
    return [
        Call(
            key=one.cycle_id,
            handler=BANK_ACTS[type(message)],
            message=message,
            cause=f"{taking.cause}|{sent.instruction_id}|{one.instruction_id}",
            at=taking.at,
            actor=taking.by,
        )
        for one, message in messages
    ]


def _posting(one: Sent, result: Result) -> Posting:
    movement = Movement.SETTLED if result.state == SUCCESS else Movement.RETURNED
    return post_instruction(one.cycle_id, movement, one.instruction_id, one.programme, one.amount_fen)
