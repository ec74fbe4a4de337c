"""`tuoqi visits day|assign|share|load|task`: whom a worker visits today, who looks after whom, and extra tasks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import grpc
import typer

from tuoqi.cli.files.writing import PRIVATE, writing
from tuoqi.cli.options import AsJson, By, Limit, Purpose, moment_from
from tuoqi.cli.output import emit, plain, say, show_pairs, show_rows, shown
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.whom import person_id_of
from tuoqi.contracts.registry.v1 import worker_service_pb2 as registry
from tuoqi.contracts.registry.v1.worker_service_pb2_grpc import WorkerServiceStub
from tuoqi.contracts.visits.v1 import task_service_pb2 as pb
from tuoqi.contracts.visits.v1.task_service_pb2_grpc import TaskServiceStub
from tuoqi.kit.errors import TuoqiError, register_errors
from tuoqi.kit.stamps import stamp_of

register_errors({"cli.bad_task_state": ("INVALID_ARGUMENT", "没有“{state}”这种任务状态，可用：{allowed}。")})

app = typer.Typer()
task = typer.Typer(help="Extra tasks 临时任务 beside the plan: order, list, take back.")
app.add_typer(task, name="task", no_args_is_help=True)

Region = Annotated[str, typer.Option("--region", metavar="CODE", help="Only this region and those below it.")]
Worker = Annotated[str, typer.Option("--worker", metavar="ID", help="The worker's id; `tuoqi post list` shows it.")]
People = Annotated[list[str], typer.Option("--person", metavar="PERSON", help="This person; may be given repeatedly.")]
CARRY_OUT_S_MAX: Final = 600.0
DAY_COLUMNS: Final = ("顺序", "姓名", "地址", "等级", "事由", "期限", "上次见到", "见到本人", "备注", "人员编号")
STATES: Final = {"OPEN": "待完成", "DONE": "已完成", "CANCELLED": "已取消", "WITHDRAWN": "已撤销"}
REASONS: Final = {
    "new": "新分配", "handed_over": "移交", "balanced": "均衡调整", "by_hand": "人工指定", "no_worker": "无人看护",
    "": "待分配",
}  # fmt: skip


def _stub(platform: Platform) -> Any:
    return platform.stub(TaskServiceStub, "visits")


@app.command(epilog="Example: tuoqi visits day --region 990101101201 --out day.xlsx --by worker.tian")
def day(
    worker: Worker = "",
    region: Region = "",
    on: Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="The day; default today.")] = "",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it as .csv or .xlsx to print.")
    ] = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List whom to visit on a day in walking order 当日走访名单: name, address, why, by when, last seen."""

    async def ask(platform: Platform) -> pb.ListDayResponse:
        answer: pb.ListDayResponse = await _stub(platform).ListDay(
            pb.ListDayRequest(worker_id=worker, region=region, day=on)
        )
        return answer

    answer = call(ask, by)
    if as_json:
        emit(plain(answer))
        return
    rows = [_day_row(number, one) for number, one in enumerate(answer.visits, start=1)]
    if out:
        with writing(out, mode=PRIVATE) as write:
            for row in (DAY_COLUMNS, *rows):
                write(row)
        print(f"{out}\t{len(rows)} 人")
    else:
        show_rows(DAY_COLUMNS, rows, right=("顺序",))
    more = f"，近日还有 {answer.more} 人到期" if answer.more else ""
    say(
        f"{answer.day} 共 {len(rows)} 人，其中今天必须见到 {answer.urgent} 人{more}（每人每天 {answer.capacity} 人为宜）"
    )


def _day_row(number: int, one: pb.DayVisit) -> Sequence[str]:
    first = one.reasons[0]
    why = "、".join(dict.fromkeys(reason.why_zh for reason in one.reasons))
    when = shown(first.due_at) if first.HasField("due_at") else first.due_on
    name, seen = one.name or "（无权查看）", one.last_seen or "从未"
    return (str(number), name, one.address, one.grade_zh, why, when, seen, "□", "", one.person_id)


@app.command(epilog="Example: tuoqi visits assign --person PERSON --worker ID --by reviewer.zhao --purpose 家属要求")
def assign(
    person: People,
    worker: Worker = "",
    release: Annotated[bool, typer.Option("--release", help="Take back what was decided by hand.")] = False,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Give people to a worker by hand; it stays until it is taken back or the worker leaves. --purpose is the reason."""
    if bool(worker) == release:
        raise typer.BadParameter("给出 --worker 或 --release，二者择一")

    async def act(platform: Platform) -> pb.AssignResponse:
        people = [await person_id_of(platform, one) for one in person]
        answer: pb.AssignResponse = await _stub(platform).Assign(pb.AssignRequest(person_ids=people, worker_id=worker))
        return answer

    answer = call(act, by, purpose)
    if as_json:
        emit(plain(answer))
    else:
        print(f"{'收回' if release else '指定'} {answer.changed} 人")


@app.command(epilog="Example: tuoqi visits share --by reviewer.zhao")
def share(by: By = "", as_json: AsJson = False) -> None:
    """Share out now what changed 立即分工, without waiting for the next quarter of an hour."""

    async def act(platform: Platform) -> pb.ShareOutResponse:
        answer: pb.ShareOutResponse = await _stub(platform).ShareOut(pb.ShareOutRequest(), timeout=CARRY_OUT_S_MAX)
        return answer

    answer = call(act, by)
    if as_json:
        emit(plain(answer))
    else:
        print(f"调整 {answer.decided} 人")


@app.command(epilog="Example: tuoqi visits load --region 990101101000 --by supervisor.gu")
def load(region: Region = "", by: By = "", as_json: AsJson = False) -> None:
    """Show each worker's load, how even it is, and how many people nobody looks after 工作量."""

    async def ask(platform: Platform) -> tuple[pb.GetLoadResponse, dict[str, str]]:
        answer: pb.GetLoadResponse = await _stub(platform).GetLoad(pb.GetLoadRequest(region=region))
        return answer, {} if as_json else await _names(platform, region)

    answer, names = call(ask, by)
    if as_json:
        emit(plain(answer))
        return
    rows = [
        (names.get(one.worker_id, ""), one.people, _visits(one.visits_hundredths),
         "，".join(f"{grade} {count}" for grade, count in sorted(one.by_grade.items())), one.worker_id)
        for one in answer.workers
    ]  # fmt: skip
    show_rows(
        ("工作人员", "人数", "每月应探访次数", "各等级人数", "工作人员编号"), rows, right=("人数", "每月应探访次数")
    )
    most, least = _visits(answer.most_hundredths), _visits(answer.least_hundredths)
    say(f"{len(rows)} 人，最多 {most} 次、最少 {least} 次，均衡度 {answer.evenness}；无人看护 {answer.unassigned} 人")


async def _names(platform: Platform, region: str) -> dict[str, str]:
    """Names of workers, as far as the caller may see them."""
    stub: Any = platform.stub(WorkerServiceStub, "registry")

    async def page(size: int, token: str) -> tuple[list[registry.Worker], str]:
        request = registry.ListWorkersRequest(region=region, page_size=size, page_token=token)
        answer: registry.ListWorkersResponse = await stub.ListWorkers(request)
        return list(answer.workers), answer.next_page_token

    try:
        return {one.worker_id: one.name for one in await pages(page, 100_000)}
    except grpc.aio.AioRpcError:
        return {}


@app.command(epilog="Example: tuoqi visits assigned --unassigned --by supervisor.gu")
def assigned(
    worker: Worker = "",
    region: Region = "",
    unassigned: Annotated[bool, typer.Option("--unassigned", help="Only those whom nobody looks after.")] = False,
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List people with a plan and who looks after them 分工名单."""

    async def ask(platform: Platform) -> list[pb.Assignment]:
        async def page(size: int, token: str) -> tuple[list[pb.Assignment], str]:
            answer: pb.ListAssignmentsResponse = await _stub(platform).ListAssignments(
                pb.ListAssignmentsRequest(
                    region=region, worker_id=worker, unassigned=unassigned, page_size=size, page_token=token
                )
            )
            return list(answer.assignments), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [(one.person_id, one.region, one.grade, one.worker_id, REASONS.get(one.reason, one.reason)) for one in found]
    show_rows(("人员编号", "区划", "等级", "工作人员编号", "缘由"), rows)


@task.command(
    epilog="Example: tuoqi visits task order --cause spring-2027 --kind festival --region 990101101000 --grade HIGH"
    " --within-hours 72 --by reviewer.zhao"
)
def order(
    cause: Annotated[str, typer.Option("--cause", metavar="NAME", help="Names the order; again it changes nothing.")],
    kind: Annotated[str, typer.Option("--kind", help="festival, hospital_discharge, urgent … as tasks.yaml says.")],
    person: People = [],  # noqa: B006  typer reads it once and never changes it
    region: Region = "",
    grade: Annotated[list[str], typer.Option("--grade", help="Only this grade; may be given repeatedly.")] = [],  # noqa: B006
    category: Annotated[
        list[str], typer.Option("--category", help="Only with this status in force; may be given repeatedly.")
    ] = [],  # noqa: B006
    due: Annotated[str, typer.Option("--due", metavar="YYYY-MM-DD HH:MM", help="By when.")] = "",
    within_hours: Annotated[int, typer.Option("--within-hours", help="By when; default as tasks.yaml says.")] = 0,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Order an extra task for one person or for everybody of a region 派出临时任务."""

    async def act(platform: Platform) -> pb.OrderTasksResponse:
        request = pb.OrderTasksRequest(
            cause_id=cause,
            kind=kind,
            person_ids=[await person_id_of(platform, one) for one in person],
            region=region,
            grades=grade,
            categories=category,
            due_at=stamp_of(moment_from(due)) if due else None,
            within_hours=within_hours,
        )
        answer: pb.OrderTasksResponse = await _stub(platform).OrderTasks(request, timeout=CARRY_OUT_S_MAX)
        return answer

    answer = call(act, by)
    if as_json:
        emit(plain(answer))
        return
    _show_batch(answer.batch)
    if answer.ordered_before:
        say("这批任务此前已经派出，没有改动")


@task.command(epilog="Example: tuoqi visits task cancel --cause spring-2027 --by reviewer.zhao --purpose 活动取消")
def cancel(
    cause: Annotated[str, typer.Option("--cause", metavar="NAME", help="The order's name.")],
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Take an order back: what is still open of it ends. --purpose is the reason."""

    async def act(platform: Platform) -> pb.TaskBatch:
        answer: pb.CancelTasksResponse = await _stub(platform).CancelTasks(
            pb.CancelTasksRequest(cause_id=cause), timeout=CARRY_OUT_S_MAX
        )
        return answer.batch

    batch = call(act, by, purpose)
    if as_json:
        emit(plain(batch))
    else:
        _show_batch(batch)


@task.command("list", epilog="Example: tuoqi visits task list --state OPEN --region 990101101201 --by worker.tian")
def list_tasks(
    state: Annotated[str, typer.Option("--state", help="OPEN, DONE, CANCELLED or WITHDRAWN.")] = "",
    cause: Annotated[str, typer.Option("--cause", metavar="NAME", help="Only of this order or warning.")] = "",
    person: Annotated[str, typer.Option("--person", metavar="PERSON", help="Only this person.")] = "",
    region: Region = "",
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List extra tasks by due moment 临时任务清单."""
    if state and state not in STATES:
        raise TuoqiError("cli.bad_task_state", state=state, allowed="、".join(STATES))

    async def ask(platform: Platform) -> list[pb.ExtraTask]:
        whom = await person_id_of(platform, person) if person else ""

        async def page(size: int, token: str) -> tuple[list[pb.ExtraTask], str]:
            request = pb.ListExtraTasksRequest(
                region=region, state=state, cause_id=cause, person_id=whom, page_size=size, page_token=token
            )
            answer: pb.ListExtraTasksResponse = await _stub(platform).ListExtraTasks(request)
            return list(answer.tasks), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (shown(one.due_at), one.kind_zh, STATES[one.state] + ("（逾期）" if one.overdue else ""), one.region,
         one.person_id, one.cause_id)
        for one in found
    ]  # fmt: skip
    show_rows(("期限", "任务", "状态", "区划", "人员编号", "批次"), rows)


def _show_batch(one: pb.TaskBatch) -> None:
    show_pairs(
        {"批次": one.cause_id, "期限": shown(one.due_at), "派出": one.tasks, "待完成": one.open, "已完成": one.done,
         "取消或撤销": one.ended}
    )  # fmt: skip


def _visits(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02d}"
