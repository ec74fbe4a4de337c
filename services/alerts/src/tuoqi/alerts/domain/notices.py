"""Who must hear of what happens to an alert 通知: one notice for each level and occasion, told once.

A happening that nobody need hear of makes no notice. Which levels hear is county data (`telling`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from tuoqi.alerts.domain import telling as occasions
from tuoqi.alerts.domain.alert import Alert
from tuoqi.alerts.domain.happenings import Closed, ClosingProposed, Escalated, Happening, Joined, Raised, Reopened
from tuoqi.alerts.domain.telling import Telling


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to be told to one level: what happened (`occasion`), who is to hear it, and when it was so."""

    alert_id: str
    occasion: str
    level: str
    at: datetime


def notices_of(said: Iterable[Happening], alerts: Mapping[str, Alert], telling: Telling) -> tuple[Notice, ...]:
    """The notices that follow from what happened, in order."""
    return tuple(
        Notice(one.alert_id, occasion, level, one.at)
        for one in said
        for occasion, level in dict.fromkeys(_told(one, alerts[one.alert_id], telling))
    )


def _told(one: Happening, alert: Alert, telling: Telling) -> Iterator[tuple[str, str]]:
    """Occasion and level of everybody who hears of this."""
    at_raise = telling.at_raise(alert.kind, alert.severity.name)
    match one:
        case Raised():
            yield from ((occasions.RAISED, level) for level in at_raise)
        case Joined() if alert.severity_since == one.at and alert.raised_at < one.at:
            yield from ((occasions.RISEN, level) for level in at_raise)
        case Escalated():
            yield occasions.ESCALATED, one.step
        case ClosingProposed():
            yield from ((occasions.PROPOSED, level) for level in telling.proposed)
        case Reopened():
            yield from ((occasions.REOPENED, level) for level in (*at_raise, *_steps(alert)))
        case Closed() if telling.closed:
            yield from ((occasions.CLOSED, level) for level in (*at_raise, *_steps(alert)))


def _steps(alert: Alert) -> Iterator[str]:
    return (step.step for step in alert.escalations)
