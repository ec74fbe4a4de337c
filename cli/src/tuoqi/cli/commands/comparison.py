"""`tuoqi comparison`: what comparison lists 比对名单 change or suggest, and a clerk's decision on each finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import grpc
import typer

from tuoqi.cli.files.reading import TableFile, open_table
from tuoqi.cli.files.writing import PRIVATE, writing
from tuoqi.cli.options import AsJson, By, Limit, Purpose
from tuoqi.cli.output import emit, plain, say, show_rows, shown
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.whom import Whom, person_id_of
from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.contracts.registry.v1 import comparison_service_pb2 as pb
from tuoqi.contracts.registry.v1 import visit_report_service_pb2 as reported
from tuoqi.contracts.registry.v1.comparison_service_pb2_grpc import ComparisonServiceStub
from tuoqi.contracts.registry.v1.visit_report_service_pb2_grpc import VisitReportServiceStub
from tuoqi.kit.errors import TuoqiError, register_errors

app = typer.Typer(help="Comparison lists 比对名单: what they change or suggest.")
LISTS = ("deaths", "moves", "comparison")
CHUNK = 1_000
TOWN_DIGITS = 9
COLUMNS = (
    "行[row]", "结果编号[finding_id]", "姓名[name]", "证件号码[id_number]", "区划[region]", "事由[kind]", "日期[date]",
    "名单[outcome]", "处理[state]", "影响[effects]",
)  # fmt: skip
WORDS = {
    "NEW": "新增", "KNOWN": "已登记", "WITHDRAWN": "撤回", "OPEN": "待处理", "ACCEPTED": "已采纳", "REFUTED": "不采纳",
    "REPLACED": "已被后来的替代", "NONE": "",
}  # fmt: skip
register_errors(
    {
        "cli.needs_list": ("INVALID_ARGUMENT", "请给出名单文件，或用 --latest 说明哪一种：deaths、moves、comparison。"),
        "cli.needs_verdict": ("INVALID_ARGUMENT", "请用 --accept 或 --refute 说明是否采纳。"),
    }
)


@app.callback()
def comparisons() -> None:
    """Comparison lists 比对名单: what they change or suggest."""


@app.command(epilog="Example: tuoqi comparison report --latest deaths --by clerk.li --purpose 每月比对")
def report(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A list; its name says which, or --list does.")
    ] = None,
    latest: Annotated[str, typer.Option("--latest", metavar="LIST", help="The one loaded last: deaths, …")] = "",
    list_: Annotated[str, typer.Option("--list", metavar="LIST", help="What the file is.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="As if the file were loaded now.")] = False,
    state: Annotated[str, typer.Option("--state", help="Only OPEN, ACCEPTED, REFUTED, …")] = "",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it as CSV or XLSX.")] = None,
    limit: Limit = 100_000,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Show what each row of a list changes or suggests; a file that is not loaded yet is only looked at."""
    name = list_ or latest or next((one for one in LISTS if file and file.name.startswith(one)), "")
    if bool(file) == bool(latest) or name not in LISTS:
        raise TuoqiError("cli.needs_list")
    table = open_table(file) if file else None

    async def ask(platform: Platform) -> tuple[list[pb.Finding], list[table_pb2.RowProblem]]:
        stub: Any = platform.stub(ComparisonServiceStub, "registry")
        if table is not None and dry_run:
            return await _preview(stub, name, table)
        try:
            return await _loaded(stub, name, table.content_hash if table else "", state, limit), []
        except grpc.aio.AioRpcError as error:
            if table is None or error.code() != grpc.StatusCode.NOT_FOUND:
                raise
            return await _preview(stub, name, table)

    found, problems = call(ask, by, purpose)
    found = [one for one in found if not state or one.state == state]
    _show_report(found, problems, out, as_json=as_json)


@app.command("list", epilog="Example: tuoqi comparison list --by clerk.li")
def list_comparisons(
    list_: Annotated[str, typer.Option("--list", metavar="LIST", help="Only deaths, moves or comparison.")] = "",
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List the lists that were loaded, newest first, with what is still open."""

    async def ask(platform: Platform) -> list[pb.ComparisonList]:
        stub: Any = platform.stub(ComparisonServiceStub, "registry")

        async def page(size: int, token: str) -> tuple[list[pb.ComparisonList], str]:
            request = pb.ListComparisonsRequest(list=list_, page_size=size, page_token=token)
            answer: pb.ListComparisonsResponse = await stub.ListComparisons(request)
            return list(answer.lists), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [(shown(o.loaded_at), o.list, o.rows, o.rows_new, o.rows_open, o.content_hash[:12]) for o in found]
    show_rows(("导入时间", "名单", "行数", "新增", "待处理", "内容"), rows, right=("行数", "新增", "待处理"))


@app.command(epilog="Example: tuoqi comparison decide ID --refute --reason 同名不是本人 --by clerk.li")
def decide(
    finding_id: Annotated[str, typer.Argument(metavar="ID", help="The finding, as the report shows it.")],
    accept: Annotated[bool, typer.Option("--accept", help="It is so; suggested changes are drafted.")] = False,
    refute: Annotated[bool, typer.Option("--refute", help="It is not so.")] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; needed with --refute.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Decide a finding. What an acceptance drafts is then submitted by `tuoqi change submit`."""
    if accept == refute:
        raise TuoqiError("cli.needs_verdict")

    async def act(platform: Platform) -> pb.Finding:
        stub: Any = platform.stub(ComparisonServiceStub, "registry")
        request = pb.DecideFindingRequest(finding_id=finding_id, accept=accept, reason=reason)
        answer: pb.DecideFindingResponse = await stub.DecideFinding(request)
        return answer.finding

    found = call(act, by)
    if as_json:
        emit(plain(found))
        return
    say(f"{found.kind_name} {found.happened_on}：{WORDS.get(found.state, found.state)}")
    for change_id in found.change_ids:
        say(f"已起草变更申请 {change_id}；核对后用 tuoqi change submit {change_id} 提交")


@app.command("visits", epilog="Example: tuoqi comparison visits --by clerk.li --purpose 核查")
def visit_reports(limit: Limit = 100, by: By = "", purpose: Purpose = "", as_json: AsJson = False) -> None:
    """List people of whom a visit says that they moved or died and the register does not know it."""

    async def ask(platform: Platform) -> list[reported.VisitReport]:
        stub: Any = platform.stub(VisitReportServiceStub, "registry")

        async def page(size: int, token: str) -> tuple[list[reported.VisitReport], str]:
            request = reported.ListVisitReportsRequest(page_size=size, page_token=token)
            answer: reported.ListVisitReportsResponse = await stub.ListVisitReports(request)
            return list(answer.reports), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by, purpose)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [(o.kind_name, o.name, o.number, o.region, o.first_on, o.last_on, o.reports, o.person_id) for o in found]
    show_rows(("事由", "姓名", "证件号码", "区划", "首次", "最近", "次数", "人员编号"), rows, right=("次数",))
    say("核实后用 deaths.csv、moves.csv 登记，或用 tuoqi comparison refute 说明不属实" if found else "没有待核查的人")


@app.command(epilog="Example: tuoqi comparison refute PERSON --kind death --reason 同名不是本人 --by clerk.li")
def refute(
    person: Whom,
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help="death or move.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it is not so.")],
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Say that what visits report of somebody is not so; a later report opens it again."""

    async def act(platform: Platform) -> reported.RefuteVisitReportResponse:
        stub: Any = platform.stub(VisitReportServiceStub, "registry")
        request = reported.RefuteVisitReportRequest(
            person_id=await person_id_of(platform, person), kind=kind, reason=reason
        )
        answer: reported.RefuteVisitReportResponse = await stub.RefuteVisitReport(request)
        return answer

    answer = call(act, by)
    if as_json:
        emit(plain(answer))
    else:
        print(f"已注明不属实，共 {answer.reports} 次报告")


def _show_report(
    found: Sequence[pb.Finding], problems: Sequence[table_pb2.RowProblem], out: Path | None, *, as_json: bool
) -> None:
    if as_json:
        for one in found:
            emit(plain(one))
        for problem in problems:
            emit({"problem": plain(problem)})
        emit({"towns": _towns(found)})
        return
    rows = [_row(one) for one in found]
    if out:
        with writing(out, mode=PRIVATE) as write:
            write(COLUMNS)
            for row in rows:
                write([str(cell) for cell in row])
        say(f"{len(rows)} 行写入 {out}（含姓名，仅本人可读）")
    else:
        show_rows([column.partition("[")[0] for column in COLUMNS], rows, right=("行",))
    for problem in problems:
        say(f"第 {problem.row_number} 行 {problem.column}：{problem.reason}")
    counts = [(town, *some.values()) for town, some in _towns(found).items()]
    show_rows(("乡镇", "行数", "新增", "待处理"), counts, right=("行数", "新增", "待处理"))


async def _loaded(stub: Any, name: str, content_hash: str, state: str, limit: int) -> list[pb.Finding]:
    async def page(size: int, token: str) -> tuple[list[pb.Finding], str]:
        request = pb.ReportComparisonRequest(
            list=name, content_hash=content_hash, state=state, page_size=size, page_token=token
        )
        answer: pb.ReportComparisonResponse = await stub.ReportComparison(request)
        return list(answer.findings), answer.next_page_token

    return await pages(page, limit)


async def _preview(stub: Any, name: str, table: TableFile) -> tuple[list[pb.Finding], list[table_pb2.RowProblem]]:
    rows = [table_pb2.TableRow(number=number, cells=cells) for number, cells in table.rows()]
    found: list[pb.Finding] = []
    problems: list[table_pb2.RowProblem] = []
    for first in range(0, len(rows), CHUNK):
        request = pb.PreviewComparisonRequest(list=name, columns=table.columns, rows=rows[first : first + CHUNK])
        answer: pb.PreviewComparisonResponse = await stub.PreviewComparison(request)
        found += answer.findings
        problems += answer.problems
    return found, problems


def _row(one: pb.Finding) -> tuple[object, ...]:
    effects = "；".join(
        effect.text + (f"（{effect.related_person_id}）" if effect.related_person_id else "") for effect in one.effects
    )
    return (
        one.row_number, one.finding_id, one.name, one.number, one.region, one.kind_name, one.happened_on,
        WORDS.get(one.outcome, one.outcome), WORDS.get(one.state, one.state), effects,
    )  # fmt: skip


def _towns(found: Sequence[pb.Finding]) -> dict[str, dict[str, int]]:
    rows = Counter(one.region[:TOWN_DIGITS] for one in found)
    new = Counter(one.region[:TOWN_DIGITS] for one in found if one.outcome == "NEW")
    waiting = Counter(one.region[:TOWN_DIGITS] for one in found if one.state == "OPEN")
    return {town: {"rows": count, "new": new[town], "open": waiting[town]} for town, count in sorted(rows.items())}
