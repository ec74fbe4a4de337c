"""When plans ran 计划区间: what a plan's happenings say of grade and village, so that any month can be counted later."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.happenings import Happening, PlanClosed, PlanOpened, PlanRegraded


@dataclass(frozen=True, slots=True)
class SpanNews:
    """From the end of `day` on the plan has this grade in this village; grade None: no plan runs."""

    day: date
    number: int
    grade: str | None
    region: str


@dataclass(frozen=True, slots=True)
class Span:
    """A plan ran at the end of every day from the first to the last; `to_day` None: it runs still."""

    number: int
    grade: str
    region: str
    from_day: date
    to_day: date | None


def news_of(happened: Iterable[Happening], region: str) -> tuple[SpanNews, ...]:
    """What these happenings say of when plans run."""
    news = []
    for one in happened:
        if isinstance(one, PlanOpened | PlanRegraded):
            news.append(SpanNews(day_of(one.at), one.number, one.grade, region))
        elif isinstance(one, PlanClosed):
            news.append(SpanNews(day_of(one.at), one.number, None, region))
    return tuple(news)


def spans_of(news: Iterable[SpanNews]) -> tuple[date | None, list[Span]]:
    """The last day of what ran before (None where there is no news), and the spans that follow.

    What began and ended on one day did not run at that day's end and is no span.
    """
    told = list(news)
    if not told:
        return None, []
    spans = []
    for place, one in enumerate(told):
        if one.grade is None:
            continue
        to_day = told[place + 1].day - timedelta(days=1) if place + 1 < len(told) else None
        if to_day is None or to_day >= one.day:
            spans.append(Span(one.number, one.grade, one.region, one.day, to_day))
    return told[0].day - timedelta(days=1), spans
