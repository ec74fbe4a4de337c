"""`tuoqi disbursement`: batches of other systems, from submission to the account."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tuoqi.cli.files.reading import open_table
from tuoqi.cli.options import AsJson, By, Limit
from tuoqi.cli.output import emit, plain, say, show_rows, shown, yuan
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.contracts.payments.v1 import disbursement_service_pb2 as pb
from tuoqi.contracts.payments.v1.disbursement_service_pb2_grpc import DisbursementServiceStub
from tuoqi.kit.errors import TuoqiError, register_errors
from tuoqi.kit.tables import Column, Header, ParsedRow, parse_rows

app = typer.Typer(help="Batches that other systems submit 外部提交.")
BATCH: Final = 500
WORDS = {
    "SUBMITTED": "待放行", "RELEASED": "已放行", "ACCEPTED": "已接收", "IN_CYCLE": "已核算", "WAITING": "待发",
    "INSTRUCTED": "已发指令", "SETTLED": "已入账", "RETURNED": "退票", "NETTED": "已抵扣", "NOT_PAID": "核算后不发",
    "VOIDED": "已作废", "DUPLICATE": "重复", "REJECTED": "未接收",
}  # fmt: skip
COLUMNS: Final = (
    Column("line_ref", "编号", required=True, max_length=64),
    Column("person_id", "人员编号", required=True, max_length=36),
    Column("programme", "项目", max_length=64),
    Column("benefit_month", "享受月份", "month"),
    Column("amount", "金额", "money", required=True),
)
BatchName = Annotated[str, typer.Argument(metavar="BATCH", help="Its id; for a system also its own key.")]
BatchId = Annotated[str, typer.Argument(metavar="BATCH", help="The batch's id.")]
register_errors({"cli.rows_unreadable": ("INVALID_ARGUMENT", "第 {row} 行 {column} 不能读：{reason}未提交任何内容。")})


@app.callback()
def disbursements() -> None:
    """Batches that other systems submit 外部提交."""


@app.command(
    epilog="Example: tuoqi disbursement submit grants.csv --key autumn --programme education_grant --month 2026-11"
    " --by system.edu"
)
def submit(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="编号 人员编号 金额 (项目 享受月份), CSV or XLSX.")],
    key: Annotated[str, typer.Option("--key", metavar="KEY", help="Your own name of this submission.")],
    programme: Annotated[str, typer.Option("--programme", help="Of rows that name none.")] = "",
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="Of rows that name none.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Submit a file in batches of 500, named KEY, KEY.2, KEY.3, …; submitted again, nothing is taken twice."""
    table = open_table(file)
    header = Header.match(table.columns, COLUMNS)
    rows, problems = parse_rows(header, table.rows())
    if problems:
        raise TuoqiError(
            "cli.rows_unreadable", row=problems[0].row_number, column=problems[0].column, reason=problems[0].reason
        )
    requests = [
        pb.SubmitBatchRequest(
            idempotency_key=f"{key}.{first // BATCH + 1}" if first else key,
            programme=programme,
            benefit_month=month,
            lines=[_line(row) for row in rows[first : first + BATCH]],
        )
        for first in range(0, len(rows), BATCH)
    ]

    async def act(platform: Platform) -> list[pb.SubmitBatchResponse]:
        return [await _stub(platform).SubmitBatch(request) for request in requests]

    answers = call(act, by)
    if as_json:
        for answer in answers:
            emit(plain(answer))
        return
    _show_batches([answer.batch for answer in answers])
    _show_results([result for answer in answers for result in answer.results])


@app.command("list", epilog="Example: tuoqi disbursement list --state SUBMITTED --by reviewer.zhao")
def list_batches(
    state: Annotated[str, typer.Option("--state", help="SUBMITTED or RELEASED.")] = "",
    client: Annotated[str, typer.Option("--client", metavar="USER", help="Only those of this system.")] = "",
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List batches, newest first."""

    async def ask(platform: Platform) -> list[pb.DisbursementBatch]:
        async def page(size: int, token: str) -> tuple[list[pb.DisbursementBatch], str]:
            request = pb.ListBatchesRequest(state=state, client=client, page_size=size, page_token=token)
            answer: pb.ListBatchesResponse = await _stub(platform).ListBatches(request)
            return list(answer.batches), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    _show_batches(found)


@app.command(epilog="Example: tuoqi disbursement show BATCH --by reviewer.zhao")
def show(
    batch: BatchName,
    state: Annotated[str, typer.Option("--state", help="Only lines in this state.")] = "",
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Show a batch, what was not accepted, and where its lines are now."""

    async def ask(platform: Platform) -> tuple[pb.GetBatchResponse, list[pb.Disbursement]]:
        stub = _stub(platform)
        found: pb.GetBatchResponse = await stub.GetBatch(pb.GetBatchRequest(batch=batch))

        async def page(size: int, token: str) -> tuple[list[pb.Disbursement], str]:
            request = pb.ListDisbursementsRequest(batch=batch, state=state, page_size=size, page_token=token)
            answer: pb.ListDisbursementsResponse = await stub.ListDisbursements(request)
            return list(answer.disbursements), answer.next_page_token

        return found, await pages(page, limit)

    found, lines = call(ask, by)
    if as_json:
        emit({**plain(found), "disbursements": [plain(one) for one in lines]})
        return
    _show_batches([found.batch])
    say("；".join(f"{WORDS.get(name, name)} {count}" for name, count in sorted(found.states.items())))
    _show_results(found.results)
    _show_lines(lines)


@app.command(epilog="Example: tuoqi disbursement line 2026-autumn-000018 --client system.edu --by reviewer.zhao")
def line(
    line_ref: Annotated[str, typer.Argument(metavar="REF", help="The system's own reference.")],
    client: Annotated[str, typer.Option("--client", metavar="USER", help="The system; default: you.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Show where one line is now."""

    async def ask(platform: Platform) -> pb.Disbursement:
        request = pb.GetDisbursementRequest(line_ref=line_ref, client=client)
        answer: pb.GetDisbursementResponse = await _stub(platform).GetDisbursement(request)
        return answer.disbursement

    found = call(ask, by)
    emit(plain(found)) if as_json else _show_lines([found])


@app.command(epilog="Example: tuoqi disbursement release BATCH --by reviewer.zhao")
def release(batch_id: BatchId, by: By = "", as_json: AsJson = False) -> None:
    """Let a batch be paid by the next cycles; whoever submitted it may not."""

    async def act(platform: Platform) -> pb.DisbursementBatch:
        answer: pb.ReleaseBatchResponse = await _stub(platform).ReleaseBatch(pb.ReleaseBatchRequest(batch_id=batch_id))
        return answer.batch

    found = call(act, by)
    emit(plain(found)) if as_json else _show_batches([found])


@app.command(
    epilog="Example: tuoqi disbursement void BATCH --line 2026-autumn-000018 --reason 名单有误 --by reviewer.zhao"
)
def void(
    batch_id: BatchId,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; stays with the lines.")],
    refs: Annotated[list[str] | None, typer.Option("--line", metavar="REF", help="May be repeated.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every line of the batch.")] = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Take lines back; what was paid is recovered by the next cycle."""
    if bool(refs) == every:
        raise typer.BadParameter("用 --line 写明明细，或用 --all 作废整批，只能选一种。")

    async def act(platform: Platform) -> pb.VoidLinesResponse:
        request = pb.VoidLinesRequest(batch_id=batch_id, line_refs=refs or [], reason=reason)
        answer: pb.VoidLinesResponse = await _stub(platform).VoidLines(request)
        return answer

    answer = call(act, by)
    if as_json:
        emit(plain(answer))
        return
    _show_batches([answer.batch])
    say(f"本次作废 {answer.voided} 条")


def _line(row: ParsedRow) -> pb.DisbursementLine:
    values = row.values
    amount = values["amount"]
    return pb.DisbursementLine(
        line_ref=str(values["line_ref"]),
        person_id=str(values["person_id"]),
        programme=str(values["programme"] or ""),
        benefit_month=str(values["benefit_month"] or ""),
        amount_fen=amount if isinstance(amount, int) else 0,
    )


def _show_batches(found: Sequence[pb.DisbursementBatch]) -> None:
    rows = [
        (
            one.batch_id, one.client, one.idempotency_key, WORDS.get(one.state, one.state), one.accepted, one.duplicates,
            one.rejected, one.voided, yuan(one.amount_fen), shown(one.submitted_at), one.released_by,
        )
        for one in found
    ]  # fmt: skip
    columns = ("批次", "提交方", "幂等键", "状态", "接收", "重复", "未接收", "作废", "金额", "提交时间", "放行人")
    show_rows(columns, rows, right=columns[4:9])


def _show_results(results: Sequence[pb.LineResult]) -> None:
    if results:
        rows = [(one.line_ref, WORDS[one.outcome], one.sentence or one.earlier_batch_id) for one in results]
        show_rows(("编号", "结果", "原因"), rows)


def _show_lines(lines: Sequence[pb.Disbursement]) -> None:
    rows = [
        (
            one.line_ref, one.person_id, one.programme, one.benefit_month, yuan(one.amount_fen),
            WORDS.get(one.state, one.state), one.cycle, one.waits_for,
        )
        for one in lines
    ]  # fmt: skip
    columns = ("编号", "人员编号", "项目", "享受月份", "金额", "状态", "周期", "待发原因")
    show_rows(columns, rows, right=("金额",))


def _stub(platform: Platform) -> Any:
    return platform.stub(DisbursementServiceStub, "payments")
