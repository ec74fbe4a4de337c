"""`tuoqi alerts inbox|read|deliveries|retry|oncall`: who was told, and who is on duty."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tuoqi.cli.options import AsJson, By, Limit
from tuoqi.cli.output import emit, plain, say, show_rows, shown
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.contracts.alerts.v1 import delivery_service_pb2 as pb
from tuoqi.contracts.alerts.v1.delivery_service_pb2_grpc import DeliveryServiceStub

app = typer.Typer()
STATES = {"WAITING": "待发", "SENT": "已发", "READ": "已读", "DEAD": "发送失败", "CANCELLED": "已取消"}


@app.command(epilog="Example: tuoqi alerts inbox --unread --by supervisor.gu")
def inbox(
    unread: Annotated[bool, typer.Option("--unread", help="Only those not read yet.")] = False,
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Your own messages about alerts 站内消息, newest first."""

    async def ask(platform: Platform) -> list[pb.InboxMessage]:
        stub: Any = platform.stub(DeliveryServiceStub, "alerts")

        async def page(size: int, token: str) -> tuple[list[pb.InboxMessage], str]:
            answer = await stub.ListInbox(pb.ListInboxRequest(unread=unread, page_size=size, page_token=token))
            return list(answer.messages), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    show_rows(("收到", "已读", "内容", "通知编号"), [
        (shown(one.made_at), shown(one.read_at), one.body, one.delivery_id) for one in found
    ])  # fmt: skip


@app.command(epilog="Example: tuoqi alerts read 5f0c… --by supervisor.gu")
def read(
    delivery_ids: Annotated[list[str], typer.Argument(metavar="ID…", help="Messages of your own inbox.")],
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Note that you have read messages 已读回执."""

    async def act(platform: Platform) -> list[str]:
        stub: Any = platform.stub(DeliveryServiceStub, "alerts")
        answer = await stub.MarkRead(pb.MarkReadRequest(delivery_ids=delivery_ids))
        return list(answer.delivery_ids)

    done = call(act, by)
    emit({"read": done}) if as_json else say(f"{len(done)} 条已读")


@app.command(epilog="Example: tuoqi alerts deliveries --state DEAD --by ops.zheng")
def deliveries(
    state: Annotated[str, typer.Option("--state", help="WAITING, SENT, READ or DEAD.")] = "",
    channel: Annotated[str, typer.Option("--channel", help="Only this channel, like sms.")] = "",
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """How messages fare 通知派送, newest first, without their text."""

    async def ask(platform: Platform) -> tuple[list[pb.Delivery], pb.ListDeliveriesResponse]:
        stub: Any = platform.stub(DeliveryServiceStub, "alerts")
        last = pb.ListDeliveriesResponse()

        async def page(size: int, token: str) -> tuple[list[pb.Delivery], str]:
            request = pb.ListDeliveriesRequest(state=state, channel=channel, page_size=size, page_token=token)
            answer: pb.ListDeliveriesResponse = await stub.ListDeliveries(request)
            last.CopyFrom(answer)
            return list(answer.deliveries), answer.next_page_token

        return await pages(page, limit), last

    found, last = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    show_rows(("生成", "收件人", "渠道", "状态", "次数", "凭证", "原因", "通知编号"), [
        (shown(one.made_at), one.recipient, one.channel, STATES.get(one.state, one.state), one.tries, one.proof,
         one.fault, one.delivery_id)
        for one in found
    ])  # fmt: skip
    say(f"最久的一条已等 {last.oldest_waiting_s} 秒；发送失败 {last.dead} 条；无人值班 {last.nobody} 次")


@app.command(epilog="Example: tuoqi alerts retry 5f0c… --by ops.zheng")
def retry(
    delivery_id: Annotated[str, typer.Argument(metavar="ID", help="A message that failed for good.")],
    by: By = "",
) -> None:
    """Send a message again that failed for good 重发."""

    async def act(platform: Platform) -> None:
        stub: Any = platform.stub(DeliveryServiceStub, "alerts")
        await stub.RetryDelivery(pb.RetryDeliveryRequest(delivery_id=delivery_id))

    call(act, by)
    say(f"{delivery_id} 将重发")


@app.command(epilog="Example: tuoqi alerts oncall --by reviewer.zhao")
def oncall(by: By = "", as_json: AsJson = False) -> None:
    """Who is on duty now 值班, for each region in which people live, and where nobody is."""

    async def ask(platform: Platform) -> list[pb.OnCallRegion]:
        stub: Any = platform.stub(DeliveryServiceStub, "alerts")
        return list((await stub.CheckOnCall(pb.CheckOnCallRequest())).regions)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (one.region, one.people, level.level, "、".join(level.users) or "无人", level.reached or "无人")
        for one in found
        for level in one.levels
    ]
    show_rows(("区划", "人数", "级别", "值班", "实际告知"), rows)
