"""Makes the table of when plans ran again, out of the service's own events: for plans that are older than the table."""

from __future__ import annotations

from typing import Any, Final

from tuoqi.contracts.visits.v1 import plan_pb2
from tuoqi.kit.commands import Commander
from tuoqi.kit.database import Tx
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.spans import Span, SpanNews, spans_of
from tuoqi.visits.store.spans import count_spans, forget_spans, plan_events, write_spans

_REGRADED: Final = plan_pb2.VisitPlanRegraded.DESCRIPTOR.full_name
_CLOSED: Final = plan_pb2.VisitPlanClosed.DESCRIPTOR.full_name
_OPENED: Final = plan_pb2.VisitPlanOpened.DESCRIPTOR.full_name


async def rebuild_spans(commander: Commander) -> int:
    """How many spans there are afterwards. The events tell no village: all of a person's spans get that of today."""

    async def body(tx: Tx) -> int:
        await forget_spans(tx)
        person, number = "", 0
        news: list[SpanNews] = []
        async for run in plan_events(tx, [_OPENED, _REGRADED, _CLOSED]):
            ready: list[tuple[str, Span]] = []
            for row in run:
                if row.person_id != person:
                    ready += [(person, span) for span in spans_of(news)[1]]
                    person, news, number = row.person_id, [], 0
                number += row.ce_type == _OPENED
                news.append(SpanNews(day_of(row.ce_time), number, _grade(row), row.region))
            await write_spans(tx, ready)
        await write_spans(tx, [(person, span) for span in spans_of(news)[1]])
        return await count_spans(tx)

    spans: int = await commander.transaction(body)
    return spans


def _grade(row: Any) -> str | None:
    if row.ce_type == _CLOSED:
        return None
    # Both kinds carry the grade; they are read by their own type, so that neither may change unnoticed.
    if row.ce_type == _OPENED:
        return plan_pb2.VisitPlanOpened.FromString(bytes(row.value)).grade
    return plan_pb2.VisitPlanRegraded.FromString(bytes(row.value)).grade
