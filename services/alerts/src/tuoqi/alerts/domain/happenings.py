"""Everything that can happen to an alert 预警经过, each with its own time.

`by` is the user who did it, empty where an event or the clock did. `note` is private text, sealed before it comes here;
it stands in the history alone, never in an event.
"""

from dataclasses import dataclass, field
from datetime import datetime

from tuoqi.alerts.domain.parts import Evidence
from tuoqi.alerts.domain.rules import Severity


class AlertRefusedError(Exception):
    """An act that the rules do not allow; `slug` says why, `details` fill the sentence."""

    def __init__(self, slug: str, **details: object) -> None:
        super().__init__(slug, details)
        self.slug = slug
        self.details = details


class AlertClosedError(AlertRefusedError):
    """The alert is closed already; nothing more can be done with it."""

    def __init__(self, alert_id: str) -> None:
        super().__init__("alerts.closed", alert=alert_id)


@dataclass(frozen=True, slots=True)
class Raised:
    """The alert was raised; `cause` is a code of its kind, where one was told."""

    alert_id: str
    at: datetime
    cause: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Joined:
    """A further cause joined; `severity` is the one it has now."""

    alert_id: str
    at: datetime
    severity: Severity
    cause: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Reported:
    """Somebody reported it, the first or a further one; follows the Raised or Joined that came of it."""

    alert_id: str
    at: datetime
    by: str
    cause: str = ""
    evidence: tuple[Evidence, ...] = ()
    note: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Somebody took the alert on."""

    alert_id: str
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Escalated:
    """The next step was due and taken."""

    alert_id: str
    at: datetime
    step: str


@dataclass(frozen=True, slots=True)
class ActDone:
    """Somebody did what the kind demands, like on_site, plan, police."""

    alert_id: str
    at: datetime
    by: str
    what: str
    evidence: tuple[Evidence, ...] = ()
    note: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class ClosingProposed:
    """Somebody proposes to close it; a second person decides."""

    alert_id: str
    at: datetime
    by: str
    outcome: str
    evidence: tuple[Evidence, ...] = ()
    note: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class ClosingSentBack:
    """The second person does not agree; it stays open."""

    alert_id: str
    at: datetime
    by: str
    note: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Reopened:
    """It had been closed and is open again: acknowledging is asked for anew, terms run from here."""

    alert_id: str
    at: datetime
    by: str
    note: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Closed:
    """The alert is over; `by` is who closed it, empty where visits' events or the clock did."""

    alert_id: str
    at: datetime
    closed_as: str
    by: str = ""
    note: bytes = field(default=b"", repr=False)


Happening = (
    Raised
    | Joined
    | Reported
    | Acknowledged
    | Escalated
    | ActDone
    | ClosingProposed
    | ClosingSentBack
    | Reopened
    | Closed
)
