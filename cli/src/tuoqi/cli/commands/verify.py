"""`tuoqi verify`: sampled checks after the payment 发放后抽查."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tuoqi.cli.options import AsJson, By, CycleName, Limit, Month, Purpose
from tuoqi.cli.output import Progress, emit, plain, say, show_pairs, show_rows, shown, yuan
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.transfers import export_file
from tuoqi.contracts.payments.v1 import verification_service_pb2 as pb
from tuoqi.contracts.payments.v1.verification_service_pb2_grpc import VerificationServiceStub

app = typer.Typer(help="Sampled checks after the payment 发放后抽查.")
SampleId = Annotated[str, typer.Argument(metavar="SAMPLE", help="A sample's id, or a cycle: its latest sample.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Identity numbers in full; needs the right and a purpose.")]
FINDINGS = {
    "CORRECT": "正确", "WRONG_PERSON": "冒领或发错人", "DEAD": "已死亡", "AMOUNT_WRONG": "金额不符",
    "NOT_RECEIVED": "未收到", "NOT_FOUND": "未找到",
}  # fmt: skip
PARTS = {"RANDOM": "随机", "RISK": "风险加抽"}
AS_COUNTY = -1


@app.callback()
def verify() -> None:
    """Sampled checks after the payment 发放后抽查."""


@app.command(epilog="Example: tuoqi verify draw --month 2026-11 --confidence 95 --margin 50 --by auditor.zhou")
def draw(
    cycle: CycleName = "",
    month: Month = "",
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM", help="All cycles from this month on.")] = "",
    last: Annotated[str, typer.Option("--until", metavar="YYYY-MM", help="Up to the cycles of this month.")] = "",
    programme: Annotated[list[str] | None, typer.Option("--programme", help="Only this; may be repeated.")] = None,
    line_type: Annotated[
        list[str] | None, typer.Option("--type", help="REGULAR, BACKPAY, DIFFERENCE or PRICE; may be repeated.")
    ] = None,
    region: Annotated[str, typer.Option("--region", metavar="CODE", help="Only this region and those below it.")] = "",
    confidence: Annotated[int, typer.Option("--confidence", help="90, 95 or 99 %; default the county's.")] = 0,
    margin: Annotated[int, typer.Option("--margin", help="Margin of error in tenths of a percent.")] = 0,
    expected: Annotated[int, typer.Option("--expected", help="Expected wrong share, tenths of a percent.")] = 0,
    risk: Annotated[int, typer.Option("--risk", help="Further lines by risk; default the county's.")] = AS_COUNTY,
    key: Annotated[str, typer.Option("--key", help="Another key draws another sample; the same the same.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Draw and freeze a sample of the paid lines of a cycle or of some months."""
    request = pb.DrawSampleRequest(
        cycle=cycle or month,
        first_month=first,
        last_month=last,
        programmes=programme or [],
        line_types=line_type or [],
        region=region,
        confidence_percent=confidence,
        margin_permille=margin,
        expected_permille=expected,
        risk_items=risk,
        key=key,
    )

    async def act(platform: Platform) -> pb.DrawSampleResponse:
        answer: pb.DrawSampleResponse = await _stub(platform).DrawSample(request, timeout=120)
        return answer

    answer = call(act, by)
    _show_samples([answer.sample], as_json=as_json)
    if answer.drawn_before and not as_json:
        say("同一要求此前已抽过，样本不变；要另抽一份请换 --key。")


@app.command("list", epilog="Example: tuoqi verify list --by auditor.zhou")
def list_samples(limit: Limit = 100, by: By = "", as_json: AsJson = False) -> None:
    """List samples, newest first."""

    async def ask(platform: Platform) -> list[pb.Sample]:
        async def page(size: int, token: str) -> tuple[list[pb.Sample], str]:
            answer: pb.ListSamplesResponse = await _stub(platform).ListSamples(
                pb.ListSamplesRequest(page_size=size, page_token=token)
            )
            return list(answer.samples), answer.next_page_token

        return await pages(page, limit)

    _show_samples(call(ask, by), as_json=as_json)


@app.command(epilog="Example: tuoqi verify sheet 2026-11 --out sheet.xlsx --by clerk.li")
def sheet(
    sample: SampleId,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to; .xlsx writes a spreadsheet.")],
    reveal: Reveal = False,
    by: By = "",
    purpose: Purpose = "",
) -> None:
    """Write the worksheet: fill it in and load it with `tuoqi import verification_findings`."""

    async def write(platform: Platform) -> int:
        with Progress("verification_sheet") as progress:
            return await export_file(
                platform, "verification_sheet", out, subject=sample, reveal=reveal, told=progress.tell
            )

    say(f"核查表 {call(write, by, purpose)} 行写入 {out}；填好后用 tuoqi import verification_findings 导入")


@app.command(epilog="Example: tuoqi verify items 2026-11 --unchecked --by clerk.li")
def items(
    sample: SampleId,
    unchecked: Annotated[bool, typer.Option("--unchecked", help="Only lines without a finding.")] = False,
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List the lines of a sample with what was found."""

    async def ask(platform: Platform) -> list[pb.SampleItem]:
        async def page(size: int, token: str) -> tuple[list[pb.SampleItem], str]:
            answer: pb.ListSampleItemsResponse = await _stub(platform).ListSampleItems(
                pb.ListSampleItemsRequest(sample=sample, unchecked_only=unchecked, page_size=size, page_token=token)
            )
            return list(answer.items), answer.next_page_token

        return await pages(page, limit)

    _show_items(call(ask, by), as_json=as_json)


@app.command(epilog="Example: tuoqi verify record 2026-11 3 CORRECT --how VISIT --evidence 照片3 --by clerk.li")
def record(
    sample: SampleId,
    position: Annotated[int, typer.Argument(metavar="N", help="The line's number in the sample.")],
    finding: Annotated[str, typer.Argument(metavar="FINDING", help="、".join(FINDINGS))],
    how: Annotated[str, typer.Option("--how", help="VISIT, PHONE or DOCUMENT.")] = "VISIT",
    right_fen: Annotated[
        int, typer.Option("--right-fen", help="AMOUNT_WRONG: what would have been right, in fen.")
    ] = 0,
    checked_by: Annotated[str, typer.Option("--checked-by", help="Who checked; default whoever records.")] = "",
    on: Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="When; default today.")] = "",
    evidence: Annotated[str, typer.Option("--evidence", metavar="TEXT", help="Where the evidence lies.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Keep what one check found; nobody who reviewed or approved the cycle may."""
    request = pb.RecordFindingRequest(
        sample=sample,
        position=position,
        finding=finding,
        right_fen=right_fen,
        checked_by=checked_by,
        checked_on=on,
        method=how,
        evidence=evidence,
    )

    async def act(platform: Platform) -> pb.SampleItem:
        answer: pb.RecordFindingResponse = await _stub(platform).RecordFinding(request)
        return answer.item

    _show_items([call(act, by)], as_json=as_json)


@app.command(epilog="Example: tuoqi verify report 2026-11 --out report.csv --by auditor.zhou")
def report(
    sample: SampleId,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Also as a table, by stratum.")] = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Tell the error rate with its bounds, the projected amount, and what the sample can and cannot say."""

    async def ask(platform: Platform) -> pb.GetReportResponse:
        answer: pb.GetReportResponse = await _stub(platform).GetReport(pb.GetReportRequest(sample=sample))
        if out:
            await export_file(platform, "verification_report", out, subject=answer.sample.sample_id)
        return answer

    answer = call(ask, by)
    if as_json:
        emit(plain(answer))
        return
    rows = [
        (one.programme or "合计", one.township, one.population_lines, yuan(one.population_fen), one.drawn, one.checked,
         one.wrong, f"{_percent(one.rate_ppm)}（{_percent(one.rate_low_ppm)}–{_percent(one.rate_high_ppm)}）",
         f"{yuan(one.projected_fen)}（{yuan(one.projected_low_fen)}–{yuan(one.projected_high_fen)}）")
        for one in (answer.total, *answer.strata)
    ]  # fmt: skip
    columns = ("项目", "乡镇", "发放笔数", "发放金额", "抽取", "已核查", "差错", "差错率（区间）", "推算金额（区间）")
    show_rows(columns, rows, right=columns[2:7])
    for sentence in answer.says:
        print(f"· {sentence}")
    print(f"· {answer.method}。")
    for sentence in answer.cannot_say:
        print(f"× {sentence}")
    if answer.risk_findings:
        show_rows(("风险加抽结果", "笔数"), [(FINDINGS[k], n) for k, n in sorted(answer.risk_findings.items())])


@app.command(epilog="Example: tuoqi verify redraw 2026-11 --by auditor.zhou")
def redraw(sample: SampleId, by: By = "", as_json: AsJson = False) -> None:
    """Draw a sample again from its kept seed and compare it with what was frozen."""

    async def ask(platform: Platform) -> pb.RedrawSampleResponse:
        answer: pb.RedrawSampleResponse = await _stub(platform).RedrawSample(
            pb.RedrawSampleRequest(sample=sample), timeout=120
        )
        return answer

    answer = call(ask, by)
    if as_json:
        emit(plain(answer))
    else:
        show_pairs({"结果": "与冻结的样本完全一致" if answer.identical else "与冻结的样本不一致"})
        show_pairs({"重抽": answer.content_hash, "冻结": answer.frozen_hash})
    if not answer.identical:
        raise typer.Exit(1)


def _stub(platform: Platform) -> Any:
    return platform.stub(VerificationServiceStub, "payments")


def _percent(ppm: int) -> str:
    return f"{ppm // 10_000}.{ppm % 10_000 // 100:02d}%"


def _show_samples(found: list[pb.Sample], *, as_json: bool) -> None:
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (one.sample_id, "、".join(one.cycles), "、".join(one.programmes) or "全部", one.region or "全县",
         f"{one.confidence_percent}%±{one.margin_permille // 10}.{one.margin_permille % 10}%",
         one.population_lines, yuan(one.population_fen), one.random_items, one.risk_items, one.checked_items,
         one.drawn_by, shown(one.drawn_at))
        for one in found
    ]  # fmt: skip
    columns = (
        "样本",
        "周期",
        "项目",
        "区划",
        "精度",
        "发放笔数",
        "发放金额",
        "随机",
        "加抽",
        "已核查",
        "抽取人",
        "时间",
    )
    show_rows(columns, rows, right=columns[5:10])


def _show_items(found: list[pb.SampleItem], *, as_json: bool) -> None:
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (one.position, PARTS.get(one.part, one.part), one.cycle, one.programme, one.person_id, one.region,
         one.benefit_month, yuan(one.amount_fen), FINDINGS.get(one.finding, ""), one.checked_by, one.checked_on)
        for one in found
    ]  # fmt: skip
    columns = ("序号", "方式", "周期", "项目", "人员编号", "区划", "享受月份", "金额", "结果", "核查人", "日期")
    show_rows(columns, rows, right=("序号", "金额"))
