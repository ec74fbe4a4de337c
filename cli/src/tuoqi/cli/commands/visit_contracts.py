"""`tuoqi visits contract`: care contracts 照料协议 of people who are supported at home."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from tuoqi.cli.options import AsJson, By, Limit
from tuoqi.cli.output import emit, plain, say, show_pairs, show_rows
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.whom import Whom, person_id_of
from tuoqi.contracts.visits.v1 import contract_service_pb2 as pb
from tuoqi.contracts.visits.v1.contract_service_pb2_grpc import ContractServiceStub

app = typer.Typer()
contract = typer.Typer(help="Care contracts 照料协议 of people who are supported at home.")
app.add_typer(contract, name="contract", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The contract, as `visits contract list` shows it.")]
Region = Annotated[str, typer.Option("--region", metavar="CODE", help="Only this region and those below it.")]
Kind = Annotated[str, typer.Option("--kind", metavar="CODE", help="The kind, where the county has several.")]
STATES: Final = {"RUNNING": "履行中", "COMING": "未开始", "ENDED": "已终止"}
LEVELS: Final = {"full": "全自理", "half": "半自理", "none": "全护理"}
ENDED: Final = {
    "EXPIRED": "到期", "DIED": "死亡", "MOVED": "迁出", "FACILITY": "入住机构", "STATUS_ENDED": "不再符合", "MERGED": "并档",
    "BY_HAND": "人工终止",
}  # fmt: skip


@contract.callback()
def contracts() -> None:
    """Care contracts 照料协议 of people who are supported at home."""


@contract.command(
    epilog="Example: tuoqi visits contract sign PERSON --facility EH-01 --worker WORKER --relative-name 王某"
    " --signed-on 2026-11-20 --to 2027-11-19 --by clerk.li"
)
def sign(
    person: Whom,
    to: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="The last day.")],
    signed_on: Annotated[str, typer.Option("--signed-on", metavar="YYYY-MM-DD", help="The day of signing.")],
    begins_on: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day; default: signing.")] = "",
    facility: Annotated[str, typer.Option("--facility", metavar="CODE", help="The institution 一个机构.")] = "",
    workers: Annotated[
        list[str] | None, typer.Option("--worker", metavar="ID", help="Of the team 一支团队; may be given repeatedly.")
    ] = None,
    relative: Annotated[
        str, typer.Option("--relative", metavar="PERSON", help="The relative 一名亲属, registered.")
    ] = "",
    relative_name: Annotated[str, typer.Option("--relative-name", help="The relative, not registered; sealed.")] = "",
    level: Annotated[str, typer.Option("--level", help="full, half or none; default: as the status says.")] = "",
    duties: Annotated[str, typer.Option("--duties", metavar="TEXT", help="What was agreed; sealed.")] = "",
    kind: Kind = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Keep a contract that was signed; many at once: `tuoqi import care_contracts FILE`."""

    async def act(platform: Platform) -> pb.SignContractResponse:
        request = pb.SignContractRequest(
            person_id=await person_id_of(platform, person),
            kind=kind,
            care_level=level,
            facility=facility,
            worker_ids=workers or [],
            relative_id=await person_id_of(platform, relative) if relative else "",
            relative_name=relative_name,
            duties=duties,
            signed_on=signed_on,
            begins_on=begins_on,
            ends_on=to,
        )
        answer: pb.SignContractResponse = await _stub(platform).SignContract(request)
        return answer

    answer = call(act, by)
    if as_json:
        emit(plain(answer))
        return
    _show([answer.contract], as_json=False)
    if answer.signed_before:
        say("此前已登记，没有改动")


@contract.command(epilog="Example: tuoqi visits contract end ID --reason 亲属外出无法照料 --by clerk.li")
def end(
    contract_id: Id,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; sealed.")],
    on: Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="It holds no longer from; default today.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """End a contract by hand. Death, move, a facility, the end of the status or of the term end it by themselves."""

    async def act(platform: Platform) -> pb.CareContract:
        request = pb.EndContractRequest(contract_id=contract_id, ended_on=on, reason=reason)
        answer: pb.EndContractResponse = await _stub(platform).EndContract(request)
        return answer.contract

    _show([call(act, by)], as_json=as_json)


@contract.command(epilog="Example: tuoqi visits contract show ID --by clerk.li")
def show(contract_id: Id, by: By = "", as_json: AsJson = False) -> None:
    """Show a contract with what stands sealed in it."""

    async def ask(platform: Platform) -> pb.GetContractResponse:
        answer: pb.GetContractResponse = await _stub(platform).GetContract(
            pb.GetContractRequest(contract_id=contract_id)
        )
        return answer

    answer = call(ask, by)
    if as_json:
        emit(plain(answer))
        return
    _show([answer.contract], as_json=False)
    show_pairs(
        {
            "团队": "、".join(answer.contract.worker_ids),
            "亲属": answer.contract.relative_id or answer.relative_name,
            "照料内容": answer.duties,
            "终止原因": answer.end_reason,
        }
    )


@contract.command("list", epilog="Example: tuoqi visits contract list --state RUNNING --by clerk.li")
def list_contracts(
    state: Annotated[str, typer.Option("--state", help="RUNNING, COMING, ENDED or ALL; default: not ended.")] = "",
    person: Annotated[str, typer.Option("--person", metavar="PERSON", help="Only this person.")] = "",
    region: Region = "",
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List contracts, the earliest last day first."""

    async def ask(platform: Platform) -> list[pb.CareContract]:
        person_id = await person_id_of(platform, person) if person else ""

        async def page(size: int, token: str) -> tuple[list[pb.CareContract], str]:
            request = pb.ListContractsRequest(
                state=state, person_id=person_id, region=region, page_size=size, page_token=token
            )
            answer: pb.ListContractsResponse = await _stub(platform).ListContracts(request)
            return list(answer.contracts), answer.next_page_token

        return await pages(page, limit)

    _show(call(ask, by), as_json=as_json)


@contract.command(epilog="Example: tuoqi visits contract missing --within-days 30 --by clerk.li")
def missing(
    within_days: Annotated[
        int, typer.Option("--within-days", min=0, max=366, help="Also whose contract ends within so many days.")
    ] = 30,
    kind: Kind = "",
    region: Region = "",
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List who needs a contract and has none, or one that ends soon."""

    async def ask(platform: Platform) -> list[pb.MissingContract]:
        async def page(size: int, token: str) -> tuple[list[pb.MissingContract], str]:
            request = pb.ListMissingContractsRequest(
                kind=kind, ends_within_days=within_days, region=region, page_size=size, page_token=token
            )
            answer: pb.ListMissingContractsResponse = await _stub(platform).ListMissingContracts(request)
            return list(answer.people), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [(o.region, o.person_id, LEVELS.get(o.care_level, o.care_level), o.ends_on or "无") for o in found]
    show_rows(("区划", "人员编号", "自理程度", "协议到期"), rows)
    say(f"{len(found)} 人需要签订或续签协议" if found else "没有人缺少协议")


def _stub(platform: Platform) -> Any:
    return platform.stub(ContractServiceStub, "visits")


def _show(found: list[pb.CareContract], *, as_json: bool) -> None:
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (o.contract_id, o.person_id, LEVELS.get(o.care_level, o.care_level), o.facility, len(o.worker_ids),
         o.begins_on, o.ends_on, STATES.get(o.state, o.state), ENDED.get(o.ended_as, o.ended_as), o.ended_on)
        for o in found
    ]  # fmt: skip
    columns = ("协议编号", "人员编号", "自理程度", "机构", "团队人数", "起", "止", "状态", "终止", "终止日期")
    show_rows(columns, rows, right=("团队人数",))
