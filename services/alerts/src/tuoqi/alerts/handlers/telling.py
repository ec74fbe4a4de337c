"""How a change of alerts is told: due steps first, each with its own time, then one event for each happening."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import singledispatch

from google.protobuf.message import Message

from tuoqi.alerts.domain import alert as alerts
from tuoqi.alerts.domain import book as books
from tuoqi.alerts.domain.alert import (
    Acknowledged,
    ActDone,
    Alert,
    Closed,
    ClosingProposed,
    ClosingSentBack,
    Escalated,
    Happening,
    Joined,
    Raised,
    Reopened,
    Reported,
)
from tuoqi.alerts.domain.book import AlertBook, Outcome
from tuoqi.alerts.domain.notices import notices_of
from tuoqi.contracts.alerts.v1.alert_pb2 import (
    AlertAcknowledged,
    AlertActDone,
    AlertClosed,
    AlertClosingProposed,
    AlertClosingSentBack,
    AlertEscalated,
    AlertJoined,
    AlertRaised,
    AlertRef,
    AlertReopened,
    AlertReported,
)
from tuoqi.kit.context import Context
from tuoqi.kit.stamps import stamp_of

RESTRICTED = "tuoqi.alerts.restricted.v1"
"""Where kinds of restricted view are told, and nowhere else."""


def caught_up(book: AlertBook, ctx: Context) -> AlertBook:
    """The book after every step due by the message's own time, told in order of time."""
    book, taken = books.escalate(book, ctx.at, ctx.policy)
    return told((book, tuple(sorted(taken, key=lambda step: step.at))), ctx)


def told(outcome: Outcome, ctx: Context) -> AlertBook:
    """Says what happened; the book afterwards, each alert with the time of its next step.

    Also where nothing happened: a due time that came from rules the county has changed since is set right, else the
    clock would find it due for ever.
    """
    book, said = outcome
    by_id = {one.alert_id: one for one in book.alerts}
    for one in said:
        alert = by_id[one.alert_id]
        ctx.emit(_event(one, alert), topic=RESTRICTED if alert.restricted else "", at=one.at)
    if said:
        book = replace(book, history=(*book.history, *said))
    if told_to := notices_of(said, by_id, ctx.policy.oncall.telling):
        book = replace(book, notices=(*book.notices, *told_to))
    timed = tuple(_timed(one, alerts.next_due(one, ctx.policy)) for one in book.alerts)
    return book if all(a is b for a, b in zip(timed, book.alerts, strict=True)) else replace(book, alerts=timed)


def _timed(alert: Alert, due_at: datetime | None) -> Alert:
    return alert if alert.due_at == due_at else replace(alert, due_at=due_at)


@singledispatch
def _event(happening: Happening, alert: Alert) -> Message:
    raise TypeError(f"no event tells of {type(happening).__name__} ({alert.kind})")


@_event.register
def _(happening: Raised, alert: Alert) -> Message:
    return AlertRaised(
        alert=_ref(alert), severity=alert.severity.name, raised_at=stamp_of(happening.at), cause=happening.cause
    )


@_event.register
def _(happening: Joined, alert: Alert) -> Message:
    return AlertJoined(alert=_ref(alert), severity=happening.severity.name, joined=alert.joined, cause=happening.cause)


@_event.register
def _(happening: Reported, alert: Alert) -> Message:
    return AlertReported(alert=_ref(alert), cause=happening.cause)


@_event.register
def _(happening: ActDone, alert: Alert) -> Message:
    return AlertActDone(alert=_ref(alert), what=happening.what, evidence=len(happening.evidence))


@_event.register
def _(happening: ClosingProposed, alert: Alert) -> Message:
    return AlertClosingProposed(alert=_ref(alert), outcome=happening.outcome)


@_event.register
def _(_happening: ClosingSentBack, alert: Alert) -> Message:
    return AlertClosingSentBack(alert=_ref(alert))


@_event.register
def _(happening: Reopened, alert: Alert) -> Message:
    return AlertReopened(alert=_ref(alert), reopened_at=stamp_of(happening.at))


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
    return AlertRef(
        alert_id=alert.alert_id,
        kind=alert.kind,
        person_id=alert.person_id,
        subject_kind=alert.subject_kind,
        subject_id=alert.subject_id,
    )
