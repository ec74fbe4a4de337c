"""What each cause makes of a visit plan: new facts, a record, the passing of days.

Each cause is a function of the plan before it; it gives the plan after it and what happened, in order. Whatever comes,
first everything due by then is done (`midnight`): a check that runs a week late finds what a punctual one would have
found.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

from tuoqi.visits.domain.days import ONE_DAY, day_of, midnight_of
from tuoqi.visits.domain.facts import PersonFacts
from tuoqi.visits.domain.grades import VisitPolicy, next_change, next_turn
from tuoqi.visits.domain.happenings import Happening
from tuoqi.visits.domain.moment import Moment
from tuoqi.visits.domain.plan import VisitPlan, VisitRecord
from tuoqi.visits.domain.records import Correction

Outcome = tuple[VisitPlan, tuple[Happening, ...]]


def facts_changed(plan: VisitPlan, facts: PersonFacts, at: datetime, policy: VisitPolicy) -> Outcome:
    """The registry told something: missed visits may be withdrawn, the grade may change, the plan open or close."""
    return _arrival(plan, at, policy, lambda moment: moment.learn(facts))


def visit_arrived(plan: VisitPlan, record: VisitRecord, at: datetime, policy: VisitPolicy) -> Outcome:
    """A record arrived `at`; it counts on its own day, be it late or out of order."""
    return _arrival(plan, at, policy, lambda moment: moment.take(record))


def visit_corrected(
    plan: VisitPlan, correction: Correction, record: VisitRecord | None, at: datetime, policy: VisitPolicy
) -> Outcome:
    """A record arrived `at` in the place of an older one; `record` is None where it is no visit that could count."""
    old = correction.old
    return _arrival(
        plan, at, policy, lambda moment: moment.correct(old.counts_at, old.counted, correction.tries, record)
    )


def midnight(plan: VisitPlan, day: date, policy: VisitPolicy) -> Outcome:
    """Everything due up to 00:00 of `day`: of each day first the deadline of the day before, then the grade."""
    said: list[Happening] = []
    while (due := next_due_day(plan, policy)) is not None and due <= day:
        moment = Moment(plan, midnight_of(due), policy)
        moment.turn_of_day()
        plan = moment.finish(said)
    if plan.looked_on is not None and plan.looked_on < day:
        plan = replace(plan, looked_on=day)
    return plan, tuple(said)


def next_due_day(plan: VisitPlan, policy: VisitPolicy) -> date | None:
    """The next day at whose 00:00 something may be due, None where nothing ever is."""
    if plan.looked_on is None:
        return None
    return _earlier(_missed_on(plan), next_change(plan.facts, plan.looked_on, policy))


def next_due(plan: VisitPlan, policy: VisitPolicy) -> datetime | None:
    """The moment at which `midnight` must next be called for this plan, None where never.

    The first day of a new grade table is everybody's and so stands in nobody's plan: see `VisitPolicy.next_table`.
    """
    if plan.looked_on is None:
        return None
    day = _earlier(_missed_on(plan), next_turn(plan.facts, plan.looked_on, policy))
    return None if day is None else midnight_of(day)


def _missed_on(plan: VisitPlan) -> date | None:
    return None if plan.window is None else plan.window.deadline + ONE_DAY


def _earlier(one: date | None, other: date | None) -> date | None:
    return other if one is None else one if other is None else min(one, other)


def _arrival(plan: VisitPlan, at: datetime, policy: VisitPolicy, cause: Callable[[Moment], None]) -> Outcome:
    """What is due by then, then the cause; time never runs backwards, also where an event comes after its sweep."""
    if plan.looked_on is not None:
        at = max(at, midnight_of(plan.looked_on))
    plan, due = midnight(plan, day_of(at), policy)
    said = list(due)
    moment = Moment(plan, at, policy)
    cause(moment)
    return moment.finish(said), tuple(said)
