"""One moment in the life of a plan: what one record, one row or one midnight changes, all of it together."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.facts import PersonFacts
from tuoqi.visits.domain.grades import GradeRule, VisitPolicy, grade_on
from tuoqi.visits.domain.happenings import (
    FailedTryJoined,
    Happening,
    OverdueFound,
    OverduesChanged,
    OverdueState,
    PlanClosed,
    PlanOpened,
    PlanRegraded,
    TriesEnd,
    TwoTriesEnded,
    TwoTriesFailed,
)
from tuoqi.visits.domain.plan import FAILURES, FINDINGS, SUCCESSES, Overdue, Try, VisitPlan, VisitRecord
from tuoqi.visits.domain.windows import Frequency, Window

NO_GRADE = "no_grade"
MAY_BE_CLEARED = frozenset({OverdueState.OPEN, OverdueState.MADE_UP, OverdueState.ENDED})
FINAL = frozenset({OverdueState.CLEARED, OverdueState.WITHDRAWN})
TWO = 2


class Moment:
    """One moment at work on one plan: collects what happens, and what it changes in overdue visits."""

    def __init__(self, plan: VisitPlan, at: datetime, policy: VisitPolicy) -> None:
        self.plan = plan
        self.at = at
        self.day = day_of(at)
        self.policy = policy
        self.said: list[Happening] = []
        self.changes: dict[date, OverdueState] = {}

    def finish(self, said: list[Happening]) -> VisitPlan:
        """Adds what happened to `said`, changes of overdue visits last, and gives the plan as it is now."""
        said.extend(self.said)
        if self.changes:
            said.append(OverduesChanged(self.at, tuple(sorted(self.changes.items()))))
        kept = tuple(one for one in self.plan.overdues if one.state not in FINAL)
        looked_on = self.day if self.plan.looked_on is None else max(self.day, self.plan.looked_on)
        return replace(self.plan, overdues=kept, looked_on=looked_on)

    def turn_of_day(self) -> None:
        """00:00: the deadline of the day before is judged, then the grade looked at.

        A late record may put a deadline into days that are over. It is judged as of its own midnight, but the grade is
        that of today and is not looked at again with the eyes of a day before.
        """
        if self.plan.window is not None and self.plan.window.deadline < self.day:
            self._miss(self.plan.window)
        if self.plan.looked_on is None or self.plan.looked_on < self.day:
            self._look_at_grade()

    def learn(self, facts: PersonFacts) -> None:
        """New facts: first what they excuse, then the grade they give."""
        self.plan = replace(self.plan, facts=facts)
        self._withdraw()
        self._look_at_grade()

    def take(self, record: VisitRecord) -> None:
        """A record: overdue visits and the running window by its day, then the last two tries."""
        counts_at = record.counts_at(self.at)
        day = day_of(counts_at)
        if record.result in SUCCESSES:
            self._see(day)
        if self.plan.opened_on is not None and self.plan.opened_on <= day:
            self._count_try(record.result, counts_at)

    def correct(self, counts_at: datetime, succeeded: bool, tries: tuple[Try, ...], record: VisitRecord | None) -> None:  # noqa: FBT001
        """An older record turns out to be wrong: its success is taken back, its try forgotten, then `record` arrives.

        `tries` are the last two without it. No overdue becomes OPEN again; but the window that it had satisfied runs
        again, so that nobody waits longer for a visit because of one that was none.
        """
        plan = self.plan
        if plan.opened_on is not None:
            opened_on = plan.opened_on
            self.plan = replace(plan, tries=tuple(one for one in tries if day_of(one.at) >= opened_on))
            if succeeded:
                self._unsee(day_of(counts_at))
        # What runs again may be over: it is missed first, so that a later visit makes it up; a visit inside it counts.
        inside = record is not None and self.plan.window is not None and self.plan.window.holds(self._day_of(record))
        if record is not None and inside:
            self.take(record)
        while self.plan.window is not None and self.plan.window.deadline < self.day:
            self._miss(self.plan.window)
        if record is not None and not inside:
            self.take(record)
        if self.plan.opened_on is not None:
            self._judge_tries(joins=False)

    def _day_of(self, record: VisitRecord) -> date:
        return day_of(record.counts_at(self.at))

    def _unsee(self, day: date) -> None:
        """The visit on `day` was none: where it made the running window, the one before runs again."""
        before = self.plan.satisfied
        if before is not None and before.holds(day) and self._every(self._grade()).following(day) == self.plan.window:
            self.plan = replace(self.plan, window=before, satisfied=None)

    def _miss(self, window: Window) -> None:
        """The running window passed unsatisfied; the next follows by the grade the plan has now."""
        grade = self._grade()
        self.said.append(OverdueFound(self.at, self.plan.number, grade, window.first, window.deadline))
        self.plan = replace(
            self.plan,
            overdues=(*self.plan.overdues, Overdue(grade, window, OverdueState.OPEN)),
            window=self._every(grade).following(window.deadline),
            satisfied=None,
        )
        self._withdraw()

    def _withdraw(self) -> None:
        """Nobody missed whom the facts excuse on the deadline, whatever became of it meanwhile."""
        self._change(lambda one: OverdueState.WITHDRAWN if self.plan.facts.excuses(one.window.deadline) else one.state)

    def _see(self, day: date) -> None:
        """A successful visit on `day`. Every window it can touch began after its plan had opened."""
        self._change(lambda one: _after_visit(one, day))
        if self.plan.window is not None and self.plan.window.holds(day):
            following = self._every(self._grade()).following(day)
            self.plan = replace(self.plan, window=following, satisfied=self.plan.window)

    def _change(self, decide: Callable[[Overdue], OverdueState]) -> None:
        states = [decide(one) for one in self.plan.overdues]
        if all(state is one.state for state, one in zip(states, self.plan.overdues, strict=True)):
            return
        changed = []
        for one, state in zip(self.plan.overdues, states, strict=True):
            if state is not one.state:
                self.changes[one.window.deadline] = state
            changed.append(replace(one, state=state))
        self.plan = replace(self.plan, overdues=tuple(changed))

    def _count_try(self, result: str, counts_at: datetime) -> None:
        """The last two tries by their own time, equal ones by arrival; the alert about them begins, joins or ends."""
        tries = list(self.plan.tries)
        if result not in FINDINGS:
            place = bisect_right([one.at for one in tries], counts_at)
            tries.insert(place, Try(counts_at, result in SUCCESSES))
        self.plan = replace(self.plan, tries=tuple(tries[-TWO:]))
        self._judge_tries(joins=result in FAILURES)

    def _judge_tries(self, *, joins: bool) -> None:
        """What the last two tries make of the alert about them; `joins` where a failed one has just arrived."""
        both_failed = len(self.plan.tries) == TWO and not any(one.succeeded for one in self.plan.tries)
        if not self.plan.two_tries_open:
            if both_failed and self.policy.on(self.day).rule(self._grade()).two_failed_tries:
                self.plan = replace(self.plan, two_tries_open=True)
                self.said.append(TwoTriesFailed(self.at, self.plan.number, self._grade()))
        elif not both_failed:
            seen = bool(self.plan.tries) and self.plan.tries[-1].succeeded
            self._end_two_tries(TriesEnd.VISITED if seen else TriesEnd.LATE_RECORD)
        elif joins:
            self.said.append(FailedTryJoined(self.at, self.plan.number))

    def _end_two_tries(self, closed_as: TriesEnd) -> None:
        self.plan = replace(self.plan, two_tries_open=False)
        self.said.append(TwoTriesEnded(self.at, self.plan.number, closed_as))

    def _look_at_grade(self) -> None:
        """Opens, re-grades or closes by what is known now."""
        rule = grade_on(self.plan.facts, self.day, self.policy)
        if rule is None:
            if self.plan.grade is not None:
                self._close(self.plan.facts.not_visited(self.day) or NO_GRADE)
        elif self.plan.grade is None:
            self._open(rule)
        elif rule.key != self.plan.grade:
            self._regrade(rule)

    def _open(self, rule: GradeRule) -> None:
        window = rule.every.opening(self.day)
        self.plan = replace(
            self.plan,
            number=self.plan.number + 1,
            grade=rule.key,
            window=window,
            opened_on=self.day,
            closed_on=None,
            satisfied=None,
        )
        self.said.append(PlanOpened(self.at, self.plan.number, rule.key, window.first, window.deadline))

    def _regrade(self, rule: GradeRule) -> None:
        """The window a plan opened today would have, if it ends earlier than the running one."""
        before, running, fresh = self._grade(), self._window(), rule.every.opening(self.day)
        window = fresh if fresh.deadline < running.deadline else running
        satisfied = self.plan.satisfied if window is running else None
        self.plan = replace(self.plan, grade=rule.key, window=window, satisfied=satisfied)
        said = PlanRegraded(self.at, self.plan.number, rule.key, before, window.first, window.deadline)
        self.said.append(said)

    def _close(self, reason: str) -> None:
        """Nobody is to be visited any more; what is still open ends with the plan."""
        self.said.append(PlanClosed(self.at, self.plan.number, reason))
        if self.plan.two_tries_open:
            self._end_two_tries(TriesEnd.PLAN_ENDED)
        self._change(lambda one: OverdueState.ENDED if one.state is OverdueState.OPEN else one.state)
        self.plan = replace(
            self.plan, grade=None, window=None, opened_on=None, closed_on=self.day, tries=(), satisfied=None
        )

    def _grade(self) -> str:
        if self.plan.grade is None:
            raise ValueError("no plan runs")
        return self.plan.grade

    def _window(self) -> Window:
        if self.plan.window is None:
            raise ValueError("no plan runs")
        return self.plan.window

    def _every(self, grade: str) -> Frequency:
        """The frequency of a grade by the table of the day before: at 00:00 the new table has not been looked at."""
        return self.policy.on(self.plan.looked_on or self.day).rule(grade).every


def _after_visit(overdue: Overdue, day: date) -> OverdueState:
    """What a successful visit on `day` makes of a missed deadline."""
    if overdue.state in MAY_BE_CLEARED and overdue.window.holds(day):
        return OverdueState.CLEARED
    if overdue.state is OverdueState.OPEN and day > overdue.window.deadline:
        return OverdueState.MADE_UP
    return overdue.state
