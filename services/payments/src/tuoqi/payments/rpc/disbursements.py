"""DisbursementService: what other systems submit, and what the county does with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import grpc

from tuoqi.contracts.payments.v1 import disbursement_service_pb2 as pb
from tuoqi.contracts.payments.v1 import disbursement_service_pb2_grpc
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.payments.domain.aid_policy import AidPolicy
from tuoqi.payments.domain.grants import Batch
from tuoqi.payments.jobs.grants import batch_view, known_batch, read_submission, release, submit, void
from tuoqi.payments.jobs.tools import Tools, county_actor, refusing
from tuoqi.payments.store.batches import page_of_batches
from tuoqi.payments.store.disbursements import count_states, find_disbursement, page_of_disbursements

PAGE = 100
SUBMIT = "disbursement.submit"


class DisbursementServicer(disbursement_service_pb2_grpc.DisbursementServiceServicer):
    """Answers systems and the county; a system sees and touches its own batches only."""

    def __init__(self, tools: Tools, policy: AidPolicy) -> None:
        self._tools = tools
        self._policy = policy

    async def SubmitBatch(self, request: pb.SubmitBatchRequest, context: Any) -> pb.SubmitBatchResponse:
        """Take a batch in, or give the stored answer again."""
        actor = county_actor(self._tools.policy)
        with refusing():
            given = read_submission(actor.user, request)
            return pb.SubmitBatchResponse.FromString(await submit(self._tools, self._policy, given))

    async def GetBatch(self, request: pb.GetBatchRequest, context: Any) -> pb.GetBatchResponse:
        """One batch with what was not accepted and where its lines are."""
        async with self._tools.database.begin() as tx:
            batch = await self._batch(tx, request.batch)
            states = await count_states(tx, batch.batch_no)
        results = pb.SubmitBatchResponse.FromString(batch.answer).results
        return pb.GetBatchResponse(batch=batch_view(batch), results=results, states=states)

    async def ListBatches(self, request: pb.ListBatchesRequest, context: Any) -> pb.ListBatchesResponse:
        """A page of batches, newest first."""
        own, size = self._own(), request.page_size or PAGE
        if own and request.client not in {"", own}:
            return pb.ListBatchesResponse()
        async with self._tools.database.begin() as tx:
            found = await page_of_batches(
                tx, client=own or request.client, state=request.state, before=_place(request.page_token), size=size
            )
        last = found[-1] if len(found) == size else None
        token = f"{last.submitted_at.isoformat()}|{last.batch_no}" if last else ""
        return pb.ListBatchesResponse(batches=[batch_view(one) for one in found], next_page_token=token)

    async def GetDisbursement(self, request: pb.GetDisbursementRequest, context: Any) -> pb.GetDisbursementResponse:
        """One line by its client's reference."""
        client = self._own() or request.client or self._actor().user
        async with self._tools.database.begin() as tx:
            row = await find_disbursement(tx, client, request.line_ref)
        if row is None:
            raise TuoqiError("payments.line_unknown", line_ref=request.line_ref)
        return pb.GetDisbursementResponse(disbursement=_line(row))

    async def ListDisbursements(
        self, request: pb.ListDisbursementsRequest, context: Any
    ) -> pb.ListDisbursementsResponse:
        """A page of a batch's lines."""
        size, after = request.page_size or PAGE, _number(request.page_token)
        async with self._tools.database.begin() as tx:
            batch = await self._batch(tx, request.batch)
            page = await page_of_disbursements(tx, batch.batch_no, after=after, state=request.state, size=size)
        token = str(page[-1].ordinal) if len(page) == size else ""
        return pb.ListDisbursementsResponse(disbursements=[_line(row) for row in page], next_page_token=token)

    async def ReleaseBatch(self, request: pb.ReleaseBatchRequest, context: Any) -> pb.ReleaseBatchResponse:
        """Let a batch be paid."""
        by = self._actor().user
        with refusing():
            return pb.ReleaseBatchResponse(
                batch=batch_view(await release(self._tools, self._policy, request.batch_id, by=by))
            )

    async def VoidLines(self, request: pb.VoidLinesRequest, context: Any) -> pb.VoidLinesResponse:
        """Take lines back."""
        actor = self._actor()
        with refusing():
            batch, count = await void(
                self._tools,
                request.batch_id,
                request.line_refs,
                request.reason,
                by=actor.user,
                by_client=actor.has(SUBMIT),
            )
        return pb.VoidLinesResponse(batch=batch_view(batch), voided=count)

    async def _batch(self, tx: Tx, named: str) -> Batch:
        return await known_batch(tx, named, self._own())

    def _actor(self) -> Actor:
        return county_actor(self._tools.policy)

    def _own(self) -> str:
        """The caller's own name where he submits himself: he sees nothing of other systems."""
        actor = self._actor()
        return actor.user if actor.has(SUBMIT) else ""


def _line(row: Any) -> pb.Disbursement:
    return pb.Disbursement(
        batch_id=row.batch_id,
        line_ref=row.line_ref,
        person_id=row.person_id,
        programme=row.programme,
        benefit_month=row.benefit_month,
        amount_fen=row.amount_fen,
        state=row.state,
        cycle=row.cycle_name,
        waits_for=row.waits_for,
    )


def _place(token: str) -> tuple[datetime, int] | None:
    if not token:
        return None
    moment, _, number = token.partition("|")
    try:
        return datetime.fromisoformat(moment), int(number)
    except ValueError:
        raise TuoqiError("request.invalid", problem="page_token") from None


def _number(token: str) -> int:
    if token and not (token.isascii() and token.isdigit()):
        raise TuoqiError("request.invalid", problem="page_token")
    return int(token or 0)


def add_disbursements(tools: Tools, policy: AidPolicy) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = DisbursementServicer(tools, policy)
    return lambda server: disbursement_service_pb2_grpc.add_DisbursementServiceServicer_to_server(servicer, server)
