"""The alerts of one subject 预警簿: which open alert a cause joins, and which one an ending closes.

One alert for one cause: while an alert of a kind about the subject is open, a further one joins it. The book holds the
open alerts; those that close stay in it until it is stored and are not loaded again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from tuoqi.alerts.domain import alert as alerts
from tuoqi.alerts.domain.alert import TWO_FAILED_TRIES, VISIT_OVERDUE, Alert, AlertClosedError, Happening
from tuoqi.alerts.domain.notices import Notice
from tuoqi.alerts.domain.parts import PERSON, Subject
from tuoqi.alerts.domain.rules import AlertPolicy


@dataclass(frozen=True, slots=True)
class AlertBook:
    """What alerts must know of one subject to judge the next event; `version` belongs to whoever stores and emits.

    `key` is a person's id, or `<kind>:<id>`. `notices` and `history` have not been written to their tables yet: empty
    whenever a book is loaded.
    """

    key: str
    version: int = 0
    alerts: tuple[Alert, ...] = ()
    notices: tuple[Notice, ...] = field(default=(), repr=False)
    history: tuple[Happening, ...] = field(default=(), repr=False)

    @property
    def subject(self) -> Subject:
        """Whom the alerts of visits are about."""
        return Subject(PERSON, self.key)

    def open_one(self, kind: str, subject_id: str = "") -> Alert | None:
        """The open alert of `kind` (about one subject of several, where the book has alerts of several)."""
        return next(
            (one for one in self.alerts if one.is_open and one.kind == kind and subject_id in {"", one.subject_id}),
            None,
        )

    def named(self, alert_id: str) -> Alert:
        """The open alert of this id. Raises AlertClosedError where there is none."""
        for one in self.alerts:
            if one.is_open and one.alert_id == alert_id:
                return one
        raise AlertClosedError(alert_id)


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a cause beyond its kind: the county's code, who told it, which missed visit or task."""

    cause: str = ""
    by: str = ""
    grade: str = ""
    deadline: date | None = None
    ref: str = ""


NOTHING_TOLD = Told()
Outcome = tuple[AlertBook, tuple[Happening, ...]]


def overdue_found(
    book: AlertBook, deadline: date, grade: str, at: datetime, *, new_id: Callable[[], str], policy: AlertPolicy
) -> Outcome:
    """A missed deadline raises `visit_overdue` or joins the open one."""
    running = book.open_one(VISIT_OVERDUE)
    if running is not None:
        return with_alert(book, alerts.join(running, at, policy, grade=grade, deadline=deadline))
    raised = alerts.raise_alert(
        new_id(), VISIT_OVERDUE, at, policy, subject=book.subject, grade=grade, deadline=deadline
    )
    return with_alert(book, raised)


def overdues_changed(
    book: AlertBook, changes: Sequence[tuple[date, str]], at: datetime, policy: AlertPolicy
) -> Outcome:
    """What one moment made of missed deadlines; closes the open alert when none of its own is open any more."""
    running = book.open_one(VISIT_OVERDUE)
    return (book, ()) if running is None else with_alert(book, alerts.causes_changed(running, changes, at, policy))


def two_tries_failed(book: AlertBook, at: datetime, *, new_id: Callable[[], str], policy: AlertPolicy) -> Outcome:
    """Two failed tries, or a further one, raise `two_failed_tries` or join the open one."""
    running = book.open_one(TWO_FAILED_TRIES)
    if running is not None:
        return with_alert(book, alerts.join(running, at, policy))
    return with_alert(book, alerts.raise_alert(new_id(), TWO_FAILED_TRIES, at, policy, subject=book.subject))


def two_tries_ended(book: AlertBook, closed_as: str, at: datetime, policy: AlertPolicy) -> Outcome:
    """The alert about failed tries closes as told; one already closed stays as it is."""
    running = book.open_one(TWO_FAILED_TRIES)
    return (book, ()) if running is None else with_alert(book, alerts.close(running, at, closed_as, policy))


def acknowledge(book: AlertBook, alert_id: str, by: str, at: datetime, policy: AlertPolicy) -> Outcome:
    """Somebody takes one alert on. Raises AlertClosedError where the book has no open alert of this id."""
    return with_alert(book, alerts.acknowledge(book.named(alert_id), by, at, policy))


def told_of(
    book: AlertBook,
    kind: str,
    subject: Subject,
    at: datetime,
    *,
    new_id: Callable[[], str],
    policy: AlertPolicy,
    told: Told = NOTHING_TOLD,
) -> Outcome:
    """Something of `kind` about the subject, told by an event or by somebody: raises an alert or joins the open one."""
    running = book.open_one(kind, subject.id)
    more = {"grade": told.grade, "ref": told.ref, "cause": told.cause, "by": told.by}
    if running is not None:
        return with_alert(book, alerts.join(running, at, policy, deadline=told.deadline, **more))
    raised = alerts.raise_alert(new_id(), kind, at, policy, subject=subject, deadline=told.deadline, **more)
    return with_alert(book, raised)


def tasks_changed(book: AlertBook, changes: Sequence[tuple[str, str]], at: datetime, policy: AlertPolicy) -> Outcome:
    """What became of extra tasks (id, state); an alert about them closes when none of its own is open any more."""
    said: tuple[Happening, ...] = ()
    for one in book.alerts:
        if one.is_open:
            book, more = with_alert(book, alerts.causes_changed(one, changes, at, policy))
            said += more
    return book, said


def close_all(book: AlertBook, closed_as: str, at: datetime, policy: AlertPolicy, *, by: str = "") -> Outcome:
    """Every open alert of the book closes as told."""
    said: tuple[Happening, ...] = ()
    for one in book.alerts:
        if one.is_open:
            book, more = with_alert(book, alerts.close(one, at, closed_as, policy, by=by))
            said += more
    return book, said


def escalate(book: AlertBook, until: datetime, policy: AlertPolicy, *, alert_id: str = "") -> Outcome:
    """Every step due by `until`, alert by alert: of every open alert, or only of the one named."""
    said: tuple[Happening, ...] = ()
    for one in book.alerts:
        if alert_id in {"", one.alert_id}:
            book, taken = with_alert(book, alerts.escalate(one, until, policy))
            said += taken
    return book, said


def due_steps(book: AlertBook, until: datetime, policy: AlertPolicy) -> list[tuple[datetime, str]]:
    """When which open alert (its id) has steps to take, by `until`, in order of time."""
    return sorted({(at, one.alert_id) for one in book.alerts for at in alerts.moments_due(one, until, policy)})


def next_due(book: AlertBook, policy: AlertPolicy) -> datetime | None:
    """When the next step of any of them is due."""
    times = (alerts.next_due(one, policy) for one in book.alerts)
    return min((at for at in times if at is not None), default=None)


def with_alert(book: AlertBook, outcome: alerts.Outcome) -> Outcome:
    """The book with one alert as it is afterwards, and what happened to it."""
    changed, said = outcome
    known = any(one.alert_id == changed.alert_id for one in book.alerts)
    kept = tuple(changed if one.alert_id == changed.alert_id else one for one in book.alerts)
    return replace(book, alerts=kept if known else (*kept, changed)), said
