"""RecoveryService: requests become acts on recovery files or reads; answers are made from what stands afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import grpc

from tuoqi.contracts.payments.v1 import recovery_service_pb2 as pb
from tuoqi.contracts.payments.v1 import recovery_service_pb2_grpc
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.recovery import Terms
from tuoqi.payments.handlers.recovery_commands import REFUSED, WITHDRAWN, EndOffset, EndPlan
from tuoqi.payments.jobs.recoveries import Money, RecoveryDesk, day_from
from tuoqi.payments.jobs.recovery_forecast import forecast
from tuoqi.payments.jobs.tools import Tools, county_actor, refusing
from tuoqi.payments.rpc.recovery_views import (
    act_views,
    file_view,
    forecast_views,
    item_views,
    part_views,
    repayment_views,
)
from tuoqi.payments.store import recovery_reads, repayments

PAGE = 100


class RecoveryServicer(recovery_service_pb2_grpc.RecoveryServiceServicer):
    """Answers for recovery files. Whoever acts must be allowed to act in the whole county."""

    def __init__(self, tools: Tools, desk: RecoveryDesk) -> None:
        self._tools = tools
        self._desk = desk

    async def ListRecoveries(self, request: pb.ListRecoveriesRequest, context: Any) -> pb.ListRecoveriesResponse:
        """A page of files, the newest first."""
        county_actor(self._tools.policy)
        wanted = recovery_reads.Wanted(
            state=request.state,
            overdue=request.overdue,
            programme=request.programme,
            person_id=request.person_id,
            owed_from=request.owed_from_fen,
            owed_to=request.owed_to_fen,
        )
        size, after = request.page_size or PAGE, _place(request.page_token)
        async with self._tools.database.begin() as tx:
            page = await recovery_reads.page_of_files(tx, wanted, today=self._desk.today, after=after, size=size)
        last = page[-1] if len(page) == size else None
        token = f"{last.opened_on}|{last.recovery_id}" if last else ""
        return pb.ListRecoveriesResponse(recoveries=[file_view(row) for row in page], next_page_token=token)

    async def GetRecovery(self, request: pb.GetRecoveryRequest, context: Any) -> pb.GetRecoveryResponse:
        """One file whole."""
        told = bool(county_actor(self._tools.policy).purpose.strip())
        one = request.recovery_id
        async with self._tools.database.begin() as tx:
            row = await recovery_reads.one_file(tx, one, self._desk.today)
            if row is None:
                raise TuoqiError("payments.recovery_unknown", recovery=one)
            items = await recovery_reads.items_of(tx, [one])
            parts = await recovery_reads.instalments_of(tx, one)
            booked = await repayments.read_repayments(tx, one)
            acts = await recovery_reads.history_of(tx, one)
        return pb.GetRecoveryResponse(
            recovery=file_view(row),
            items=item_views(items, self._tools.policy.words, told=told),
            instalments=part_views(parts, row.plan_paid_fen, self._desk.today),
            repayments=repayment_views(booked, told=told),
            history=act_views(acts, told=told),
        )

    async def SumRecoveries(self, request: pb.SumRecoveriesRequest, context: Any) -> pb.SumRecoveriesResponse:
        """What is owed by programme, in the county's order, and by age."""
        county_actor(self._tools.policy)
        async with self._tools.database.begin() as tx:
            rows = await recovery_reads.sums(tx, self._desk.today)
        order = self._tools.policy.order
        return pb.SumRecoveriesResponse(
            sums=[
                pb.RecoverySum(
                    programme=row.programme,
                    age_days=recovery_reads.AGES[row.age],
                    items=row.items,
                    persons=row.persons,
                    owed_fen=int(row.owed_fen),
                )
                for row in sorted(rows, key=lambda row: (order.index(row.programme), row.age))
            ]
        )

    async def ForecastRecoveries(
        self, request: pb.ForecastRecoveriesRequest, context: Any
    ) -> pb.ForecastRecoveriesResponse:
        """What the next cycle would recover."""
        county_actor(self._tools.policy)
        with refusing():
            found = await forecast(self._tools, request.page_token, request.page_size or PAGE)
        return pb.ForecastRecoveriesResponse(
            forecasts=forecast_views(found.expected, self._tools.policy.words),
            next_page_token=found.next_after,
            month=found.month,
        )

    async def IssueNotice(self, request: pb.IssueNoticeRequest, context: Any) -> pb.IssueNoticeResponse:
        """A notice over what is owed now."""
        with refusing():
            await self._desk.notice(request.recovery_id, by=self._by())
        return pb.IssueNoticeResponse(recovery=await self._view(request.recovery_id))

    async def DeliverNotice(self, request: pb.DeliverNoticeRequest, context: Any) -> pb.DeliverNoticeResponse:
        """When and how it was delivered."""
        on = day_from(request.delivered_on)
        with refusing():
            await self._desk.deliver(request.recovery_id, on, request.how, request.note, by=self._by())
        return pb.DeliverNoticeResponse(recovery=await self._view(request.recovery_id))

    async def RecordRepayment(self, request: pb.RecordRepaymentRequest, context: Any) -> pb.RecordRepaymentResponse:
        """Money that came back."""
        money = Money(
            amount_fen=request.amount_fen,
            paid_on=day_from(request.paid_on) if request.paid_on else self._desk.today,
            receipt_no=request.receipt_no,
            payer=request.payer,
            named=_named(request.programme, request.benefit_month),
        )
        with refusing():
            _, repayment_id = await self._desk.repay(request.recovery_id, money, by=self._by())
        recovery = await self._view(request.recovery_id)
        return pb.RecordRepaymentResponse(recovery=recovery, repayment_id=repayment_id)

    async def ReverseRepayment(self, request: pb.ReverseRepaymentRequest, context: Any) -> pb.ReverseRepaymentResponse:
        """The opposite posting, with a reason."""
        with refusing():
            await self._desk.reverse(request.recovery_id, request.repayment_id, request.reason, by=self._by())
        return pb.ReverseRepaymentResponse(recovery=await self._view(request.recovery_id))

    async def AgreePlan(self, request: pb.AgreePlanRequest, context: Any) -> pb.AgreePlanResponse:
        """Instalments as given, or equal ones."""
        parts = [(day_from(one.due_on), one.amount_fen) for one in request.instalments]
        first = day_from(request.first_due_on) if request.first_due_on else None
        with refusing():
            await self._desk.plan(request.recovery_id, parts, request.months, first, by=self._by())
        return pb.AgreePlanResponse(recovery=await self._view(request.recovery_id))

    async def EndPlan(self, request: pb.EndPlanRequest, context: Any) -> pb.EndPlanResponse:
        """The plan ends."""
        with refusing():
            await self._desk.end(request.recovery_id, EndPlan(request.reason), request.reason, by=self._by())
        return pb.EndPlanResponse(recovery=await self._view(request.recovery_id))

    async def AgreeOffset(self, request: pb.AgreeOffsetRequest, context: Any) -> pb.AgreeOffsetResponse:
        """A signed agreement."""
        terms = Terms(
            signed_on=day_from(request.signed_on),
            agreed_at=self._tools.clock.now(),
            programmes=tuple(sorted(set(request.programmes))),
            cap_fen=request.cap_fen or None,
            cap_hundredths=request.cap_hundredths or None,
        )
        with refusing():
            await self._desk.agree(request.recovery_id, terms, by=self._by())
        return pb.AgreeOffsetResponse(recovery=await self._view(request.recovery_id))

    async def EndOffset(self, request: pb.EndOffsetRequest, context: Any) -> pb.EndOffsetResponse:
        """The agreement ends."""
        with refusing():
            await self._desk.end(request.recovery_id, EndOffset(request.reason), request.reason, by=self._by())
        return pb.EndOffsetResponse(recovery=await self._view(request.recovery_id))

    async def ProposeWriteOff(self, request: pb.ProposeWriteOffRequest, context: Any) -> pb.ProposeWriteOffResponse:
        """A write-off that another person has to confirm."""
        with refusing():
            await self._desk.propose(request.recovery_id, request.reason, request.note, by=self._by())
        return pb.ProposeWriteOffResponse(recovery=await self._view(request.recovery_id))

    async def ConfirmWriteOff(self, request: pb.ConfirmWriteOffRequest, context: Any) -> pb.ConfirmWriteOffResponse:
        """Confirmed by finance."""
        with refusing():
            await self._desk.confirm(request.recovery_id, request.amount_fen, by=self._by())
        return pb.ConfirmWriteOffResponse(recovery=await self._view(request.recovery_id))

    async def RefuseWriteOff(self, request: pb.RefuseWriteOffRequest, context: Any) -> pb.RefuseWriteOffResponse:
        """Refused by finance."""
        with refusing():
            await self._desk.end_write_off(request.recovery_id, REFUSED, request.reason, by=self._by())
        return pb.RefuseWriteOffResponse(recovery=await self._view(request.recovery_id))

    async def WithdrawWriteOff(self, request: pb.WithdrawWriteOffRequest, context: Any) -> pb.WithdrawWriteOffResponse:
        """Taken back by whoever proposed it."""
        with refusing():
            await self._desk.end_write_off(request.recovery_id, WITHDRAWN, "", by=self._by())
        return pb.WithdrawWriteOffResponse(recovery=await self._view(request.recovery_id))

    async def _view(self, recovery_id: str) -> pb.Recovery:
        async with self._tools.database.begin() as tx:
            row = await recovery_reads.one_file(tx, recovery_id, self._desk.today)
        return file_view(row)

    def _by(self) -> str:
        return county_actor(self._tools.policy).user


def _place(token: str) -> tuple[date | None, str]:
    """Where a page begins: before this day and id."""
    if not token:
        return None, ""
    day, _, recovery_id = token.partition("|")
    return day_from(day), recovery_id


def _named(programme: str, month: str) -> tuple[str, Month] | None:
    """The case that a repayment is for; both or neither."""
    if bool(programme) != bool(month):
        raise TuoqiError("request.invalid", problem="项目和月份要么都写，要么都不写")
    try:
        return (programme, Month.parse(month)) if programme else None
    except ValueError:
        raise TuoqiError("request.invalid", problem=f"{month} 不是月份") from None


def add_recoveries(tools: Tools, desk: RecoveryDesk) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = RecoveryServicer(tools, desk)
    return lambda server: recovery_service_pb2_grpc.add_RecoveryServiceServicer_to_server(servicer, server)
