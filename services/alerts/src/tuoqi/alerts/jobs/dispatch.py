"""The dispatcher 通知派送: notices become messages to people on call, and messages go out by their channels.

Two kinds of loops, all of the system's time: one turns notices into deliveries, one for each channel sends what waits,
the most urgent first, so that a slow channel delays nobody else's messages. Whoever dies with a message in hand leaves
its lease behind; when that ends the message goes out again under the same id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from hashlib import blake2b
from typing import Any, Final

from tuoqi.alerts.domain.notices import Notice
from tuoqi.alerts.domain.rules import AlertPolicy, Severity
from tuoqi.alerts.domain.telling import ESCALATED, Contact, OnCall
from tuoqi.alerts.domain.terms import COUNTY_ZONE
from tuoqi.alerts.jobs.channels import Channel, ChannelAway, ChannelRefused, Message
from tuoqi.alerts.store import notices as store
from tuoqi.alerts.store.notices import Delivery
from tuoqi.kit import metrics
from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.database import Database
from tuoqi.kit.logs import get_logger
from tuoqi.kit.rounds import rounds

LOOK_S: Final = 0.5
"""How soon a notice is seen; a sender is woken, and looks by itself only for what is to be tried again."""
REST_S: Final = 3.0
LEASE_S: Final = 60.0
"""How long a message in hand belongs to whoever took it; longer than any channel's own time-out."""
AT_ONCE: Final = 8
"""Messages of one channel under way at the same time."""
CHUNK: Final = 500
RETRY_FIRST_S: Final = 5.0
RETRY_MAX_S: Final = 900.0
logger = get_logger(room="dispatch")


class Dispatcher:
    """Sends what the alerts' notices ask for. `loops()` live as long as the process."""

    def __init__(
        self, database: Database, clock: BusinessClock, policy: AlertPolicy, channels: Mapping[str, Channel]
    ) -> None:
        self._database = database
        self._clock = clock
        self._policy = policy
        self._oncall: OnCall = policy.oncall
        self._channels = channels
        self._awake = {name: asyncio.Event() for name in channels}
        self._under_way: dict[str, set[asyncio.Task[None]]] = {name: set() for name in channels}

    def loops(self) -> list[Callable[[], Awaitable[None]]]:
        """Each loop as the service's background takes it."""
        sending = (
            rounds(f"send by {name}", partial(self.send, name), REST_S, self._awake[name]) for name in self._channels
        )
        return [rounds("address", self.address, LOOK_S), *sending]

    async def address(self) -> int:
        """Turn notices that wait into messages; how many notices."""
        async with self._database.begin() as tx:
            await store.cancel_escalations(tx)
            rows = await store.waiting_notices(tx, CHUNK)
            made: list[Delivery] = []
            settled: list[tuple[int, str, str]] = []
            for row in rows:
                if row.closed_at is not None and row.occasion == ESCALATED:
                    settled.append((row.notice_id, "CANCELLED", ""))
                    continue
                level, messages = self._addressed(row)
                made += messages
                settled.append((row.notice_id, "SENT" if messages else "NOBODY", level if messages else ""))
            await store.make_deliveries(tx, made)
            await store.settle_notices(tx, settled)
        for _, state, _ in settled:
            metrics.NOTICES.labels(state).inc()
        for name in {one.channel for one in made}:
            self._awake[name].set()
        return len(settled)

    def _addressed(self, row: Any) -> tuple[str, list[Delivery]]:
        """The level that can be told, and a message for each of its people and channels."""
        level, contacts = self._oncall.reached(row.level, row.place, self._clock.now())
        return level, [one for contact in contacts for one in self._messages(row, contact)]

    async def send(self, channel: str) -> int:
        """Begin to send what waits for one channel; how many messages. A slow one holds up none behind it."""
        under_way = self._under_way[channel]
        if not (free := AT_ONCE - len(under_way)):
            return 0
        async with self._database.begin() as tx:
            taken = await store.claim(tx, channel, free, LEASE_S)
        for one in taken:
            task = asyncio.create_task(self._surely(one))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            task.add_done_callback(lambda _: self._awake[channel].set())
        return len(taken)

    async def drained(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*(task for tasks in self._under_way.values() for task in tasks))

    async def _surely(self, one: Delivery) -> None:
        """What goes wrong in between leaves the message to its lease."""
        (fault,) = await asyncio.gather(self._send(one), return_exceptions=True)
        if fault is not None:
            logger.warning("a message waits for its lease", channel=one.channel, fault=type(fault).__name__)

    async def _send(self, one: Delivery) -> None:
        contact = self._oncall.contacts.get(one.recipient)
        if contact is None:
            await self._failed(one, "no longer on the list", None)
            return
        message = Message(one.delivery_id, one.alert_id, contact, one.body)
        # Whatever a plug-in raises is told as a value: somebody else's code must not end the process.
        (answer,) = await asyncio.gather(self._channels[one.channel].send(message), return_exceptions=True)
        if not isinstance(answer, BaseException):
            async with self._database.begin() as tx:
                await store.mark_sent(tx, one.delivery_id, answer)
            metrics.DELIVERIES.labels(one.channel, "sent").inc()
            return
        # A plug-in's own words may hold anything; those of the two refusals are codes.
        known = isinstance(answer, ChannelAway | ChannelRefused)
        again = not isinstance(answer, ChannelRefused) and one.tries < self._oncall.tries
        text = str(answer) if known else type(answer).__name__
        await self._failed(one, text, again_after(one.tries) if again else None)

    async def _failed(self, one: Delivery, fault: str, again_after_s: float | None) -> None:
        """Tried again later; where it failed for good, the next level is told in its place."""
        async with self._database.begin() as tx:
            await store.mark_failed(tx, one.delivery_id, fault, again_after_s=again_after_s)
            if again_after_s is None and (level := await store.level_of(tx, one.delivery_id)):
                await store.pass_on(tx, one.delivery_id, self._oncall.telling.from_level(level)[1:2])
        outcome = "dead" if again_after_s is None else "again"
        metrics.DELIVERIES.labels(one.channel, outcome).inc()
        logger.warning("a message was not sent", channel=one.channel, fault=fault, outcome=outcome, tries=one.tries)

    def _messages(self, row: Any, contact: Contact) -> list[Delivery]:
        notice = Notice(row.alert_id, row.occasion, row.level, row.at)
        body = self.body(row)
        return [
            Delivery(
                delivery_id(notice, contact.user, channel),
                row.notice_id,
                row.alert_id,
                contact.user,
                channel,
                int(Severity[row.severity]),
                body,
            )
            for channel in contact.channels
            if channel in self._channels
        ]

    def body(self, row: Any) -> str:
        """The sentence of an occasion: kind, place by code, moments, the alert's id; never a person or a finding."""
        severity = self._oncall.severities.get(row.severity, row.severity)
        if row.restricted:
            return self._oncall.restricted.format(severity=severity, alert=row.alert_id)
        name, by = self._terms(row)
        return self._oncall.texts[row.occasion].format(
            severity=severity,
            kind=name,
            place=row.place or "区划不详",
            raised=_minute(row.raised_at),
            by=_minute(by) if by else "尽快",
            alert=row.alert_id,
        )

    def _terms(self, row: Any) -> tuple[str, datetime | None]:
        """The kind's word and until when it should be acknowledged; its key and nothing where the county dropped it."""
        rules = self._policy.on(row.rules_from)
        if not rules.knows(row.kind):
            return row.kind, None
        kind = rules.kind(row.kind)
        rule = next((one for one in kind.by_severity if one.severity is Severity[row.severity]), None)
        start = row.reopened_at or row.raised_at
        return kind.name, rule.acknowledge.end(start, rules.calendar) if rule else None


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(COUNTY_ZONE):%m月%d日 %H:%M}"


def again_after(tries: int) -> float:
    """How long to wait after so many tries (s): twice as long each time, 15 minutes at most."""
    return float(min(RETRY_FIRST_S * 2 ** (tries - 1), RETRY_MAX_S))


def delivery_id(notice: Notice, user: str, channel: str) -> str:
    """The same for the same notice, person and channel, so that a repeat is known as one."""
    told: Sequence[str] = (notice.alert_id, notice.occasion, notice.level, notice.at.isoformat(), user, channel)
    return blake2b("|".join(told).encode(), digest_size=16).hexdigest()
