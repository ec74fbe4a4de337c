"""`tuoqi region`: the county's regions on any day, how they change, what became of a code."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tuoqi.cli.options import AsJson, By, Limit, Purpose
from tuoqi.cli.output import emit, plain, say, show_rows
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.contracts.registry.v1 import region_service_pb2 as pb
from tuoqi.contracts.registry.v1.region_service_pb2_grpc import RegionServiceStub
from tuoqi.kit.errors import TuoqiError, register_errors

app = typer.Typer(help="Regions on any day, and how they change.")
On = Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="The day; today where none is given.")]
KINDS = {"province": "省", "city": "市", "county": "县", "town": "镇", "township": "乡", "subdistrict": "街道",
         "village": "村", "community": "社区"}  # fmt: skip

register_errors({"cli.not_a_region": ("INVALID_ARGUMENT", "“{text}”应写作 代码=名称，例如 990101101301=新村。")})


@app.callback()
def regions() -> None:
    """Regions on any day, and how they change."""


def _stub(platform: Platform) -> Any:
    return platform.stub(RegionServiceStub, "registry")


@app.command(epilog="Example: tuoqi region tree --under 990101101000 --on 2026-10-31 --by clerk.li")
def tree(
    under: Annotated[str, typer.Option("--under", metavar="CODE", help="Only this region and those below it.")] = "",
    on: On = "",
    limit: Limit = 1_000,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List the regions of a day as a tree 区划树."""

    async def ask(platform: Platform) -> list[pb.RegionNode]:
        async def page(size: int, token: str) -> tuple[list[pb.RegionNode], str]:
            request = pb.ListRegionsRequest(as_of=on, under=under, page_size=size, page_token=token)
            answer: pb.ListRegionsResponse = await _stub(platform).ListRegions(request)
            return list(answer.regions), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by)
    if as_json:
        for node in found:
            emit(plain(node))
        return
    show_rows(
        ("代码", "名称", "类型", "起", "止"),
        [
            (node.region.code, "　" * node.depth + node.region.name, KINDS.get(node.region.kind, node.region.kind),
             node.region.valid_from, node.region.valid_to)
            for node in found
        ],
    )  # fmt: skip


@app.command(
    epilog="Example: tuoqi region change merge 990101101201 990101101202 --to 990101101301=新村"
    " --from-day 2026-11-01 --doc 示民区划〔2026〕3号 --by reviewer.zhao"
)
def change(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="merge 合并, rename 更名, split 拆分 or move 改隶.")],
    old: Annotated[list[str], typer.Argument(metavar="CODE…", help="The regions that are changed.")],
    to: Annotated[
        list[str],
        typer.Option("--to", metavar="CODE[=NAME]", help="What there is afterwards; may be given several times."),
    ],
    since: Annotated[str, typer.Option("--from-day", metavar="YYYY-MM-DD", help="The first day on which it holds.")],
    document: Annotated[str, typer.Option("--doc", metavar="TEXT", help="The document 文号 that orders it.")],
    parent: Annotated[str, typer.Option("--parent", metavar="CODE", help="The parent afterwards, for `move`.")] = "",
    new_kind: Annotated[str, typer.Option("--kind", help="The kind afterwards, like community.")] = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Merge, rename, split or move regions by a document 区划变更; people keep the codes they were stored with."""
    after = [_after(text, parent, new_kind) for text in to]

    async def act(platform: Platform) -> pb.ChangeRegionResponse:
        request = pb.ChangeRegionRequest(
            kind=kind, old_codes=old, new_regions=after, effective_on=since, document_no=document
        )
        answer: pb.ChangeRegionResponse = await _stub(platform).ChangeRegion(request)
        return answer

    answer = call(act, by, purpose)
    if as_json:
        emit(plain(answer))
        return
    rows = [(one.code, one.name, one.parent, one.valid_from, one.valid_to) for one in answer.regions]
    show_rows(("代码", "名称", "上级", "起", "止"), rows)
    say(f"区划变更 {answer.change_id} 已记录，人员的区划代码不改，按对应关系归入新区划")


def _after(text: str, parent: str, kind: str) -> pb.RegionAfter:
    code, _, name = text.partition("=")
    if not code.isdigit():
        raise TuoqiError("cli.not_a_region", text=text[:60])
    return pb.RegionAfter(code=code, name=name, parent=parent, kind=kind)


@app.command(epilog="Example: tuoqi region history 990101101201 --by clerk.li")
def history(
    what: Annotated[str, typer.Argument(metavar="CODE|PERSON", help="A region's code, or a person's id.")] = "",
    on: On = "",
    limit: Limit = 100,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Show what became of a region 区划沿革, or where a person was; without either all changes."""
    if what and not what.isdigit():
        _person(what, on, by, purpose, as_json=as_json)
        return

    async def ask(platform: Platform) -> tuple[list[pb.RegionChange], list[pb.ResolvedRegion]]:
        async def page(size: int, token: str) -> tuple[list[pb.RegionChange], str]:
            request = pb.ListRegionChangesRequest(code=what, page_size=size, page_token=token)
            answer: pb.ListRegionChangesResponse = await _stub(platform).ListRegionChanges(request)
            return list(answer.changes), answer.next_page_token

        changes = await pages(page, limit)
        if not what:
            return changes, []
        resolved = await _stub(platform).ResolveRegions(pb.ResolveRegionsRequest(codes=[what], on=on))
        return changes, list(resolved.regions)

    changes, resolved = call(ask, by, purpose)
    if as_json:
        for one in (*resolved, *changes):
            emit(plain(one))
        return
    for region in resolved:
        state = "存续" if region.exists else "已撤销或尚未设立" if region.known else "没有登记过"
        say(f"{region.code} {region.name}：{state}，归入 {region.path_zh or region.counted_as}")
    rows = [
        (one.effective_on, one.kind, "、".join(one.old_codes), "、".join(one.new_codes), one.document_no)
        for one in changes
    ]
    show_rows(("生效", "事由", "原代码", "现代码", "文号"), rows)


def _person(person_id: str, on: str, by: str, purpose: str, *, as_json: bool) -> None:
    async def ask(platform: Platform) -> list[pb.PersonRegion]:
        request = pb.GetPersonRegionsRequest(person_id=person_id, on=on)
        answer: pb.GetPersonRegionsResponse = await _stub(platform).GetPersonRegions(request)
        return list(answer.regions)

    found = call(ask, by, purpose)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [(one.since, one.stored, one.name_then, one.hukou, one.today, one.name_today) for one in found]
    show_rows(("起", "区划", "当时名称", "户籍", "现区划", "现名称"), rows)
