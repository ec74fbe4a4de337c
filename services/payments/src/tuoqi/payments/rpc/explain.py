"""ExplainService: a person's month, programme by programme."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from tuoqi.contracts.payments.v1 import explain_service_pb2 as pb
from tuoqi.contracts.payments.v1 import explain_service_pb2_grpc
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.payments.domain.considering import Considered
from tuoqi.payments.domain.explain import explain
from tuoqi.payments.domain.months import Month
from tuoqi.payments.jobs.considering import ExplainedMonth, explain_month
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.store.lines import line_of


class ExplainServicer(explain_service_pb2_grpc.ExplainServiceServicer):
    """Explains to whoever may act where the person lives."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def ExplainMonth(self, request: pb.ExplainMonthRequest, context: Any) -> pb.ExplainMonthResponse:
        """Every programme of the county for one person and month."""
        try:
            month = Month.parse(request.month)
        except ValueError:
            raise TuoqiError("request.invalid", problem=f"{request.month} 不是月份") from None
        told = await explain_month(self._tools, current_actor(), request.person_id, month, request.cycle)
        return pb.ExplainMonthResponse(
            person_id=told.person_id,
            month=str(month),
            as_of=stamp_of(told.at),
            cycle_month=str(told.cycle_month),
            programmes=[self._programme(one, told) for one in told.considered],
        )

    def _programme(self, one: Considered, told: ExplainedMonth) -> pb.ConsideredProgramme:
        key = one.programme.key
        return pb.ConsideredProgramme(
            programme=key,
            name=one.programme.name,
            standing=one.standing.value,
            paid_fen=one.paid_fen,
            entitled_fen=one.entitled_fen,
            reason=one.reason,
            sentence=one.sentence(self._tools.policy.words),
            facts=[pb.UsedFact(fact=name, value=value) for name, value in one.facts],
            rule_version=one.rule_version,
            would_change=one.changes,
            lines=[self._line(row, told) for row in told.lines.get(key, ())],
            owed_fen=told.owed.get(key, 0),
        )

    def _line(self, row: Any, told: ExplainedMonth) -> pb.ExplainedLine:
        line = line_of(row)
        return pb.ExplainedLine(
            cycle=row.cycle,
            line_type=line.type.value,
            amount_fen=line.amount_fen,
            reason=line.reason,
            sentence=explain(line, self._tools.policy.words),
            rule_version=line.rule_version,
            money=[
                pb.LineMoney(
                    place=one.place,
                    amount_fen=one.amount_fen,
                    reason=one.reason,
                    instruction_id=one.instruction_id,
                    instruction_state=one.instruction_state,
                    settled_on=one.settled_on,
                    sentence=one.sentence,
                )
                for one in told.money.get((row.cycle_id, row.person_id, row.programme), ())
            ],
        )


def add_explain(tools: Tools) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = ExplainServicer(tools)
    return lambda server: explain_service_pb2_grpc.add_ExplainServiceServicer_to_server(servicer, server)
