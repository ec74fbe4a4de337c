"""Files out: lines and instructions of a cycle, open recoveries, waiting money.

Names, numbers and accounts are asked of the registry with the caller's rights, page by page, and kept nowhere. The
sentence of a line is made here, when it is shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.contracts.registry.v1 import registry_service_pb2 as registry
from tuoqi.kit.rights import Actor
from tuoqi.kit.tables import Column
from tuoqi.payments.domain.explain import explain
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.store.bank import mark_handed_out
from tuoqi.payments.store.cash import open_cases, waiting_money
from tuoqi.payments.store.instructions import page_of_instructions
from tuoqi.payments.store.lines import line_of, page_of_lines

PAGE = 2_000
"""Rows a page; the registry answers for more people at once."""

Values = Mapping[str, object]
_Names = Mapping[str, registry.PersonDescription]

PERSON_ID = Column("person_id", "人员编号")
NAME = Column("name", "姓名")
PROGRAMME = Column("programme", "项目")
BENEFIT_MONTH = Column("benefit_month", "享受月份", "month")
AMOUNT = Column("amount", "金额", "money")
REASON = Column("reason", "原因")


class _Export:
    """What all exports share."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def _names(self, rows: Sequence[Any], *, reveal: bool) -> _Names:
        people = sorted({row.person_id for row in rows})
        return await self._tools.registry.describe(people, reveal=reveal)


class PaymentLines(_Export):
    """`payment_lines` of a cycle, by programme key, person, month and type."""

    kind = "payment_lines"
    columns: Sequence[Column] = (
        Column("cycle", "周期"),
        PROGRAMME,
        PERSON_ID,
        NAME,
        Column("id_number", "证件号码"),
        Column("temp_id", "临时编号"),
        BENEFIT_MONTH,
        Column("line_type", "类型"),
        AMOUNT,
        REASON,
        Column("explanation", "说明"),
        Column("rule_version", "规则版本"),
    )

    async def rows(self, request: table_pb2.ExportRowsRequest, actor: Actor) -> AsyncIterator[Sequence[Values]]:
        """Page by page. Raises payments.cycle_unknown, auth.no_region, and what the registry refuses."""
        actor.require_region(self._tools.policy.county)
        cycle = await self._tools.find(request.cycle_id)
        after = ("", "", "")
        while True:
            async with self._tools.database.begin() as tx:
                page = await page_of_lines(tx, cycle.cycle_id, after=after, size=PAGE)
            if not page:
                return
            names = await self._names(page, reveal=request.reveal)
            yield await asyncio.to_thread(self._all_values, cycle.name, page, names)
            after = (page[-1].programme, page[-1].person_id, page[-1].benefit_month)

    def _all_values(self, cycle: str, page: Sequence[Any], names: _Names) -> list[Values]:
        return [self._values(cycle, row, names[row.person_id]) for row in page]

    def _values(self, cycle: str, row: Any, person: registry.PersonDescription) -> Values:
        line = line_of(row)
        return {
            "cycle": cycle,
            "programme": line.programme,
            "person_id": line.person_id,
            "name": person.name,
            "id_number": person.id_number,
            "temp_id": person.temp_id,
            "benefit_month": row.benefit_month,
            "line_type": line.type.value,
            "amount": line.amount_fen,
            "reason": line.reason,
            "explanation": explain(line, self._tools.policy.words),
            "rule_version": line.rule_version,
        }


class BankInstructions(_Export):
    """`bank_instructions` of a cycle: what the bank is to pay, with accounts in full for whoever may see them."""

    kind = "bank_instructions"
    columns: Sequence[Column] = (
        Column("batch", "批次"),
        Column("instruction_id", "指令号"),
        Column("account_name", "收款人"),
        Column("account_no", "账号"),
        Column("bank", "开户行"),
        AMOUNT,
        Column("memo", "附言"),
    )

    async def rows(self, request: table_pb2.ExportRowsRequest, actor: Actor) -> AsyncIterator[Sequence[Values]]:
        """Page by page. The memo never says more than the programme's public name.

        Whoever takes the list may hand it to the bank, so nothing on it can be stopped from now on.
        """
        actor.require_region(self._tools.policy.county)
        cycle = await self._tools.find(request.cycle_id)
        after = ("", "")
        while True:
            async with self._tools.database.begin() as tx:
                page = await page_of_instructions(tx, cycle.cycle_id, after, PAGE)
                await mark_handed_out(tx, [row.instruction_id for row in page], self._tools.clock.now())
            if not page:
                return
            accounts = await self._tools.registry.accounts(sorted({row.account_version_id for row in page}))
            yield [self._values(cycle.name, row, accounts[row.account_version_id]) for row in page]
            after = (page[-1].programme, page[-1].instruction_id)

    def _values(self, cycle: str, row: Any, account: registry.Account) -> Values:
        return {
            "batch": cycle,
            "instruction_id": row.instruction_id,
            "account_name": account.account_name,
            "account_no": account.account_no,
            "bank": account.bank,
            "amount": row.amount_fen,
            "memo": self._tools.policy.programme(row.programme).name,
        }


class Recoveries(_Export):
    """`recoveries`: what people still owe, case by case."""

    kind = "recoveries"
    columns: Sequence[Column] = (PERSON_ID, NAME, PROGRAMME, BENEFIT_MONTH, AMOUNT)

    async def rows(self, request: table_pb2.ExportRowsRequest, actor: Actor) -> AsyncIterator[Sequence[Values]]:
        """Page by page, by programme key, person and month."""
        actor.require_region(self._tools.policy.county)
        after = ("", "", "")
        while True:
            async with self._tools.database.begin() as tx:
                page = await open_cases(tx, after, PAGE)
            if not page:
                return
            names = await self._names(page, reveal=request.reveal)
            yield [_owed(row, names, row.amount_fen) for row in page]
            after = (page[-1].programme, page[-1].person_id, page[-1].benefit_month)


class WaitingMoney(_Export):
    """`waiting`: money that waits, with its reason as found at the last look."""

    kind = "waiting"
    columns: Sequence[Column] = (PERSON_ID, NAME, PROGRAMME, BENEFIT_MONTH, AMOUNT, REASON)

    async def rows(self, request: table_pb2.ExportRowsRequest, actor: Actor) -> AsyncIterator[Sequence[Values]]:
        """All of it, by programme key, person, month and reason."""
        actor.require_region(self._tools.policy.county)
        async with self._tools.database.begin() as tx:
            everything = await waiting_money(tx)
        for first in range(0, len(everything), PAGE):
            page = everything[first : first + PAGE]
            names = await self._names(page, reveal=request.reveal)
            yield [{**_owed(row, names, int(row.fen)), "reason": row.reason} for row in page]


def _owed(row: Any, names: _Names, fen: int) -> Values:
    return {
        "person_id": row.person_id,
        "name": names[row.person_id].name,
        "programme": row.programme,
        "benefit_month": row.benefit_month,
        "amount": fen,
    }
