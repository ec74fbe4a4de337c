"""A day on which a visit turns out to have been none is one on which nobody was met."""

from __future__ import annotations

from typing import Any

import pytest

from tuoqi.contracts.visits.v1 import record_pb2
from tuoqi.kit import projection
from tuoqi.registry.consumer import VISITED_DAYS

pytestmark = pytest.mark.postgres
PERSON = "00000000-0000-4000-8000-000000000001"
DAY = "2026-11-20"


def met(**changes: Any) -> record_pb2.VisitRecorded:
    """Somebody was met."""
    return record_pb2.VisitRecorded(**({"person_id": PERSON, "counts_on": DAY, "result": "MET"} | changes))


def corrected(*, day_empty: bool) -> record_pb2.VisitCorrected:
    """He was not."""
    return record_pb2.VisitCorrected(person_id=PERSON, counts_on=DAY, result="MET", day_empty=day_empty)


async def days_after(office: Any, *events: Any) -> list[bool]:
    """What stands about the day after events of versions 1, 2 … that came in batches of one, the last one twice."""
    told = [*enumerate(events, start=1), (len(events), events[-1])]
    for version, event in told:
        row = VISITED_DAYS.on[type(event)](event, version)
        async with office.database.begin() as tx:
            await projection.write(tx, VISITED_DAYS, [row] if row else [])
    async with office.database.begin() as tx:
        return [row.seen for row in await tx.fetch("SELECT seen FROM visited_days")]


@pytest.mark.parametrize(
    ("events", "seen"),
    [
        ((met(),), [True]),
        ((met(not_counted_because="channel"),), []),
        ((met(), corrected(day_empty=True)), [False]),
        ((met(), corrected(day_empty=False)), [True]),
        ((met(), corrected(day_empty=True), met()), [True]),
    ],
    ids=["met", "sensor", "corrected", "another visit is left", "the correction counts too"],
)
async def test_the_newest_word_about_a_day_holds(office: Any, events: tuple[Any, ...], seen: list[bool]) -> None:
    """However often it is told."""
    assert await days_after(office, *events) == seen
