"""`tuoqi alerts`: what is wrong and who took it on."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tuoqi.cli.commands import alert_delivery, alert_life, warning
from tuoqi.cli.options import AsJson, By, Limit, PersonId, Purpose
from tuoqi.cli.output import emit, plain, say, show_rows, shown
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.contracts.alerts.v1 import alerts_service_pb2 as pb
from tuoqi.contracts.alerts.v1.alerts_service_pb2_grpc import AlertsServiceStub

app = typer.Typer(help="What is wrong, and who took it on.")
app.add_typer(alert_life.app)
app.add_typer(alert_delivery.app)
app.add_typer(warning.app, name="warning", no_args_is_help=True)


@app.callback()
def alerts() -> None:
    """What is wrong, and who took it on."""


@app.command("list", epilog="Example: tuoqi alerts list --open --by clerk.li")
def list_alerts(
    only_open: Annotated[bool, typer.Option("--open", help="Only open ones.")] = False,
    person: PersonId = "",
    kind: Annotated[str, typer.Option("--kind", help="Only this kind, like visit_overdue.")] = "",
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List alerts 预警, newest first."""

    async def ask(platform: Platform) -> tuple[list[pb.Alert], dict[str, int]]:
        stub: Any = platform.stub(AlertsServiceStub, "alerts")
        counts: dict[str, int] = {}

        async def page(size: int, token: str) -> tuple[list[pb.Alert], str]:
            request = pb.ListAlertsRequest(
                only_open=only_open, person_id=person, kind=kind, page_size=size, page_token=token
            )
            answer: pb.ListAlertsResponse = await stub.ListAlerts(request)
            counts.update(answer.open_by_severity)
            return list(answer.alerts), answer.next_page_token

        return await pages(page, limit), counts

    found, counts = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    columns = ("预警编号", "种类", "严重程度", "对象", "发生", "并入", "升级", "关闭", "关闭方式")
    show_rows(columns, [
        (a.alert_id, a.kind, a.severity, a.person_id or a.subject_id, shown(a.raised_at), a.joined,
         ";".join(f"{step.step}@{shown(step.at)}" for step in a.escalations), shown(a.closed_at), a.closed_as)
        for a in found
    ])  # fmt: skip
    say("未关闭：" + ("，".join(f"{name} {count}" for name, count in sorted(counts.items())) or "0"))


@app.command(epilog="Example: tuoqi alerts acknowledge 019abc… --by clerk.li")
def acknowledge(
    alert_id: Annotated[str, typer.Argument(metavar="ID", help="The alert's id.")],
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Take an alert on 接单."""

    async def act(platform: Platform) -> pb.Alert:
        stub: Any = platform.stub(AlertsServiceStub, "alerts")
        answer: pb.AcknowledgeAlertResponse = await stub.AcknowledgeAlert(pb.AcknowledgeAlertRequest(alert_id=alert_id))
        return answer.alert

    alert = call(act, by, purpose)
    if as_json:
        emit(plain(alert))
    else:
        say(f"{alert.alert_id} {alert.kind}：{shown(alert.acknowledged_at)} 已接单")
