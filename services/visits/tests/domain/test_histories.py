"""Random histories: whatever comes in whatever order, nobody is forgotten and nothing is counted twice."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuoqi.visits.domain import causes
from tuoqi.visits.domain.days import COUNTY_ZONE, midnight_of
from tuoqi.visits.domain.facts import Absence, GuardianshipScore, PersonFacts, StatusInterval, Stay
from tuoqi.visits.domain.grades import VisitPolicy
from tuoqi.visits.domain.happenings import Happening, OverdueFound, OverduesChanged, OverdueState, PlanClosed
from tuoqi.visits.domain.plan import RESULTS, VisitPlan, VisitRecord

BEGIN, DAYS = date(2025, 1, 1), 150
BIRTH_DATES = st.sampled_from(
    [date(1940, 3, 9), date(1945, 3, 20), date(1965, 2, 10), date(2007, 4, 1), date(2016, 6, 6)]
)
CATEGORIES = st.sampled_from(["living_alone_elder", "disabled_elder", "dibao", "orphan", "left_behind_child"])
OFFSETS = st.integers(0, DAYS)

Step = tuple[int, Callable[[PersonFacts], PersonFacts] | VisitRecord]


def day(offset: int) -> date:
    return BEGIN + timedelta(days=offset)


@st.composite
def fact_steps(draw: st.DrawFn) -> Step:
    """On some day something becomes known of the same day or an earlier one, or is taken back."""
    known = draw(OFFSETS)
    since = day(draw(st.integers(max(0, known - 20), known)))
    until = draw(st.none() | st.integers(0, 40).map(lambda days: since + timedelta(days=days)))
    row = StatusInterval(draw(CATEGORIES), since, "dispersed", draw(st.sampled_from("134")), None, until, None, known)
    score = GuardianshipScore(since, draw(st.integers(0, 80)), known)
    changes: list[Callable[[PersonFacts], PersonFacts]] = [
        lambda facts: replace(facts, statuses=(*facts.statuses, row)),
        lambda facts: replace(facts, scores=(*facts.scores, score)),
        lambda facts: replace(facts, stays=(Stay("F", since, until),)),
        lambda facts: replace(facts, absences=(Absence(since, until),)),
        lambda facts: replace(facts, died_on=since if until is None else None),
        lambda facts: replace(facts, stays=(), absences=()),
    ]
    return known, draw(st.sampled_from(changes))


@st.composite
def visit_steps(draw: st.DrawFn) -> Step:
    """On some day a record arrives, up to three weeks late."""
    arrived = draw(OFFSETS)
    started = datetime.combine(
        day(max(0, arrived - draw(st.integers(0, 21)))), time(draw(st.integers(7, 8))), COUNTY_ZONE
    )
    return arrived, VisitRecord(str(draw(st.uuids())), started, draw(st.sampled_from(sorted(RESULTS))))


HISTORIES = st.lists(fact_steps() | visit_steps() | visit_steps(), max_size=40).map(
    lambda steps: sorted(steps, key=lambda step: step[0])
)


def played(policy: VisitPolicy, born: date, steps: list[Step], every: int) -> tuple[VisitPlan, list[Happening]]:
    """The history with a check at every so many midnights."""
    facts = PersonFacts(born)
    plan, first = causes.facts_changed(VisitPlan("p", facts), facts, midnight_of(BEGIN), policy)
    said = list(first)
    for offset in range(DAYS + 1):
        if offset % every == 0:
            plan, more = causes.midnight(plan, day(offset), policy)
            said += more
        for step in (what for known, what in steps if known == offset):
            noon = datetime.combine(day(offset), time(12), COUNTY_ZONE)
            if isinstance(step, VisitRecord):
                plan, more = causes.visit_arrived(plan, step, noon, policy)
            else:
                plan, more = causes.facts_changed(plan, step(plan.facts), noon, policy)
            said += more
    plan, more = causes.midnight(plan, day(DAYS + 1), policy)
    return plan, [*said, *more]


SLOW_START = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SLOW_START
@given(born=BIRTH_DATES, steps=HISTORIES)
def test_a_check_once_a_week_finds_what_a_daily_one_finds(policy: VisitPolicy, born: date, steps: list[Step]) -> None:
    """Also its second run over the same history says the same: nothing depends on anything but the history."""
    daily = played(policy, born, steps, 1)
    assert daily == played(policy, born, steps, 7)
    assert daily == played(policy, born, steps, 1)


@SLOW_START
@given(born=BIRTH_DATES, steps=HISTORIES)
def test_every_missed_deadline_is_one_overdue_that_changes_as_it_may(
    policy: VisitPolicy, born: date, steps: list[Step]
) -> None:
    """Found once, at 00:00 after it, in order; then only along the lines allowed; open only while a plan runs."""
    plan, said = played(policy, born, steps, 1)
    states: dict[date, OverdueState] = {}
    for place, one in enumerate(said):
        if isinstance(one, OverdueFound):
            assert one.at == midnight_of(one.deadline + timedelta(days=1))
            assert not states or one.deadline > max(states)
            states[one.deadline] = OverdueState.OPEN
        elif isinstance(one, OverduesChanged):
            for deadline, state in one.changes:
                before = states[deadline]
                assert before is OverdueState.OPEN or (
                    before in {OverdueState.MADE_UP, OverdueState.ENDED}
                    and state in {OverdueState.CLEARED, OverdueState.WITHDRAWN}
                )
                states[deadline] = state
        elif isinstance(one, PlanClosed) and OverdueState.OPEN in states.values():
            assert any(isinstance(later, OverduesChanged) and later.at == one.at for later in said[place:])
    assert [one.at for one in said] == sorted(one.at for one in said)
    may_change = {deadline: state for deadline, state in states.items() if state not in {"CLEARED", "WITHDRAWN"}}
    assert {one.window.deadline: one.state for one in plan.overdues} == may_change
    assert plan.grade is not None or OverdueState.OPEN not in states.values()
