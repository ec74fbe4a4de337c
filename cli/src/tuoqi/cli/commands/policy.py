"""`tuoqi policy`: a county's files are checked, and compared over everybody, before they are switched on."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from tuoqi.cli.options import AsJson, By, Limit, Purpose
from tuoqi.cli.output import Progress, emit, plain, say, show_rows, yuan
from tuoqi.cli.platform import Platform, call, county_dir
from tuoqi.contracts.payments.v1 import policy_service_pb2 as pb
from tuoqi.contracts.payments.v1.policy_service_pb2_grpc import PolicyServiceStub
from tuoqi.kit.county import County, CountyError
from tuoqi.kit.errors import TuoqiError, register_errors

app = typer.Typer(help="A county's rules as files 政策文件: checked and compared before they are switched on.")
SERVICES = ("registry", "visits", "payments", "alerts")
CURRENT = "current"
CHECK_S_MAX = 60
PRESENCE = {"BOTH": "", "ADDED": "新增", "REMOVED": "取消"}
register_errors({
    "cli.county_folder": ("INVALID_ARGUMENT", "“{folder}”不能作为县级政策文件夹：{problem}"),
    "cli.check_failed": ("INTERNAL", "{service} 没有完成检查：{problem}"),
})  # fmt: skip
Folder = Annotated[str, typer.Argument(metavar="DIR", help="A county's folder, or `current` for what is running.")]


@app.callback()
def policies() -> None:
    """A county's rules as files 政策文件: checked and compared before they are switched on."""


@app.command(epilog="Example: tuoqi policy check deploy/counties/990101")
def check(
    folder: Annotated[
        str, typer.Argument(metavar="[DIR]", help="A county's folder; default: the one that `tuoqi up` reads.")
    ] = "",
    month: Annotated[
        str, typer.Option("--month", metavar="YYYY-MM", help="Show the amounts of this month; default: all versions.")
    ] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Read a folder as each service does at its start: every fault at once, and what stands in it.

    Needs no running platform. `current` asks the running one instead.
    """
    if folder == CURRENT:
        answers = [call(_ask_running, by)]
    else:
        where = Path(folder) if folder else county_dir()
        if not where.is_dir():
            raise TuoqiError("cli.county_folder", folder=str(where), problem="没有这个文件夹。")
        answers = _check_here(where)
    faults: list[dict[str, Any]] = []
    for answer in answers:
        faults += [fault for fault in answer["faults"] if fault not in faults]
    content: dict[str, Any] = next((answer["content"] for answer in answers if answer["service"] == "payments"), {})
    if as_json:
        emit({"services": [answer["service"] for answer in answers], "faults": faults, "content": content})
    else:
        _show_check(answers, faults, content, month)
    if faults:
        raise typer.Exit(1)


@app.command(epilog="Example: tuoqi policy diff current ./new-county --month 2026-12 --by reviewer.zhao")
def diff(
    old: Folder,
    new: Folder,
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="The month to compare; it may lie ahead.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Everybody who gains or loses, as CSV.")
    ] = None,
    persons: Annotated[bool, typer.Option("--persons", help="List who gains or loses, by id.")] = False,
    names: Annotated[bool, typer.Option("--names", help="With names, masked numbers and reasons.")] = False,
    reveal: Annotated[bool, typer.Option("--reveal", help="Numbers in full; needs the right and a purpose.")] = False,
    limit: Limit = 100,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Reckon a month for everybody under two policies: who gains, who loses, how much. Changes nothing."""
    request = pb.DiffPolicyRequest(
        old=_files(old), new=_files(new), month=month,
        with_persons=persons or out is not None, with_names=names, reveal=reveal,
    )  # fmt: skip
    listed: list[pb.PolicyPersonChange] = []

    async def ask(platform: Platform) -> pb.PolicyDiff:
        found = pb.PolicyDiff()
        with ExitStack() as stack:
            progress = stack.enter_context(Progress("比较", quiet=as_json))
            writer = csv.writer(stack.enter_context(out.open("w", encoding="utf-8-sig", newline=""))) if out else None
            if writer:
                writer.writerow(COLUMNS)
            async for answer in _stub(platform).DiffPolicy(request):
                progress.tell(answer.persons_done, answer.persons_total)
                if writer:
                    writer.writerows(row for one in answer.persons for row in _cells(one))
                if persons:
                    listed.extend(answer.persons[: max(limit - len(listed), 0)])
                if answer.HasField("diff"):
                    found = answer.diff
        return found

    found = call(ask, by, purpose)
    if as_json:
        emit(plain(found))
        for one in listed:
            emit(plain(one))
        return
    _show_diff(found)
    shown = listed or list(found.biggest)
    if shown:
        say("变动最大的人员：" if not listed else "有变动的人员：")
        show_rows(COLUMNS, [row for one in shown for row in _cells(one)], right=("原金额", "新金额", "合计增减"))


COLUMNS = ("人员编号", "姓名", "证件号码", "项目", "原金额", "新金额", "合计增减", "原因代码", "原因")


def _cells(one: pb.PolicyPersonChange) -> list[tuple[str, ...]]:
    """One row for each programme of a person."""
    return [
        (
            one.person_id, one.name, one.id_number, change.programme,
            yuan(change.before_fen), yuan(change.after_fen), yuan(one.net_fen), change.reason, change.because,
        )
        for change in one.changes
    ]  # fmt: skip


def _show_diff(found: pb.PolicyDiff) -> None:
    rows = [
        (
            one.programme, one.name, PRESENCE.get(one.presence, one.presence), one.persons_before, one.persons_after,
            yuan(one.fen_before), yuan(one.fen_after), one.gaining, yuan(one.gain_fen), one.losing, yuan(one.loss_fen),
        )
        for one in found.programmes
    ]  # fmt: skip
    columns = (
        "项目",
        "名称",
        "增减",
        "原人数",
        "新人数",
        "原金额",
        "新金额",
        "增加人数",
        "增加额",
        "减少人数",
        "减少额",
    )
    show_rows(columns, rows, right=columns[3:])
    before, after = (sum(getattr(one, name) for one in found.programmes) for name in ("fen_before", "fen_after"))
    say(
        f"{found.month}：比较 {found.persons} 人，增加 {found.gaining} 人，减少 {found.losing} 人，"
        f"项目有变而合计不变 {found.shifted} 人；合计 {yuan(before)} 元 → {yuan(after)} 元，相差 {yuan(after - before)} 元。"
    )


def _files(folder: str) -> pb.PolicyFiles:
    """The files of a folder as they are sent; none for what is running. Raises cli.county_folder."""
    if folder == CURRENT:
        return pb.PolicyFiles()
    try:
        county = County.load(Path(folder))
        return pb.PolicyFiles(texts={name: county.text(name) for name in county.names()})
    except CountyError as error:
        raise TuoqiError("cli.county_folder", folder=folder, problem=str(error.faults[0])) from error


def _stub(platform: Platform) -> Any:
    return platform.stub(PolicyServiceStub, "payments")


async def _ask_running(platform: Platform) -> dict[str, Any]:
    answer = await _stub(platform).CheckPolicy(pb.CheckPolicyRequest())
    told = plain(answer)
    return {"service": "payments", "faults": told.pop("faults"), "content": told}


def _check_here(folder: Path) -> list[dict[str, Any]]:
    """What each service that is installed here says of a folder; each is asked as a program of its own."""
    here = [name for name in SERVICES if find_spec(f"tuoqi.{name}")]
    if missing := [name for name in SERVICES if name not in here]:
        say(f"本机没有安装这些服务，没有检查它们的文件：{'、'.join(missing)}")
    with ThreadPoolExecutor(len(SERVICES)) as pool:
        return list(pool.map(lambda name: _check_one(name, folder), here))


def _check_one(service: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", f"tuoqi.{service}", "check", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=CHECK_S_MAX, check=False)  # noqa: S603 -- our own program
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        problem = (done.stderr.strip().splitlines() or ["没有回答"])[-1]
        raise TuoqiError("cli.check_failed", service=service, problem=problem) from None
    return answer


def _show_check(
    answers: list[dict[str, Any]], faults: list[dict[str, Any]], content: dict[str, Any], month: str
) -> None:
    rows = [
        (one["key"], one["name"], version["effective_from"], version["until"], amount["who"],
         "" if amount["monthly_fen"] is None else yuan(amount["monthly_fen"]), version["terms"], version["version"])
        for one in content.get("programmes", ())
        for version in one["versions"]
        if not month or version["effective_from"] <= month <= (version["until"] or month)
        for amount in version["amounts"]
    ]  # fmt: skip
    if rows:
        show_rows(("项目", "名称", "起", "止", "对象", "月标准", "发放条件", "版本"), rows, right=("月标准",))
    for number, step in enumerate(content.get("stacking", ()), start=1):
        print(f"叠加 {number}\t{step}")
    if faults:
        show_rows(
            ("文件", "行", "位置", "问题"),
            [(fault["file"], fault["line"] or "", fault["place"], fault["reason"]) for fault in faults],
            right=("行",),
        )
    checked = "、".join(answer["service"] for answer in answers)
    say(f"已按 {checked} 的规则检查，{f'有 {len(faults)} 处问题，不能启用' if faults else '没有问题'}。")
