"""Life certification 生存认证: what counts as having been seen alive, and the campaigns that ask for it.

Nothing here stops money. Where a county's policy lets a programme ask for certification, the engine reads the days.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Self

from tuoqi.payments.domain.errors import PaymentsError

VISIT = "VISIT"
CHANNELS_ZH = {
    "DESK": "窗口办理",
    "VILLAGE": "村（社区）名单",
    "VIDEO": "视频",
    "HOSPITAL": "就诊记录",
    "OTHER": "其他资料",
    VISIT: "探访",
}
"""How somebody was seen. A visit is told by the visits service alone."""
SEEN_IN = frozenset({"IN_PERSON", "VIDEO"})
"""Channels of a visit by which the visitor sees the person."""
MET = "MET"
ADULT = 18
OPEN, CLOSED = "OPEN", "CLOSED"
DAYS_MAX = 731
"""The longest campaign."""


@dataclass(frozen=True, slots=True)
class Certification:
    """One day on which a person was seen alive."""

    certified_on: date
    channel: str
    campaign_id: str
    evidence: str
    recorded_by: str
    known_at: datetime


@dataclass(frozen=True, slots=True)
class PersonChecks:
    """What payments has told of one person's checks; `fresh` is written when the state is saved, and only then."""

    person_id: str
    version: int = 0
    seen: frozenset[tuple[date, str]] = frozenset()
    """Day and channel of every certification."""
    fresh: tuple[Certification, ...] = ()

    def certify(self, fact: Certification) -> Self:
        """With one more day; itself where the day and channel are known already."""
        key = (fact.certified_on, fact.channel)
        if key in self.seen:
            return self
        return replace(self, seen=self.seen | {key}, fresh=(*self.fresh, fact))


def is_seen_alive(channel: str, result: str) -> bool:
    """Whether a visit certifies: the person was met, by somebody who saw him."""
    return result == MET and channel in SEEN_IN


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is asked before a day is recorded."""

    birth_date: date
    died_on: date | None
    region: str


def fault_of(certified_on: date, today: date, vitals: Vitals | None) -> str:
    """Why a day cannot be a certification, one Chinese sentence; empty where it can."""
    if vitals is None:
        return "没有找到此人。"
    if certified_on > today:
        return "认证日期不能晚于今天。"
    if certified_on < vitals.birth_date:
        return "认证日期早于出生日期。"
    if vitals.died_on is not None and certified_on > vitals.died_on:
        return f"此人已登记于 {vitals.died_on} 死亡，请先核实。"
    return ""


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign 认证活动: whom it asks for, from when to when. Who belongs to it is fixed when it opens."""

    campaign_id: str
    title: str
    programme: str
    age_from: int
    region: str
    first_day: date
    last_day: date
    remind_days: tuple[int, ...]
    grace_days: int
    opened_by: str
    opened_at: datetime
    state: str = OPEN
    version: int = 0
    reminded_on: date | None = None
    """The day of the last reminder that was due."""
    closed_by: str = ""
    closed_because: str = field(default="", repr=False)

    def next_reminder(self) -> date | None:
        """The next day on which it is reminded of; None where none is left."""
        days = sorted(self.last_day - timedelta(days=days) for days in self.remind_days)
        opened = [day for day in days if day >= self.first_day]
        return next((day for day in opened if self.reminded_on is None or day > self.reminded_on), None)

    def remind(self, on: date) -> Self:
        """The reminder of a day is told."""
        return replace(self, reminded_on=on)

    def close(self, *, by: str, on: date, because: str) -> Self:
        """OPEN → CLOSED; before the last day and the grace only with a reason."""
        if self.state != OPEN:
            raise PaymentsError("payments.campaign_closed", campaign=self.title)
        if on <= self.last_day + timedelta(days=self.grace_days) and not because.strip():
            raise PaymentsError("payments.campaign_still_runs", campaign=self.title, until=self.last_day)
        return replace(self, state=CLOSED, closed_by=by, closed_because=because)


def check_campaign(first_day: date, last_day: date, age_from: int, remind_days: Sequence[int]) -> None:
    """Refuses a period that is none, is too long, or asks for nobody in particular."""
    if not first_day <= last_day <= first_day + timedelta(days=DAYS_MAX):
        raise PaymentsError("payments.campaign_period", first=first_day, last=last_day)
    if any(not 0 <= days <= DAYS_MAX for days in remind_days):
        raise PaymentsError("payments.campaign_remind_days")
    if 0 < age_from < ADULT:
        raise PaymentsError("payments.campaign_children")


def check_extension(campaign: Campaign, until: date, because: str) -> None:
    """Refuses more time in a closed campaign, without a reason, or that is none."""
    if campaign.state != OPEN:
        raise PaymentsError("payments.campaign_closed", campaign=campaign.title)
    if not because.strip():
        raise PaymentsError("payments.campaign_reason_missing")
    if not campaign.last_day < until <= campaign.last_day + timedelta(days=DAYS_MAX):
        raise PaymentsError("payments.campaign_extension", until=until, last=campaign.last_day)
