"""The visit file 探访档案 of one person: the plan, and what came before there could be one.

Person, statuses and visits arrive by ways that keep no order between them. What comes before the person is kept with
its moment and takes effect once the person is known, so that nothing that was told is lost.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime

from tuoqi.visits.domain import causes
from tuoqi.visits.domain.days import day_of, midnight_of
from tuoqi.visits.domain.facts import CareFacts, PersonFacts
from tuoqi.visits.domain.grades import VisitPolicy
from tuoqi.visits.domain.happenings import Happening, OverdueFound, OverduesChanged, OverdueState
from tuoqi.visits.domain.plan import VisitPlan, VisitRecord
from tuoqi.visits.domain.records import Correction
from tuoqi.visits.domain.spans import SpanNews, news_of
from tuoqi.visits.domain.tasks import ExtraTask, TaskNews


@dataclass(frozen=True, slots=True)
class CareTold:
    """Statuses, stays and scores as told before the person was known."""

    at: datetime
    care: CareFacts


@dataclass(frozen=True, slots=True)
class RecordTold:
    """A visit that arrived before the person was known."""

    at: datetime
    record: VisitRecord


@dataclass(frozen=True, slots=True)
class OverdueNews:
    """What became of one missed deadline since the file was loaded; `grade` is set where it was found meanwhile."""

    deadline: date
    state: OverdueState
    grade: str | None = None


@dataclass(frozen=True, slots=True)
class VisitFile:
    """All that visits keeps of one person. `plan` is None until the person is known.

    `person_version` and `status_version` are the newest versions told by the registry on each of its two ways; an older
    one that comes late is passed over. `due_at` is the moment at which `turn_of_day` must next be called; `table_due`
    the 00:00 of the first day of a grade table by which the plan was not looked at yet. `news` is what has not been
    written to the table of overdues yet: empty whenever a file is loaded.
    """

    person_id: str
    version: int = 0
    region: str = ""
    person_version: int = 0
    status_version: int = 0
    plan: VisitPlan | None = None
    early: tuple[CareTold | RecordTold, ...] = ()
    due_at: datetime | None = None
    table_due: datetime | None = field(default=None, repr=False, compare=False)
    news: tuple[OverdueNews, ...] = field(default=(), repr=False)
    tasks: tuple[ExtraTask, ...] = ()
    """Extra tasks that are open; `task_news` is what has not been written to their table yet, like `news`."""
    task_news: tuple[TaskNews, ...] = field(default=(), repr=False)
    span_news: tuple[SpanNews, ...] = field(default=(), repr=False, compare=False)
    """When the plan ran, as far as it has not been written to its table yet, like `news`."""


Outcome = tuple[VisitFile, tuple[Happening, ...]]


def learn_person(file: VisitFile, told: PersonFacts, at: datetime, policy: VisitPolicy) -> Outcome:
    """The registry told who the person is; statuses, stays and scores are kept as they were."""
    if file.plan is None:
        return _begin(file, told, at, policy)
    known = file.plan.facts
    facts = replace(told, statuses=known.statuses, stays=known.stays, scores=known.scores)
    return _settle(file, causes.facts_changed(file.plan, facts, at, policy), policy)


def move_to(file: VisitFile, region: str, at: datetime) -> VisitFile:
    """The person lives in another village from this day on."""
    plan = file.plan
    if plan is None or plan.grade is None or file.region == region:
        return replace(file, region=region)
    news = SpanNews(day_of(at), plan.number, plan.grade, region)
    return replace(file, region=region, span_news=(*file.span_news, news))


def learn_care(file: VisitFile, care: CareFacts, at: datetime, policy: VisitPolicy) -> Outcome:
    """The registry told the person's statuses, stays and scores, all of them."""
    if file.plan is None:
        return replace(file, early=(*file.early, CareTold(at, care))), ()
    facts = _with_care(file.plan.facts, care)
    return _settle(file, causes.facts_changed(file.plan, facts, at, policy), policy)


def take_record(file: VisitFile, record: VisitRecord, at: datetime, policy: VisitPolicy) -> Outcome:
    """A record arrived."""
    if file.plan is None:
        return replace(file, early=(*file.early, RecordTold(at, record))), ()
    return _settle(file, causes.visit_arrived(file.plan, record, at, policy), policy)


def take_correction(
    file: VisitFile, correction: Correction, record: VisitRecord | None, at: datetime, policy: VisitPolicy
) -> Outcome:
    """A record arrived in the place of an older one; `record` is None where it is no visit that could count."""
    if file.plan is None:
        old = correction.old.visit_id
        early = tuple(one for one in file.early if isinstance(one, CareTold) or one.record.visit_id != old)
        return replace(file, early=early if record is None else (*early, RecordTold(at, record))), ()
    return _settle(file, causes.visit_corrected(file.plan, correction, record, at, policy), policy)


def turn_of_day(file: VisitFile, day: date, policy: VisitPolicy) -> Outcome:
    """00:00 of `day` has come."""
    if file.plan is None:
        return file, ()
    return _settle(file, causes.midnight(file.plan, day, policy), policy)


def look_again(file: VisitFile, at: datetime, policy: VisitPolicy) -> Outcome:
    """The county's rules are others now: the same facts may give another grade and another due moment."""
    if file.plan is None:
        return file, ()
    return _settle(file, causes.facts_changed(file.plan, file.plan.facts, at, policy), policy)


def _begin(file: VisitFile, told: PersonFacts, at: datetime, policy: VisitPolicy) -> Outcome:
    """The person is known: what was told by then holds at once, what was told later follows at its own moment."""
    early = sorted(file.early, key=lambda one: one.at)
    by_then = [one.care for one in early if isinstance(one, CareTold) and one.at <= at]
    facts = _with_care(told, by_then[-1]) if by_then else told
    file = replace(file, early=(), plan=VisitPlan(file.person_id, facts))
    file, said = learn_person(file, told, at, policy)
    for one in early:
        if isinstance(one, RecordTold):
            file, happened = take_record(file, one.record, one.at, policy)
        elif one.at > at:
            file, happened = learn_care(file, one.care, one.at, policy)
        else:
            continue
        said += happened
    return file, said


def _with_care(facts: PersonFacts, care: CareFacts) -> PersonFacts:
    return replace(facts, statuses=care.statuses, stays=care.stays, scores=care.scores)


def _settle(file: VisitFile, outcome: causes.Outcome, policy: VisitPolicy) -> Outcome:
    """The file with its plan as it is now, its next due moment, and the news for the table of overdues."""
    plan, said = outcome
    if plan is file.plan:
        return file, said
    news = list(file.news)
    for one in said:
        if isinstance(one, OverdueFound):
            news.append(OverdueNews(one.deadline, OverdueState.OPEN, one.grade))
        elif isinstance(one, OverduesChanged):
            news.extend(OverdueNews(deadline, state) for deadline, state in one.changes)
    table = None if plan.looked_on is None else policy.next_table(plan.looked_on)
    return replace(
        file,
        plan=plan,
        due_at=causes.next_due(plan, policy),
        table_due=None if table is None else midnight_of(table),
        news=tuple(news),
        span_news=(*file.span_news, *news_of(said, file.region)),
    ), said
