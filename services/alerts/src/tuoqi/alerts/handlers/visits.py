"""What alerts does when visits tells of missed people.

A handler gets the book of the person its message is about (None where there never was an alert), decides by `domain`,
and says what happened, each thing with its own time. Steps due by the message's own time are always taken first, so
that a service that was away writes the same history as one that was not.
"""

from __future__ import annotations

from datetime import date

from tuoqi.alerts.domain import book as books
from tuoqi.alerts.domain.alert import CLOSED_AS
from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.handlers.telling import caught_up, told
from tuoqi.contracts.visits.v1.plan_pb2 import (
    FailedTriesEnded,
    FailedTryJoined,
    TwoTriesFailed,
    VisitOverdueFound,
    VisitOverdueSettled,
)
from tuoqi.kit.context import Context
from tuoqi.kit.errors import Rejected
from tuoqi.kit.handlers import Handlers


def on_overdue_found(book: AlertBook | None, event: VisitOverdueFound, ctx: Context) -> AlertBook:
    """A missed visit raises an alert or joins the open one."""
    book = caught_up(book or AlertBook(event.person_id), ctx)
    found = books.overdue_found(book, _day(event.deadline), event.grade, ctx.at, new_id=ctx.new_id, policy=ctx.policy)
    return told(found, ctx)


def on_overdue_settled(book: AlertBook | None, event: VisitOverdueSettled, ctx: Context) -> AlertBook | None:
    """What one moment made of missed visits may close the alert; an alert already closed no longer changes."""
    changes = [(_day(change.deadline), change.state) for change in event.changes]
    for _, state in changes:
        if state not in CLOSED_AS:
            raise Rejected("alerts.unknown_state", state=state)
    if book is None:
        return None
    return told(books.overdues_changed(caught_up(book, ctx), changes, ctx.at, ctx.policy), ctx)


def on_failed_try(book: AlertBook | None, event: TwoTriesFailed | FailedTryJoined, ctx: Context) -> AlertBook:
    """Two failed tries raise an alert; a further one joins, and raises where none is open: nobody is forgotten."""
    book = caught_up(book or AlertBook(event.person_id), ctx)
    return told(books.two_tries_failed(book, ctx.at, new_id=ctx.new_id, policy=ctx.policy), ctx)


def on_failed_tries_ended(book: AlertBook | None, event: FailedTriesEnded, ctx: Context) -> AlertBook | None:
    """The last two tries are no longer both failed, or nobody need visit any more: the alert closes."""
    if book is None:
        return None
    return told(books.two_tries_ended(caught_up(book, ctx), event.ended_as, ctx.at, ctx.policy), ctx)


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
