"""The bank's answers 回盘 (`bank_results`): each row is matched to its instruction, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from tuoqi.kit.commands import Call
from tuoqi.kit.database import Tx
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import Column, ParsedRow, Problem
from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.ledger import Movement, Posting, post_instruction
from tuoqi.payments.handlers import ACTS, ReturnInstruction, SettleInstruction
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.store import ledger
from tuoqi.payments.store.cycles import lock_money
from tuoqi.payments.store.instructions import Result, Sent, persons_behind, read_sent, write_results

SUCCESS = "SUCCESS"
RETURNED = "RETURNED"
_WORDS = {SUCCESS: "成功", RETURNED: "退票"}

INSTRUCTION_ID = Column("instruction_id", "指令号", required=True, max_length=100)
RESULT = Column("result", "结果", "code", required=True, choices=_WORDS)
RETURN_REASON = Column("return_reason", "退票原因", max_length=200)
SETTLED_ON = Column("settled_on", "入账日期", "date")


@dataclass(slots=True)
class _Taken:
    """What a chunk has found so far."""

    outcome: ChunkOutcome = field(default_factory=ChunkOutcome)
    results: list[Result] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    """Instruction → the file row that answered it."""
    said: dict[str, str] = field(default_factory=dict)
    """Instruction → what that row answered."""

    def refuse(self, problem: Problem) -> None:
        self.outcome.problems.append(problem)


class BankResults:
    """Takes `bank_results` files. Only who may instruct may say how an instruction ended."""

    kind = "bank_results"
    columns: Sequence[Column] = (INSTRUCTION_ID, RESULT, RETURN_REASON, SETTLED_ON)

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Match rows to instructions. Raises auth.no_right, auth.no_region."""
        ctx.actor.require("cycle.instruct")
        ctx.actor.require_region(self._tools.policy.county)
        await lock_money(tx)
        sent = await read_sent(tx, [str(row.values["instruction_id"]) for row in rows])
        taken = _Taken()
        for row in rows:
            _match(row, sent, taken, ctx.today)
        if not taken.results:
            return taken.outcome
        behind = await persons_behind(tx, [one.instruction_id for one in taken.results])
        await write_results(tx, taken.results)
        await ledger.book(tx, ledger.entry_rows([_posting(sent, one) for one in taken.results], ctx.at))
        calls = [self._call(sent[one.instruction_id], one, behind, taken.rows, ctx) for one in taken.results]
        await self._tools.commander.within(tx, Cycle, calls)
        taken.outcome.changed = taken.outcome.events = len(calls)
        return taken.outcome

    def _call(
        self, sent: Sent, result: Result, behind: dict[str, list[str]], rows: dict[str, int], ctx: LoadContext
    ) -> Call:
        command: SettleInstruction | ReturnInstruction
        if result.settled_on is not None and result.state == SUCCESS:
            command = SettleInstruction(sent.instruction_id, sent.amount_fen, result.settled_on)
        else:
            command = ReturnInstruction(sent.instruction_id, sent.amount_fen, behind[sent.instruction_id])
        return Call(
            key=sent.cycle_id,
            handler=ACTS[type(command)],
            message=command,
            cause=ctx.cause(rows[sent.instruction_id]),
            at=ctx.at,
            actor=ctx.actor.user,
        )


def _match(row: ParsedRow, sent: dict[str, Sent], taken: _Taken, today: date) -> None:
    """One row: unknown, doubtful, said before, contrary, or a new result."""
    instruction_id, result = str(row.values["instruction_id"]), str(row.values["result"])
    settled_on, reason = row.values["settled_on"], row.values["return_reason"]
    instruction = sent.get(instruction_id)
    if instruction is None:
        taken.refuse(INSTRUCTION_ID.problem(row.number, instruction_id, "没有这条代发指令。"))
        return
    if isinstance(settled_on, date) and settled_on > today:
        taken.refuse(SETTLED_ON.problem(row.number, settled_on.isoformat(), "入账日期不能晚于今天。"))
        return
    if result == SUCCESS and not isinstance(settled_on, date):
        taken.refuse(SETTLED_ON.problem(row.number, "", "结果为成功时须填入账日期。"))
        return
    said = taken.said.get(instruction_id, instruction.state)
    if said == result:
        taken.outcome.unchanged += 1
    elif said != "OPEN":
        word = _WORDS.get(said, said)
        taken.refuse(RESULT.problem(row.number, result, f"这条指令的结果已登记为“{word}”，与本行相反，未作改动。"))
    else:
        taken.rows[instruction_id] = row.number
        taken.said[instruction_id] = result
        day = settled_on if isinstance(settled_on, date) else None
        taken.results.append(Result(instruction_id, result, day, str(reason) if isinstance(reason, str) else ""))


def _posting(sent: dict[str, Sent], result: Result) -> Posting:
    one = sent[result.instruction_id]
    movement = Movement.SETTLED if result.state == SUCCESS else Movement.RETURNED
    return post_instruction(one.cycle_id, movement, one.instruction_id, one.programme, one.amount_fen)
