"""FundingService: what came in, what is committed, paid and left of each source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from tuoqi.contracts.payments.v1 import funding_service_pb2 as pb
from tuoqi.contracts.payments.v1 import funding_service_pb2_grpc
from tuoqi.kit.stamps import stamp_of
from tuoqi.payments.jobs import funding as jobs
from tuoqi.payments.jobs.tools import Tools, county_actor
from tuoqi.payments.store import funding
from tuoqi.payments.store.funding import Receipt, Standing

PAGE = 100


class FundingServicer(funding_service_pb2_grpc.FundingServiceServicer):
    """Sums of sources. Whoever acts must be allowed to act in the whole county."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def ListFunds(self, request: pb.ListFundsRequest, context: Any) -> pb.ListFundsResponse:
        """Every source of the county, then those that only old entries know."""
        county_actor(self._tools.policy)
        async with self._tools.database.begin() as tx:
            standings = await funding.standings(tx)
        keys = [source.key for source in self._tools.funding.sources]
        keys += [key for key in standings if key not in keys]
        return pb.ListFundsResponse(funds=[self._fund(standings.get(key, Standing(key))) for key in keys])

    async def AllotFunds(self, request: pb.AllotFundsRequest, context: Any) -> pb.AllotFundsResponse:
        """Money came in."""
        by = county_actor(self._tools.policy).user
        receipt, after = await jobs.allot(
            self._tools, request.source, request.amount_fen, request.document_no, request.note, by=by
        )
        return pb.AllotFundsResponse(receipt=_receipt(receipt), fund=self._fund(after))

    async def SpendProject(self, request: pb.SpendProjectRequest, context: Any) -> pb.SpendProjectResponse:
        """A project spent money."""
        by = county_actor(self._tools.policy).user
        receipt, after = await jobs.spend(
            self._tools, request.source, request.amount_fen, request.document_no, request.note, by=by
        )
        return pb.SpendProjectResponse(receipt=_receipt(receipt), fund=self._fund(after))

    async def ListReceipts(self, request: pb.ListReceiptsRequest, context: Any) -> pb.ListReceiptsResponse:
        """What was booked by documents."""
        county_actor(self._tools.policy)
        async with self._tools.database.begin() as tx:
            found = await funding.receipts(tx, request.source, request.page_size or PAGE)
        return pb.ListReceiptsResponse(receipts=[_receipt(one) for one in found])

    async def GetCycleFunds(self, request: pb.GetCycleFundsRequest, context: Any) -> pb.GetCycleFundsResponse:
        """Who bears a cycle."""
        county_actor(self._tools.policy)
        cycle = await self._tools.find(request.cycle)
        async with self._tools.database.begin() as tx:
            rows = await funding.sums_of(tx, cycle.cycle_id)
        return pb.GetCycleFundsResponse(
            rows=[
                pb.CycleFund(
                    programme=row.programme,
                    source=row.source,
                    name=self._tools.funding.name(row.source),
                    committed_fen=row.committed_fen,
                    paid_fen=row.paid_fen,
                    returned_fen=row.returned_fen,
                    repaid_fen=row.repaid_fen,
                )
                for row in rows
            ]
        )

    def _fund(self, one: Standing) -> pb.Fund:
        known = {source.key: source for source in self._tools.funding.sources}
        return pb.Fund(
            source=one.source,
            name=self._tools.funding.name(one.source),
            level=known[one.source].level if one.source in known else "",
            allotted_fen=one.allotted_fen,
            committed_fen=one.committed_fen,
            paid_fen=one.paid_fen,
            returned_fen=one.returned_fen,
            repaid_fen=one.repaid_fen,
            spent_fen=one.spent_fen,
            balance_fen=one.balance_fen,
        )


def _receipt(one: Receipt) -> pb.Receipt:
    return pb.Receipt(
        receipt_id=one.receipt_id,
        source=one.source,
        kind=one.kind,
        amount_fen=one.amount_fen,
        document_no=one.document_no,
        note=one.note,
        made_at=stamp_of(one.made_at),
        made_by=one.made_by,
    )


def add_funding(tools: Tools) -> Callable[[grpc.aio.Server], None]:
    """How the server takes the service in."""
    return lambda server: funding_service_pb2_grpc.add_FundingServiceServicer_to_server(FundingServicer(tools), server)
