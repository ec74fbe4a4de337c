"""What alerts does when somebody reports, acts on, closes or re-opens an alert, and when a step is due.

Private text comes sealed; a handler only hands it on to the history. Steps due by the moment of an act are taken first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tuoqi.alerts.domain import acts
from tuoqi.alerts.domain import alert as alerts
from tuoqi.alerts.domain import book as books
from tuoqi.alerts.domain.acts import Hand
from tuoqi.alerts.domain.alert import Alert, AlertRefusedError, Reported
from tuoqi.alerts.domain.book import AlertBook, Told
from tuoqi.alerts.domain.parts import Evidence, Subject
from tuoqi.alerts.handlers.telling import caught_up, told
from tuoqi.kit.context import Context
from tuoqi.kit.errors import TuoqiError


@dataclass(frozen=True, slots=True)
class Report:
    """Command: the actor reports something of a kind about a subject 报告."""

    kind: str
    subject: Subject
    cause: str = ""
    evidence: tuple[Evidence, ...] = ()
    note: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Command: the actor takes an alert on 签收."""

    alert_id: str


@dataclass(frozen=True, slots=True)
class RecordAct:
    """Command: the actor did what the kind demands 处置."""

    alert_id: str
    what: str
    evidence: tuple[Evidence, ...] = ()
    note: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class CloseByHand:
    """Command: the actor closes an alert, or proposes to 申请办结. `inspects`: he has that department's right."""

    alert_id: str
    outcome: str
    evidence: tuple[Evidence, ...] = ()
    note: bytes = field(default=b"", repr=False)
    inspects: bool = False


@dataclass(frozen=True, slots=True)
class DecideClosing:
    """Command: the actor confirms a proposed closing, or sends it back 复核."""

    alert_id: str
    agreed: bool
    note: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Reopen:
    """Command: the actor opens a closed alert again 重新打开; `alert` is as it was stored, under the book's lock."""

    alert: Alert
    note: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class EscalationDue:
    """Command of the clock: at this moment an alert has a step to take."""

    alert_id: str


def on_report(book: AlertBook | None, command: Report, ctx: Context) -> AlertBook:
    """A report raises an alert or joins the open one. Whether the kind may be reported is settled before."""
    book = caught_up(book or AlertBook(ctx.key), ctx)
    about = Told(cause=command.cause, by=ctx.actor)
    book, said = books.told_of(
        book, command.kind, command.subject, ctx.at, new_id=ctx.new_id, policy=ctx.policy, told=about
    )
    by_it = Reported(said[0].alert_id, ctx.at, ctx.actor, command.cause, command.evidence, command.note)
    return told((book, (*said, by_it)), ctx)


def on_acknowledge(book: AlertBook | None, command: Acknowledge, ctx: Context) -> AlertBook:
    """Somebody takes an alert on; a second time changes nothing. Refuses alerts.closed, alerts.acknowledged_by_act."""
    return _on_one(book, command.alert_id, ctx, lambda one: alerts.acknowledge(one, ctx.actor, ctx.at, ctx.policy))


def on_record_act(book: AlertBook | None, command: RecordAct, ctx: Context) -> AlertBook:
    """Something was done. Refuses alerts.closed, alerts.unknown_act, alerts.settled_by_visits and _by_warning."""
    hand = Hand(ctx.actor, ctx.at, command.evidence, command.note)
    return _on_one(book, command.alert_id, ctx, lambda one: acts.record_act(one, command.what, hand, ctx.policy))


def on_close_by_hand(book: AlertBook | None, command: CloseByHand, ctx: Context) -> AlertBook:
    """Somebody closes an alert or proposes to. Refuses what `close_by_hand` of the domain refuses."""
    hand = Hand(ctx.actor, ctx.at, command.evidence, command.note, inspects=command.inspects)
    return _on_one(book, command.alert_id, ctx, lambda one: acts.close_by_hand(one, command.outcome, hand, ctx.policy))


def on_decide_closing(book: AlertBook | None, command: DecideClosing, ctx: Context) -> AlertBook:
    """The second person decides. Refuses alerts.no_proposal and alerts.own_work."""
    hand = Hand(ctx.actor, ctx.at, note=command.note)
    return _on_one(
        book, command.alert_id, ctx, lambda one: acts.decide_closing(one, hand, ctx.policy, agreed=command.agreed)
    )


def on_reopen(book: AlertBook | None, command: Reopen, ctx: Context) -> AlertBook:
    """A closed alert is open again. Refuses alerts.newer_open where a further one of its cause is open already."""
    book = caught_up(book or AlertBook(ctx.key), ctx)
    newer = book.open_one(command.alert.kind, command.alert.subject_id)
    if newer is not None:
        raise TuoqiError("alerts.newer_open", alert=newer.alert_id)
    hand = Hand(ctx.actor, ctx.at, note=command.note)
    with_it = replace(book, alerts=(*book.alerts, command.alert))
    try:
        outcome = acts.reopen(command.alert, hand, ctx.policy, within=ctx.policy.reopen_within)
    except AlertRefusedError as refused:
        raise TuoqiError(refused.slug, **refused.details) from refused
    return told(books.with_alert(with_it, outcome), ctx)


def on_escalation_due(book: AlertBook | None, command: EscalationDue, ctx: Context) -> AlertBook | None:
    """The steps of one alert due at this moment are taken, each once; none where it closed meanwhile."""
    if book is None:
        return None
    return told(books.escalate(book, ctx.at, ctx.policy, alert_id=command.alert_id), ctx)


def _on_one(book: AlertBook | None, alert_id: str, ctx: Context, act: Callable[[Alert], alerts.Outcome]) -> AlertBook:
    """One act on one open alert of the book, after the steps due by then."""
    book = caught_up(book or AlertBook(ctx.key), ctx)
    try:
        return told(books.with_alert(book, act(book.named(alert_id))), ctx)
    except AlertRefusedError as refused:
        raise TuoqiError(refused.slug, **refused.details) from refused
