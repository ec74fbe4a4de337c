"""What alerts does when somebody takes an alert on, and when a step is due."""

from __future__ import annotations

from dataclasses import dataclass

from tuoqi.alerts.domain import book as books
from tuoqi.alerts.domain.alert import AlertClosedError
from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.handlers.telling import caught_up, told
from tuoqi.kit.context import Context
from tuoqi.kit.errors import TuoqiError


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Command: the actor takes an alert on 签收."""

    alert_id: str


@dataclass(frozen=True, slots=True)
class EscalationDue:
    """Command of the clock: at this moment an alert has a step to take."""

    alert_id: str


def on_acknowledge(book: AlertBook | None, command: Acknowledge, ctx: Context) -> AlertBook:
    """Somebody takes an alert on; a second time changes nothing. Refuses alerts.closed."""
    book = caught_up(book or AlertBook(ctx.key), ctx)
    try:
        taken = books.acknowledge(book, command.alert_id, ctx.actor, ctx.at, ctx.policy)
    except AlertClosedError as closed:
        raise TuoqiError(closed.slug, alert=command.alert_id) from closed
    return told(taken, ctx)


def on_escalation_due(book: AlertBook | None, command: EscalationDue, ctx: Context) -> AlertBook | None:
    """The steps of one alert due at this moment are taken, each once; none where it closed meanwhile."""
    if book is None:
        return None
    return told(books.escalate(book, ctx.at, ctx.policy, alert_id=command.alert_id), ctx)
