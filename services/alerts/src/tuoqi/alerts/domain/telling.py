"""Who is told of what 通知规则: levels by occasion, and the people on call 值班 at each level."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time

from tuoqi.alerts.domain.terms import COUNTY_ZONE

RAISED, RISEN, ESCALATED, REOPENED, PROPOSED, CLOSED = (
    "raised", "risen", "escalated", "reopened", "closing_proposed", "closed",
)  # fmt: skip
OCCASIONS = (RAISED, RISEN, ESCALATED, REOPENED, PROPOSED, CLOSED)


@dataclass(frozen=True, slots=True)
class Telling:
    """Which levels hear of a raise by severity (`raised`) or kind (`by_kind`); `order` is who comes after whom.

    `proposed` hears that a closing waits for a second person; `closed` says whether those who were told hear of the end.
    """

    order: tuple[str, ...] = ()
    raised: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by_kind: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    proposed: tuple[str, ...] = ()
    closed: bool = False

    def at_raise(self, kind: str, severity: str) -> tuple[str, ...]:
        """The levels that hear of a raise."""
        return self.by_kind.get(kind) or self.raised.get(severity, ())

    def from_level(self, level: str) -> tuple[str, ...]:
        """This level and those after it, in order; an unknown one stands alone."""
        return self.order[self.order.index(level) :] if level in self.order else (level,)


@dataclass(frozen=True, slots=True)
class Contact:
    """How somebody is reached; addresses are those of staff and stand in the county's own files."""

    user: str
    channels: tuple[str, ...]
    email: str = ""
    phone: str = ""
    webhook: str = ""


@dataclass(frozen=True, slots=True)
class Duty:
    """One entry of an on-call list: who, for which regions (code prefixes; none = all), on which days and hours."""

    level: str
    users: tuple[str, ...]
    regions: tuple[str, ...] = ()
    weekdays: frozenset[int] = frozenset()
    hours: tuple[time, time] | None = None
    first_day: date | None = None
    last_day: date | None = None

    def covers(self, region: str, moment: datetime) -> bool:
        """Whether this entry answers for a region at a moment. Hours that begin after they end run over midnight."""
        local = moment.astimezone(COUNTY_ZONE)
        day = local.date()
        in_days = (self.first_day is None or self.first_day <= day) and (self.last_day is None or day <= self.last_day)
        in_week = not self.weekdays or day.isoweekday() in self.weekdays
        in_region = not self.regions or any(region.startswith(prefix) for prefix in self.regions)
        return in_days and in_week and in_region and (self.hours is None or _within(self.hours, local.time()))


def _within(hours: tuple[time, time], now: time) -> bool:
    begin, end = hours
    return begin <= now < end if begin < end else now >= begin or now < end


@dataclass(frozen=True, slots=True)
class OnCall:
    """The county's on-call lists and how its messages are worded."""

    duties: tuple[Duty, ...] = ()
    contacts: Mapping[str, Contact] = field(default_factory=dict)
    telling: Telling = field(default_factory=Telling)
    severities: Mapping[str, str] = field(default_factory=dict)
    """The county's word for each severity."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """The sentence of each occasion."""
    restricted: str = ""
    """The sentence for kinds of restricted view, which says nothing of them."""
    tries: int = 8

    def on_duty(self, level: str, region: str, moment: datetime) -> tuple[Contact, ...]:
        """Who answers for a level in a region at a moment, each once, in the order of the lists."""
        users: Iterable[str] = (
            user for duty in self.duties if duty.level == level and duty.covers(region, moment) for user in duty.users
        )
        return tuple(self.contacts[user] for user in dict.fromkeys(users))

    def reached(self, level: str, region: str, moment: datetime) -> tuple[str, tuple[Contact, ...]]:
        """The first level from this one on at which somebody is on duty, and who; nobody where none is."""
        for one in self.telling.from_level(level):
            if found := self.on_duty(one, region, moment):
                return one, found
        return level, ()
