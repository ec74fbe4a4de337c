"""BankService: files for banks, replies, answers that fit nothing, re-issues, the reconciliation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

from tuoqi.contracts.payments.v1 import bank_service_pb2 as pb
from tuoqi.contracts.payments.v1 import bank_service_pb2_grpc
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.payments.domain.bankfiles import read_reply
from tuoqi.payments.jobs import bank
from tuoqi.payments.jobs.reconcile import reconcile
from tuoqi.payments.jobs.reissue import Wish, reissue
from tuoqi.payments.jobs.tools import Tools, county_actor, refusing
from tuoqi.payments.store.bank import Unmatched, list_unmatched

PAGE = 100
REPLY_BYTES_MAX = 64 << 20
REPLY_ROWS_MAX = 1_000_000


class BankServicer(bank_service_pb2_grpc.BankServiceServicer):
    """Hands instructions to banks and takes their answers. Whoever acts must be allowed to act in the whole county."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def ListBankFormats(self, request: pb.ListBankFormatsRequest, context: Any) -> pb.ListBankFormatsResponse:
        """The county's templates."""
        return pb.ListBankFormatsResponse(
            formats=[
                pb.BankFormat(
                    key=one.key,
                    name=one.name,
                    kind=one.kind,
                    encoding=one.encoding,
                    reply_kind=one.reply.kind if one.reply else "",
                )
                for one in self._tools.banks.formats
            ]
        )

    async def ExportBankFiles(
        self, request: pb.ExportBankFilesRequest, context: Any
    ) -> AsyncIterator[pb.ExportBankFilesResponse]:
        """A batch, piece by piece, then the manifest."""
        actor = self._actor()
        actor.require_purpose()
        with refusing():
            format_ = bank.format_of(self._tools, request.format)
            pieces = bank.export_files(self._tools, request.cycle, format_, request.export_no, by=actor.user)
            async for piece in pieces:
                yield pb.ExportBankFilesResponse(
                    file=piece.file,
                    data=piece.data,
                    rows=[pb.SheetRow(cells=row) for row in piece.rows],
                    manifest=piece.manifest,
                )

    async def GetSigningKey(self, request: pb.GetSigningKeyRequest, context: Any) -> pb.GetSigningKeyResponse:
        """The public key of what goes to banks."""
        if self._tools.signer is None:
            raise TuoqiError("payments.bank_no_signer")
        return pb.GetSigningKeyResponse(public_key=self._tools.signer.public_key)

    async def ConvertBankReply(
        self, request_iterator: AsyncIterator[pb.ConvertBankReplyRequest], context: Any
    ) -> pb.ConvertBankReplyResponse:
        """A reply as rows of `bank_results`."""
        self._actor()
        key, data, rows = "", bytearray(), list[list[str]]()
        async for request in request_iterator:
            key = key or request.format
            data += request.data
            rows += [list(row.cells) for row in request.rows]
            if len(data) > REPLY_BYTES_MAX or len(rows) > REPLY_ROWS_MAX:
                raise TuoqiError("payments.bank_reply_unreadable", row=len(rows), reason="文件太大")
        with refusing():
            reply = bank.format_of(self._tools, key).reply
            if reply is None:
                raise TuoqiError("payments.bank_reply_unreadable", row=0, reason=f"模板 {key} 没有写明回盘格式")
            answers = await asyncio.to_thread(read_reply, reply, bytes(data), rows)
        return pb.ConvertBankReplyResponse(
            results=[
                pb.ConvertedResult(
                    instruction_id=one.instruction_id,
                    result=one.result,
                    return_reason=one.return_reason,
                    settled_on=one.settled_on,
                    amount=one.amount,
                )
                for one in answers
            ]
        )

    async def ListUnmatchedResults(
        self, request: pb.ListUnmatchedResultsRequest, context: Any
    ) -> pb.ListUnmatchedResultsResponse:
        """Answers that were not taken."""
        self._actor()
        size, state = request.page_size or PAGE, {"": "OPEN", "ALL": ""}.get(request.state, request.state)
        async with self._tools.database.begin() as tx:
            found = await list_unmatched(tx, state, request.page_token, size)
        token = found[-1].result_id if len(found) == size else ""
        return pb.ListUnmatchedResultsResponse(results=[_unmatched(one) for one in found], next_page_token=token)

    async def AssignUnmatchedResult(
        self, request: pb.AssignUnmatchedResultRequest, context: Any
    ) -> pb.AssignUnmatchedResultResponse:
        """Take it for the instruction that it means."""
        by = self._actor().user
        with refusing():
            done = await bank.assign(self._tools, request.result_id, request.instruction_id, by=by)
        return pb.AssignUnmatchedResultResponse(result=_unmatched(done))

    async def DismissUnmatchedResult(
        self, request: pb.DismissUnmatchedResultRequest, context: Any
    ) -> pb.DismissUnmatchedResultResponse:
        """End it, for a reason."""
        done = await bank.dismiss(self._tools, request.result_id, request.because, by=self._actor().user)
        return pb.DismissUnmatchedResultResponse(result=_unmatched(done))

    async def ReissueReturned(self, request: pb.ReissueReturnedRequest, context: Any) -> pb.ReissueReturnedResponse:
        """Returned money out again; the call's purpose is the reason for an unchanged account."""
        actor = self._actor()
        wish = Wish(tuple(request.instruction_ids), request.same_account, actor.purpose)
        with refusing():
            done = await reissue(self._tools, request.cycle, wish, by=actor.user)
        return pb.ReissueReturnedResponse(
            reissued=[
                pb.Reissued(instruction_id=one.instruction_id, reissue_of=one.reissue_of, amount_fen=one.amount_fen)
                for one in done.issued
            ],
            held=done.held,
        )

    async def Reconcile(self, request: pb.ReconcileRequest, context: Any) -> pb.ReconcileResponse:
        """Every check of a cycle, or of everything."""
        self._actor()
        checks = await reconcile(self._tools, request.cycle)
        return pb.ReconcileResponse(
            checks=[
                pb.Check(
                    cycle=one.cycle,
                    key=one.key,
                    what=one.what,
                    left=one.left,
                    right=one.right,
                    difference=one.difference,
                    ids=one.ids,
                    unit=one.unit,
                )
                for one in checks
            ],
            closes=all(one.closes for one in checks),
        )

    def _actor(self) -> Actor:
        return county_actor(self._tools.policy)


def _unmatched(one: Unmatched) -> pb.UnmatchedResult:
    return pb.UnmatchedResult(
        result_id=one.result_id,
        why=one.why,
        instruction_id=one.instruction_id,
        result=one.result,
        settled_on=one.settled_on.isoformat() if one.settled_on else "",
        amount_fen=one.amount_fen,
        return_reason=one.return_reason,
        row_number=one.row_number,
        state=one.state,
        taken_at=stamp_of(one.taken_at),
        taken_by=one.taken_by,
        decided_by=one.decided_by,
        assigned_to=one.assigned_to,
        because=one.because,
    )


def add_bank(tools: Tools) -> Callable[[grpc.aio.Server], None]:
    """How the server takes the service in."""
    return lambda server: bank_service_pb2_grpc.add_BankServiceServicer_to_server(BankServicer(tools), server)
