"""When plans ran: written with the files, read back from the service's own events where it must be made again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Any, Final

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Change
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.spans import Span, spans_of

FOREVER: Final = date.max
"""PostgreSQL's infinity as the driver has it."""

_END: Final = """
UPDATE plan_spans SET to_day = t.day
FROM unnest(CAST(:persons AS text[]), CAST(:days AS date[])) AS t(person_id, day)
WHERE plan_spans.person_id = t.person_id AND plan_spans.to_day = 'infinity'
"""
_BEGIN: Final = """
INSERT INTO plan_spans (person_id, number, grade, region, from_day, to_day)
SELECT person_id, number, grade, region, from_day, coalesce(to_day, 'infinity')
FROM unnest(CAST(:persons AS text[]), CAST(:numbers AS int[]), CAST(:grades AS text[]), CAST(:regions AS text[]),
            CAST(:firsts AS date[]), CAST(:lasts AS date[])) WITH ORDINALITY
     AS t(person_id, number, grade, region, from_day, to_day, place)
ORDER BY place
"""
_TOLD: Final = """
SELECT o.key AS person_id, o.ce_type, o.ce_time, o.value, p.region
FROM outbox o JOIN plans p ON p.person_id = o.key
WHERE o.topic = 'tuoqi.visits.plan.v1' AND o.ce_type = ANY(CAST(:types AS text[]))
ORDER BY o.key, o.seq
"""


async def save_spans(tx: Tx, changes: Sequence[Change[VisitFile]]) -> None:
    """What became of plans since their files were loaded."""
    told = [(change.key, *spans_of(change.state.span_news)) for change in changes if change.state.span_news]
    if not told:
        return
    ends = [(person_id, day) for person_id, day, _ in told]
    await tx.execute(_END, persons=[one[0] for one in ends], days=[one[1] for one in ends])
    await write_spans(tx, [(person_id, span) for person_id, _, spans in told for span in spans])


async def write_spans(tx: Tx, rows: Sequence[tuple[str, Span]]) -> None:
    """Write spans as they are."""
    if rows:
        await tx.execute(
            _BEGIN,
            persons=[person_id for person_id, _ in rows],
            numbers=[span.number for _, span in rows],
            grades=[span.grade for _, span in rows],
            regions=[span.region for _, span in rows],
            firsts=[span.from_day for _, span in rows],
            lasts=[span.to_day for _, span in rows],
        )


async def forget_spans(tx: Tx) -> None:
    """Nothing is known of when plans ran; nobody else writes until this transaction is over."""
    await tx.execute("LOCK TABLE plans IN SHARE ROW EXCLUSIVE MODE")
    await tx.execute("DELETE FROM plan_spans")


def plan_events(tx: Tx, types: Sequence[str]) -> AsyncIterator[Sequence[Any]]:
    """The service's own events of these types, by person in their order, with the village of today."""
    return tx.stream(_TOLD, size=5_000, types=list(types))


async def count_spans(tx: Tx) -> int:
    """How many rows there are."""
    rows = await tx.fetch("SELECT count(*) AS spans FROM plan_spans")
    return int(rows[0].spans)
