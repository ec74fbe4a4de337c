"""The reconciliation report 对账: every figure counted in two ways, cycle by cycle and all together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.kit.rights import Actor
from tuoqi.kit.tables import Column
from tuoqi.payments.domain.bankfiles import yuan
from tuoqi.payments.domain.cycle import State
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.store.cycles import all_cycles
from tuoqi.payments.store.reconcile import OF_CYCLE, OVER_ALL, Check, check

_NOT_COUNTED = frozenset({State.DRAFT, State.CANCELLED})


async def reconcile(tools: Tools, named: str = "") -> list[Check]:
    """The checks of one cycle; or of every computed cycle, of their sums, and of everything."""
    checks: list[Check] = []
    if named:
        chosen = await tools.find(named)
        cycles = [(chosen.name, chosen.cycle_id)]
    else:
        async with tools.database.begin() as tx:
            cycles = [(one.name, one.cycle_id) for one in await all_cycles(tx) if one.state not in _NOT_COUNTED]
    for name, cycle_id in cycles:
        async with tools.database.begin() as tx:
            checks += [await check(tx, rule, name, cycle_id) for rule in OF_CYCLE]
    if named:
        return checks
    for rule in OF_CYCLE:
        same = [one for one in checks if one.key == rule.key and one.cycle]
        left, right = sum(one.left for one in same), sum(one.right for one in same)
        checks.append(Check("", rule.key, rule.what, left, right, unit=rule.unit))
    async with tools.database.begin() as tx:
        checks += [await check(tx, rule) for rule in OVER_ALL]
    return checks


class Reconciliation:
    """`reconciliation`: the report as a table; of a cycle, or of everything where none is named."""

    kind = "reconciliation"
    columns: Sequence[Column] = (
        Column("cycle", "周期"),
        Column("key", "核对项"),
        Column("what", "说明"),
        Column("left", "数一"),
        Column("right", "数二"),
        Column("difference", "差额"),
        Column("ids", "不符的编号"),
    )

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def rows(
        self, request: table_pb2.ExportRowsRequest, actor: Actor
    ) -> AsyncIterator[Sequence[Mapping[str, object]]]:
        """All checks. Raises auth.no_right, payments.cycle_unknown."""
        actor.require("reconcile.read")
        actor.require_region(self._tools.policy.county)
        yield [
            {
                "cycle": one.cycle,
                "key": one.key,
                "what": one.what,
                "left": _shown(one, one.left),
                "right": _shown(one, one.right),
                "difference": _shown(one, one.difference),
                "ids": ";".join(one.ids),
            }
            for one in await reconcile(self._tools, request.cycle_id)
        ]


def _shown(one: Check, number: int) -> str:
    return yuan(number) if one.unit == "fen" else str(number)
