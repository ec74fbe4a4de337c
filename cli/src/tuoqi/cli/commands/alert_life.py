"""`tuoqi alerts`, what people do: report, look, act, close, confirm, open again."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final

import typer

from tuoqi.cli.options import AsJson, By, Limit, Purpose, moment_from
from tuoqi.cli.output import emit, plain, say, show_pairs, show_rows, shown
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.whom import person_id_of
from tuoqi.contracts.alerts.v1 import alerts_service_pb2 as pb
from tuoqi.contracts.alerts.v1 import life_service_pb2 as life
from tuoqi.contracts.alerts.v1 import report_service_pb2 as reports
from tuoqi.contracts.alerts.v1.alerts_service_pb2_grpc import AlertsServiceStub
from tuoqi.contracts.alerts.v1.life_service_pb2_grpc import LifeServiceStub
from tuoqi.contracts.alerts.v1.report_service_pb2_grpc import ReportServiceStub
from tuoqi.kit.errors import TuoqiError, register_errors
from tuoqi.kit.stamps import stamp_of

register_errors(
    {
        "cli.one_subject": ("INVALID_ARGUMENT", "请用 --person、--facility、--place、--unknown 之一说明对象。"),
        "cli.evidence": ("INVALID_ARGUMENT", "佐证写作 种类=哈希或附件编号，如 photo=3f…"),
    }
)
app = typer.Typer()
AlertId = Annotated[str, typer.Argument(metavar="ID", help="The alert's id.")]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="Free words; kept sealed.")]
Proof = Annotated[
    list[str] | None,
    typer.Option("--evidence", metavar="KIND=REF", help="What proves it: a content hash or an attachment's id."),
]
WHAT: Final = {
    "raised": "发生", "joined": "并入", "reported": "报告", "acknowledged": "签收", "escalated": "升级",
    "act_done": "处置", "closing_proposed": "申请办结", "closing_sent_back": "退回", "reopened": "重新打开",
    "closed": "关闭",
}  # fmt: skip
WORDS: Final = {
    "township": "乡镇", "county": "县级", "leaders": "县领导", "letter": "督办函", "government": "县政府", "on_site": "到场",
    "plan": "制定方案", "review": "回访评估", "remedy": "整改", "police": "报警", "visit": "探访", "visit_tasks": "探访任务",
    "visited": "已见到", "late_record": "补报记录", "withdrawn": "撤销", "plan_ended": "计划终止", "tasks_done": "任务完成",
    "warning_ended": "预警解除",
}  # fmt: skip


@app.command(
    epilog="Example: tuoqi alerts report child_alone --person 629999… --cause CHILD_ALONE_UNDER_8 --by worker.tian"
)
def report(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="A kind that people report; see `alerts kinds`.")],
    person: Annotated[str, typer.Option("--person", help="A person id, an identity number or a temporary id.")] = "",
    facility: Annotated[str, typer.Option("--facility", metavar="CODE", help="A facility.")] = "",
    place: Annotated[str, typer.Option("--place", metavar="CODE", help="A water point.")] = "",
    unknown: Annotated[bool, typer.Option("--unknown", help="Somebody whose name nobody knows.")] = False,
    region: Annotated[str, typer.Option("--region", metavar="CODE", help="Where, 12 digits.")] = "",
    cause: Annotated[str, typer.Option("--cause", metavar="CODE", help="The kind's code, like 6.")] = "",
    text: Annotated[str, typer.Option("--text", help="What was seen; kept sealed.")] = "",
    evidence: Proof = None,
    key: Annotated[str, typer.Option("--key", help="The report's own key; the same one again is one report.")] = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Report a danger 报告: raises an alert, or joins the open one of the same kind and subject."""
    if sum(map(bool, (person, facility, place, unknown))) != 1:
        raise TuoqiError("cli.one_subject")

    async def act(platform: Platform) -> reports.ReportAlertResponse:
        request = reports.ReportAlertRequest(
            key=key or str(uuid.uuid4()), kind=kind, region=region, cause=cause, text=text, evidence=_evidence(evidence)
        )
        if person:
            request.person_id = await person_id_of(platform, person)
        elif facility:
            request.facility = facility
        elif place:
            request.water_point = place
        else:
            request.unknown.SetInParent()
        stub: Any = platform.stub(ReportServiceStub, "alerts")
        answer: reports.ReportAlertResponse = await stub.ReportAlert(request)
        return answer

    answer = call(act, by, purpose)
    if as_json:
        emit(plain(answer))
        return
    how = "此前已收到同一报告" if answer.repeated else "已并入未关闭的预警" if answer.joined else "已发出预警"
    say(f"{how}：{answer.alert_id}")


@app.command("reports", epilog="Example: tuoqi alerts reports --by worker.tian")
def list_reports(limit: Limit = 100, by: By = "", as_json: AsJson = False) -> None:
    """List what you reported and how it stands."""

    async def ask(platform: Platform) -> list[reports.MyReport]:
        stub: Any = platform.stub(ReportServiceStub, "alerts")

        async def page(size: int, token: str) -> tuple[list[reports.MyReport], str]:
            answer = await stub.ListMyReports(reports.ListMyReportsRequest(page_size=size, page_token=token))
            return list(answer.reports), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    show_rows(("报告时间", "种类", "事由", "状态", "预警编号"), [
        (shown(one.reported_at), one.kind, one.cause,
         "已关闭" if one.closed else "处置中" if one.acknowledged else "待签收", one.alert_id)
        for one in found
    ])  # fmt: skip


@app.command(epilog="Example: tuoqi alerts kinds --by worker.tian")
def kinds(by: By = "", as_json: AsJson = False) -> None:
    """List the county's kinds with their causes, acts and outcomes."""

    async def ask(platform: Platform) -> list[pb.Kind]:
        stub: Any = platform.stub(AlertsServiceStub, "alerts")
        answer: pb.ListKindsResponse = await stub.ListKinds(pb.ListKindsRequest())
        return list(answer.kinds)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    show_rows(("种类", "名称", "可报告", "限制查看", "事由", "处置", "办结结果"), [
        (one.kind, one.name, "是" if one.reported else "", "是" if one.restricted else "", _codes(one.causes),
         " ".join(f"{act} {WORDS.get(act, '')}".strip() for act in one.acts), _codes(one.outcomes))
        for one in found
    ])  # fmt: skip


@app.command(epilog="Example: tuoqi alerts show 019abc… --by supervisor.gu --purpose 处置")
def show(alert_id: AlertId, by: By = "", purpose: Purpose = "", as_json: AsJson = False) -> None:
    """Show an alert with everything that happened to it, in order."""

    async def ask(platform: Platform) -> pb.GetAlertResponse:
        stub: Any = platform.stub(AlertsServiceStub, "alerts")
        answer: pb.GetAlertResponse = await stub.GetAlert(pb.GetAlertRequest(alert_id=alert_id))
        return answer

    answer = call(ask, by, purpose)
    if as_json:
        emit(plain(answer))
        return
    _show_alert(answer.alert)
    for one in answer.history:
        detail = [WORDS.get(value, value) for _, value in sorted(one.codes.items())]
        detail += [f"{piece.kind}={piece.ref}" for piece in one.evidence]
        detail += [one.note] if one.note else []
        print("\t".join((shown(one.at), WHAT.get(one.what, one.what), one.by, "；".join(detail))))


@app.command(epilog="Example: tuoqi alerts act 019abc… on_site --note 已到场 --by supervisor.gu")
def act(
    alert_id: AlertId,
    what: Annotated[str, typer.Argument(metavar="WHAT", help="on_site, plan, review, remedy, police, …")],
    note: Note = "",
    evidence: Proof = None,
    station: Annotated[str, typer.Option("--station", help="With police: which station.")] = "",
    receipt: Annotated[str, typer.Option("--receipt", help="With police: the receipt's number 回执号.")] = "",
    told_at: Annotated[str, typer.Option("--told-at", metavar="TIME", help="With police: when they were told.")] = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Record what was done 处置; for a mandatory report `police` comes first and takes it on."""
    request = life.RecordActRequest(alert_id=alert_id, what=what, note=note, evidence=_evidence(evidence))
    if station or receipt or told_at:
        request.police.CopyFrom(life.PoliceReceipt(station=station, receipt_no=receipt))
        if told_at:
            request.police.told_at.CopyFrom(stamp_of(moment_from(told_at)))
    _send("RecordAct", request, by, purpose, as_json=as_json, done="已登记处置")


@app.command(epilog="Example: tuoqi alerts close 019abc… --outcome resolved --by supervisor.gu")
def close(
    alert_id: AlertId,
    outcome: Annotated[str, typer.Option("--outcome", metavar="CODE", help="How it ended; see `alerts kinds`.")],
    note: Note = "",
    evidence: Proof = None,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Close an alert 办结, or propose to where a second person decides."""
    request = life.CloseAlertRequest(alert_id=alert_id, outcome=outcome, note=note, evidence=_evidence(evidence))
    _send("CloseAlert", request, by, purpose, as_json=as_json, done="已办结")


@app.command(epilog="Example: tuoqi alerts confirm 019abc… --by reviewer.zhao")
def confirm(alert_id: AlertId, note: Note = "", by: By = "", purpose: Purpose = "", as_json: AsJson = False) -> None:
    """Confirm a proposed closing, as a second person 复核."""
    request = life.DecideClosingRequest(alert_id=alert_id, agreed=True, reason=note)
    _send("DecideClosing", request, by, purpose, as_json=as_json, done="已复核办结")


@app.command("send-back", epilog="Example: tuoqi alerts send-back 019abc… --reason 照片不清 --by reviewer.zhao")
def send_back(
    alert_id: AlertId,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept sealed.")],
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Send a proposed closing back 退回; the alert stays open."""
    request = life.DecideClosingRequest(alert_id=alert_id, agreed=False, reason=reason)
    _send("DecideClosing", request, by, purpose, as_json=as_json, done="已退回")


@app.command(epilog="Example: tuoqi alerts reopen 019abc… --reason 情况反复 --by reviewer.zhao")
def reopen(
    alert_id: AlertId,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept sealed.")],
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Open a closed alert again 重新打开; its terms run anew."""
    request = life.ReopenAlertRequest(alert_id=alert_id, reason=reason)
    _send("ReopenAlert", request, by, purpose, as_json=as_json, done="已重新打开")


def _send(method: str, request: Any, by: str, purpose: str, *, as_json: bool, done: str) -> None:
    async def run(platform: Platform) -> pb.Alert:
        stub: Any = platform.stub(LifeServiceStub, "alerts")
        answer = await getattr(stub, method)(request)
        alert: pb.Alert = answer.alert
        return alert

    alert = call(run, by, purpose)
    if as_json:
        emit(plain(alert))
        return
    waiting = f"，结果“{alert.proposed_outcome}”待第二人复核" if alert.proposed_outcome else ""
    say(f"{alert.alert_id} {alert.kind}：{'已申请办结' if waiting else done}{waiting}")


def _show_alert(one: pb.Alert) -> None:
    state = f"已关闭（{WORDS.get(one.closed_as, one.closed_as)}）" if one.closed_at.seconds else "未关闭"
    pairs = {"预警编号": one.alert_id, "种类": one.kind, "发生": shown(one.raised_at), "状态": state}
    if one.state_only:
        show_pairs(pairs)
        say("此预警限制查看；您是报告人，只能看到它的状态。")
        return
    show_pairs(
        {
            **pairs,
            "严重程度": one.severity,
            "对象": f"{one.subject_kind} {one.person_id or one.subject_id}",
            "区划": one.region,
            "已处置": "、".join(WORDS.get(act, act) for act in one.done),
            "下一步到期": shown(one.due_at),
        }
    )


def _evidence(pieces: list[str] | None) -> list[pb.Evidence]:
    """KIND=REF pairs. Raises cli.evidence."""
    found = [piece.partition("=") for piece in pieces or []]
    if not all(kind and ref for kind, _, ref in found):
        raise TuoqiError("cli.evidence")
    return [pb.Evidence(kind=kind, ref=ref) for kind, _, ref in found]


def _codes(words: Any) -> str:
    return "；".join(f"{code} {name}" for code, name in sorted(words.items()))
