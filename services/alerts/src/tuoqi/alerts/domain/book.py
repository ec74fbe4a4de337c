"""The alerts of one person 预警簿: which open alert a cause joins, and which one an ending closes.

One alert for one cause: while an alert of a kind about the person is open, a further one joins it. The book holds the
open alerts; those that close stay in it until it is stored and are not loaded again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from tuoqi.alerts.domain import alert as alerts
from tuoqi.alerts.domain.alert import TWO_FAILED_TRIES, VISIT_OVERDUE, Alert, AlertClosedError, Happening
from tuoqi.alerts.domain.notices import Notice
from tuoqi.alerts.domain.rules import AlertPolicy


@dataclass(frozen=True, slots=True)
class AlertBook:
    """What alerts must know of one person to judge the next event; `version` belongs to whoever stores and emits.

    `notices` has not been written to the table of notices yet: empty whenever a book is loaded.
    """

    person_id: str
    version: int = 0
    alerts: tuple[Alert, ...] = ()
    notices: tuple[Notice, ...] = field(default=(), repr=False)

    def open_one(self, kind: str) -> Alert | None:
        """The open alert of `kind`; there is never a second."""
        return next((one for one in self.alerts if one.is_open and one.kind == kind), None)


Outcome = tuple[AlertBook, tuple[Happening, ...]]


def overdue_found(
    book: AlertBook, deadline: date, grade: str, at: datetime, *, new_id: Callable[[], str], policy: AlertPolicy
) -> Outcome:
    """A missed deadline raises `visit_overdue` or joins the open one."""
    running = book.open_one(VISIT_OVERDUE)
    if running is not None:
        return _with(book, alerts.join(running, at, policy, grade=grade, deadline=deadline))
    raised = alerts.raise_alert(
        new_id(), VISIT_OVERDUE, at, policy, person_id=book.person_id, grade=grade, deadline=deadline
    )
    return _with(book, raised)


def overdues_changed(
    book: AlertBook, changes: Sequence[tuple[date, str]], at: datetime, policy: AlertPolicy
) -> Outcome:
    """What one moment made of missed deadlines; closes the open alert when none of its own is open any more."""
    running = book.open_one(VISIT_OVERDUE)
    return (book, ()) if running is None else _with(book, alerts.causes_changed(running, changes, at, policy))


def two_tries_failed(book: AlertBook, at: datetime, *, new_id: Callable[[], str], policy: AlertPolicy) -> Outcome:
    """Two failed tries, or a further one, raise `two_failed_tries` or join the open one."""
    running = book.open_one(TWO_FAILED_TRIES)
    if running is not None:
        return _with(book, alerts.join(running, at, policy))
    return _with(book, alerts.raise_alert(new_id(), TWO_FAILED_TRIES, at, policy, person_id=book.person_id))


def two_tries_ended(book: AlertBook, closed_as: str, at: datetime, policy: AlertPolicy) -> Outcome:
    """The alert about failed tries closes as told; one already closed stays as it is."""
    running = book.open_one(TWO_FAILED_TRIES)
    return (book, ()) if running is None else _with(book, alerts.close(running, at, closed_as, policy))


def acknowledge(book: AlertBook, alert_id: str, by: str, at: datetime, policy: AlertPolicy) -> Outcome:
    """Somebody takes one alert on. Raises AlertClosedError where the book has no open alert of this id."""
    running = next((one for one in book.alerts if one.is_open and one.alert_id == alert_id), None)
    if running is None:
        raise AlertClosedError(alert_id)
    return _with(book, alerts.acknowledge(running, by, at, policy))


def escalate(book: AlertBook, until: datetime, policy: AlertPolicy, *, alert_id: str = "") -> Outcome:
    """Every step due by `until`, alert by alert: of every open alert, or only of the one named."""
    said: tuple[Happening, ...] = ()
    for one in book.alerts:
        if alert_id in {"", one.alert_id}:
            book, taken = _with(book, alerts.escalate(one, until, policy))
            said += taken
    return book, said


def due_steps(book: AlertBook, until: datetime, policy: AlertPolicy) -> list[tuple[datetime, str]]:
    """When which open alert (its id) has steps to take, by `until`, in order of time."""
    return sorted({(at, one.alert_id) for one in book.alerts for at in alerts.moments_due(one, until, policy)})


def next_due(book: AlertBook, policy: AlertPolicy) -> datetime | None:
    """When the next step of any of them is due."""
    times = (alerts.next_due(one, policy) for one in book.alerts)
    return min((at for at in times if at is not None), default=None)


def _with(book: AlertBook, outcome: alerts.Outcome) -> Outcome:
    changed, said = outcome
    known = any(one.alert_id == changed.alert_id for one in book.alerts)
    kept = tuple(changed if one.alert_id == changed.alert_id else one for one in book.alerts)
    return replace(book, alerts=kept if known else (*kept, changed)), said
