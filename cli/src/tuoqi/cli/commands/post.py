"""`tuoqi post`: who holds which post of care, and which posts are vacant."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tuoqi.cli.options import AsJson, By, Limit, Purpose
from tuoqi.cli.output import emit, plain, say, show_rows
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.contracts.registry.v1 import worker_service_pb2 as pb
from tuoqi.contracts.registry.v1.worker_service_pb2_grpc import WorkerServiceStub

app = typer.Typer(help="Care workers and their posts.")
On = Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="The day; today where none is given.")]
Region = Annotated[str, typer.Option("--region", metavar="CODE", help="Only this region and those below it.")]
Kind = Annotated[str, typer.Option("--kind", help="Only this kind, like village_child_director.")]
PostId = Annotated[str, typer.Argument(metavar="POST", help="The post's id; `post list` shows it.")]
Number = Annotated[str, typer.Option("--id-number", help="The identity number of whoever takes the post.")]
Name = Annotated[str, typer.Option("--name", help="The name, where this is a new worker.")]
Phone = Annotated[str, typer.Option("--phone", help="The phone.")]
WorkerId = Annotated[str, typer.Option("--worker", metavar="ID", help="A worker who is known already, by id.")]
Reason = Annotated[str, typer.Option("--reason", help="Why it ends, like term_over.")]
PER = {"village": "每村", "township": "每乡镇", "county": "全县"}


@app.callback()
def posts() -> None:
    """Care workers and their posts."""


def _stub(platform: Platform) -> Any:
    return platform.stub(WorkerServiceStub, "registry")


@app.command(
    "list", epilog="Example: tuoqi post list --kind village_child_director --region 990101101000 --by clerk.li"
)
def list_posts(
    region: Region = "",
    kind: Kind = "",
    on: On = "",
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Numbers and phones in full; needs the right and a purpose.")
    ] = False,
    limit: Limit = 100,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """List workers with the posts that they hold 在岗人员."""

    async def ask(platform: Platform) -> list[pb.Worker]:
        async def page(size: int, token: str) -> tuple[list[pb.Worker], str]:
            request = pb.ListWorkersRequest(
                region=region, kind=kind, as_of=on, reveal=reveal, page_size=size, page_token=token
            )
            answer: pb.ListWorkersResponse = await _stub(platform).ListWorkers(request)
            return list(answer.workers), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by, purpose)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    _show(found)


@app.command(
    epilog="Example: tuoqi post appoint --name 测试员 --id-number 990101198005050013 --kind village_child_director"
    " --region 990101101201 --from-day 2026-11-01 --by clerk.li"
)
def appoint(
    kind: Annotated[str, typer.Option("--kind", help="The kind, like village_child_director.")],
    region: Annotated[str, typer.Option("--region", metavar="CODE", help="Where.")],
    since: Annotated[str, typer.Option("--from-day", metavar="YYYY-MM-DD", help="The first day.")],
    id_number: Number = "",
    name: Name = "",
    phone: Phone = "",
    worker: WorkerId = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Give somebody a post 任命."""

    async def act(platform: Platform) -> pb.AppointWorkerResponse:
        request = pb.AppointWorkerRequest(kind=kind, region=region, began_on=since)
        _say_who(request, worker, id_number, name, phone)
        answer: pb.AppointWorkerResponse = await _stub(platform).AppointWorker(request)
        return answer

    answer = call(act, by, purpose)
    if as_json:
        emit(plain(answer))
        return
    _show([answer.worker])
    say(f"已任命，任职编号 {answer.post_id}")


@app.command(epilog="Example: tuoqi post end 019abc… --last-day 2026-10-31 --reason term_over --by clerk.li")
def end(
    post: PostId,
    last: Annotated[
        str, typer.Option("--last-day", metavar="YYYY-MM-DD", help="The last day; before the first = never was.")
    ],
    reason: Reason = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """End a post 离任, or correct its end."""

    async def act(platform: Platform) -> pb.EndPostResponse:
        request = pb.EndPostRequest(post_id=post, ended_on=last, end_reason=reason)
        answer: pb.EndPostResponse = await _stub(platform).EndPost(request)
        return answer

    answer = call(act, by, purpose)
    emit(plain(answer)) if as_json else _show([answer.worker])


@app.command(
    epilog="Example: tuoqi post handover 019abc… --name 新任 --id-number 990101198005050013 --on 2026-11-01 --by clerk.li"
)
def handover(
    post: PostId,
    on: Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="The new holder's first day.")],
    id_number: Number = "",
    name: Name = "",
    phone: Phone = "",
    worker: WorkerId = "",
    reason: Reason = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """End one worker's post and give it to another in one act 交接."""

    async def act(platform: Platform) -> pb.HandOverPostResponse:
        request = pb.HandOverPostRequest(post_id=post, on=on, end_reason=reason)
        _say_who(request, worker, id_number, name, phone)
        answer: pb.HandOverPostResponse = await _stub(platform).HandOverPost(request)
        return answer

    answer = call(act, by, purpose)
    if as_json:
        emit(plain(answer))
        return
    _show([answer.before, answer.after])
    say(f"已交接，新任职编号 {answer.post_id}")


@app.command(epilog="Example: tuoqi post coverage --on 2026-11-22 --by clerk.li")
def coverage(
    region: Region = "",
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Only these kinds; may be given several times.")
    ] = None,
    on: On = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Show how far required posts and protection bodies are there 配备率, and where one is missing."""

    async def ask(platform: Platform) -> pb.GetCoverageResponse:
        request = pb.GetCoverageRequest(as_of=on, kinds=kind or [], region=region)
        answer: pb.GetCoverageResponse = await _stub(platform).GetCoverage(request)
        return answer

    answer = call(ask, by)
    if as_json:
        emit(plain(answer))
        return
    show_rows(
        ("岗位或阵地", "名称", "要求", "应配", "已配", "空缺", "配备率"),
        [
            (one.kind, one.kind_zh, PER.get(one.per, one.per), one.required, one.filled, one.vacant,
             f"{one.rate_basis_points // 100}.{one.rate_basis_points % 100:02d}%")
            for one in answer.totals
        ],
        right=("应配", "已配", "空缺", "配备率"),
    )  # fmt: skip
    if answer.vacancies:
        rows = [(one.kind, one.region, one.region_zh, one.vacant_since) for one in answer.vacancies]
        show_rows(("空缺", "区划", "名称", "空缺起"), rows)
    say(f"空缺 {sum(one.vacant for one in answer.totals)} 个")


def _say_who(
    request: pb.AppointWorkerRequest | pb.HandOverPostRequest, worker: str, id_number: str, name: str, phone: str
) -> None:
    if worker:
        request.worker_id = worker
    else:
        request.person.CopyFrom(pb.WorkerNamed(name=name, id_number=id_number, phone=phone))


def _show(workers: list[pb.Worker]) -> None:
    rows = [
        (worker.name, worker.id_number, worker.phone, post.kind_zh, post.region_zh, post.began_on, post.ended_on,
         post.post_id)
        for worker in workers
        for post in worker.posts
    ]  # fmt: skip
    show_rows(("姓名", "证件号码", "电话", "岗位", "区划", "起", "止", "任职编号"), rows)
