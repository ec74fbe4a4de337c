"""Notices become messages to those on duty, and messages go out, whatever the channels do."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as Mailbox

from tuoqi.alerts.domain.notices import Notice
from tuoqi.alerts.domain.rules import AlertPolicy
from tuoqi.alerts.domain.telling import Contact
from tuoqi.alerts.jobs.channels import Channel, ChannelAway, Message, Ways, load_channels
from tuoqi.alerts.jobs.channels.email import EmailChannel
from tuoqi.alerts.jobs.channels.sms import SmsFileChannel
from tuoqi.alerts.jobs.channels.webhook import WebhookChannel
from tuoqi.alerts.jobs.dispatch import Dispatcher, again_after
from tuoqi.alerts.jobs.policies import read_rules
from tuoqi.alerts.store import notices as store
from tuoqi.kit.clock import SettableClock
from tuoqi.kit.county import County
from tuoqi.kit.database import Database

COUNTY = Path(__file__).parents[4] / "deploy" / "counties" / "990101"
AT = datetime(2026, 11, 2, 2, tzinfo=UTC)
VILLAGE, ELSEWHERE = "990101101201", "990101109205"
ALERT = """
INSERT INTO alerts (alert_id, book, kind, severity, raised_at, severity_since, rules_from, rules_version, joined, causes,
                    acknowledged_by, escalations, closed_as, subject_kind, subject_id, region, restricted)
VALUES (:id, :id, :kind, 'CRITICAL', :at, :at, '2024-01-01', '', 0, '[]', '', '[]', '', 'region', :id, :region, :restricted)
"""


class Flaky:
    """A channel that fails so many times and then takes everything."""

    def __init__(self, fails: int) -> None:
        self.fails = fails
        self.taken: list[Message] = []

    async def send(self, message: Message) -> str:
        if self.fails:
            self.fails -= 1
            raise ChannelAway("HTTP 503")
        self.taken.append(message)
        return "taken"


class Broken:
    """A plug-in with a fault of its own."""

    async def send(self, message: Message) -> str:
        raise ZeroDivisionError(message.body)


@pytest.fixture(scope="module")
def policy() -> AlertPolicy:
    """The county's rules."""
    return read_rules(County.load(COUNTY))


@pytest.fixture
async def database(database_for: Callable[..., Awaitable[Database]]) -> Database:
    return await database_for("alerts")


def dispatcher(database: Database, policy: AlertPolicy, channels: Mapping[str, Channel]) -> Dispatcher:
    """One whose people are reached by these channels."""
    contacts = {
        user: replace(one, channels=tuple(channels), phone="1", webhook="x")
        for user, one in policy.oncall.contacts.items()
    }
    oncall = replace(policy.oncall, contacts=contacts, tries=3)
    return Dispatcher(database, SettableClock(AT), replace(policy, oncall=oncall), channels)


async def tell(
    database: Database, alert_id: str, *notices: tuple[str, str], kind: str = "child_alone", **more: Any
) -> None:
    """An alert with something to be told."""
    values = {"region": VILLAGE, "restricted": False, **more}
    async with database.begin() as tx:
        await tx.execute(ALERT, id=alert_id, kind=kind, at=AT, **values)
        await store.write_notices(tx, [Notice(alert_id, occasion, level, AT) for occasion, level in notices])


async def sent(one: Dispatcher, channel: str) -> None:
    """Everything that waits for a channel is tried once."""
    while await one.send(channel):
        await one.drained()


async def rows(database: Database, sql: str) -> list[tuple[Any, ...]]:
    async with database.begin() as tx:
        return [tuple(row) for row in await tx.fetch(sql)]


async def due_again(database: Database) -> None:
    """The time of the next try has come."""
    async with database.begin() as tx:
        await tx.execute("UPDATE deliveries SET next_try_at = now() WHERE state = 'WAITING'")


async def test_a_notice_reaches_whoever_is_on_duty_once_and_names_nobody(
    database: Database, policy: AlertPolicy
) -> None:
    console = Flaky(0)
    one = dispatcher(database, policy, {"console": console})
    await tell(database, "a1", ("raised", "village"), ("raised", "township"))
    assert await one.address() == 2
    assert await one.address() == 0
    await sent(one, "console")
    assert [message.contact.user for message in console.taken] == ["worker.tian", "supervisor.gu"]
    assert console.taken[0].body == (
        "紧急预警：儿童无人照看，990101101201，11月02日 10:00发生，请于 11月02日 11:00 前签收。编号 a1"
    )
    assert await rows(database, "SELECT DISTINCT state, proof FROM deliveries") == [("SENT", "taken")]


async def test_where_nobody_is_on_duty_the_next_level_is_told(database: Database, policy: AlertPolicy) -> None:
    console = Flaky(0)
    one = dispatcher(database, policy, {"console": console})
    await tell(database, "a1", ("raised", "village"), region=ELSEWHERE)
    await one.address()
    await sent(one, "console")
    assert [message.contact.user for message in console.taken] == ["clerk.li", "reviewer.zhao"]
    assert await rows(database, "SELECT state, reached FROM notices") == [("SENT", "county")]


async def test_a_restricted_alert_says_nothing_but_that_it_is_there(database: Database, policy: AlertPolicy) -> None:
    console = Flaky(0)
    one = dispatcher(database, policy, {"console": console})
    await tell(database, "a1", ("raised", "village"), kind="mandatory_report", restricted=True)
    await one.address()
    await sent(one, "console")
    assert console.taken[0].body == "有一件须保密处置的紧急预警，请登录平台查看。编号 a1"


async def test_a_channel_that_fails_is_tried_again_under_the_same_id(database: Database, policy: AlertPolicy) -> None:
    hook = Flaky(2)
    one = dispatcher(database, policy, {"webhook": hook})
    await tell(database, "a1", ("raised", "village"))
    await one.address()
    ((before,),) = await rows(database, "SELECT delivery_id FROM deliveries")
    for _ in range(3):
        await sent(one, "webhook")
        await due_again(database)
    assert [message.delivery_id for message in hook.taken] == [before]
    assert await rows(database, "SELECT state, tries, fault FROM deliveries") == [("SENT", 3, "")]


async def test_a_message_that_fails_for_good_is_seen_and_the_next_level_is_told(
    database: Database, policy: AlertPolicy
) -> None:
    one = dispatcher(database, policy, {"sms": Flaky(3)})
    await tell(database, "a1", ("raised", "village"))
    await one.address()
    for _ in range(3):
        await sent(one, "sms")
        await due_again(database)
    assert await rows(database, "SELECT recipient, state, fault FROM deliveries") == [
        ("worker.tian", "DEAD", "HTTP 503")
    ]
    assert await one.address() == 1
    await sent(one, "sms")
    told = await rows(database, "SELECT recipient, state FROM deliveries ORDER BY made_at")
    assert told == [("worker.tian", "DEAD"), ("supervisor.gu", "SENT")]


async def test_a_plug_ins_own_fault_holds_up_no_other_channel_and_tells_nothing(
    database: Database, policy: AlertPolicy
) -> None:
    console = Flaky(0)
    one = dispatcher(database, policy, {"broken": Broken(), "console": console})
    await tell(database, "a1", ("raised", "village"))
    await one.address()
    await sent(one, "broken")
    await sent(one, "console")
    assert len(console.taken) == 1
    assert await rows(database, "SELECT fault FROM deliveries WHERE channel = 'broken'") == [("ZeroDivisionError",)]


async def test_a_step_of_an_alert_that_closed_meanwhile_is_told_to_nobody(
    database: Database, policy: AlertPolicy
) -> None:
    console = Flaky(0)
    one = dispatcher(database, policy, {"console": console})
    await tell(database, "a1", ("escalated", "township"))
    await one.address()
    await tell(database, "a2", ("escalated", "township"))
    async with database.begin() as tx:
        await tx.execute("UPDATE alerts SET closed_at = raised_at, closed_as = 'visited'")
    await one.address()
    await sent(one, "console")
    assert console.taken == []
    assert await rows(database, "SELECT state FROM deliveries") == [("CANCELLED",)]
    assert ("CANCELLED",) in await rows(database, "SELECT state FROM notices")


async def test_a_message_in_the_hands_of_a_process_that_died_goes_out_after_its_lease(
    database: Database, policy: AlertPolicy
) -> None:
    console = Flaky(0)
    one = dispatcher(database, policy, {"console": console})
    await tell(database, "a1", ("raised", "village"))
    await one.address()
    async with database.begin() as tx:
        assert len(await store.claim(tx, "console", 10, 60.0)) == 1
    await sent(one, "console")
    assert console.taken == []
    await due_again(database)
    await sent(one, "console")
    assert len(console.taken) == 1


def test_the_shipped_channels_are_found_and_waiting_grows_to_a_quarter_of_an_hour() -> None:
    assert set(load_channels(Ways())) == {"console", "email", "sms", "webhook"}
    assert [again_after(tries) for tries in (1, 2, 5, 20)] == [5.0, 10.0, 80.0, 900.0]


def message(**contact: str) -> Message:
    """One message to somebody with these addresses."""
    return Message("d1", "a1", Contact("clerk.li", ("email",), **contact), "较重预警：逾期探访")


async def test_a_short_message_is_one_line_of_the_days_private_file(tmp_path: Path) -> None:
    channel = SmsFileChannel(Ways(sms_folder=tmp_path / "sms"))
    await channel.send(message(phone="02990101001"))
    proof = await channel.send(message(phone="02990101001"))
    (file,) = (tmp_path / "sms").iterdir()
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert lines == [{"id": "d1", "to": "02990101001", "text": "较重预警：逾期探访"}] * 2
    assert proof == f"{file.name} to byte {file.stat().st_size}"
    assert file.stat().st_mode & 0o777 == 0o600


class Mails(Mailbox):
    """Keeps what arrives."""

    kept: ClassVar[list[Any]] = []

    def handle_message(self, message: Any) -> None:
        self.kept.append(message)


async def test_an_e_mail_arrives_at_a_real_server_with_the_deliverys_id() -> None:
    port = _free_port()
    server = Controller(Mails(), hostname="127.0.0.1", port=port)
    server.start()
    try:
        channel = EmailChannel(Ways(smtp_host="127.0.0.1", smtp_port=port, smtp_tls="none", smtp_from="a@county.test"))
        proof = await channel.send(message(email="clerk@county.test"))
    finally:
        server.stop()
    assert "OK" in proof
    assert Mails.kept[-1]["Message-ID"] == "<d1@county.test>"
    with pytest.raises(ChannelAway):
        await channel.send(message(email="clerk@county.test"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Hook(BaseHTTPRequestHandler):
    """Answers with what the test has laid out."""

    answers: ClassVar[list[int]] = []
    got: ClassVar[list[tuple[str, str]]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.got.append((self.headers["idempotency-key"], self.headers["tuoqi-signature"]))
        self.send_response(self.answers.pop(0))
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@asynccontextmanager
async def hook_server() -> AsyncIterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


async def test_a_webhook_is_signed_and_tells_a_fault_from_a_refusal(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("secret", encoding="utf-8")
    channel = WebhookChannel(Ways(webhook_key_file=key))
    async with hook_server() as url:
        Hook.answers[:] = [503, 200, 404]
        with pytest.raises(ChannelAway, match="HTTP 503"):
            await channel.send(message(webhook=url))
        assert (await channel.send(message(webhook=url))).startswith("HTTP 200")
        with pytest.raises(Exception, match="HTTP 404"):
            await channel.send(message(webhook=url))
    assert {name for name, _ in Hook.got} == {"d1"}
    assert len({signature for _, signature in Hook.got}) == 1
    with pytest.raises(ChannelAway):
        await channel.send(message(webhook=url))
