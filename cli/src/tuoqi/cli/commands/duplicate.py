"""`tuoqi duplicate`: files that may be one person's, found and decided."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tuoqi.cli.commands.merge import Reason, show_told
from tuoqi.cli.options import AsJson, By, Limit, Purpose
from tuoqi.cli.output import Progress, emit, plain, say, show_rows, shown
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.whom import Whom, person_id_of
from tuoqi.contracts.registry.v1 import merge_service_pb2 as pb
from tuoqi.contracts.registry.v1.merge_service_pb2_grpc import MergeServiceStub

app = typer.Typer(help="Files that may be one person's.")
STEPS = {"twins": "同名同日同村", "numbers": "号码相近"}
REASONS = {"same_name_birth_village": "同名同日同村", "number_slip": "号码只差一处", "by_hand": "人工提出"}


@app.callback()
def duplicate() -> None:
    """Files that may be one person's."""


@app.command(epilog="Example: tuoqi duplicate scan --by clerk.li")
def scan(by: By = "", purpose: Purpose = "", as_json: AsJson = False) -> None:
    """Look through the whole register 全库查重; what was decided does not come back."""

    async def run(platform: Platform) -> pb.ScanDuplicatesResponse:
        stub: Any = platform.stub(MergeServiceStub, "registry")
        last = pb.ScanDuplicatesResponse()
        with Progress("查重", quiet=as_json) as progress:
            async for last in stub.ScanDuplicates(pb.ScanDuplicatesRequest()):
                progress.tell(last.done, last.total, STEPS.get(last.step, last.step))
        return last

    last = call(run, by, purpose)
    if as_json:
        emit(plain(last))
    else:
        say(f"共查 {last.total} 份档案，新增疑似重复 {last.found} 对。")


@app.command("list", epilog="Example: tuoqi duplicate list --region 990101101 --by clerk.li --purpose 核对")
def list_pairs(
    state: Annotated[str, typer.Option("--state", help="open, later, merged or different.")] = "open",
    region: Annotated[str, typer.Option("--region", help="Only this region and those below it.")] = "",
    limit: Limit = 100,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """List pairs 疑似重复, oldest first; the file that is proposed to stay comes first."""

    async def ask(platform: Platform) -> list[pb.DuplicatePair]:
        stub: Any = platform.stub(MergeServiceStub, "registry")

        async def page(size: int, token: str) -> tuple[list[pb.DuplicatePair], str]:
            request = pb.ListDuplicatesRequest(state=state, region=region, page_size=size, page_token=token)
            answer: pb.ListDuplicatesResponse = await stub.ListDuplicates(request)
            return list(answer.pairs), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by, purpose)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    columns = ("原因", "发现", "人员编号", "姓名", "证件", "临时编号", "出生日期", "区划")
    show_rows(columns, [
        ("" if second else REASONS.get(one.reason, one.reason), "" if second else shown(one.found_at), file.person_id,
         file.name, file.id_number, file.temp_id, file.birth_date, file.region)
        for one in found
        for second, file in enumerate((one.first, one.second))
    ])  # fmt: skip
    say(f"{len(found)} 对")


@app.command(epilog="Example: tuoqi duplicate decide T-0009 T-0010 different --reason 同名两人 --by clerk.li")
def decide(
    person: Whom,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The other one, which is merged into the first.")],
    decision: Annotated[str, typer.Argument(metavar="DECISION", help="merge, different or later.")],
    reason: Reason = "",
    although: Annotated[
        str, typer.Option("--although", metavar="TEXT", help="Merge though sex or birth date differ: why.")
    ] = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Decide about two files: one person (and merge), two people, or later."""

    async def act(platform: Platform) -> pb.DecideDuplicateResponse:
        stub: Any = platform.stub(MergeServiceStub, "registry")
        request = pb.DecideDuplicateRequest(
            person_id=await person_id_of(platform, person),
            file_id=await person_id_of(platform, file),
            decision=decision,
            reason=pb.MergeReason(text=although or reason, although=bool(although)),
        )
        answer: pb.DecideDuplicateResponse = await stub.DecideDuplicate(request)
        return answer

    answer = call(act, by, purpose)
    show_told(answer.events, as_json=as_json)
    say({"merged": "已并档", "different": "已记为两人", "later": "留待以后"}[answer.state])
