"""What alerts does when visits or payments tell of something besides missed visits. Which kind is raised is data.

Nobody is forgotten: a finding whose kind the county does not know raises the kind that stands for the unknown, with
the unknown word as its cause.
"""

from __future__ import annotations

from tuoqi.alerts.domain import book as books
from tuoqi.alerts.domain import sources
from tuoqi.alerts.domain.acts import BY_VISITS, BY_WARNING
from tuoqi.alerts.domain.alert import Subject
from tuoqi.alerts.domain.book import NOTHING_TOLD, AlertBook, Told
from tuoqi.alerts.domain.parts import INSTRUCTION, PERSON
from tuoqi.alerts.domain.rules import KindRule
from tuoqi.alerts.domain.terms import COUNTY_ZONE
from tuoqi.alerts.handlers.telling import caught_up, told
from tuoqi.contracts.payments.v1.cycle_pb2 import InstructionDisputed
from tuoqi.contracts.payments.v1.verification_pb2 import VerificationFound
from tuoqi.contracts.visits.v1.finding_pb2 import FindingReported
from tuoqi.contracts.visits.v1.task_pb2 import ExtraTaskOverdue, ExtraTaskSettled, TaskBatchSettled
from tuoqi.kit.context import Context
from tuoqi.kit.handlers import Handlers
from tuoqi.kit.stamps import moment_of

TASK_STATES = {"DONE": "MADE_UP", "CANCELLED": "WITHDRAWN", "WITHDRAWN": "WITHDRAWN"}
"""What became of an extra task, in the words of overdue visits; an unknown one ends the task all the same."""


def on_finding(book: AlertBook | None, event: FindingReported, ctx: Context) -> AlertBook | None:
    """A finding raises the kind it names, or joins; one that names none is not for alerts."""
    if not event.alert_kind:
        return book
    return _raise(book, event.alert_kind, Subject(PERSON, event.person_id), ctx, Told(cause=event.code))


def on_task_overdue(book: AlertBook | None, event: ExtraTaskOverdue, ctx: Context) -> AlertBook | None:
    """An extra task that nobody did in time raises an alert or joins the open one."""
    kind = ctx.policy.sources.kind_of(sources.TASK_OVERDUE, event.kind)
    if not kind:
        return book
    due = moment_of(event.due_at).astimezone(COUNTY_ZONE).date()
    about = Told(cause=event.kind, deadline=due, ref=event.task_id)
    return _raise(book, kind, Subject(PERSON, event.person_id), ctx, about)


def on_task_settled(book: AlertBook | None, event: ExtraTaskSettled, ctx: Context) -> AlertBook | None:
    """A task that was late is over: its alert closes when none of its tasks is open any more."""
    if book is None:
        return None
    changes = [(event.task_id, TASK_STATES.get(event.state, "ENDED"))]
    return told(books.tasks_changed(caught_up(book, ctx), changes, ctx.at, ctx.policy), ctx)


def on_batch_settled(book: AlertBook | None, _event: TaskBatchSettled, ctx: Context) -> AlertBook | None:
    """Everybody whom a weather warning concerned has been seen or need not be: its alerts close."""
    if book is None:
        return None
    return told(books.close_all(caught_up(book, ctx), "tasks_done", ctx.at, ctx.policy), ctx)


def on_disputed(book: AlertBook | None, event: InstructionDisputed, ctx: Context) -> AlertBook | None:
    """The bank contradicts itself: somebody must look, about the person where the money is one person's."""
    overpaid = event.overpaid_fen
    code = "OVERPAID" if overpaid > 0 else "CAME_BACK" if overpaid < 0 else "CHANGED"
    kind = ctx.policy.sources.kind_of(sources.DISPUTED, code)
    return _raise(book, kind, _owner(event), ctx, Told(cause=code)) if kind else book


def on_verified(book: AlertBook | None, event: VerificationFound, ctx: Context) -> AlertBook | None:
    """A check after the payment found a dead person, or that another one was paid."""
    kind = ctx.policy.sources.kind_of(sources.VERIFIED, event.finding)
    return _raise(book, kind, Subject(PERSON, event.person_id), ctx, Told(cause=event.finding)) if kind else book


def _raise(book: AlertBook | None, kind: str, subject: Subject, ctx: Context, about: Told = NOTHING_TOLD) -> AlertBook:
    """Raise or join, of the kind that stands for the unknown where the county does not know this one."""
    day = ctx.at.astimezone(COUNTY_ZONE).date()
    if ctx.policy.knows(kind, day) and _fits(ctx.policy.knowing(kind, day).kind(kind), about):
        cause = ctx.policy.knowing(kind, day).kind(kind).cause_of(about.cause)
        about = Told(cause, about.by, about.grade, about.deadline, about.ref)
    else:
        kind, about = ctx.policy.sources.unknown, Told(cause=kind)
    book = caught_up(book or AlertBook(ctx.key), ctx)
    return told(books.told_of(book, kind, subject, ctx.at, new_id=ctx.new_id, policy=ctx.policy, told=about), ctx)


def _fits(rule: KindRule, about: Told) -> bool:
    """Whether something would ever close it: what missed visits alone close is raised by missed visits alone."""
    return bool(about.ref) if rule.closes in BY_VISITS else rule.closes != BY_WARNING


def _owner(event: InstructionDisputed) -> Subject:
    """The person where the money is one person's, else the instruction."""
    (*others, first) = event.person_ids or [""]
    return Subject(PERSON, first) if first and not others else Subject(INSTRUCTION, event.instruction_id)


FINDING_HANDLERS = Handlers(state=AlertBook, key=lambda event: event.person_id, on={FindingReported: on_finding})
TASK_HANDLERS = Handlers(
    state=AlertBook,
    key=lambda event: event.person_id,
    on={ExtraTaskOverdue: on_task_overdue, ExtraTaskSettled: on_task_settled},
)
BATCH_HANDLERS = Handlers(
    state=AlertBook, key=lambda event: f"warning:{event.cause_id}", on={TaskBatchSettled: on_batch_settled}
)
DISPUTE_HANDLERS = Handlers(
    state=AlertBook, key=lambda event: _owner(event).book, on={InstructionDisputed: on_disputed}
)
VERIFICATION_HANDLERS = Handlers(
    state=AlertBook, key=lambda event: event.person_id, on={VerificationFound: on_verified}
)
