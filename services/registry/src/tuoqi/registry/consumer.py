"""What the registry listens to: visits, and of them only on which days somebody was met."""

from __future__ import annotations

from datetime import date
from typing import Final

from tuoqi.contracts.topics import topic
from tuoqi.contracts.visits.v1 import record_pb2
from tuoqi.kit.handlers import Projection, Subscription

SUCCESSFUL: Final = frozenset({"MET", "INFORMANT_ONLY"})
"""Results by which a visit counts, whatever its channel."""


def _visited_day(record: record_pb2.VisitRecorded, version: int) -> tuple[str, date] | None:  # noqa: ARG001  every day is kept
    if record.result not in SUCCESSFUL:
        return None
    return record.person_id, date.fromisoformat(record.counts_on)


VISITED_DAYS = Projection(
    table="visited_days",
    key=("person_id", "day"),
    columns=(("person_id", "text"), ("day", "date")),
    on={record_pb2.VisitRecorded: _visited_day},
    keep="every",
)
VISITS = Subscription(
    consumer="tuoqi.registry.visits",
    topics=(topic("tuoqi.visits.record.v1"),),
    projections=(VISITED_DAYS,),
)
