"""`tuoqi bank`: files for banks by template, replies, answers that fit nothing, returned money out again."""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import typer

from tuoqi.cli.files.bank import Folder, is_whole, read_rows
from tuoqi.cli.files.reading import open_table
from tuoqi.cli.files.writing import PRIVATE, writing
from tuoqi.cli.options import AsJson, By, Limit, Purpose
from tuoqi.cli.output import Progress, emit, plain, say, show_rows, shown, yuan
from tuoqi.cli.paging import PAGE_MAX
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.transfers import Loaded, import_file
from tuoqi.contracts.payments.v1 import bank_service_pb2 as pb
from tuoqi.contracts.payments.v1.bank_service_pb2_grpc import BankServiceStub

app = typer.Typer(help="Files for banks 银行文件: instructions out by template, replies in, returned money again.")
unmatched = typer.Typer(help="Answers of a bank that fit no instruction 未匹配回盘.")
app.add_typer(unmatched, name="unmatched", no_args_is_help=True)

Format = Annotated[str, typer.Option("--format", metavar="KEY", help="A template of the county; `tuoqi bank formats`.")]
ResultId = Annotated[str, typer.Argument(metavar="ID", help="The answer, as `tuoqi bank unmatched list` names it.")]
CycleArg = Annotated[str, typer.Argument(metavar="CYCLE", help="A cycle's name, id or month.")]
HELD = {
    "HEIR": "等待继承人账户",
    "FACILITY": "等待机构账户",
    "GUARDIAN": "等待监护人账户",
    "ACCOUNT": "没有账户",
    "SAME_ACCOUNT": "账户没有变更",
    "NOTHING_HELD": "已另行处理",
}
WHY = {"UNKNOWN": "没有这条指令", "AMOUNT": "金额不一致", "CONTRADICTION": "同一文件内相反"}
PIECE_BYTES = 1 << 20
PIECE_ROWS = 1_000
RESULT_COLUMNS = ("instruction_id", "result", "return_reason", "settled_on", "amount")
RESULT_HEADINGS = ("指令号", "结果", "退票原因", "入账日期", "金额")


@app.callback()
def bank() -> None:
    """Files for banks, and what comes back."""


def _stub(platform: Platform) -> Any:
    return platform.stub(BankServiceStub, "payments")


@app.command(epilog="Example: tuoqi bank formats --by finance.qian")
def formats(by: By = "", as_json: AsJson = False) -> None:
    """List the county's templates 银行模板."""

    async def ask(platform: Platform) -> pb.ListBankFormatsResponse:
        answer: pb.ListBankFormatsResponse = await _stub(platform).ListBankFormats(pb.ListBankFormatsRequest())
        return answer

    found = call(ask, by).formats
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [(one.key, one.name, one.kind, one.encoding, one.reply_kind or "无") for one in found]
    show_rows(("模板", "名称", "文件", "编码", "回盘"), rows)


@app.command(
    epilog="Example: tuoqi bank export 2026-11 --format ccb_fixed --out bank --by finance.qian --purpose 11月代发"
)
def export(
    cycle: CycleArg,
    format_: Format,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to; made where it is missing.")],
    batch: Annotated[int, typer.Option("--batch", min=0, help="An earlier batch again; 0 = the new instructions.")] = 0,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Write a batch of instructions as the bank wants them, with a signed manifest. Only their owner may read them."""
    request = pb.ExportBankFilesRequest(cycle=cycle, format=format_, export_no=batch)

    async def write(platform: Platform) -> str:
        with Folder(out) as folder:
            async for piece in _stub(platform).ExportBankFiles(request):
                if piece.manifest:
                    folder.manifest(piece.manifest)
                else:
                    folder.add(piece.file, piece.data, [list(row.cells) for row in piece.rows])
            return folder.keep()

    written = json.loads(call(write, by, purpose))
    if as_json:
        emit(written)
        return
    rows = [(one["file"], one["bank"], one["rows"], yuan(one["amount_fen"])) for one in written["files"]]
    show_rows(("文件", "银行", "笔数", "金额"), rows, right=("笔数", "金额"))
    say(
        f"周期 {written['cycle']} 第 {written['export_no']} 批：{written['instructions']} 笔，"
        f"{yuan(written['amount_fen'])} 元，写入 {out}（含完整账号，仅本人可读；清单已签名）"
    )


@app.command(epilog="Example: tuoqi bank verify bank/2026-11-b1-ccb_fixed.manifest.json --by finance.qian")
def verify(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="The manifest; its files lie beside it.")],
    key: Annotated[
        str, typer.Option("--key", metavar="HEX", help="The platform's public key, to check without a platform.")
    ] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Check a manifest's signature, its sums, and every file that it names. Ends with 1 where anything is wrong."""

    async def ask(platform: Platform) -> str:
        answer: pb.GetSigningKeyResponse = await _stub(platform).GetSigningKey(pb.GetSigningKeyRequest())
        return answer.public_key

    faults = is_whole(manifest, key or call(ask, by))
    if as_json:
        emit({"manifest": manifest.name, "valid": not faults, "faults": faults})
    for fault in () if as_json else faults:
        say(fault)
    if faults:
        raise typer.Exit(1)
    if not as_json:
        say("签名、合计和所有文件均相符。")


@app.command(epilog="Example: tuoqi bank key --by finance.qian")
def key(by: By = "", as_json: AsJson = False) -> None:
    """Show the public key by which banks check the manifests."""

    async def ask(platform: Platform) -> str:
        answer: pb.GetSigningKeyResponse = await _stub(platform).GetSigningKey(pb.GetSigningKeyRequest())
        return answer.public_key

    found = call(ask, by)
    if as_json:
        emit({"public_key": found})
    else:
        say(found)


@app.command(epilog="Example: tuoqi bank results reply.txt --format ccb_fixed --by finance.qian")
def results(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The bank's reply 回盘.")],
    format_: Format,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Only convert: write bank_results here, take nothing.")
    ] = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Read a bank's reply by its template and take the results."""

    async def convert(platform: Platform) -> list[pb.ConvertedResult]:
        answer: pb.ConvertBankReplyResponse = await _stub(platform).ConvertBankReply(_reply(file, format_))
        return list(answer.results)

    converted = call(convert, by)
    if out is not None:
        _write_results(out, converted)
        say(f"{len(converted)} 条结果写入 {out}，未登记。")
        return
    with tempfile.TemporaryDirectory(prefix="tuoqi-") as folder:
        # Named after the reply: the import keeps the name, and the rows decide whether it was loaded before.
        path = Path(folder) / f"{file.stem}.csv"
        _write_results(path, converted)
        table = open_table(path)

        async def load(platform: Platform) -> Loaded:
            with Progress("bank_results", quiet=as_json) as progress:
                return await import_file(platform, "bank_results", table, told=progress.tell)

        loaded = call(load, by)
    if as_json:
        emit({**plain(loaded.started), **plain(loaded.result), "problems": [plain(one) for one in loaded.problems]})
        return
    if loaded.problems:
        rows = [(one.row_number - 1, one.column, one.value, one.reason) for one in loaded.problems]
        show_rows(("第几条", "列", "值", "原因"), rows, right=("第几条",))
    if loaded.loaded_before:
        say(f"这份回盘已于 {shown(loaded.started.loaded_before_at)} 登记过，没有改动。")
        return
    done = loaded.result
    say(f"登记 {done.rows_changed} 条，重复 {done.rows_unchanged} 条，未采用 {done.rows_rejected} 条")


async def _reply(file: Path, format_: str) -> AsyncIterator[pb.ConvertBankReplyRequest]:
    """The reply as the service wants it: rows where it is a spreadsheet, else its bytes."""
    yield pb.ConvertBankReplyRequest(format=format_)
    rows = read_rows(file)
    if rows is not None:
        for first in range(0, len(rows), PIECE_ROWS):
            piece = [pb.SheetRow(cells=row) for row in rows[first : first + PIECE_ROWS]]
            yield pb.ConvertBankReplyRequest(rows=piece)
        return
    with file.open("rb") as opened:
        while data := opened.read(PIECE_BYTES):
            yield pb.ConvertBankReplyRequest(data=data)


def _write_results(path: Path, converted: list[pb.ConvertedResult]) -> None:
    with writing(path, mode=PRIVATE) as write:
        write([f"{title}[{name}]" for title, name in zip(RESULT_HEADINGS, RESULT_COLUMNS, strict=True)])
        for one in converted:
            write([getattr(one, name) for name in RESULT_COLUMNS])


@app.command(epilog="Example: tuoqi bank reissue 2026-11 --by finance.qian")
def reissue(
    cycle: CycleArg,
    instruction: Annotated[
        list[str] | None, typer.Option("--instruction", metavar="ID", help="Only this returned one; may be repeated.")
    ] = None,
    same_account: Annotated[
        bool, typer.Option("--same-account", help="Also to an account that was not changed; needs --purpose.")
    ] = False,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Send returned money of a cycle out again 退票重发 where the account has been mended."""
    request = pb.ReissueReturnedRequest(cycle=cycle, instruction_ids=instruction or [], same_account=same_account)

    async def ask(platform: Platform) -> pb.ReissueReturnedResponse:
        answer: pb.ReissueReturnedResponse = await _stub(platform).ReissueReturned(request)
        return answer

    done = call(ask, by, purpose)
    if as_json:
        emit(plain(done))
        return
    rows = [(one.instruction_id, one.reissue_of, yuan(one.amount_fen)) for one in done.reissued]
    show_rows(("新指令", "原指令", "金额"), rows, right=("金额",))
    for old, reason in sorted(done.held.items()):
        say(f"{old} 未重发：{HELD.get(reason, reason)}")
    say(f"重发 {len(done.reissued)} 条，未重发 {len(done.held)} 条")


@unmatched.command("list", epilog="Example: tuoqi bank unmatched list --by finance.qian")
def list_(
    state: Annotated[str, typer.Option("--state", help="OPEN, ASSIGNED, DISMISSED or ALL.")] = "OPEN",
    limit: Limit = 1000,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List answers that were not taken, with the reason."""

    async def ask(platform: Platform) -> list[pb.UnmatchedResult]:
        found: list[pb.UnmatchedResult] = []
        token = ""
        while len(found) < limit:
            size = min(PAGE_MAX, limit - len(found))
            request = pb.ListUnmatchedResultsRequest(state=state, page_size=size, page_token=token)
            answer: pb.ListUnmatchedResultsResponse = await _stub(platform).ListUnmatchedResults(request)
            found += answer.results
            token = answer.next_page_token
            if not token:
                break
        return found

    _show_unmatched(call(ask, by), as_json=as_json)


@unmatched.command(epilog="Example: tuoqi bank unmatched assign ID --instruction 2026-11-0a1b2c3d4e5f --by finance.sun")
def assign(
    result_id: ResultId,
    instruction: Annotated[str, typer.Option("--instruction", metavar="ID", help="The instruction that it means.")],
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Take an answer for an instruction. Not by who loaded the file."""
    request = pb.AssignUnmatchedResultRequest(result_id=result_id, instruction_id=instruction)

    async def ask(platform: Platform) -> pb.UnmatchedResult:
        answer: pb.AssignUnmatchedResultResponse = await _stub(platform).AssignUnmatchedResult(request)
        return answer.result

    _show_unmatched([call(ask, by)], as_json=as_json)


@unmatched.command(epilog="Example: tuoqi bank unmatched dismiss ID --reason 他县指令 --by finance.sun")
def dismiss(
    result_id: ResultId,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why nothing follows from it.")],
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """End an answer without taking it. Not by who loaded the file."""
    request = pb.DismissUnmatchedResultRequest(result_id=result_id, because=reason)

    async def ask(platform: Platform) -> pb.UnmatchedResult:
        answer: pb.DismissUnmatchedResultResponse = await _stub(platform).DismissUnmatchedResult(request)
        return answer.result

    _show_unmatched([call(ask, by)], as_json=as_json)


def _show_unmatched(found: list[pb.UnmatchedResult], *, as_json: bool) -> None:
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (
            one.result_id,
            WHY.get(one.why, one.why),
            one.instruction_id,
            one.result,
            one.settled_on,
            yuan(one.amount_fen) if one.HasField("amount_fen") else "",
            one.return_reason,
            one.state,
            one.taken_by,
            one.decided_by,
            one.assigned_to or one.because,
        )
        for one in found
    ]
    columns = ("编号", "原因", "指令号", "结果", "入账日期", "金额", "退票原因", "状态", "导入", "处理", "结论")
    show_rows(columns, rows, right=("金额",))
