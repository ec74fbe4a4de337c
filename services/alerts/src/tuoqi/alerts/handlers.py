"""What alerts does when visits tells of missed people, when somebody takes an alert on, and when a step is due.

A handler gets the book of the person its message is about (None where there never was an alert), decides by `domain`,
and says what happened, each thing with its own time. Steps due by the message's own time are always taken first, so
that a service that was away writes the same history as one that was not. No handler touches SQL, Kafka or a clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import singledispatch

from google.protobuf.message import Message

from tuoqi.alerts.domain import alert as alerts
from tuoqi.alerts.domain import book as books
from tuoqi.alerts.domain.alert import (
    CLOSED_AS,
    Acknowledged,
    Alert,
    AlertClosedError,
    Closed,
    Escalated,
    Happening,
    Joined,
    Raised,
)
from tuoqi.alerts.domain.book import AlertBook, Outcome
from tuoqi.contracts.alerts.v1.alert_pb2 import (
    AlertAcknowledged,
    AlertClosed,
    AlertEscalated,
    AlertJoined,
    AlertRaised,
    AlertRef,
)
from tuoqi.contracts.visits.v1.plan_pb2 import (
    FailedTriesEnded,
    FailedTryJoined,
    TwoTriesFailed,
    VisitOverdueFound,
    VisitOverdueSettled,
)
from tuoqi.kit.context import Context
from tuoqi.kit.errors import Rejected, TuoqiError
from tuoqi.kit.handlers import Handlers
from tuoqi.kit.stamps import stamp_of


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Command: the actor takes an alert on 签收."""

    alert_id: str


@dataclass(frozen=True, slots=True)
class EscalationDue:
    """Command of the clock: at this moment an alert has a step to take."""

    alert_id: str


def on_overdue_found(book: AlertBook | None, event: VisitOverdueFound, ctx: Context) -> AlertBook:
    """A missed visit raises an alert or joins the open one."""
    book = _caught_up(book or AlertBook(event.person_id), ctx)
    found = books.overdue_found(book, _day(event.deadline), event.grade, ctx.at, new_id=ctx.new_id, policy=ctx.policy)
    return _told(found, ctx)


def on_overdue_settled(book: AlertBook | None, event: VisitOverdueSettled, ctx: Context) -> AlertBook | None:
    """What one moment made of missed visits may close the alert; an alert already closed no longer changes."""
    changes = [(_day(change.deadline), change.state) for change in event.changes]
    for _, state in changes:
        if state not in CLOSED_AS:
            raise Rejected("alerts.unknown_state", state=state)
    if book is None:
        return None
    return _told(books.overdues_changed(_caught_up(book, ctx), changes, ctx.at, ctx.policy), ctx)


def on_failed_try(book: AlertBook | None, event: TwoTriesFailed | FailedTryJoined, ctx: Context) -> AlertBook:
    """Two failed tries raise an alert; a further one joins, and raises where none is open: nobody is forgotten."""
    book = _caught_up(book or AlertBook(event.person_id), ctx)
    return _told(books.two_tries_failed(book, ctx.at, new_id=ctx.new_id, policy=ctx.policy), ctx)


def on_failed_tries_ended(book: AlertBook | None, event: FailedTriesEnded, ctx: Context) -> AlertBook | None:
    """The last two tries are no longer both failed, or nobody need visit any more: the alert closes."""
    if book is None:
        return None
    return _told(books.two_tries_ended(_caught_up(book, ctx), event.ended_as, ctx.at, ctx.policy), ctx)


def on_acknowledge(book: AlertBook | None, command: Acknowledge, ctx: Context) -> AlertBook:
    """Somebody takes an alert on; a second time changes nothing. Refuses alerts.closed."""
    book = _caught_up(book or AlertBook(ctx.key), ctx)
    try:
        taken = books.acknowledge(book, command.alert_id, ctx.actor, ctx.at, ctx.policy)
    except AlertClosedError as closed:
        raise TuoqiError(closed.slug, alert=command.alert_id) from closed
    return _told(taken, ctx)


def on_escalation_due(book: AlertBook | None, command: EscalationDue, ctx: Context) -> AlertBook | None:
    """The steps of one alert due at this moment are taken, each once; none where it closed meanwhile."""
    if book is None:
        return None
    return _told(books.escalate(book, ctx.at, ctx.policy, alert_id=command.alert_id), ctx)


def _caught_up(book: AlertBook, ctx: Context) -> AlertBook:
    """The book after every step due by the message's own time, told in order of time."""
    book, taken = books.escalate(book, ctx.at, ctx.policy)
    return _told((book, tuple(sorted(taken, key=lambda step: step.at))), ctx)


def _told(outcome: Outcome, ctx: Context) -> AlertBook:
    """Says what happened; the book afterwards, each alert with the time of its next step.

    Also where nothing happened: a due time that came from rules the county has changed since is set right, else the
    clock would find it due for ever.
    """
    book, said = outcome
    by_id = {one.alert_id: one for one in book.alerts}
    for one in said:
        ctx.emit(_event(one, by_id[one.alert_id]), at=one.at)
    timed = tuple(_timed(one, alerts.next_due(one, ctx.policy)) for one in book.alerts)
    return book if all(a is b for a, b in zip(timed, book.alerts, strict=True)) else replace(book, alerts=timed)


def _timed(alert: Alert, due_at: datetime | None) -> Alert:
    return alert if alert.due_at == due_at else replace(alert, due_at=due_at)


@singledispatch
def _event(happening: Happening, alert: Alert) -> Message:
    raise TypeError(f"no event tells of {type(happening).__name__} ({alert.kind})")


@_event.register
def _(happening: Raised, alert: Alert) -> Message:
    return AlertRaised(alert=_ref(alert), severity=alert.severity.name, raised_at=stamp_of(happening.at))


@_event.register
def _(happening: Joined, alert: Alert) -> Message:
    return AlertJoined(alert=_ref(alert), severity=happening.severity.name, joined=alert.joined)


@_event.register
def _(_happening: Acknowledged, alert: Alert) -> Message:
    return AlertAcknowledged(alert=_ref(alert))


@_event.register
def _(happening: Escalated, alert: Alert) -> Message:
    return AlertEscalated(alert=_ref(alert), step=happening.step, escalated_at=stamp_of(happening.at))


@_event.register
def _(happening: Closed, alert: Alert) -> Message:
    return AlertClosed(alert=_ref(alert), closed_as=happening.closed_as, closed_at=stamp_of(happening.at))


def _ref(alert: Alert) -> AlertRef:
    return AlertRef(alert_id=alert.alert_id, kind=alert.kind, person_id=alert.person_id)


def _day(text: str) -> date:
    """An ISO date of the wire. Rejects alerts.bad_day: the contract's pattern lets 2026-13-45 pass."""
    try:
        return date.fromisoformat(text)
    except ValueError as fault:
        raise Rejected("alerts.bad_day", day=text) from fault


BOOK_HANDLERS = Handlers(
    state=AlertBook,
    key=lambda event: event.person_id,
    on={
        VisitOverdueFound: on_overdue_found,
        VisitOverdueSettled: on_overdue_settled,
        TwoTriesFailed: on_failed_try,
        FailedTryJoined: on_failed_try,
        FailedTriesEnded: on_failed_tries_ended,
    },
)
