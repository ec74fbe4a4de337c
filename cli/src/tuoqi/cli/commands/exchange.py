"""`tuoqi import` and `tuoqi export`: the files of the public contract, in and out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import grpc
import typer

from tuoqi.cli.files.reading import TableFile, open_table
from tuoqi.cli.options import AsJson, By, CycleName, Month, Purpose
from tuoqi.cli.output import Progress, emit, plain, say, show_rows, shown
from tuoqi.cli.platform import EXPORTS, IMPORTS, Platform, call, service_of
from tuoqi.cli.transfers import Loaded, export_file, import_file, write_rejects
from tuoqi.contracts.payments.v1 import payments_service_pb2 as payments
from tuoqi.contracts.payments.v1.payments_service_pb2_grpc import PaymentsServiceStub

app = typer.Typer()
PROBLEMS_SHOWN = 100
Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to; .xlsx writes a spreadsheet.")]


@app.command("import", epilog="Example: tuoqi import persons persons.csv --by clerk.li --rejects bad.csv")
def import_command(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="、".join(IMPORTS))],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV (UTF-8 or GB18030) or XLSX.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and report, write nothing.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Load it although the same content was loaded before.")
    ] = False,
    rejects: Annotated[
        Path | None, typer.Option("--rejects", help="Write rejected rows with their reasons here.")
    ] = None,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Load a file; bad rows are named, good rows of the same file are taken."""
    service_of(kind, IMPORTS)
    table = open_table(file)

    progress = Progress(kind, quiet=as_json, rated=True)

    async def load(platform: Platform) -> Loaded:
        with progress:
            return await import_file(platform, kind, table, dry_run=dry_run, again=again, told=progress.tell)

    try:
        loaded = call(load, by, purpose)
    except (KeyboardInterrupt, grpc.RpcError):
        if progress.done and not dry_run:
            say(f"导入中断，前 {progress.done} 行已处理并保存；再次运行同一条命令即从此处继续，不会重复。")
        raise
    written = write_rejects(rejects, table, loaded.rejected) if rejects and loaded.rejected else 0
    if as_json:
        _emit(kind, table, loaded, dry_run=dry_run)
        return
    if loaded.started.resume_after_row:
        say(f"接上次中断处，从第 {loaded.started.resume_after_row + 1} 行继续。")
    for warning in loaded.started.warnings:
        say(f"提示：{warning}")
    _show_problems(loaded)
    if loaded.loaded_before:
        say(f"这份文件已于 {shown(loaded.started.loaded_before_at)} 导入过，没有改动；--again 可再次导入。")
        return
    result = loaded.result
    say(
        f"{'试运行' if dry_run else '导入'} {kind}：变更 {result.rows_changed} 行，未变 {result.rows_unchanged} 行，"
        f"退回 {result.rows_rejected} 行，事件 {result.events} 个"
    )
    if written:
        say(f"退回的 {written} 行连同原因写入 {rejects}（含完整号码，仅本人可读）")


def _emit(kind: str, table: TableFile, loaded: Loaded, *, dry_run: bool) -> None:
    emit(
        {
            "kind": kind,
            "file": table.path.name,
            "content_hash": table.content_hash,
            "dry_run": dry_run,
            "rows": table.total_rows,
            **plain(loaded.started),
            **plain(loaded.result),
            "problems": [plain(problem) for problem in loaded.problems],
        }
    )


def _show_problems(loaded: Loaded) -> None:
    if not loaded.problems:
        return
    shown_now = loaded.problems[:PROBLEMS_SHOWN]
    rows = [
        (p.row_number, p.column, p.value, f"（仅提示）{p.reason}" if p.only_warning else p.reason) for p in shown_now
    ]
    show_rows(("行", "列", "值", "原因"), rows)
    if len(loaded.problems) > len(shown_now):
        say(f"另有 {len(loaded.problems) - len(shown_now)} 处未列出；--json 或 --rejects 可得全部。")


@app.command("export", epilog="Example: tuoqi export payment_lines --cycle 2026-11 --out lines.xlsx --by finance.qian")
def export_command(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="、".join(EXPORTS))],
    out: Out,
    cycle: CycleName = "",
    month: Month = "",
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Identity numbers in full; needs the right and a purpose.")
    ] = False,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Write a table: UTF-8 with BOM, or XLSX where the name ends so."""
    service_of(kind, EXPORTS)

    async def write(platform: Platform) -> int:
        cycle_id = await cycle_id_of(platform, cycle or month) if cycle or month else ""
        with Progress(kind, quiet=as_json) as progress:
            return await export_file(platform, kind, out, cycle_id=cycle_id, reveal=reveal, told=progress.tell)

    rows = call(write, by, purpose)
    if as_json:
        emit({"kind": kind, "out": str(out), "rows": rows, "reveal": reveal})
    else:
        say(f"{kind}：{rows} 行写入 {out}")


async def cycle_id_of(platform: Platform, name: str) -> str:
    """The id of a cycle that is given by id, name or month."""
    stub: Any = platform.stub(PaymentsServiceStub, "payments")
    answer: payments.GetCycleResponse = await stub.GetCycle(payments.GetCycleRequest(cycle=name))
    return answer.cycle.ref.cycle_id
