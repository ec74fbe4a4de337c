"""`tuoqi facility`: homes and sites, who lives there, what is missing, mergers and agreements."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tuoqi.cli.options import AsJson, By, Limit, Purpose
from tuoqi.cli.output import emit, plain, say, show_rows, shown
from tuoqi.cli.paging import PAGE_MAX
from tuoqi.cli.platform import Platform, call
from tuoqi.contracts.registry.v1 import facility_service_pb2 as pb
from tuoqi.contracts.registry.v1.facility_service_pb2_grpc import FacilityServiceStub

app = typer.Typer(help="Facilities 设施: beds, residents, gaps, agreements, mergers.")
GAPS = {"fire": "消防", "medical": "医疗", "beds": "床位"}
AREAS = {"total_area_m2": "总面积", "canteen_m2": "食堂", "outdoor_m2": "室外"}
Code = Annotated[str, typer.Argument(metavar="CODE", help="The facility's code.")]
On = Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="As of this day; today if left out.")]


@app.callback()
def facility() -> None:
    """Homes and sites, who lives there, what is missing."""


def _stub(platform: Platform) -> Any:
    return platform.stub(FacilityServiceStub, "registry")


@app.command("list", epilog="Example: tuoqi facility list --gap fire --by clerk.li")
def list_(
    region: Annotated[str, typer.Option("--region", help="Only this region of 12 digits and those below it.")] = "",
    kind: Annotated[str, typer.Option("--kind", help="Only this kind, like township_elder_home.")] = "",
    gap: Annotated[str, typer.Option("--gap", help="Only those with this gap: fire, medical or beds.")] = "",
    on: On = "",
    limit: Limit = 1000,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List facilities with beds, residents, free beds and gaps 缺口, and their sums."""

    async def ask(platform: Platform) -> tuple[list[pb.FacilityLine], pb.FacilityTotals]:
        found: list[pb.FacilityLine] = []
        token = ""
        while True:
            size = min(PAGE_MAX, limit - len(found))
            request = pb.ListFacilitiesRequest(
                region=region, kind=kind, gap=gap, on=on, page_size=size, page_token=token
            )
            answer: pb.ListFacilitiesResponse = await _stub(platform).ListFacilities(request)
            found += answer.facilities
            token = answer.next_page_token
            if not token or len(found) >= limit:
                return found, answer.totals

    found, totals = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (
            one.code,
            one.name,
            one.kind_name,
            one.details.get("beds", ""),
            one.occupied,
            one.free if one.HasField("free") else "",
            one.details.get("fire_equipment", ""),
            _gaps(one),
            f"已并入 {one.merged_into}" if one.merged_into else "",
        )
        for one in found
    ]
    columns = ("编号", "名称", "类型", "床位", "在住", "空床", "消防设施", "缺口", "状态")
    show_rows(columns, rows, right=("床位", "在住", "空床"))
    areas = "，".join(f"{word} {totals.area_m2[key]} m²" for key, word in AREAS.items())
    gaps = "，".join(f"{GAPS.get(key, key)}缺口 {count}" for key, count in sorted(totals.gaps.items()))
    say(f"{totals.facilities} 处，床位 {totals.beds}，在住 {totals.occupied}；{areas}；{gaps or '没有缺口'}")
    if totals.unreadable:
        say(f"有 {totals.unreadable} 个面积不是数字，没有计入。")


@app.command(epilog="Example: tuoqi facility show JLY02 --by clerk.li")
def show(code: Code, on: On = "", by: By = "", as_json: AsJson = False) -> None:
    """Show one facility: figures as written, residents, agreements, mergers, and what was known of it before."""

    async def ask(platform: Platform) -> pb.GetFacilityResponse:
        answer: pb.GetFacilityResponse = await _stub(platform).GetFacility(pb.GetFacilityRequest(code=code, on=on))
        return answer

    found = call(ask, by)
    if as_json:
        emit(plain(found))
        return
    one = found.facility
    beds = f"床位 {one.beds}，在住 {one.occupied}，空床 {one.free}" if one.HasField("beds") else f"在住 {one.occupied}"
    say(f"{one.code} {one.name}（{one.kind_name}，{one.region}）：{beds}；缺口：{_gaps(one) or '无'}")
    if one.closed_on:
        say(f"{one.closed_on} 后并入 {one.merged_into}，房屋用途：{one.building_use_name}")
    show_rows(("列", "内容"), sorted(one.details.items()))
    if found.agreements:
        agreements = [(row.kind_name, row.partner, row.valid_from, row.valid_to) for row in found.agreements]
        show_rows(("协议", "对方", "起", "止"), agreements)
    if found.mergers:
        mergers = [
            (row.merged_on, row.from_code, row.into_code, row.residents, row.made_by, shown(row.undone_at))
            for row in found.mergers
        ]
        show_rows(("撤并日", "撤", "并入", "转入人数", "经办人", "撤销于"), mergers)
    if found.past:
        past = [
            (shown(row.superseded_at), row.name, row.details.get("beds", ""), row.closed_on, row.building_use)
            for row in found.past
        ]
        show_rows(("此前直到", "名称", "床位", "停止收住", "房屋用途"), past)


@app.command(
    epilog="Example: tuoqi facility merge JLY03 --into JLY01 --on 2026-11-01 --by reviewer.zhao --purpose 敬老院撤并"
)
def merge(
    code: Code,
    into: Annotated[str, typer.Option("--into", metavar="CODE", help="The facility that takes the residents.")],
    on: Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="The first day there; not after today.")],
    use: Annotated[str, typer.Option("--use", help="What the building serves then; idle if left out.")] = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Merge a facility into another 撤并: all residents move on one day, or nobody does."""
    request = pb.MergeFacilitiesRequest(from_code=code, into_code=into, on=on, building_use=use)

    async def ask(platform: Platform) -> pb.FacilityMerger:
        answer: pb.MergeFacilitiesResponse = await _stub(platform).MergeFacilities(request)
        return answer.merger

    _told("已撤并", call(ask, by, purpose), as_json=as_json)


@app.command("undo-merge", epilog="Example: tuoqi facility undo-merge JLY03 --by reviewer.zhao --purpose 录错")
def undo_merge(code: Code, by: By = "", purpose: Purpose = "", as_json: AsJson = False) -> None:
    """Take a merger back on the day on which it was recorded, unless something changed since."""
    request = pb.UndoFacilityMergerRequest(from_code=code)

    async def ask(platform: Platform) -> pb.FacilityMerger:
        answer: pb.UndoFacilityMergerResponse = await _stub(platform).UndoFacilityMerger(request)
        return answer.merger

    _told("已撤销", call(ask, by, purpose), as_json=as_json)


@app.command(
    epilog="Example: tuoqi facility agreement JLY01 --kind medical_contract --partner 县人民医院 --from 2026-01-01"
    " --to 2026-12-31 --by clerk.li"
)
def agreement(
    code: Code,
    kind: Annotated[str, typer.Option("--kind", help="As the county lists them, like medical_contract.")],
    partner: Annotated[str, typer.Option("--partner", help="The organisation.")],
    since: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="The first day.")],
    until: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="The last day; no end if left out.")] = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Keep an agreement or a model of medical care 医养结合; the same again with another last day changes that."""
    request = pb.RecordAgreementRequest(code=code, kind=kind, partner=partner, valid_from=since, valid_to=until)

    async def ask(platform: Platform) -> pb.FacilityAgreement:
        answer: pb.RecordAgreementResponse = await _stub(platform).RecordAgreement(request)
        return answer.agreement

    kept = call(ask, by, purpose)
    if as_json:
        emit(plain(kept))
        return
    say(f"已记录：{code} {kept.kind_name}，{kept.partner}，{kept.valid_from} 至 {kept.valid_to or '长期'}")


def _told(done: str, merger: pb.FacilityMerger, *, as_json: bool) -> None:
    if as_json:
        emit(plain(merger))
        return
    say(f"{done}：{merger.from_code} 并入 {merger.into_code}，自 {merger.merged_on} 起，{merger.residents} 人")


def _gaps(one: pb.FacilityLine) -> str:
    return "、".join(GAPS.get(gap, gap) for gap in one.gaps)
