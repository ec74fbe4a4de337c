"""`tuoqi change`: change requests 变更申请, made by one user and checked by another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from tuoqi.cli.files.reading import open_table
from tuoqi.cli.options import AsJson, By, Limit, Purpose
from tuoqi.cli.output import Progress, emit, plain, say, show_pairs, show_rows, shown
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.contracts.registry.v1 import change_service_pb2 as pb
from tuoqi.contracts.registry.v1.change_service_pb2_grpc import ChangeServiceStub
from tuoqi.kit.errors import TuoqiError, register_errors

app = typer.Typer(help="Change requests 变更申请: made by one user, checked by another.")
ChangeId = Annotated[str, typer.Argument(metavar="ID", help="The request, as `change list` shows it.")]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, for the checker.")]
Kind = Annotated[str, typer.Argument(metavar="KIND", help="A file kind: persons, statuses, stays, deaths, moves, …")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count and name what would be rejected.")]
WORDS = {
    "DRAFT": "草稿", "SUBMITTED": "待复核", "APPLYING": "生效中", "APPROVED": "已生效", "REFUSED": "已退回",
    "CONFLICT": "有冲突", "WITHDRAWN": "已撤回", "UNDONE": "已撤销",
    "WAITING": "未生效", "CHANGED": "已变更", "UNCHANGED": "无变化", "REJECTED": "未采用",
}  # fmt: skip
register_errors({"cli.not_a_setting": ("INVALID_ARGUMENT", "“{text}”不是 列=值 的写法。")})


@app.callback()
def changes() -> None:
    """Change requests 变更申请: made by one user, checked by another."""


@app.command(epilog="Example: tuoqi change draft persons row.csv --note 核实地址 --by clerk.li")
def draft(
    kind: Kind,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or XLSX in the columns of the kind.")],
    note: Note = "",
    dry_run: DryRun = False,
    submit: Annotated[bool, typer.Option("--submit", help="Hand it over at once.")] = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Keep the rows of a file as a draft; one bad row keeps the whole draft out."""
    table = open_table(file)
    rows = [table_pb2.TableRow(number=number, cells=cells) for number, cells in table.rows()]
    request = pb.DraftChangeRequest(kind=kind, columns=table.columns, rows=rows, note=note, dry_run=dry_run)
    _draft(request, by, submit=submit, as_json=as_json)


@app.command(
    epilog="Example: tuoqi change bulk persons --region 990101101201 --set residence_region=990101101202"
    " --note 并村 --by clerk.li"
)
def bulk(
    kind: Kind,
    given: Annotated[list[str], typer.Option("--set", metavar="COLUMN=VALUE", help="Once for each column.")],
    region: Annotated[str, typer.Option("--region", help="Only people of this region and those below it.")] = "",
    category: Annotated[str, typer.Option("--category", help="Only people in this category today.")] = "",
    person: Annotated[list[str] | None, typer.Option("--person", help="Only this person; may be repeated.")] = None,
    note: Note = "",
    dry_run: DryRun = False,
    submit: Annotated[bool, typer.Option("--submit", help="Hand it over at once.")] = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Set columns for many people as one draft; for `statuses`, of their interval in force of the category."""
    pairs = [text.partition("=") for text in given]
    if wrong := [text for text, (_, sign, _) in zip(given, pairs, strict=True) if not sign]:
        raise TuoqiError("cli.not_a_setting", text=wrong[0])
    chosen = pb.Selection(region=region, category=category, person_ids=person or [])
    values = {column.strip(): value for column, _, value in pairs}
    request = pb.DraftChangeRequest(kind=kind, selection=chosen, set=values, note=note, dry_run=dry_run)
    _draft(request, by, submit=submit, as_json=as_json)


@app.command("list", epilog="Example: tuoqi change list --state SUBMITTED --by reviewer.zhao")
def list_changes(
    state: Annotated[str, typer.Option("--state", help="、".join(list(WORDS)[:8]))] = "",
    kind: Annotated[str, typer.Option("--kind", help="Only this file kind.")] = "",
    made_by: Annotated[str, typer.Option("--made-by", metavar="USER", help="Only those of this maker.")] = "",
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List requests, newest first."""

    async def ask(platform: Platform) -> list[pb.Change]:
        async def page(size: int, token: str) -> tuple[list[pb.Change], str]:
            request = pb.ListChangesRequest(state=state, kind=kind, made_by=made_by, page_size=size, page_token=token)
            answer: pb.ListChangesResponse = await _stub(platform).ListChanges(request)
            return list(answer.changes), answer.next_page_token

        return await pages(page, limit)

    _show(call(ask, by), as_json=as_json)


@app.command(epilog="Example: tuoqi change show ID --by reviewer.zhao --purpose 复核")
def show(
    change_id: ChangeId,
    state: Annotated[str, typer.Option("--rows", metavar="STATE", help="Only rows in this state.")] = "",
    reveal: Annotated[bool, typer.Option("--reveal", help="In full; needs the right and a purpose.")] = False,
    limit: Limit = 100,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Show a request with its rows: what was seen, what is wanted, what stands there now."""

    async def ask(platform: Platform) -> tuple[pb.GetChangeResponse, list[pb.ChangeRow]]:
        stub = _stub(platform)
        found: pb.GetChangeResponse = await stub.GetChange(
            pb.GetChangeRequest(change_id=change_id, with_note=bool(purpose))
        )

        async def page(size: int, token: str) -> tuple[list[pb.ChangeRow], str]:
            request = pb.ListChangeRowsRequest(
                change_id=change_id, state=state, reveal=reveal, page_size=size, page_token=token
            )
            answer: pb.ListChangeRowsResponse = await stub.ListChangeRows(request)
            return list(answer.rows), answer.next_page_token

        return found, await pages(page, limit)

    found, rows = call(ask, by, purpose)
    if as_json:
        emit({**plain(found), "rows": [plain(row) for row in rows]})
        return
    _show([found.change], as_json=False)
    show_pairs({name: text for name, text in (("说明", found.note), ("退回理由", found.refused_because)) if text})
    cells = [
        (row.number, WORDS.get(row.state, row.state), cell.column, cell.seen, cell.wanted, cell.now, row.reason)
        for row in rows
        for cell in row.cells or [pb.ChangeCell()]
    ]
    show_rows(("行", "状态", "列", "原值", "改为", "现值（冲突）", "原因"), cells, right=("行",))


def _step(name: str, text: str, user: str, work: Callable[[Any, str], Any]) -> None:
    """Declare a command that takes one step of a request."""

    def command(change_id: ChangeId, by: By = "", purpose: Purpose = "", as_json: AsJson = False) -> None:
        async def act(platform: Platform) -> pb.Change:
            with Progress(name, quiet=as_json) as progress:
                return await _last(work(_stub(platform), change_id), progress)

        _show([call(act, by, purpose)], as_json=as_json)

    app.command(name, help=text, epilog=f"Example: tuoqi change {name} ID --by {user}")(command)


_step(
    "submit",
    "Hand a draft over to a checker; where none is needed, it takes effect at once.",
    "clerk.li",
    lambda stub, one: stub.SubmitChange(pb.SubmitChangeRequest(change_id=one)),
)
_step(
    "approve",
    "Let a request take effect, unless somebody changed the same since; again: go on with one that broke off.",
    "reviewer.zhao",
    lambda stub, one: stub.ApproveChange(pb.ApproveChangeRequest(change_id=one)),
)
_step(
    "rebase",
    "Make a request in conflict a draft again, on what stands there now.",
    "clerk.li",
    lambda stub, one: stub.RebaseChange(pb.RebaseChangeRequest(change_id=one)),
)
_step(
    "withdraw",
    "End a request of one's own that has not taken effect.",
    "clerk.li",
    lambda stub, one: stub.WithdrawChange(pb.WithdrawChangeRequest(change_id=one)),
)


@app.command(epilog="Example: tuoqi change refuse ID --reason 材料不全 --by reviewer.zhao")
def refuse(
    change_id: ChangeId,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why not; the maker reads it.")],
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """End a submitted request."""

    async def act(platform: Platform) -> pb.Change:
        request = pb.RefuseChangeRequest(change_id=change_id, reason=reason)
        answer: pb.RefuseChangeResponse = await _stub(platform).RefuseChange(request)
        return answer.change

    _show([call(act, by)], as_json=as_json)


@app.command(epilog="Example: tuoqi change undo ID --note 名单有误 --by clerk.li")
def undo(change_id: ChangeId, note: Note = "", by: By = "", as_json: AsJson = False) -> None:
    """Submit what puts an applied request back; rows that somebody changed later are left out and named."""

    async def act(platform: Platform) -> pb.UndoChangeResponse:
        answer: pb.UndoChangeResponse = await _stub(platform).UndoChange(
            pb.UndoChangeRequest(change_id=change_id, note=note)
        )
        return answer

    answer = call(act, by)
    if as_json:
        emit(plain(answer))
        return
    _show([answer.change], as_json=False)
    if answer.skipped:
        show_rows(("行", "不能改回的原因"), [(one.row_number, one.reason) for one in answer.skipped], right=("行",))


def _draft(request: pb.DraftChangeRequest, by: str, *, submit: bool, as_json: bool) -> None:
    async def act(platform: Platform) -> pb.DraftChangeResponse:
        stub = _stub(platform)
        answer: pb.DraftChangeResponse = await stub.DraftChange(request)
        if submit and answer.HasField("change"):
            handed = stub.SubmitChange(pb.SubmitChangeRequest(change_id=answer.change.change_id))
            with Progress("submit", quiet=as_json) as progress:
                answer.change.CopyFrom(await _last(handed, progress))
        return answer

    answer = call(act, by)
    if as_json:
        emit(plain(answer))
    else:
        problems = [
            (p.row_number, p.column, p.value, f"（仅提示）{p.reason}" if p.only_warning else p.reason)
            for p in answer.problems
        ]
        if problems:
            show_rows(("行", "列", "值", "原因"), problems, right=("行",))
        say(
            f"将变更 {answer.rows_changed} 行，无变化 {answer.rows_unchanged} 行，不能采用 {answer.rows_rejected} 行，"
            f"事件 {answer.events} 个"
        )
        if answer.HasField("change"):
            _show([answer.change], as_json=False)
    if answer.rows_rejected:
        if not as_json:
            say("有不能采用的行，没有生成变更申请。")
        raise typer.Exit(1)


async def _last(answers: Any, progress: Progress) -> pb.Change:
    """The request as a step leaves it, whether it is told once or after each chunk."""
    if not hasattr(answers, "__aiter__"):
        found: pb.Change = (await answers).change
        return found
    change = pb.Change()
    async for answer in answers:
        change = answer.change
        progress.tell(change.rows_done, change.rows_total)
    return change


def _stub(platform: Platform) -> Any:
    return platform.stub(ChangeServiceStub, "registry")


def _show(found: list[pb.Change], *, as_json: bool) -> None:
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (one.change_id, one.kind, WORDS.get(one.state, one.state), one.rows_total, one.rows_changed,
         one.rows_unchanged, one.rows_skipped, one.made_by, shown(one.made_at), one.checked_by, one.undoes)
        for one in found
    ]  # fmt: skip
    columns = ("申请编号", "文件", "状态", "行数", "变更", "无变化", "未采用", "提出", "提出时间", "复核", "撤销的申请")
    show_rows(columns, rows, right=("行数", "变更", "无变化", "未采用"))
