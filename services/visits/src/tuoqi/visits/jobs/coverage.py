"""Coverage of a month for whoever asks: counted, opened to people, frozen, and given as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.contracts.visits.v1 import coverage_service_pb2 as pb
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.kit.tables import Column
from tuoqi.visits.domain.coverage import BY, Line, add_up, days_of
from tuoqi.visits.jobs.reports import Freezer
from tuoqi.visits.store import coverage as store
from tuoqi.visits.store.reports import Report

KIND: Final = "coverage"
BY_ZH: Final = {
    "": "全部",
    "village": "村",
    "township": "乡镇",
    "worker": "工作人员",
    "grade": "等级",
    "channel": "方式",
}
_COUNTS: Final = (
    ("to_see", "应访人数"),
    ("seen", "已访人数"),
    ("not_seen", "未访人数"),
    ("rate", "月探访率"),
    ("kept_own", "按等级如期人数"),
    ("rate_own", "按等级如期率"),
    ("visits", "探访人次"),
    ("visits_met", "有效探访人次"),
    ("found", "逾期"),
    ("made_up", "补访"),
    ("cleared", "补录"),
    ("withdrawn", "撤销"),
    ("ended", "终止"),
    ("still_open", "未处理"),
)
COVERAGE_COLUMNS: Final = (
    Column("month", "月份"),
    Column("by", "口径"),
    Column("key", "编号"),
    *(Column(key, name) for key, name in _COUNTS),
)


def month_of(text: str, regions: Sequence[str], below: str = "") -> store.Month:
    """A month of the wire. Raises visits.bad_month."""
    try:
        first, last = days_of(text)
    except ValueError:
        raise TuoqiError("visits.bad_month", value=text[:20]) from None
    return store.Month(first, last, regions, below)


async def compute(tx: Tx, text: str, month: store.Month, by: str, total: Line | None = None) -> pb.CoverageMonth:
    """The answer for a month that is gathered in this transaction."""
    (whole,) = [total] if total else await store.lines_of(tx, month, "")
    lines = await store.lines_of(tx, month, by) if by else []
    return pb.CoverageMonth(
        month=text,
        by=by,
        total=_line(whole),
        lines=[_line(line) for line in lines],
        adds_up=add_up(whole, lines) if by else whole.adds_up,
        visits_of_others=await store.visits_of_others(tx, month),
    )


async def freeze(tx: Tx, freezer: Freezer, text: str, title: str, actor: Actor) -> Report:
    """Every breakdown of a month and its people, kept for ever. Raises auth.no_region."""
    freezer.county_actor(actor)
    month = month_of(text, ("",))
    await store.gather(tx, month)
    answer = pb.CoverageReport(month=text, coverage=[await compute(tx, text, month, by) for by in BY])
    report = await freezer.keep(
        tx, KIND, answer, title=title, days=(month.first, month.last), by="", hashed="", user=actor.user
    )
    await store.keep_people(tx, report.report_id)
    return report


def content_of(report: Report) -> list[pb.CoverageMonth]:
    """The answers of a frozen month."""
    return list(pb.CoverageReport.FromString(bytes.fromhex(report.content)).coverage)


def _line(line: Line) -> pb.CoverageLine:
    return pb.CoverageLine(
        key=line.key,
        to_see=line.to_see,
        seen=line.seen,
        not_seen=line.not_seen,
        rate=line.rate,
        kept_own=line.kept_own,
        rate_own=line.rate_own,
        visits=line.visits,
        visits_met=line.met,
        tallies=[pb.VisitTally(channel=one.channel, result=one.result, visits=one.visits) for one in line.tallies],
        found=line.found,
        made_up=line.made_up,
        cleared=line.cleared,
        withdrawn=line.withdrawn,
        ended=line.ended,
        still_open=line.still_open,
    )


class CoverageExporter:
    """Gives files of the kind `visits_coverage`: a month by village, township, worker, grade and channel, one after another.

    The subject of the request is the month, like `2026-11`.
    """

    kind: Final = "visits_coverage"
    columns: Final = COVERAGE_COLUMNS

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rows(
        self, request: table_pb2.ExportRowsRequest, actor: Actor
    ) -> AsyncIterator[Sequence[Mapping[str, object]]]:
        """The whole first; the rows of each breakdown add up to it."""
        text = request.subject
        month = month_of(text, actor.regions)
        async with self._database.begin() as tx:
            await store.gather(tx, month)
            for by in ("", *BY):
                yield [_row(text, by, line) for line in await store.lines_of(tx, month, by)]


def _row(month: str, by: str, line: Line) -> dict[str, object]:
    shown = _line(line)
    counts = {
        key: f"{getattr(shown, key) // 100}.{getattr(shown, key) % 100:02d}%"
        if key.startswith("rate")
        else getattr(shown, key)
        for key, _ in _COUNTS
    }
    return {"month": month, "by": BY_ZH[by], "key": line.key, **counts}
