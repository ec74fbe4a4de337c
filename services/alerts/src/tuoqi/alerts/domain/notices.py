"""Who must hear of what happens to an alert 通知: one notice for each step, told once in the alert's life."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tuoqi.alerts.domain.alert import Alert, Happening


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to be told to one level: what happened (`occasion`), who is to hear it (`step`), and when it was so."""

    alert_id: str
    occasion: str
    step: str
    at: datetime


def notices_of(said: Iterable[Happening], alerts: dict[str, Alert]) -> tuple[Notice, ...]:  # noqa: ARG001  to be filled
    """The notices that follow from what happened, in order."""
    return ()
