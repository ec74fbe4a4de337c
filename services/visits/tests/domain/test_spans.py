"""When plans ran, by what happened to them."""

from __future__ import annotations

from datetime import date, timedelta

from tuoqi.visits.domain.spans import Span, SpanNews, spans_of

FIRST = date(2026, 11, 1)


def _news(day: int, grade: str | None, number: int = 1, region: str = "r") -> SpanNews:
    return SpanNews(FIRST + timedelta(days=day - 1), number, grade, region)


def test_without_news_nothing_ends() -> None:
    """What ran before runs on."""
    assert spans_of([]) == (None, [])


def test_a_plan_runs_on_a_day_when_it_runs_at_its_end() -> None:
    """Opened on the 3rd, another grade on the 10th, closed on the 20th: 3 to 9, 10 to 19."""
    before, spans = spans_of([_news(3, "HIGH"), _news(10, "MEDIUM"), _news(20, None)])
    assert before == date(2026, 11, 2)
    assert spans == [
        Span(1, "HIGH", "r", date(2026, 11, 3), date(2026, 11, 9)),
        Span(1, "MEDIUM", "r", date(2026, 11, 10), date(2026, 11, 19)),
    ]


def test_what_begins_and_ends_on_one_day_is_no_span() -> None:
    """Opened and closed on the 3rd, opened again on the 5th: only the second runs, and it runs still."""
    _, spans = spans_of([_news(3, "HIGH"), _news(3, None), _news(5, "LOW", number=2)])
    assert spans == [Span(2, "LOW", "r", date(2026, 11, 5), None)]
