"""The county's rules on visits and missed visits read once more: day by day over plain lists, apart from the services.

One person's life goes in, as it became known: `Told` facts (each time all of them) and records of visits, in order of
arrival. Out come every overdue visit with its state, every plan, and every alert with its steps and its end. Nothing of
the services is used, not even their types; a test lets both read the same lives.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

ZONE = timezone(timedelta(hours=8))
DAY = timedelta(days=1)
WEEKLY = {"RED", "HIGH"}
MONTHS = {"YELLOW": 1, "MEDIUM": 1, "BLUE": 3, "LOW": 3, "GREEN": 6}
ALARMED = {"RED", "HIGH", "YELLOW", "MEDIUM"}
MET, FAILED = {"MET", "INFORMANT_ONLY"}, {"NOT_FOUND", "REFUSED"}
ENDS = {"MADE_UP": "visited", "CLEARED": "late_record", "WITHDRAWN": "withdrawn", "ENDED": "plan_ended"}
HOURS = {
    "HIGH": {"township": 4, "county": 8, "leaders": 24},
    "MEDIUM": {"township": 24, "county": 48, "leaders": 72},
}
ACT_HOURS = {"HIGH": 24, "MEDIUM": 7 * 24}
ACT_DAYS = {"township": 1, "county": 3, "letter": 7, "government": 15}


@dataclass
class Status:
    """One interval of a status as its row stands."""

    category: str
    decided: date | None
    subtype: str = ""
    level: str = ""
    applied: date | None = None
    ended: date | None = None
    valid: date | None = None


@dataclass
class Facts:
    """All that is known of the person; statuses and scores in the order in which they were loaded."""

    born: date
    died: date | None = None
    away: list[tuple[date, date | None]] = field(default_factory=list)
    stays: list[tuple[date, date | None]] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    scores: list[tuple[date, int]] = field(default_factory=list)


@dataclass
class Told:
    """Facts that became known, or a record that arrived (`result` set)."""

    at: datetime
    facts: Facts | None = None
    started: datetime | None = None
    result: str = ""
    visit_id: str = ""


@dataclass
class Alert:
    """One alert with its history."""

    kind: str
    severity: str
    raised: datetime
    since: datetime
    joined: int = 0
    steps: list[tuple[str, datetime]] = field(default_factory=list)
    closed: datetime | None = None
    closed_as: str = ""
    deadlines: list[date] = field(default_factory=list)

    def row(self) -> tuple[Any, ...]:
        return (self.kind, self.raised, self.severity, self.joined, tuple(self.steps), self.closed, self.closed_as)


@dataclass
class Overdue:
    """One missed deadline."""

    grade: str
    first: date
    deadline: date
    state: str = "OPEN"

    def row(self) -> tuple[date, str, str]:
        return (self.deadline, self.grade, self.state)


def grade_of(facts: Facts, day: date) -> str:
    """The first row of the table that fits on a day, '' where none does or nobody is to be visited."""
    if facts.died and day > facts.died:
        return ""
    for out, back in facts.away:
        if day > out and (back is None or day < back):
            return ""
    for first, last in facts.stays:
        if first <= day and (last is None or day <= last):
            return ""
    age = _age(facts.born, day)
    have: dict[str, Status] = {}
    for category in {one.category for one in facts.statuses}:
        counting = _counting(facts, category, day)
        if counting:
            have[category] = counting
    return _elder_row(have, age) if age >= 60 else _child_row(have, _score(facts)) if 0 <= age < 18 else ""


def _elder_row(have: dict[str, Status], age: int) -> str:
    lonely = bool({"living_alone_elder", "empty_nest_elder", "left_behind_elder"} & set(have))
    level = have["disabled_elder"].level if "disabled_elder" in have else ""
    if (age >= 80 and lonely) or level in {"3", "4"}:
        return "HIGH"
    scattered = "tekun" in have and have["tekun"].subtype == "scattered"
    if lonely or "one_child_loss_family" in have or level in {"1", "2"} or scattered:
        return "MEDIUM"
    return "LOW" if age >= 80 or "dibao" in have else ""


def _child_row(have: dict[str, Status], score: int | None) -> str:
    points = -1 if score is None else score
    dispersed = "orphan" in have and have["orphan"].subtype == "dispersed"
    if points >= 60:
        return "RED"
    if points >= 40 or dispersed or "de_facto_unattended_child" in have:
        return "YELLOW"
    if points >= 20 or "left_behind_child" in have or "child_in_difficulty" in have:
        return "BLUE"
    return "GREEN" if {"orphan", "dibao", "disability", "tekun"} & set(have) else ""


def _counting(facts: Facts, category: str, day: date) -> Status | None:
    """The interval decided last counts alone, ended or not; of equal dates the one loaded last."""
    last: Status | None = None
    for one in facts.statuses:
        if one.category != category or one.decided is None or one.decided > day:
            continue
        if one.ended and one.ended < one.decided and (one.applied is None or one.ended < one.applied):
            continue  # voided
        if last is None or last.decided is None or one.decided >= last.decided:
            last = one
    if last is None or (last.ended and last.ended < day) or (last.valid and last.valid < day):
        return None
    return last


def _score(facts: Facts) -> int | None:
    best: tuple[date, int] | None = None
    for day, score in facts.scores:
        if best is None or day >= best[0]:
            best = (day, score)
    return best[1] if best else None


def _age(born: date, day: date) -> int:
    month, of_month = born.month, born.day
    if (month, of_month) == (2, 29) and not (day.year % 4 == 0 and (day.year % 100 != 0 or day.year % 400 == 0)):
        of_month = 28
    return day.year - born.year - (1 if (day.month, day.day) < (month, of_month) else 0)


def excused(facts: Facts, day: date) -> bool:
    """Dead, away or in a facility on the day; the day of return is not away, that of death is excused."""
    if facts.died and day >= facts.died:
        return True
    if any(out <= day and (back is None or day < back) for out, back in facts.away):
        return True
    return any(first <= day and (last is None or day <= last) for first, last in facts.stays)


def opening(grade: str, day: date) -> tuple[date, date]:
    """The first window of a plan that opens on a day."""
    return (day, day + 7 * DAY) if grade in WEEKLY else period_after(day, MONTHS[grade])


def following(grade: str, day: date) -> tuple[date, date]:
    """The window after a visit or a missed deadline."""
    return (day + DAY, day + 7 * DAY) if grade in WEEKLY else period_after(day, MONTHS[grade])


def period_after(day: date, months: int) -> tuple[date, date]:
    """The whole calendar period after the one of the day."""
    year, month = day.year, day.month - (day.month - 1) % months
    begins = []
    for _ in range(2):
        month += months
        if month > 12:
            year, month = year + 1, month - 12
        begins.append(date(year, month, 1))
    return begins[0], begins[1] - DAY


class Reading:
    """A life read from its first day to its last, each midnight in its turn."""

    def __init__(self) -> None:
        self.facts: Facts | None = None
        self.grade = ""
        self.opened: date | None = None
        self.window: tuple[date, date] | None = None
        self.tries: list[tuple[datetime, bool]] = []
        self.overdues: list[Overdue] = []
        self.alerts: list[Alert] = []
        self.plans: list[tuple[datetime, str, str]] = []  # what happened to plans: opened, regraded, closed
        self.seen: set[str] = set()
        self.moment: list[Overdue] = []  # what this moment changed

    def read(self, told: list[Told], until: date) -> None:
        """Everything in order; a day's midnight before what arrives on it."""
        left = sorted(told, key=lambda one: one.at)
        day = left[0].at.astimezone(ZONE).date()
        while day <= until:
            self._midnight(day)
            while left and left[0].at.astimezone(ZONE).date() == day:
                self._arrives(left.pop(0))
            day += DAY
        self._steps(_midnight_of(until))

    # What happens at a moment.

    def _midnight(self, day: date) -> None:
        at = _midnight_of(day)
        self._steps(at)
        self.moment = []
        self._judge(day)
        self._look(at, day)
        self._close_overdue_alert(at)

    def _judge(self, day: date) -> None:
        """The running deadline, where it has passed: one overdue, raised at the midnight after it."""
        if self.window and self.window[1] < day:
            first, deadline = self.window
            self.overdues.append(Overdue(self.grade, first, deadline))
            severity = "HIGH" if self.grade in WEEKLY else "MEDIUM"
            self._raise(_midnight_of(deadline + DAY), "visit_overdue", severity, deadline)
            self.window = following(self.grade, deadline)
            self._withdraw()

    def _arrives(self, told: Told) -> None:
        self._steps(told.at)
        self.moment = []
        day = told.at.astimezone(ZONE).date()
        if told.facts is not None:
            self.facts = told.facts
            self._withdraw()
            self._look(told.at, day)
        elif told.started is not None and told.visit_id not in self.seen:
            self.seen.add(told.visit_id)
            self._visit(told.at, min(told.started, told.at), told.result)
        self._close_overdue_alert(told.at)
        # The window that a late record gave may be over already.
        while self.window and self.window[1] < day:
            self.moment = []
            at = _midnight_of(self.window[1] + DAY)
            self._judge(day)
            self._close_overdue_alert(at)

    def _visit(self, at: datetime, started: datetime, result: str) -> None:
        day = started.astimezone(ZONE).date()
        if result in MET:
            for one in self.overdues:
                if one.first <= day <= one.deadline and one.state in {"OPEN", "MADE_UP", "ENDED"}:
                    self._becomes(one, "CLEARED")
                elif day > one.deadline and one.state == "OPEN":
                    self._becomes(one, "MADE_UP")
            if self.window and self.window[0] <= day <= self.window[1]:
                self.window = following(self.grade, day)
        if self.grade and self.opened is not None and day >= self.opened:
            self._try(at, started, result)

    def _try(self, at: datetime, started: datetime, result: str) -> None:
        if result in MET or result in FAILED:
            self.tries.append((started, result in MET))
            self.tries.sort(key=lambda one: one[0])  # keeps arrival for equal times
        two = self.tries[-2:]
        failed = len(two) == 2 and not two[0][1] and not two[1][1]
        running = self._open_alert("two_failed_tries")
        if running is None:
            if failed and self.grade in ALARMED:
                self._raise(at, "two_failed_tries", "HIGH", None)
        elif not failed:
            self._close(running, at, "visited" if two[-1][1] else "late_record")
        elif result in FAILED:
            running.joined += 1

    def _look(self, at: datetime, day: date) -> None:
        grade = grade_of(self.facts, day) if self.facts else ""
        if grade == self.grade:
            return
        if not grade:
            self.plans.append((at, "closed", ""))
            tries = self._open_alert("two_failed_tries")
            if tries:
                self._close(tries, at, "plan_ended")
            for one in self.overdues:
                if one.state == "OPEN":
                    self._becomes(one, "ENDED")
            self.grade, self.window, self.opened, self.tries = "", None, None, []
            return
        fresh = opening(grade, day)
        if not self.grade:
            self.plans.append((at, "opened", grade))
            self.opened, self.window, self.tries = day, fresh, []
        else:
            self.plans.append((at, "regraded", grade))
            if self.window is None or fresh[1] < self.window[1]:
                self.window = fresh
        self.grade = grade

    def _withdraw(self) -> None:
        for one in self.overdues:
            if self.facts and one.state in {"OPEN", "MADE_UP", "ENDED"} and excused(self.facts, one.deadline):
                self._becomes(one, "WITHDRAWN")

    def _becomes(self, one: Overdue, state: str) -> None:
        one.state = state
        self.moment.append(one)

    # Alerts.

    def _open_alert(self, kind: str) -> Alert | None:
        return next((one for one in self.alerts if one.kind == kind and one.closed is None), None)

    def _raise(self, at: datetime, kind: str, severity: str, deadline: date | None) -> None:
        running = self._open_alert(kind)
        if running is None:
            running = Alert(kind, severity, at, at)
            self.alerts.append(running)
        else:
            running.joined += 1
            if running.severity == "MEDIUM" and severity == "HIGH":
                running.severity, running.since = severity, at
        if deadline:
            running.deadlines.append(deadline)
        self._steps(at)

    def _close_overdue_alert(self, at: datetime) -> None:
        running = self._open_alert("visit_overdue")
        if running is None:
            return
        own = [one for one in self.overdues if one.deadline in running.deadlines]
        changed = [one for one in self.moment if one.deadline in running.deadlines]
        if changed and all(one.state != "OPEN" for one in own):
            last = max(changed, key=lambda one: one.deadline)
            self._close(running, at, ENDS[last.state])

    def _close(self, alert: Alert, at: datetime, closed_as: str) -> None:
        alert.closed, alert.closed_as = at, closed_as

    def _steps(self, until: datetime) -> None:
        for alert in self.alerts:
            if alert.closed is None:
                _escalate(alert, until)


def _escalate(alert: Alert, until: datetime) -> None:
    due: dict[str, datetime] = {
        step: alert.raised + timedelta(hours=hours) for step, hours in HOURS[alert.severity].items()
    }
    if alert.kind == "visit_overdue":
        end = alert.raised + timedelta(hours=ACT_HOURS[alert.severity])
        for step, days in ACT_DAYS.items():
            due[step] = min(due.get(step, end + days * DAY), end + days * DAY)
    taken = {step for step, _ in alert.steps}
    for step, at in sorted(due.items(), key=lambda entry: entry[1]):
        if step not in taken and max(at, alert.since) <= until:
            alert.steps.append((step, max(at, alert.since)))


def _midnight_of(day: date) -> datetime:
    return datetime.combine(day, time(), ZONE)
