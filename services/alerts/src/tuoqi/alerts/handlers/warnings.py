"""What alerts does when a weather warning is taken over and when it ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from tuoqi.alerts.domain import book as books
from tuoqi.alerts.domain.alert import Subject
from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.domain.parts import REGION
from tuoqi.alerts.domain.warnings import WeatherWarning
from tuoqi.alerts.handlers.telling import caught_up, told
from tuoqi.contracts.alerts.v1.warning_pb2 import WeatherWarningEnded, WeatherWarningIssued
from tuoqi.kit.context import Context
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.stamps import stamp_of


@dataclass(frozen=True, slots=True)
class Issue:
    """Command: a warning is taken over."""

    warning: WeatherWarning


@dataclass(frozen=True, slots=True)
class End:
    """Command: it is over; `by` is empty where the clock says so."""

    by: str = ""


@dataclass(frozen=True, slots=True)
class AlertRegions:
    """Command: each region has an alert of this kind."""

    kind: str
    regions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WarningOver:
    """Command: the alerts of a warning close with it."""

    by: str = ""


def on_issue(warning: WeatherWarning | None, command: Issue, ctx: Context) -> WeatherWarning:
    """The warning holds; visits makes tasks of it where people must be seen."""
    if warning is not None:
        return warning
    new = command.warning
    ctx.emit(
        WeatherWarningIssued(
            warning_id=new.warning_id,
            kind=new.kind,
            colour=new.colour,
            regions=new.regions,
            begins_at=stamp_of(new.begins_at),
            ends_at=stamp_of(new.ends_at),
            tasks_due_at=stamp_of(new.tasks_due_at),
        )
    )
    return new


def on_end(warning: WeatherWarning | None, command: End, ctx: Context) -> WeatherWarning:
    """The warning is over. Refuses alerts.warning_ended where it was before."""
    if warning is None:
        raise TuoqiError("state.not_found", what=f"气象预警 {ctx.key}")
    if warning.ended_at is not None:
        raise TuoqiError("alerts.warning_ended", at=_minute(warning.ended_at))
    ctx.emit(WeatherWarningEnded(warning_id=warning.warning_id, ended_at=stamp_of(ctx.at)))
    return replace(warning, ended_at=ctx.at, ended_by=command.by)


def on_alert_regions(book: AlertBook | None, command: AlertRegions, ctx: Context) -> AlertBook:
    """Each region of a grave warning has an alert of its own."""
    book = book or AlertBook(ctx.key)
    for code in command.regions:
        subject = Subject(REGION, code, code)
        raised = books.told_of(book, command.kind, subject, ctx.at, new_id=ctx.new_id, policy=ctx.policy)
        book = told(raised, ctx)
    return book


def on_warning_over(book: AlertBook | None, command: WarningOver, ctx: Context) -> AlertBook | None:
    """Alerts that are still open close as `warning_ended`."""
    if book is None:
        return None
    over = books.close_all(caught_up(book, ctx), "warning_ended", ctx.at, ctx.policy, by=command.by)
    return told(over, ctx)


def _minute(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")
