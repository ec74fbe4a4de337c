"""What the registry listens to: visits, and of them on which days somebody was met, and who is said to be gone."""

from __future__ import annotations

from datetime import date
from typing import Final

from tuoqi.contracts.topics import topic
from tuoqi.contracts.visits.v1 import finding_pb2, record_pb2
from tuoqi.kit.clock import county_day
from tuoqi.kit.handlers import Projection, Subscription
from tuoqi.kit.stamps import moment_of

SUCCESSFUL: Final = frozenset({"MET", "INFORMANT_ONLY"})
"""Results by which a visit counts, whatever its channel."""

REPORTS: Final = {"result_died": "death", "result_moved": "move"}
"""Findings that ask the registry to check → what is then to be recorded."""
GONE: Final = frozenset({"DIED", "MOVED"})
"""Results of visits that make such findings."""


def _visited_day(record: record_pb2.VisitRecorded, version: int) -> tuple[str, date, bool, int] | None:
    if record.result not in SUCCESSFUL or record.not_counted_because:
        return None
    return record.person_id, date.fromisoformat(record.counts_on), True, version


def _withdrawn_day(corrected: record_pb2.VisitCorrected, version: int) -> tuple[str, date, bool, int] | None:
    """The visit was none, and no other one is left on its day. A correction that counts there follows by itself."""
    if not corrected.day_empty:
        return None
    return corrected.person_id, date.fromisoformat(corrected.counts_on), False, version


VISITED_DAYS = Projection(
    table="visited_days",
    key=("person_id", "day"),
    columns=(("person_id", "text"), ("day", "date"), ("seen", "boolean"), ("version", "bigint")),
    on={record_pb2.VisitRecorded: _visited_day, record_pb2.VisitCorrected: _withdrawn_day},
)


def _taken_back(corrected: record_pb2.VisitCorrected, version: int) -> tuple[str] | None:  # noqa: ARG001  every one is kept
    return (corrected.visit_id,) if corrected.result in GONE else None


TAKEN_BACK = Projection(
    table="visit_reports_corrected",
    key=("visit_id",),
    columns=(("visit_id", "text"),),
    on={record_pb2.VisitCorrected: _taken_back},
    keep="every",
)
"""Records that said that somebody was gone, and were corrected."""
VISITS = Subscription(
    consumer="tuoqi.registry.visits",
    topics=(topic("tuoqi.visits.record.v1"),),
    projections=(
        VISITED_DAYS,
        TAKEN_BACK,
    ),
)


def _report(finding: finding_pb2.FindingReported, version: int) -> tuple[str, str, str, date, str] | None:  # noqa: ARG001  every report is kept
    kind = REPORTS.get(finding.code)
    if kind is None:
        return None
    found_on = county_day(moment_of(finding.found_at))
    return finding.finding_id, finding.person_id, kind, found_on, finding.visit_id


FINDINGS = Subscription(
    consumer="tuoqi.registry.findings",
    topics=(topic("tuoqi.visits.finding.v1"),),
    projections=(
        Projection(
            table="visit_reports",
            key=("finding_id",),
            columns=(
                ("finding_id", "text"),
                ("person_id", "text"),
                ("kind", "text"),
                ("found_on", "date"),
                ("visit_id", "text"),
            ),
            on={finding_pb2.FindingReported: _report},
            keep="every",
        ),
    ),
)
"""Who is said to have moved or died: apart from the days, so that a flood of records does not delay it."""
