"""Files about recoveries: repayments in (`repayments`), notices out (`recovery_notices`).

Names and numbers are asked of the registry with the caller's rights and kept nowhere; a sentence is made when it is shown.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.kit.database import Tx
from tuoqi.kit.rights import Actor
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import Column, ParsedRow
from tuoqi.payments.domain.errors import PaymentsError
from tuoqi.payments.domain.explain import explain
from tuoqi.payments.domain.months import Month
from tuoqi.payments.jobs.cycles import prove
from tuoqi.payments.jobs.recoveries import Money, RecoveryDesk
from tuoqi.payments.jobs.tools import Tools, refusing
from tuoqi.payments.store import recovery_moves, recovery_reads
from tuoqi.payments.store.cycles import lock_money
from tuoqi.payments.store.facts import read_merged
from tuoqi.payments.store.lines import line_of

PAGE: Final = 1_000
UUID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

RECOVERY_ID = Column("recovery_id", "案卷编号", pattern=UUID, pattern_zh="案卷编号")
PERSON_ID = Column("person_id", "人员编号", pattern=UUID, pattern_zh="人员编号")
AMOUNT = Column("amount", "退回金额", "money", required=True, minimum=1)
PAID_ON = Column("paid_on", "退回日期", "date", required=True)
RECEIPT_NO = Column("receipt_no", "收据号", required=True, max_length=60)
PROGRAMME = Column("programme", "项目", "code", max_length=60)
BENEFIT_MONTH = Column("benefit_month", "享受月份", "month")


class Repayments:
    """Takes `repayments` files: one row a repayment, by file or by person; the same row twice changes nothing."""

    kind = "repayments"

    def __init__(self, tools: Tools, desk: RecoveryDesk) -> None:
        self._tools = tools
        self._desk = desk
        payers = dict(tools.policy.recoveries.payers)
        self._payer = Column("payer", "还款人", "code", required=True, choices=payers)
        self.columns: Sequence[Column] = (
            RECOVERY_ID,
            PERSON_ID,
            AMOUNT,
            PAID_ON,
            RECEIPT_NO,
            self._payer,
            PROGRAMME,
            BENEFIT_MONTH,
        )

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Book each row that can be. Raises auth.no_right, auth.no_region."""
        ctx.actor.require("recovery.manage")
        ctx.actor.require_region(self._tools.policy.county)
        await lock_money(tx)
        outcome = ChunkOutcome()
        for row in rows:
            await self._row(tx, row, ctx, outcome)
        if outcome.changed:
            with refusing():
                await prove(tx, "")
        return outcome

    async def _row(self, tx: Tx, row: ParsedRow, ctx: LoadContext, outcome: ChunkOutcome) -> None:
        values = row.values
        paid_on, programme, month = values["paid_on"], values["programme"], values["benefit_month"]
        if not isinstance(paid_on, date) or paid_on > ctx.today:
            outcome.problems.append(PAID_ON.problem(row.number, f"{paid_on}", "退回日期不能晚于今天。"))
            return
        if (programme is None) != (month is None):
            reason = "项目和享受月份要么都填，要么都不填。"
            outcome.problems.append(PROGRAMME.problem(row.number, f"{programme or ''}", reason))
            return
        recovery_id = await self._recovery(tx, row, ctx, outcome)
        if not recovery_id:
            return
        named = None if programme is None else (str(programme), Month.parse(str(month)))
        money = Money(int(str(values["amount"])), paid_on, str(values["receipt_no"]), str(values["payer"]), named)
        before = (await recovery_moves.version_of(tx, recovery_id)) or 0
        try:
            file, _ = await self._desk.repay_within(
                tx, recovery_id, money, cause=ctx.cause(row.number), by=ctx.actor.user
            )
        except PaymentsError as refusal:
            column = RECEIPT_NO if refusal.slug == "payments.recovery_receipt_taken" else AMOUNT
            value = money.receipt_no if column is RECEIPT_NO else f"{money.amount_fen}"
            outcome.problems.append(column.problem(row.number, value, refusal.sentence))
            return
        if file.version == before:
            outcome.unchanged += 1
        else:
            outcome.changed += 1
            outcome.events += file.version - before

    async def _recovery(self, tx: Tx, row: ParsedRow, ctx: LoadContext, outcome: ChunkOutcome) -> str:
        """The file that a row names, or the person's only open one; empty with a problem where there is none."""
        if recovery_id := row.values["recovery_id"]:
            if await recovery_moves.version_of(tx, str(recovery_id)) is None:
                outcome.problems.append(RECOVERY_ID.problem(row.number, str(recovery_id), "没有这个追回案卷。"))
                return ""
            return str(recovery_id)
        person_id = row.values["person_id"]
        if not person_id:
            outcome.problems.append(RECOVERY_ID.problem(row.number, "", "案卷编号和人员编号至少填一个。"))
            return ""
        receipt = str(row.values["receipt_no"])
        if booked := await recovery_moves.file_of_receipt(tx, receipt):
            return booked
        merged = await read_merged(tx, ctx.at)
        person = merged.root(str(person_id))
        files = await recovery_moves.live_files(tx, merged.whole([person]))
        if len(files) != 1:
            reason = "该人有几个未结的追回案卷，请填案卷编号。" if files else "该人没有未结的追回案卷。"
            outcome.problems.append(PERSON_ID.problem(row.number, str(person_id), reason))
            return ""
        return next(iter(files.values()))


class RecoveryNotices:
    """`recovery_notices`: every notice in force, one row an item with its sentence, for printing."""

    kind = "recovery_notices"
    columns: Sequence[Column] = (
        Column("recovery_id", "案卷编号"),
        Column("notice_no", "通知次数", "int"),
        Column("person_id", "人员编号"),
        Column("name", "姓名"),
        Column("id_number", "证件号码"),
        Column("programme", "项目"),
        Column("benefit_month", "享受月份", "month"),
        Column("amount", "应退金额", "money"),
        Column("total", "合计应退", "money"),
        Column("issued_on", "通知日期", "date"),
        Column("due_on", "还款期限", "date"),
        Column("sentence", "说明"),
    )

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def rows(
        self, request: table_pb2.ExportRowsRequest, actor: Actor
    ) -> AsyncIterator[Sequence[Mapping[str, object]]]:
        """Page by page, by file, then month. Raises auth.no_right, auth.no_region, and what the registry refuses."""
        actor.require("recovery.read")
        actor.require_region(self._tools.policy.county)
        after = ""
        while True:
            async with self._tools.database.begin() as tx:
                page = await recovery_reads.page_of_notices(tx, after, PAGE)
                items = await recovery_reads.items_of(tx, [row.recovery_id for row in page])
            if not page:
                return
            people = sorted({row.person_id for row in page})
            names = await self._tools.registry.describe(people, reveal=request.reveal)
            files = {row.recovery_id: row for row in page}
            owing = [item for item in items if item.owed_fen]
            yield [self._values(files[item.recovery_id], item, names) for item in owing]
            after = page[-1].recovery_id

    def _values(self, file: Any, item: Any, names: Mapping[str, Any]) -> Mapping[str, object]:
        person = names[file.person_id]
        return {
            "recovery_id": file.recovery_id,
            "notice_no": file.notice_no,
            "person_id": file.person_id,
            "name": person.name,
            "id_number": person.id_number,
            "programme": self._tools.policy.words.get(item.programme, item.programme),
            "benefit_month": item.benefit_month,
            "amount": item.owed_fen,
            "total": file.owed_fen,
            "issued_on": file.noticed_on,
            "due_on": file.due_on,
            "sentence": sentence_of(item, self._tools.policy.words),
        }


def sentence_of(item: Any, words: Mapping[str, str]) -> str:
    """Why it is recovered, as the line that found it says; a case of the bank's has no line."""
    if item.line_type is None:
        return "银行重复或多付的款项，应予退回。"
    return explain(line_of(item), words)
