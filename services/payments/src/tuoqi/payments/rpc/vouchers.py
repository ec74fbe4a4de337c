"""VoucherService: issue, spend, take back, settle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

from tuoqi.contracts.payments.v1 import voucher_service_pb2 as pb
from tuoqi.contracts.payments.v1 import voucher_service_pb2_grpc
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor, current_actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.payments.domain.months import Month, day_of
from tuoqi.payments.domain.vouchers import REFUSED_ZH, Voucher
from tuoqi.payments.jobs.tools import county_actor, refusing
from tuoqi.payments.jobs.voucher_spends import Bill, SpendDesk, known_settlement
from tuoqi.payments.jobs.vouchers import VoucherDesk, known_month
from tuoqi.payments.rpc.reading import read_day, read_month
from tuoqi.payments.store import voucher_spends as spends
from tuoqi.payments.store import vouchers as store
from tuoqi.payments.store.certification import read_vitals
from tuoqi.payments.store.voucher_spends import Settlement, Spend
from tuoqi.payments.store.vouchers import Standing

PAGE = 100
MONTHS = 12
_Progress = asyncio.Queue[tuple[int, int] | None]


class VoucherServicer(voucher_service_pb2_grpc.VoucherServiceServicer):
    """Takes vouchers from issue to settlement. Months are the whole county's, people those of the caller's regions."""

    def __init__(self, desk: VoucherDesk, spending: SpendDesk) -> None:
        self._desk = desk
        self._spending = spending
        self._tools = desk.tools

    async def IssueVouchers(
        self, request: pb.IssueVouchersRequest, context: Any
    ) -> AsyncIterator[pb.IssueVouchersResponse]:
        """Issue a month, with progress. Who goes away before the end stops it; called again it goes on."""
        by, progress = county_actor(self._tools.policy).user, _Progress()
        work = asyncio.create_task(self._issue(read_month(request.month), by, progress))
        try:
            persons = vouchers = 0
            while (said := await progress.get()) is not None:
                persons, vouchers = said
                yield pb.IssueVouchersResponse(persons_done=persons, vouchers=vouchers)
            issue = await self._issue_view(await work)
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        yield pb.IssueVouchersResponse(persons_done=persons, vouchers=vouchers, issue=issue)

    async def _issue(self, month: Month, by: str, progress: _Progress) -> Standing:
        def say(persons: int, vouchers: int) -> None:
            progress.put_nowait((persons, vouchers))

        try:
            with refusing():
                return await self._desk.issue(month, by=by, say=say)
        finally:
            progress.put_nowait(None)

    async def GetIssue(self, request: pb.GetIssueRequest, context: Any) -> pb.GetIssueResponse:
        """The sums of a month and the proof of its ledger."""
        async with self._tools.database.begin() as tx:
            standing = await known_month(tx, read_month(request.month))
        return pb.GetIssueResponse(issue=await self._issue_view(standing))

    async def _issue_view(self, standing: Standing) -> pb.VoucherIssue:
        async with self._tools.database.begin() as tx:
            found = await store.findings(tx, standing.month)
        return pb.VoucherIssue(
            issue_id=standing.issue_id,
            month=str(standing.month),
            cutoff=stamp_of(standing.cut_off),
            vouchers=standing.vouchers,
            issued_fen=standing.issued_fen,
            spent_fen=standing.spent_fen,
            expired_fen=standing.expired_fen,
            outstanding_fen=standing.issued_fen - standing.spent_fen - standing.expired_fen,
            provider_due_fen=standing.due_fen,
            refused=standing.refused,
            expired=standing.expired,
            control_findings=found,
            rule_version=standing.rule_version,
        )

    async def CheckEligibility(self, request: pb.CheckEligibilityRequest, context: Any) -> pb.CheckEligibilityResponse:
        """Whether a person may have a voucher, and why not."""
        await self._known_person(request.person_id)
        with refusing():
            reason = await self._desk.eligibility(request.person_id, read_month(request.month))
        sentence = f"{REFUSED_ZH[reason]}，不能领取 {request.month} 的消费券。" if reason else ""
        return pb.CheckEligibilityResponse(eligible=not reason, reason=reason, sentence=sentence)

    async def SpendVoucher(self, request: pb.SpendVoucherRequest, context: Any) -> pb.SpendVoucherResponse:
        """Pay a part of a bill."""
        actor = await self._known_person(request.person_id)
        receipt = request.receipt_no.strip()
        bill = Bill(
            person_id=request.person_id,
            facility=request.facility,
            bill_fen=request.bill_fen,
            receipt_no=receipt,
            spent_on=read_day(request.spent_on) or day_of(self._tools.clock.now()),
            key=request.key or f"{request.facility}|{receipt}",
        )
        with refusing():
            spend, voucher, before = await self._spending.spend(bill, by=actor.user)
        return pb.SpendVoucherResponse(spend=_spend(spend), voucher=_voucher(voucher), spent_before=before)

    async def ReverseSpend(self, request: pb.ReverseSpendRequest, context: Any) -> pb.ReverseSpendResponse:
        """Take a spend back."""
        actor = current_actor()
        async with self._tools.database.begin() as tx:
            found = await spends.find_spend(tx, spend_id=request.spend_id, lock=False)
        if found is not None:
            await self._known_person(found.person_id)
        with refusing():
            spend, voucher = await self._spending.reverse(request.spend_id, by=actor.user, because=actor.purpose)
        return pb.ReverseSpendResponse(spend=_spend(spend), voucher=_voucher(voucher))

    async def GetStatement(self, request: pb.GetStatementRequest, context: Any) -> pb.GetStatementResponse:
        """A person's vouchers and spends."""
        await self._known_person(request.person_id)
        async with self._tools.database.begin() as tx:
            vouchers, spent = await spends.statement(tx, request.person_id, request.page_size or MONTHS)
        return pb.GetStatementResponse(
            vouchers=[_voucher(one) for one in vouchers], spends=[_spend(one) for one in spent]
        )

    async def SetProvider(self, request: pb.SetProviderRequest, context: Any) -> pb.SetProviderResponse:
        """Let a facility take vouchers, or no longer."""
        actor = county_actor(self._tools.policy)
        if request.enabled:
            kind = await self._tools.registry.open_facility(request.facility)
            if kind not in self._desk.rules.facility_kinds:
                raise TuoqiError("payments.voucher_provider_kind", facility=request.facility)
        async with self._tools.database.begin() as tx:
            row = await spends.set_provider(
                tx, request.facility, enabled=request.enabled, by=actor.user, at=self._tools.clock.now()
            )
        return pb.SetProviderResponse(provider=_provider(row))

    async def ListProviders(self, request: pb.ListProvidersRequest, context: Any) -> pb.ListProvidersResponse:
        """Facilities by code."""
        size = request.page_size or PAGE
        async with self._tools.database.begin() as tx:
            page = await spends.page_of_providers(tx, request.page_token, size)
        token = page[-1].facility if len(page) == size else ""
        return pb.ListProvidersResponse(providers=[_provider(row) for row in page], next_page_token=token)

    async def PrepareSettlement(
        self, request: pb.PrepareSettlementRequest, context: Any
    ) -> pb.PrepareSettlementResponse:
        """Sum up a month for its facilities."""
        by = county_actor(self._tools.policy).user
        with refusing():
            settlement = await self._spending.prepare(read_month(request.month), by=by)
        return pb.PrepareSettlementResponse(settlement=_settlement(settlement))

    async def ConfirmSettlement(
        self, request: pb.ConfirmSettlementRequest, context: Any
    ) -> pb.ConfirmSettlementResponse:
        """Release it for payment, by a second person."""
        by = county_actor(self._tools.policy).user
        with refusing():
            settlement = await self._spending.confirm(read_month(request.month), by=by)
        return pb.ConfirmSettlementResponse(settlement=_settlement(settlement))

    async def GetSettlement(self, request: pb.GetSettlementRequest, context: Any) -> pb.GetSettlementResponse:
        """The settlement of a month."""
        async with self._tools.database.begin() as tx:
            settlement = await known_settlement(tx, read_month(request.month))
        return pb.GetSettlementResponse(settlement=_settlement(settlement))

    async def _known_person(self, person_id: str) -> Actor:
        """Who calls, if the person lives in his regions. Raises payments.person_unknown, auth.no_region."""
        actor = current_actor()
        async with self._tools.database.begin() as tx:
            vitals = (await read_vitals(tx, [person_id])).get(person_id)
        if vitals is None:
            raise TuoqiError("payments.person_unknown")
        actor.require_region(vitals.region)
        return actor


def _voucher(one: Voucher) -> pb.Voucher:
    return pb.Voucher(
        voucher_id=one.voucher_id,
        person_id=one.person_id,
        month=str(one.month),
        issued_fen=one.issued_fen,
        spent_fen=one.spent_fen,
        expired_fen=one.expired_fen,
        left_fen=one.left_fen,
    )


def _spend(one: Spend) -> pb.Spend:
    return pb.Spend(
        spend_id=one.spend_id,
        voucher_id=one.voucher_id,
        month=str(one.month),
        facility=one.facility,
        receipt_no=one.receipt_no,
        bill_fen=one.bill_fen,
        covered_fen=one.covered_fen,
        spent_on=one.spent_on.isoformat(),
        recorded_by=one.recorded_by,
        reversed=one.reversed,
    )


def _provider(row: Any) -> pb.Provider:
    return pb.Provider(facility=row.facility, enabled=row.enabled, set_by=row.set_by, set_at=stamp_of(row.set_at))


def _settlement(one: Settlement) -> pb.Settlement:
    return pb.Settlement(
        month=str(one.month),
        state=one.state,
        lines=[
            pb.SettlementLine(
                facility=share.facility, spends=share.spends, bill_fen=share.bill_fen, amount_fen=share.amount_fen
            )
            for share in one.shares
        ],
        amount_fen=one.amount_fen,
        prepared_by=one.prepared_by,
        confirmed_by=one.confirmed_by,
    )


def add_vouchers(desk: VoucherDesk, spending: SpendDesk) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = VoucherServicer(desk, spending)
    return lambda server: voucher_service_pb2_grpc.add_VoucherServiceServicer_to_server(servicer, server)
